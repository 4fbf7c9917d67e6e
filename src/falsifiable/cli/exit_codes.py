"""The exit codes of every verb, what they mean, and how several findings combine into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """The same for all verbs, through ``contract`` and ``python -m falsifiable``; see :data:`MEANINGS`."""

    HELD = 0
    FALSIFIED = 1
    COULD_NOT_RUN = 2
    NOTHING_EXAMINED = 3
    INVALID = 4
    GATE_REFUSED = 5
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.HELD: "Everything asked held. What could not be asked is listed as inconclusive; --strict makes it count.",
    ExitCode.FALSIFIED: "Something is falsified. For record --check and gate: what is committed is out of date.",
    ExitCode.COULD_NOT_RUN: "Something could not be run: a crash, a time-out, an unreadable artifact.",
    ExitCode.NOTHING_EXAMINED: "Nothing was examined, or with --strict something stayed inconclusive or was only read.",
    ExitCode.INVALID: "Wrong usage, or a contract that is not valid. Nothing was run.",
    ExitCode.GATE_REFUSED: "The gate refused: a status or percentage moved without current evidence.",
    ExitCode.INTERRUPTED: "Interrupted. What had finished is kept; the rest was not run.",
}

_PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.INVALID,
    ExitCode.GATE_REFUSED,
    ExitCode.FALSIFIED,
    ExitCode.COULD_NOT_RUN,
    ExitCode.NOTHING_EXAMINED,
)


def combined(codes: Iterable[ExitCode]) -> ExitCode:
    """The one code that speaks for several: the first of 130, 4, 5, 1, 2, 3 that occurs, else 0."""
    found = set(codes)
    return next((code for code in _PRECEDENCE if code in found), ExitCode.HELD)
