"""Tell whether all endpoints answered the same, and if not, where they part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def first_difference(bodies: Mapping[str, bytes]) -> str | None:
    """Compare bodies with the first of them: JSON by its values, all else by its lines.

    Args:
        bodies: The bodies by the names of their endpoints.

    Returns:
        A sentence about the first place where two bodies differ, or None when all are equal.
    """
    (reference, expected), *others = bodies.items()
    for name, body in others:
        if body != expected:
            return describe(reference, content(expected), name, content(body))
    return None


def content(body: bytes) -> Any:
    """Read a body as JSON, or as a list of lines."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace").splitlines()


def describe(reference: str, expected: Any, name: str, actual: Any) -> str:
    """Say at which path two values differ, and what each holds there."""
    path, left, right = diverging(expected, actual, "body")
    return f"{name} and {reference} answered differently: {path} is {right} in {name}, and {left} in {reference}."


def diverging(expected: Any, actual: Any, path: str) -> tuple[str, str, str]:
    """Walk down to the first values that differ."""
    if isinstance(expected, dict) and isinstance(actual, dict) and list(expected) == list(actual):
        pairs = [(f"{path}.{key}", expected[key], actual[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(expected, actual, strict=True))]
    else:
        return path, brief(expected), brief(actual)
    for place, left, right in pairs:
        if left != right:
            return diverging(left, right, place)
    return path, "written otherwise", "equal in value"


def brief(value: Any) -> str:
    """Show a value on one line, a long one by its size."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object with " + ", ".join(value)
    return json.dumps(value)
