from __future__ import annotations

from datetime import datetime

import pytest

from falsifiable.contracts.instants import instant, is_instant


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2026-11-21T17:50:00Z", True),
        ("2026-02-30T00:00:00Z", False),
        ("2026-11-21T24:50:00Z", False),
        ("2026-11-21T17:50:00+01:00", False),
        ("2026-11-21 17:50:00Z", False),
        ("2026-11-21T17:50:00Z\n", False),
        ("2026-11-21", False),
        ("now", False),
    ],
)
def test_what_is_a_time_in_utc_to_the_second(text: str, is_one: bool) -> None:
    assert is_instant(text) is is_one


def test_a_moment_elsewhere_is_told_in_utc() -> None:
    assert instant(datetime.fromisoformat("2026-11-21T18:50:00.250+01:00")) == "2026-11-21T17:50:00Z"
