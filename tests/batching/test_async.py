"""Async code: what plain Django refuses is refused, nothing is quarantined, and the async forms batch."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import SynchronousOnlyOperation

import autoprefetch
from autoprefetch import auto
from tests.databases import QueryLog, count_queries
from tests.equivalence.comparing import plan_of
from tests.library.models import Author

pytestmark = pytest.mark.usefixtures("library")

REFUSED: dict[str, Any] = {
    "to one": lambda a: a.mentor,
    "reverse one-to-one": lambda a: a.profile,
    "set": lambda a: list(a.books.all()),
    "slice": lambda a: list(a.books.order_by("pk")[:1]),
    "count": lambda a: a.books.count(),
    "exists": lambda a: a.books.exists(),
    "values": lambda a: list(a.books.values("pk")),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_lazy_access_is_refused_as_in_django(kind: str, database: str) -> None:
    """Again and again, with Django's own error, and the call site keeps its place."""
    authors = [author async for author in auto(Author.objects.filter(mentor__isnull=False))]
    for author in authors:
        with pytest.raises(SynchronousOnlyOperation):
            REFUSED[kind](author)
    plan_of()  # no quarantine


def run(main: Any) -> tuple[Any, QueryLog]:
    """Run async code on this thread, where its queries are counted."""
    with count_queries() as log:
        return async_to_sync(main)(), log


def test_the_call_site_batches_after_a_refusal(database: str) -> None:
    async def main() -> list[int]:
        authors = [author async for author in auto(Author.objects.all())]
        with pytest.raises(SynchronousOnlyOperation):
            authors[0].books.count()
        return [await author.books.acount() for author in authors]

    counts, log = run(main)
    assert counts == [3, 3, 3, 3, 2, 2, 0, 0]
    assert len(log) == 2, log


def test_async_forms_batch(database: str) -> None:
    """One query for each shape."""

    async def main() -> list[Any]:
        return [
            (
                await author.books.acount(),
                await author.books.order_by("pk").afirst(),
                [book.pk async for book in author.books.order_by("-pk")[:2]],
                await author.books.filter(pages__gt=200).aexists(),
            )
            async for author in auto(Author.objects.all())
        ]

    for _ in range(2):
        found, log = run(main)
        assert len(log) == 5, log
        assert [counted for counted, *_ in found] == [3, 3, 3, 3, 2, 2, 0, 0]


async def test_a_write_in_async_code_is_read(database: str) -> None:
    for mode in ("off", "auto", "auto"):
        with autoprefetch.override(MODE=mode):
            authors = [author async for author in auto(Author.objects.all())]
            first = await authors[0].books.acount()
            await authors[1].books.filter(pages__gt=-1).aupdate(pages=7)
            await authors[2].books.acreate(title="new", pages=1, published="2020-01-01")
            second = [await author.books.acount() for author in authors]
            assert first == 3
            assert second[2] == 4
            await authors[2].books.filter(title="new").adelete()
