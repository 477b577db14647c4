"""What the hooks call: the engine's side of every place where Django is hooked.

The hooks know Django and nothing of profiles or plans; the engine knows those and nothing of descriptors. This protocol
is all that they share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.db.models import Model

from autoprefetch.orm.effects import Effect
from autoprefetch.orm.marks import AnyQuerySet


class Engine(Protocol):
    """Answers the hooks; `evaluation.py` holds the one that runs."""

    def is_in_scope(self, queryset: AnyQuerySet) -> bool:
        """Tell whether `SCOPE` makes a queryset automatic that carries no mark."""

    def evaluate(self, queryset: AnyQuerySet, fetch_all: Callable[[AnyQuerySet], None]) -> None:
        """Fill the result cache of a marked queryset."""

    def stream(
        self, queryset: AnyQuerySet, chunk_size: int | None, plain: Callable[[AnyQuerySet], Iterator[Any]]
    ) -> Iterator[Any]:
        """Yield the rows of a marked queryset from `iterator()`."""

    def astream(
        self, queryset: AnyQuerySet, chunk_size: int, plain: Callable[[AnyQuerySet], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        """Yield the rows of a marked queryset from `aiterator()`."""

    def taking_frames(self, queryset: AnyQuerySet) -> AbstractContextManager[None]:
        """Take the frames that evaluate a queryset now, before the work moves to another thread."""

    def load_one(self, instance: Model, name: str, load: Callable[[], Any]) -> Any:
        """Load a to-one relation of a tracked instance; `load` runs Django's own query and gives what it found."""

    def load_column(self, instance: Model, name: str) -> bool:
        """Load a deferred column of a tracked instance; False when Django has to."""

    def load_set(self, derivation: Any, queryset: AnyQuerySet, fetch_all: Callable[[AnyQuerySet], None]) -> None:
        """Fill the result cache of a queryset of instances built from a related manager of a tracked instance."""

    def recognise(self, source: Any) -> Any:
        """Return the derivation of a queryset or compiler that filters by the key of a tracked instance, or None."""

    def replay(self, compiler: Any, derivation: Any, result_type: str, run: Callable[[], Any]) -> Any:
        """Answer a statement of such a queryset as `execute_sql` does; `run` sends it to the database."""

    def faulted(self, instance: Model, fault: Exception) -> None:
        """Take note of a fault of ours at a tracked instance; the hook goes on as Django does."""

    def wrote(self, read: Callable[[], Effect]) -> None:
        """Take note of what a statement wrote; `read` finds it out, and everything counts as written where it fails."""

    def begin_request(self) -> None:
        """Take note that a server hands over a request."""

    def failed(self) -> None:
        """Take note that the request that runs here ends in an error."""
