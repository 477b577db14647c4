"""The stores: each keeps what it is told, together with what all others are told, and reads what it can."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from autoprefetch import stores
from autoprefetch.database.models import CallSite
from autoprefetch.learn.decisions import WHOLE, Decision
from autoprefetch.learn.encoding import FORMAT, UnreadableError, decoded, encoded, lookup, path_of
from autoprefetch.learn.given import Given
from autoprefetch.learn.histories import ERA, KEPT, UNKNOWN, History
from autoprefetch.learn.profiles import Profile, Usage
from autoprefetch.learn.stores import SharedStore
from autoprefetch.learn.stores.file import FileStore, entries, text_of
from autoprefetch.learn.times import Times
from autoprefetch.observe.callsites import Frames, Location, call_site
from tests import databases
from tests.learn.merging import PATHS, SITES

FILE = "autoprefetch.learn.stores.file.FileStore"
CACHE = "autoprefetch.learn.stores.cache.CacheStore"
DATABASE = "autoprefetch.database.store.DatabaseStore"

ONE = History.of(Profile(1, 16, 1, usages={("author",): Usage(1, 16, 16, 16, first_access="a.py:1 f")}), 0)
KEY = "bücher.views:List.get/auto@3f2a91bc < GET bücher/<int:pk>/ < library.Book"

KINDS = [
    "file",
    "locmem",
    pytest.param("redis", marks=pytest.mark.needs("redis")),
    pytest.param("sqlite", marks=pytest.mark.django_db(transaction=True)),
    *(
        pytest.param(alias, marks=pytest.mark.django_db(transaction=True, databases=["default", alias]))
        for alias in ("postgresql", "mariadb")
    ),
]


@pytest.fixture(params=KINDS)
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    kind = request.param
    if kind == "file":
        yield {"BACKEND": FILE, "OPTIONS": {"PATH": str(tmp_path / "folder" / "autoprefetch.json")}}
    elif kind in ("locmem", "redis"):
        alias = "default" if kind == "locmem" else kind
        clear = caches[alias].clear if kind == "locmem" else databases.clear_redis
        clear()
        yield {"BACKEND": CACHE, "OPTIONS": {"ALIAS": alias}}
        clear()
    else:
        yield {"BACKEND": DATABASE, "OPTIONS": {"ALIAS": databases.ALIASES[kind]}}


@pytest.fixture
def store(setting: dict[str, Any]) -> SharedStore:
    return stores.shared(setting)


@pytest.fixture
def told(store: SharedStore) -> list[str]:
    texts: list[str] = []
    store.tell = texts.append
    return texts


# The protocol ---------------------------------------------------------------------------------------------------------


def test_what_is_merged_can_be_loaded(store: SharedStore) -> None:
    """Added up, by its key, and listed."""
    assert store.load(KEY) is None
    store.merge(KEY, ONE)
    store.merge_many({KEY: ONE, "other": ONE})
    assert store.load(KEY) == ONE.merged_with(ONE)
    assert store.load("other") == ONE
    assert dict(store.items()) == {KEY: ONE.merged_with(ONE), "other": ONE}


def test_what_is_deleted_is_forgotten(store: SharedStore) -> None:
    """And can be learned anew."""
    store.merge_many({KEY: ONE, "other": ONE})
    store.delete(KEY)
    store.delete("never seen")
    assert not store.load(KEY)
    assert dict(store.items()) == {"other": ONE}
    store.merge(KEY, ONE)
    assert store.load(KEY) == ONE
    store.clear()
    assert list(store.items()) == []
    assert not store.load("other")


def test_a_second_store_reads_what_the_first_wrote(setting: dict[str, Any]) -> None:
    """Nothing is kept in the object alone, and what is read is not kept for good."""
    first, second = stores.shared(setting), stores.shared(setting)
    assert second.load(KEY) is None
    first.merge(KEY, ONE)
    assert second.load(KEY) == ONE
    second.merge(KEY, ONE)
    assert first.load(KEY) == ONE.merged_with(ONE)


def test_keys_may_be_long(store: SharedStore) -> None:
    """Longer than a name in memcached and a column with an index."""
    keys = [f"{'a' * 3000}{number}" for number in range(3)]
    store.merge_many(dict.fromkeys(keys, ONE))
    assert sorted(key for key, _ in store.items()) == keys


def test_names_of_any_text_can_be_kept(store: SharedStore) -> None:
    """A file name may hold bytes that are no text, and a name that the caller gave a NUL."""
    place = Location("shop.views", "index", "auto:1", "shop/caf\udce9.html", 1, 1, 0, 9)
    keys = [call_site(place, name, "library.Book", Frames((), "")).key for name in ("caf\udce9", "nul\0", "☕")]
    usages = {("author",): Usage(1, 1, 1, 1, first_access=str(place))}
    delta = History.of(Profile(1, 1, usages=usages), 0)
    store.merge_many(dict.fromkeys(keys, delta))
    assert dict(store.items()) == dict.fromkeys(keys, delta)


# Decisions ------------------------------------------------------------------------------------------------------------

IGNORED = History(decisions={WHOLE: Decision(5, ignores=True), "author": Decision(6, ignores=True)})


def test_what_was_decided_is_kept_with_what_was_learned(setting: dict[str, Any]) -> None:
    """By each store, for each process; the later decision is in force, whoever brings it when."""
    store, other = stores.shared(setting), stores.shared(setting)
    store.merge(KEY, ONE)
    store.merge(KEY, IGNORED)
    other.merge_many({KEY: ONE, "other": IGNORED})
    assert other.load(KEY) == ONE.merged_with(ONE).merged_with(IGNORED)
    assert dict(store.items())["other"] == IGNORED
    other.merge(KEY, History(decisions={WHOLE: Decision(7, ignores=False)}))
    store.merge(KEY, IGNORED)
    found = store.load(KEY)
    assert found is not None
    assert found.decisions == {WHOLE: Decision(7, ignores=False), "author": Decision(6, ignores=True)}


def test_what_was_decided_is_forgotten_with_what_was_learned(store: SharedStore) -> None:
    """One call site, or all of them."""
    store.merge_many({KEY: IGNORED, "other": IGNORED})
    store.delete(KEY)
    store.merge(KEY, ONE)
    assert dict(store.items()) == {KEY: ONE, "other": IGNORED}
    store.clear()
    store.merge("other", ONE)
    assert store.load("other") == ONE


@pytest.mark.parametrize("setting", ["locmem", pytest.param("redis", marks=pytest.mark.needs("redis"))], indirect=True)
def test_a_cache_keeps_what_is_ignored_though_it_is_not_seen(setting: dict[str, Any]) -> None:
    """What is ignored is not learned, and so not written; once it is ignored no longer it expires like all else."""
    store = stores.shared({**setting, "OPTIONS": {**setting["OPTIONS"], "TIMEOUT": 1}})
    store.merge_many({"ignored": IGNORED, "taken back": IGNORED, "learned": ONE})
    store.merge("taken back", History(decisions={name: Decision(9, ignores=False) for name in IGNORED.decisions}))
    time.sleep(1.2)
    assert dict(store.items()) == {"ignored": IGNORED}
    store.delete("ignored")
    assert list(store.items()) == []


def test_decisions_survive_a_file_in_version_control(tmp_path: Path) -> None:
    """Each on a line of its own, so that branches merge line by line."""
    file = FileStore(tmp_path / "known.json")
    file.merge(KEY, ONE.merged_with(IGNORED))
    assert FileStore(file.path).load(KEY) == ONE.merged_with(IGNORED)
    text = file.path.read_text()
    assert '"*": {"when": 5, "ignores": true},\n' in text
    assert '"author": {"when": 6, "ignores": true},\n' in text


# Many processes -------------------------------------------------------------------------------------------------------

DELTAS = 10_000


def process(setting: dict[str, Any], deltas: int) -> subprocess.Popen[str]:
    chosen = {}
    for alias, settings in databases.DATABASES.items():
        name = connections[alias].settings_dict["NAME"]
        chosen[alias] = {**settings, "NAME": str(name), "OPTIONS": settings.get("OPTIONS", {})}
    if "SQLITE_FILE" in setting:
        chosen["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": setting["SQLITE_FILE"]}
    cache = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "redis": databases.REDIS_CACHE,
    }
    given = {"BACKEND": setting["BACKEND"], "OPTIONS": {**setting["OPTIONS"], "FLUSH_INTERVAL": 0.05}}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.learn.merging", json.dumps(given), str(deltas)],
        env={**os.environ, "TEST_DATABASES": json.dumps(chosen), "TEST_CACHES": json.dumps(cache)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("setting", [kind for kind in KINDS if kind not in ("locmem", KINDS[3])], indirect=True)
def test_eight_processes_lose_nothing(setting: dict[str, Any]) -> None:
    """Each merges 10,000 deltas, all at the same time; the sums are exact."""
    assert_eight_processes_lose_nothing(setting, stores.shared(setting))


def test_eight_processes_lose_nothing_in_a_file_of_sqlite(tmp_path: Path) -> None:
    """Writers of one file wait for one another."""
    name = str(tmp_path / "known.sqlite3")
    setting = {"BACKEND": DATABASE, "OPTIONS": {"ALIAS": "default"}, "SQLITE_FILE": name}
    migrate = (
        "from tests.learn import merging; merging.configure()\n"
        "from django.core.management import call_command; call_command('migrate', verbosity=0)"
    )
    chosen = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}}
    env = {**os.environ, "TEST_DATABASES": json.dumps(chosen), "TEST_CACHES": "{}"}
    subprocess.run([sys.executable, "-c", migrate], env=env, check=True, cwd=Path(__file__).parents[2])
    run_eight(setting)
    read = (
        "from tests.learn import merging; merging.configure()\nimport json\n"
        "from autoprefetch.database.store import DatabaseStore as S\nfrom autoprefetch.learn.encoding import encoded\n"
        "print(json.dumps({key: encoded(history) for key, history in S().items()}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", read], env=env, check=True, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert_exact({key: decoded(values) for key, values in json.loads(found.stdout).items()})


def assert_eight_processes_lose_nothing(setting: dict[str, Any], store: SharedStore) -> None:
    run_eight(setting)
    assert_exact(dict(store.items()))


def run_eight(setting: dict[str, Any]) -> None:
    running = [process(setting, DELTAS) for _ in range(8)]
    errors = [one.communicate(timeout=120)[1] for one in running]
    assert [one.returncode for one in running] == [0] * 8, errors


def assert_exact(found: dict[str, History]) -> None:
    assert len(found) == SITES
    assert sum(history.totals.evaluations for history in found.values()) == 8 * DELTAS
    for history in found.values():
        assert sum(profile.evaluations for profile in history.eras.values()) == 8 * DELTAS / SITES
        for path in PATHS:
            usages = [profile.usages[path] for profile in history.eras.values()]
            assert sum(usage.loads for usage in usages) == 16 * 8 * DELTAS / SITES
        assert sum(profile.written["t"] for profile in history.eras.values()) == 8 * DELTAS / SITES


@pytest.mark.parametrize("setting", ["locmem", pytest.param("redis", marks=pytest.mark.needs("redis"))], indirect=True)
def test_a_cache_forgets_what_is_not_seen_any_more(setting: dict[str, Any]) -> None:
    """After its timeout; what is merged again stays, and is not counted anew."""
    store = stores.shared({**setting, "OPTIONS": {**setting["OPTIONS"], "TIMEOUT": 2}})
    store.merge_many({"seen": ONE, "not seen": ONE})
    time.sleep(1.2)
    store.merge("seen", ONE)
    time.sleep(1.2)
    assert dict(store.items()) == {"seen": ONE.merged_with(ONE)}
    assert not store.load("not seen")
    store.merge("seen", ONE)
    assert list(store.items()) == [("seen", ONE.merged_with(ONE).merged_with(ONE))]


@pytest.mark.parametrize("setting", ["file", pytest.param("redis", marks=pytest.mark.needs("redis"))], indirect=True)
def test_a_process_that_is_killed_corrupts_nothing(setting: dict[str, Any], told: list[str]) -> None:
    """In the midst of its work, several times; the others go on."""
    store = stores.shared(setting)
    store.tell = told.append

    def known_now() -> float:
        return sum(history.totals.evaluations for _, history in store.items())

    for seconds in (0.1, 0.2, 0.3):
        victim = process(setting, 10_000_000)
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        while not known_now():
            time.sleep(0.01)
        time.sleep(seconds)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    known = known_now()
    store.merge("site 0", ONE)  # whatever it had locked
    assert known_now() == known + 1
    assert told == []


# The file -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "autoprefetch.json")


def test_the_file_is_sorted_and_says_its_format(file: FileStore) -> None:
    """The same knowledge gives the same bytes, in whatever order it came."""
    file.merge_many({"b": ONE, "a": ONE})
    text = file.path.read_text()
    other = FileStore(file.path.with_name("other.json"))
    other.merge("a", ONE)
    other.merge("b", ONE)
    assert other.path.read_text() == text
    assert json.loads(text)["format"] == FORMAT
    assert text.index('"a"') < text.index('"b"')
    assert sorted(path.name for path in file.path.parent.iterdir() if path.suffix != ".lock") == [
        "autoprefetch.json",
        "other.json",
    ]


def test_branches_merge_line_by_line(tmp_path: Path) -> None:
    """One adds a call site, another one forgets one and changes a third: git merges them without help."""

    def git(*arguments: str) -> str:
        base = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(tmp_path)]
        return subprocess.run([*base, *arguments], check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    file = FileStore(tmp_path / "autoprefetch.json")
    file.merge_many(dict.fromkeys(("b", "d", "f", "h", "j"), ONE))
    git("add", "autoprefetch.json")
    git("commit", "-qm", "begin")
    git("checkout", "-qb", "one")
    file.merge_many({"c": ONE, "k": ONE})
    git("commit", "-qam", "one")
    git("checkout", "-q", "main")
    file.merge("h", ONE)
    file.delete("f")
    git("commit", "-qam", "two")
    git("merge", "-q", "one")
    known = dict(file.items())
    assert sorted(known) == ["b", "c", "d", "h", "j", "k"]
    assert known["h"] == ONE.merged_with(ONE)
    before = file.path.read_text()
    file.merge("h", UNKNOWN)
    assert file.path.read_text() == before


def test_a_corrupt_file_is_set_aside_and_named(file: FileStore) -> None:
    """When a new one takes its place: what is in it may be worth something to a person."""
    told: list[str] = []
    file.tell = told.append
    file.path.write_text('{"format": 1, "call_si')
    assert file.load("a") is None
    assert file.load("b") is None
    assert [f"{file.path} cannot be read, because it is not JSON" in text for text in told] == [True]
    assert [path.name for path in file.path.parent.iterdir()] == ["autoprefetch.json"]
    for _ in range(2):
        file.merge("a", ONE)
    [aside] = file.path.parent.glob("autoprefetch.json.corrupt-*")
    assert f"It is kept as {aside}" in told[1]
    assert len(told) == 2
    assert aside.read_text() == '{"format": 1, "call_si'
    assert file.load("a") == ONE.merged_with(ONE)


def test_entries_that_cannot_be_read_are_left_out_one_by_one(file: FileStore) -> None:
    """Those of another format, or with something that is no count; each with its reason."""
    told: list[str] = []
    file.merge_many({"good": ONE, "old": ONE, "garbage": ONE})
    whole = json.loads(file.path.read_text())
    whole["call_sites"]["old"]["format"] = 0
    whole["call_sites"]["garbage"]["totals"] = {"evaluations": "many"}
    file.path.write_text(json.dumps(whole))
    file.tell = told.append
    assert dict(file.items()) == {"good": ONE}
    assert len(told) == 2
    assert any("old is left out, because its format is 0, and 1 is read" in text for text in told)
    assert any("garbage is left out, because 'many' stands where a whole number is read" in text for text in told)


def test_a_file_that_cannot_be_written_stays_as_it_was(file: FileStore) -> None:
    """The caller gets the error; nothing half written is left beside it."""
    file.merge("a", ONE)
    before = file.path.read_text()
    broken = History.of(Profile(evaluations=object()), 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        file.merge("b", broken)
    assert file.path.read_text() == before
    assert {path.name for path in file.path.parent.iterdir()} == {"autoprefetch.json", "autoprefetch.json.lock"}


def test_a_symbolic_link_stays_one(file: FileStore) -> None:
    """Deploys link what they share; two names of one file are one store, with one lock."""
    shared = file.path.with_name("shared")
    shared.mkdir()
    file.path.symlink_to(shared / "autoprefetch.json")
    by_link = FileStore(file.path)
    by_link.merge("a", ONE)
    FileStore(shared / "autoprefetch.json").merge("a", ONE)
    assert file.path.is_symlink()
    assert by_link.load("a") == ONE.merged_with(ONE)
    assert sorted(path.name for path in shared.iterdir()) == ["autoprefetch.json", "autoprefetch.json.lock"]


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers change their folder when they become daemons."""
    monkeypatch.chdir(tmp_path)
    store = FileStore("autoprefetch.json")
    monkeypatch.chdir("/")
    store.merge("a", ONE)
    assert (tmp_path / "autoprefetch.json").exists()


def test_the_permissions_of_the_file_stay(file: FileStore) -> None:
    """A new file in the place of the old one has them too."""
    file.merge("a", ONE)
    file.path.chmod(0o600)
    file.merge("a", ONE)
    assert file.path.stat().st_mode & 0o777 == 0o600


# The cache and the database -------------------------------------------------------------------------------------------


def test_garbage_in_a_cache_is_left_out() -> None:
    """Whoever else writes to it; the rest can be read."""
    store, told = stores.shared({"BACKEND": CACHE, "OPTIONS": {}}), []
    store.tell = told.append
    caches["default"].clear()
    store.merge_many({"a": ONE, "b": ONE})
    names = [name for name in caches["default"]._cache if "lock" not in name and "index" not in name]
    caches["default"].set(names[0].split(":", 2)[2], "no JSON")
    assert len(list(store.items())) == 1
    assert "is left out, because" in told[0]
    caches["default"].clear()


@pytest.mark.parametrize("setting", KINDS[4:], indirect=True)
def test_a_rollback_of_the_caller_takes_nothing_away(setting: dict[str, Any]) -> None:
    """The store is never in the transaction of a request."""
    store, using = stores.shared(setting), setting["OPTIONS"]["ALIAS"]
    with transaction.atomic(using=using):
        CallSite.objects.using(using).count()
        store.merge("a", ONE)
        transaction.set_rollback(True, using=using)
    assert store.load("a") == ONE
    assert CallSite.objects.using(using).get().evaluations == 1


@pytest.mark.django_db(databases="__all__")
def test_no_migration_is_missing() -> None:
    """The tables are those of the models."""
    from django.core.management import call_command

    call_command("makemigrations", "autoprefetch_database", check=True, dry_run=True, verbosity=0)


# Any history ----------------------------------------------------------------------------------------------------------

counts = st.integers(0, 1000)
paths = st.lists(
    st.sampled_from(
        ["author", "books", "content_object[bank.Account]", "transactions(5c1e02f9)", "bank.Entry.account"]
    ),
    min_size=1,
    max_size=3,
).map(tuple)
usages = st.builds(
    Usage, counts, counts, counts, counts, counts, counts, st.sampled_from(["", "a.py:1 f", "b.py:2 g"]),
    st.just(()), counts,
)  # fmt: skip
profiles = st.builds(
    Profile, counts, counts, counts, counts, counts, st.dictionaries(paths, usages, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b"]), counts, max_size=2), counts, counts, counts,
    st.dictionaries(paths, st.dictionaries(st.integers(0, 20), counts, min_size=1, max_size=3), max_size=2),
    st.dictionaries(
        st.one_of(st.just(()), paths), st.frozensets(st.sampled_from(["id", "name", "author_id"])), max_size=2
    ),
    forms=st.frozensets(st.sampled_from(["ordered", "joins author"])),
    built=st.frozensets(st.sampled_from(["a.py:1 f", "b.py:2 g"])),
    given=st.dictionaries(
        st.sampled_from(["annotate n", "select_related author"]), st.builds(Given, *[counts] * 5), max_size=2
    ),
    times=st.dictionaries(paths, st.builds(Times, *[counts] * 6), max_size=2),
)  # fmt: skip
decided = st.dictionaries(
    st.sampled_from([WHOLE, "author", "author__archive"]), st.builds(Decision, st.integers(0, 3), st.booleans())
)
histories = st.builds(
    lambda counted, decisions: replace(counted, decisions=decisions),
    st.builds(History.of, profiles, st.integers(0, 9)),
    decided,
)


@given(st.lists(histories, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_grouping_of_merges_gives_the_same(deltas: list[History], random: Any) -> None:
    """So that workers need no order among them."""
    whole = reduce(History.merged_with, deltas)
    groups = [[delta] for delta in random.sample(deltas, len(deltas))]
    while len(groups) > 1:
        one, other = (groups.pop(random.randrange(len(groups))) for _ in range(2))
        groups.append([reduce(History.merged_with, one + other)])
    assert groups == [[whole]] or groups[0] == deltas[:1]
    assert whole.totals.evaluations == sum(delta.totals.evaluations for delta in deltas)
    assert len(whole.eras) <= KEPT


@given(histories)
def test_a_history_survives_its_encoding(history: History) -> None:
    """By way of JSON."""
    assert decoded(json.loads(json.dumps(encoded(history)))) == history


@given(histories)
def test_a_history_survives_the_text_of_a_file(history: History) -> None:
    """What is known of the rows themselves, whose path is empty, too."""
    assert entries(text_of({"a": history}), _none_left_out) == {"a": history}


def _none_left_out(key: str, reason: str) -> None:
    raise AssertionError(key, reason)


@given(paths)
def test_a_path_survives_its_encoding(path: tuple[str, ...]) -> None:
    """Whatever its steps are."""
    assert path_of(lookup(path)) == path


@pytest.mark.parametrize(
    "values",
    [None, [], "text", {}, {"format": 2}, {"format": 1, "eras": []}, {"format": 1, "eras": {"x": {}}},
     {"format": 1, "totals": {"unknown": 1}}, {"format": 1, "totals": {"rows": 1.5}},
     {"format": 1, "totals": {"rows": True}}, {"format": 1, "totals": {"columns": {"": "name"}}},
     {"format": 1, "totals": {"columns": {"": [1]}}}, {"format": 1, "totals": {"sizes": {"tags": {"x": 1}}}},
     {"format": 1, "eras": {"0": {"usages": {"a": {"first_access": 1}}}}},
     {"format": 1, "totals": {"times": {"a": {"loads_took": 2**80}}}}],
)  # fmt: skip
def test_what_is_no_history_is_said_to_be_none(values: object) -> None:
    """With the reason."""
    with pytest.raises(UnreadableError) as raised:
        decoded(values)
    assert str(raised.value)


# Decay ----------------------------------------------------------------------------------------------------------------


def test_an_era_counts_for_half_of_the_next() -> None:
    """What is counted fades with the evaluations, and totals do not."""
    deltas = [History.of(Profile(ERA, usages={("author",): Usage(ERA, loads=ERA)}), era) for era in range(3)]
    whole = reduce(History.merged_with, deltas)
    assert whole.profile.evaluations == ERA * (1 + 0.5 + 0.25)
    assert whole.profile.usages["author",].loads == ERA * (1 + 0.5 + 0.25)
    assert whole.totals.evaluations == whole.evaluations == 3 * ERA


def test_old_eras_are_forgotten() -> None:
    """In whatever order they come."""
    deltas = [History.of(Profile(1), era) for era in range(10)]
    for ordered in (deltas, deltas[::-1]):
        assert sorted(reduce(History.merged_with, ordered).eras) == [6, 7, 8, 9]
