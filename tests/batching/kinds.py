"""The kinds of to-many relations that the table of consumers goes through, and what their rows have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.library.models import (
    Author,
    Book,
    Branch,
    Classic,
    Copy,
    Film,
    Imprint,
    Publisher,
    Reader,
    Series,
    Tag,
)


@dataclass(frozen=True)
class Kind:
    """One relation: its parents, and the fields of its rows that consumers may use.

    Attributes:
        name: how the table calls it.
        parents: the parents, in a total ordering.
        accessor: the to-many attribute.
        text: a column to show and to order by, with ties.
        number: a numeric column.
        one: a to-one relation of the rows, with a column of its target.
        many: a relation of the rows to count.
        date: a date column, "" where there is none.
        is_total: whether the rows come in a total ordering by themselves.
    """

    name: str
    parents: Callable[[], Any]
    accessor: str
    text: str
    number: str
    one: tuple[str, str]
    many: str
    date: str = ""
    is_total: bool = False

    def rows(self, parent: Any) -> Any:
        return getattr(parent, self.accessor)

    def in_order(self, shown: Any) -> list[Any]:
        """Keep the order of what is shown of rows where it is total, else sort."""
        return list(shown) if self.is_total else sorted(shown, key=repr)


def books(name: str, parents: Callable[[], Any], accessor: str) -> Kind:
    return Kind(name, parents, accessor, "summary", "pages", ("publisher", "name"), "tags", "published", True)


def authors(name: str, accessor: str) -> Kind:
    return Kind(name, Author.objects.all, accessor, "name", "mentor_id", ("archive", "shelfmark"), "books", "", True)


def loans(name: str, parents: Callable[[], Any]) -> Kind:
    return Kind(name, parents, "loans", "reader__name", "copy_id", ("reader", "name"), "copy__book__tags", "due")


KINDS = [
    books("reverse foreign key", Author.objects.all, "books"),
    books("reverse foreign key to another field", Imprint.objects.all, "books"),
    Kind("reverse foreign key to self", Author.objects.all, "pupils", "name", "mentor_id", ("archive", "shelfmark"),
         "books", "", True),
    books("many-to-many", lambda: Series.objects.order_by("pk"), "books"),
    Kind("many-to-many without order", Book.objects.all, "tags", "name", "pk", ("pk", ""), "books"),
    books("many-to-many from behind", lambda: Tag.objects.order_by("pk"), "books"),
    Kind("many-to-many through", Book.objects.all, "contributors", "name", "mentor_id", ("archive", "shelfmark"),
         "books", "", True),
    books("many-to-many through, from behind", Author.objects.all, "contributed_to"),
    authors("many-to-many to self, symmetrical", "friends"),
    authors("many-to-many to self", "follows"),
    authors("many-to-many to self, from behind", "followers"),
    Kind("generic relation", Book.objects.all, "comments", "text", "object_id", ("writer", "name"), "writer"),
    loans("manager with select_related", lambda: Copy.objects.order_by("pk")),
    loans("manager with select_related, UUID parents", lambda: Reader.objects.order_by("pk")),
    books("many-to-many, UUID parents", lambda: Reader.objects.order_by("pk"), "wishes"),
    Kind("many-to-many, UUID rows", Book.objects.all, "wished_by", "name", "branch_id", ("branch", "name"),
         "comments"),
    Kind("inheriting rows", Author.objects.all, "films", "title", "minutes", ("publisher", "name"), "tags"),
    Kind("rows of the inherited parent", lambda: Publisher.objects.order_by("pk"), "media", "title", "pk",
         ("publisher", "name"), "tags"),
    Kind("inheriting parents", lambda: Film.objects.order_by("pk"), "screenings", "branch__name", "branch_id",
         ("branch", "name"), "branch__readers"),
    Kind("inherited many-to-many", lambda: Film.objects.order_by("pk"), "tags", "name", "pk", ("pk", ""), "books"),
    Kind("proxy parents", Classic.objects.all, "reviews", "stars", "stars", ("classic", "title"), "classic__tags"),
    Kind("soft-deleting manager", lambda: Branch.objects.order_by("pk"), "shelves", "name", "pk", ("branch", "name"),
         "copies"),
]  # fmt: skip
