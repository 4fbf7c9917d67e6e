"""Tests run so that success means that they passed: ``python -m falsifiable.testing.all_passed COMMAND``.

A program of tests mostly ends with 0 where it skipped every test or found none. Here that is a failure: with 0 ends
what passed at least one test and left none out, and stderr then says ``every test passed``. ``COMMAND`` is ``pytest``
with its arguments, or a program that counts as cargo does: ``cargo test``, ``cargo nextest run``, ``cargo kani``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

EVERY_TEST_PASSED = "every test passed"
_COULD_NOT_START = 127
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_COUNTED = (
    re.compile(r"^test result: \w+\. (?P<passed>\d+) passed; \d+ failed; (?P<left_out>\d+) ignored;"),
    re.compile(r"^\s*Summary \[.*\] (?:\d+/)?\d+ tests? run: (?P<passed>\d+) passed"),
)
"""What cargo test and cargo nextest say at the end; nextest calls skipped what it was not asked for."""
_PROVED = re.compile(r"^VERIFICATION:- SUCCESSFUL")


class Ran(NamedTuple):
    """What became of the tests: the program's exit code, how many passed, and how many were not run to their end."""

    exit_code: int
    passed: int = 0
    left_out: int = 0

    @property
    def all_passed(self) -> bool:
        """Whether something was tested, and nothing was spared."""
        return self.exit_code == 0 and self.passed > 0 and self.left_out == 0


class _Counter:
    """Counts as a plugin of pytest. A test that was expected to fail is left out: it shows nothing."""

    def __init__(self) -> None:
        self.passed = 0
        self.left_out = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.skipped or hasattr(report, "wasxfail"):
            self.left_out += 1
        elif report.passed and report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report: Any) -> None:
        self.left_out += report.skipped

    def pytest_deselected(self, items: Sequence[Any]) -> None:
        self.left_out += len(items)


def ran(command: Sequence[str]) -> Ran:
    """What ``command`` came to; its output goes to stdout, and all that it says on stderr too."""
    if command[:1] == ["pytest"]:
        return _ran_by_pytest(command[1:])
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except (OSError, ValueError, IndexError) as fault:
        sys.stderr.write(f"{' '.join(command) or 'no command'}: cannot be started: {fault}\n")
        return Ran(_COULD_NOT_START)
    passed = left_out = 0
    with process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            more_passed, more_left_out = _counted(_STYLE.sub("", line))
            passed, left_out = passed + more_passed, left_out + more_left_out
    return Ran(process.returncode, passed, left_out)


def _counted(line: str) -> tuple[int, int]:
    """How many tests passed and were left out by what ``line`` says."""
    if _PROVED.match(line):
        return 1, 0
    found = next(filter(None, (pattern.match(line) for pattern in _COUNTED)), None)
    counts = found.groupdict() if found else {}
    return int(counts.get("passed", 0)), int(counts.get("left_out", 0))


def _ran_by_pytest(arguments: Sequence[str]) -> Ran:
    try:
        import pytest
    except ImportError as error:
        sys.stderr.write(f"{error}; install it with pip install pytest\n")
        return Ran(_COULD_NOT_START)
    counter = _Counter()
    exit_code = pytest.main(list(arguments), plugins=[counter])
    return Ran(int(exit_code), counter.passed, counter.left_out)


def main(command: Sequence[str]) -> int:
    """Run ``command`` and say on stderr what it came to; 0 only where all tests passed."""
    found = ran(command)
    if found.all_passed:
        sys.stderr.write(f"{EVERY_TEST_PASSED}: {found.passed}\n")
        return 0
    said = f"exit code {found.exit_code}, {found.passed} passed, {found.left_out} skipped, ignored or deselected"
    sys.stderr.write(f"{said}; expected exit code 0, at least one that passed, and none left out\n")
    return found.exit_code if found.exit_code > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
