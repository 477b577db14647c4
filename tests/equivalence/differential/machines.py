"""A state machine that writes programs line by line, so that Hypothesis shrinks what it finds to the fewest steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.equivalence.differential.differences import compared
from tests.equivalence.differential.generating import SETTINGS, Writer
from tests.equivalence.differential.programs import Program
from tests.equivalence.differential.queries import Query, Row
from tests.equivalence.differential.worlds import World

_DEEPEST = 4


class Programs(RuleBasedStateMachine):
    """Its state is a program: the lines so far, and the blocks that are open with the rows that they hold.

    Attributes:
        may_write: whether the program may change rows.
        answered: plain Django's repeated lazy loads of all programs so far, and how many of them were answered.
    """

    may_write = False
    answered = [0, 0]

    @initialize(data=st.data(), seed=st.integers(0, 10_000), size=st.integers(4, 6), settings=st.sampled_from(SETTINGS))
    def begin(self, data: Any, seed: int, size: int, settings: dict[str, object]) -> None:
        self.writer = Writer(data.draw, may_write=self.may_write)
        self.writer.concentrate(())
        self.world, self.settings = World(seed, size), settings
        self.scopes: list[list[Row]] = [[]]

    # The blocks

    @property
    def depth(self) -> int:
        return len(self.scopes) - 1

    @property
    def scope(self) -> list[Row]:
        return self.scopes[-1]

    def open(self, line: str, *rows: Row) -> None:
        """Open a block that holds more rows; it begins with a look at the innermost."""
        self.writer.line(self.depth, line)
        self.scopes.append([*self.scope, *rows])
        self.writer.line(self.depth, f"out(lambda: {self.scope[-1][0]})")

    def loop(self, source: str, query: Query) -> None:
        name = self.writer.new_row()
        self.open(f"for {name} in {source}:", (name, query.model))

    @precondition(lambda self: self.depth == 0)
    @rule(data=st.data(), ending=st.sampled_from(("", "", ".iterator()", ".iterator(chunk_size=2)")))
    def begin_loop_over_an_automatic_queryset(self, data: Any, ending: str) -> None:
        self.writer.draw = data.draw
        query = self.writer.automatic(())
        self.loop(query.text if query.is_sliced else query.text + ending, query)

    @precondition(lambda self: 0 < self.depth < _DEEPEST)
    @rule(data=st.data())
    def begin_loop_over_a_derived_queryset(self, data: Any) -> None:
        self.writer.draw = data.draw
        query = self.writer.derived(self.scope)
        if query is not None:
            query = self.writer.chained(query, self.writer.held(query, self.scope), 2)
            self.loop(f"each(lambda: {query.rows})", query)

    @precondition(lambda self: 0 < self.depth < _DEEPEST)
    @rule(condition=st.sampled_from(("odd({0})", "not odd({0})", "nth(3)", "late()", "not late()")))
    def begin_condition(self, condition: str) -> None:
        self.open(f"if {condition.format(self.scope[-1][0])}:")

    @precondition(lambda self: self.depth > 0)
    @rule()
    def end_block(self) -> None:
        self.scopes.pop()

    # What is in them

    def say(self, data: Any, statement: Callable[[int, list[Row]], None]) -> None:
        self.writer.draw = data.draw
        statement(self.depth, self.scope)

    @precondition(lambda self: self.depth > 0)
    @rule(data=st.data())
    def follow(self, data: Any) -> None:
        self.say(data, self.writer.follow)

    @precondition(lambda self: self.depth > 0)
    @rule(data=st.data())
    def ask(self, data: Any) -> None:
        self.say(data, self.writer.ask)

    @precondition(lambda self: self.depth > 0)
    @rule(data=st.data())
    def stop(self, data: Any) -> None:
        self.say(data, self.writer.stop)

    @precondition(lambda self: self.depth > 0)
    @rule(data=st.data())
    def prefetch_by_hand(self, data: Any) -> None:
        self.say(data, self.writer.prefetch_by_hand)

    @precondition(lambda self: self.depth > 0 and self.may_write)
    @rule(data=st.data())
    def change(self, data: Any) -> None:
        """Write to a table, through the ORM or past it, in a savepoint or a task, or roll back."""
        self.say(data, self.writer.change)

    def teardown(self) -> None:
        """Run the program plainly, cold and warm."""
        if not hasattr(self, "writer") or not self.writer.lines:
            return
        comparison = compared(Program(self.world, tuple(self.writer.lines), self.settings))
        difference = comparison.difference()
        assert not difference, difference
        for at, count in enumerate(comparison.repeated_loads()):
            self.answered[at] += count


class WritingPrograms(Programs):
    """The same with writes between the reads."""

    may_write = True
    answered = [0, 0]
