"""The benchmarks: what autoprefetch costs and saves, beside plain Django, the fixes written by hand and its peers.

`python -m tests.benchmarks` measures every row on SQLite and PostgreSQL and prints one table; `docs/benchmarks.md`
keeps it. Each database has a process of its own, in which the variants of a row take turns, round by round.
"""
