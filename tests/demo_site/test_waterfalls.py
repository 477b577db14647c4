"""The picture of the queries: one scale, each query once, where and as long as it was; nothing of its values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import demo_site
from demo_site.sent_queries import SentQuery, statements, table_of
from demo_site.waterfalls import COLOURS, HEADER, LEAST, MOST, Waterfalls, round_step, waterfalls


@dataclass(frozen=True)
class Measured:
    """As `demo_site.measuring.Measurement`, which needs the demo's own settings."""

    sent: tuple[SentQuery, ...]
    seconds: float

    @property
    def queries(self) -> int:
        return len(self.sent)


def query(started: float, seconds: float, table: str = "shop_tag", where: str = "id = %s") -> SentQuery:
    return SentQuery(started, seconds, f'SELECT "{table}"."id" FROM "{table}" WHERE {where}', "sqlite")


MEASUREMENTS = {
    "plain": Measured(
        (query(0.010, 0.002), query(0.020, 0.040, "shop_product"), query(0.070, 0.002, "shop_product")), 0.4
    ),
    "auto_cold": Measured((query(0.010, 0.004), query(0.050, 0.002, "shop_product")), 0.1),
    "auto_warm": Measured((query(0.001, 0.040),), 0.05),
    "hand_written": Measured((), 0.001),
}


@pytest.fixture
def picture() -> Waterfalls:
    return waterfalls(MEASUREMENTS)


class TestScale:
    def test_a_second_is_equally_high_in_all_columns(self, picture: Waterfalls) -> None:
        """The whole time of each form and the time of each of its queries are drawn to one scale."""
        scale = picture.columns[0].height / 0.4
        for column, measurement in zip(picture.columns, MEASUREMENTS.values(), strict=True):
            assert column.height == pytest.approx(measurement.seconds * scale)
            for bar, sent in zip(column.bars, measurement.sent, strict=True):
                assert bar.height == pytest.approx(sent.seconds * scale, abs=1e-3)
                assert bar.y == pytest.approx(HEADER + sent.started * scale, abs=1e-3)

    def test_ticks_stand_at_their_times(self, picture: Waterfalls) -> None:
        """The lines across are at round times of the same scale."""
        scale = picture.columns[0].height / 0.4
        assert [tick.label for tick in picture.ticks] == ["0", "100", "200", "300", "400"]
        assert [tick.y for tick in picture.ticks] == pytest.approx(
            [HEADER + time * scale for time in (0, 0.1, 0.2, 0.3, 0.4)], abs=1e-3
        )

    @pytest.mark.parametrize(
        ("queries", "pixels"), [pytest.param(1, LEAST, id="few"), pytest.param(5_000, MOST, id="many")]
    )
    def test_the_longest_column_is_as_high_as_there_are_queries_within_limits(self, queries: int, pixels: int) -> None:
        """A picture stays a picture for one query and for thousands."""
        picture = waterfalls({"plain": Measured((query(0, 0.001),) * queries, 9.0)})
        assert picture.columns[0].height == pytest.approx(pixels)
        assert picture.height > HEADER + pixels

    @pytest.mark.parametrize(("least", "step"), [(0.0011, 0.002), (0.02, 0.02), (0.3, 0.5), (7, 10), (1e-9, 1e-6)])
    def test_a_step_is_one_two_or_five_times_a_power_of_ten(self, least: float, step: float) -> None:
        """Times that people can read stand at the lines."""
        assert round_step(least) == pytest.approx(step)


class TestColumns:
    def test_each_query_is_drawn_once(self, picture: Waterfalls) -> None:
        """As many bars as queries, in their order."""
        assert [len(column.bars) for column in picture.columns] == [3, 2, 1, 0]
        assert [bar.label.split(".")[0] for bar in picture.columns[0].bars] == ["1", "2", "3"]

    def test_columns_stand_side_by_side(self, picture: Waterfalls) -> None:
        """No column reaches into the next one, and all of them fit."""
        for column, following in zip(picture.columns, picture.columns[1:], strict=False):
            assert column.x + column.width < following.x
        assert picture.columns[-1].x + picture.columns[-1].width <= 100

    def test_a_table_has_the_same_lane_and_colour_in_each_column(self, picture: Waterfalls) -> None:
        """Where a query stands in its column tells its table."""
        assert picture.tables == ("shop_tag", "shop_product")
        plain, cold, warm, _ = picture.columns
        assert plain.bars[0].x - plain.x == pytest.approx(cold.bars[0].x - cold.x, abs=1e-3)
        assert plain.bars[1].x - plain.x == pytest.approx(cold.bars[1].x - cold.x, abs=1e-3)
        assert [bar.colour for bar in plain.bars] == [0, 1, 1]
        assert [bar.colour for bar in warm.bars] == [0]

    def test_each_colour_is_one_of_the_stylesheet(self) -> None:
        """There are no more colours than the stylesheet has, and where there are more tables they come again."""
        stylesheet = Path(demo_site.__file__).with_name("static").joinpath("site.css").read_text()
        assert set(map(int, re.findall(r"^\.lane-(\d+) ", stylesheet, re.MULTILINE))) == set(range(COLOURS))
        sent = tuple(query(number, 0.5, f"table_{number}") for number in range(COLOURS + 2))
        bars = waterfalls({"plain": Measured(sent, 20.0)}).columns[0].bars
        assert [bar.colour for bar in bars] == [*range(COLOURS), 0, 1]
        assert len({bar.x for bar in bars}) == len(bars)

    def test_headings_say_the_queries_and_the_time(self, picture: Waterfalls) -> None:
        """The figures stand above the columns, and in words for those who do not see."""
        assert [(one.title, one.queries, one.time) for one in picture.columns] == [
            ("Plain", "3 queries", "400 ms"),
            ("Cold", "2 queries", "100 ms"),
            ("Warm", "1 query", "50.0 ms"),
            ("By hand", "0 queries", "1.0 ms"),
        ]
        assert picture.summary.startswith("Plain: 3 queries in 400 ms. Cold: 2 queries in 100 ms.")


class TestValues:
    def test_labels_and_statements_hold_no_values(self) -> None:
        """Literals, numbers and limits are masked; statements that differ in them alone are one."""
        sent = [
            query(0, 0.001, where="name = 'secret' LIMIT 21"),
            query(1, 0.002, where="name = 'another' LIMIT 5"),
            query(2, 0.004, where="id IN (%s, %s, %s)"),
            query(3, 0.008, where="id IN (%s, %s)"),
        ]
        named, listed = statements(sent)
        assert (named.queries, listed.queries) == (2, 2)
        assert named.milliseconds == pytest.approx(3)
        assert listed.milliseconds == pytest.approx(12)
        assert named.sql.endswith("WHERE name = ? LIMIT ?")
        labels = [bar.label for bar in waterfalls({"plain": Measured(tuple(sent), 4.0)}).columns[0].bars]
        assert labels[0] == "1. shop_tag: 1.0 ms, at 0.0 ms"

    @pytest.mark.parametrize(
        ("sql", "table"),
        [
            ('SELECT * FROM "shop_tag"', "shop_tag"),
            ("SELECT * FROM `shop_tag` INNER JOIN `shop_product` ON (1 = 1)", "shop_tag"),
            ('SELECT EXISTS(SELECT 1 FROM "inner" WHERE x = (1)) FROM "outer"', "outer"),
            ('SELECT * FROM (SELECT * FROM "arm" LIMIT 3) UNION ALL SELECT * FROM (SELECT * FROM "arm")', "arm"),
            ("SAVEPOINT s1", "other"),
        ],
    )
    def test_a_statement_is_about_the_first_table_of_its_outermost_from(self, sql: str, table: str) -> None:
        """Of arms and subqueries, where the outermost names none, it is the first."""
        assert table_of(sql) == table
