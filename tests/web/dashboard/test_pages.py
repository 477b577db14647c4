"""Every page: its headers, its files, what it never shows, and that it is there whatever the store is."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connections
from django.test import Client, override_settings
from django.utils.html import escape

from autoprefetch import auto, override, stores
from autoprefetch.database.store import DatabaseStore
from autoprefetch.evaluation import engine
from autoprefetch.web.dashboard import assets
from autoprefetch.web.dashboard.pages import POLICY
from tests import databases
from tests.library.models import Author, Book, Comment, Publisher, Reader
from tests.stores import kept_in
from tests.web.dashboard.sites import COLD, GONE, LIST, NAMED, OTHERS, UNUSED, WARM, address, client, history, used

FILE = "autoprefetch.learn.stores.file.FileStore"
CACHE = "autoprefetch.learn.stores.cache.CacheStore"
DATABASE = "autoprefetch.database.store.DatabaseStore"
STRANGE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7|add:7 }}{% now 'Y' %}",
    "a" * 5000,
    "schön Ω 🐍 \u202egnirts",
    "line\nline\r\n\u2028line\ttab",
    "a < b < c",
    "",
    "../..//?q=#x",
    "\ud800",
]


class Document(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture
def staff(db: None) -> Client:
    return client("delete_callsite")


def document(staff: Client, page: str = LIST, status: int = 200) -> Document:
    answer = staff.get(page)
    assert answer.status_code == status
    return Document(answer.content.decode())


def every_page(staff: Client) -> list[str]:
    """Return the list, and the page of each call site in it."""
    listed = staff.get(LIST).content.decode()
    found = re.findall(rf'href="({LIST}call-sites/\w+/)"', listed)
    return [listed, *(staff.get(page).content.decode() for page in found)]


# Headers and files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [LIST, address(COLD), address("nothing")])
def test_every_page_forbids_what_is_inline_or_comes_from_elsewhere(staff, page):
    """And is kept by nobody."""
    engine.store.merge(COLD, OTHERS[COLD])
    answer = staff.get(page)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_page_has_anything_inline_or_from_elsewhere(staff, database):
    """Neither a style, nor a handler, nor a script, nor an address of another host."""
    for text in every_page(staff):
        for tag, attributes in Document(text).tags:
            assert tag != "style"
            assert tag != "script" or (attributes["src"] or "").startswith(f"{LIST}assets/")
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
            addresses = [attributes[name] for name in ("href", "src", "action") if attributes.get(name)]
            assert not [address for address in addresses if not re.match(r"/autoprefetch/|\?|#main$", address or "")]


def test_the_files_are_served_to_anybody_and_kept_for_good(staff):
    """By an address that changes with them; that of another version is served, and asked for again."""
    for name, kind in assets.TYPES.items():
        [found] = re.findall(rf'"({LIST}assets/\w+/{re.escape(name)})"', staff.get(LIST).content.decode())
        answer = Client().get(found)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        assert answer.content == (assets.FOLDER / name).read_bytes()
        assert "immutable" in answer.headers["Cache-Control"]
        assert Client().head(found).status_code == 200
        assert Client().post(found).status_code == 405
        assert Client().get(f"{LIST}assets/0/{name}").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["urls.py", "..%2furls.py", "base.html", "dashboard.css.map"])
def test_no_other_file_is_served(name, db):
    """By no address."""
    assert Client().get(f"{LIST}assets/0/{name}").status_code == 404


def test_the_style_sheet_and_the_script_ask_for_nothing():
    """No font, no picture, no import."""
    for name in ("dashboard.css", "dashboard.js"):
        text = (assets.FOLDER / name).read_text()
        assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttpRequest|innerHTML|eval\(", text)


# What is never shown --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_neither_row_data_nor_what_a_fault_says_is_shown(staff, database):
    """Only the class of the fault; the log has the rest."""
    pages = every_page(staff)
    assert len(pages) == len(OTHERS) + 3
    text = " ".join(Document(page).text for page in pages)
    assert "ValueError" in text
    assert "hunter2" not in text
    models = ((Book, "title"), (Author, "name"), (Publisher, "name"), (Comment, "text"), (Reader, "name"))
    values = {value for model, name in models for value in model._default_manager.values_list(name, flat=True)}
    assert len(values) > 20
    assert not [value for value in values if re.search(rf"\b{re.escape(value)}\b", text)]
    assert not re.search(r"\bSELECT\b|\bWHERE\b|\bFROM\b", text)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("rest", [" < library.Book", "/auto#0 < GET x/ < library.Book", ""])
def test_names_of_any_text_are_shown_as_they_are(staff, name, rest):
    """Escaped once, in the list and on a page of their own, and found by searching."""
    key = f"{name}{rest}"
    engine.store.merge(key, history(3, 4, 2, 1, author=used(3, 4, ahead=2, place=name)))
    for page in (LIST, address(key)):
        answer = staff.get(page)
        assert answer.status_code == 200
        found = Document(answer.content.decode(errors="surrogatepass"))
        assert not [tag for tag, _ in found.tags if tag == "img"]
        [script] = [attributes["src"] for tag, attributes in found.tags if tag == "script"]
        assert script == f"{LIST}assets/{assets.asset('dashboard.js').digest}/dashboard.js"
        if name != "\ud800":  # it is no text, and shown escaped
            assert all(" ".join(part.split()) in found.text for part in name.split(" < "))
            assert "All 1" in document(staff, f"{LIST}?{urlencode({'q': name[:200]})}").text


def test_what_is_searched_for_is_escaped(staff):
    """In the field and in the addresses of the filters."""
    engine.store.merge(COLD, OTHERS[COLD])
    text = staff.get(LIST, {"q": STRANGE[1], "show": STRANGE[0], "page": STRANGE[0]}).content.decode()
    assert escape(STRANGE[1]) in text
    assert "<img" not in text
    assert "No call site is like that." in text


# Numbers --------------------------------------------------------------------------------------------------------------


def test_drawings_are_the_same_in_each_language(staff):
    """No comma gets into SVG, where numbers are written with commas."""
    engine.store.merge(WARM, OTHERS[WARM])
    for language in ({}, {"LANGUAGE_CODE": "de", "USE_I18N": True, "USE_THOUSAND_SEPARATOR": True}):
        with override_settings(**language):
            text = staff.get(address(WARM)).content.decode()
            widths = re.findall(r'<rect class="[\w-]+" width="([^"]*)"', text)
            assert len(widths) > 10
            assert all(re.fullmatch(r"\d+(\.\d)?%", width) for width in widths)
            assert "14,124" in text


# Stores ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["file", "locmem", pytest.param("redis", marks=pytest.mark.needs("redis")), "database"])
def setting(request: pytest.FixtureRequest, tmp_path: Path, transactional_db: None) -> Any:
    kind = request.param
    if kind == "file":
        found = {"BACKEND": FILE, "OPTIONS": {"PATH": str(tmp_path / "store.json")}}
    elif kind == "database":
        found = {"BACKEND": DATABASE, "OPTIONS": {}}
    else:
        found = {"BACKEND": CACHE, "OPTIONS": {"ALIAS": "default" if kind == "locmem" else kind}}
    with kept_in(found["BACKEND"], **found["OPTIONS"]):
        yield found
        engine.store.clear()
        if kind == "database":  # Django keeps a connection to a database in memory, and this one dies with its thread
            engine.store._call(lambda: connections["default"].connection.close())
    caches["default"].clear()


def test_each_store_is_shown_before_this_process_has_evaluated_anything(setting):
    """What other processes have learned is there, and can be forgotten."""
    stores.shared(setting).merge_many(OTHERS)
    staff = client("delete_callsite")
    page = document(staff)
    assert f"All {len(OTHERS)}" in page.text
    assert setting["BACKEND"].rpartition(".")[2] in page.text
    assert "memory of the process" not in page.text
    assert "OverdueView.get" in document(staff, address(COLD)).text
    assert staff.post(address(COLD, "forget")).status_code == 302
    assert {key for key, found in stores.shared(setting).items() if found} == set(OTHERS) - {COLD}
    assert f"All {len(OTHERS) - 1}" in document(staff).text


def test_what_was_learned_just_now_is_shown_with_what_others_learned(setting):
    """It is brought to the store first."""
    stores.shared(setting).merge_many(OTHERS)
    Book.objects.bulk_create([Book(title=title, pages=1, published="2020-01-01", author_id=Author.objects.create().pk)
                              for title in "ab"])  # fmt: skip
    for _ in range(2):
        assert all(book.author for book in auto(Book.objects.order_by("pk")))
    assert f"All {len(OTHERS) + 1}" in document(client()).text


@pytest.mark.parametrize("count", [1, 120])
def test_the_number_of_queries_does_not_grow(count, db):
    """The session, the user and, where it matters, their permissions; the store answers once, whatever it knows."""
    staff = client("delete_callsite")
    for number in range(count):
        engine.store.merge(f"shop.views:view{number}/auto#0 < GET x/ < library.Book", OTHERS[UNUSED])
    key = "shop.views:view0/auto#0 < GET x/ < library.Book"
    for page, queries in ((LIST, 2), (address(key), 4)):
        staff.get(page)
        with databases.count_queries() as log:
            assert staff.get(page).status_code == 200
        assert len(log) == queries, log


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 60])
def test_a_database_store_is_read_by_one_query(count):
    """However much it knows."""
    store = DatabaseStore()
    store.merge_many({f"view{number} < library.Book": OTHERS[NAMED] for number in range(count)})
    with databases.count_queries() as log:
        assert len(store.items()) == count
    assert len(log) == 1, log


def test_a_store_that_is_down_is_said_to_be(staff, caplog):
    """With what to do, without what the error says; the log has it."""
    down = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    with override_settings(CACHES={**settings.CACHES, "down": down}), kept_in(CACHE, ALIAS="down"):
        for page in (LIST, address(COLD)):
            answer = staff.get(page)
            assert answer.status_code == 503
            assert answer.headers["Content-Security-Policy"] == POLICY
            text = Document(answer.content.decode()).text
            assert "The CacheStore cannot be used" in text
            assert "ConnectionError" in text
            assert "AUTOPREFETCH['STORE']" in text
            assert "127.0.0.1" not in text
        assert staff.post(address(COLD, "forget")).status_code == 503
    assert "127.0.0.1" in caplog.text


# Circumstances --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "each other process has its own"),
        ({"MODE": "off"}, 'MODE is "off"'),
        ({"MODE": "learn"}, "The marks say what would be"),
        ({"MODE": "apply"}, "nothing is learned"),
        ({"MODE": "strict"}, "lazy loads are errors"),
        ({"MODE": "fast"}, "Run manage.py check"),
    ],
)
def test_what_the_settings_say_stands_above(staff, given, text):
    """As far as it matters for reading the page; a wrong value is not shown."""
    engine.store.merge(COLD, OTHERS[COLD])
    with override_settings(AUTOPREFETCH=given):
        for page in (LIST, address(COLD)):
            found = document(staff, page).text
            assert text in found
            assert '"fast"' not in found


def test_an_empty_list_says_what_to_do(staff):
    """Before anything was learned."""
    assert "Nothing was learned yet." in document(staff).text


def test_what_is_not_known_any_more_says_so(staff):
    """As a page of its own."""
    assert "Nothing is known of this call site" in document(staff, address("gone"), 404).text


def test_a_model_that_is_gone_is_a_reason_and_no_error(staff):
    """Its counts are shown."""
    engine.store.merge(GONE, OTHERS[GONE])
    assert "model is gone" in document(staff).text
    found = document(staff, address(GONE)).text
    assert "no installed model is called 'library.Vanished'" in found
    assert "There is nothing to change." in found


def test_the_pages_are_there_in_a_block_that_is_off(staff):
    """Looking does not depend on it."""
    engine.store.merge(COLD, OTHERS[COLD])
    with override(MODE="off"):
        assert "All 1" in document(staff).text
