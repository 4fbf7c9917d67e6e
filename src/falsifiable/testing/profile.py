"""The Hypothesis profile ``falsifiable``: ordinary properties judged the way this package's own are."""

from __future__ import annotations

PROFILE = "falsifiable"
EXAMPLES = 200
"""Per property; a falsifier takes as many as its contract says."""


def register_profile() -> None:
    """Make ``--hypothesis-profile=falsifiable`` known; a ``conftest.py`` may call it to load the profile itself.

    Examples are the same on every machine and every run, because a verdict that comes and goes is no verdict, and none
    is too slow: models are large, and a deadline would make a slow machine look like a broken claim.
    """
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        PROFILE,
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
