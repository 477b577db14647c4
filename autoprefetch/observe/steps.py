"""Steps: a name for each place within a function where a call or a loop may evaluate a queryset.

A step is what is called, or the kind of instruction, with its count among those of the same name: `auto#0`, `list#1`,
`get_iter#0`. So it survives lines moved and other statements added.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from types import CodeType

_ANONYMOUS = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one code object by offset; holding the code keeps its identity from being reused."""

    code: CodeType
    offsets: tuple[int, ...]
    names: tuple[str, ...]

    def at(self, offset: int) -> str:
        """Return the step that is running when the last instruction was at an offset."""
        return self.names[max(bisect_right(self.offsets, offset) - 1, 0)]


def steps_of(code: CodeType) -> Steps:
    """Name the steps of a code object."""
    instructions = list(dis.get_instructions(code))
    body = f"~{_body(code)}" if code.co_name in _ANONYMOUS else ""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for at, instruction in enumerate(instructions):
        name = instruction.opname.lower()
        if name.startswith("call") and at and instructions[at - 1].opname == "PRECALL":
            # Python 3.11 runs a call at either instruction, depending on how often it ran before.
            names.append(names[-1])
            continue
        if name.startswith(("call", "precall")):
            name = _callee(instructions, at) or "call"
        names.append(f"{name}#{seen[name]}{body}")
        seen[name] += 1
    return Steps(code, tuple(instruction.offset for instruction in instructions), tuple(names))


def _body(code: CodeType) -> str:
    """Tell anonymous functions of one function apart by what they do, because they share its name."""
    constants = [_body(constant) if isinstance(constant, CodeType) else constant for constant in code.co_consts]
    said = repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants))
    return blake2b(said.encode(), digest_size=3).hexdigest()


def _callee(instructions: list[dis.Instruction], at: int) -> str | None:
    """Find the name that a call instruction calls: what was loaded last from where the call expression starts."""
    start = instructions[at].positions
    if start is None or start.col_offset is None:
        return None
    for instruction in reversed(instructions[:at]):
        position = instruction.positions
        if (
            position is not None
            and (position.lineno, position.col_offset) == (start.lineno, start.col_offset)
            and (position.end_lineno, position.end_col_offset) != (start.end_lineno, start.end_col_offset)
            and instruction.opname.startswith("LOAD_")
            and isinstance(instruction.argval, str)
        ):
            return instruction.argval
    return None
