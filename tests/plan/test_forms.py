"""Forms: whether an ordering allows one sequence only, and where paths lead."""

from __future__ import annotations

import pytest

from autoprefetch.plan.forms import Form, target_of, unique_keys
from tests.library.models import Archive, Author, Book, Imprint, Membership, Portrait, Profile, Pseudonym, Street

TOTAL = [
    (Book, ("pk",), (), True),
    (Book, ("id",), (), True),
    (Book, ("title", "pk"), (), True),
    (Book, ("pk", "title"), (), True),
    (Book, ("title",), (), False),
    (Book, (), (), False),
    (Book, ("title",), ("id",), True),
    (Book, ("title",), ("author_id",), False),
    (Imprint, ("code",), (), True),
    (Imprint, ("name",), (), False),
    (Profile, ("author_id",), (), True),
    (Pseudonym, ("author_id",), (), False),
    (Portrait, ("pk",), (), True),
    (Portrait, ("author_id",), (), True),
    (Membership, ("reader_id", "branch_id"), (), True),
    (Membership, ("reader_id",), (), False),
    (Membership, ("reader_id",), ("branch_id",), True),
]


@pytest.mark.parametrize(("model", "ordering", "fixed", "total"), TOTAL)
def test_an_ordering_is_total_when_it_covers_a_key(model, ordering, fixed, total):
    """The primary key, or a unique key that is never null, with the columns that a filter fixes."""
    assert Form(model, ordering=ordering, fixed=frozenset(fixed)).is_totally_ordered() is total


def test_a_composite_primary_key_by_its_name_is_total():
    """Ordering by `pk` orders by all of its columns."""
    assert Form(Membership, ordering=("pk",)).is_totally_ordered()


def test_one_row_is_always_in_order():
    """Whatever the ordering says."""
    assert Form(Book, is_single=True).is_totally_ordered()


def test_the_key_of_the_parent_may_complete_a_key():
    """In a query for each parent, the parent's key is the same in all rows."""
    form = Form(Membership, ordering=("reader_id",))
    assert not form.is_totally_ordered()
    assert form.is_totally_ordered(frozenset({"branch_id"}))


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (Book, [{"id"}]),
        (Imprint, [{"id"}, {"code"}]),
        (Profile, [{"id"}, {"author_id"}]),
        (Pseudonym, [{"id"}]),
        (Portrait, [{"author_id"}]),
        (Membership, [{"reader_id", "branch_id"}]),
    ],
)
def test_unique_keys_are_those_that_are_never_null(model, keys):
    """A null is equal to no other null, so a nullable column identifies nothing."""
    found = set(unique_keys(model))
    assert found == {frozenset(key) for key in keys}


@pytest.mark.parametrize(
    ("model", "path", "target"),
    [
        (Book, (), Book),
        (Book, ("author",), Author),
        (Book, ("author", "archive"), Archive),
        (Author, ("books", "author", "profile"), Profile),
        (Book, ("nothing",), None),
        (Book, ("author", "nothing", "archive"), None),
        (Street, ("city", "country"), Street._meta.apps.get_model("library.Country")),
    ],
)
def test_a_path_is_followed_to_its_target(model, path, target):
    """Step by step; None where it ends nowhere."""
    assert target_of(model, path) is target
