"""A reading room: code of an application whose call sites the tests of the dashboard look at."""

from __future__ import annotations

from autoprefetch import auto
from tests.library.models import Author, Book


class CatalogueView:
    """A list of books with everything that one shows of them."""

    def get(self) -> list[str]:
        return [self.row(book) for book in auto(Book.objects.order_by("title", "pk"))]

    def row(self, book: Book) -> str:
        tags = ", ".join(tag.name for tag in book.tags.all())
        first = [contribution.role for contribution in book.contributions.order_by("position", "pk")[:2]]
        archive = book.author.archive.shelfmark if book.author.archive else ""
        return f"{book.title} by {book.author} ({archive}), {book.publisher}: {tags} {first}"


class AuthorsView:
    """Authors, of whom some have a mentor."""

    def __init__(self) -> None:
        self.is_short = False

    def get(self) -> list[str]:
        authors = auto(Author.objects.all())
        return [author.name if self.is_short else f"{author} {author.mentor}" for author in authors]
