"""The system checks: wrong settings are found before the first request."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.checks import Error, Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

#: Those of the models would ask the databases.
TAGS = [Tags.compatibility]


def errors() -> list[Error]:
    return [message for message in run_checks(tags=TAGS) if message.id.startswith("autoprefetch.")]


@pytest.mark.parametrize("right", [{}, {"MODE": "off"}, {"MODE": "strict", "IGNORE": ["library.*"], "MAX_BATCH": 5}])
def test_right_settings_pass(right):
    """Nothing is said where nothing is wrong."""
    with override_settings(AUTOPREFETCH=right):
        assert errors() == []


def test_a_project_without_the_setting_passes():
    """Every key has a default."""
    assert errors() == []


def test_each_wrong_key_is_an_error_of_its_own():
    """Each names its key, its value and what is allowed, and has an id that can be silenced."""
    with override_settings(AUTOPREFETCH={"MODE": "on", "AHEAD": 1, "MODUS": "auto", "MAX_BATCH": 100}):
        found = errors()
    assert {error.id for error in found} == {"autoprefetch.E001"}
    assert all(isinstance(error, Error) for error in found)
    texts = sorted(error.msg for error in found)
    assert len(texts) == 3
    assert "'AHEAD'" in texts[1]
    assert "1" in texts[1]
    assert "True or False" in texts[1]
    assert "'on'" in texts[2]
    assert '"auto" or "learn" or "apply" or "strict" or "off"' in texts[2]
    assert "'MODUS'" in texts[0]


def test_a_label_that_no_model_has_is_named():
    """The right ones beside it are not."""
    with override_settings(AUTOPREFETCH={"SCOPE": ["library.Book", "library.Bok"]}):
        [error] = errors()
    assert "No installed model is called 'library.Bok'." in error.msg


@pytest.mark.parametrize("wrong", [None, "off", ["MODE"]])
def test_a_setting_that_is_no_dict_is_an_error(wrong):
    """The check does not stumble over it."""
    with override_settings(AUTOPREFETCH=wrong):
        [error] = errors()
    assert repr(wrong) in error.msg
    assert "dict" in error.msg


def test_the_check_command_fails_and_says_what_to_do():
    """`manage.py check` shows the message and a hint."""
    with override_settings(AUTOPREFETCH={"MODE": "on"}), pytest.raises(SystemCheckError) as raised:
        call_command("check", tags=TAGS)
    text = str(raised.value)
    assert "autoprefetch.E001" in text
    assert "'on'" in text
    assert "HINT" in text


def test_a_mode_that_applies_nothing_is_a_warning(tmp_path: Path) -> None:
    """A wrong path would else go unseen: all runs, as plain Django."""
    file = tmp_path / "autoprefetch.json"
    store = {"BACKEND": "autoprefetch.learn.stores.file.FileStore", "OPTIONS": {"PATH": file}}
    said = []
    for given in ({"MODE": "apply"}, {"MODE": "apply", "STORE": store}, {"MODE": "auto", "STORE": store}):
        with override_settings(AUTOPREFETCH=given):
            said.append([(found.id, found.msg) for found in errors()])
    [[memory], [missing], learning] = said
    assert memory[0] == missing[0] == "autoprefetch.W001"
    assert "the memory of the process" in memory[1]
    assert f"there is no file {file}." in missing[1]
    assert learning == []
    file.write_text("{}")
    with override_settings(AUTOPREFETCH={"MODE": "apply", "STORE": store}):
        assert errors() == []
