"""What a person who installs the distribution gets, and what the repository holds."""

import re
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

from autoprefetch.web.dashboard.assets import PANEL_TYPES, TYPES

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

#: What the repository may hold at its top level, beside dotfiles.
HOUSE = {"LICENSE", "README.md", "autoprefetch", "demo_site", "docs", "pyproject.toml", "tests"}
#: What tools leave behind, which git ignores.
LEFTOVERS = {"__pycache__", "build", "dist", "htmlcov"}


@pytest.fixture(scope="module")
def distribution() -> metadata.Distribution:
    try:
        return metadata.distribution("autoprefetch")
    except metadata.PackageNotFoundError:
        pytest.fail("autoprefetch is not installed in this environment; run: python -m pip install -e .")


def versions_in(texts: list[str], pattern: str) -> set[str]:
    return {match[1] for text in texts if (match := re.fullmatch(pattern, text))}


def test_the_installed_version_is_the_one_in_pyproject_and_heads_the_changelog(distribution):
    """The version stands in pyproject.toml; what is installed and what is announced agree with it."""
    assert distribution.version == PYPROJECT["project"]["version"]
    headings = re.findall(r"^## (\S+)", (ROOT / "docs" / "changelog.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == distribution.version


def test_the_runtime_needs_four_packages_and_no_more(distribution):
    """What only demos, drivers and tests need is in extras."""
    requirements = [line for line in distribution.requires if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in requirements} == {"django", "sqlparse", "structlog", "wrapt"}


def test_the_metadata_name_the_license_and_the_extras(distribution):
    """The package index shows what one asks first."""
    assert distribution.metadata["License-Expression"] == "BSD-3-Clause"
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    assert distribution.metadata["Summary"]
    assert set(distribution.metadata.get_all("Provides-Extra")) == {
        "benchmarks",
        "browser",
        "demo",
        "dev",
        "docs",
        "fix",
        "mysql",
        "postgres",
        "redis",
        "test",
        "toolbar",
    }


def test_the_classifiers_promise_the_versions_that_are_tested(distribution):
    """Each Python and Django of the classifiers has its environment in tox, and the other way round."""
    classifiers = distribution.metadata.get_all("Classifier")
    environments = PYPROJECT["tool"]["tox"]["env"].values()
    assert versions_in(classifiers, r"Programming Language :: Python :: (3\.\d+)") == versions_in(
        [python for environment in environments for python in environment["base_python"]], r"python(.+)"
    )
    assert versions_in(classifiers, r"Framework :: Django :: (\d\.\d)") == versions_in(
        [package for environment in environments for package in environment["deps"]], r"django~=(.+)\.0"
    )


def test_type_checkers_see_that_the_package_is_typed(distribution):
    """PEP 561 asks for the marker file inside the package."""
    assert resources.files("autoprefetch").joinpath("py.typed").is_file()
    assert "Typing :: Typed" in distribution.metadata.get_all("Classifier")


def test_the_pages_of_the_dashboard_are_installed_with_their_files():
    """Templates, style sheet, script and icon lie beside the code that reads them, in the wheel too."""
    installed = resources.files("autoprefetch.web.dashboard")
    checkout = ROOT / "autoprefetch" / "web" / "dashboard"
    names = {"base.html", "call_site.html", "call_sites.html", "changes.html", "code.html", "trouble.html"}
    assert names <= {entry.name for entry in installed.joinpath("templates").iterdir()}
    assert {entry.name for entry in installed.joinpath("static").iterdir()} == {*TYPES, *PANEL_TYPES}
    if checkout.is_dir():  # it is not where the built distribution is tested
        assert {entry.name for entry in checkout.joinpath("templates").iterdir()} == {
            entry.name for entry in installed.joinpath("templates").iterdir()
        }


def test_the_panel_of_the_debug_toolbar_is_installed_with_its_template():
    """Which is looked for without importing the panel: that needs the toolbar."""
    installed = resources.files("autoprefetch.web") / "toolbar" / "templates"
    assert {entry.name for entry in installed.iterdir()} == {"toolbar.html"}


def test_the_top_level_of_the_repository_holds_only_the_house():
    """Nothing is put at the top level that does not have to be there."""
    entries = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith(".")}
    assert entries - HOUSE - LEFTOVERS == set()
