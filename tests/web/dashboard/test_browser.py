"""placeholder"""

import pytest

from tests.browsers import *
from tests.web.dashboard.sites import *

pytestmark = [
    needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("known"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def browser():
    with launched() as b:
        yield b


def test_shots(browser, server, database):
    c = client("delete_callsite")
    for scheme in ("light", "dark"):
        with visiting(browser, server, color_scheme=scheme) as v:
            v.log_in(c.cookies)
            v.page.goto(LIST)
            v.page.screenshot(path=f"/tmp/shots/list-{scheme}.png", full_page=True)
            v.page.click("text=CatalogueView.get", timeout=2000)
            v.page.screenshot(path=f"/tmp/shots/site-{scheme}.png", full_page=True)
            v.page.goto(address(WARM))
            v.page.screenshot(path=f"/tmp/shots/warm-{scheme}.png", full_page=True)
            print(v.complaints, v.hosts)
    with visiting(browser, server, viewport=PHONE) as v:
        v.log_in(c.cookies)
        v.page.goto(LIST)
        v.page.screenshot(path="/tmp/shots/list-phone.png", full_page=True)
        v.page.click("text=CatalogueView.get", timeout=2000)
        v.page.screenshot(path="/tmp/shots/site-phone.png", full_page=True)
