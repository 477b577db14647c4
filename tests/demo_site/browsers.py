"""A real browser: Debian's chromium, driven by Playwright.

Where one of them is missing, `MISSING` says so, which the skipped tests show; where CI is set, they fail instead.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
REQUIRED = bool(os.environ.get("CI"))

_PARTS = {
    "Playwright (pip install playwright)": importlib.util.find_spec("playwright") is not None,
    f"{CHROMIUM} (apt-get install chromium)": CHROMIUM.exists(),
}
MISSING = " and ".join(part for part, is_there in _PARTS.items() if not is_there)
