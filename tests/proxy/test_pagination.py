"""Django's paginators."""

import pytest
from django.core.paginator import Paginator, UnorderedObjectListWarning

from tests.library.models import Book, Branch
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_page_has_the_same_rows_and_joins_them(number):
    """A page takes the count and one query for its rows."""

    def view(wrap):
        page = Paginator(wrap(Book.objects.all()), 5).page(number)
        return str(page), page.has_next(), page.start_index(), page.object_list.__class__, [str(book) for book in page]

    assert_same(view, warm=2)


def test_all_pages_in_a_loop():
    """Each page takes one query, whichever it is; the second page already knows what the first one showed."""

    def view(wrap):
        paginator = Paginator(wrap(Book.objects.all()), 5, orphans=1)
        return paginator.num_pages, list(paginator.page_range), [[str(book) for book in page] for page in paginator]

    assert_same(view, cold=1 + (1 + 1) + 1 + 1, warm=1 + 3)


@pytest.mark.parametrize("number", ["last", "2", 99, 0, "x", None])
def test_get_page_forgives_as_django_does(number):
    """`get_page` gives the nearest page, `page` raises Django's errors."""

    def view(wrap):
        paginator = Paginator(wrap(Book.objects.all()), 5)
        page = paginator.get_page(number)
        return page.number, [book.title for book in page], len(page), page[0].title

    assert_same(view)
    assert_same(lambda wrap: Paginator(wrap(Book.objects.all()), 5).page(number).number, may_raise=True)


@pytest.mark.parametrize("source", [lambda: Book.objects.none(), lambda: Book.objects.filter(pages__lt=0)])
@pytest.mark.parametrize("allow_empty", [True, False])
def test_an_empty_paginator(source, allow_empty):
    """Nothing is one empty page, or an error."""
    assert_same(
        lambda wrap: list(Paginator(wrap(source()), 5, allow_empty_first_page=allow_empty).page(1)), may_raise=True
    )


def test_a_page_of_an_unordered_queryset_warns_as_in_django():
    """The warning names the model and the class of the queryset, and nothing is joined."""

    def view(wrap):
        with pytest.warns(UnorderedObjectListWarning) as warned:
            page = Paginator(wrap(Branch.objects.all()), 3).page(1)
        return [str(warning.message) for warning in warned], sorted(str(branch.street.name) for branch in page)

    assert_same_or_less(view)
