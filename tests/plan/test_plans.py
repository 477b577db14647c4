"""Plans: from counts and the form of a queryset to what is joined, prefetched or left lazy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.db.models import Model

from autoprefetch.learn.histories import History
from autoprefetch.learn.profiles import Path, Profile, Usage
from autoprefetch.plan.choosing import MAX_JOINS, Choices, plan_for
from autoprefetch.plan.forms import Form
from autoprefetch.plan.plans import Method, Plan
from autoprefetch.plan.relations import Relation
from tests.library.models import Author, Book, Branch, Comment, Copy, Reader, Street
from tests.library.models import Profile as AuthorProfile

ORDERED = {"ordering": ("pk",)}
LAZY, JOIN, PREFETCH, GIVEN = Method.LAZY, Method.JOIN, Method.PREFETCH, Method.GIVEN


def path(text: str) -> Path:
    return tuple(text.split("__"))


def profile(*paths: str, rows: int = 16, evaluations: int = 1, **counts: Any) -> Profile:
    """Make a profile in which each instance loaded each path."""
    usages = {path(text): Usage(evaluations, rows, rows, rows, first_access="here") for text in paths}
    return Profile(evaluations, rows, usages=usages, **counts)


def planned(
    given: Profile,
    model: type[Model] = Book,
    choices: Choices | None = None,
    forms: Mapping[type[Model], Form] | None = None,
    **form: Any,
) -> Plan:
    def form_of(known: Relation, target: type[Model]) -> Form:
        return (forms or {}).get(target) or Form(target)

    return plan_for(History.of(given, 0), Form(model, **form), form_of, choices or Choices())


def methods(plan: Plan) -> dict[str, Method]:
    return {"__".join(branch.path): branch.method for branch in plan.walk()}


def reason(plan: Plan, text: str) -> str:
    [branch] = [branch for branch in plan.walk() if branch.path == path(text)]
    return branch.reason


# Join, prefetch or lazy ---------------------------------------------------------------------------------------------


def test_nothing_is_planned_for_what_is_not_known():
    """A new call site runs plain."""
    plan = planned(Profile(), **ORDERED)
    assert plan.is_empty
    assert (plan.branches, plan.joins(), plan.eager_paths()) == ((), (), frozenset())


@pytest.mark.parametrize(
    ("model", "paths", "expected"),
    [
        (Book, ["author"], {"author": JOIN}),
        (Book, ["author", "publisher"], {"author": JOIN, "publisher": JOIN}),
        (Book, ["author", "author__archive"], {"author": JOIN, "author__archive": JOIN}),
        (Author, ["profile"], {"profile": JOIN}),
        (Author, ["profile", "profile__city"], {"profile": JOIN, "profile__city": JOIN}),
        (Book, ["tags"], {"tags": PREFETCH}),
        (Author, ["books"], {"books": PREFETCH}),
        (Book, ["comments"], {"comments": PREFETCH}),
        (Book, ["series_set"], {"series_set": PREFETCH}),
        (Comment, ["subject[library.Book]"], {"subject[library.Book]": PREFETCH}),
        (Copy, ["shelf"], {"shelf": PREFETCH}),
        (Copy, ["supplier"], {"supplier": PREFETCH}),
        (Book, ["author", "author__books"], {"author": JOIN, "author__books": PREFETCH}),
        (Author, ["books", "books__tags"], {"books": PREFETCH, "books__tags": PREFETCH}),
    ],
)
def test_to_one_is_joined_and_to_many_is_prefetched(model, paths, expected):
    """With a total ordering, and where the relation permits it."""
    assert methods(planned(profile(*paths), model, **ORDERED)) == expected


@pytest.mark.parametrize(
    ("model", "paths"),
    [
        (Author, ["books", "books__author"]),
        (Author, ["profile", "profile__author"]),
        (AuthorProfile, ["author", "author__profile"]),
    ],
)
def test_what_leads_back_stays_lazy(model, paths):
    """Django has put the very instance there that the row was loaded from, and a join would put another."""
    plan = planned(profile(*paths), model, **ORDERED)
    assert methods(plan)[paths[0]] is not LAZY
    assert methods(plan)[paths[1]] is LAZY
    assert reason(plan, paths[1]) == "Django has put there what the row was loaded from"


@pytest.mark.parametrize(
    ("model", "paths"), [(Author, ["books", "books__translator"]), (Book, ["author", "author__books"])]
)
def test_what_leads_to_others_of_the_same_model_is_loaded_ahead(model, paths):
    """Another foreign key to the same model leads elsewhere, and the rows of a foreign key have many others."""
    assert LAZY not in methods(planned(profile(*paths), model, **ORDERED)).values()


@pytest.mark.parametrize(
    ("form", "choices", "method"),
    [
        ({"ordering": ("pk",)}, Choices(), JOIN),
        ({"ordering": ("title",)}, Choices(), PREFETCH),
        ({}, Choices(), PREFETCH),
        ({"ordering": ("title",)}, Choices(join_unordered=True), JOIN),
        ({"is_single": True}, Choices(), JOIN),
        ({"ordering": ("title",), "fixed": frozenset({"id"})}, Choices(), JOIN),
        ({"ordering": ("pk",), "no_joins": "it is a raw query"}, Choices(), PREFETCH),
        ({"is_single": True, "no_joins": "it is locked"}, Choices(join_unordered=True), PREFETCH),
        ({"no_joins": "it is combined", "no_prefetches": "it is combined"}, Choices(), LAZY),
        ({"ordering": ("title",)}, Choices(ahead=False), LAZY),
        ({"ordering": ("pk",)}, Choices(ahead=False), JOIN),
        ({"ordering": ("pk",), "elsewhere": frozenset({"library.Author"})}, Choices(), PREFETCH),
        ({"ordering": ("pk",), "elsewhere": frozenset({"library.Tag"})}, Choices(), JOIN),
        ({"ordering": ("pk",), "deferred": frozenset({"author_id"})}, Choices(), LAZY),
        ({"ordering": ("pk",), "deferred": frozenset({"summary"})}, Choices(), JOIN),
        ({"ordering": ("pk",), "joined": frozenset({("author",)})}, Choices(), GIVEN),
        ({"ordering": ("pk",), "prefetched": frozenset({("author",)})}, Choices(), GIVEN),
        ({"ordering": ("pk",)}, Choices(ignore=("author",)), LAZY),
        ({"ordering": ("pk",)}, Choices(patterns=("library.Book.author",)), LAZY),
        ({"ordering": ("pk",)}, Choices(patterns=("library.Book.*",)), LAZY),
        ({"ordering": ("pk",)}, Choices(patterns=("library.Author.*",)), JOIN),
    ],
)
def test_the_form_and_the_choices_decide_how_a_foreign_key_is_loaded(form, choices, method):
    """One foreign key, sixteen loads, in each form."""
    plan = planned(profile("author"), choices=choices, **form)
    assert methods(plan) == {"author": method}
    assert reason(plan, "author")


def test_a_join_that_only_the_ordering_forbids_is_advised():
    """The advice says `select_related`, the plan prefetches."""
    [branch] = planned(profile("author"), ordering=("title",)).branches
    assert (branch.method, branch.advises_join) == (PREFETCH, True)
    assert "ordering" in branch.reason


@pytest.mark.parametrize("form", [{"no_joins": "it is a raw query"}, {"ordering": ("pk",)}])
def test_a_join_that_is_made_or_otherwise_forbidden_is_not_advised_again(form):
    """Pasting it would fail, or is what the plan does."""
    [branch] = planned(profile("author"), **form).branches
    assert not branch.advises_join


@pytest.mark.parametrize("name", ["shelf", "supplier"])
def test_a_join_that_the_relation_forbids_is_never_advised(name):
    """It would show hidden rows, or drop some."""
    [branch] = planned(profile(name), Copy, ordering=("book",)).branches
    assert (branch.method, branch.advises_join) == (PREFETCH, False)


# Nesting ------------------------------------------------------------------------------------------------------------


def test_a_prefetched_level_joins_on_its_own():
    """What hangs below a set is joined to the query of the set, where its ordering is total."""
    plan = planned(
        profile("books", "books__publisher"), Author, forms={Book: Form(Book, ordering=("pk",))}, ordering=("pk",)
    )
    assert methods(plan) == {"books": PREFETCH, "books__publisher": JOIN}
    assert plan.joins() == ()


def test_a_prefetched_level_without_a_total_ordering_prefetches_again():
    """The order of the rows of each parent is to stay."""
    plan = planned(profile("books", "books__publisher"), Author, ordering=("pk",))
    assert methods(plan) == {"books": PREFETCH, "books__publisher": PREFETCH}


def test_a_prefetched_foreign_key_joins_what_is_below_it():
    """Its rows are found by their key; their order shows nowhere."""
    plan = planned(profile("author", "author__archive"), ordering=("title",))
    assert methods(plan) == {"author": PREFETCH, "author__archive": JOIN}


def test_the_key_of_the_parent_makes_an_ordering_total():
    """Unique together with the parent: one sequence for each parent."""
    plan = planned(
        profile("memberships", "memberships__branch"),
        Reader,
        forms={plan_target("memberships"): Form(plan_target("memberships"), ordering=("branch_id",))},
        ordering=("pk",),
    )
    assert methods(plan) == {"memberships": PREFETCH, "memberships__branch": JOIN}


def plan_target(name: str) -> type[Model]:
    found: type[Model] = Reader._meta.get_field(name).related_model
    return found


def test_a_chain_is_one_lookup_for_select_related():
    """The longest path of a chain names all of it."""
    plan = planned(
        profile("street", "street__city", "street__city__country", "street__city__country__continent"),
        Branch,
        **ORDERED,
    )
    assert plan.joins() == ("street__city__country__continent",)
    assert len(plan.eager_paths()) == 4


def test_what_is_below_a_callers_join_is_joined_to_it():
    """`select_related("author")` by the caller, the archive by the plan; the caller's join is not repeated."""
    plan = planned(profile("author__archive"), joined=frozenset({("author",)}), **ORDERED)
    assert methods(plan) == {"author": GIVEN, "author__archive": JOIN}
    assert plan.joins() == ("author__archive",)
    assert plan.eager_paths() == {("author", "archive")}


def test_what_is_below_a_callers_prefetch_is_prefetched():
    """Its query is the caller's, and nothing is joined to that."""
    plan = planned(profile("books__publisher"), Author, prefetched=frozenset({("books",)}), **ORDERED)
    assert methods(plan) == {"books": GIVEN, "books__publisher": PREFETCH}


def test_nothing_is_planned_below_what_stays_lazy():
    """It would have to be loaded to get there."""
    plan = planned(profile("author", "author__archive"), choices=Choices(ignore=("author",)), **ORDERED)
    assert methods(plan) == {"author": LAZY}


def test_only_the_ignored_path_stays_lazy():
    """`ignore=("author__archive",)` leaves the author."""
    plan = planned(profile("author", "author__archive"), choices=Choices(ignore=("author__archive",)), **ORDERED)
    assert methods(plan) == {"author": JOIN, "author__archive": LAZY}


def test_a_generic_key_is_planned_for_each_model_it_leads_to():
    """Each with what lies below it."""
    plan = planned(
        profile("subject[library.Book]", "subject[library.Book]__author", "subject[library.Branch]"), Comment, **ORDERED
    )
    assert methods(plan) == {
        "subject[library.Book]": PREFETCH,
        "subject[library.Book]__author": JOIN,
        "subject[library.Branch]": PREFETCH,
    }


def test_derived_queries_are_left_alone():
    """They are batched by other means."""
    plan = planned(profile("books()", "books()__publisher"), Author, **ORDERED)
    assert plan.is_empty
    assert plan.branches == ()


# Vetoes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "written", "expected"),
    [
        (["author"], {"library_author": 1}, {"author": LAZY}),
        (["author"], {"library_book": 1}, {"author": JOIN}),
        (["tags"], {"library_book_tags": 1}, {"tags": LAZY}),
        (["tags"], {"library_tag": 1}, {"tags": LAZY}),
        (["author", "publisher"], {"library_author": 3}, {"author": LAZY, "publisher": JOIN}),
        (["author", "author__archive"], {"library_archive": 1}, {"author": JOIN, "author__archive": LAZY}),
    ],
)
def test_what_the_call_site_writes_to_stays_lazy(paths, written, expected):
    """A value loaded ahead would be stale after the write."""
    assert methods(planned(profile(*paths, written=written), **ORDERED)) == expected


@pytest.mark.parametrize("gone", ["writer", "author__writer", "subject[library.Gone]", "subject[Gone]", "title"])
def test_a_path_that_the_models_do_not_have_any_more_is_dropped(gone):
    """A profile may be older than the schema."""
    plan = planned(profile("author", gone), **ORDERED)
    assert methods(plan) == {"author": JOIN}
    assert [dropped for dropped, _ in plan.dropped] == [path(gone)]


def test_joins_are_bounded():
    """A query takes so many tables and no more; what is left over is prefetched."""
    chain = "__".join(["mentor"] * (MAX_JOINS + 2))
    steps = chain.split("__")
    paths = ["__".join(steps[:size]) for size in range(1, len(steps) + 1)]
    found = methods(planned(profile(*paths), Author, **ORDERED))
    assert list(found.values()).count(JOIN) <= 2 * MAX_JOINS
    root = planned(profile(*paths), Author, **ORDERED)
    assert root.joins()[0].count("mentor") <= MAX_JOINS


# What pays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "evaluations", "name", "method"),
    [
        (Usage(1, 16, 16, 16), 1, "author", JOIN),
        (Usage(1, 1, 1, 1), 1, "author", JOIN),
        (Usage(1, 1000, 50, 50), 1, "tags", PREFETCH),
        (Usage(1, 1, 1, 3), 1, "tags", PREFETCH),
        (Usage(1, 1, 1, 3), 2, "tags", LAZY),
        (Usage(1, 16, 16, 16), 1000, "tags", LAZY),
        (Usage(1, 2000, 1, 500), 1, "tags", LAZY),
        (Usage(1, 10_000, 1, 1), 1, "author", LAZY),
    ],
)
def test_a_path_is_loaded_ahead_where_that_is_expected_to_pay(usage, evaluations, name, method):
    """By expected queries for each evaluation."""
    given = Profile(evaluations, 16, usages={(name,): usage})
    assert methods(planned(given, **ORDERED)) == {name: method}


def test_what_async_code_was_refused_is_loaded_ahead():
    """It cannot be loaded lazily at all."""
    given = Profile(
        1, 16, usages={("author",): Usage(1, 16, 1, 0, refused=1), ("tags",): Usage(1, 16, 1, 0, refused=1)}
    )
    assert methods(planned(given, **ORDERED)) == {"author": JOIN, "tags": PREFETCH}


def test_a_branch_that_costs_may_be_carried_by_what_is_below_it():
    """One author, whose forty books each load a publisher."""
    given = Profile(
        1,
        1,
        usages={("books",): Usage(1, 1, 1, 40), ("books", "publisher"): Usage(1, 40, 40, 40)},
    )
    assert methods(planned(given, Author, **ORDERED)) == {"books": PREFETCH, "books__publisher": PREFETCH}


def test_a_plan_of_lazy_and_given_branches_is_empty():
    """It changes nothing."""
    plan = planned(
        profile("author", "publisher"), choices=Choices(ignore=("publisher",)), joined=frozenset({("author",)})
    )
    assert plan.is_empty
    assert set(methods(plan).values()) == {GIVEN, LAZY}


def test_the_plan_does_not_depend_on_the_order_of_the_profile():
    """Workers that learned in another order plan the same."""
    paths = ["author", "author__archive", "tags", "publisher", "publisher__city"]
    assert planned(profile(*paths), **ORDERED) == planned(profile(*reversed(paths)), **ORDERED)


def test_a_street_is_joined_by_its_own_name():
    """The lookup is the relation's, not the target's."""
    assert planned(profile("city"), Street, **ORDERED).joins() == ("city",)
