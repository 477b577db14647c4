"""Removing: what nobody uses of the caller's own query, as the code to take off it; from values alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoprefetch.advise.keys import call_of
from autoprefetch.advise.removing import ELSEWHERE, removals
from autoprefetch.advise.uses import INSPECTED, by_call, others, unneeded
from autoprefetch.learn.encoding import decoded, encoded
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from tests.library.models import Author, Book

UNUSED = Given(INSPECTED, 0, INSPECTED, INSPECTED * 2_000, INSPECTED * 20)
USED = replace(UNUSED, used=1)


def history(given: dict[str, Given], *touched: str) -> History:
    usages = {tuple(path.split("__")): Usage(1, 1, 1) for path in touched}
    return History.of(Profile(100, given=given, usages=usages), 0)


# What is not needed -----------------------------------------------------------------------------------------------

JOIN = "select_related author"
NEEDED = [
    ("too few evaluations were inspected", history({JOIN: replace(UNUSED, evaluations=INSPECTED - 1)}), []),
    ("none was inspected", history({JOIN: Given()}), []),
    ("one evaluation of thousands used it", history({JOIN: Given(9_000, 1)}), []),
    ("it was loaded lazily, too", history({JOIN: UNUSED}, "author"), []),
    ("another call site uses it", history({JOIN: UNUSED}), [history({JOIN: USED})]),
    ("of another call site too little is known", history({JOIN: UNUSED}), [history({JOIN: Given()})]),
    ("another call site loads it lazily", history({JOIN: UNUSED}), [history({}, "author")]),
]


@pytest.mark.parametrize(("known", "alike"), [case[1:] for case in NEEDED], ids=[case[0] for case in NEEDED])
def test_what_may_be_needed_is_not_advised_away(known: History, alike: list[History]) -> None:
    """When in doubt it is used."""
    assert unneeded(known, alike) == {}


def test_what_nobody_used_in_enough_evaluations_is_not_needed() -> None:
    """Where all that evaluate it agree, or do not load it at all."""
    assert unneeded(history({JOIN: UNUSED}, "author__mentor")) == {JOIN: UNUSED}
    assert unneeded(history({JOIN: UNUSED}), [history({JOIN: UNUSED}), history({}, "tags")]) == {JOIN: UNUSED}


def test_call_sites_of_the_same_call_are_asked() -> None:
    """And no others."""
    first = "shop.views:base/auto#0@12345678 < shop.views:page/loop#0 < GET books/ < library.Book"
    second = first.replace("page", "list")
    other = first.replace("auto#0", "auto#1")
    known = {key: History.of(Profile(number), 0) for number, key in enumerate([first, second, other])}
    assert call_of(first) == call_of(second)
    assert others(first, by_call(known)) == (known[second],)


def test_what_is_given_is_kept_as_plain_values() -> None:
    """That it is there too; an older profile has none of it."""
    known = history({JOIN: UNUSED, "prefetch_related tags": Given()})
    assert decoded(encoded(known)) == known
    assert known.merged_with(known).totals.given[JOIN].evaluations == 2 * INSPECTED
    values = encoded(history({}))
    assert "given" not in values["totals"]
    assert decoded(values).totals.given == {}
    assert not known.eras[0].given


# The code -------------------------------------------------------------------------------------------------------------

S, P, A = "select_related ", "prefetch_related ", "annotate "
CODES = [
    (
        "all of a call",
        {S + "author": UNUSED},
        'Book.objects.select_related("author")',
        [('.select_related("author")', "")],
    ),
    (
        "one of two",
        {S + "author": UNUSED, S + "publisher": USED},
        'Book.objects.select_related("author", "publisher").all()',
        [('.select_related("author")', '.select_related("publisher")')],
    ),
    (
        "a chain",
        {S + "author": UNUSED, S + "author__mentor": UNUSED},
        'Book.objects.select_related("author", "author__mentor")',
        [('.select_related("author", "author__mentor")', "")],
    ),
    (
        "the end of a chain",
        {S + "author": USED, S + "author__mentor": UNUSED},
        'Book.objects.select_related("author__mentor")',
        [('.select_related("author__mentor")', '.select_related("author")')],
    ),
    (
        "the end of a chain whose beginning is written, too",
        {S + "author": USED, S + "author__mentor": UNUSED},
        'Book.objects.select_related("author", "author__mentor")',
        [('.select_related("author__mentor")', '.select_related("author")')],
    ),
    (
        "two calls",
        {S + "author": UNUSED, P + "tags": UNUSED, P + "copies": USED},
        'Book.objects.select_related("author").filter(pk=1).prefetch_related("copies", "tags")[:5]',
        [('.select_related("author")', ""), ('.prefetch_related("tags")', '.prefetch_related("copies")')],
    ),
    (
        "a query of its own",
        {P + "tags": UNUSED},
        'Book.objects.prefetch_related(Prefetch("tags", queryset=Tag.objects.filter(name="x")))',
        [('.prefetch_related(Prefetch("tags", queryset=Tag.objects.filter(name="x")))', "")],
    ),
    (
        "an attribute of its own",
        {P + "author__works": UNUSED, P + "author": USED, P + "tags": USED},
        'Book.objects.prefetch_related(models.Prefetch("author__books", to_attr="works"), "tags")',
        [
            (
                '.prefetch_related(models.Prefetch("author__books", to_attr="works"))',
                '.prefetch_related("tags", "author")',
            )
        ],
    ),
    (
        "an annotation",
        {A + "n": UNUSED, A + "m": USED},
        'Book.objects.annotate(n=Count("tags"), m=Value(1))',
        [('.annotate(n=Count("tags"))', ".annotate(m=Value(1))")],
    ),
    ("what is written elsewhere", {S + "author": UNUSED}, "books", [('.select_related("author")', "")]),
    (
        "names that are no literals",
        {P + "tags": UNUSED},
        "Book.objects.prefetch_related(TAGS)",
        [('.prefetch_related("tags")', "")],
    ),
    ("an annotation that is written elsewhere", {A + "n": UNUSED}, "books", []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expression", "expected"), [c[1:] for c in CODES], ids=[c[0] for c in CODES])
def test_the_very_part_is_named_that_nobody_uses(given, expression, expected):
    """And what is left of the call."""
    unused = {text: one for text, one in given.items() if not one.used}
    found = removals(Book, given, unused, expression, is_read_at_once=True)
    assert [(one.code, one.becomes) for one in found] == expected
    for one in found:
        assert one.written in expression
        assert (ELSEWHERE in one.as_text()) is not bool(one.written)


def test_an_annotation_that_a_later_query_may_name_is_left_alone() -> None:
    """Where more than a loop gets the queryset."""
    found = removals(
        Book, {A + "n": UNUSED}, {A + "n": UNUSED}, "Book.objects.annotate(n=Value(1))", is_read_at_once=False
    )
    assert found == ()


def test_a_join_goes_by_its_query_name() -> None:
    """As one writes it."""
    [one] = removals(Author, {S + "profile": UNUSED}, {S + "profile": UNUSED}, "", is_read_at_once=False)
    assert one.lookups == ("profile",)


def test_it_says_how_sure_it_is_and_what_it_saves() -> None:
    """In an average evaluation, as measured."""
    given = {P + "tags": UNUSED, S + "author": replace(UNUSED, queries=0, microseconds=0)}
    join, prefetch = removals(Book, given, given, "", is_read_at_once=False)
    assert prefetch.as_text() == (
        'Remove from your query: .prefetch_related("tags"). None of 6 evaluations that were inspected used it;'
        f" for 20 rows it takes 1 query and 2.0 ms in each, as measured. {ELSEWHERE}"
    )
    assert "the database joins it to 20 rows in each." in join.as_text()
    assert prefetch.as_dict() == {
        "lookups": ["tags"],
        "remove": '.prefetch_related("tags")',
        "written": "",
        "becomes": "",
        "inspected": 6,
        "used": 0.0,
        "saved_queries": 1.0,
        "saved_ms": 2.0,
        "rows": 20,
    }
