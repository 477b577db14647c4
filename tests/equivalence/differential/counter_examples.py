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
    rows = auto(Author.objects.only("name"), name="1")
    for r in rows:
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
    "SQL that begins with a comment",
    """
    for r in auto(Book.objects.order_by("pk"), name="1").iterator(chunk_size=2):
        sql("/* by hand */ UPDATE library_author SET name = %s", "new")
        out(lambda: r.author)
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
