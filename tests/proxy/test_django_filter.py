# ruff: noqa: E402  (what may be missing is skipped before it is imported)
"""django-filter: filter sets, filters with a queryset of their own, the backend for REST framework."""

import pytest

django_filters = pytest.importorskip("django_filters")

from django.http import QueryDict
from django.test import RequestFactory

from autoprefetch import auto
from tests.library.models import Author, Book, Publisher, Tag
from tests.proxy.comparing import assert_same
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), sqlite_only]


class BookFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains")
    pages = django_filters.RangeFilter()
    author = django_filters.ModelChoiceFilter(queryset=auto(Author.objects.all()))
    tags = django_filters.ModelMultipleChoiceFilter(field_name="tags__name", queryset=auto(Tag), to_field_name="name")
    publisher = django_filters.ModelChoiceFilter(queryset=lambda request: auto(Publisher.objects.order_by("pk")))
    o = django_filters.OrderingFilter(fields=["title", "pages", "pk"])

    class Meta:
        model = Book
        fields = ["title", "pages", "author", "tags"]


@pytest.mark.parametrize(
    ("asked", "warm"),
    [
        ("", 1),
        ("title=book+1", 1),
        ("pages_min=200&pages_max=400", 1),
        ("author={ada}", 2),
        ("tags=rare&tags=old", 3),
        ("publisher={first}", 2),
        ("o=-title", 2),
        ("o=-pk", 1),
        ("author=0", 2),
        ("o=nonsense", 1),
    ],
)
def test_a_filter_set_gives_the_same_rows(asked, warm):
    """Whatever is asked for, the rows, the errors and their order are the same."""
    asked = asked.format(ada=Author.objects.get(name="Ada").pk, first=Publisher.objects.first().pk)

    def view(wrap):
        found = BookFilter(QueryDict(asked), queryset=wrap(Book.objects.all()))
        return found.is_valid(), found.errors.as_json(), sorted(str(book) for book in found.qs), found.qs.__class__

    assert_same(view, cold=3 if asked == "author=0" else None, warm=warm)


def test_a_filter_set_makes_its_form():
    """The choices of an automatic queryset are rendered."""

    def view(wrap):
        form = BookFilter({}, queryset=wrap(Book.objects.all()), request=RequestFactory().get("/")).form
        return [form[name].as_widget() for name in ("author", "tags", "publisher", "o")]

    assert_same(view)


def test_the_backend_for_rest_framework():
    """A view with `filterset_class` filters an automatic queryset."""
    generics = pytest.importorskip("rest_framework.generics")
    from django_filters.rest_framework import DjangoFilterBackend
    from rest_framework import serializers
    from rest_framework.test import APIRequestFactory

    class BookSerializer(serializers.ModelSerializer):
        author = serializers.StringRelatedField()

        class Meta:
            model = Book
            fields = ["title", "author"]

    def view(wrap):
        class List(generics.ListAPIView):
            queryset = wrap(Book.objects.all())
            serializer_class = BookSerializer
            filter_backends = [DjangoFilterBackend]
            filterset_class = BookFilter

        return List.as_view()(APIRequestFactory().get("/", {"title": "book 1"})).data

    assert_same(view, warm=1)
