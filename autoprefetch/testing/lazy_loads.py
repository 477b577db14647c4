"""`assert_no_lazy_loads`: a block in which no relation may be loaded row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autoprefetch import conf
from autoprefetch.advise.differences import NEW, Difference, differences
from autoprefetch.apply import planning
from autoprefetch.apply.standing import Standing
from autoprefetch.evaluation import engine
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.plan.choosing import stays_lazy
from autoprefetch.reporting import suggestion_for

Known = Mapping[str, tuple[Standing, History]]


class assert_no_lazy_loads:  # noqa: N801  (a context manager, named as an assertion)
    """Assert that no relation is loaded row by row inside the block, by whatever querysets are evaluated in it.

    All querysets of instances count, given to `auto()` or not, as plain Django would run them: nothing is batched or
    joined inside the block, and nothing that is learned in it is kept. A relation, or a query that is derived from one,
    which loads once in an evaluation is no repetition. `IGNORE`, `auto(..., ignore=...)` and comments are
    heeded.

    Raises:
        AssertionError: a relation was loaded lazily more than once in an evaluation. It names the line that touches the
            relation, the call site and the code to paste.
    """

    def __init__(self) -> None:
        self._watching = watching()

    def __enter__(self) -> None:
        self._found = self._watching.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        __tracebackhide__ = True  # pytest shows the line of the test
        self._watching.__exit__(kind, error, trace)
        if kind is None and (text := self._found()):
            raise AssertionError(text)


@contextmanager
def watching() -> Iterator[Callable[[], str]]:
    """Watch for relations that are loaded row by row; what is given says what was found, once the block is over."""
    texts: list[str] = []
    settings = conf.override(SCOPE="all", MODE="learn", LOG_SUGGESTIONS=False)
    with settings, engine.apart(MemoryStore(conf.current().max_call_sites)):
        yield lambda: "\n".join(texts)
        known = {standing.site.key: (standing, history) for standing, history in engine.known()}
        if found := _repeated(known):
            texts.extend([*(f"{one.repetition}." for one in found), *code_for(found, known)])


def code_for(found: list[Difference], known: Known) -> list[str]:
    """Say what to write at the call sites where something is loaded lazily.

    Args:
        found: new lazy loads.
        known: the call sites of the process, by their keys.
    """
    keys = dict.fromkeys(one.call_site for one in found)
    made = [suggestion_for(*known[key]) for key in keys if key in known]
    code = [suggestion.as_text() for suggestion in made if suggestion is not None]
    return code or ["Give the queryset to auto(), or load them ahead in the query."]


def _repeated(known: Known) -> list[Difference]:
    found = differences({}, {key: history for key, (_, history) in known.items()})
    return [one for one in found if one.kind == NEW and not _is_ignored(known[one.call_site][0], one.steps)]


def _is_ignored(standing: Standing, path: Path) -> bool:
    """Tell whether the settings, the caller of `auto()` or a comment want a relation to stay lazy."""
    choices = planning.choices(standing, conf.current())
    return standing.model is not None and stays_lazy(choices, standing.model, path)
