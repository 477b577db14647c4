"""What `SCOPE` "all" leaves alone: where Django reads for itself, nothing is tracked, planned or learned."""

from __future__ import annotations

import io
import json

import pytest
from django.apps.registry import Apps
from django.core import checks, serializers
from django.core.management import call_command
from django.db import connection, connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.signals import post_delete
from django.test import override_settings

from autoprefetch import override, report
from tests.databases import count_queries
from tests.equivalence.comparing import runs
from tests.library.models import Author, Book, Branch, Copy, Reader, Shelf

pytestmark = pytest.mark.usefixtures("library")
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def models_learned():
    return {site.model for site in report().call_sites}


# delete() -----------------------------------------------------------------------------------------------------------


def test_delete_collects_as_plain_django_does(database):
    """The same statements, and no call site for what it collects."""

    def view():
        return (
            Author.objects.filter(name="Ada").delete(),
            Shelf.objects.all().delete(),
            Book.objects.filter(pages__lt=300).delete(),
            sorted(Book.objects.values_list("title", flat=True)),
        )

    plain, cold, warm = runs(view, 2, SCOPE="all")
    assert cold.outcome == warm.outcome == plain.outcome
    assert [len(run.log) for run in (cold, warm)] == [len(plain.log)] * 2
    assert models_learned() == set()


def test_signals_of_a_delete_are_the_applications_own(database):
    """A receiver's querysets are automatic; what Django collected around them is not."""
    seen = []

    def receive(sender, instance, **kwargs):
        seen.append([str(reader) for reader in Reader.objects.all()])

    post_delete.connect(receive, sender=Copy)
    try:
        with override(SCOPE="all"):
            Copy.objects.all().delete()
    finally:
        post_delete.disconnect(receive, sender=Copy)
    assert seen
    assert models_learned() == {"library.Reader"}


# Fixtures -----------------------------------------------------------------------------------------------------------


def test_dumpdata_and_loaddata_run_as_plain_django(database, tmp_path):
    """The same output from the same queries, and nothing is learned."""
    fixture = tmp_path / "books.json"

    def dump():
        call_command("dumpdata", "library.book", "library.tag", database=database, output=str(fixture), verbosity=0)
        return json.loads(fixture.read_text())

    def load():
        call_command("loaddata", str(fixture), database=database, verbosity=0)
        return list(Book.objects.values_list("title", flat=True))

    for view in (dump, load):
        plain, cold, warm = runs(view, 2, SCOPE="all")
        assert cold.outcome == warm.outcome == plain.outcome
        assert plain.error is None
        assert plain.queries == cold.queries == warm.queries
    assert models_learned() == set()


@pytest.mark.parametrize("form", ["json", "python", "xml"])
def test_deserialisers_are_left_alone(database, form):
    """What they look up for natural keys and relations is nobody's evaluation."""
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType

    content_type = ContentType.objects.get_for_model(Book)
    group = Group.objects.create(name="Staff")
    group.permissions.add(
        *Permission.objects.bulk_create(
            Permission(name=name, codename=name, content_type=content_type) for name in ("lend", "buy")
        )
    )
    data = serializers.serialize(
        form, Group.objects.all(), use_natural_foreign_keys=True, use_natural_primary_keys=True
    )
    with override(SCOPE="all"):
        found = list(serializers.deserialize(form, data, using=database))
    assert [len(item.m2m_data["permissions"]) for item in found] == [2]
    assert models_learned() == set()


def test_serialising_by_hand_is_the_applications_own(database):
    """`serializers.serialize` is code of the application's as any other; many-to-many sets come in one query."""

    def view():
        return serializers.serialize("json", Book.objects.order_by("pk"))

    plain, cold, warm = runs(view, 2, SCOPE="all")
    assert cold.outcome == warm.outcome == plain.outcome
    assert cold.queries < plain.queries


# Migrations ---------------------------------------------------------------------------------------------------------


@sqlite_only
def test_historical_models_are_left_alone(database):
    """The models that migrations see are not the project's."""
    state = ProjectState()
    state.add_model(ModelState.from_model(Branch, exclude_rels=True))
    historical: Apps = state.apps
    with override(SCOPE="all"):
        assert len(historical.get_model("library", "Branch").objects.all()) == 5
    assert models_learned() == set()


@sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_uses_the_projects_models_is_left_alone(database):
    """`RunPython` with imported models, as code in the wild has it."""
    seen = []

    def forwards(apps, schema_editor):
        seen.append([branch.street.city.name for branch in Branch.objects.order_by("pk")])

    class Migration(migrations.Migration):
        operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]

    executor = MigrationExecutor(connection)
    migration = Migration("0001_look", "library")
    executor.loader.graph.add_node(("library", "0001_look"), migration)
    executor.loader.disk_migrations["library", "0001_look"] = migration
    try:
        with override(SCOPE="all"), count_queries() as log:
            executor.migrate([("library", "0001_look")])
    finally:
        executor.recorder.record_unapplied("library", "0001_look")
    assert seen == [["Oslo", "Oslo", "Lyon", "Kyoto", "Oslo"]]
    assert sum("library_city" in sql for sql in log.statements) == 5, "one lazy load for each branch"
    assert models_learned() == set()


@sqlite_only
@pytest.mark.parametrize("command", ["migrate", "makemigrations", "flush", "check", "createcachetable"])
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_commands_that_keep_house_are_left_alone(database, command):
    """Whatever evaluates while they run, also in receivers of `post_migrate`."""
    options = {
        "migrate": {"run_syncdb": True, "interactive": False},
        "makemigrations": {"dry_run": True, "check_changes": False},
        "flush": {"interactive": False},
        "check": {"databases": ["default"]},
    }
    seen = []

    def evaluate(*args, **kwargs):
        seen.append(len(Branch.objects.all()))
        return []

    models.signals.post_migrate.connect(evaluate, dispatch_uid="scope")
    checks.registry.registry.registered_checks.add(evaluating := _check(evaluate))
    try:
        with override(SCOPE="all"):
            call_command(command, stdout=io.StringIO(), verbosity=0, **options.get(command, {}))
    finally:
        models.signals.post_migrate.disconnect(dispatch_uid="scope")
        checks.registry.registry.registered_checks.discard(evaluating)
    assert seen or command in ("makemigrations", "createcachetable")
    assert models_learned() == set()


def _check(evaluate):
    def check(app_configs, **kwargs):
        return evaluate()

    check.tags = (checks.Tags.models,)
    return check


@sqlite_only
def test_a_command_of_the_application_is_not_left_alone(database):
    """Its route tells its call sites from those of requests."""
    from django.core.management.base import BaseCommand

    class Command(BaseCommand):
        requires_system_checks = []

        def handle(self, *args, **options):
            return " ".join(book.author.name for book in Book.objects.all())

    def view():
        out = io.StringIO()
        call_command(Command(), stdout=out)
        return out.getvalue()

    plain, cold, warm = runs(view, 2, SCOPE="all")
    assert cold.outcome == warm.outcome == plain.outcome
    assert (plain.queries, cold.queries, warm.queries) == (17, 2, 1)
    [site] = report().call_sites
    assert "command" in site.key
    assert "test_left_alone" in site.key


# Checks and the test database ---------------------------------------------------------------------------------------


@sqlite_only
def test_system_checks_are_left_alone(database):
    """A check that looks at the database, run by hand."""
    seen = []

    def check(app_configs, **kwargs):
        seen.append([branch.street.name for branch in Branch.objects.order_by("pk")])
        return []

    check.tags = ("scope",)
    checks.registry.registry.registered_checks.add(check)
    try:
        with override(SCOPE="all"):
            checks.run_checks(tags=["scope"])
    finally:
        checks.registry.registry.registered_checks.discard(check)
    assert len(seen) == 1
    assert models_learned() == set()


def test_the_content_of_a_test_database_is_serialised_alone(database):
    """What Django keeps of a test database, and puts back after a transaction test."""
    from django.contrib.auth.models import Group

    Group.objects.create(name="Staff")
    creation = connections[database].creation
    with override(SCOPE="all"), override_settings(MIGRATION_MODULES={}):
        assert "Staff" in creation.serialize_db_to_string()
        creation.deserialize_db_from_string("[]")
    assert models_learned() == set()


def test_the_loader_of_migrations_is_not_in_the_way(database):
    """It reads which migrations were applied, from a model of its own."""
    with override(SCOPE="all"):
        MigrationLoader(connections[database])
    assert models_learned() <= {"migrations.Migration"}
