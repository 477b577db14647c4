"""Importing on demand: a package has its public names without having imported them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import autoprefetch
from autoprefetch import testing


def imported_by(code: str) -> set[str]:
    """Return the top-level packages that some code imports, in a process of its own."""
    report = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("module", ["autoprefetch", "autoprefetch.testing", "autoprefetch.testing.plugin"])
def test_a_package_alone_imports_no_django(module):
    """So a plugin of it may be loaded before Django is set up."""
    assert "django" not in imported_by(f"import {module}")


@pytest.mark.parametrize("name", autoprefetch.__all__)
def test_any_public_name_brings_the_engine(name):
    """It listens for `SCOPE`, which `override()` changes too."""
    code = f"from autoprefetch import {name}\nassert 'autoprefetch.evaluation' in sys.modules"
    assert "django" in imported_by(code)


@pytest.mark.parametrize("package", [autoprefetch, testing])
def test_other_names_are_missing_as_usual(package):
    """With the message of Python."""
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'nonsense'$"):
        _ = package.nonsense
    assert not hasattr(package, "nonsense")
