"""Relations: what an attribute leads to, and why it may or may not be joined."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType

from autoprefetch.plan.relations import Kind, relation, relations
from tests.library.models import (
    Archive,
    Author,
    Book,
    Category,
    Comment,
    Copy,
    Film,
    Imprint,
    Loan,
    Medium,
    Membership,
    Portrait,
    Profile,
    Pseudonym,
    Reader,
    Review,
    Series,
    Shelf,
    Tag,
)

#: model, attribute, kind, target, lookup for select_related, whether a join is permitted
RELATIONS = [
    (Book, "author", Kind.FOREIGN_KEY, Author, "author", True),
    (Book, "imprint", Kind.FOREIGN_KEY, Imprint, "imprint", True),
    (Book, "translator", Kind.FOREIGN_KEY, Author, "translator", True),
    (Category, "parent", Kind.FOREIGN_KEY, Category, "parent", True),
    (Category, "children", Kind.REVERSE_FOREIGN_KEY, Category, "children", False),
    (Author, "mentor", Kind.FOREIGN_KEY, Author, "mentor", True),
    (Author, "pupils", Kind.REVERSE_FOREIGN_KEY, Author, "pupils", False),
    (Author, "books", Kind.REVERSE_FOREIGN_KEY, Book, "books", False),
    (Author, "friends", Kind.MANY_TO_MANY, Author, "friends", False),
    (Author, "follows", Kind.MANY_TO_MANY, Author, "follows", False),
    (Author, "followers", Kind.MANY_TO_MANY, Author, "followers", False),
    (Author, "profile", Kind.REVERSE_ONE_TO_ONE, Profile, "profile", True),
    (Author, "pseudonym", Kind.REVERSE_ONE_TO_ONE, Pseudonym, "pseudonym", True),
    (Author, "portrait", Kind.REVERSE_ONE_TO_ONE, Portrait, "portrait", True),
    (Author, "archive", Kind.FOREIGN_KEY, Archive, "archive", True),
    (Profile, "author", Kind.ONE_TO_ONE, Author, "author", True),
    (Portrait, "author", Kind.ONE_TO_ONE, Author, "author", True),
    (Book, "tags", Kind.MANY_TO_MANY, Tag, "tags", False),
    (Tag, "books", Kind.MANY_TO_MANY, Book, "books", False),
    (Book, "contributors", Kind.MANY_TO_MANY, Author, "contributors", False),
    (Series, "books", Kind.MANY_TO_MANY, Book, "books", False),
    (Book, "series_set", Kind.MANY_TO_MANY, Series, "series", False),
    (Book, "comments", Kind.GENERIC_RELATION, Comment, "comments", False),
    (Comment, "subject", Kind.GENERIC_FOREIGN_KEY, None, "subject", False),
    (Comment, "content_type", Kind.FOREIGN_KEY, ContentType, "content_type", None),
    (Copy, "shelf", Kind.FOREIGN_KEY, Shelf, "shelf", False),
    (Copy, "supplier", Kind.FOREIGN_KEY, relation(Copy, "supplier").target, "supplier", False),
    (Loan, "copy", Kind.FOREIGN_KEY, Copy, "copy", True),
    (Membership, "reader", Kind.FOREIGN_KEY, Reader, "reader", True),
    (Medium, "film", Kind.REVERSE_ONE_TO_ONE, Film, "film", True),
    (Film, "medium_ptr", Kind.ONE_TO_ONE, Medium, "medium_ptr", True),
    (Film, "publisher", Kind.FOREIGN_KEY, relation(Medium, "publisher").target, "publisher", True),
    (Film, "director", Kind.FOREIGN_KEY, Author, "director", True),
]


@pytest.mark.parametrize(
    ("model", "name", "kind", "target", "query_name", "is_joinable"),
    RELATIONS,
    ids=[f"{model.__name__}.{name}" for model, name, *_ in RELATIONS],
)
def test_each_attribute_is_known_by_kind_target_and_lookup(model, name, kind, target, query_name, is_joinable):
    """Every kind of relation of the library."""
    known = relation(model, name)
    assert known is not None
    assert (known.name, known.kind, known.target, known.query_name) == (name, kind, target, query_name)
    if is_joinable is not None:
        assert (known.no_join == "") is is_joinable, known.no_join


@pytest.mark.parametrize("name", ["title", "nothing", "pk", "author_id", "objects", ""])
def test_what_is_no_relation_is_none(name):
    """Columns, managers, and what has been renamed."""
    assert relation(Book, name) is None


@pytest.mark.parametrize(
    ("model", "name", "reason"),
    [
        (Copy, "shelf", "base manager"),
        (Copy, "supplier", "db_constraint"),
        (Comment, "subject", "generic foreign key"),
        (Author, "books", "cannot be joined"),
        (Book, "tags", "cannot be joined"),
    ],
)
def test_the_reason_against_a_join_is_told(model, name, reason):
    """A report can show it."""
    assert reason in relation(model, name).no_join


@pytest.mark.parametrize(
    ("model", "name", "tables"),
    [
        (Book, "author", {"library_author"}),
        (Book, "tags", {"library_tag", "library_book_tags"}),
        (Tag, "books", {"library_book", "library_book_tags"}),
        (Book, "contributors", {"library_author", "library_contribution"}),
        (Book, "series_set", {"library_series", "library_series_books"}),
        (Author, "followers", {"library_author", "library_author_follows"}),
        (Medium, "film", {"library_film", "library_medium"}),
        (Review, "classic", {"library_book"}),
        (Comment, "subject", set()),
    ],
)
def test_the_tables_that_a_relation_reads_are_known(model, name, tables):
    """A write to one of them makes what was loaded stale."""
    assert relation(model, name).tables == tables


@pytest.mark.parametrize(
    ("model", "name", "columns", "known_columns"),
    [
        (Book, "author", {"author_id"}, set()),
        (Book, "imprint", {"imprint_id"}, set()),
        (Author, "books", set(), {"author_id"}),
        (Author, "profile", set(), {"author_id"}),
        (Book, "comments", set(), {"content_type_id", "object_id"}),
        (Comment, "subject", {"content_type_id", "object_id"}, set()),
    ],
)
def test_the_columns_of_a_relation_are_known(model, name, columns, known_columns):
    """Those that it needs, and those that are the same for all rows of one parent."""
    known = relation(model, name)
    assert (known.columns, known.known_columns) == (columns, known_columns)


def test_hidden_relations_have_no_attribute():
    """`related_name="+"` leaves none."""
    assert not any(name.endswith("+") for name in relations(Author))
