"""The demo site in a browser: a click, four waterfalls; strict policy, phone, dark, keyboard, no JavaScript.

`AUTOPREFETCH_SCREENSHOTS=docs/images` keeps the pictures that the documentation shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import SCREENSHOTS, launched, needs_browser
from tests.demo_site.sites import Site, served

pytest.importorskip("rest_framework", reason="the demo site needs Django REST framework (the extra `demo`)")

pytestmark = needs_browser

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
SCREENS = [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone")]
SCHEMES = ["light", "dark"]

#: The contrast of two colours by WCAG 2, of the element and the nearest background around it.
CONTRAST = """(element) => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) => {
            const share = part / 255;
            return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let around = element;
    const isClear = (one) => getComputedStyle(one).backgroundColor === 'rgba(0, 0, 0, 0)';
    while (isClear(around) && around.parentElement) around = around.parentElement;
    const style = getComputedStyle(element);
    const front = light(element instanceof SVGElement ? style.fill : style.color);
    const back = light(getComputedStyle(around).backgroundColor);
    return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; for this module only, since Playwright's event loop would be in the way of other tests."""
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def site(browser: Any) -> Iterator[Site]:
    with served("--latency", "1.2") as site:
        yield site


@contextmanager
def visitor(browser: Any, site: Site, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """A new window at the start page, and what its console complains of."""
    context = browser.new_context(base_url=site.url, **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: answer.ok or answer.status == 302 or complaints.append(answer.url))
    page.goto("/")
    yield page, complaints
    context.close()


def run(page: Any, name: str) -> None:
    page.get_by_role("button", name=f"Run four ways: {name}").click()
    page.wait_for_url(f"**/try/{name}/")
    page.locator("svg.waterfalls").wait_for()


def keep(page: Any, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS)
def test_a_click_shows_four_waterfalls_side_by_side(browser: Any, site: Site, screen: Any, scheme: str) -> None:
    """All bars of a column lie in it, the columns from left to right, and nothing has to be scrolled sideways."""
    with visitor(browser, site, color_scheme=scheme, **screen) as (page, complaints):
        for name in ("catalogue", "dashboard"):
            page.goto("/")
            assert_fits(page)
            run(page, name)
            assert_fits(page)
            columns = page.locator("svg.waterfalls g.column")
            assert columns.count() == 4
            right = 0.0
            for column in columns.all():
                whole = column.locator(".whole").bounding_box()
                assert whole["x"] > right
                right = whole["x"] + whole["width"]
                boxes = column.locator(".bar").evaluate_all("bars => bars.map((bar) => bar.getBoundingClientRect())")
                assert column.locator("text").nth(1).text_content() == f"{len(boxes)} queries"
                assert all(whole["x"] - 1 <= box["x"] and box["right"] <= right + 1 for box in boxes)
                assert all(box["height"] > 0 and box["width"] > 1 for box in boxes)
            headings = page.locator("svg.waterfalls g.column text").evaluate_all(
                "texts => texts.map((text) => text.getBoundingClientRect())"
            )
            assert max(heading["right"] for heading in headings) <= page.evaluate("innerWidth")
        page.goto("/shop/catalogue/auto/")
        assert_fits(page)
        assert complaints == []


def assert_fits(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_can_be_read_in_light_and_dark(browser: Any, site: Site, scheme: str) -> None:
    """Texts have a contrast of 4.5 or more, bars one of 3 or more, by WCAG; dark is dark."""
    with visitor(browser, site, color_scheme=scheme, **DESK) as (page, complaints):
        for heading in ("start", "trial"):
            if heading == "trial":
                run(page, "catalogue")
                keep(page, f"demo-trial-{scheme}")
            for text in page.locator("h1, h2, h3, p, a, td, th, code, pre, button, summary, figcaption, text").all():
                assert text.evaluate(CONTRAST) >= 4.5, text.evaluate("element => element.outerHTML")
        for colour in range(7):
            assert page.locator(f".bar.lane-{colour}").first.evaluate(CONTRAST) >= 3
        red, green, blue = map(
            int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
        )
        assert (max(red, green, blue) < 64) is (scheme == "dark")
        assert complaints == []


def test_the_keyboard_is_enough(browser: Any, site: Site) -> None:
    """Tab reaches the button, with an outline to see it by; Enter runs; wide parts can be reached and scrolled."""
    with visitor(browser, site, **PHONE) as (page, complaints):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert focused.get_attribute("aria-label") == "Run four ways: dashboard"
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/try/dashboard/")
        assert page.locator("svg.waterfalls").get_attribute("aria-label").startswith("Plain: 35 queries in ")
        wide = page.locator("main *").evaluate_all(
            "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1 && "
            "getComputedStyle(one).overflowX === 'auto')"
            ".map((one) => one.tabIndex)"
        )
        assert wide
        assert set(wide) == {0}
        assert complaints == []


def test_javascript_is_not_needed(browser: Any, site: Site) -> None:
    """With scripts switched off the click draws the same picture, and the statements unfold."""
    with visitor(browser, site, java_script_enabled=False, **DESK) as (page, _):
        run(page, "reviews")
        assert page.locator("svg.waterfalls g.column").count() == 4
        assert not page.get_by_role("region", name="Statements, Warm").is_visible()
        page.get_by_text("Warm: ", exact=False).first.click()
        assert page.get_by_role("region", name="Statements, Warm").is_visible()


def test_the_browser_would_complain(browser: Any, site: Site) -> None:
    """The policy is in force, and the console says so: an inline style is refused."""
    with visitor(browser, site, **DESK) as (page, complaints):
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.wait_for_timeout(200)
        assert any("Content Security Policy" in complaint for complaint in complaints)
