"""Projects: folders of modules in version control that `fix` changes, with a store that learns from them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core.management import call_command

from autoprefetch.evaluation import engine
from autoprefetch.learn.front import Front
from tests.equivalence.comparing import Run, runs

FILE = "autoprefetch.learn.stores.file.FileStore"
HEAD = "from autoprefetch import auto\nfrom tests.library.models import Author, Book, Imprint, Tag\n\n\n"
_numbers = count()


class Project:
    """A folder of modules in version control, and a store that learns from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false")
        run = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    def module(self, source: str | bytes, name: str = "") -> ModuleType:
        """Write a module, commit it and import it."""
        name = name or f"fixed_{next(_numbers)}"
        path = self.folder / f"{name}.py"
        path.write_bytes(source.encode() if isinstance(source, str) else source)
        self.commit()
        return importlib.import_module(name)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "As it is")

    def again(self, module: ModuleType) -> ModuleType:
        """Import a module anew, as a new process does."""
        importlib.invalidate_caches()
        del sys.modules[module.__name__]
        return importlib.import_module(module.__name__)

    @staticmethod
    def text(module: ModuleType) -> str:
        assert module.__file__
        return Path(module.__file__).read_bytes().decode()


def learned(view: Callable[[], Any], times: int = 3) -> tuple[Run, Run]:
    """Run a view until it is warm; return its plain run and its last one."""
    plain, *_, warm = runs(view, times)
    assert plain.error is None, plain.error
    assert warm.outcome == plain.outcome
    return plain, warm


def plainly(view: Callable[[], Any]) -> Run:
    [plain] = runs(view, 0)
    return plain


def command(*arguments: str) -> tuple[str, str]:
    """Run the command; return what it wrote to standard output and to standard error."""
    engine.take_in()
    if isinstance(engine.store, Front):
        engine.store.flush()
    out, error = StringIO(), StringIO()
    call_command("autoprefetch", *arguments, stdout=out, stderr=error)
    return out.getvalue(), error.getvalue()


def fix_and_compare(project: Project, module: ModuleType, *options: str) -> tuple[str, str]:
    """Learn, write the fix, and run the module without autoprefetch; return what it is now, and the remarks."""
    plain, warm = learned(module.view)
    assert warm.queries < plain.queries
    out, remarks = command("fix", "--write", *options)
    assert "is changed." in out, remarks
    by_fix = plainly(project.again(module).view)
    assert by_fix.outcome == plain.outcome
    assert by_fix.queries <= warm.queries, f"{project.text(module)}\n{by_fix.log}\n{warm.log}"
    return project.text(module), remarks
