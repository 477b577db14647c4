"""The pytest plugin in a project of its own: fixtures, `learn`, `check` and `shadow`, in one process and in workers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.testing.projects import Project

REQUESTS = """
import pytest

from shop.factories import make_books

pytestmark = pytest.mark.django_db


def test_books(client):
    make_books(3)
    for _ in range(2):
        assert client.get("/books/").status_code == 200


def test_no_books(client):
    assert client.get("/books/").json() == {"books": []}


def test_nothing():
    pass
"""
SHOWING_PUBLISHERS = """
from django.http import JsonResponse

from autoprefetch import auto
from shop.models import Book


def books(request):
    found = auto(Book.objects.order_by("pk"))
    return JsonResponse({"books": [[book.title, book.author.name, book.publisher.name] for book in found]})
"""
LEARN = "--autoprefetch=learn --autoprefetch-file autoprefetch.json"
CHECK = "--autoprefetch=check --autoprefetch-file autoprefetch.json"
FILE = "autoprefetch.json"
PYTEST = "python -m pytest -p autoprefetch.testing.plugin"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.made_in(tmp_path)
    made.write("test_shop.py", REQUESTS)
    return made


def known_to(project: Project) -> dict[str, dict]:
    known = json.loads((project.folder / FILE).read_text())["call_sites"]
    return {key: values for key, values in known.items() if key}


def section(printed: str, mode: str) -> str:
    return re.search(rf"^=+ autoprefetch {mode} =+$\n(.*?)^(?==+)", printed, re.MULTILINE | re.DOTALL)[1]


def test_the_plugin_imports_no_django(project: Project) -> None:
    """Before something is used of it, so that it may be loaded before the settings are known."""
    line = "import sys, autoprefetch.testing.plugin; sys.exit('django' in sys.modules)"
    project.run(f'python -c "{line}"')


def test_it_changes_nothing_unless_asked(project: Project) -> None:
    """Loaded alone, it brings the fixtures, and prints nothing."""
    printed = project.pytest("")
    assert "3 passed" in printed
    assert "autoprefetch" not in printed.replace("-p autoprefetch.testing.plugin", "")


def test_the_fixtures_fail_in_the_traceback_of_the_test(project: Project) -> None:
    """At the line that calls them, and not at teardown; with the line that touches the relation, and the code."""
    project.write(
        "test_shop.py",
        """
        import pytest

        from shop.factories import make_books
        from shop.models import Book

        pytestmark = pytest.mark.django_db


        def test_lazy(client, assert_no_lazy_loads):
            make_books(3)
            with assert_no_lazy_loads():
                client.get("/books/")


        def test_growing(assert_scales):
            assert_scales(make_books, lambda: [book.author.name for book in Book.objects.all()])


        def test_scaling(client, assert_scales):
            assert_scales(make_books, lambda: client.get("/books/"))
        """,
    )
    printed = project.pytest("", code=1)
    assert "2 failed, 1 passed" in printed
    assert ">       with assert_no_lazy_loads():" in printed
    assert "shop/views.py:9 books: author is loaded lazily 3 times an evaluation" in printed
    assert 'Book.objects.order_by("pk").select_related("author")' in printed
    assert "The number of queries grows with the rows: 3 at 2 rows, 11 at 10 rows and 51 at 50 rows." in printed
    assert '.select_related("author")' in printed.partition("51 at 50 rows.")[2]
    assert "ERROR" not in printed


def test_learn_writes_what_the_tests_show(project: Project) -> None:
    """And prints the suggestions."""
    printed = project.pytest(LEARN)
    [(key, values)] = known_to(project).items()
    assert key.endswith(" < GET books/ < shop.Book")
    assert values["totals"]["evaluations"] == 3
    shown = section(printed, "learn")
    assert shown.startswith(f"1 call site learned, and added to {FILE}.\n")
    assert 'Book.objects.order_by("pk").select_related("author")' in shown


def test_a_later_test_may_complete_a_suggestion(project: Project) -> None:
    """What it shows of the same call site takes the place of what was suggested before, also where it saves less."""
    more = '*([book.publisher.name] if "publishers" in request.GET else [])'
    project.write("shop/views.py", SHOWING_PUBLISHERS.replace("book.publisher.name", more))
    project.write(
        "test_shop.py",
        """
        import pytest

        from shop.factories import make_books

        pytestmark = pytest.mark.django_db


        def test_many_books(client):
            make_books(20)
            client.get("/books/")


        def test_publishers(client):
            make_books(5)
            for _ in range(5):
                client.get("/books/", {"publishers": 1})
        """,
    )
    shown = section(project.pytest("--autoprefetch=learn"), "learn")
    assert shown.count("Replace") == 1
    assert '.select_related("author", "publisher")' in shown


def test_learn_adds_to_the_file(project: Project) -> None:
    """So that the parts of a suite can be run one after the other."""
    project.pytest(LEARN)
    project.pytest(f"{LEARN} -k test_no_books")
    [values] = known_to(project).values()
    assert values["totals"]["evaluations"] == 4


def test_a_file_that_cannot_be_written_fails_the_run_and_is_named(project: Project) -> None:
    """After the summary of the tests, and with the suggestions."""
    project.write("taken", "a file, where a folder is wanted")
    printed = project.pytest("--autoprefetch=learn --autoprefetch-file taken/known.json", code=1)
    assert "3 passed" in printed
    found = section(printed, "learn")
    assert "1 call site learned, and lost, because taken/known.json cannot be written (" in found
    assert "name another --autoprefetch-file." in found
    assert "Traceback" not in printed


def test_learn_needs_no_file(project: Project) -> None:
    """Then it prints the suggestions alone."""
    shown = section(project.pytest("--autoprefetch=learn"), "learn")
    assert shown.startswith("1 call site learned, and kept in no file.\n")
    assert not (project.folder / FILE).exists()


def test_tests_may_reset_and_override(project: Project) -> None:
    """What they forget is not forgotten by the run; a store of their own gets what they learn into it."""
    project.write(
        "conftest.py",
        """
        import pytest

        import autoprefetch


        @pytest.fixture(autouse=True)
        def _nothing_learned():
            autoprefetch.reset()
            yield
            autoprefetch.reset()
        """,
    )
    project.write(
        "test_aside.py",
        """
        import pytest

        from shop.factories import make_books


        @pytest.mark.django_db
        def test_aside(client, settings, tmp_path):
            store = {"BACKEND": "autoprefetch.learn.stores.file.FileStore", "OPTIONS": {"PATH": tmp_path / "own.json"}}
            settings.AUTOPREFETCH = {"STORE": store}
            make_books(3)
            client.get("/books/")
        """,
    )
    shown = section(project.pytest(f"{LEARN} test_aside.py test_shop.py"), "learn")
    [values] = known_to(project).values()
    assert values["totals"]["evaluations"] == 3
    assert '.select_related("author")' in shown


def test_check_passes_what_the_file_knows(project: Project) -> None:
    """And writes nothing."""
    project.pytest(LEARN)
    before = (project.folder / FILE).read_bytes()
    shown = section(project.pytest(CHECK), "check")
    assert shown.startswith(f"{FILE} agrees with what was learned of 1 call site.\n")
    assert (project.folder / FILE).read_bytes() == before


@pytest.mark.parametrize("workers", ["", "-n 2"])
def test_check_fails_the_test_that_shows_a_new_lazy_load(project: Project, workers: str) -> None:
    """Its own report names the line and the code; tests that show nothing new pass.

    Workers of pytest-xdist learn together, and check together.
    """
    shown = section(project.pytest(f"{LEARN} {workers}"), "learn")
    assert shown.startswith("1 call site learned")
    assert [values["totals"]["evaluations"] for values in known_to(project).values()] == [3]
    project.write("shop/views.py", SHOWING_PUBLISHERS)
    printed = project.pytest(f"{CHECK} {workers}", code=1)
    assert "1 failed, 2 passed" in printed
    report = printed.partition("FAILURES")[2].partition("= autoprefetch check =")[0]
    assert "_ test_books _" in report
    assert "shop/views.py:9 books: publisher is loaded lazily 3 times" in report
    assert "is not in the committed file" in report
    assert 'Book.objects.order_by("pk").select_related("author", "publisher")' in report
    assert f"Or run `pytest --autoprefetch=learn --autoprefetch-file {FILE}`" in printed
    assert "ERROR" not in printed


def test_check_fails_a_unittest_the_same_way(project: Project) -> None:
    """Whose runner catches what the test raises."""
    project.write(
        "test_shop.py",
        """
        from django.test import TestCase

        from shop.factories import make_books


        class BooksTest(TestCase):
            def test_books(self):
                make_books(3)
                self.client.get("/books/")

            def test_nothing(self):
                pass
        """,
    )
    project.write(FILE, '{"format": 1, "call_sites": {}}')
    printed = project.pytest(CHECK, code=1)
    assert "1 failed, 1 passed" in printed
    assert "_ BooksTest.test_books _" in printed
    assert "author is loaded lazily 3 times" in printed.partition("= autoprefetch check =")[0]


def test_check_adds_to_a_failure_that_a_test_has_of_its_own(project: Project) -> None:
    """Which stays what it is."""
    project.write("test_shop.py", REQUESTS.replace("status_code == 200", "status_code == 404"))
    project.write(FILE, '{"format": 1, "call_sites": {}}')
    printed = project.pytest(CHECK, code=1)
    assert "assert 200 == 404" in printed
    assert "author is loaded lazily 3 times" in printed.partition("Captured autoprefetch check call")[2]


def test_check_fails_the_run_for_what_nothing_uses(project: Project) -> None:
    """But not where only some tests ran: the others may use it."""
    project.pytest(LEARN)
    project.write("test_shop.py", "def test_nothing():\n    pass\n\n\ndef test_nothing_else():\n    pass\n")
    shown = section(project.pytest(CHECK, code=1), "check")
    assert "is in the committed file, and nothing used it. Have a test use it if production does." in shown
    for some in ("-k nothing_else", "test_shop.py::test_nothing"):
        assert "not every test ran and passed" in section(project.pytest(f"{CHECK} {some}"), "check")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--autoprefetch=check", "needs --autoprefetch-file FILE"),
        (CHECK, "cannot be read"),
        ("--autoprefetch=shadow --autoprefetch-file missing.json", "cannot be read"),
        (f"--autoprefetch-file {FILE}", "needs --autoprefetch=learn, check or shadow"),
    ],
)
def test_what_is_missing_is_said_at_once(project: Project, options: str, message: str) -> None:
    """As an error of the command line."""
    printed = project.run(f"{PYTEST} {options} 2>&1", code=4)
    assert message in printed


@pytest.mark.parametrize("mode", ["learn", "shadow"])
def test_wrong_settings_are_said_at_once(project: Project, mode: str) -> None:
    """Autoprefetch would be off, and nothing be found."""
    project.write(
        "mysite/settings.py", (project.folder / "mysite/settings.py").read_text() + 'AUTOPREFETCH = {"MODUS": 1}\n'
    )
    assert "MODUS" in project.run(f"python -m pytest -p autoprefetch.testing.plugin --autoprefetch={mode} 2>&1", code=4)


def test_a_project_without_settings_is_told_so(tmp_path: Path) -> None:
    """As by Django, with what to do."""
    project = Project(tmp_path)
    project.write("test_it.py", "def test_it():\n    pass\n")
    printed = project.run(
        "python -m pytest -p autoprefetch.testing.plugin -p no:django --autoprefetch=learn 2>&1", code=4
    )
    assert "--autoprefetch needs a Django that is set up" in printed


def test_shadow_says_how_much_it_compared(project: Project) -> None:
    """So that one sees that it did."""
    shown = section(project.pytest("--autoprefetch=shadow"), "shadow")
    compared = re.match(r"(\d+) evaluations and accesses of 1 call site were compared with plain Django", shown)
    assert int(compared[1]) >= 9
    assert "none differs" in shown


def test_shadow_begins_with_what_the_file_knows(project: Project) -> None:
    """So that what production applies is compared from the first evaluation on."""
    project.pytest(LEARN)
    project.write(
        "test_shop.py",
        """
        import pytest
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from shop.factories import make_books


        @pytest.mark.django_db
        def test_books(client):
            make_books(3)
            with CaptureQueriesContext(connection) as queries:
                client.get("/books/")
            assert len(queries) == 1, queries.captured_queries
        """,
    )
    printed = project.pytest(f"--autoprefetch=shadow --autoprefetch-file {FILE}")
    assert section(printed, "shadow").startswith("4 evaluations and accesses of 1 call site")


@pytest.mark.parametrize("swallowed", [False, True])
def test_shadow_fails_where_results_differ(project: Project, swallowed: bool) -> None:
    """At the line that touches the relation; and where the program swallows that, once the test is over."""
    project.write(
        "conftest.py",
        """
        import pytest

        from autoprefetch.observe.epochs import Epochs


        @pytest.fixture(autouse=True)
        def _no_barrier(monkeypatch):
            monkeypatch.setattr(Epochs, "move", lambda self, tables, everything: None)
        """,
    )
    touch = "str(book.author.name)"
    if swallowed:
        touch = "swallow(lambda: book.author.name)"
    project.write(
        "test_shop.py",
        f"""
        import pytest

        from autoprefetch import auto
        from shop.factories import make_books
        from shop.models import Author, Book


        def swallow(action):
            try:
                action()
            except Exception:  # as a template does with what it cannot read
                pass


        @pytest.mark.django_db
        def test_books():
            make_books(3)
            for number, book in enumerate(auto(Book.objects.order_by("pk"))):
                {touch}
                Author.objects.update(name=f"A{{number}}")
        """,
    )
    printed = project.pytest("--autoprefetch=shadow", code=1)
    assert "1 failed" in printed
    assert "shop.Book.author of test_books (test_shop.py:18) is not what plain Django gives." in printed
    assert "shop.Author(pk=2).name: 'A' with autoprefetch, 'A0' with plain Django" in printed
    assert (f">           {touch}" in printed) is not swallowed
    assert "differ." in section(printed, "shadow")
