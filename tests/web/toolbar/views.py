"""Views whose call sites the panel shows, as pages that the toolbar can be put into."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from autoprefetch import auto
from tests.library.models import Author, Book, Category


def page(lines: object) -> HttpResponse:
    return HttpResponse(f'<html><head><link rel="icon" href="data:,"></head><body>{lines}</body></html>')


def titles(request: HttpRequest) -> HttpResponse:
    """Use no relation."""
    return page([book.title for book in auto(Book.objects.order_by("title", "pk"))])


def books(request: HttpRequest) -> HttpResponse:
    """Use a foreign key, a set, and a query for each parent."""
    lines = []
    for book in auto(Book.objects.order_by("title", "pk")):
        lines.append(book.author.name)
        lines += [tag.name for tag in book.tags.all()]
        lines += [entry.role for entry in book.contributions.order_by("position", "pk")[:2]]
    return page(lines)


def maybe(request: HttpRequest) -> HttpResponse:
    """Use a relation, or none of it where that is asked for."""
    found = auto(Book.objects.order_by("title", "pk"))
    return page([book.title if "unused" in request.GET else book.author.name for book in found])


def one(request: HttpRequest) -> HttpResponse:
    """Load a relation of a single row, which no batch can answer."""
    [book] = auto(Book.objects.order_by("title", "pk"))[:1]
    return page(book.author.name)


def given(request: HttpRequest) -> HttpResponse:
    """Use what the code loads itself."""
    return page([book.author.name for book in auto(Book.objects.select_related("author").order_by("title", "pk"))])


def twice(request: HttpRequest) -> HttpResponse:
    """Evaluate one call site twice, and another once."""
    lines = [author.name for author in auto(Author.objects.all())]
    for _ in range(2):
        lines += [book.author.name for book in auto(Book.objects.order_by("title", "pk"))]
    return page(lines)


def secrets(request: HttpRequest) -> HttpResponse:
    """Filter by a value from outside, under a name that a browser must not read as markup."""
    found = auto(Book.objects.filter(title__contains=request.GET["q"]).order_by("pk"), name="<i>& 'so' on</i>")
    return page([book.author.name for book in found])


def plain(request: HttpRequest) -> HttpResponse:
    """Evaluate nothing automatic."""
    return page(Category.objects.count())


def broken(request: HttpRequest) -> HttpResponse:
    """End in an error before the relation is used."""
    found = list(auto(Book.objects.order_by("title", "pk")))
    if "broken" in request.GET:
        del found  # the page that shows the error would use the relation
        raise ValueError
    return page([book.author.name for book in found])


async def asynchronous(request: HttpRequest) -> HttpResponse:
    """Evaluate in async code."""
    return page([book.title async for book in auto(Book.objects.order_by("title", "pk"))])


async def related(request: HttpRequest) -> HttpResponse:
    """Use a relation in async code, which Django refuses until it is loaded ahead."""
    names = []
    async for book in auto(Book.objects.order_by("title", "pk")):
        try:
            names.append(book.author.name)
        except Exception as error:
            names.append(type(error).__name__)
    return page(names)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Use a relation when the toolbar has looked already."""
    return StreamingHttpResponse(f"{book.author.name}\n" for book in auto(Book.objects.order_by("title", "pk")))
