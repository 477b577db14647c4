"""Django's generic views, through requests: `ListView` and `DetailView`."""

import pytest
from django.core.paginator import UnorderedObjectListWarning
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.generic import DetailView, ListView
from django.views.generic.dates import ArchiveIndexView

import autoprefetch
from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Book, Tag
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__), sqlite_only]

TEMPLATES = {
    "library/book_list.html": "{% for book in book_list %}{{ book }} {{ book.publisher.name }}\n{% endfor %}",
    "library/book_detail.html": "{{ book }} {{ object.publisher.city.name }}",
    "library/book_archive.html": "{% for book in latest %}{{ book }}\n{% endfor %}{{ date_list|length }}",
}
LOCMEM = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", TEMPLATES)]},
    }
]


@pytest.fixture(autouse=True)
def _templates():
    with override_settings(TEMPLATES=LOCMEM):
        yield


class Plain(ListView):
    queryset = Book.objects.all()


class OnTheClass(ListView):
    queryset = auto(Book.objects.all())


class InAMethod(ListView):
    model = Book

    def get_queryset(self):
        return auto(super().get_queryset())


class Paged(ListView):
    queryset = auto(Book.objects.all())
    paginate_by = 5
    ordering = ["-title", "pk"]


class PlainPaged(Paged):
    queryset = Book.objects.all()


class PlainOne(DetailView):
    queryset = Book.objects.all()


class One(DetailView):
    queryset = auto(Book.objects.all())


class Archive(ArchiveIndexView):
    queryset = auto(Book.objects.all())
    date_field = "published"
    allow_future = True


class PlainArchive(Archive):
    queryset = Book.objects.all()


def rename_tags(request):
    Tag.objects.update(name="renamed")
    return HttpResponse("done")


class WithTags(ListView):
    queryset = auto(Book.objects.all())

    def render_to_response(self, context):
        return HttpResponse(str([sorted(tag.name for tag in book.tags.all()) for book in context["book_list"]]))


VIEWS = [Plain, OnTheClass, InAMethod, Paged, PlainPaged, PlainOne, One, Archive, PlainArchive, WithTags]
urlpatterns = [
    *(path(f"{view.__name__}/", view.as_view()) for view in VIEWS),
    *(path(f"{view.__name__}/<int:pk>/", view.as_view()) for view in VIEWS),
    path("rename/", rename_tags),
]


def get(url):
    with count_queries() as log:
        response = Client().get(url)
    return response.status_code, response.content.decode(), len(log)


@pytest.mark.parametrize(
    ("plain", "automatic", "cold", "warm"),
    [
        ("/Plain/", "/OnTheClass/", 3, 1),
        ("/Plain/", "/InAMethod/", 3, 1),
        ("/PlainPaged/?page=2", "/Paged/?page=2", 4, 2),
        ("/PlainPaged/?page=9", "/Paged/?page=9", None, None),
    ],
)
def test_a_list_view_shows_the_same_page(plain, automatic, cold, warm):
    """The page is the same, and from the second request on it takes as many queries as an expert's."""
    status, body, queries = get(plain)
    for expected in [cold or queries, warm or queries, warm or queries]:
        assert get(automatic) == (status, body, expected)


def test_a_detail_view_shows_the_same_page():
    """One row comes with the relations that its template shows."""
    pk = Book.objects.get(title="Book 06").pk
    status, body, queries = get(f"/PlainOne/{pk}/")
    assert (status, queries) == (200, 4)
    for expected in [4, 1, 1]:
        assert get(f"/One/{pk}/") == (status, body, expected)


def test_a_missing_row_is_a_404():
    """The view answers with 404 as ever."""
    status, _, queries = get("/PlainOne/0/")
    assert status == 404
    assert [get("/One/0/")[::2] for _ in range(3)] == [(404, queries)] * 3


def test_an_archive_view_asks_for_dates_and_rows():
    """Views that derive several querysets from one work too."""
    status, body, _ = get("/PlainArchive/")
    *_, warm = [get("/Archive/") for _ in range(3)]
    assert warm[:2] == (status, body)
    assert warm[2] <= 4


def test_two_views_are_two_call_sites():
    """A list view and a detail view learn apart, also when a helper makes the queryset for both."""
    pk = Book.objects.first().pk
    for url in ("/OnTheClass/", f"/One/{pk}/", "/InAMethod/"):
        get(url)
    assert len(autoprefetch.report().call_sites) == 3


def test_the_queryset_of_a_class_is_not_evaluated():
    """A view asks a fresh copy of its queryset each time: what was written meanwhile is seen."""
    first = get("/OnTheClass/")[1]
    Book.objects.update(title="Changed")
    second = get("/OnTheClass/")[1]
    assert "Changed" not in first
    assert "Book 00" not in second


def test_a_write_in_a_later_request_does_not_count_against_an_earlier_one():
    """Requests share nothing: what another view writes does not keep this one from loading ahead."""
    status, _, cold = get("/WithTags/")
    assert (status, cold) == (200, 2)
    get("/rename/")
    assert get("/WithTags/") == (200, get("/WithTags/")[1], 2)
    written = [site.profile.written for site in autoprefetch.report().call_sites]
    assert written == [{}] * len(written)


@pytest.mark.filterwarnings("default", category=UnorderedObjectListWarning)
def test_strict_mode_finds_nothing_left_in_a_warm_view():
    """What two requests taught is enough: the third loads nothing lazily."""
    get("/OnTheClass/")
    with autoprefetch.override(MODE="strict"):
        assert get("/OnTheClass/")[::2] == (200, 1)
