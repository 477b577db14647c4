"""`SCOPE` "all" in views of which no line is the application's: the place is the tag of the template."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings
from django.urls import path
from django.views.generic import DetailView, ListView
from django.views.generic.dates import ArchiveIndexView

from autoprefetch import override, report, suggestions
from tests.library.models import Book, Branch
from tests.scope.sites import get_all, page

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__)]

TEMPLATES = {
    "library/book_list.html": "\n{% for book in book_list %}{{ book }} {{ book.publisher.name }}\n{% endfor %}",
    "library/book_detail.html": "{{ book }} {{ object.publisher.city.name }}",
    "library/book_archive.html": "{% for book in latest %}{{ book }}\n{% endfor %}{{ date_list|length }}",
    "library/two_lists.html": (
        "{% for book in new %}{{ book.author.name }}\n{% endfor %}"
        "{% for book in old %}{{ book.publisher.name }}\n{% endfor %}"
    ),
    "library/branch_list.html": "{% include 'library/branches.html' %}",
    "library/branches.html": "{% for branch in branch_list %}{{ branch.street.city.country.name }}\n{% endfor %}",
}


@pytest.fixture(autouse=True)
def _templates():
    loaders = {"loaders": [("django.template.loaders.locmem.Loader", TEMPLATES)]}
    backend = "django.template.backends.django.DjangoTemplates"
    with override_settings(TEMPLATES=[{"BACKEND": backend, "OPTIONS": loaders}]):
        yield


class TwoLists(ListView):
    model = Book
    template_name = "library/two_lists.html"

    def get_context_data(self, **kwargs):
        books = Book.objects.order_by("pk")
        return super().get_context_data(new=books.filter(pages__gt=250), old=books.filter(pages__lte=250), **kwargs)


urlpatterns = [
    path("books/", ListView.as_view(model=Book)),
    path("pages/", ListView.as_view(model=Book, paginate_by=5)),
    path("books/<int:pk>/", DetailView.as_view(model=Book)),
    path("archive/", ArchiveIndexView.as_view(model=Book, date_field="published", allow_future=True)),
    path("branches/", ListView.as_view(queryset=Branch.objects.order_by("pk"))),
    path("two/", TwoLists.as_view()),
]


def test_a_list_view_is_served_in_batches_and_then_in_joins(database):
    """Author and publisher of each row."""
    plain, cold, warm = get_all(Client(), "/books/")
    assert (plain.queries, cold.queries, warm.queries) == (29, 3, 1), cold.log


@pytest.mark.parametrize("url", ["pages/?page=2", "archive/", "branches/", "two/"])
def test_other_generic_views_are_the_same_pages(database, url):
    """Paginated, by date, through an included template, with two lists."""
    plain, cold, warm = get_all(Client(), f"/{url}")
    assert warm.queries <= cold.queries < plain.queries


def test_a_detail_view_joins_what_its_template_used(database):
    """A chain behind one row."""
    pk = Book.objects.get(title="Book 01").pk
    plain, cold, warm = get_all(Client(), f"/books/{pk}/")
    assert (plain.queries, cold.queries, warm.queries) == (4, 4, 1)


def test_the_call_site_is_the_tag_of_the_template_and_the_route(database):
    """The innermost one, also in an included template; the line is for people and not in the key."""
    with override(SCOPE="all"):
        page(Client(), "/books/")()
        page(Client(), "/branches/")()
        sites = {site.model: site for site in report().call_sites}
    assert sites["library.Book"].call_site == "{% for book in book_list %} (library/book_list.html:2)"
    assert "GET books/" in sites["library.Book"].key
    assert ":2" not in sites["library.Book"].key
    assert "library/branches.html" in sites["library.Branch"].call_site


def test_two_lists_of_one_template_are_two_call_sites(database):
    """Each loads what its own loop uses: authors here, publishers there."""
    get_all(Client(), "/two/")
    plans = [
        {"__".join(branch.path) for branch in site.plan.walk() if branch.method.name != "LAZY"}
        for site in report().call_sites
        if "two_lists" in site.call_site
    ]
    assert sorted(map(sorted, plans)) == [["author"], ["publisher"]]


def test_the_advice_names_the_template(database):
    """The place where it is evaluated, and the code to append."""
    get_all(Client(), "/branches/")
    [advice] = suggestions()
    assert advice.call_site == "{% for branch in branch_list %} (library/branches.html:1)"
    assert advice.code == '.select_related("street__city__country")'
    assert "Add to your query:" in str(advice)
