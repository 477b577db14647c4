"""A trial over HTTP: one click, four forms, the picture, and what the browser is told to refuse."""

from __future__ import annotations

import re
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.demo_site.sites import Site, served

pytest.importorskip("rest_framework", reason="the demo site needs Django REST framework (the extra `demo`)")

PAGES = ["dashboard", "catalogue", "orders", "reviews", "categories", "tags", "notes", "stock"]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as site:
        site.page()
        yield site


def click(site: Site, page: str) -> str:
    start, _ = site.page()
    form = re.search(rf'action="/try/{page}/"><input type="hidden" name="csrfmiddlewaretoken" value="(\w+)"', start)
    assert form is not None
    return site.page(f"/try/{page}/", {"csrfmiddlewaretoken": form[1]})[0]


def drawing(body: str) -> ET.Element:
    found = re.search(r'<svg class="waterfalls".*?</svg>', body, re.DOTALL)
    assert found is not None
    return ET.fromstring(found[0])


class TestTrial:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_click_draws_each_query_of_four_equal_answers(self, site: Site, page: str) -> None:
        """There are four columns, each with as many bars as its heading says, all within the time of its request."""
        body = click(site, page)
        assert "All four answered the same, byte for byte." in body
        columns = drawing(body).findall("g[@class='column']")
        assert [column.findtext("text") for column in columns] == ["Plain", "Cold", "Warm", "By hand"]
        for column in columns:
            bars = [rect for rect in column.findall("rect") if rect.get("class", "").startswith("bar ")]
            assert column.findall("text")[1].text == f"{len(bars)} queries"
            whole = column.find("rect[@class='whole']")
            assert whole is not None
            end = float(whole.attrib["y"])
            for bar in bars:
                assert float(bar.attrib["y"]) >= end - 0.001, "one query is sent after the other is answered"
                end = float(bar.attrib["y"]) + float(bar.attrib["height"])
            assert end <= float(whole.attrib["y"]) + float(whole.attrib["height"]) + 0.001

    def test_the_bank_runs_its_own_queries_and_those_of_the_session(self, site: Site) -> None:
        """A trial of the dashboard is what a visit of it is."""
        queries = re.findall(r"<text [^>]*>([\d,]+) quer", click(site, "dashboard"))
        assert queries[0] == "35"
        assert queries[2:] == ["4", "4"]

    def test_a_trial_shows_sql_without_values_and_no_rows(self, site: Site) -> None:
        """The statements have question marks; what the rows hold stands on the pages themselves only."""
        body = click(site, "reviews")
        assert "LIMIT ?" in body
        assert re.search(r"LIMIT \d", body) is None
        assert "%s" not in body
        for seeded in ("Fjord", "Came apart", "Aino"):
            assert seeded in site.page("/shop/reviews/plain/")[0]
            assert seeded not in body

    def test_a_trial_is_no_visit_and_stays_until_all_is_forgotten(self, site: Site) -> None:
        """The page shows its latest trial without running anything, and starting again forgets it."""
        click(site, "tags")
        shown = drawing(site.page("/try/tags/")[0])
        assert ET.tostring(shown) == ET.tostring(drawing(site.page("/try/tags/")[0]))
        start, _ = site.page()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', start)
        assert token is not None
        assert "/shop/tags/auto/</a></td>" not in start
        site.page("/", {"csrfmiddlewaretoken": token[1]})
        assert "It has not been run yet." in site.page("/try/tags/")[0]

    def test_the_code_is_that_of_the_views(self, site: Site) -> None:
        """What is shown is read from the files that run, without docstrings."""
        body, _ = site.page("/try/reviews/")
        assert "return Product.objects.all()" in body
        assert "return auto(Product.objects.all())" in body
        assert "to_attr=&quot;worst_reviews&quot;" in body
        assert "&quot;&quot;&quot;" not in body

    def test_an_unknown_page_is_not_found(self, site: Site) -> None:
        """A wrong address is answered as one."""
        with pytest.raises(HTTPError, match="404"):
            site.page("/try/nothing/")

    def test_pages_of_the_shop_can_be_visited(self, site: Site) -> None:
        """The start page leads to each form of each page, and a visit is measured."""
        start, _ = site.page()
        for view in ("plain", "auto", "hand-written"):
            assert f'href="/shop/catalogue/{view}/"' in start
            body, headers = site.page(f"/shop/catalogue/{view}/")
            assert "Fjord Anorak" in body
        assert headers["X-Query-Count"] == "2"
        assert '<td><a href="/shop/catalogue/hand-written/">' in site.page()[0]


class TestPolicy:
    @pytest.mark.parametrize(
        "path", ["/", "/try/catalogue/", "/shop/catalogue/plain/", "/shop/tags/plain/", "/site.css"]
    )
    def test_each_answer_forbids_all_but_files_of_the_site(self, site: Site, path: str) -> None:
        """No script, and styles and pictures from here only."""
        policy = site.page(path)[1]["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "style-src 'self'" in policy
        assert "unsafe" not in policy

    @pytest.mark.parametrize("page", ["catalogue", "notes"])
    def test_pages_hold_nothing_that_it_forbids(self, site: Site, page: str) -> None:
        """Neither styles nor scripts are inline, and nothing comes from elsewhere."""
        for body in (site.page()[0], click(site, page), site.page("/shop/catalogue/plain/")[0]):
            assert re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|https?://|\bdata:", body) is None


class TestServer:
    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "a stop from outside"])
    def test_a_stopped_site_leaves_nothing(self, tmp_path: Path, stop: signal.Signals) -> None:
        """The server ends at once, its port is free, and the temporary database is gone."""
        with served(TMPDIR=str(tmp_path)) as site:
            assert list(tmp_path.glob("demo_site-*/bank.sqlite3"))
            site.server.send_signal(stop)
            assert site.server.wait(timeout=30) in (0, 130)
            assert list(tmp_path.iterdir()) == []
            with pytest.raises(OSError, match="refused"):
                site.page()

    def test_the_site_is_opened_in_a_browser_where_asked(self, tmp_path: Path) -> None:
        """`--open` hands the address to the browser of the machine, once the site answers."""
        called = tmp_path / "address"
        browser = tmp_path / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" > {called}\n')
        browser.chmod(0o755)
        with served("--open", BROWSER=f"{browser} %s") as site:
            deadline = time.monotonic() + 30
            while not (called.exists() and called.read_text()):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert called.read_text().strip() == f"{site.url}/"
