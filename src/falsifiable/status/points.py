"""Points, counted exactly: the ship percentage is points discharged over points declared, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from falsifiable.status.words import shown_value

ZERO = Fraction(0)


def exact(number: float) -> Fraction:
    """A number of a ship file as it was written: 0.1 is a tenth, so that sums do not depend on their order."""
    return Fraction(str(number))


def shown(points: Fraction) -> str:
    """``points`` for a reader: whole numbers in full, others to six digits."""
    return str(points.numerator) if points.denominator == 1 else shown_value(float(points))


_SHOWN = r"([0-9]{1,300}(?:\.[0-9]{1,300})?(?:e[+-][0-9]{2,3})?)"
_SHOWN_TALLY = re.compile(rf"{_SHOWN} of {_SHOWN} points: [0-9]{{1,300}}\.[0-9] %")


@dataclass(frozen=True, slots=True)
class Tally:
    """Points discharged of points declared."""

    discharged: Fraction = ZERO
    declared: Fraction = ZERO

    @classmethod
    def of(cls, counted: Iterable[tuple[Fraction, bool]]) -> Tally:
        """The tally of points, each with whether it is discharged."""
        every = list(counted)
        discharged = sum((points for points, counts in every if counts), ZERO)
        return cls(discharged, sum((points for points, _ in every), ZERO))

    @classmethod
    def parse(cls, text: str) -> Tally | None:
        """The tally that ``str`` wrote as ``text``, as precisely as it stands there; None for any other text."""
        found = _SHOWN_TALLY.fullmatch(text)
        return cls(Fraction(found[1]), Fraction(found[2])) if found else None

    @property
    def percent(self) -> Fraction:
        """The ship percentage; 0 where nothing is declared."""
        return 100 * self.discharged / self.declared if self.declared else ZERO

    @property
    def shown_percent(self) -> str:
        """The percentage with one decimal, never rounded up: 100.0 % are all points there are."""
        tenths = floor(self.percent * 10)
        return f"{tenths // 10}.{tenths % 10} %"

    def __str__(self) -> str:
        return f"{shown(self.discharged)} of {shown(self.declared)} points: {self.shown_percent}"
