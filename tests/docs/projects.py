"""The project that the pages talk of, and what a reader does in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT

from tests.docs.blocks import ROOT, Block, page

MANAGE = """\
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
execute_from_command_line(sys.argv)
"""
SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "autoprefetch", "shop"]
MIDDLEWARE = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
URLS = """\
from django.urls import path
from shop.views import books
urlpatterns = [path("books/", books)]
"""
VIEWS = """\
from django.http import JsonResponse
from autoprefetch import auto
from shop.models import Book

def books(request):
    return JsonResponse({"books": [[book.title, book.author.name] for book in auto(Book.objects.order_by("pk"))]})
"""
REQUESTS = """\
import sys
from contextlib import ExitStack
import django
from asgiref.sync import async_to_sync
django.setup()
from django.apps import apps
from django.db import connections
from django.test import AsyncClient, Client
path, *expected = sys.argv[1:]
is_async = path.startswith("async:")
client = AsyncClient() if is_async else Client()
if apps.is_installed("django.contrib.admin"):
    from django.contrib.auth.models import User
    User.objects.filter(username="staff").delete()
    client.force_login(User.objects.create_superuser("staff"))
found = []
for _ in expected:
    queries = []
    def count(execute, sql, *others):
        queries.append(sql)
        return execute(sql, *others)
    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(count))
        client.raise_request_exception = False
        get = async_to_sync(client.get) if is_async else client.get
        response = get(path.removeprefix("async:"))
    found.append(str(len(queries)) if response.status_code == 200 else str(response.status_code))
print(" ".join(found))
"""
SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE=mysite.settings"
SET_UP = "import django\ndjango.setup()\n"


def from_tutorial(file: str) -> str:
    """Return a file as the tutorial gives it first."""
    return next(block.text for block in page("docs/tutorial.md").blocks if block.file == file)


def matches(expected: str, printed: str) -> bool:
    """Compare what was printed with what a page shows; `...` stands for anything, with the blanks around it."""
    parts = re.split(r" *\.\.\. *", expected.strip())
    return re.fullmatch(".*?".join(map(re.escape, parts)), printed.strip(), re.DOTALL) is not None


@dataclass
class Project:
    """A folder with a Django project in it; what is done there is done by processes of its own."""

    folder: Path
    printed: str = ""
    pending: list[str] = field(default_factory=list)
    is_configured: bool = False

    def begin(self) -> None:
        """Lay the project that most pages begin with: the shop of the tutorial, with the tutorial's rows in it."""
        files = {"manage.py": MANAGE, "mysite/__init__.py": "", "mysite/settings.py": SETTINGS, "mysite/urls.py": URLS}
        files |= {"shop/__init__.py": "", "shop/models.py": from_tutorial("shop/models.py"), "shop/views.py": VIEWS}
        files |= {"seed.py": from_tutorial("seed.py")}
        for name, text in files.items():
            self.put(name, text)
        self.run("git init -q")
        self.run("python manage.py migrate --run-syncdb -v 0 && python manage.py shell -v 0 < seed.py")
        (self.folder / "seed.py").unlink()

    def copied_to(self, folder: Path) -> Project:
        """Return the same in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Project(folder)

    def put(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write(self, block: Block) -> None:
        """Write the file that a block gives; settings are appended to those that are there."""
        before = (self.folder / block.file).read_text() if block.file.endswith("settings.py") else ""
        self.put(block.file, before + block.text)
        self.is_configured |= bool(before)

    def follow(self, blocks: Iterable[Block], until: str = "") -> None:
        """Do what blocks say, up to the one that begins with a text."""
        for block in blocks:
            self.do(block)
            if until and block.text.startswith(until):
                break
        self.run_pending()
        if self.is_configured:
            self.run("python manage.py check")

    def do(self, block: Block) -> None:
        """Do what one block says."""
        if block.said("not run") or block.said("command"):  # .ci/run runs the README's two commands
            return
        if block.comment != "continues":
            self.run_pending()
        if block.comment == "output":
            shown = f"line {block.line} shows:\n{block.text}\nand it is:\n{self.printed}"
            assert matches(block.text, self.printed), shown
        elif block.file and block.language in ("python", "text", "html"):
            self.write(block)
        elif block.language == "python":
            self.pending.append(block.text)
        elif block.language == "queries":
            self.count(block)
        elif block.language == "sh":
            self.run(block.text, int(block.said("exit") or 0))

    def count(self, block: Block) -> None:
        """Send the requests that a page counts the queries of."""
        path, _, expected = block.text.partition(" ")
        numbers = expected.replace(",", "")
        self.put("requests_counted.py", REQUESTS)
        found = self.run(f"{SETTINGS_MODULE} python requests_counted.py {path} {numbers}").splitlines()[-1]
        assert found == numbers, f"line {block.line}: {block.text}, and it is {found}"

    def run_pending(self) -> None:
        """Run the Python that has been collected, as one file."""
        if self.pending:
            self.put("snippet.py", SET_UP + "\n".join(self.pending))
            self.pending.clear()
            self.run(f"{SETTINGS_MODULE} python snippet.py")

    def run(self, command: str, code: int = 0) -> str:
        """Run shell commands, and return what they print.

        Raises:
            AssertionError: they end with another status than the given one.
        """
        env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "PYTHONPATH": str(ROOT)}
        env |= {"PYTHONUNBUFFERED": "1"}  # what is printed and what is logged, in the order that a person sees
        env |= {"PYTHONDONTWRITEBYTECODE": "1"}  # an edit within a second would not be seen
        arguments = ["sh", "-e", "-c", command]
        run = subprocess.run(arguments, cwd=self.folder, env=env, stdout=PIPE, stderr=STDOUT, text=True, check=False)
        assert run.returncode == code, f"{command}\n{run.stdout}"
        self.printed = run.stdout
        return run.stdout
