"""Django's tests, from the source distribution of the very version that is installed."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import django

CACHE = Path(os.environ.get("DJANGO_SUITE_CACHE", Path(__file__).parents[2] / ".cache" / "django_suite"))


def tests_of_django() -> Path:
    """Return the folder of Django's tests; it is fetched from the package index the first time."""
    version = django.__version__
    folder = CACHE / f"django-{version}"
    if not (folder / "tests" / "runtests.py").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "django"]
        subprocess.run([*download, "--dest", str(CACHE), f"django=={version}"], check=True)
        [archive] = CACHE.glob(f"[dD]jango-{version}.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(CACHE, filter="data")
    return folder / "tests"
