"""Imports: which modules of the project import which while they are imported themselves, read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator

from django.apps import apps

from autoprefetch.advise.locating import NotLocatedError, file_of
from autoprefetch.advise.scanning import Scanned
from autoprefetch.advise.trees import parsed, tree_of
from autoprefetch.observe.callsites import is_application


def why_not_imported(imported: str, into: str) -> str:
    """Say why a module cannot import another one at its top; "" where it can.

    Args:
        imported: what would be imported.
        into: the module that would import it.
    """
    if not _file(imported):
        return ""  # a library, which imports nothing of the project
    if _reaches([imported], into):
        return f"importing {imported} in {into} would be circular"
    if _reaches(_before_models(), into):
        return f"{into} is imported before the models are, and cannot import {imported}"
    return ""


def exported(module: str, names: Iterable[str], source: Iterable[Scanned]) -> frozenset[str]:
    """Return those of the names of a module that other modules of the project take from it.

    Args:
        module: the module.
        names: names that it has.
        source: the source of the project.
    """
    wanted = frozenset(names)
    last = module.rpartition(".")[2]
    others = (one for one in source if one.module != module and any(last in line for line in one.lines))
    return frozenset(name for one in others for name in _taken(one, module, wanted))


def _taken(one: Scanned, module: str, wanted: frozenset[str]) -> Iterator[str]:
    tree = parsed(one.lines)
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    package = _package(one.module, one.file)
    for node in froms:
        if _absolute(node, package) == module:
            taken = {alias.name for alias in node.names}
            yield from wanted if "*" in taken else wanted & taken
    if module in {name for node in ast.walk(tree) for name in _named(node, package)}:
        yield from (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in wanted)


def _before_models() -> list[str]:
    """Return the modules that Django imports before it imports the models."""
    configs = [config for config in apps.get_app_configs() if config.module is not None]
    found = {name for config in configs for name in (config.name, type(config).__module__)}
    return sorted(name for name in found if _file(name))


def _reaches(modules: Iterable[str], wanted: str) -> bool:
    """Tell whether one is imported where others are, by them or by what they import."""
    seen, left = set[str](), [one for module in modules for one in _with_packages(module)]
    while left:
        module = left.pop()
        if module == wanted:
            return True
        if module not in seen:
            seen.add(module)
            left += [one for name in _imports(module) for one in _with_packages(name)]
    return False


def _with_packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts) + 1)]


def _imports(module: str) -> Iterator[str]:
    """Yield what a module of the project imports while it is imported, and names in it that may be modules."""
    file = _file(module)
    if file:
        package = _package(module, file)
        for node in _at_import(tree_of(file)):
            yield from _named(node, package)


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _is_for_types(child):
            continue
        yield child
        yield from _at_import(child)


def _is_for_types(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) and not node.orelse else None
    return isinstance(test, (ast.Name, ast.Attribute)) and "TYPE_CHECKING" in ast.unparse(test)


def _named(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that an import names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node, package)
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _package(module: str, file: str) -> str:
    return module if file.endswith("__init__.py") else module.rpartition(".")[0]


def _file(module: str) -> str:
    """Return the file of a module of the project; "" for all others."""
    if module not in sys.modules and module.rpartition(".")[0] not in {"", *sys.modules}:
        return ""  # a name in a module, say: nothing is imported to find that out
    try:
        file = file_of(module)
    except NotLocatedError:
        return ""
    return file if is_application(file, module) else ""
