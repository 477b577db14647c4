"""How Sphinx builds these pages: `sphinx-build -W docs docs/_build`, with the extra `docs` and without a network."""

import os
import sys
import tomllib
from pathlib import Path

import django

HERE = Path(__file__).parent

# What autodoc imports are modules of a Django project.
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("AUTOPREFETCH_ONLY_SQLITE", "1")
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

project = "autoprefetch"
author = "autoprefetch contributors"
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "inventories"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"django\.db\.models\.manager\.Manager"),  # as annotations name it; its page says Manager
    # What is not public:
    ("py:class", r"autoprefetch\.(proxy\.\w+T|learn\.histories\.History|plan\.\w+\.(Plan|Situation|Choices))"),
]

smartquotes = False  # `""` is an empty string

# Markdown -----------------------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The API ------------------------------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"  # as docstrings use it, and as Markdown does
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Links to other documentation -----------------------------------------------------------------------------------------

intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", str(HERE / "inventories" / "python.inv")),
    "django": ("https://docs.djangoproject.com/en/stable/", str(HERE / "inventories" / "django.inv")),
}

# The look -----------------------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"autoprefetch {release}"
html_copy_source = False
html_show_copyright = False
