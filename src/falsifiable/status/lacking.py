"""What falsifiers lack, those with one reason in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from falsifiable.contracts.model import Level
from falsifiable.status.standing import FalsifierStanding


def lacking(wanted: Iterable[tuple[FalsifierStanding, Level]]) -> Iterator[str]:
    """What is missing where falsifiers are to have reached the level beside them: nothing for those that have.

    One that contradicted itself has reached nothing, however high it stands.
    """
    names: dict[_Reason, list[str]] = {}
    for standing, level in wanted:
        if standing.flaky:
            names.setdefault(_FLAKY, []).append(standing.falsifier)
        elif standing.status < level:
            needs = f": {'; '.join(standing.needs)}" if standing.needs else ""
            said = f"at {standing.shown}, not at {level.name}{needs}"
            names.setdefault(_Reason(f"stands {said}", f"stand {said}"), []).append(standing.falsifier)
    for reason, named in names.items():
        yield f"{', '.join(named)} {reason.of_one if len(named) == 1 else reason.of_several}"


class _Reason(NamedTuple):
    """What is said of one falsifier, and of several."""

    of_one: str
    of_several: str


_FLAKY = _Reason(*["gave two different verdicts on the same bytes; find out why"] * 2)
