"""One call site: its relations with marks, numbers and reasons, its code, and how to ignore it."""

from __future__ import annotations

import ast
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from autoprefetch import auto, conf
from autoprefetch.advise.keys import place_of
from autoprefetch.evaluation import engine
from autoprefetch.learn.decisions import Decision
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile
from autoprefetch.learn.stores.file import FileStore
from autoprefetch.rules import FILE_STORE
from autoprefetch.surveying import ELSEWHERE, ORDERING, Surveyed, decide, diff_of, survey
from autoprefetch.web.dashboard.branches import GIVEN_UP, PLAIN, Mark, Node, tree
from autoprefetch.web.dashboard.changes import changes
from autoprefetch.web.dashboard.ignoring import IN_MEMORY, choices, ignoring
from tests.library.models import Book
from tests.stores import kept_in
from tests.web.dashboard.sites import COLD, NAMED, OTHERS, UNUSED, WARM, address, client, history, used

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def site(fragment: str) -> Surveyed:
    [found] = [one for one in survey() if fragment in one.report.key]
    return found


def stored(key: str, known: History) -> Surveyed:
    engine.store.merge(key, known)
    return site(key)


def nodes(found: list[Node], above: str = "") -> dict[str, Node]:
    """Return the nodes of a tree by their lookups."""
    flat = {}
    for node in found:
        flat[f"{above}{node.name}"] = node
        flat |= nodes(node.below, f"{above}{node.name}__")
    return flat


def marks(found: Surveyed) -> dict[str, list[str]]:
    return {path: [str(mark) for mark in node.marks] for path, node in nodes(tree(found)).items()}


def page(found: Surveyed, *permissions: str) -> str:
    return unescape(client(*permissions).get(address(found.report.key)).content.decode())


# The tree -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
def test_each_branch_is_marked_with_how_it_is_loaded(database):
    """Below the relation that it starts from, with what it leads to."""
    found = nodes(tree(site("CatalogueView")))
    assert {path: [str(mark) for mark in node.marks] for path, node in found.items()} == {
        "author": ["joined"],
        "author__archive": ["joined"],
        "contributions": ["batched"],
        "publisher": ["joined"],
        "tags": ["prefetched"],
    }
    assert {path: node.leads for path, node in found.items()} == {
        "author": "foreign key to library.Author",
        "author__archive": "foreign key to library.Archive",
        "contributions": "a query for each parent, by a reverse foreign key to library.Contribution",
        "publisher": "foreign key to library.Publisher",
        "tags": "many-to-many to library.Tag",
    }
    assert all(node.reason for node in found.values())
    assert dict(found["author"].figures) == {
        "used by": "100% of evaluations", "plain Django": "16 queries", "loaded ahead in": "75%"
    }  # fmt: skip
    assert found["tags"].touched.startswith("tests/library/views.py:")


@pytest.mark.usefixtures("evaluated")
def test_what_each_way_would_cost_is_drawn_and_the_chosen_one_is_marked(database):
    """The way that is applied is the cheapest of those that are permitted."""
    found = nodes(tree(site("CatalogueView")))
    chosen = {path: [way.label for way in node.ways if way.is_chosen] for path, node in found.items()}
    assert chosen == {
        "author": ["join"], "author__archive": ["join"], "contributions": ["batch"], "publisher": ["join"],
        "tags": ["prefetch"],
    }  # fmt: skip
    assert [way.label for way in found["author"].ways] == ["lazy", "batch", "join", "prefetch"]
    assert [way.label for way in found["contributions"].ways] == ["lazy", "batch"]
    assert found["author"].ways[0].width == "100.0%"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (WARM, {"branch": ["joined", "prefetched"], "branch__street": ["joined"], "copies": ["batched"]}),
        (UNUSED, {"author": ["joined", "prefetched"], "tags": ["lazy", "unused"]}),
        (NAMED, {"author": ["joined", "prefetched"], "publisher": ["joined", "prefetched"]}),
    ],
)
def test_call_sites_of_other_processes_are_marked_too(key, expected, database):
    """Both ways, where the ordering of a query that is not known here decides; unused is what nobody used of late."""
    found = stored(key, OTHERS[key])
    assert marks(found) == expected
    assert nodes(tree(found))["author" if key != WARM else "branch"].is_either


def test_a_relation_that_one_instance_uses_stays_lazy(database):
    """There is nobody to answer for."""
    found = stored("view <  < library.Book", history(10, 1, tags=used(4, 1)))
    assert marks(found) == {"tags": ["lazy"]}


def test_what_is_ignored_is_lazy_for_all(database):
    """No batch is made for it."""
    with override_settings(AUTOPREFETCH={"IGNORE": ["library.Book.tags"]}):
        found = stored("view <  < library.Book", history(10, 16, author=used(10, 16), tags=used(10, 16)))
        assert marks(found)["tags"] == ["lazy"]
        assert marks(found)["author"] == ["joined", "prefetched"]


def test_in_strict_mode_nothing_is_batched(database):
    """What is not loaded ahead is an error there."""
    known = history(100, 16, author=used(20, 16), tags=used(5, 16))
    assert marks(stored("view <  < library.Book", known))["tags"] == ["batched"]
    with override_settings(AUTOPREFETCH={"MODE": "strict"}):
        assert not [found for found in marks(site("view")).values() if "batched" in found]


@pytest.mark.usefixtures("evaluated")
def test_what_was_rolled_back_runs_as_plain_django(database):
    """All of it after a fault; one path after batches that were slower."""
    found = site("AuthorsView")
    assert marks(found) == {"mentor": ["lazy"]}
    assert nodes(tree(found))["mentor"].reason == PLAIN
    assert "Rolled back." in page(found)
    [standing] = [one for one in engine.standings.all() if "Catalogue" in one.site.key]
    for _ in range(3):
        standing.watches.loaded_alone(("tags",), 0.000_1)
        standing.watches.batched(("tags",), 16, 1.0, 0.000_5)
    found = site("CatalogueView")
    assert (marks(found)["tags"], marks(found)["author"]) == (["lazy"], ["joined"])
    assert nodes(tree(found))["tags"].reason == GIVEN_UP


def test_what_the_caller_loads_and_what_is_gone_is_marked(library, database):
    """The one is known where it was evaluated, the other everywhere."""
    for _ in range(3):
        for book in auto(Book.objects.select_related("author").order_by("pk")):
            assert book.author.archive is None or book.author.archive.shelfmark
    [found] = survey()
    assert marks(found)["author"] == ["by the caller"]
    assert marks(found)["author__archive"] == ["joined"]
    gone = stored("old <  < library.Book", history(3, 16, writer=used(3, 16), writer__archive=used(3, 16)))
    assert marks(gone) == {"writer": ["gone"], "writer__archive": ["gone"]}
    assert "has no relation 'writer' any more" in page(gone)


def test_paths_without_a_parent_of_their_own_have_a_place_in_the_tree(database):
    """Steps through derived queries and generic foreign keys are named by the attribute."""
    usages: dict[Any, Any] = {
        ("tags(0badcafe)", "books"): used(4, 16),
        ("subject[library.Book]", "author"): used(4, 16),
    }
    found = stored("view <  < library.Comment", History.of(Profile(4, 64, 4, usages=usages), 0))
    assert set(nodes(tree(found))) == {"tags", "tags__books", "subject", "subject__author"}
    assert nodes(tree(found))["subject"].leads == "generic foreign key to library.Book"
    assert "subject" in page(found)


def test_every_mark_of_a_tree_is_explained_below_it(database):
    """And no other."""
    text = page(stored(WARM, OTHERS[WARM])).partition('<dl class="meanings">')[2].partition("</dl>")[0]
    assert re.findall(r'class="mark (\w+)"', text) == ["joined", "prefetched", "batched"]
    assert {mark.name.lower() for mark in Mark} == {
        "joined",
        "prefetched",
        "batched",
        "lazy",
        "unused",
        "given",
        "gone",
    }


# The code -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
def test_the_code_comes_with_what_it_replaces_its_imports_and_its_second_edit(database):
    """Each piece can be pasted as it is."""
    found = site("CatalogueView").suggestion()
    assert found is not None
    call, imports, edit, whole = changes(found, diff_of(site("CatalogueView"), found))
    assert call.replaces == 'auto(Book.objects.order_by("title", "pk"))'
    assert ".select_related(" in call.code
    assert "Prefetch(" in call.code
    assert imports.code.splitlines() == [
        "from django.db.models import Prefetch",
        "from tests.library.models import Contribution",
    ]
    assert edit.replaces == 'book.contributions.order_by("position", "pk")[:2]'
    assert edit.code == "book.prefetched_contributions"
    assert edit.place.startswith("tests/library/views.py:")
    for piece in (call, imports, edit):
        ast.parse(piece.code)
    assert whole.code.startswith("--- a/tests/library/views.py\n+++ b/tests/library/views.py\n")
    subprocess.run(["git", "apply", "--check", "-"], input=whole.code, text=True, check=True, cwd=ROOT)
    text = page(site("CatalogueView"))
    blocks = re.findall(r'<code id="(code-\d)">(.*?)</code>', text, flags=re.DOTALL)
    assert [unescape(code) for _, code in blocks] == [call.code, imports.code, edit.code, whole.code]
    assert re.findall(r'data-copies="(code-\d)" hidden', text) == [name for name, _ in blocks]


def test_where_the_source_is_not_known_the_methods_to_append_are_shown(database):
    """With what is to be known about them."""
    text = page(stored(WARM, OTHERS[WARM]))
    assert '<code id="code-0">.select_related("branch__street")</code>' in text
    assert ELSEWHERE[1:] in text
    assert ORDERING[1:] in text
    assert "Add to your query" in text
    assert "It runs 37 queries by plain Django, and 2 as it is loaded now." in text


def test_before_it_is_warm_the_queries_after_are_a_prediction(database):
    """And called one."""
    assert "It runs 501 queries by plain Django, and will run" in page(stored(COLD, OTHERS[COLD]))


def test_columns_that_nobody_reads_are_named(database):
    """By the lookup that leads to them."""
    read = {(): frozenset({"title", "author_id"}), ("author",): frozenset({"name"})}
    profile = Profile(8, 128, 8, usages={("author",): used(8, 16)}, inspected=2, columns=read)
    text = page(stored("view <  < library.Book", History.of(profile, 0)))
    assert "Columns that nobody reads" in text
    assert "<dt><code>library.Book</code></dt><dd><code>category, imprint, pages, published" in text
    assert "<dt><code>author</code></dt><dd><code>archive, mentor</code></dd>" in text


# Where it is, and how to ignore it ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("evaluated")
def test_it_says_where_it_is(database):
    """The line, where this process knows it; the callers and the route by the key."""
    text = page(site("CatalogueView"))
    assert re.search(r"tests/library/views\.py:\d+</bdi>", text)
    assert "GET catalogue/" in text
    text = page(stored(WARM, OTHERS[WARM]))
    assert "GET branches/<int:pk>/shelves/" in text
    assert "Last evaluated by this process" not in text


def test_the_line_to_ignore_it_works_when_it_is_pasted(library, database):
    """It stands for the call, from wherever it is evaluated, and the page says how many that are."""

    def books() -> Any:
        return auto(Book.objects.order_by("pk"))

    def first() -> None:
        assert all(book.author for book in books())

    def second() -> None:
        assert all(book.author for book in books())

    first()
    second()
    found, other = survey()
    line = ignoring(found, survey()).line
    settings = ast.literal_eval(f"{{{line}}}")
    assert settings == {"IGNORE": [found.origin]}
    assert f'<code id="ignore">{line}</code>' in page(found)
    assert "that ignores 1 call site more" in page(other)
    with override_settings(AUTOPREFETCH=settings):
        first()
        second()
        assert [one.report.totals.evaluations for one in survey()] == [1, 1]
        assert f"It is ignored by <code>{found.origin}</code>" in page(found)


def test_the_line_to_leave_one_relation_lazy_works_too(database):
    """For each relation of the plan."""
    found = stored(WARM, OTHERS[WARM])
    lines = ignoring(found, survey()).relations
    assert lines == [
        '"IGNORE": ["library.Branch.street"],',
        '"IGNORE": ["library.Shelf.branch"],',
        '"IGNORE": ["library.Shelf.copies"],',
    ]
    with override_settings(AUTOPREFETCH=ast.literal_eval(f"{{{lines[1]}}}")):
        assert marks(site(WARM))["branch"] == ["lazy"]


def test_a_name_can_be_ignored_only_where_its_place_is_known(library, database):
    """The page says so elsewhere."""
    assert "only a process that has evaluated it knows where it is" in page(stored(NAMED, OTHERS[NAMED]))
    list(auto(Book.objects.all(), name="mine"))
    found = site("mine < ")
    assert place_of(found.report.key).module == ""
    assert ast.literal_eval(f"{{{ignoring(found, survey()).line}}}") == {"IGNORE": [found.origin]}


def test_what_can_be_ignored_is_offered(database):
    """All of it, and each relation that the code itself does not load, by its lookup, whatever shapes it has."""
    usages: dict[Any, Any] = {
        ("tags(0badcafe)",): used(4, 16),
        ("tags(0badcafe)", "books"): used(4, 16),
        ("tags",): used(4, 16),
        ("author", "archive"): used(4, 16),
        ("writer",): used(4, 16),
    }
    profile = Profile(4, 64, 4, usages=usages, forms=frozenset({"ordered; joins author"}))
    found = stored("view <  < library.Book", History.of(profile, 0))
    assert [choice.name for choice in choices(found)] == ["*", "author__archive", "tags", "tags__books"]
    with override_settings(AUTOPREFETCH={"IGNORE": ["library.Book.tags"]}):
        assert [choice.name for choice in choices(site("view"))] == ["*", "author__archive", "tags__books"]


def test_a_relation_that_is_ignored_is_marked_lazy_with_its_queries(database):
    """And can be taken back, also once the models do not have it any more."""
    usages: dict[Any, Any] = {("tags(0badcafe)",): used(4, 16), ("tags",): used(4, 16), ("author",): used(4, 16)}
    found = stored("view <  < library.Book", History.of(Profile(4, 64, 4, usages=usages), 0))
    assert marks(found)["tags"] == ["batched"]
    decide(found, "tags", ignores=True)
    node = nodes(tree(site("view")))["tags"]
    assert ([str(mark) for mark in node.marks], node.reason) == (["lazy"], "it is ignored")
    text = page(site("view"), "change_callsite")
    assert 'Stop ignoring<span class="visually-hidden"> tags</span>' in text
    gone = {"decisions": {"writer": Decision(5, ignores=True)}}
    engine.store.merge("view <  < library.Book", History(**gone))
    assert [choice.name for choice in choices(site("view")) if choice.since] == ["tags", "writer"]


def test_it_says_how_long_a_decision_holds(tmp_path, database):
    """Where that is not for all processes and for good."""
    assert IN_MEMORY in page(stored(WARM, OTHERS[WARM]), "change_callsite")
    file = {"BACKEND": FILE_STORE, "OPTIONS": {"PATH": str(tmp_path / "known.json")}}
    with kept_in(FILE_STORE, **file["OPTIONS"]):
        engine.open_store(conf.current())
        assert ignoring(stored(WARM, OTHERS[WARM]), survey()).held == ""
        with override_settings(AUTOPREFETCH={"MODE": "apply", "STORE": file}):
            assert "MODE is 'apply', and the store is a file: it holds until" in page(site(WARM), "change_callsite")


def test_a_decision_that_cannot_be_written_is_said_to_be(tmp_path, database):
    """With what holds now, where, and what to do; it is written once that can be done."""
    path = tmp_path / "known.json"
    with kept_in(FILE_STORE, PATH=str(path)):
        engine.open_store(conf.current())
        stored(COLD, OTHERS[COLD])
        lock = path.with_name("known.json.lock")
        lock.unlink()
        lock.mkdir()  # so that nobody can write, whoever runs the test
        staff = client("change_callsite")
        answer = staff.post(address(COLD, "ignore"), {"name": "*"})
        text = unescape(answer.content.decode())
        assert answer.status_code == 503
        assert "The FileStore cannot be written" in text
        assert "It failed with <code>IsADirectoryError</code>" in text
        assert "What you decided holds in the process that answers, and in no other" in text
        assert '"IGNORE": ["library.loans:OverdueView.get/auto#0"],' in text
        assert "<strong>Ignored</strong> since" in staff.get(address(COLD)).content.decode()
        assert not FileStore(path).load(COLD).is_ignored  # type: ignore[union-attr]
        lock.rmdir()
        assert staff.post(address(COLD, "ignore"), {"name": "reader"}).status_code == 302
        assert set(FileStore(path).load(COLD).decisions) == {"*", "reader"}  # type: ignore[union-attr]
