"""Changes at random: every kind of write, and what changes a row in memory only.

Rows that several rows may share are never changed in memory, because sharing is the difference that is documented: only
the variables of loops are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.equivalence.differential import schema
from tests.equivalence.differential.queries import Composer, Row
from tests.equivalence.differential.schema import Link, Model
from tests.library.models import Contribution, Membership, Portrait, Profile, Reader, Review

_ROWLESS = (Membership, Contribution, Portrait, Profile)


class Changes(Composer):
    """Draws the statements that write."""

    lines: list[str]
    line: Callable[[int, str], None]
    ask: Callable[[int, Sequence[Row]], None]

    def __init__(self, draw: Callable[[Any], Any], *, may_write: bool) -> None:
        super().__init__(draw)
        self.lines = []
        self.may_write = may_write
        self.sites = 0
        self._rows = 0

    def new_row(self) -> str:
        self._rows += 1
        return f"r{self._rows}"

    def change(self, depth: int, scope: Sequence[Row]) -> None:
        """Write one statement that changes something."""
        self.choose(CHANGES)(self, depth, scope)

    def writing(self, depth: int, text: str) -> None:
        """Write a line that writes, now and then in a child task."""
        self.line(depth, f"{'in_task' if self.chance(3) else 'write'}(lambda: {text})")

    def table(self, scope: Sequence[Row]) -> Model:
        """Draw a table to write to: most often one that the program is likely to have read."""
        if self.seen and not self.chance(3):
            return self.choose((self.seen[-1], self.seen[-1], *self.seen))
        model = self.choose(scope)[1]
        near = [link.target for link in (*self.to_one(model), *self.to_many(model)) if link.target is not None]
        return self.choose([model, *near, *near])

    def literal(self, model: Model) -> tuple[str, str] | None:
        found = [column for column in schema.columns(model) if "unique" not in column.name and column.name != "code"]
        if not found:
            return None
        column = self.choose(found)
        return column.name, '"new"' if column.is_text else self.choose(column.literals)

    def save(self, depth: int, scope: Sequence[Row]) -> None:
        name, model = self.choose(scope)
        given = self.literal(model)
        if given is None:
            self.update(depth, scope)
            return
        self.line(depth, f"{name}.{given[0]} = {given[1]}")
        fields = f'update_fields=["{given[0]}"]' if self.chance(4) else ""
        self.writing(depth, f"{name}.save({fields})")

    def reassign(self, depth: int, scope: Sequence[Row]) -> None:
        """Set a foreign key anew, saved or not, and follow it."""
        (name, model), is_root = self.choose([(row, row is scope[0]) for row in scope])
        links = [link for link in self.to_one(model) if link.key and link.target is not Reader]
        if not links:
            self.update(depth, scope)
            return
        link = self.choose(links)
        value = "None" if link.is_null and self.chance(4) else str(self.number(1, 4))
        if link.name == "imprint" and value != "None":
            value = f'"C{value}"'
        self.line(depth, f"{name}.{link.key} = {value}")
        if not is_root or self.chance(
            2
        ):  # a set asked again may give the same objects: the second documented difference
            self.writing(depth, f"{name}.save()")
        self.line(depth, f"out(lambda: {name}.{link.name})")

    def update(self, depth: int, scope: Sequence[Row]) -> None:
        model = self.table(scope)
        given = self.literal(model)
        links = [link for link in self.to_one(model) if link.key and link.is_null and link.name != "imprint"]
        if links and (given is None or self.chance(3)):
            given = self.choose(links).key, self.choose(("1", "2", "None"))
        if given is None:
            self.create(depth, scope)
            return
        text = f"{self.some(model, scope)}.update({given[0]}={given[1]})"
        self.writing(depth, text)

    def some(self, model: Model, scope: Sequence[Row]) -> str:
        same = [name for name, other in scope if other is model]
        if same and self.chance(2):
            return f"{model.__name__}.objects.filter(pk={self.choose(same)}.pk)"
        if self.chance(2) or model in (Reader, Membership, Contribution):
            return f"{model.__name__}.objects"
        return f"{model.__name__}.objects.filter(pk__lte={self.number(1, 3)})"

    def create(self, depth: int, scope: Sequence[Row]) -> None:
        model = self.table(scope)
        given = ", ".join([model.__name__, *self.given(model, scope)])
        if model in _ROWLESS and model is not Contribution:
            self.update_or_sql(depth, scope)
            return
        text = self.choose((f"make({given}).save()", f"{model.__name__}.objects.bulk_create([make({given})])"))
        self.writing(depth, text)

    def given(self, model: Model, scope: Sequence[Row]) -> list[str]:
        """Draw keyword arguments that tie a new row to the rows that the program holds."""
        return [
            f"{link.name}={name}"
            for name, other in scope
            for link in self.to_one(model)
            if link.key and link.target is other
        ][:1]

    def delete(self, depth: int, scope: Sequence[Row]) -> None:
        if self.chance(2):
            self.writing(depth, f"{self.choose(scope)[0]}.delete() and None")
            return
        text = self.some(self.table(scope), scope)
        text = text if text.endswith(")") else f"{text}.all()"
        self.writing(depth, f"{text}.delete() and None")

    def relate(self, depth: int, scope: Sequence[Row]) -> None:
        """Change a set through its manager."""
        name, model = self.choose(scope)
        links = [link for link in self.to_many(model) if link.takes_rows]
        if not links:
            self.delete(depth, scope)
            return
        link = self.choose(links)
        self.writing(depth, f"{name}.{link.name}.{self.method(link, scope, model)} and None")
        if self.chance(2):
            text = self.choose((f"any_order({name}.{link.name}.all())", f"{name}.{link.name}.count()"))
            self.line(depth, f"out(lambda: {text})")

    def method(self, link: Link, scope: Sequence[Row], owner: Model) -> str:
        assert link.target is not None
        other = f"{link.target._meta.object_name}._base_manager.order_by('pk')"
        methods = [f"add(*{other}[:{self.number(1, 2)}])", f"set({other}[:{self.number(0, 2)}])"]
        if link.removes_rows:
            methods += ["clear()", f"remove(*{other}[:1])"]
        if link.target not in _ROWLESS:
            methods.append(
                f"add(make({link.target.__name__}), bulk=False)"
                if not self.is_many(owner, link)
                else f"create(**vars_of(make({link.target.__name__})))"
            )
        return self.choose(methods)

    def is_many(self, owner: Model, link: Link) -> bool:
        return any(f.name == link.name for f in owner._meta.local_many_to_many) or any(
            f.get_accessor_name() == link.name for f in owner._meta.related_objects if f.many_to_many
        )

    def bulk(self, depth: int, scope: Sequence[Row]) -> None:
        model = self.table(scope)
        given = self.literal(model)
        if given is None or model in _ROWLESS or model is Reader:
            self.relate(depth, scope)
            return
        manager, name, value = f"{model.__name__}._base_manager", repr(given[0]), given[1]
        rows = f"[given({name}, {value}, row) for row in {manager}.filter(pk__lte={self.number(1, 4)})]"
        key = self.number(1, 3)
        text = self.choose(
            (
                f"{manager}.bulk_update({rows}, [{name}])",
                f"{manager}.update_or_create(pk={key}, defaults={{{name}: {value}}}) and None",
                f"{manager}.get_or_create(pk={key}) and None",
            )
        )
        self.writing(depth, text)

    def update_or_sql(self, depth: int, scope: Sequence[Row]) -> None:
        model = self.table(scope)
        given = self.literal(model)
        table = model._meta.db_table
        if model in _ROWLESS or given is None or model is Review or model._meta.get_field(given[0]).model is not model:
            self.relate(depth, scope)
            return
        verb = self.choose(
            ("UPDATE {0} SET {1} = %s", "update {0} set {1} = %s", "/* by hand */ UPDATE {0} SET {1} = %s")
        )
        self.line(depth, f'sql("{verb.format(table, given[0])}", {given[1]})')

    def inside(self, depth: int, scope: Sequence[Row]) -> None:
        """Write within a savepoint, which may be rolled back."""
        if depth > 4:
            self.update(depth, scope)
            return
        self.line(depth, self.choose(("with rolled_back():", "with savepoint():")))
        self.change(depth + 1, scope)
        self.ask(depth + 1, scope)
        if self.chance(2):
            self.line(depth, self.lines[-1].strip())  # the same again after it

    def refresh(self, depth: int, scope: Sequence[Row]) -> None:
        name, model = self.choose(scope)
        names = [column.name for column in schema.columns(model)] + [
            link.name for link in self.to_one(model) if link.key
        ]
        fields = f'fields=["{self.choose(names)}"]' if names and self.chance(3) else ""
        self.writing(depth, f"{name}.refresh_from_db({fields})")

    def lock(self, depth: int, scope: Sequence[Row]) -> None:
        model = self.table(scope)
        given = self.literal(model)
        if given is None or model in _ROWLESS or model is Reader:
            self.refresh(depth, scope)
            return
        text = f"{model.__name__}._base_manager.select_for_update().get(pk={self.number(1, 3)})"
        self.writing(depth, f"given({given[0]!r}, {given[1]}, {text}).save()")


CHANGES: tuple[Callable[[Changes, int, Sequence[Row]], None], ...] = (
    Changes.save,
    Changes.save,
    Changes.reassign,
    Changes.reassign,
    Changes.update,
    Changes.update,
    Changes.create,
    Changes.delete,
    Changes.relate,
    Changes.relate,
    Changes.bulk,
    Changes.update_or_sql,
    Changes.inside,
    Changes.refresh,
    Changes.lock,
)
