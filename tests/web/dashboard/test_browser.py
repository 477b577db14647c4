"""The dashboard in a real browser: under its Content-Security-Policy, with the keyboard, on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches

from autoprefetch.evaluation import engine
from autoprefetch.learn.decisions import Decision
from autoprefetch.learn.histories import History
from autoprefetch.web.dashboard.pages import POLICY
from tests.browsers import PHONE, Visit, launched, needs_browser, visiting
from tests.stores import kept_in
from tests.web.dashboard.sites import COLD, GONE, LIST, OTHERS, UNUSED, WARM, address, client, user

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("known"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

TAB_STOPS = 13
IGNORED = History(decisions={name: Decision(1_790_000_000_000, ignores=True) for name in ("*", "branch")})


@pytest.fixture(scope="module")
def browser(server: str) -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(autouse=True)
def _shared(_included: None) -> Iterator[None]:
    """Keep what is known where workers share it, as one would."""
    with kept_in("autoprefetch.learn.stores.cache.CacheStore"):
        yield
        engine.store.clear()
    caches["default"].clear()


@contextmanager
def staff(browser: Browser, server: str, *permissions: str, **options: Any) -> Iterator[Visit]:
    """Visit as somebody of the staff; the browser must have nothing to complain of, and ask no other host."""
    with visiting(browser, server, **options) as visit:
        visit.log_in(client(*permissions).cookies)
        yield visit
        assert visit.complaints == []
        assert visit.hosts == {server.partition("//")[2]}


def catalogue() -> str:
    """Return the address of the call site that this process has evaluated, with everything that a page can have."""
    [key] = [standing.site.key for standing in engine.standings.all() if "CatalogueView" in standing.site.key]
    return address(key)


def pages() -> list[str]:
    return [LIST, f"{LIST}?q=nothing+at+all", catalogue(), address(WARM), address(UNUSED), address(GONE)]


# Who visits -----------------------------------------------------------------------------------------------------------


def test_staff_finds_a_call_site_and_its_code(browser, server, database):
    """By searching, narrowing and following links, under the policy that each page brings."""
    with staff(browser, server) as visit:
        answers: list[Any] = []
        visit.page.on("response", lambda answer: answers.append(answer))
        visit.page.goto(LIST)
        visit.page.get_by_label("Search").fill("catalogue")
        visit.page.get_by_role("button", name="Search").click()
        visit.page.get_by_role("link", name="Has advice").click()
        visit.page.get_by_role("link", name="CatalogueView.get").click()
        assert visit.page.get_by_role("heading", level=1).inner_text() == "CatalogueView.get"
        assert '.select_related("author__archive"' in visit.page.locator("#code-0").inner_text()
        visit.page.get_by_role("link", name="All call sites").click()
        assert visit.page.get_by_role("listitem").filter(has=visit.page.get_by_role("heading")).count() == 7
        documents = [answer for answer in answers if "text/html" in answer.headers["content-type"]]
        assert len(documents) == 5
        assert {answer.headers["content-security-policy"] for answer in documents} == {POLICY}


def test_a_user_without_rights_is_refused(browser, server, database):
    """And sees nothing of it."""
    other = client()
    other.force_login(user("reader", is_staff=False))
    with visiting(browser, server) as visit:
        visit.log_in(other.cookies)
        answer = visit.page.goto(LIST)
        assert answer is not None
        assert answer.status == 403
        assert "CatalogueView" not in visit.page.content()


def test_nobody_logs_in_first_and_comes_back(browser, server, database):
    """To the page that was asked for."""
    found = user("late")
    found.set_password("secret")
    found.save()
    with visiting(browser, server) as visit:
        visit.page.goto(address(COLD))
        assert "/admin/login/?next=" in visit.page.url
        assert "OverdueView" not in visit.page.content()
        visit.page.get_by_label("Username").fill("late")
        visit.page.get_by_label("Password").fill("secret")
        visit.page.get_by_role("button", name="Log in").click()
        assert visit.page.get_by_role("heading", level=1).inner_text() == "OverdueView.get"


def test_what_was_learned_is_forgotten_by_a_button(browser, server, database):
    """Which stands behind a disclosure, and is not there for who may not."""
    with staff(browser, server) as visit:
        visit.page.goto(address(COLD))
        visit.page.get_by_text("Forget", exact=True).click()
        assert visit.page.get_by_text("You may look, and not forget").is_visible()
        assert visit.page.get_by_role("button", name="Forget what was learned").count() == 0
    with staff(browser, server, "delete_callsite") as visit:
        visit.page.goto(address(COLD))
        assert not visit.page.get_by_role("button", name="Forget what was learned").is_visible()
        visit.page.get_by_text("Forget", exact=True).click()
        visit.page.get_by_role("button", name="Forget what was learned").click()
        assert visit.page.get_by_text("Forgotten.").is_visible()
        assert COLD not in dict(engine.store.items())


def test_what_is_ignored_by_a_button_is_ignored_until_another_takes_that_back(browser, server, database):
    """All of it, or a relation; who may not is told what it takes, and sees what is ignored."""
    with staff(browser, server) as visit:
        visit.page.goto(address(COLD))
        visit.page.get_by_text("Ignore", exact=True).click()
        assert visit.page.get_by_text("You may look, and not ignore").is_visible()
        assert visit.page.get_by_role("button", name="Ignore").count() == 0
    with staff(browser, server, "change_callsite") as visit:
        visit.page.goto(address(COLD))
        assert not visit.page.get_by_role("button", name="Ignore all of it").is_visible()
        visit.page.get_by_text("Ignore", exact=True).first.click()
        visit.page.get_by_role("button", name="Ignore all of it").click()
        assert visit.page.get_by_text("Ignored from now on").is_visible()
        assert visit.page.get_by_text("It runs as plain Django, and what is shown was learned before.").is_visible()
        assert ignored(COLD) == ["*"]
        visit.page.goto(LIST)
        visit.page.get_by_role("link", name="Ignored 1").click()
        visit.page.get_by_role("link", name="OverdueView.get").click()
        visit.page.get_by_text("Ignore", exact=True).first.click()
        visit.page.get_by_role("button", name="Stop ignoring all of it").click()
        assert visit.page.get_by_text("Ignored no longer").is_visible()
        visit.page.get_by_text("Ignore", exact=True).first.click()
        visit.page.get_by_role("button", name="Ignore reader", exact=True).click()
        assert ignored(COLD) == ["reader"]
        assert visit.page.get_by_text("it is ignored.").is_visible()


def ignored(key: str) -> list[str]:
    """Return what the store knows to be ignored of a call site."""
    decisions = dict(engine.store.items())[key].decisions
    return sorted(name for name, decision in decisions.items() if decision.ignores)


# The policy -----------------------------------------------------------------------------------------------------------


def test_the_policy_is_in_force(browser, server, database):
    """A script, a style or a picture that somebody smuggled in would be refused, and these tests would see it."""
    with visiting(browser, server) as visit:
        visit.log_in(client().cookies)
        visit.page.goto(catalogue())
        assert visit.complaints == []
        visit.page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.isSmuggled = true";
                document.body.append(script);
                document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='0'>smuggled</p>");
                document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/pixel.png'>");
            }"""
        )
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("() => window.isSmuggled") is None
        assert sum("Content Security Policy" in complaint for complaint in visit.complaints) >= 3


# Copying --------------------------------------------------------------------------------------------------------------


def test_the_button_fills_the_clipboard(browser, server, database):
    """With the code, and nothing but the code; each button with its own."""
    with staff(browser, server, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.page.goto(catalogue())
        buttons = visit.page.locator(".change button.copy")
        assert buttons.count() == 4
        for number in range(3):
            buttons.nth(number).click()
            visit.page.wait_for_function("() => document.getElementById('copied').textContent === 'Copied.'")
            copied = visit.page.evaluate("() => navigator.clipboard.readText()")
            assert copied == visit.page.locator(f"#code-{number}").text_content()
            visit.page.evaluate("() => { document.getElementById('copied').textContent = '' }")
        assert buttons.nth(2).inner_text().startswith("Copied")
        visit.page.get_by_text("Ignore", exact=True).first.click()
        visit.page.locator("details[open] button.copy").first.click()
        visit.page.wait_for_function("() => document.getElementById('copied').textContent === 'Copied.'")
        assert '"IGNORE": ["tests.library.views:' in visit.page.evaluate("() => navigator.clipboard.readText()")


def test_without_a_clipboard_the_code_is_selected(browser, server, database):
    """As where a site is served without https, or a person refuses: the keyboard copies it then."""
    with staff(browser, server) as visit:
        visit.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        visit.page.goto(catalogue())
        visit.page.locator("button.copy").first.click()
        visit.page.wait_for_function("() => document.getElementById('copied').textContent.startsWith('Selected')")
        selected = visit.page.evaluate("() => window.getSelection().toString()")
        assert selected == visit.page.locator("#code-0").text_content()


# Without JavaScript ---------------------------------------------------------------------------------------------------


def test_all_but_copying_works_without_javascript(browser, server, database):
    """Searching, narrowing, looking, disclosing, ignoring and forgetting; there is no button that does nothing."""
    may = ("delete_callsite", "change_callsite")
    with staff(browser, server, *may, java_script_enabled=False) as visit:
        visit.page.goto(LIST)
        visit.page.get_by_label("Search").fill("overdue")
        visit.page.get_by_role("button", name="Search").click()
        visit.page.get_by_role("link", name="Cold").click()
        visit.page.get_by_role("link", name="OverdueView.get").click()
        assert visit.page.locator("#code-0").is_visible()
        assert visit.page.locator("button.copy").count() > 0
        assert not visit.page.locator("button.copy").first.is_visible()
        visit.page.get_by_text("Ignore", exact=True).first.click()
        assert visit.page.locator("#ignore").is_visible()
        visit.page.get_by_role("button", name="Ignore reader", exact=True).click()
        assert ignored(COLD) == ["reader"]
        visit.page.get_by_text("Ignore", exact=True).first.click()
        visit.page.get_by_role("button", name="Stop ignoring reader", exact=True).click()
        assert ignored(COLD) == []
        visit.page.get_by_text("Forget", exact=True).click()
        visit.page.get_by_role("button", name="Forget what was learned").click()
        assert visit.page.get_by_text("Forgotten.").is_visible()


# The keyboard ---------------------------------------------------------------------------------------------------------

FOCUSED = """() => {
    const element = document.activeElement;
    const shows = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const box = element.getBoundingClientRect();
    const name = element.getAttribute("aria-label") || element.innerText || element.name || "";
    return {
        name: name.trim().replace(/\\s+/g, " "),
        isShown: shows(getComputedStyle(element)) || shows(getComputedStyle(element, "::after")),
        isThere: box.width > 0 && box.height > 0 && box.top >= 0 && box.bottom <= innerHeight + 1,
    };
}"""


def tab_stops(visit: Visit, count: int) -> list[dict[str, Any]]:
    found = []
    for _ in range(count):
        visit.page.keyboard.press("Tab")
        visit.page.wait_for_timeout(30)
        found.append(visit.page.evaluate(FOCUSED))
    return found


def test_the_list_can_be_walked_through_by_keyboard(browser, server, database):
    """In the order in which one reads, with a focus that is seen, past all that comes before by one key."""
    with staff(browser, server) as visit:
        visit.page.goto(LIST)
        found = tab_stops(visit, TAB_STOPS)
        assert [stop["name"] for stop in found] == [
            "Skip to the content", "autoprefetch", "q", "Search",
            "All 7", "Cold 3", "Warm 4", "Has advice 5", "Rolled back 1", "Unused eager loads 1", "Ignored 0",
            "ShelfListView.get_queryset", "the search results",
        ]  # fmt: skip
        assert all(stop["isShown"] and stop["isThere"] for stop in found), found
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/call-sites/**")
        assert visit.page.get_by_role("heading", level=1).inner_text() == "the search results"
        visit.page.goto(LIST)
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        assert visit.page.evaluate("() => document.activeElement.id") == "main"
        assert tab_stops(visit, 1)[0]["name"] == "q"


def test_a_call_site_can_be_worked_with_by_keyboard(browser, server, database):
    """Code that is wider than the page is scrolled, disclosures open, buttons answer."""
    with staff(browser, server, "delete_callsite") as visit:
        visit.page.goto(catalogue())
        found = tab_stops(visit, 15)
        assert [stop["name"] for stop in found] == [
            "Skip to the content", "autoprefetch", "All call sites",
            "What is replaced", "the code", "Copy the code", "the code", "Copy the code",
            "What is replaced", "the code", "Copy the code", "the code", "Copy the code", "Ignore", "Forget",
        ]  # fmt: skip
        assert all(stop["isShown"] and stop["isThere"] for stop in found), found
        visit.page.keyboard.press("Enter")
        [button] = tab_stops(visit, 1)
        assert button["name"] == "Forget what was learned"
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/?forgotten")
    with staff(browser, server, "change_callsite") as visit:
        visit.page.goto(address(COLD))
        while tab_stops(visit, 1)[0]["name"] != "Ignore":
            pass
        visit.page.keyboard.press("Enter")
        found = tab_stops(visit, 5)
        assert [stop["name"] for stop in found] == [
            "Ignore all of it", "Ignore copy", "Ignore copy__book", "Ignore reader", "Ignore reader__branch",
        ]  # fmt: skip
        assert all(stop["isShown"] and stop["isThere"] for stop in found), found
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/?ignored")
        assert ignored(COLD) == ["reader__branch"]


# Sizes and colours ----------------------------------------------------------------------------------------------------

WIDER = """() => [...document.querySelectorAll("body *")].filter((element) =>
    element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
    && !element.closest("pre, .visually-hidden")).map((element) => element.outerHTML.slice(0, 120))"""
SMALL = """() => [...document.querySelectorAll("a, button, summary, input:not([type=hidden])")].filter((element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility() && !element.matches(".skip") && (box.width < 24 || box.height < 24)
        && !element.matches(".sites h2 a");  // the whole row is its target
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 640}])
def test_nothing_is_wider_than_a_phone(browser, server, database, viewport):
    """One scrolls down and never sideways, and what is touched is large enough to be hit."""
    engine.store.merge(COLD, IGNORED)
    engine.store.merge(f"{'a_long_name' * 40}.views:{'AView' * 60}/auto#0 <  < library.Book", OTHERS[WARM])
    with staff(
        browser, server, "delete_callsite", "change_callsite", viewport=viewport, has_touch=True, is_mobile=True
    ) as visit:
        listed = [*pages(), *(address(key) for key, _ in engine.store.items())]
        for page in dict.fromkeys(listed):
            visit.page.goto(page)
            visit.page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true })")
            sizes = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            width, room = visit.page.evaluate(sizes)
            assert (width, visit.page.evaluate(WIDER)) == (room, []), page
            assert room == viewport["width"]
            assert visit.page.evaluate(SMALL) == [], page
        visit.page.goto(LIST)
        visit.page.get_by_role("link", name="OverdueView.get").tap()
        visit.page.wait_for_url("**/call-sites/**")


#: The contrast of each text with what is behind it, as WCAG 2 computes it; those that have less than they need.
FAINT = """() => {
    const channels = (color) => {
        const parts = color.match(/[\\d.]+/g).map(Number);
        return [...parts.slice(0, 3), parts.length > 3 ? parts[3] : 1];
    };
    const over = (top, below) =>
        [...top.slice(0, 3).map((value, at) => value * top[3] + below[at] * (1 - top[3])), 1];
    const ground = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) layers.push(channels(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
    };
    const light = (color) => color.slice(0, 3).map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const contrast = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const found = [];
    let count = 0;
    const check = (element, style, what) => {
        count += 1;
        const behind = ground(element);
        const ratio = contrast(over(channels(style.color), behind), behind);
        if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${what}`);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (node.data.trim() && element.checkVisibility()) check(element, getComputedStyle(element), node.data.trim());
    }
    for (const input of document.querySelectorAll("input[placeholder]")) {
        check(input, getComputedStyle(input, "::placeholder"), input.placeholder);
    }
    for (const bar of document.querySelectorAll("rect.plain, rect.warm, rect.way")) {
        const behind = ground(bar.closest("div, header"));
        if (contrast(channels(getComputedStyle(bar).fill), behind) < 3) found.push(`bar ${bar.className.baseVal}`);
    }
    return {count, found: [...new Set(found)]};
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_both_schemes(browser, server, database, scheme):
    """A contrast of 4.5 for text of any size, of 3 for bars; and the schemes are two."""
    engine.store.merge(WARM, IGNORED)
    with staff(browser, server, "delete_callsite", "change_callsite", color_scheme=scheme) as visit:
        for page in [*pages(), address("nothing")][:-1]:
            visit.page.goto(page)
            visit.page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true })")
            result = visit.page.evaluate(FAINT)
            assert result["count"] > 15
            assert result["found"] == [], page
        ground = visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(245, 246, 243)", "dark": "rgb(18, 23, 24)"}[scheme]


# Structure ------------------------------------------------------------------------------------------------------------

STRUCTURE = """() => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const name = (element) => (element.getAttribute("aria-label") || element.innerText || "").trim();
    const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
    const ids = all("[id]").map((element) => element.id);
    const refers = all("[aria-labelledby], [for], [data-copies]").map((element) =>
        element.getAttribute("aria-labelledby") || element.getAttribute("for") || element.dataset.copies);
    return {
        language: document.documentElement.lang,
        title: document.title,
        mains: all("main").length,
        firsts: levels.filter((level) => level === 1).length,
        jumps: levels.filter((level, at) => at && level > levels[at - 1] + 1),
        empty: all("h1, h2, h3, a, button, summary, label, dt").filter((element) =>
            element.checkVisibility() && !name(element)).map((element) => element.outerHTML),
        unlabelled: all("input:not([type=hidden])").filter((input) => !input.labels.length).map((input) => input.name),
        drawings: all("svg").filter((svg) => svg.getAttribute("aria-hidden") !== "true").length,
        twice: ids.filter((id, at) => ids.indexOf(id) !== at),
        lost: refers.filter((id) => !ids.includes(id)),
        nameless: all("nav, section").filter((each) =>
            !each.getAttribute("aria-label") && !each.getAttribute("aria-labelledby")).length,
        loose: all("li").filter((item) => !item.parentElement.matches("ul, ol")).length
            + all("dt, dd").filter((term) => !term.closest("dl")).length,
    };
}"""


def test_pages_are_well_formed_for_those_who_do_not_see_them(browser, server, database):
    """Headings in order, labels, names, landmarks; drawings stay silent, because their numbers stand beside them."""
    engine.store.merge(WARM, IGNORED)
    with staff(browser, server, "delete_callsite", "change_callsite") as visit:
        titles = set()
        for page in pages():
            visit.page.goto(page)
            found = visit.page.evaluate(STRUCTURE)
            titles.add(found.pop("title"))
            assert found == {
                "language": "en", "mains": 1, "firsts": 1, "jumps": [], "empty": [], "unlabelled": [], "drawings": 0,
                "twice": [], "lost": [], "nameless": 0, "loose": 0,
            }, page  # fmt: skip
        assert {"Call sites · autoprefetch", "CatalogueView.get · autoprefetch"} <= titles


# Pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_for_the_documentation(browser, server, database):
    """Taken where AUTOPREFETCH_SCREENSHOTS names a folder; else this only loads what they would show."""
    with staff(browser, server, "delete_callsite", "change_callsite", color_scheme="light") as visit:
        visit.page.goto(LIST)
        visit.shoot("dashboard-list", full_page=True)
        visit.page.goto(catalogue())
        visit.shoot("dashboard-call-site", full_page=True)
    with staff(browser, server, color_scheme="dark") as visit:
        visit.page.goto(LIST)
        visit.shoot("dashboard-dark", full_page=True)
    with staff(browser, server, color_scheme="dark", viewport=PHONE) as visit:
        visit.page.goto(LIST)
        visit.shoot("dashboard-phone")
