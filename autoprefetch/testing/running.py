"""Running: what `--autoprefetch` adds to a run of pytest, in one process or in the workers of pytest-xdist."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoprefetch import conf
from autoprefetch.advise.differences import NEW, Difference, differences
from autoprefetch.advise.ignores import heeding
from autoprefetch.advise.tables import counted
from autoprefetch.learn.encoding import UnreadableError
from autoprefetch.learn.histories import History
from autoprefetch.learn.stores.file import FileStore, entries
from autoprefetch.testing.findings import Findings
from autoprefetch.testing.sessions import CHECK, LEARN, Session, UnusableError

_SENT = "autoprefetch"
_TOP = 5  # suggestions of the summary


class Running:
    """The hooks of one run.

    Args:
        config: that of pytest.
        mode: what `--autoprefetch` says.
        file: what `--autoprefetch-file` says.

    Raises:
        pytest.UsageError: the file is missing or cannot be read.
    """

    def __init__(self, config: pytest.Config, mode: str, file: Path | None) -> None:
        self.is_worker = hasattr(config, "workerinput")
        # With pytest-xdist the tests run in workers; `-n 0` and no xdist at all run them here.
        self.runs_tests = self.is_worker or config.getoption("dist", "no") == "no"
        self.mode = mode
        self.file = Path(getattr(config, "workerinput", {}).get(_SENT, file)) if file is not None else None
        self.name = config.getoption("--autoprefetch-file")  # as it was typed
        self.notes: list[str] = []
        self.trouble = ""
        self.committed = self._read()
        self.findings = Findings()
        self.differences: list[Difference] = []
        self.session = Session(mode, self.committed) if self.runs_tests else None

    def _read(self) -> Mapping[str, History]:
        if self.file is None:
            if self.mode == CHECK:
                msg = "--autoprefetch=check needs --autoprefetch-file FILE, which --autoprefetch=learn writes."
                raise pytest.UsageError(msg)
            return {}
        if self.mode == LEARN and not self.file.exists():
            return {}
        try:
            text = self.file.read_text(encoding="utf-8")
            return entries(text, lambda key, reason: self.notes.append(f"{key} is left out, because {reason}."))
        except (OSError, UnicodeDecodeError, UnreadableError) as error:
            msg = f"--autoprefetch-file {self.name} cannot be read: {error}. --autoprefetch=learn writes one."
            raise pytest.UsageError(msg) from error

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the file is, whatever folder it works in."""
        node.workerinput[_SENT] = str(self.file)

    def pytest_sessionstart(self) -> None:
        """Open the session, now that whatever sets Django up has done so."""
        if self.session is not None:
            try:
                self.session.open()
            except UnusableError as error:
                raise pytest.UsageError(str(error)) from error

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Take note that some tests do not run."""
        self.findings.is_whole &= not items

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Let what a test shows begin with its fixtures."""
        if self.session is not None:
            self.session.began()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Fail a test by what its code has shown; where it failed by itself, say so beside its own failure."""
        try:
            result = yield
        except BaseException as error:  # the outcomes of pytest are no `Exception`; it is raised again
            text = self._ended()
            if text and text not in str(error):
                item.add_report_section("call", f"autoprefetch {self.mode}", text)
            raise
        if text := self._ended():
            pytest.fail(f"autoprefetch {self.mode}:\n{text}", pytrace=False)
        return result

    def _ended(self) -> str:
        return self.session.ended() if self.session is not None else ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker has shown."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent is not None:
            self.findings.add(Findings.from_text(sent))
        else:
            self.findings.is_whole = False
            self.notes.append(f"What worker {node.gateway.id} has shown is lost, because it ended before its time.")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Bring together what was shown, write it where it is to be learned, and fail the run where it is not known."""
        if self.session is not None:
            self.session.close()
            self.findings.add(self.session.findings)
        if self.is_worker:
            session.config.workeroutput[_SENT] = self.findings.as_text()  # type: ignore[attr-defined]
            return
        if self.mode == LEARN and not self._is_kept() and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.mode == CHECK:
            self.findings.is_whole &= exitstatus == pytest.ExitCode.OK and _has_run_all(session.config)
            found = heeding(differences(self.committed, self.findings.learned), conf.current(), self.committed)
            self.differences = [one for one in found if self.findings.is_whole or one.kind == NEW]
            if self.differences and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _is_kept(self) -> bool:
        """Write what was learned, and tell whether that went well; what is wrong with the file is said at the end."""
        if self.file is None or not self.findings.learned:
            return True
        try:
            FileStore(self.file).merge_many(self.findings.learned)
        except OSError as error:
            self.trouble = str(error)
        return not self.trouble

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was found, and the suggestions that save most."""
        terminalreporter.section(f"autoprefetch {self.mode}")
        for line in [*self.notes, *self._outcome(), *self._suggestions()]:
            terminalreporter.line(line)

    def _outcome(self) -> Iterator[str]:
        sites = counted(len(self.findings.learned), "call site")
        if self.mode == LEARN:
            yield f"{sites} learned, {self._place()}."
        elif self.mode == CHECK:
            yield from self._checked(sites)
        else:
            compared, unlike = self.findings.compared, self.findings.unlike
            differ = f"{unlike} differ" if unlike else "none differs"
            yield f"{compared} evaluations and accesses of {sites} were compared with plain Django, and {differ}."

    def _place(self) -> str:
        if self.trouble:
            return f"and lost, because {self.name} cannot be written ({self.trouble}): name another --autoprefetch-file"
        return f"and added to {self.name}" if self.file else "and kept in no file"

    def _checked(self, sites: str) -> Iterator[str]:
        yield from (one.as_text() for one in self.differences)
        if self.differences:
            yield f"Or run `pytest --autoprefetch=learn --autoprefetch-file {self.name}`, and commit it."
        else:
            yield f"{self.name} agrees with what was learned of {sites}."
        if not self.findings.is_whole:
            yield "What it has and nothing used was not looked for, because not every test ran and passed."

    def _suggestions(self) -> Iterator[str]:
        texts = self.findings.top()
        for text in texts[:_TOP]:
            yield ""
            yield from text.splitlines()
        if len(texts) > _TOP:
            yield ""
            yield f"and {len(texts) - _TOP} suggestions more, each of which saves less"


def _has_run_all(config: pytest.Config) -> bool:
    """Tell whether the command line names no file or test, and no tests that failed last."""
    names = [argument for argument in config.args if "::" in argument or Path(argument).is_file()]
    return not names and not config.getoption("lf", default=False) and not config.getoption("collectonly")
