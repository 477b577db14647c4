"""Suggestions: a plan as code, from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Model, Prefetch, QuerySet

from autoprefetch.advise.suggestions import Edit, Suggestion, predicted_queries, suggestion_for
from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.plan.choosing import Choices, plan_for
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Plan
from tests.library import models
from tests.library.models import Author, Book, Branch, Comment, Copy, Loan, Medium

TOTAL = ("pk",)


def profile(*paths: str, rows: int = 16, **counts: Any) -> Profile:
    usages = {tuple(text.split("__")): Usage(1, rows, rows, rows, first_access=f"{text} here") for text in paths}
    return Profile(1, rows, usages=usages, **counts)


def plan_of(given: Profile, model: type[Model], ordering: tuple[str, ...] = TOTAL, **form: Any) -> Plan:
    return plan_for(
        History.of(given, 0), Form(model, ordering=ordering, **form), lambda known, target: Form(target), Choices()
    )


def total_plan_of(given: Profile, model: type[Model]) -> Plan:
    """Plan as if the query of each level had a total ordering, so that all levels join."""
    form = Form(model, ordering=TOTAL)
    return plan_for(History.of(given, 0), form, lambda known, target: Form(target, ordering=TOTAL), Choices())


def suggested(
    given: Profile,
    plan: Plan,
    call: str = "auto(Book.objects.all())",
    expression: str = "Book.objects.all()",
    names: Mapping[str, Any] | None = None,
) -> Suggestion | None:
    return suggestion_for(
        plan, given, call_site="view (shop/views.py:42)", call=call, expression=expression, names=names or {}
    )


# The code -----------------------------------------------------------------------------------------------------------

CODES = [
    (Book, ["author"], '.select_related("author")'),
    (Book, ["author", "publisher"], '.select_related("author", "publisher")'),
    (Book, ["author", "author__archive"], '.select_related("author__archive")'),
    (Author, ["profile"], '.select_related("profile")'),
    (Medium, ["film"], '.select_related("film")'),
    (Branch, ["street", "street__city", "street__city__country"], '.select_related("street__city__country")'),
    (Book, ["tags"], '.prefetch_related("tags")'),
    (Book, ["series_set"], '.prefetch_related("series_set")'),
    (Copy, ["shelf"], '.prefetch_related("shelf")'),
    (Book, ["author", "tags"], '.select_related("author").prefetch_related("tags")'),
    (Book, ["author", "author__friends"], '.select_related("author").prefetch_related("author__friends")'),
    (Author, ["books", "books__tags"], '.prefetch_related("books__tags")'),
    (Author, ["books", "books__tags", "comments"], '.prefetch_related("books__tags", "comments")'),
    (Comment, ["subject[library.Book]"], '.prefetch_related("subject")'),
    (Comment, ["subject[library.Book]", "subject[library.Branch]"], '.prefetch_related("subject")'),
]


@pytest.mark.parametrize(("model", "paths", "code"), CODES, ids=[" ".join(paths) for _, paths, _ in CODES])
def test_a_plan_is_written_as_method_calls(model, paths, code):
    """Joins as select_related, the rest as prefetch_related, the longest lookup for each chain."""
    given = profile(*paths)
    found = suggested(given, plan_of(given, model), call="", expression="")
    assert found.code == code


NESTED = [
    (
        Author,
        ["books", "books__publisher"],
        '.prefetch_related(Prefetch("books", queryset=Book.objects.select_related("publisher")))',
    ),
    (
        Author,
        ["books", "books__publisher", "books__tags"],
        '.prefetch_related(Prefetch("books", queryset=Book.objects.select_related("publisher")), "books__tags")',
    ),
    (
        Author,
        ["books", "books__publisher", "books__publisher__city"],
        '.prefetch_related(Prefetch("books", queryset=Book.objects.select_related("publisher__city")))',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "paths", "code"), NESTED, ids=[" ".join(paths) for _, paths, _ in NESTED])
def test_a_prefetched_level_with_joins_is_a_prefetch_object(model, paths, code):
    """With the manager that Django itself would use, and the imports it needs."""
    given = profile(*paths)
    found = suggested(given, total_plan_of(given, model), call="", expression="")
    assert found.code == code
    assert found.imports == ("from django.db.models import Prefetch", "from tests.library.models import Book")


@pytest.mark.parametrize(
    ("model", "paths"),
    [(model, paths) for model, paths, _ in [*CODES, *NESTED]],
    ids=[" ".join(paths) for _, paths, _ in [*CODES, *NESTED]],
)
@pytest.mark.parametrize("planning", [plan_of, total_plan_of])
def test_the_code_can_be_pasted(model, paths, planning):
    """It is Python, and Django accepts it, with its own imports and no others."""
    given = profile(*paths)
    found = suggested(given, planning(given, model), call="", expression=f"{model.__name__}.objects.all()")
    names: dict[str, Any] = {model.__name__: model}
    exec("\n".join(found.imports), names)
    queryset = eval(found.code, names)
    assert isinstance(queryset, QuerySet)
    assert str(queryset.query)
    for lookup in queryset._prefetch_related_lookups:
        assert isinstance(lookup, (str, Prefetch))


def test_a_generic_key_with_something_below_it_is_a_generic_prefetch():
    """With a queryset for each model that has something below it."""
    given = profile("subject[library.Book]", "subject[library.Book]__author", "subject[library.Branch]")
    found = suggested(given, plan_of(given, Comment), call="", expression="Comment.objects.all()")
    assert found.code.startswith('Comment.objects.all().prefetch_related(GenericPrefetch("subject", [')
    assert 'select_related("author")' in found.code
    assert "from django.contrib.contenttypes.prefetch import GenericPrefetch" in found.imports
    names: dict[str, Any] = {"Comment": Comment}
    exec("\n".join(found.imports), names)
    [lookup] = eval(found.code, names)._prefetch_related_lookups
    assert isinstance(lookup, GenericPrefetch)


def test_a_customised_manager_is_named_as_django_would_choose_it():
    """A to-many relation starts from the default manager, whatever its name."""
    given = profile("copies", "copies__loans", "copies__loans__reader")
    found = suggested(given, total_plan_of(given, Book), call="", expression="")
    assert "Loan.objects.select_related" in found.code
    assert type(Loan._default_manager).__name__ == "LoansWithCopy"


def test_the_expression_is_kept_as_written():
    """The methods are put behind it."""
    given = profile("author")
    expression = 'Book.objects.filter(\n        title="x",  # why\n    )[:5]'
    found = suggested(given, plan_of(given, Book), expression=expression)
    assert found.code == f'{expression}.select_related("author")'


def test_without_the_expression_the_methods_are_given():
    """To append in a shell."""
    given = profile("author")
    found = suggested(given, plan_of(given, Book), call="", expression="")
    assert found.code == '.select_related("author")'
    assert "Add to your query:" in found.as_text()
    assert "Replace" not in found.as_text()


def test_a_plan_that_loads_nothing_ahead_gives_no_suggestion():
    """There is nothing to write."""
    given = profile("author")
    assert (
        suggested(given, plan_for(History.of(given, 0), Form(Book), lambda k, t: Form(t), Choices(ahead=False))) is None
    )
    assert suggested(Profile(), plan_of(Profile(), Book)) is None


@pytest.mark.parametrize(
    ("given", "form", "code"),
    [
        (("author__archive",), {"joined": frozenset({("author",)})}, '.select_related("author__archive")'),
        (("author__friends",), {"joined": frozenset({("author",)})}, '.prefetch_related("author__friends")'),
        (("tags__books",), {"prefetched": frozenset({("tags",)})}, '.prefetch_related("tags__books")'),
    ],
)
def test_what_the_caller_loads_already_is_not_written_again(given, form, code):
    """Only what is added below it."""
    found = profile(*given)
    made = suggested(found, plan_of(found, Book, **form), call="", expression="")
    assert made.code == code


# Imports ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "imports", "written"),
    [
        ({}, {"from django.db.models import Prefetch", "from tests.library.models import Book"}, "Book.objects"),
        ({"Book": Book}, {"from django.db.models import Prefetch"}, "Book.objects"),
        ({"Book": Book, "Prefetch": Prefetch}, set(), "Book.objects"),
        (
            {"Book": Author, "Prefetch": Prefetch},
            {"from tests.library.models import Book as Book_"},
            "Book_.objects",
        ),
        (
            {"Book": Book, "Prefetch": "taken"},
            {"from django.db.models import Prefetch as Prefetch_"},
            "Prefetch_(",
        ),
        (
            {"models": models},
            {"from django.db.models import Prefetch", "from tests.library.models import Book"},
            "Book.",
        ),
    ],
)
def test_only_missing_imports_are_named(names, imports, written):
    """A name that stands for something else is left alone."""
    given = profile("books", "books__publisher")
    found = suggested(given, total_plan_of(given, Author), names=names)
    assert set(found.imports) == imports
    assert written in found.code


# Counts, places and notes -------------------------------------------------------------------------------------------


def test_the_counts_are_predicted_until_they_are_measured():
    """Before: what plain Django runs; after: what the plan is expected to run."""
    given = profile("author", "tags")
    found = suggested(given, plan_of(given, Book))
    assert (found.queries_before, found.queries_after, found.measured) == (33, 2, False)
    assert "and with this change 2" in found.as_text()


def test_the_counts_are_measured_once_warm():
    """What the warm evaluations really ran."""
    given = profile("author", "tags", warm=2, warm_queries=6)
    found = suggested(given, plan_of(given, Book))
    assert (found.queries_before, found.queries_after, found.measured) == (33, 3, True)
    assert "now 3" in found.as_text()


def test_what_stays_lazy_is_counted_in_the_prediction():
    """Derived queries and ignored relations go on."""
    given = profile("author", "books()")
    assert predicted_queries(plan_of(given, Book), given) == 17


def test_the_places_of_what_is_loaded_ahead_are_named():
    """Where each path was touched first, and nothing about what stays lazy."""
    given = profile("author", "author__archive", "books()")
    found = suggested(given, plan_of(given, Book))
    assert found.accessed_at == {"author": "author here", "author__archive": "author__archive here"}
    assert "First touched: author at author here" in found.as_text()


def test_an_ordering_that_is_not_total_is_noted():
    """The advice says select_related, and what that may do to the order of rows."""
    given = profile("author")
    found = suggested(given, plan_of(given, Book, ordering=("title",)), call="", expression="")
    assert found.code == '.select_related("author")'
    [note] = found.notes
    assert "author" in note
    assert "change places" in note
    assert note in found.as_text()


def test_a_total_ordering_needs_no_note():
    """Nothing can change."""
    given = profile("author")
    assert suggested(given, plan_of(given, Book)).notes == ()


def test_the_text_gives_fact_place_and_remedy():
    """One grammar for all kinds."""
    given = profile("books", "books__publisher")
    text = suggested(given, total_plan_of(given, Author)).as_text()
    fact, rest = text.split("\n", 1)
    assert fact == "view (shop/views.py:42) runs 33 queries, and with this change 2."
    assert "auto(Book.objects.all())" in rest
    assert "Prefetch(" in rest
    assert "from django.db.models import Prefetch" in rest


def test_further_edits_are_in_the_text():
    """A second change at another line, when there is one."""
    edit = Edit("shop/views.py:50", "author.books.order_by('-pk')[:5]", "author.latest_books")
    made = Suggestion("view (shop/views.py:42)", "library.Book", "b", "a", (), (edit,), 9, 2, True)
    assert "shop/views.py:50" in made.as_text()
    assert edit.replaces in made.as_text()
    assert edit.code in str(made)
