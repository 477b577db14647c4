"""Programs at random: loops over automatic querysets that follow relations, ask, write, stop and fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tests.equivalence.differential import schema
from tests.equivalence.differential.changing import Changes
from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.queries import Query, Row
from tests.equivalence.differential.schema import Model
from tests.equivalence.differential.worlds import World
from tests.library.models import Membership

SETTINGS: tuple[dict[str, object], ...] = ({}, {}, {}, {"AHEAD": False}, {"MAX_BATCH": 2}, {"SCOPE": "all"})
_ROW = re.compile(r"\br\d+\b")
_DEEPEST = 3
_MOST_LINES = 40


class Writer(Changes):
    """Writes one program, line by line."""

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def automatic(self, scope: Sequence[Row]) -> Query:
        """Draw a root queryset that is automatic."""
        model = self.choose(self.focus or schema.ROOTS)
        start = self.root(model)
        if self.chance(3):
            query = self.chained(start, scope, 2)
        elif self.chance(2):
            query = start.then('.order_by("pk")', is_total=True)
        else:
            query = start.then(".all()")
        self.sites += 1
        if self.chance(3) and not query.is_sliced:
            marked = Query(f'auto({start.text}.all(), name="{self.sites}")', model, start.is_total)
            return self.chained(marked, scope, 3)
        return query.__class__(f'auto({query.text}, name="{self.sites}")', model, query.is_total, query.is_sliced)

    # Statements

    def block(self, depth: int, scope: Sequence[Row]) -> None:
        for _ in range(self.number(1, 3)):
            self.statement(depth, scope)

    def statement(self, depth: int, scope: Sequence[Row]) -> None:
        if len(self.lines) > _MOST_LINES:
            self.line(depth, f"out({scope[-1][0]})")
            return
        if self.may_write and self.chance(4):
            if self.chance(4):  # a call site that has learned without it
                self.line(depth, "if late():")
                depth += 1
            self.change(depth, scope)
            return
        if self.chance(6) and self.repeat(depth, scope):
            return
        self.choose(READS)(self, depth, scope)

    def repeat(self, depth: int, scope: Sequence[Row]) -> bool:
        """Ask once more what the program asked before of the rows that it holds."""
        names = {name for name, _ in scope}
        found = [
            text
            for line in self.lines
            if (text := line.strip()).startswith("out(lambda: ") and set(_ROW.findall(text)) <= names
        ]
        if found:
            self.line(depth, self.choose(found))
        return bool(found)

    def top(self) -> None:
        """Write one statement of the outermost level."""
        self.choose((self.loop_over_root, self.loop_over_root, self.loop_twice, self.root_consumed))()

    def loop_over_root(self) -> None:
        query = self.automatic(())
        name = self.new_row()
        source = (
            query.text
            if query.is_sliced
            else self.choose(
                (query.text, query.text, f"{query.text}.iterator()", f"{query.text}.iterator(chunk_size=2)")
            )
        )
        if query.is_sliced and query.model is not Membership and self.chance(4):
            self.line(0, f"if {query.text}:")
            self.line(1, f"out({query.text})")
        guarded = self.chance(5)
        if guarded:
            self.line(0, "try:")
        self.line(int(guarded), f"for {name} in {source}:")
        self.block(int(guarded) + 1, [(name, query.model)])
        if guarded:
            self.line(2, f"if nth({self.number(2, 5)}):")
            self.line(3, 'raise Stop("at the end")')
            self.line(0, "except Stop as stop:")
            self.line(1, "out(str(stop))")

    def loop_twice(self) -> None:
        query = self.automatic(())
        rows = f"rows{self.sites}"
        self.line(0, f"{rows} = {self.choose(('list({0})', '{0}')).format(query.text)}")
        for order in (
            "{0}",
            self.choose(("reversed({0})", "{0}", "sorted({0}, key=odd)", "[row for row in {0} if odd(row)]")),
        ):
            name = self.new_row()
            self.line(0, f"for {name} in {order.format(rows)}:")
            self.block(1, [(name, query.model)])

    def root_consumed(self) -> None:
        query = self.automatic(())
        self.line(0, f"out(lambda: {self.consumed(query, ())})")
        if not query.is_sliced and query.model is not Membership:
            name = self.new_row()
            self.line(0, f"{name} = {query.text}.first()")
            self.line(0, f"if {name} is not None:")
            self.block(1, [(name, query.model)])

    def follow(self, depth: int, scope: Sequence[Row]) -> None:
        row = self.choose(scope)
        if self.to_one(row[1]):
            self.line(depth, f"out(lambda: {self.path(row)})")
        else:
            self.line(depth, f"out(lambda: {row[0]})")

    def ask(self, depth: int, scope: Sequence[Row]) -> None:
        query = self.derived(scope)
        if query is None:
            self.follow(depth, scope)
            return
        query = self.chained(query, self.held(query, scope))
        self.line(depth, f"out(lambda: {self.consumed(query, scope)})")

    def derived(self, scope: Sequence[Row]) -> Query | None:
        """Draw a to-many relation of a row, or of what a row leads to."""
        name, model = self.choose(scope)
        ones = [link for link in self.to_one(model) if link.target is not None and self.to_many(link.target)]
        if ones and (self.chance(4) or not self.to_many(model)):
            link = self.choose(ones)
            assert link.target is not None
            name, model = f"{name}.{link.name}", link.target
        many = self.to_many(model)
        if self.chance(8):
            return self.by_hand((name, model))
        return self.related(name, self.choose(many)) if many else None

    def held(self, query: Query, scope: Sequence[Row]) -> Sequence[Row]:
        """Draw the rows that a derived query may compare with: most often its own parent alone."""
        parent = [row for row in scope if query.text.startswith(f"{row[0]}.")]
        return scope if not parent or self.chance(3) else parent

    def by_hand(self, row: Row) -> Query | None:
        """Draw a filter that compares with a row's key, past its related manager."""
        found = [
            Query(f"{model.__name__}.objects.filter({link.name}={row[0]})", model, schema.is_ordered_totally(model))
            for model in schema.ROOTS
            for link in self.to_one(model)
            if link.target is row[1] and link.key
        ]
        return self.choose(found) if found else None

    def loop(self, depth: int, scope: Sequence[Row]) -> None:
        query = self.derived(scope)
        if query is None or depth > _DEEPEST:
            self.ask(depth, scope)
            return
        query = self.chained(query, self.held(query, scope), 2)
        name = self.new_row()
        self.line(depth, f"for {name} in each(lambda: {query.rows}):")
        self.block(depth + 1, [*scope, (name, query.model)])

    def loop_over_inner_root(self, depth: int, scope: Sequence[Row]) -> None:
        if depth > 1 or not self.chance(3):
            self.ask(depth, scope)
            return
        query = self.automatic(scope)
        name = self.new_row()
        self.line(depth, f"for {name} in {query.text}:")
        self.block(depth + 1, [*scope, (name, query.model)])

    def condition(self, depth: int, scope: Sequence[Row]) -> None:
        name = scope[-1][0]
        self.line(
            depth,
            f"if {self.choose((f'odd({name})', f'not odd({name})', 'nth(3)', 'late()', 'late()', 'not late()'))}:",
        )
        self.block(depth + 1, scope)

    def stop(self, depth: int, scope: Sequence[Row]) -> None:
        self.line(depth, f"if nth({self.number(2, 6)}):")
        word = "break" if any(line.lstrip().startswith("for ") for line in self.enclosing(depth)) else "pass"
        self.line(depth + 1, word)

    def enclosing(self, depth: int) -> list[str]:
        """Return the lines that open the blocks around a depth."""
        found = []
        for line in reversed(self.lines):
            indent = (len(line) - len(line.lstrip())) // 4
            if indent < depth:
                found.append(line)
                depth = indent
        return found

    def prefetch_by_hand(self, depth: int, scope: Sequence[Row]) -> None:
        name, model = scope[-1]
        links = (*self.to_many(model), *self.to_one(model))
        if not links or not self.chance(3):
            self.follow(depth, scope)
            return
        self.line(depth, f'out(lambda: prefetch_related_objects([{name}], "{self.choose(links).name}"))')


READS: tuple[Callable[[Writer, int, Sequence[Row]], None], ...] = (
    Writer.follow,
    Writer.follow,
    Writer.follow,
    Writer.ask,
    Writer.ask,
    Writer.ask,
    Writer.loop,
    Writer.loop,
    Writer.condition,
    Writer.stop,
    Writer.loop_over_inner_root,
    Writer.prefetch_by_hand,
)


@st.composite
def programs(
    draw: Callable[[st.SearchStrategy[object]], object], *, may_write: bool, about: Sequence[Model] = ()
) -> Program:
    """Draw a program, and the rows that it finds."""
    writer = Writer(draw, may_write=may_write)
    writer.concentrate(about)
    for _ in range(writer.number(1, 3)):
        writer.top()
    world = World(writer.number(0, 10_000), writer.number(4, 6))
    return Program(world, tuple(writer.lines), writer.choose(SETTINGS))
