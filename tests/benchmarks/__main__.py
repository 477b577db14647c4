"""Run the benchmarks: `python -m tests.benchmarks`."""

from tests.benchmarks.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
