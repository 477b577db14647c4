"""Programs that once differed, as small as they became, each kept as a test of its own."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.worlds import World

COUNTER_EXAMPLES: dict[str, Program] = {}


def kept(name: str, source: str, *, seed: int = 0, size: int = 4, **settings: Any) -> None:
    """Keep a program.

    Args:
        name: what it shows.
        source: its source, as it was printed.
        seed: of its world.
        size: of its world.
        settings: of its automatic runs.
    """
    lines = tuple(line for line in dedent(source).splitlines() if line.strip())
    COUNTER_EXAMPLES[name] = Program(World(seed, size), lines, settings)


kept(
    "a reverse one-to-one that only() does not name",
    """
    for r in auto(Author.objects.only("name"), name="1"):
        out(lambda: r.portrait)
        out(lambda: r.profile)
    """,
)
kept(
    "a reverse one-to-one to an inheriting model that only() does not name",
    """
    rows = auto(Medium.objects, name="1").order_by("-pk").only("title")
    for r in reversed(rows):
        out(lambda: r.record)
    """,
)
kept(
    "a stream of what only() leaves out",
    """
    for r in auto(Author.objects.only("name"), name="1").iterator():
        out(lambda: r.pseudonym.author)
    """,
)
kept(
    "SQL that begins with a comment, between a join and its use",
    """
    for r in auto(Book.objects.order_by("pk"), name="1").iterator(chunk_size=2):
        sql("/* by hand */ UPDATE library_author SET name = %s", "new")
        out(lambda: r.author)
    """,
)
kept(
    "SQL that begins with a comment, between a prefetch and its use",
    """
    for r in auto(Country.objects, name="1"):
        sql("/* by hand */ UPDATE library_continent SET name = %s", "new")
        out(lambda: r.continent)
    """,
)
kept(
    "rows deleted in a later run only",
    """
    for r in auto(Membership.objects, name="1"):
        if late():
            in_task(lambda: Reader.objects.all().delete() and None)
        out(lambda: r.reader)
    """,
)
kept(
    "an update between the rows of a prefetch below a prefetch",
    """
    rows1 = list(auto(Membership.objects, name="1"))
    for r1 in rows1:
        out(lambda: r1.branch.street)
        sql("update library_street set name = %s", "new")
    """,
    size=2,
)
kept(
    "keys that lead nowhere in later runs only",
    """
    if late():
        write(lambda: Copy.objects.update(supplier=404))
    for r in auto(Copy.objects.order_by("pk"), name="1"):
        out(lambda: r.supplier)
        out(lambda: r.shelf)
    """,
)
kept(
    "keys that lead nowhere",
    """
    for r in auto(Copy.objects.order_by("pk"), name="1"):
        out(lambda: r.supplier)
        out(lambda: r.shelf)
    """,
    seed=9,
    size=5,
)
kept(
    "a stream whose rows get other keys before they are used",
    """
    for r in auto(Contribution.objects, name="1").iterator(chunk_size=2):
        r.book_id = 2
        out(lambda: r.book)
    """,
    seed=9,
    size=3,
)
kept(
    "a generic foreign key of one row in many",
    """
    for r in auto(Comment.objects, name="1"):
        if not odd(r):
            out(lambda: r.subject)
    """,
    seed=2,
)
kept(
    "a set that a child task writes to",
    """
    for r in auto(Author.objects.order_by("pk"), name="1"):
        out(lambda: any_order(r.books.filter(pages__gte=0)))
        in_task(lambda: Book.objects.update(title="new"))
    """,
    size=6,
)
kept(
    "a set that is read before and after a rollback",
    """
    for r in auto(Author.objects.order_by("pk"), name="1"):
        with rolled_back():
            write(lambda: Book.objects.update(title="new"))
            out(lambda: any_order(r.books.filter(pages__gte=0)))
        out(lambda: any_order(r.books.filter(pages__gte=0)))
    """,
    size=6,
)
kept(
    "what a row has loaded that others share",
    """
    for r in auto(Street.objects.order_by("pk"), name="1"):
        out(lambda: r.city.country)
        write(lambda: Country.objects.update(name=str(r.pk)))
    """,
    size=6,
)
kept(
    "a slice of a set that was loaded ahead",
    """
    for r in auto(Author.objects.order_by("pk"), name="1"):
        out(lambda: by_key(r.books.all()))
        out(lambda: r.books.all()[1:3].in_bulk())
        out(lambda: by_key(r.books.all()[:1].values_list("title")))
    """,
    size=6,
)
kept(
    "a filter by a row, below rows that know their parent",
    """
    for r1 in auto(Publisher.objects, name="1"):
        for r2 in each(lambda: r1.imprints.all()):
            out(lambda: any_order(r2.publisher.imprints.filter(pk=r2.pk).prefetch_related("publisher")))
    """,
    size=3,
)
kept(
    "a parent reassigned while its children are read, which were prefetched with it",
    """
    for r1 in auto(Category.objects, name="1"):
        for r2 in each(lambda: by_key(r1.children.prefetch_related("parent"))):
            r1.parent_id = None
            out(lambda: r2.parent)
    """,
    size=3,
)
kept(
    "a chain that was joined, after an error broke the transaction",
    """
    for r1 in auto(Screening.objects, name="1"):
        write(lambda: make(Shelf).save())
        out(lambda: r1.film.director)
    """,
    size=1,
)
kept(
    "a key that is deferred, of rows that were deleted",
    """
    for r1 in auto(City.objects, name="1").only("name"):
        write(lambda: Country.objects.all().delete() and None)
        out(lambda: r1.country.cities[0])
    """,
    seed=1,
    size=3,
)
kept(
    "a generic foreign key of which the first rows only are read",
    """
    for r1 in auto(Comment.objects.all(), name="1"):
        out(lambda: r1)
        out(lambda: r1.subject)
        out(lambda: any_order(r1.writer.comments.all()))
        out(lambda: r1.writer.comments.all().count())
        if nth(2):
            break
    for r2 in auto(Comment.objects.all(), name="2"):
        out(lambda: r2)
    for r3 in auto(Comment.objects.all(), name="3"):
        out(lambda: r3)
    """,
    seed=3965,
)
kept(
    "a relation that is used only once its key was written",
    """
    for r3 in auto(Country.objects.all(), name="3"):
        if odd(r3):
            out(lambda: any_order(r3.cities.filter(name="a").filter(name="a").filter(name="a")))
            r3.continent_id = 1
            out(lambda: r3.continent)
    """,
    MAX_BATCH=2,
)
kept(
    "a prefetch of the caller's for rows of a batch that nobody asked for",
    """
    for r1 in auto(Film.objects.all(), name="1"):
        if nth(3):
            for r2 in each(lambda: by_key(r1.screenings.filter(pk__gte=2).prefetch_related("trailer"))):
                out(lambda: r2)
    """,
    size=5,
)
kept(
    "a prefetch in more batches than there are rows that use it",
    """
    for r3 in auto(Country.objects.all(), name="3"):
        if not odd(r3):
            out(lambda: any_order(r3.cities.all()))
    """,
    size=5,
    MAX_BATCH=2,
)
kept(
    "a set of a row whose inherited key is deferred",
    """
    for r1 in auto(Film.objects.all(), name="1").only("title"):
        out(lambda: r1)
        out(lambda: any_order(r1.tags.all()))
    """,
    size=5,
)
kept(
    "a prefetched set that is filtered only",
    """
    for r1 in auto(Branch.objects.all(), name="1").filter(name="a"):
        out(lambda: r1)
        out(lambda: any_order(r1.shelves.filter(branch__isnull=False)))
        if not late():
            for r2 in each(lambda: by_key(r1.shelves.all())):
                out(lambda: r2)
    """,
)
kept(
    "a parent that its children lead back to",
    """
    for r1 in auto(Publisher.objects.all(), name="1").filter(name="a").annotate(n=Count("imprints")).filter(name="a"):
        for r3 in each(lambda: r1.imprints.all()):
            out(lambda: r3)
            out(lambda: r3.publisher)
            r3.publisher_id = 1
            write(lambda: r3.save())
            out(lambda: r3.publisher)
    """,
    size=5,
)
kept(
    "one-to-one relations that lead back",
    """
    for r1 in auto(Author.objects.all(), name="1"):
        out(lambda: r1.profile)
        out(lambda: r1.profile.author)
        r1.profile.author_id = 1
        out(lambda: r1.profile.author)
    for r2 in auto(Profile.objects.all(), name="2"):
        out(lambda: r2.author)
        out(lambda: r2.author.profile)
        r2.author_id = 1
        out(lambda: r2.author.profile)
    """,
    size=5,
)
kept(
    "what a batch prefetches, where the rows that are asked for lead nowhere",
    """
    for r1 in auto(Reader.objects.all(), name="1").iterator():
        if late():
            if odd(r1):
                out(lambda: prefetch_related_objects([r1], "comments"))
                out(lambda: awaited(r1.comments.prefetch_related("subject").alast))
    """,
    seed=842,
    size=5,
    MAX_BATCH=2,
)
