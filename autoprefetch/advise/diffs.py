"""Diffs: what fixes make of the files, as `git apply` takes it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from io import StringIO
from pathlib import Path

from autoprefetch.advise.fixes import Fix, Fixes


def changed(fixes: Fixes) -> dict[Path, tuple[bytes, bytes]]:
    """Return the files that fixes change, before and after.

    A fix whose expressions do not stand where they should is taken out of the fixes, with a remark.

    Raises:
        ImportError: LibCST is not installed, which the extra `fix` brings.
    """
    from autoprefetch.advise.patching import patched  # noqa: PLC0415  (LibCST may be missing)

    while True:
        found: dict[Path, tuple[bytes, bytes]] = {}
        for file, replacements in fixes.by_file().items():
            before = Path(file).read_bytes()
            try:
                after = patched(before, replacements)
            except (LookupError, ValueError) as error:
                _leave_wrong(fixes, file, before, f"{error}.")
                break
            if after != before:
                found[Path(file)] = before, after
        else:
            return dict(sorted(found.items()))


def _leave_wrong(fixes: Fixes, file: str, before: bytes, reason: str) -> None:
    """Leave the fixes that a file cannot be changed by, each tried alone; all of them where they do not go together."""
    here = [fix for fix in fixes.fixes if file in fix.files]
    wrong = [fix for fix in here if not _is_possible(fix, file, before)]
    fixes.leave_fixes(wrong or here, reason)


def _is_possible(fix: Fix, file: str, before: bytes) -> bool:
    from autoprefetch.advise.patching import patched  # noqa: PLC0415  (LibCST may be missing)

    try:
        patched(before, [one for one in fix.replacements if one.file == file])
    except (LookupError, ValueError):
        return False
    return True


def diff_here(fixes: Fixes) -> str:
    """Return all that fixes change as one diff, from the current folder.

    Raises:
        ImportError: LibCST is not installed.
        UnicodeDecodeError: a file is not UTF-8.
    """
    return "".join(diff(name_in(Path.cwd(), file), *versions) for file, versions in changed(fixes).items())


def diff(name: str, before: bytes, after: bytes) -> str:
    """Return the difference of two versions of a file.

    Args:
        name: what the file is called, from the folder where the diff is applied.
        before: what it is.
        after: what it will be.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return "".join(_lines(name, before, after))


def _lines(name: str, before: bytes, after: bytes) -> Iterator[str]:
    # Lines end where they do for `git apply`: `splitlines` also ends them at a form feed.
    old, new = (StringIO(text.decode(), newline="\n").readlines() for text in (before, after))
    for line in unified_diff(old, new, f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def name_in(folder: Path, file: Path) -> str:
    """Return what a file is called in a folder; outside of it, its whole path."""
    file, folder = file.resolve(), folder.resolve()
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()
