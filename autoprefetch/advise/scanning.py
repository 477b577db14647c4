"""Scanning: the source of the project, for the call sites and the comments in it, also where nothing of it has run."""

from __future__ import annotations

import ast
import dis
import linecache
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType

from django.apps import apps

from autoprefetch import conf
from autoprefetch.advise.locating import NotLocatedError, file_of
from autoprefetch.observe.callsites import function_of, is_application, path_of
from autoprefetch.observe.comments import Comment, comments_in
from autoprefetch.observe.steps import steps_of

_NOQA = re.compile(r"#.*\bnoqa\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the source.

    Attributes:
        key: what the key of its call site begins with, if it is one: `shop.views:books/auto#0`.
        line: its first line.
        end_line: its last line.
        is_auto: whether it is `auto()` that is called, by the name that it was imported by.
    """

    key: str
    line: int
    end_line: int
    is_auto: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """A source file of the project.

    Attributes:
        module: what it is imported as.
        file: where it is.
        path: the file as a person would name it.
        lines: its text.
    """

    module: str
    file: str
    path: str
    lines: tuple[str, ...]

    @property
    def comments(self) -> tuple[Comment, ...]:
        """The comments in it that speak to autoprefetch."""
        is_worth_it = any("autoprefetch" in line.lower() for line in self.lines)
        return comments_in(self.lines) if is_worth_it else ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls in it; none where Python cannot read it."""
        return _calls(self.module, self.lines)


def scan(modules: Iterable[str]) -> Iterator[Scanned]:
    """Read the source of the project: of its apps, of the packages of its settings and URLs, and of further modules.

    Nothing is imported but the packages that modules are in.

    Args:
        modules: those that are looked at as well, where they are the project's own.
    """
    files = dict(_of_packages())
    for module in modules:
        try:
            files.setdefault(file_of(module), module)
        except NotLocatedError:  # a template, or gone
            continue
    for file, module in sorted(files.items()):
        if is_application(file, module):
            linecache.checkcache(file)
            yield Scanned(module, file, path_of(file, module), tuple(linecache.getlines(file)))


def _of_packages() -> Iterator[tuple[str, str]]:
    """Yield the files of the packages of the project, each with its module."""
    roots = {app.module.__name__: [app.path] for app in apps.get_app_configs() if app.module is not None}
    roots |= {name: _folders(name) for name in conf.project_packages()}
    for name, folders in roots.items():
        for folder in folders:
            if is_application(f"{folder}/__init__.py", name):
                for file in Path(folder).rglob("*.py"):
                    inner = file.relative_to(folder).with_suffix("").parts
                    yield str(file), ".".join([name, *(inner[:-1] if inner[-1] == "__init__" else inner)])


def _folders(package: str) -> list[str]:
    loaded = sys.modules.get(package)
    if loaded is not None:
        return list(getattr(loaded, "__path__", []))
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or []) if spec is not None else []


@lru_cache(maxsize=32)
def _calls(module: str, lines: tuple[str, ...]) -> tuple[Call, ...]:
    text = "".join(lines)
    try:
        with warnings.catch_warnings(action="ignore"):
            names = names_of_auto(text)
            code = compile(text, module, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return ()
    return tuple(_within(code, module, names))


def names_of_auto(source: str) -> frozenset[str]:
    """Return the names that `auto` has in a module.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source)
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "autoprefetch")
    renamed = {name.asname for node in imports for name in node.names if name.name == "auto" and name.asname}
    return frozenset({"auto", *renamed})


def names_to_keep(source: str) -> frozenset[str]:
    """Return the names of `auto` in a module that are imported for others: in `__all__`, or by a line with `noqa`.

    Raises:
        SyntaxError: it is no Python.
    """
    tree, lines = ast.parse(source), re.split(r"\r\n|\r|\n", source)
    names = names_of_auto(source)
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "autoprefetch")
    marked = (node for node in imports if _NOQA.search("\n".join(lines[node.lineno - 1 : node.end_lineno])))
    kept = {alias.asname or alias.name for node in marked for alias in node.names}
    lists = (node for node in tree.body if "__all__" in {one.id for one in ast.walk(node) if isinstance(one, ast.Name)})
    texts = (one.value for node in lists for one in ast.walk(node) if isinstance(one, ast.Constant))
    return names & {*kept, *(text for text in texts if isinstance(text, str))}


def _within(code: CodeType, module: str, names: frozenset[str]) -> Iterator[Call]:
    # The steps are counted in the compiled code, as they are when it runs: see `observe/steps.py`.
    steps = steps_of(code)
    for instruction in dis.get_instructions(code):
        at = instruction.positions
        if instruction.opname.startswith("CALL") and at is not None and at.lineno is not None:
            step = steps.at(instruction.offset)
            key = f"{module}:{function_of(code)}/{step}"
            yield Call(key, at.lineno, at.end_lineno or at.lineno, step.partition("#")[0] in names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant, module, names)
