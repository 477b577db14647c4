"""The panel in a real browser: opened, read, copied from, and opened again for a past request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.test import Client, override_settings
from pytest_django.live_server_helper import LiveServer

from tests.browsers import Visit, launched, needs_browser, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("library"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def server(_toolbar: None) -> Iterator[str]:
    """Serve the project with the files of the toolbar."""
    running = LiveServer("localhost")
    running.thread.httpd.daemon_threads = False  # so that those which still answer are waited for at the end
    yield running.url
    running.stop()


def opened(visit: Visit, address: str) -> None:
    """Go to a page and open the panel."""
    visit.page.goto(address)
    visit.page.locator("#djDebugPanelList a.AutoprefetchPanel").click()
    visit.page.locator("#AutoprefetchPanel .autoprefetch").wait_for()


def copied(visit: Visit, number: int) -> str:
    """Press a copy button, and return what is in the clipboard then."""
    visit.page.locator("#AutoprefetchPanel button.copy").nth(number).click()
    visit.page.locator("#autoprefetch-copied", has_text="Copied.").wait_for(state="attached")
    return str(visit.page.evaluate("() => navigator.clipboard.readText()"))


@pytest.mark.parametrize("shadow", [True, False], ids=["shadow", "page"])
def test_the_code_is_copied_from_the_panel(browser, server, database, shadow):
    """From the shadow tree that the toolbar lives in by default, and from the page itself."""
    Client().get("/books/")
    with (
        override_settings(DEBUG_TOOLBAR_CONFIG={"USE_SHADOW_DOM": shadow}),
        visiting(browser, server, permissions=["clipboard-read", "clipboard-write"]) as visit,
    ):
        opened(visit, "/books/")
        assert visit.page.locator("#djdt-AutoprefetchPanel small").inner_text().startswith("3 queries, plain Django ")
        assert copied(visit, 0) == visit.page.locator("#autoprefetch-0-0").text_content()
        assert '.select_related("author")' in str(visit.page.evaluate("() => navigator.clipboard.readText()"))
        if shadow:
            visit.shoot("toolbar")
        assert visit.complaints == []


def test_without_a_clipboard_the_code_is_selected(browser, server, database):
    """In the shadow tree too, so that the keyboard copies it."""
    with visiting(browser, server) as visit:
        visit.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        opened(visit, "/books/")
        visit.page.locator("#AutoprefetchPanel button.copy").first.click()
        visit.page.locator("#autoprefetch-copied", has_text="Selected.").wait_for(state="attached")
        code = visit.page.locator("#autoprefetch-0-0")
        selected = code.evaluate("(code) => code.getRootNode().getSelection().toString()")
        assert selected == code.text_content()
        assert visit.complaints == []


def test_the_style_sheet_is_in_force_in_both_themes(browser, server, database):
    """Its rules are stronger than the reset of the toolbar."""
    for scheme, colour in (("light", "rgb(235, 229, 248)"), ("dark", "rgb(47, 37, 80)")):
        with visiting(browser, server, color_scheme=scheme) as visit:
            opened(visit, f"/books/?{scheme}")
            mark = visit.page.locator("#AutoprefetchPanel td .mark.batched").first
            # The panel links to the style sheet, which comes after it.
            visit.page.wait_for_function(
                "([mark, colour]) => getComputedStyle(mark).backgroundColor === colour",
                arg=[mark.element_handle(), colour],
            )


def test_a_past_request_is_opened_from_the_history(browser, server, database):
    """Its panel takes the place of that of the page, with buttons that copy."""
    Client().get("/maybe/")
    with visiting(browser, server, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.page.goto("/plain/")
        visit.page.locator("#djDebugPanelList a.HistoryPanel").click()
        visit.page.locator("#HistoryPanel tr", has_text="/maybe/").locator("button.switchHistory").click()
        visit.page.locator("#djdt-AutoprefetchPanel small", has_text="2 queries").wait_for()
        visit.page.locator("#djDebugPanelList a.AutoprefetchPanel").click()
        assert copied(visit, 0) == 'Book.objects.order_by("title", "pk").select_related("author")'
        assert visit.complaints == []
