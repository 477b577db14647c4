"""The browser that some tests drive: Debian's chromium, by Playwright (extra `browser`), which downloads none.

Where one of them is missing, `MISSING` keeps the reason, which the skipped tests show. Where
AUTOPREFETCH_REQUIRE_BROWSER is set, as in `.ci/run`, that stops the run instead.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

EXECUTABLE = os.environ.get("AUTOPREFETCH_CHROMIUM", "/usr/bin/chromium")
REQUIRED = bool(os.environ.get("AUTOPREFETCH_REQUIRE_BROWSER"))

#: Where the screenshots for the documentation are written, if that is asked for: a usual run changes no file.
SCREENSHOTS = os.environ.get("AUTOPREFETCH_SCREENSHOTS", "")

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


def reason_missing() -> str:
    """Say in one line why no browser can be driven, "" if one can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed; the extra `browser` has it"
    if not os.access(EXECUTABLE, os.X_OK):
        return f"{EXECUTABLE} is not there; Debian's package chromium has it"
    return ""


MISSING = reason_missing()
#: Not everybody who runs the tests has a browser; where one is required, as in CI, `conftest.py` stops the run instead.
needs_browser = pytest.mark.skipif(bool(MISSING), reason=f"no browser: {MISSING}")


@contextmanager
def launched() -> Iterator[Browser]:
    """Run the browser.

    Playwright runs an event loop in the thread of the test, where Django then refuses its database: it is told that the
    test itself is not async.
    """
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A visitor of the site, whose browser says what it does not like.

    Attributes:
        complaints: errors of the console, violations of the Content-Security-Policy, and what could not be loaded.
        hosts: what was asked for anything.
    """

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.context: BrowserContext = browser.new_context(base_url=address, **{"viewport": DESK, **options})
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self._lost(request.url, request.failure))
        self.page.on("request", lambda request: self.hosts.add(request.url.partition("//")[2].partition("/")[0]))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _lost(self, address: str, failure: str | None) -> None:
        if failure != "net::ERR_ABORTED":  # the visitor went on before it came
            self.complaints.append(f"{address} {failure}")

    def log_in(self, cookies: Any) -> None:
        """Take over the session of a client of Django's, given its cookies."""
        self.context.add_cookies([{"name": "sessionid", "value": cookies["sessionid"].value, "url": self.address}])

    def shoot(self, name: str, **options: Any) -> None:
        """Take a picture for the documentation, if that is asked for."""
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=folder / f"{name}.png", animations="disabled", **options)


@contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """Open a page of its own, with cookies of its own."""
    visit = Visit(browser, address, **options)
    try:
        yield visit
    finally:
        visit.context.close()
