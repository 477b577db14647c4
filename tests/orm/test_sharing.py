"""Rows that a plan joins are instances once for each related row, until a write parts them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.signals import post_init

from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm, same_when_it_writes_at_last
from tests.library.models import Author, Book, City, Country, Profile, Publisher, Street

pytestmark = pytest.mark.usefixtures("library")


def chains() -> list[tuple[str, ...]]:
    return [
        (street.name, street.city.name, street.city.country.name, street.city.country.continent.name)
        for street in auto(Street.objects.order_by("pk"))
    ]


def made(view: Any, model: type) -> int:
    """Return how many instances of a model a view makes when it is warm."""
    found: list[type] = []

    def count(sender: type, **kwargs: object) -> None:
        found.append(sender)

    post_init.connect(count, sender=model)
    try:
        for _ in range(3):
            found.clear()
            view()
    finally:
        post_init.disconnect(count, sender=model)
    return len(found)


def test_a_joined_row_is_one_instance_for_all_that_refer_to_it(database: str) -> None:
    """Also further down the join: as many instances as there are rows."""
    plain, _, warm = plain_cold_warm(chains)
    assert warm.queries == 1 < plain.queries
    assert made(chains, City) == Street.objects.values("city").distinct().count() < Street.objects.count()
    assert made(chains, Country) == Country.objects.filter(cities__streets__isnull=False).distinct().count()


def test_what_the_caller_joins_is_left_as_django_makes_it(database: str) -> None:
    """The caller's city is one instance for each street, and the plan's country below it one for each country."""

    def view() -> Any:
        streets = auto(Street.objects.select_related("city").order_by("pk"))
        return [(street.city.name, street.city.country.name) for street in streets]

    _, _, warm = plain_cold_warm(view)
    assert warm.queries == 1
    assert made(view, City) == Street.objects.count()
    assert made(view, Country) == Country.objects.filter(cities__streets__isnull=False).distinct().count()


def test_a_model_that_makes_its_instances_itself_makes_each(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_db` may do anything."""
    plainly = City.from_db.__func__

    def from_db(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return plainly(cls, *args, **kwargs)

    monkeypatch.setattr(City, "from_db", classmethod(from_db))
    plain_cold_warm(chains)
    assert made(chains, City) == Street.objects.count()


def test_rows_of_a_one_to_one_are_left_as_django_makes_them(database: str) -> None:
    def view() -> Any:
        return [(profile.author.name, profile.author.profile.pk) for profile in auto(Profile.objects.order_by("pk"))]

    plain_cold_warm(view)
    assert made(view, Author) == Profile.objects.count()


def test_after_a_write_each_sees_what_it_would_have_loaded(database: str) -> None:
    """What one parent has loaded of a shared row is not what the next one would see."""
    writes = [False]

    def view() -> Any:
        found = []
        for number, book in enumerate(auto(Book.objects.order_by("pk"))):
            publisher = book.publisher
            city = publisher.city if publisher is not None else None
            found.append((book.title, city and city.name, publisher and publisher.name))
            if writes[0] and number % 3 == 1:
                City.objects.update(name=f"the {number}th")
            if writes[0] and number % 4 == 1:
                Author.objects.update(name="somebody")
        return found

    same_when_it_writes_at_last(view, writes)


def test_what_is_loaded_below_a_shared_row_is_loaded_anew_after_a_write(database: str) -> None:
    """Loaded lazily or by a query, it would be that of before."""
    writes = [False]

    def view() -> Any:
        found = []
        for number, book in enumerate(auto(Book.objects.order_by("pk"))):
            publisher = book.publisher
            if publisher is not None:
                found.append([other.title for other in publisher.books.order_by("pk")])
                found.append(sorted(other.title for other in publisher.books.all()))
            if writes[0] and number % 2:
                Book.objects.filter(pk=book.pk).update(title=f"the {number}th")
        return found

    same_when_it_writes_at_last(view, writes)


def test_a_write_elsewhere_costs_no_query(database: str) -> None:
    """A shared row is parted from the others with what was joined to it, which needs no database."""

    def view(writes: bool) -> Any:
        found = []
        for street in auto(Street.objects.order_by("pk"), name="streets"):
            found.append((street.city.name, street.city.country.name))
            if writes:
                Publisher.objects.update(name=street.name)
        return found

    plain_cold_warm(lambda: view(False))
    plain, _, warm = plain_cold_warm(lambda: view(True))
    assert warm.queries == 1 + Street.objects.count() < plain.queries
