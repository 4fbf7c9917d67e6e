"""Phrases about a standing that several readers share: regions, walks, criteria and reports."""

from __future__ import annotations

from falsifiable.falsifier import Verdict


def at_ceiling(met: int, count: int) -> str:
    """``3 of 4 falsifiers at their ceiling``."""
    return f"{met} of {count} {'falsifier at its' if count == 1 else 'falsifiers at their'} ceiling"


def examined(verdict: Verdict) -> str:
    """``examined 291 tensors``: how much a verdict rests on."""
    return f"examined {verdict.examined} {verdict.examined_unit}".strip()


def shown_value(value: object) -> str:
    """A measured value for a reader; numbers with a fraction to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
