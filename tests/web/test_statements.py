"""Statements: what is alike but for its values is one group, and values are never shown."""

from __future__ import annotations

import pytest

from autoprefetch.web.statements import LONGEST, SHOWN, Similar, normalised, shortened, similar


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE b = 'secret'", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = 'it''s secret' AND c = 4.5e3", "SELECT a FROM t WHERE b = ? AND c = ?"),
        ("SELECT a\n  FROM t\tWHERE b = %s", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b IN (%s, %s, %s)", "SELECT a FROM t WHERE b IN (?)"),
        ("SELECT a FROM t WHERE b IN (1,2)", "SELECT a FROM t WHERE b IN (?)"),
        ('SELECT "t"."a" FROM "t" WHERE "t"."b" = ?', 'SELECT "t"."a" FROM "t" WHERE "t"."b" = ?'),
        ("SELECT `t`.`a` FROM `t`", "SELECT `t`.`a` FROM `t`"),
        ("SELECT a /* secret */ FROM t -- secret", "SELECT a FROM t"),
        ("SELECT $$secret$$, $tag$secret$tag$", "SELECT ?, ?"),
        ("SELECT x'5345', 0x5345, TRUE FROM t", None),
        ("SELECT E'sec\\'ret' FROM t", None),
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)", "INSERT INTO t (a, b) VALUES (?), (?)"),
        ("", ""),
    ],
)
def test_values_are_question_marks(sql: str, expected: str | None) -> None:
    """Whatever they are written as; where sqlparse reads them strangely, nothing of them is left all the same."""
    found = normalised(sql)
    assert "secret" not in found
    assert "5345" not in found
    assert expected is None or found == expected


def test_a_long_statement_is_not_read() -> None:
    """It would take longer than the request."""
    assert normalised("SELECT '" + "x" * LONGEST) == "a statement of 10,008 characters"


def test_what_is_shown_is_short() -> None:
    """Without a long list of columns, and with an end."""
    columns = ", ".join(f'"t"."column_{number}"' for number in range(20))
    assert shortened(f'SELECT {columns} FROM "t" WHERE "t"."id" = ?') == 'SELECT ... FROM "t" WHERE "t"."id" = ?'
    assert shortened("SELECT a FROM t") == "SELECT a FROM t"
    assert len(shortened("SELECT a FROM t WHERE " + "b = ? AND " * 50)) == SHOWN


def test_similar_statements_are_added_up() -> None:
    """Those that ran once are no repetition."""
    found = similar(
        [
            Similar("SELECT a FROM t WHERE b = 1", 1, 0.1),
            Similar("SELECT a FROM t WHERE b = 2", 3, 0.2, "here"),
            Similar("SELECT a FROM u", 2, 1.0),
            Similar("SELECT a FROM v", 1, 9.0),
        ]
    )
    assert [(one.sql, one.queries, round(one.seconds, 3), one.place) for one in found] == [
        ("SELECT a FROM t WHERE b = ?", 4, 0.3, "here"),
        ("SELECT a FROM u", 2, 1.0, ""),
    ]
