"""The pages of the reference: what they list is what there is. Commands, logs and signals have tests of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from inspect import signature
from typing import Any

import pytest
from django.core import checks
from django.test import override_settings
from django.utils.module_loading import import_string

import autoprefetch
from autoprefetch.conf import Config
from autoprefetch.learn.stores.memory import MemoryStore
from autoprefetch.rules import INTERVALS, MODES, SCOPES, problems_of
from tests.docs.blocks import ROOT

REFERENCE = ROOT / "docs" / "reference"
SETTINGS = (REFERENCE / "settings.md").read_text()
API = (REFERENCE / "api.md").read_text()


def table(text: str, heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table whose first heading is given."""
    found = re.search(rf"^\| {heading} \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, heading
    for line in found[1].splitlines():
        yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_every_setting_is_described() -> None:
    """With its default."""
    described = {row[0].strip("`"): row[2] for row in table(SETTINGS, "key")}
    config = Config()
    defaults: dict[str, Any] = {field.name.upper(): getattr(config, field.name) for field in fields(Config)}
    assert described.keys() == defaults.keys()
    for key, shown in described.items():
        value = eval(shown.strip("`"), {})
        assert value == (list(defaults[key]) if key == "IGNORE" else defaults[key]), key
        assert not problems_of({key: value}), key


@pytest.mark.parametrize(("key", "choices"), [("MODE", MODES), ("SCOPE", SCOPES)])
def test_every_choice_is_described(key: str, choices: tuple[str, ...]) -> None:
    """In the table of the settings, and by itself below."""
    [row] = [row for row in table(SETTINGS, "key") if row[0] == f"`{key}`"]
    section = SETTINGS.partition(f"\n## {key}\n")[2].partition("\n## ")[0]
    for choice in choices:
        assert f'`"{choice}"`' in row[3]
        assert f'`"{choice}"`' in section


def test_every_store_and_option_is_described() -> None:
    """Those that each of them takes, and the intervals that all shared ones take."""
    described = {row[0].strip("`"): set(re.findall(r"`([A-Z_]+)`:", row[2])) for row in table(SETTINGS, "backend")}
    found = {
        f"{store.__module__}.{store.__qualname__}": {name.upper() for name in signature(store).parameters}
        for store in map(import_string, described)
        if store is not MemoryStore
    }
    assert described == {**found, f"{MemoryStore.__module__}.MemoryStore": set()}
    assert len(described) == 4
    assert all(f"`{interval}`" in SETTINGS for interval in INTERVALS)


def check_ids() -> set[str]:
    """Return the ids of the messages that the package's modules can make."""
    texts = [path.read_text() for path in (ROOT / "autoprefetch").rglob("*.py")]
    return {found for text in texts for found in re.findall(r"id=\"(autoprefetch\.[A-Z]\d+)\"", text)}


def test_every_check_is_described() -> None:
    """With its level."""
    described = {row[0].strip("`"): row[1] for row in table((REFERENCE / "checks.md").read_text(), "id")}
    assert described.keys() == check_ids()
    for settings in ({"MODE": "fast"}, {"MODE": "apply"}):
        with override_settings(AUTOPREFETCH=settings):
            messages = [m for m in checks.run_checks(tags=[checks.Tags.compatibility]) if "autoprefetch" in str(m.id)]
        for message in messages:
            assert described[str(message.id)] == type(message).__name__.lower()


def test_every_public_name_is_in_the_api() -> None:
    """Errors come with their module."""
    shown = set(re.findall(r"auto(?:function|class):: autoprefetch\.(\w+)$", API, re.MULTILINE))
    assert shown | {"InvalidSettingsError", "LazyLoadError"} == set(autoprefetch.__all__)
    assert "automodule:: autoprefetch.errors" in API


def test_what_the_api_names_exists() -> None:
    """Also where Sphinx is not installed."""
    for name in re.findall(r"auto(?:function|class):: ([\w.]+)", API):
        assert import_string(name).__doc__, name
