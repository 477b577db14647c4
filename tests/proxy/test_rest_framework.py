"""Django REST framework: generic views, viewsets, serializers, pagination, filters."""

import json

import pytest

pytest.importorskip("rest_framework")

from django.test import Client
from django.urls import include, path
from rest_framework import filters, generics, pagination, routers, serializers, viewsets

import autoprefetch
from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Author, Book, Tag
from tests.proxy.comparing import assert_same, plainly
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__), sqlite_only]


class AuthorSerializer(serializers.ModelSerializer):
    class Meta:
        model = Author
        fields = ["name", "mentor"]


class BookSerializer(serializers.ModelSerializer):
    author = AuthorSerializer(read_only=True)
    publisher = serializers.StringRelatedField()
    city = serializers.CharField(source="publisher_city", default=None, read_only=True)
    tags = serializers.SlugRelatedField(slug_field="name", many=True, queryset=auto(Tag.objects.order_by("name")))
    writer = serializers.PrimaryKeyRelatedField(source="author", queryset=auto(Author), write_only=True)

    class Meta:
        model = Book
        fields = ["pk", "title", "pages", "published", "author", "publisher", "city", "tags", "writer"]


class Pages(pagination.PageNumberPagination):
    page_size = 5


class Windows(pagination.LimitOffsetPagination):
    default_limit = 5


class Cursors(pagination.CursorPagination):
    page_size = 5
    ordering = "pk"


def views_of(wrap):
    """Make the same views of a plain and of an automatic queryset."""

    class List(generics.ListAPIView):
        queryset = wrap(Book.objects.all())
        serializer_class = BookSerializer
        filter_backends = [filters.SearchFilter, filters.OrderingFilter]
        search_fields = ["title", "tags__name"]

    class Retrieve(generics.RetrieveUpdateDestroyAPIView):
        queryset = wrap(Book.objects.all())
        serializer_class = BookSerializer

    class Books(viewsets.ModelViewSet):
        serializer_class = BookSerializer

        def get_queryset(self):
            return wrap(Book.objects.all())

    router = routers.SimpleRouter()
    router.register("books", Books, basename="books")
    return [
        path("list/", List.as_view()),
        path("pages/", List.as_view(pagination_class=Pages)),
        path("windows/", List.as_view(pagination_class=Windows)),
        path("cursors/", List.as_view(pagination_class=Cursors)),
        path("one/<int:pk>/", Retrieve.as_view()),
        path("", include(router.urls)),
    ]


urlpatterns = [path("plain/", include(views_of(plainly))), path("auto/", include(views_of(auto)))]


def request(url, method="get", data=None):
    with count_queries() as log:
        response = getattr(Client(), method)(url, data, content_type="application/json", HTTP_ACCEPT="application/json")
    body = response.content.decode().replace("/auto/", "/plain/")
    return response.status_code, json.loads(body) if body else None, len(log)


@pytest.mark.parametrize(
    ("url", "cold", "warm"),
    [
        ("list/", 5, 2),
        ("list/?search=Book+1", 5, 2),
        ("list/?search=rare", 5, 2),
        ("list/?ordering=-title", 5, 4),
        ("list/?search=nothing", None, None),
        ("pages/?page=2", 6, 3),
        ("pages/?page=99", None, None),
        ("windows/?offset=3", 6, 3),
        ("cursors/", 5, 2),
        ("books/", 5, 2),
    ],
)
def test_a_list_is_the_same_json(url, cold, warm):
    """The body and the status are the same, and warm it takes the queries of an expert's queryset."""
    status, body, queries = request(f"/plain/{url}")
    for expected in [cold or queries, warm or queries, warm or queries]:
        assert expected <= queries
        assert request(f"/auto/{url}") == (status, body, expected)


@pytest.mark.parametrize("url", ["one", "books"])
def test_one_object_is_the_same_json(url):
    """A single object joins its relations; its one set of tags has nothing to save."""
    pk = Book.objects.get(title="Book 06").pk
    status, body, queries = request(f"/plain/{url}/{pk}/")
    assert (status, body["author"]["name"], queries) == (200, "Ada", 5)
    for expected in [5, 2, 2]:
        assert request(f"/auto/{url}/{pk}/") == (status, body, expected)


def test_a_missing_object_is_the_same_404():
    """The error's body is Django REST framework's."""
    status, body, queries = request("/plain/books/0/")
    assert status == 404
    assert [request("/auto/books/0/") for _ in range(3)] == [(status, body, queries)] * 3


def test_list_and_retrieve_are_two_call_sites():
    """A viewset's actions share the line of the queryset, and learn apart."""
    pk = Book.objects.first().pk
    for _ in range(2):
        request("/auto/books/")
        request(f"/auto/books/{pk}/")
    of_books = [site for site in autoprefetch.report().call_sites if "Books" in str(site)]
    assert len(of_books) == 2


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_writes_answer_the_same(method):
    """Create, update and destroy go through the automatic queryset, cold and warm."""
    pk = Book.objects.get(title="Book 06").pk
    author = Author.objects.get(name="Bo").pk
    data = {"title": "New", "pages": 9, "published": "2020-02-02", "tags": ["old", "rare"], "writer": author}
    url = "books/" if method == "post" else f"books/{pk}/"
    request(f"/auto/{url}")
    answers = []
    for prefix in ("/plain/", "/auto/"):
        Book.objects.filter(title="New").update(title="Book 06")
        status, body, _ = request(f"{prefix}{url}", method, json.dumps(data))
        answers.append((status if method != "delete" else 204, body and {**body, "pk": None}))
    if method == "delete":
        assert not Book.objects.filter(pk=pk).exists()
    else:
        assert answers[0] == answers[1]


def test_invalid_input_gets_the_same_errors():
    """A related field with an automatic queryset refuses what is not in it."""
    data = {"title": "New", "pages": 9, "published": "2020-02-02", "tags": ["no such tag"], "writer": 0}
    answers = [request(f"{prefix}books/", "post", json.dumps(data))[:2] for prefix in ("/plain/", "/auto/")]
    assert answers[0] == answers[1]
    assert answers[0][0] == 400
    assert set(answers[0][1]) == {"tags", "writer"}


def test_a_serializer_without_a_view():
    """`many=True` takes the automatic queryset as its data."""
    assert_same(lambda wrap: json.dumps(BookSerializer(wrap(Book.objects.all()), many=True).data), warm=2)


def test_a_serializer_of_one_instance():
    """An instance of an automatic queryset serializes as ever."""
    assert_same(lambda wrap: json.dumps(AuthorSerializer(wrap(Author.objects.all())[1]).data))


def test_the_queryset_of_a_view_class_may_not_be_evaluated():
    """Django REST framework guards it, and the guard stays in place."""

    def view(wrap):
        class Guarded(generics.ListAPIView):
            queryset = wrap(Book.objects.all())

        Guarded.as_view()
        return list(Guarded.queryset)

    plain = assert_same(view, may_raise=True)
    assert plain.answer[0] is RuntimeError
