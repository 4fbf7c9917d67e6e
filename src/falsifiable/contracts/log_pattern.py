"""The regular expression that says how a line of a plain training log is read.

Its named groups are columns: ``step`` is required, ``phase`` may be one, every other is a number that was logged. It is
compiled here and never run: a log is matched by an engine whose time is linear in the line (RE2), which therefore knows
neither lookaround nor backreferences.
"""

from __future__ import annotations

import re
import warnings

MOST_PATTERN_CHARACTERS = 1_000
STEP, PHASE = "step", "phase"

_ESCAPED = re.compile(r"\\[^1-9]")
_NOT_LINEAR = re.compile(r"\(\?(?:<?[=!]|P=|\()|\\[1-9]")


def pattern_fault(pattern: str) -> str:
    """Why ``pattern`` cannot say how a log is read; empty where it can."""
    if len(pattern) > MOST_PATTERN_CHARACTERS:
        return f"the pattern has {len(pattern)} characters, at most {MOST_PATTERN_CHARACTERS} are read"
    found = _NOT_LINEAR.search(_ESCAPED.sub("", pattern))
    if found is not None:
        return f"the pattern uses {found[0]!r}, and lookaround and backreferences cannot be matched in linear time"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read differently
            groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError) as fault:
        return f"the pattern is no regular expression: {fault}"
    if STEP not in groups:
        return f"the pattern has no group (?P<{STEP}>...), so no line says which step it is of"
    if not set(groups) - {STEP, PHASE}:
        return f"the pattern has no group but {', '.join(groups)}, so no line says what was logged"
    return ""
