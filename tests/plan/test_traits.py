"""What matters of a queryset for planning is kept as text, and a plan made from the text is the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count, Prefetch

from autoprefetch import auto
from autoprefetch.evaluation import engine
from autoprefetch.learn.encoding import decoded, encoded
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.orm.forms import form_of
from autoprefetch.plan.traits import form_from, forms_from, text_of, told
from tests.library.models import Author, Book

QUERYSETS: dict[str, Any] = {
    "": lambda: Book.objects.order_by("title"),
    "ordered": lambda: Book.objects.order_by("title", "pk"),
    "joins author; joins publisher; joins publisher/city": lambda: Book.objects.order_by("title").select_related(
        "author", "publisher__city"
    ),
    "takes a slice": lambda: Book.objects.order_by("title")[:3],
    "prefetches tags; prefetches tags/books": lambda: Book.objects.order_by("title").prefetch_related(
        Prefetch("tags__books")
    ),
    "ordered; defers pages": lambda: Book.objects.order_by("pk").defer("pages"),
    "takes no join: distinct() would compare the joined columns; "
    "takes no annotation: distinct() would compare the annotation": lambda: Book.objects.order_by("title").distinct(),
    "ordered; takes no join: an aggregation would group by the joined columns; takes no annotation: "
    "the query aggregates what is joined to it, and would what is joined for the annotation; gives n": lambda: (
        Author.objects.order_by("pk").annotate(n=Count("books"))
    ),
}


@pytest.mark.parametrize("text", QUERYSETS)
def test_a_form_is_told_as_text_and_read_again(text: str) -> None:
    """What cannot be told does not matter for a plan: an ordering is total or it is not."""
    form = form_of(QUERYSETS[text]())
    assert text_of(form) == text
    again = form_from(form.model, text)
    assert text_of(again) == text
    assert (again.joined, again.prefetched, again.deferred) == (form.joined, form.prefetched, form.deferred)
    assert again.is_totally_ordered() == form.is_totally_ordered()


def test_only_names_what_is_loaded() -> None:
    """And the rest is deferred."""
    text = text_of(form_of(Book.objects.order_by("title").only("title")))
    assert text.startswith("names columns; defers ")
    assert "defers author_id" in text
    assert form_from(Book, text).names_columns


def test_a_trait_of_a_later_version_says_nothing() -> None:
    """A file may have been written by it."""
    assert form_from(Book, "flies; ordered; swims by night") == form_from(Book, "ordered")


def test_the_same_form_is_told_by_the_same_object() -> None:
    """Thousands of call sites keep one."""
    assert told(form_of(Book.objects.order_by("pk"))) is told(form_of(Book.objects.order_by("pk")))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_profile_knows_how_the_queryset_of_its_call_site_is_written() -> None:
    """In each way that it was, for as long as that counts."""
    books = Book.objects.order_by("pk")
    for queryset in (books, books.select_related("author")) * 2:
        list(auto(queryset.all(), name="books"))
    [(_, history)] = engine.known()
    assert history.profile.forms == {"ordered", "ordered; joins author"}
    assert decoded(encoded(history)) == history
    assert [form.joined for form in forms_from(Book, history.profile.forms)] == [frozenset(), {("author",)}]


def test_no_more_forms_are_kept_than_the_first_few_in_whatever_order_they_come() -> None:
    """A call site may build its queryset in endless ways."""
    one, other, third = (
        History.of(Profile(1, forms=frozenset(f"joins r{number:02}" for number in range(start, start + 12))), 0)
        for start in (0, 8, 20)
    )
    merged = one.merged_with(other).merged_with(third)
    assert merged == third.merged_with(one.merged_with(other)) == other.merged_with(third).merged_with(one)
    assert sorted(merged.profile.forms) == [f"joins r{number:02}" for number in range(16)]
