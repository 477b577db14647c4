"""Patching: replace expressions in a source file, whose formatting and comments stay (by LibCST, the extra `fix`)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor
from libcst.metadata import MetadataWrapper, PositionProvider

from autoprefetch.advise.fixes import Replacement
from autoprefetch.advise.scanning import names_of_auto, names_to_keep
from autoprefetch.advise.trees import same
from autoprefetch.observe.comments import without_ignore

_IMPORT = re.compile(r"from (?P<module>\S+) import (?P<name>\w+)( as (?P<alias>\w+))?")
_LONG = 100
_INDENT = "    "
_GIVEN = "_given_"
_EXTENSIBLE = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


class NotFoundError(LookupError):
    """Raised where an expression does not stand where it is said to; the message names it."""


class NotParsedError(ValueError):
    """Raised where the source, or what would become of it, is no Python; the message says so."""


def patched(source: bytes, replacements: Sequence[Replacement]) -> bytes:
    """Return a source file with its replacements made.

    Args:
        source: the file as it is.
        replacements: those in this file.

    Raises:
        NotFoundError: an expression is not there.
        NotParsedError: the file is no Python, or would be none.
    """
    try:
        after = _patched(source, replacements)
        ast.parse(after)
    except (SyntaxError, cst.ParserSyntaxError) as error:
        msg = f"it would be no Python any more ({error.args[0] if error.args else error})"
        raise NotParsedError(msg) from error
    return after


def _patched(source: bytes, replacements: Sequence[Replacement]) -> bytes:
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    module = wrapper.module
    positions = wrapper.resolve(PositionProvider)
    nodes = [_node(module, positions, one) for one in replacements]
    wanted = dict(zip(map(id, nodes), replacements, strict=True))
    changed = module.visit(_Replacing(module, wanted, _stale_comments(module, positions, wanted)))
    return _with_imports(changed, replacements).bytes


def _node(module: cst.Module, positions: Any, one: Replacement) -> cst.CSTNode:
    """Find the expression of a replacement: that around its span which is written as it says."""
    _, line, end_line, column, end_column = one.span or ("", 0, 0, 0, 0)
    lines = re.split(r"\r\n|\r|\n", module.code)  # `splitlines` would also end one at a form feed
    start, end = (line, _characters(lines, line, column)), (end_line, _characters(lines, end_line, end_column))
    wanted = same(one.written)
    for node, place in positions.items():
        if not isinstance(node, cst.BaseExpression):
            continue
        begins, ends = (place.start.line, place.start.column), (place.end.line, place.end.column)
        if begins <= start and end <= ends and same(module.code_for_node(node)) == wanted:
            return node
    msg = f"{one.written!r:.80} is not at line {line} any more"
    raise NotFoundError(msg)


def _stale_comments(module: cst.Module, positions: Any, wanted: dict[int, Replacement]) -> dict[int, str]:
    """Return the comments to calls of `auto()` that go, each with what it says beside what is to be ignored."""
    names = names_of_auto(module.code)
    gone, kept = set[int](), set[int]()
    for node, place in positions.items():
        one = wanted.get(id(node))
        is_gone = one is not None and not one.code and not one.is_kept
        if is_gone or (isinstance(node, cst.Call) and _called(node.func) in names):
            (gone if is_gone else kept).update(range(place.start.line, place.end.line + 1))
    comments = {node: place.start.line for node, place in positions.items() if isinstance(node, cst.Comment)}
    return {id(node): without_ignore(node.value) for node, line in comments.items() if line in gone - kept}


def _called(callee: cst.BaseExpression) -> str:
    name = callee.attr if isinstance(callee, cst.Attribute) else callee
    return name.value if isinstance(name, cst.Name) else ""


def _characters(lines: list[str], line: int, column: int) -> int:
    """Turn a column in bytes of UTF-8 into one in characters."""
    return len(lines[line - 1].encode()[:column].decode(errors="replace")) if 0 < line <= len(lines) else column


class _Replacing(cst.CSTTransformer):
    def __init__(self, module: cst.Module, wanted: dict[int, Replacement], comments: dict[int, str]) -> None:
        super().__init__()
        self._module = module
        self._wanted = wanted
        self._comments = comments

    def leave_TrailingWhitespace(  # noqa: N802  (LibCST calls it by the name of the node)
        self, original_node: cst.TrailingWhitespace, updated_node: cst.TrailingWhitespace
    ) -> cst.TrailingWhitespace:
        comment = self._comments.get(id(original_node.comment))
        if comment is None:
            return updated_node
        if not comment:
            return updated_node.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
        return updated_node.with_changes(comment=cst.Comment(comment))

    def leave_EmptyLine(  # noqa: N802
        self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine
    ) -> cst.EmptyLine | cst.RemovalSentinel:
        comment = self._comments.get(id(original_node.comment))
        if comment is None:
            return updated_node
        return updated_node.with_changes(comment=cst.Comment(comment)) if comment else cst.RemoveFromParent()

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        one = self._wanted.get(id(original_node))
        if one is None:
            return super().on_leave(original_node, updated_node)
        if one.code:
            return _in_brackets_of(updated_node, cst.parse_expression(one.code, self._module.config_for_parsing))
        return self._extended(updated_node, one)

    def _extended(self, call: cst.Call, one: Replacement) -> cst.BaseExpression:
        at = next(n for n, arg in enumerate(call.args) if arg.keyword is None or arg.keyword.value == "source")
        argument = call.args[at]
        lines = self._module.code_for_node(call).splitlines()
        is_long = len(one.methods) > 1 and (len(lines) > 1 or len(lines[0]) + sum(map(len, one.methods)) > _LONG)
        extended = self._appended(argument.value, one.methods, is_long=is_long)
        if one.is_kept:
            kept = argument.with_changes(value=extended)
            return call.with_changes(args=[*call.args[:at], kept, *call.args[at + 1 :]])
        if is_long:
            extended = _bracketed(extended, _line(_INDENT), _line(""))
        elif len(lines) > 1:
            before, after = call.whitespace_before_args, argument.whitespace_after_arg
            if isinstance(argument.comma, cst.Comma):
                after = argument.comma.whitespace_after
            extended = _bracketed(extended, before, after)
        return _in_brackets_of(call, extended)

    def _appended(self, given: cst.BaseExpression, methods: tuple[str, ...], *, is_long: bool) -> cst.BaseExpression:
        if not isinstance(given, _EXTENSIBLE) and not given.lpar:
            given = given.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        found = given
        for method in methods:
            link = cst.parse_expression(_GIVEN + method, self._module.config_for_parsing)
            found = _put(link, found, _line(_INDENT) if is_long and method.endswith(")") else None)
        return found


def _put(link: cst.BaseExpression, given: cst.BaseExpression, before: cst.BaseParenthesizableWhitespace | None) -> Any:
    """Put an expression in the place of the name that a link starts from."""
    if isinstance(link, cst.Name):
        return given
    if isinstance(link, cst.Call):
        return link.with_changes(func=_put(link.func, given, before))
    assert isinstance(link, cst.Attribute)
    dot = cst.Dot(whitespace_before=before) if before is not None else link.dot
    return link.with_changes(value=_put(link.value, given, before), dot=dot)


def _line(indent: str) -> cst.ParenthesizedWhitespace:
    return cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))


def _bracketed(
    node: Any, after: cst.BaseParenthesizableWhitespace, before: cst.BaseParenthesizableWhitespace
) -> cst.BaseExpression:
    left, right = cst.LeftParen(whitespace_after=after), cst.RightParen(whitespace_before=before)
    bracketed: cst.BaseExpression = node.with_changes(lpar=[left, *node.lpar], rpar=[*node.rpar, right])
    return bracketed


def _in_brackets_of(before: Any, node: Any) -> cst.BaseExpression:
    """Put the brackets around a node that were around what stood there before."""
    found: cst.BaseExpression = node.with_changes(lpar=[*before.lpar, *node.lpar], rpar=[*node.rpar, *before.rpar])
    return found


def _with_imports(module: cst.Module, replacements: Sequence[Replacement]) -> cst.Module:
    """Add the imports that are needed, each once, and take that of `auto` away where nothing uses it any more."""
    context = CodemodContext()
    for found in _imports(replacements):
        AddImportsVisitor.add_needed_import(context, found["module"], found["name"], found["alias"])
    module = AddImportsVisitor(context).transform_module(module)
    context, taken = CodemodContext(), {name for one in replacements for name in one.exported}
    for name in names_of_auto(module.code) - names_to_keep(module.code) - taken:
        RemoveImportsVisitor.remove_unused_import(context, "autoprefetch", "auto", name if name != "auto" else None)
    return _keeping_lines(module, RemoveImportsVisitor(context).transform_module(module))


def _keeping_lines(before: cst.Module, after: cst.Module) -> cst.Module:
    """Give the blank lines and comments above a statement that was removed to the next one."""
    if len(after.body) != len(before.body) - 1:
        return after
    pairs = enumerate(zip(before.body, after.body, strict=False))
    at = next((number for number, (one, other) in pairs if not one.deep_equals(other)), len(after.body))
    if at == len(after.body):
        return after
    following = after.body[at]
    lines = [*before.body[at].leading_lines, *following.leading_lines]
    return after.with_changes(
        body=[*after.body[:at], following.with_changes(leading_lines=lines), *after.body[at + 1 :]]
    )


def _imports(replacements: Iterable[Replacement]) -> Iterator[re.Match[str]]:
    for line in sorted({line for one in replacements for line in one.imports}):
        if (found := _IMPORT.fullmatch(line)) is not None:
            yield found
