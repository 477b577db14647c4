"""Uses of the public API that only mypy reads: `mypy tests/typing/api.py` has to find nothing wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Manager, QuerySet
from django.db.models.query import RawQuerySet

from autoprefetch import InvalidSettingsError, LazyLoadError, auto, override, report, reset, suggestions
from autoprefetch.advise.reports import Report
from autoprefetch.advise.suggestions import Suggestion
from autoprefetch.testing import AutoprefetchMixin, assert_no_lazy_loads, assert_scales


class GroupQuerySet(QuerySet[Group]):
    def named(self, name: str) -> GroupQuerySet:
        return self.filter(name=name)


def a_model_class_gives_a_queryset_of_its_instances() -> None:
    assert_type(auto(Group), QuerySet[Group])
    assert_type(auto(Group).get(), Group)


def a_manager_gives_a_queryset_of_its_instances(manager: Manager[Group]) -> None:
    assert_type(auto(manager), QuerySet[Group])
    assert_type(auto(Permission.objects).first(), Permission | None)


def a_queryset_keeps_its_type() -> None:
    groups = auto(Group.objects.filter(name="staff"))
    assert_type([group.name for group in groups], list[str])
    assert_type(groups[0], Group)
    assert_type(groups.count(), int)


def a_custom_queryset_keeps_its_methods(groups: GroupQuerySet) -> None:
    assert_type(auto(groups), GroupQuerySet)
    assert_type(auto(groups).named("staff"), GroupQuerySet)


def a_raw_queryset_stays_raw() -> None:
    rows = Group.objects.raw("SELECT * FROM auth_group")
    assert_type(rows, RawQuerySet[Group])
    assert_type(auto(rows), RawQuerySet[Group])


def a_related_manager_gives_a_queryset(user: User) -> None:
    assert_type([group.name for group in auto(user.groups)], list[str])
    assert_type([group.name for group in auto(user.groups.all())], list[str])


def options_are_typed() -> None:
    auto(Group, name="groups", ignore=("permissions",))
    auto(Group, name=None, ignore=["permissions"])
    auto(None)  # type: ignore[call-overload]
    auto([Group()])  # type: ignore[call-overload]
    auto(Group, name=1)  # type: ignore[call-overload]
    auto(Group, "groups")  # type: ignore[call-overload]


@override(MODE="off")
def decorated(name: str) -> list[Group]:
    return list(auto(Group.objects.filter(name=name)))


@override(MODE="off")
async def decorated_coroutine(name: str) -> list[Group]:
    return [group async for group in auto(Group.objects.filter(name=name))]


async def decorators_keep_the_signature() -> None:
    assert_type(decorated("staff"), list[Group])
    assert_type(await decorated_coroutine("staff"), list[Group])
    decorated(1)  # type: ignore[arg-type]


async def override_is_a_context_manager() -> None:
    with override(MODE="off", AHEAD=False):
        pass
    async with override(MODE="off"):
        pass


def what_was_learned_is_typed() -> Iterator[object]:
    assert_type(suggestions(), list[Suggestion])
    for suggestion in suggestions():
        assert_type(suggestion.call_site, str)
        assert_type(suggestion.code, str)
        assert_type(suggestion.queries_before, int)
        assert_type(suggestion.measured, bool)
        yield suggestion.imports
    assert_type(report(), Report)
    assert_type(report().as_text(), str)
    assert_type(report().as_markdown(), str)
    reset()


def errors_are_classes() -> tuple[type[Exception], ...]:
    return InvalidSettingsError, LazyLoadError


def make_groups(count: int) -> list[Group]:
    return [Group.objects.create(name=str(number)) for number in range(count)]


def the_assertions_take_what_tests_have() -> None:
    with assert_no_lazy_loads():
        list(Group.objects.all())
    assert_type(assert_scales(make_groups, Group.objects.count, sizes=[2, 4]), None)


class GroupsTest(AutoprefetchMixin):
    def test_groups(self) -> None:
        with self.assertNoLazyLoads():
            self.assertScales(make_groups, Group.objects.count)
