"""The public names: what the package says it has is there, and nothing else looks public."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import autoprefetch
from autoprefetch import errors


def public_names(module: ModuleType) -> set[str]:
    return {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    } - {"annotations"}


def test_all_is_complete():
    """`__all__` holds every public name of the package, and each of them exists."""
    assert set(autoprefetch.__all__) == public_names(autoprefetch)


def test_the_promised_names_are_there():
    """The five functions of the design, and the errors that they raise."""
    promised = {"auto", "override", "report", "reset", "suggestions"}
    assert promised | {"InvalidSettingsError", "LazyLoadError"} <= set(autoprefetch.__all__)


def test_all_errors_are_public():
    """A caller can catch each of them from the package."""
    assert set(errors.__all__) == public_names(errors)
    assert set(errors.__all__) <= set(autoprefetch.__all__)
    assert all(name in (errors.__doc__ or "") for name in errors.__all__)


def test_all_is_sorted_and_has_no_doubles():
    """So that a diff of it can be read."""
    assert list(autoprefetch.__all__) == sorted(set(autoprefetch.__all__))


@pytest.mark.parametrize("name", autoprefetch.__all__)
def test_every_public_name_is_documented(name):
    """Each has a docstring of its own that begins with a sentence."""
    first = (inspect.getdoc(getattr(autoprefetch, name)) or "").partition("\n")[0]
    assert first.endswith((".", ":"))


def test_the_signature_of_auto_is_the_promised_one():
    """`auto(source, *, name=None, ignore=())`."""
    parameters = [p for p in inspect.signature(autoprefetch.auto).parameters.values() if not p.name.startswith("_")]
    assert [(p.name, p.default) for p in parameters[1:]] == [("name", None), ("ignore", ())]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[1:])


def test_errors_cannot_be_hidden_by_templates_or_hasattr():
    """Neither is an AttributeError, a lookup error that templates swallow, or silent."""
    error = autoprefetch.LazyLoadError
    assert not issubclass(error, (AttributeError, TypeError, KeyError, ValueError, IndexError))
    assert not hasattr(error, "silent_variable_failure")


def test_the_package_tells_its_story():
    """`help(autoprefetch)` shows what to write."""
    assert "auto(" in (autoprefetch.__doc__ or "")
