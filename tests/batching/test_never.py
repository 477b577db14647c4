"""What is never batched: it gives plain Django's results by plain Django's statements."""

from typing import Any

import pytest
from django.db import router, transaction
from django.db.models import Count, F, Prefetch, Q, Window
from django.db.models.expressions import RawSQL
from django.db.models.functions import Random, RowNumber

from autoprefetch import auto
from tests.equivalence.comparing import plan_of, raised, runs
from tests.library.models import Author, Book

pytestmark = pytest.mark.usefixtures("library")


def keys(rows: Any) -> list[Any]:
    return [row.pk for row in rows]


NEVER: dict[str, Any] = {
    "extra where": lambda a: keys(a.books.extra(where=["pages > %s"], params=[200])),
    "extra select": lambda a: [b.twice for b in a.books.extra(select={"twice": "pages * 2"})],
    "extra order": lambda a: keys(a.books.extra(order_by=["-pages", "id"])),
    "extra tables": lambda a: a.books.extra(tables=["library_tag"]).count(),
    "raw annotation": lambda a: [b.more for b in a.books.annotate(more=RawSQL("pages + %s", [1]))],
    "raw filter": lambda a: keys(a.books.filter(pages__gt=RawSQL("100 + %s", [a.pk]))),
    "raw count": lambda a: a.books.annotate(more=RawSQL("pages", [])).filter(more__gt=200).count(),
    "random order": lambda a: sorted(keys(a.books.order_by("?"))),
    "random function": lambda a: sorted(keys(a.books.order_by(Random()))),
    "random backwards": lambda a: sorted(keys(a.books.order_by("-pk").order_by(Random().desc()))),
    "random count": lambda a: a.books.order_by("?").exists(),
    "or at the root": lambda a: keys(a.books.all() | Book.objects.filter(pages=120)),
    "or of two": lambda a: keys(a.books.filter(pages__gt=300) | a.books.filter(pages__lt=200)),
    "and of two": lambda a: keys(a.books.all() & a.contributed_to.all()),
    "xor": lambda a: keys(a.books.all() ^ Book.objects.filter(pages=120)),
    "union": lambda a: sorted(keys(a.books.filter(pages__gt=300).union(a.books.filter(pages__lt=200)))),
    "union all": lambda a: sorted(keys(a.books.all().union(a.contributed_to.all(), all=True))),
    "union ordered and sliced": lambda a: keys(a.books.all().union(a.contributed_to.all()).order_by("id")[:2]),
    "union counted": lambda a: a.books.all().union(a.contributed_to.all()).count(),
    "window": lambda a: [b.n for b in a.books.annotate(n=Window(RowNumber(), order_by=F("pk").asc()))],
    "window filtered": lambda a: keys(
        a.books.annotate(n=Window(RowNumber(), order_by=F("pages").desc())).filter(n__lte=2)
    ),
    "window as order": lambda a: keys(a.books.order_by(Window(RowNumber(), order_by=F("pk").desc()))),
    "count of distinct values": lambda a: a.books.values("pages").distinct().count(),
    "count of a slice": lambda a: a.books.order_by("-pk")[:2].count(),
    "aggregate over a slice": lambda a: a.books.order_by("-pk")[:2].aggregate(n=Count("pk")),
    "aggregate over groups": lambda a: a.books.annotate(n=Count("tags")).aggregate(m=Count("n")),
    "exists of a slice": lambda a: a.books.order_by("-pk")[1:3].exists(),
    "inside another query": lambda a: keys(Book.objects.filter(pk__in=a.books.filter(pages__gt=200))),
    "subquery of a slice": lambda a: keys(Book.objects.filter(pk__in=list(a.books.values_list("pk", flat=True)[:2]))),
    "own prefetch": lambda a: [
        len(b.tags.all())
        for b in a.books.prefetch_related(Prefetch("tags", Book.tags.rel.model.objects.order_by("pk")))
    ],
    "not at the root": lambda a: keys(a.books.filter(~Q(pages=120))),
    "complex filter": lambda a: keys(a.books.complex_filter({"pages__gt": 200})),
    "raw": lambda a: keys(Book.objects.raw("SELECT * FROM library_book WHERE author_id = %s ORDER BY id", [a.pk])),
    "explain": lambda a: bool(a.books.all().explain()),
    "select for update": lambda a: locked(lambda: keys(a.books.select_for_update())),
    "select for update, first": lambda a: locked(lambda: raised(lambda: a.books.select_for_update().first().pk)),
    "update or create": lambda a: a.books.update_or_create(title="x", defaults={"pages": 1, "published": "2020-01-01"})[
        1
    ],
    "get or create": lambda a: a.books.get_or_create(title="x", defaults={"pages": 1, "published": "2020-01-01"})[1],
    "update": lambda a: a.books.update(pages=F("pages") + 1),
    "delete": lambda a: a.books.filter(pages__gt=300).delete()[0] > 0,
}


def locked(action: Any) -> Any:
    with transaction.atomic(using=router.db_for_write(Book)):
        return action()


@pytest.mark.parametrize("kind", NEVER)
def test_what_cannot_be_batched_with_equal_results_gives_plain_results(kind: str, database: str) -> None:
    """Never other values, never more queries than plain Django."""
    plain, cold, warm, again = runs(lambda: [NEVER[kind](author) for author in auto(Author.objects.all())])
    assert (cold.outcome, warm.outcome, again.outcome) == (plain.outcome,) * 3, cold.log
    assert max(cold.queries, warm.queries, again.queries) <= plain.queries, (cold.log, warm.log)
    plan_of()  # no quarantine


ON_THE_LIST = ("extra", "raw", "random order", "random function", "union", "window", "select for")
LAZY = [name for name in NEVER if name.startswith(ON_THE_LIST)]


@pytest.mark.parametrize("kind", LAZY)
def test_what_is_on_the_list_stays_lazy(kind: str, database: str) -> None:
    """Statement by statement what plain Django sends."""
    plain, cold, _, again = runs(lambda: [NEVER[kind](author) for author in auto(Author.objects.all())])
    assert cold.queries == plain.queries, cold.log
    assert [s for s in again.log.statements[1:] if " IN (" in s] == [s for s in plain.log.statements if " IN (" in s]


def test_distinct_on_columns_stays_lazy(database: str) -> None:
    """`DISTINCT ON` keeps one row of all peers' rows, not of each peer's."""
    if database != "postgresql":
        pytest.skip("only PostgreSQL has DISTINCT ON")

    def view() -> Any:
        return [keys(a.books.order_by("pages", "pk").distinct("pages")) for a in auto(Author.objects.all())]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert cold.queries == plain.queries


def test_managers_that_django_did_not_make_are_left_alone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor of the project's own, in the place of an accessor, works as it does."""

    class Own:
        def __get__(self, instance: Any, cls: Any = None) -> Any:
            return Book.objects.filter(author=instance, pages__gt=200) if instance is not None else self

    monkeypatch.setattr(Author, "thick", Own(), raising=False)

    def view() -> Any:
        return [keys(author.thick) for author in auto(Author.objects.all())]

    plain, cold, warm, _ = runs(view)
    assert (cold.outcome, warm.outcome) == (plain.outcome, plain.outcome)
    assert max(cold.queries, warm.queries) <= plain.queries
