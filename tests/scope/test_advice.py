"""Without `auto()` there is no call to rewrite: the advice names the line that built the queryset."""

from __future__ import annotations

import pickle

import pytest

import autoprefetch
from autoprefetch import override
from autoprefetch.advise.proposing import proposals
from autoprefetch.conf import current
from autoprefetch.evaluation import engine
from tests.library.models import Book

pytestmark = pytest.mark.usefixtures("library")


def built_here(ordering="pk"):
    return Book.objects.filter(pages__gt=0).order_by(ordering)


def built_there():
    return Book.objects.order_by("title", "pk")


def names(books):
    return [book.author.name for book in books]


def line_of(function):
    """Return where the body of a function is, as the advice names it."""
    return f"tests/scope/test_advice.py:{function.__code__.co_firstlineno + 1} {function.__name__}"


def note():
    [suggestion] = [one for one in autoprefetch.suggestions() if one.call_site.startswith("names ")]
    [text] = [note for note in suggestion.notes if "append the code" in note]
    return text


def test_the_line_that_built_the_queryset_is_named(database):
    with override(SCOPE="all"):
        for _ in range(3):
            names(built_here())
        assert note() == (
            f"this line evaluates the queryset; append the code where the queryset is built: {line_of(built_here)}."
        )


def test_all_lines_are_named_that_build_what_one_line_evaluates(database):
    with override(SCOPE="all"):
        for build in (built_here, built_there, built_here):
            names(build())
        assert f"built: {line_of(built_here)} or {line_of(built_there)}." in note()


def test_the_store_knows_it(database):
    with override(SCOPE="all"):
        for _ in range(3):
            names(built_here())
        [made] = [one.suggestion for one in proposals(engine.everything(), current()) if "names" in one.key]
    assert line_of(built_here) in made.as_text()


def test_a_pickle_holds_no_place(database):
    with override(SCOPE="all"):
        queryset = built_here()
        assert b"autoprefetch" not in pickle.dumps(queryset)
        assert b"test_advice" not in pickle.dumps(queryset.query)
        assert names(pickle.loads(pickle.dumps(queryset))) == names(built_here())
