"""What a test run says of its contracts at the end, and when it may not end well."""

from __future__ import annotations

from collections import Counter

import pytest

from falsifiable.report.text import counted
from falsifiable.validation.results import COULD_NOT_RUN

OUTCOME = "falsifiable.outcome"
CAUSE = "falsifiable.cause"
"""Under which names a report carries what was found; as properties, they stand in JUnit files too."""

UNSOUND = "unsound"
"""The cause where the file that a claim is about breaks the rules of its own format."""


class Summary:
    """Listens to the reports of all processes; held by the one that prints."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._not_run: list[str] = []
        self._on_broken_files = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a falsifier."""
        said = dict(report.user_properties)
        if report.when != "call" or OUTCOME not in said:
            return
        self._outcomes[str(said[OUTCOME])] += 1
        self._on_broken_files += said[OUTCOME] == "falsified" and said.get(CAUSE) == UNSOUND
        if said.get(CAUSE) in COULD_NOT_RUN:
            self._not_run.append(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A falsifier that crashed, hung or could not read its file is skipped; the run is no success for it."""
        if self._not_run and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The counts of ``contract validate``, and what could not be run."""
        if not self._outcomes:
            return
        said = ", ".join(f"{self._outcomes[one]} {one}" for one in ("held", "falsified", "inconclusive"))
        terminalreporter.section("contracts", sep="-")
        terminalreporter.write_line(f"{counted(self._outcomes.total(), 'falsifier')}: {said}")
        if self._on_broken_files:
            terminalreporter.write_line(
                f"of these falsified because a file breaks the rules of its own format, whatever is claimed about it: "
                f"{counted(self._on_broken_files, 'falsifier')}"
            )
        if self._not_run:
            terminalreporter.write_line(f"could not be run, for which this run fails: {', '.join(self._not_run)}")
