"""Views of the library: what an application does with its querysets, for tests that look at its call sites."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import View

from autoprefetch import auto
from tests.library.models import Author, Book


class CatalogueView(View):
    """A list of books with what one shows of them."""

    def get(self, request: HttpRequest) -> HttpResponse:
        books = auto(Book.objects.order_by("title", "pk"))
        return HttpResponse("\n".join(map(self.row, books)))

    def row(self, book: Book) -> str:
        tags = ", ".join(tag.name for tag in book.tags.all())
        first = [contribution.role for contribution in book.contributions.order_by("position", "pk")[:2]]
        archive = book.author.archive.shelfmark if book.author.archive else ""
        return f"{book.title} by {book.author} ({archive}), {book.publisher}: {tags} {first}"


class AuthorsView(View):
    """Authors with their mentors."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("\n".join(f"{author} {author.mentor}" for author in auto(Author.objects.all())))
