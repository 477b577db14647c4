"""`get_object_or_404`, `get_list_or_404` and their async forms."""

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import SynchronousOnlyOperation
from django.http import Http404
from django.shortcuts import aget_list_or_404, aget_object_or_404, get_list_or_404, get_object_or_404

from autoprefetch import auto
from tests.library.models import Book, Branch
from tests.proxy.comparing import assert_same, runs

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("filters", [{"title": "Book 03"}, {"title": "Book 03", "pages__gt": 0}])
def test_an_object_comes_with_its_relations(filters):
    """The object found is the same, and warm it takes one query."""
    assert_same(lambda wrap: str(get_object_or_404(wrap(Book.objects.all()), **filters)), warm=1)


def test_a_list_comes_with_its_relations():
    """The list is the same, and warm it takes one query."""
    assert_same(lambda wrap: [str(book) for book in get_list_or_404(wrap(Book.objects.all()), pages__gt=100)], warm=1)


def test_a_list_without_an_ordering_is_prefetched():
    """Where a join is not permitted the list takes two queries."""
    assert_same(lambda wrap: sorted(b.street.name for b in get_list_or_404(wrap(Branch.objects.all()))), warm=2)


@pytest.mark.parametrize("shortcut", [get_object_or_404, get_list_or_404])
@pytest.mark.parametrize("filters", [{"title": "no such book"}, {"nonsense": 1}, {"pages__gt": 0}])
def test_what_is_missing_is_a_404_with_djangos_words(shortcut, filters):
    """404, `MultipleObjectsReturned` and `FieldError` are those of Django."""

    def view(wrap):
        found = shortcut(wrap(Book.objects.all()), **filters)
        return [book.title for book in found]

    assert_same(view, may_raise=True)


def test_a_404_is_a_404():
    """People catch `Http404`."""
    with pytest.raises(Http404, match=r"^No Book matches the given query\.$"):
        get_object_or_404(auto(Book), title="no such book")


@pytest.mark.parametrize("shortcut", [aget_object_or_404, aget_list_or_404])
@pytest.mark.parametrize("filters", [{"title": "Book 03"}, {"title": "no such book"}, {"nonsense": 1}])
def test_the_async_forms(shortcut, filters):
    """The async shortcuts answer, and raise, the same."""

    async def view(wrap):
        found = await shortcut(wrap(Book.objects.all()), **filters)
        return [book.title for book in (found if isinstance(found, list) else [found])]

    assert_same(lambda wrap: async_to_sync(view)(wrap), may_raise=True)


def test_an_async_view_has_the_relation_from_the_second_time_on():
    """What Django refuses to load in async code is loaded ahead."""

    async def view(wrap):
        return str(await aget_object_or_404(wrap(Book.objects.all()), title="Book 03"))

    cold, *warm = runs(lambda wrap: async_to_sync(view)(wrap))
    assert cold.answer[0] is SynchronousOnlyOperation
    assert [(again.answer, again.queries) for again in warm] == [((str, "Book 03 by Dag"), 1)] * 2
