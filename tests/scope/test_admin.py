"""`SCOPE` "all" covers the admin, whose querysets no application code evaluates."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import path

from autoprefetch import override, report, suggestions
from tests.equivalence.comparing import plain_cold_warm
from tests.library.models import Book, Copy, Loan, Reader, Street
from tests.scope.sites import get_all, page
from tests.sites import MIDDLEWARE, TEMPLATES

pytestmark = [pytest.mark.usefixtures("library"), pytest.mark.urls(__name__)]

site = admin.AdminSite(name="admin")


class CopyInline(admin.TabularInline):
    model = Copy
    extra = 0


class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "__str__", "city", "number_of_copies"]
    list_filter = ["publisher"]
    search_fields = ["title"]
    inlines = [CopyInline]

    def city(self, book):
        return book.publisher_city

    def number_of_copies(self, book):
        return book.copies.count()


class LoanAdmin(admin.ModelAdmin):
    list_display = ["__str__", "due"]


site.register(Book, BookAdmin)
site.register([Reader, Street, Copy])
site.register(Loan, LoanAdmin)
urlpatterns = [path("admin/", site.urls)]

SETTINGS = {
    "MIDDLEWARE": MIDDLEWARE,
    "TEMPLATES": TEMPLATES,
    "STATIC_URL": "static/",
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}


@pytest.fixture
def client(database):
    """A client whose superuser is logged in."""
    with override_settings(**SETTINGS):
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        yield client


def test_a_change_list_follows_str_methods_in_batches_and_then_in_joins(client):
    """`Book.__str__` asks for the author, a column for the publisher's city, another one for the number of copies."""
    plain, cold, warm = get_all(client, "/admin/library/book/")
    assert plain.queries > 50
    assert cold.queries < plain.queries / 3, cold.log
    assert warm.queries < cold.queries, warm.log
    assert warm.joins("library_author")
    assert "Book 15 by Dag" in warm.value[1]


@pytest.mark.parametrize(
    "url", ["street/", "loan/", "copy/", "reader/", "book/?q=Book&o=-1", "book/?publisher__id__exact=1"]
)
def test_each_change_list_is_the_same_page(client, url):
    """Searched, filtered, ordered, with chains behind `__str__` and a base manager that hides rows."""
    plain, cold, warm = get_all(client, f"/admin/library/{url}")
    assert warm.queries <= cold.queries <= plain.queries


def test_a_change_form_with_inlines_is_the_same_page(client):
    """The choices of each inline row come from querysets of their own."""
    book = Book.objects.get(title="Book 03")
    plain, cold, warm = get_all(client, f"/admin/library/book/{book.pk}/change/")
    assert warm.queries <= cold.queries < plain.queries


def test_deleting_shows_and_deletes_what_plain_django_does(client):
    """The confirmation names every row that would go, and the answer to it deletes them."""
    book = Book.objects.get(title="Book 03")
    url = f"/admin/library/book/{book.pk}/delete/"
    plain, cold, warm = get_all(client, url)
    assert warm.queries <= cold.queries <= plain.queries

    def confirm():
        response = client.post(url, {"post": "yes"})
        return response.status_code, sorted(map(str, Copy.objects.all())), Book.objects.count()

    plain_cold_warm(confirm, SCOPE="all")


def test_a_change_is_saved_as_by_plain_django(client):
    """A form is posted, its foreign keys and many-to-many relations are stored."""
    reader = Reader.objects.get(name="Ines")
    wishes = list(Book.objects.values_list("pk", flat=True)[4:6])

    def save():
        data = {"id": reader.pk, "name": "Inès", "branch": reader.branch_id, "wishes": wishes}
        response = client.post(f"/admin/library/reader/{reader.pk}/change/", data)
        stored = Reader.objects.get(pk=reader.pk)
        return response.status_code, stored.name, sorted(book.title for book in stored.wishes.all())

    plain, _cold, _warm = plain_cold_warm(save, SCOPE="all")
    assert plain.value == (302, "Inès", ["Book 04", "Book 05"])


def test_the_call_site_is_the_nearest_frame_of_the_admin_and_the_route(client):
    """No application frame is on the stack; two change lists are two call sites."""
    with override(SCOPE="all"):
        for url in ("book", "loan"):
            page(client, f"/admin/library/{url}/")()
        sites = {each.model: each for each in report().call_sites if each.model in ("library.Book", "library.Loan")}
    assert "django/contrib/admin/" in sites["library.Book"].call_site
    assert "GET admin/library/book/" in sites["library.Book"].key
    assert "GET admin/library/loan/" in sites["library.Loan"].key


def test_the_advice_says_that_the_code_is_to_be_appended(client):
    """There is no `auto()` to replace: the methods come alone, with a note."""
    get_all(client, "/admin/library/loan/")
    [advice] = [each for each in suggestions() if each.model == "library.Loan"]
    assert advice.replaces == ""
    assert advice.code.startswith(".select_related(")
    assert any("where the queryset is built" in note for note in advice.notes)
