"""Comments: what is understood of them, and what is said of those that are not."""

from __future__ import annotations

import pytest

from autoprefetch.observe.comments import NO_COMMENT, comments_in, read, together


@pytest.mark.parametrize(
    ("text", "ignore", "is_whole"),
    [
        ("# autoprefetch: ignore[owner]", ("owner",), False),
        ("# autoprefetch: ignore[owner] it is rare", ("owner",), False),
        ("#autoprefetch:ignore[owner]", ("owner",), False),
        ("#  type: ignore[attr]  # autoprefetch: ignore[owner]", ("owner",), False),
        ("# autoprefetch: ignore[owner]  # noqa: E501", ("owner",), False),
        ("# autoprefetch: ignore[owner, owner__department]", ("owner", "owner__department"), False),
        ("# autoprefetch: ignore[ owner,tags ]", ("owner", "tags"), False),
        ("# autoprefetch: ignore", (), True),
        ("# autoprefetch: ignore it runs at night [see #7]", (), True),
    ],
)
def test_what_a_comment_says(text: str, ignore: tuple[str, ...], is_whole: bool) -> None:
    """Relations in brackets, or all of it; what follows is the reason."""
    comment = read(text, 7)
    assert (comment.ignore, comment.is_whole, comment.faults, comment.line) == (ignore, is_whole, (), 7)
    assert comment.text == text[text.index("# autoprefetch") if "# autoprefetch" in text else 0 :]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("# autoprefetch: ignore(owner)", "is not understood"),
        ("# autoprefetch: ignore [owner]", "is not understood"),
        ("# autoprefetch: ignore   [owner]", "is not understood"),
        ("# autoprefetch: ignore: owner", "is not understood"),
        ("# autoprefetch: ignore = owner", "is not understood"),
        ("# autoprefetch: ignore[owner", "is not understood"),
        ("# autoprefetch: ignore[owner]why", "is not understood"),
        ("# autoprefetch: ignored[owner]", "is not understood"),
        ("# autoprefetch: skip", "is not understood"),
        ("# autoprefetch:", "is not understood"),
        ("# Autoprefetch: ignore[owner]", "is not understood"),
        ("# autoprefetch : ignore[owner]", "is not understood"),
        ("# autoprefetch: IGNORE[owner]", "is not understood"),
        ("# autoprefetch: ignore[]", "names a relation without a name"),
        ("# autoprefetch: ignore[owner,]", "names a relation without a name"),
        ("# autoprefetch: ignore[owner.department]", "Write it as a lookup: ignore[owner__department]."),
        ('# autoprefetch: ignore["owner"]', "Write it as a lookup: ignore[owner]."),
        ("# autoprefetch: ignore[bank.*]", "names 'bank.*', which is no lookup"),
    ],
)
def test_a_comment_that_is_not_understood(text: str, fact: str) -> None:
    """It ignores no more than what can be read of it, and says how it is written."""
    comment = read(text, 1)
    assert not comment.is_whole
    assert set(comment.ignore) <= {"owner"}
    [fault] = comment.faults
    assert fact in fault
    assert "ignore[" in fault


@pytest.mark.parametrize("text", ["# autoprefetch is good", "# ignore[owner]", "# see autoprefetch.com", "#"])
def test_other_comments(text: str) -> None:
    """They are none of ours."""
    assert read(text, 1) is NO_COMMENT


def test_comments_are_found_among_code() -> None:
    """Not in strings; those of several lines add up."""
    lines = (
        "a = '# autoprefetch: ignore'\n",
        "b = f(  # autoprefetch: ignore[owner]\n",
        "    c,  # autoprefetch: ignore[tags, owner]\n",
        ")  # autoprefetch: ignore\n",
    )
    found = comments_in(lines)
    assert [comment.line for comment in found] == [2, 3, 4]
    assert together(found, 1, 1) is NO_COMMENT
    both = together(found, 2, 3)
    assert (both.ignore, both.is_whole, both.line) == (("owner", "tags"), False, 2)
    assert together(found, 2, 4).is_whole


@pytest.mark.parametrize("text", ["f(  # autoprefetch: ignore\n", "if x:\n  a\n b  # autoprefetch: ignore\n", "'''\n"])
def test_a_file_that_is_no_python(text: str) -> None:
    """It has changed since it was imported; nothing is read from it."""
    assert comments_in(tuple(text.splitlines(keepends=True))) == ()
