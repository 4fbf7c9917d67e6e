"""How progress may be shown: drawn on a terminal, in plain lines where a log is kept, or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO

Manner = Literal["drawn", "lines", "nothing"]

MOST_LINES = 200
"""How many things are told of one by one; further ones are summed up, so that a log is not flooded."""

SECONDS_BETWEEN = 30.0
"""Between two lines that say what is still running: CI systems end jobs that say nothing for ten minutes."""

_NO = {"", "0", "false", "no", "off"}
_CANNOT_DRAW = {"dumb", "unknown"}


def manner_of(stream: TextIO, *, quiet: bool = False, environment: Mapping[str, str] = os.environ) -> Manner:
    """How progress is shown on ``stream``.

    Nothing where ``quiet`` was asked for. Lines in CI, where ``CI`` is set, also on the terminals that some systems
    pretend to be, and on a terminal that cannot draw (``TERM=dumb``). Drawn on any other terminal: in colours unless
    ``NO_COLOR`` is set, which rich looks at. Nothing elsewhere: ``FORCE_COLOR`` asks for colours and makes no terminal.
    """
    if quiet:
        return "nothing"
    if environment.get("CI", "").lower() not in _NO:
        return "lines"
    if not stream.isatty():
        return "nothing"
    return "lines" if environment.get("TERM", "").lower() in _CANNOT_DRAW else "drawn"
