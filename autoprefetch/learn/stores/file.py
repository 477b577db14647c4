"""The file store: sorted JSON, a line for each thing that is known, meant for version control.

It is written as a whole: beside the old file, to the disk, and then in its place, so that a reader finds the one or the
other. Processes that write take turns by a lock on a file beside it, which stays.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from autoprefetch.learn.encoding import FORMAT, UnreadableError, decoded, encoded
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores import tell_nobody

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined]

else:

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)


Known = dict[str, History]


class FileStore:
    """Keeps what is known in one file.

    Args:
        path: the file; it and its folder are made when there is something to write. A symbolic link stays one: what it
            leads to is written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()  # also when the process goes to another folder later
        self.tell = tell_nobody
        self.may_lose = False
        self.whole: Callable[[], Mapping[str, History]] = dict
        self._read: tuple[tuple[int, int, int] | None, Known] = (None, {})
        self._is_corrupt = False

    @staticmethod
    def fault_of(path: object = "") -> str:
        """Say what is wrong with the options, as a sentence; "" when nothing is."""
        return "" if path and isinstance(path, (str, os.PathLike)) else "PATH must name a file. "

    def load(self, key: str) -> History | None:
        """Return the history of a call site."""
        return self._known().get(key)

    def items(self) -> list[tuple[str, History]]:
        """Return all that is known."""
        return list(self._known().items())

    def merge(self, key: str, delta: History) -> None:
        """Add counts to the history of a call site."""
        self.merge_many({key: delta})

    def merge_many(self, deltas: Mapping[str, History]) -> None:
        """Add counts to the histories of several call sites."""
        with self._changing() as known:
            for key, delta in deltas.items():
                known[key] = known[key].merged_with(delta) if key in known else delta

    def delete(self, key: str) -> None:
        """Forget one call site."""
        with self._changing() as known:
            known.pop(key, None)

    def is_emptied(self) -> bool:
        """Nothing is lost: what is not there was forgotten."""
        return False

    def clear(self) -> None:
        """Forget everything."""
        with self._changing() as known:
            known.clear()

    def replace(self, known: Mapping[str, History]) -> None:
        """Forget everything, and know this instead, whatever the file holds."""
        with self._locked():
            self._write(text_of(known))

    @contextmanager
    def _changing(self) -> Iterator[Known]:
        """Hand out what is known, and write what becomes of it."""
        with self._locked():
            known = dict(self._known())
            if self._is_corrupt:
                self._set_aside()
            yield known
            self._write(text_of(known))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no other process write meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("ab") as lock:  # closing it releases it
            _lock(lock)
            yield

    def _known(self) -> Known:
        """Return what the file holds; it is read again when it has changed."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._is_corrupt = False  # another process has set it aside
            return {}
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if self._read[0] != stamp:
            self._read = stamp, self._entries(self.path.read_text(encoding="utf-8", errors="replace"))
        return self._read[1]

    def _entries(self, text: str) -> Known:
        self._is_corrupt = False
        try:
            return entries(text, lambda key, reason: self.tell(f"{self.path}: {key} is left out, because {reason}."))
        except UnreadableError as error:
            self._is_corrupt = True
            self.tell(f"{self.path} cannot be read, because {error}. Nothing is known from it.")
            return {}

    def _set_aside(self) -> None:
        """Keep what cannot be read under another name, now that a new file takes its place."""
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        aside = self.path.with_name(f"{self.path.name}.corrupt-{now}")
        self.path.rename(aside)
        self._is_corrupt = False
        self.tell(f"{self.path} could not be read. It is kept as {aside}, and a new one is begun.")

    def _write(self, text: str) -> None:
        # Named before it is made, so that an interrupt at any moment finds it.
        beside = self.path.parent / f".{self.path.name}.{secrets.token_hex(4)}"
        try:
            # Errors are escaped as JSON does; nobody else reads it before it has the mode of the old file.
            with open(beside, "x", encoding="utf-8", errors="backslashreplace", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644)
            beside.replace(self.path)
        except BaseException:  # also where a person interrupts: half a file is of no use; it is raised again
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Have the new name of a file reach the disk, where a folder can be opened for that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


END = '"": {}'
"""The last entry of each mapping that grows: so every other line ends in a comma, and lines merge one by one."""


def text_of(known: Mapping[str, History]) -> str:
    """Return what is known as the text of a file."""
    lines = ["{", f'"format": {FORMAT},', '"call_sites": {']
    for key, history in sorted(known.items()):
        lines += [f"{json.dumps(key, ensure_ascii=False)}: {{", *_lines(encoded(history)), f" {END}", "},"]
    return "\n".join([*lines, END, "}", "}", ""])


def _lines(values: dict[str, Any], indent: str = " ") -> Iterator[str]:
    """Yield a line for each group of counts."""
    for name, value in values.items():
        flat = {key: inner for key, inner in value.items() if not isinstance(inner, dict)} if _is_group(value) else {}
        if not _is_group(value):
            yield f"{indent}{json.dumps(name, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)},"
        elif len(flat) == len(value):
            yield f"{indent}{json.dumps(name, ensure_ascii=False)}: {json.dumps(flat, ensure_ascii=False)},"
        else:
            yield f"{indent}{json.dumps(name, ensure_ascii=False)}: {{"
            yield from _lines(value, f"{indent} ")
            yield f"{indent} {END}"
            yield f"{indent}}},"


def _is_group(value: object) -> bool:
    return isinstance(value, dict)


def entries(text: str, left_out: Callable[[str, str], None]) -> Known:
    """Return what the text of a file says.

    Args:
        text: as `text_of` gives it.
        left_out: called with the key and the reason for each entry that cannot be read.

    Raises:
        UnreadableError: it is no such file at all.
    """
    try:
        whole = json.loads(text, object_pairs_hook=_without_end)
    except ValueError as error:
        msg = f"it is not JSON ({error})"
        raise UnreadableError(msg) from error
    if not isinstance(whole, dict) or not isinstance(whole.get("call_sites"), dict):
        msg = 'it has no "call_sites"'
        raise UnreadableError(msg)
    known = {}
    for key, values in whole["call_sites"].items():
        try:
            known[key] = decoded(values)
        except UnreadableError as error:
            left_out(key, str(error))
    return known


def _without_end(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key or value != {}}  # "" is also the path of the rows themselves
