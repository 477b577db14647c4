"""`SCOPE` "all" covers Django REST framework: `list` and `retrieve` of one viewset are two call sites."""

from __future__ import annotations

import pytest

pytest.importorskip("rest_framework")

from django.test import Client
from django.urls import include, path
from rest_framework import routers, serializers, viewsets

from autoprefetch import report
from tests.library.models import Author, Book, Copy
from tests.scope.sites import get_all

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__)]


class CopySerializer(serializers.ModelSerializer):
    class Meta:
        model = Copy
        fields = ["pk", "supplier"]


class BookSerializer(serializers.ModelSerializer):
    author = serializers.StringRelatedField()
    publisher = serializers.StringRelatedField()
    tags = serializers.StringRelatedField(many=True)
    copies = CopySerializer(many=True)

    class Meta:
        model = Book
        fields = ["pk", "title", "author", "publisher", "tags", "copies"]

    def to_representation(self, instance):
        """Sort the sets: their models have no ordering, so each query may give another one."""
        shown = super().to_representation(instance)
        return {**shown, "tags": sorted(shown["tags"]), "copies": sorted(shown["copies"], key=lambda copy: copy["pk"])}


class AuthorSerializer(serializers.ModelSerializer):
    mentor = serializers.StringRelatedField()

    class Meta:
        model = Author
        fields = ["pk", "name", "mentor", "books"]


class Books(viewsets.ModelViewSet):
    queryset = Book.objects.all()
    serializer_class = BookSerializer
    permission_classes = []
    authentication_classes = []


class Authors(Books):
    queryset = Author.objects.all()
    serializer_class = AuthorSerializer


router = routers.SimpleRouter()
router.register("books", Books)
router.register("authors", Authors)
urlpatterns = [path("", include(router.urls))]


def test_a_list_is_served_in_batches_and_then_in_joins(database):
    """Foreign keys, many-to-many and reverse sets of each row."""
    plain, cold, warm = get_all(Client(), "/books/")
    assert (plain.queries, cold.queries, warm.queries) == (61, 5, 3), warm.log


def test_a_single_object_is_served_with_joins(database):
    """What `retrieve` uses of one row comes along with it."""
    pk = Book.objects.get(title="Book 03").pk
    plain, cold, warm = get_all(Client(), f"/books/{pk}/")
    assert cold.queries == plain.queries == 5
    assert warm.queries == 3, warm.log


def test_list_and_retrieve_are_two_call_sites(database):
    """So each learns what it uses; the route tells them apart, and their frames."""
    pk = Book.objects.get(title="Book 03").pk
    get_all(Client(), "/books/")
    get_all(Client(), f"/books/{pk}/")
    keys = {site.key for site in report().call_sites if site.model == "library.Book"}
    assert len(keys) == 2
    assert all("rest_framework" in key or "django" in key for key in keys)


def test_another_viewset_is_another_call_site(database):
    """Keys of related rows need no rows: `books` are primary keys, asked for in one query."""
    plain, cold, warm = get_all(Client(), "/authors/")
    assert plain.queries == 1 + 8 + 4
    assert cold.queries == 3, cold.log
    assert warm.queries == 2, warm.log
