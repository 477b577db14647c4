"""The demo site tells the story as the README promises it: the figures, the messages, the pages."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo_site.comparing import first_difference
from tests.demo_site.sites import Site, demo, measured, served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytest.importorskip("rest_framework", reason="the demo site needs Django REST framework (the extra `demo`)")


def queries(result: Mapping[str, Any]) -> dict[str, int]:
    return {name: figures["queries"] for name, figures in result["endpoints"].items()}


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    """The demo as it is without arguments, but for the simulated round trip."""
    return measured()


class TestStory:
    def test_plain_dashboard_runs_847_queries(self, story: dict[str, Any]) -> None:
        """The dashboard as it was written needs the 847 queries of the story."""
        assert queries(story)["plain"] == 847

    def test_hand_written_fix_runs_4_queries(self, story: dict[str, Any]) -> None:
        """The fix by hand needs the session, the user, the accounts and the transactions."""
        assert queries(story)["hand_written"] == 4

    def test_first_request_with_auto_is_never_worse(self, story: dict[str, Any]) -> None:
        """A call site that is not known yet costs no more than plain Django."""
        assert queries(story)["auto_cold"] <= 847

    def test_second_request_with_auto_loads_ahead(self, story: dict[str, Any]) -> None:
        """The warm call site loads owners, departments and branches with the accounts."""
        assert queries(story)["auto_warm"] <= 670

    def test_all_endpoints_answer_the_same(self, story: dict[str, Any]) -> None:
        """The JSON bodies are equal."""
        assert story["equal"] is True

    def test_result_has_the_promised_form(self, story: dict[str, Any]) -> None:
        """Programs find the endpoints in their order, with queries and seconds, and the suggestions."""
        assert list(story) == ["endpoints", "equal", "suggestions"]
        assert list(story["endpoints"]) == ["plain", "auto_cold", "auto_warm", "hand_written"]
        assert all(set(figures) == {"queries", "seconds"} for figures in story["endpoints"].values())
        assert all(figures["seconds"] > 0 for figures in story["endpoints"].values())

    def test_suggestion_quotes_the_line_of_the_view(self, story: dict[str, Any]) -> None:
        """The suggested code is the view's own expression with the joins put on."""
        (suggestion,) = [one for one in story["suggestions"] if "AutoDashboardView" in one["call_site"]]
        assert "Account.objects.filter(org_id=request.user.org_id)" in suggestion["code"]
        assert "select_related" in suggestion["code"]
        assert "auto(" not in suggestion["code"]


class TestScale:
    @pytest.mark.parametrize(
        ("accounts", "transactions"),
        [
            pytest.param(3, 7, id="more transactions than are shown"),
            pytest.param(4, 2, id="fewer transactions than are shown"),
            pytest.param(2, 0, id="no transactions"),
            pytest.param(1, 7, id="only the account without transactions"),
        ],
    )
    def test_plain_queries_grow_as_the_loops_do(self, accounts: int, transactions: int) -> None:
        """3 queries, 4 for each account, 2 for each transaction shown; by hand always 4."""
        result = measured("--accounts", str(accounts), "--transactions", str(transactions))
        shown = (accounts - 1) * min(transactions, 5)
        plain = 3 + 4 * accounts + 2 * shown
        assert queries(result)["plain"] == plain
        assert queries(result)["hand_written"] == 4
        assert queries(result)["auto_cold"] <= plain
        assert result["equal"] is True


class TestOutput:
    def test_text_table_has_a_row_for_each_endpoint(self) -> None:
        """People see one aligned table, and below it what autoprefetch suggests."""
        finished = demo("--latency", "0", "--accounts", "3", "--transactions", "7")
        assert finished.returncode == 0, finished.stderr
        headings, rule, *rows = finished.stdout.splitlines()[:6]
        assert headings.split() == ["endpoint", "queries", "time", "ratio"]
        assert [row.split()[0] for row in rows] == ["plain", "auto_cold", "auto_warm", "hand_written"]
        assert {len(line) for line in (headings, rule, *rows)} == {len(headings)}
        assert "select_related" in finished.stdout

    def test_round_trip_is_simulated_for_each_query(self) -> None:
        """The time of an endpoint is at least its queries times the round trip."""
        finished = demo("--format", "json", "--latency", "2", "--accounts", "3", "--transactions", "7")
        plain = json.loads(finished.stdout)["endpoints"]["plain"]
        assert plain["seconds"] >= plain["queries"] * 0.002

    def test_progress_stays_off_standard_output_and_out_of_logs(self) -> None:
        """Where standard error is no terminal, one line tells what was seeded."""
        finished = demo("--latency", "0", "--accounts", "3", "--transactions", "7")
        assert "Seeded 3 accounts and 14 transactions" in finished.stderr
        assert "\r" not in finished.stderr


class TestComparison:
    def test_equal_bodies_have_no_difference(self) -> None:
        """Nothing is said about bodies that are equal."""
        assert first_difference({"plain": b'{"a": 1}', "auto_cold": b'{"a": 1}'}) is None

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            pytest.param('{"a": [{"id": 1}, {"id": 3}]}', "body.a[1].id is 3 in auto_cold, and 2 in plain", id="value"),
            pytest.param('{"a": [{"id": 1}]}', "body.a is a list of 1 in auto_cold, and a list of 2", id="length"),
            pytest.param('{"b": 1}', "body is an object with b in auto_cold, and an object with a", id="keys"),
            pytest.param('{"a":[{"id":1},{"id":2}]}', "body is equal in value", id="spaces"),
        ],
    )
    def test_first_difference_is_told_by_its_place(self, body: str, told: str) -> None:
        """The message leads to the value that differs, however deep it lies."""
        bodies = {"plain": b'{"a": [{"id": 1}, {"id": 2}]}', "auto_cold": body.encode()}
        assert told in (first_difference(bodies) or "")


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["--accounts", "0"], "'0'"),
            (["--accounts", "many"], "'many'"),
            (["--transactions=-1"], "'-1'"),
            (["--latency", "nan"], "'nan'"),
            (["--latency=-3"], "'-3'"),
            (["--format", "yaml"], "'yaml'"),
            (["--serve", "99999"], "'99999'"),
            (["--serve", "--format", "json"], "--format json"),
            (["--serve", "--shop"], "--shop"),
            (["--open"], "--open"),
            (["--bogus"], "--bogus"),
        ],
    )
    def test_wrong_argument_is_named(self, arguments: list[str], named: str) -> None:
        """A wrong argument ends the demo with status 2 and a message that shows it."""
        finished = demo(*arguments)
        assert finished.returncode == 2
        assert named in finished.stderr.splitlines()[-1]
        assert finished.stdout == ""


class TestDatabaseUrl:
    @pytest.mark.parametrize(
        ("url", "named"),
        [
            pytest.param("oracle://scott@localhost/bank", "oracle://scott@localhost/bank", id="unknown scheme"),
            pytest.param("bank.sqlite3", "bank.sqlite3", id="no scheme"),
            pytest.param("sqlite://bank.sqlite3", "three slashes", id="path in the place of the host"),
            pytest.param("postgres://postgres@localhost:5432/", "names no database", id="no name"),
            pytest.param("mysql://root@localhost:port/bank", "localhost:port", id="port that is no number"),
        ],
    )
    def test_url_of_another_form_is_refused(self, url: str, named: str) -> None:
        """The message names the URL and the three forms that are accepted."""
        finished = demo(DATABASE_URL=url)
        assert finished.returncode == 1
        assert named in finished.stderr
        assert "sqlite:///path, postgres://user@host:port/name or mysql://user@host:port/name" in finished.stderr
        assert finished.stdout == ""

    def test_password_is_never_shown(self) -> None:
        """A message that quotes the URL hides the password in it."""
        finished = demo(DATABASE_URL="oracle://scott:ti:g@er@localhost/bank")
        assert "oracle://scott:***@localhost/bank" in finished.stderr

    def test_database_that_cannot_be_opened_is_named(self, tmp_path: Path) -> None:
        """A file that is no database ends in a message, not in a traceback."""
        file = tmp_path / "notes.txt"
        file.write_text("Milk, bread, and rather many more words than the header of a database file has. " * 9)
        finished = demo(DATABASE_URL=f"sqlite:///{file}")
        assert finished.returncode == 1
        assert f"DATABASE_URL=sqlite:///{file} cannot be opened" in finished.stderr
        assert "Traceback" not in finished.stderr

    def test_seeded_database_is_used_again(self, tmp_path: Path) -> None:
        """The same scale is not seeded twice; another scale replaces it."""
        url = f"sqlite:///{tmp_path / 'bank.sqlite3'}"
        arguments = ["--latency", "0", "--transactions", "7", "--accounts"]
        assert "Seeded 3 accounts" in demo(*arguments, "3", DATABASE_URL=url).stderr
        assert "Seeded" not in demo(*arguments, "3", DATABASE_URL=url).stderr
        assert "Seeded 2 accounts" in demo(*arguments, "2", DATABASE_URL=url).stderr

    def test_database_of_somebody_else_is_left_alone(self, tmp_path: Path) -> None:
        """A database with tables of its own is refused before anything is written to it."""
        sqlite3 = pytest.importorskip("sqlite3")
        file = tmp_path / "shop.sqlite3"
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE customers (id INTEGER)")
        connection.close()
        before = file.read_bytes()
        finished = demo(DATABASE_URL=f"sqlite:///{file}")
        assert finished.returncode == 1
        assert "'customers'" in finished.stderr
        assert file.read_bytes() == before


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as site:
        yield site


class TestServing:
    def test_start_page_leads_to_the_endpoints_and_shows_what_they_cost(self, site: Site) -> None:
        """A visitor is signed in, visits the dashboards, and finds their queries on the start page."""
        start, _ = site.page("/plain/")
        assert "One dashboard, three times" in start, "who is not signed in is sent to the start page"
        for path in ("/plain/", "/auto/", "/hand-written/"):
            assert f'href="{path}"' in start
        plain, headers = site.page("/plain/")
        assert headers["X-Query-Count"] == "35"
        assert len(json.loads(plain)["accounts"]) == 3
        assert site.page("/auto/")[0] == plain
        assert site.page("/auto/")[0] == plain
        by_hand, headers = site.page("/hand-written/")
        assert by_hand == plain
        assert headers["X-Query-Count"] == "4"
        start, _ = site.page()
        assert re.findall(r'<td><a href="(.*?)">', start) == ["/hand-written/", "/auto/", "/auto/", "/plain/"]
        assert "select_related" in start[start.index("What autoprefetch suggests") :]

    def test_visitor_can_start_again(self, site: Site) -> None:
        """The button forgets what was learned and measured."""
        site.page()
        site.page("/auto/")
        start, _ = site.page()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', start)
        assert token is not None
        start, _ = site.page("/", {"csrfmiddlewaretoken": token[1]})
        assert "None yet." in start

    def test_taken_port_is_named(self) -> None:
        """The demo says which port is taken, and how to name another one."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            finished = demo("--accounts", "1", "--serve", str(port))
        assert finished.returncode == 1
        assert f"port {port} of 127.0.0.1 cannot be used" in finished.stderr
        assert "Traceback" not in finished.stderr
