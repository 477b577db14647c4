"""The process that counts instructions of the hot path, which do not depend on the machine's mood.

It runs itself under `valgrind --tool=callgrind`, which counts nothing until it is told to, and asks for one count after
each variant. Where valgrind is missing, or cannot be talked to, that is said by name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPEAT = {"J": 3, "N": 3, "O": 100}
NEEDED = ("valgrind", "callgrind_control")
SWITCH = "BENCHMARKS_COUNTING"


def main() -> None:
    """Count, or say why not, for the rows among those asked for that are counted."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    if os.environ.get(SWITCH):
        run_counted(asked)
        return
    rows = [row for row in REPEAT if row in asked["rows"]]
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not rows:
        return
    if missing:
        for row in rows:
            skip(row, f"{missing[0]} is not installed")
        return
    start_valgrind(rows)


def skip(row: str, reason: str) -> None:
    print(json.dumps({"row": row, "variants": {}, "ratios": [], "query_bars": [], "skipped": {"instructions": reason}}))


def start_valgrind(rows: list[str]) -> None:
    """Run this module under callgrind, and write the outcome of each row."""
    folder = Path(os.environ["BENCHMARKS_FOLDER"])
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counts"]
    asked = json.dumps({"rows": rows, "database": "sqlite"})
    # Valgrind writes its own news to standard error, at length.
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.benchmarks.instructions", asked],
        env={**os.environ, SWITCH: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
        for row in rows:
            skip(row, f"counting ended with status {done.returncode}")
        return
    # Each dump is named by its number, in the order in which they were asked for.
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    totals = dict(zip(names, map(total_of, dumps_in(folder)), strict=True))
    for row in rows:
        print(json.dumps({"row": row, **counted(row, totals)}), flush=True)


def dumps_in(folder: Path) -> list[Path]:
    """Return the dumps that hold a count, in their order."""
    numbered = [path for path in folder.glob("counts.*") if path.suffix[1:].isdigit()]
    return sorted(numbered, key=lambda path: int(path.suffix[1:]))


def total_of(path: Path) -> int:
    """Return the instructions that a dump counted."""
    found = re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.MULTILINE)
    if found is None:
        msg = f"{path} holds no count of instructions."
        raise ValueError(msg)
    return int(found[1])


def counted(row: str, totals: dict[str, int]) -> dict[str, Any]:
    """Return the outcome of a row: the instructions of each variant in proportion to the first of them."""
    own = {name.partition(" ")[2]: total for name, total in totals.items() if name.startswith(f"{row} ")}
    (first, base), *others = own.items()
    ratios = [
        {"name": f"instructions: {name} / {first}", "value": total / base, "at_most": None, "at_least": None}
        for name, total in others
    ]
    ratios += [
        {
            "name": f"instructions: {name}",
            "value": total / REPEAT[row] / 1e6,
            "at_most": None,
            "at_least": None,
            "unit": "million",
        }
        for name, total in own.items()
    ]
    return {"variants": {}, "ratios": ratios, "query_bars": [], "skipped": {}}


def run_counted(asked: dict[str, Any]) -> None:
    """Do the work of each variant with the counting on, and write the names of the counts in their order."""
    import django

    django.setup()
    from django.db import connection

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    from tests.benchmarks.measuring import below
    from tests.benchmarks.tables import seeding

    seeding.seed_orders(1_000)
    names = []
    for title, work, repeat in works(asked["rows"]):
        for _ in range(4):
            below(work)
        control("-i", "on")
        control("-z")
        for _ in range(repeat):
            below(work)
        control("-d")
        control("-i", "off")
        names.append(title)
    connection.creation.destroy_test_db(name, verbosity=0)
    print(json.dumps(names))


def works(rows: list[str]) -> list[tuple[str, Callable[[], Any], int]]:
    """Return what is counted; all that is plain comes first, before the first `auto()` puts the hooks in place."""
    from autoprefetch import auto
    from tests.benchmarks.rows import orders
    from tests.benchmarks.tables.models import Order

    joins = ("customer", "invoice", "parcel")
    known: list[tuple[str, Callable[[], Any]]] = [
        ("J hand_written", lambda: orders.names_of_orders(Order.objects.select_related(*joins))),
        ("N plain", lambda: orders.numbers(Order.objects.all())),
        ("O plain", lambda: Order.objects.get(pk=7)),
        ("J warm", lambda: orders.names_of_orders(auto(Order.objects.all()))),
        ("N warm", lambda: orders.numbers(auto(Order.objects.all()))),
        ("O warm", lambda: auto(Order.objects.all()).get(pk=7)),
    ]
    return [(title, work, REPEAT[title[0]]) for title, work in known if title[0] in rows]


def control(*options: str) -> None:
    """Tell the callgrind that runs this process what to do."""
    # The tools of valgrind must not run under the valgrind that they talk to; it does not follow children.
    subprocess.run(["callgrind_control", *options, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
