"""A small Django project on SQLite, in a folder of its own, whose tests are run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["autoprefetch", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
URLS = """
from django.urls import path
from shop.views import books

urlpatterns = [path("books/", books)]
"""
MODELS = """
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=20)


class Publisher(models.Model):
    name = models.CharField(max_length=20)


class Book(models.Model):
    title = models.CharField(max_length=20)
    author = models.ForeignKey(Author, models.CASCADE)
    publisher = models.ForeignKey(Publisher, models.CASCADE)
"""
VIEWS = """
from django.http import JsonResponse

from autoprefetch import auto
from shop.models import Book


def books(request):
    found = auto(Book.objects.order_by("pk"))
    return JsonResponse({"books": [[book.title, book.author.name] for book in found]})
"""
FACTORIES = """
from shop.models import Author, Book, Publisher


def make_books(count):
    for number in range(count):
        author, publisher = Author.objects.create(name="A"), Publisher.objects.create(name="P")
        Book.objects.create(title=f"B{number}", author=author, publisher=publisher)
"""
PYTEST = """
[pytest]
DJANGO_SETTINGS_MODULE = mysite.settings
python_files = test_*.py tests.py
"""

FILES = {
    "mysite/__init__.py": "",
    "mysite/settings.py": SETTINGS,
    "mysite/urls.py": URLS,
    "shop/__init__.py": "",
    "shop/models.py": MODELS,
    "shop/views.py": VIEWS,
    "shop/factories.py": FACTORIES,
    "pytest.ini": PYTEST,
}


@dataclass(frozen=True)
class Project:
    """The project in its folder."""

    folder: Path

    @classmethod
    def made_in(cls, folder: Path) -> Project:
        project = cls(folder)
        for name, text in FILES.items():
            project.write(name, text)
        return project

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())

    def run(self, command: str, code: int = 0) -> str:
        """Run a command with the Python of these tests, and return what it prints."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        env = {**kept, "PATH": path, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}", "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(
            ["sh", "-e", "-c", command], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == code, f"{command}\n{run.stdout}\n{run.stderr}"
        return run.stdout

    def pytest(self, options: str, code: int = 0) -> str:
        """Run pytest with the plugin."""
        return self.run(f"python -m pytest -p autoprefetch.testing.plugin -p no:cacheprovider -W error {options}", code)
