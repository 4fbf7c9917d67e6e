"""What falsifiers lack, those with one reason in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from falsifiable.contracts.model import Level
from falsifiable.status.standing import FalsifierStanding


def lacking(wanted: Iterable[tuple[FalsifierStanding, Level]]) -> Iterator[str]:
    """What is missing where falsifiers are to have reached the level beside them: nothing for those that have.

    One that contradicted itself has reached nothing, however high it stands.
    """
    reasons: dict[str, list[str]] = {}
    for standing, level in wanted:
        if standing.flaky:
            reasons.setdefault("gave two different verdicts on the same bytes; find out why", []).append(
                standing.falsifier
            )
        elif standing.status < level:
            needs = f": {'; '.join(standing.needs)}" if standing.needs else ""
            said = f"at {standing.shown}, not at {level.name}{needs}"
            reasons.setdefault(said, []).append(standing.falsifier)
    for said, names in reasons.items():
        verb = "" if said.startswith("gave") else "stands " if len(names) == 1 else "stand "
        yield f"{', '.join(names)} {verb}{said}"
