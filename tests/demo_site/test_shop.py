"""The shop: each page answers the same in all forms, with as many queries as docs/how-to/try-the-demo.md says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from demo_site.options import argument_parser
from tests.demo_site.sites import ROOT, demo, measured

pytest.importorskip("rest_framework", reason="the demo site needs Django REST framework (the extra `demo`)")

#: Plain is one query for the rows, and one for each of what a row reads.
QUERIES = {
    "catalogue": {"plain": 253, "auto_cold": 8, "auto_warm": 2, "hand_written": 2},
    "orders": {"plain": 211, "auto_cold": 6, "auto_warm": 2, "hand_written": 2},
    "reviews": {"plain": 286, "auto_cold": 7, "auto_warm": 6, "hand_written": 3},
    "categories": {"plain": 34, "auto_cold": 4, "auto_warm": 3, "hand_written": 3},
    "tags": {"plain": 225, "auto_cold": 4, "auto_warm": 2, "hand_written": 2},
    "notes": {"plain": 51, "auto_cold": 6, "auto_warm": 4, "hand_written": 4},
    "stock": {"plain": 109, "auto_cold": 4, "auto_warm": 2, "hand_written": 2},
}


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    return measured("--shop", "--accounts", "1", "--transactions", "0")["pages"]


@pytest.mark.parametrize("page", QUERIES)
class TestPages:
    def test_each_form_runs_the_queries_that_it_should(self, shop: dict[str, Any], page: str) -> None:
        """What was hundreds of queries is as few as by hand when warm, but for what has to stay one query each."""
        assert {form: figures["queries"] for form, figures in shop[page]["endpoints"].items()} == QUERIES[page]

    def test_all_forms_answer_the_same(self, shop: dict[str, Any], page: str) -> None:
        """The bodies are equal."""
        assert shop[page]["equal"] is True

    def test_the_suggestion_is_about_the_view_with_auto(self, shop: dict[str, Any], page: str) -> None:
        """There is one suggestion a page, and it has the view's queryset in it, without auto()."""
        (suggestion,) = shop[page]["suggestions"]
        assert f"Auto{page.capitalize()}View" in suggestion["call_site"]
        assert "auto(" not in suggestion["code"]
        assert ".objects.all()" in suggestion["code"]


def test_the_shop_is_filled_once_and_printed_as_one_table(tmp_path: Any) -> None:
    """People see a line for each page; a filled shop is used again; the bank's own story is not told."""
    url = f"sqlite:///{tmp_path / 'demo.sqlite3'}"
    arguments = ["--shop", "--latency", "0", "--accounts", "1", "--transactions", "0"]
    first, second = demo(*arguments, DATABASE_URL=url), demo(*arguments, DATABASE_URL=url)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "Filled the shop." in first.stderr
    assert "Filled" not in second.stderr
    assert "\r" not in first.stderr
    headings, rule, *rows = first.stdout.splitlines()[: 2 + len(QUERIES)]
    assert headings.split() == ["page", *(cell for form in QUERIES["orders"] for cell in (form, "time"))]
    assert [row.split()[0] for row in rows] == list(QUERIES)
    assert {len(line) for line in (headings, rule, *rows)} == {len(headings)}
    assert "AutoCatalogueView.products" in first.stdout


class TestHowTo:
    TEXT = (ROOT / "docs" / "how-to" / "try-the-demo.md").read_text()

    def test_the_table_of_pages_has_these_queries(self) -> None:
        """What is documented is what runs."""
        rows = re.findall(r"^\| (\w+) \|.*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", self.TEXT, re.MULTILINE)
        assert {name: list(map(int, queries)) for name, *queries in rows} == {
            name: list(queries.values()) for name, queries in QUERIES.items()
        }

    def test_each_option_is_described(self) -> None:
        """The page and the parser have the same options."""
        options = set(re.findall(r"--[a-z]+", argument_parser().format_help())) - {"--help"}
        assert options == set(re.findall(r"`(--[a-z]+)", self.TEXT))
