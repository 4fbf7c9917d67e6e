"""Times as people write them into files that are committed: UTC, to the second, such as 2026-11-21T17:50:00Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime

INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
INSTANT_EXPECTED = "a time in UTC such as 2026-11-21T17:50:00Z"


def is_instant(text: str) -> bool:
    """Whether ``text`` is such a time, and there is one like it: the 30th of February is none."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(INSTANT, text) is not None


def instant(moment: datetime) -> str:
    """``moment`` (with a time zone) as such a time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
