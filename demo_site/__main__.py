"""Run the demo: ``python -m demo_site``."""

from demo_site.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
