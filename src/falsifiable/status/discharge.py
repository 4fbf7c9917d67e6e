"""The conditions of a contract's ``discharge`` block against what a statement observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from falsifiable.contracts.criteria import as_criterion
from falsifiable.contracts.model import Contract, Criterion
from falsifiable.status.words import shown_value
from falsifiable.validation.results import DISCHARGING, Observation

_SAID_BY = {
    "record": "the run record says",
    "file": "the file says",
    "measured": "measured was",
    "stated": "the run record states",
}


def conditions(contract: Contract) -> Iterator[tuple[str, str, Criterion]]:
    """Role, name and criterion of every discharge condition, in the order of the file."""
    for role, block in contract.discharge.items():
        for name, condition in block.items():
            yield role, name, as_criterion(condition)


def unmet(contract: Contract, observations: Iterable[Observation]) -> tuple[str, ...]:
    """What is still needed for DISCHARGED, one text per condition that ``observations`` do not meet.

    The criterion is the contract's of today, judged on the observed value; an observation made for another criterion
    does not count. A number that only stands in the record does not discharge, however good it is.
    """
    seen = {(one.role, one.name): one for one in observations}
    gaps = (_gap(role, name, wanted, seen.get((role, name))) for role, name, wanted in conditions(contract))
    return tuple(gap for gap in gaps if gap)


def changed(contract: Contract, observations: Iterable[Observation]) -> tuple[str, ...]:
    """The discharge conditions that are no longer those that were observed, each with both readings."""
    then = {(one.role, one.name): one.criterion for one in observations}
    now = {(role, name): str(wanted) for role, name, wanted in conditions(contract)}
    return tuple(
        f"the discharge condition {role}.{name} changed: was {then.get((role, name), 'absent')}, "
        f"is {now.get((role, name), 'absent')}"
        for role, name in [*now, *(key for key in then if key not in now)]
        if then.get((role, name)) != now.get((role, name))
    )


def all_met(observations: Iterable[Observation]) -> bool:
    """Whether everything observed was met, by numbers that can discharge, when it was observed."""
    observed = list(observations)
    return bool(observed) and all(one.met and one.source in DISCHARGING for one in observed)


def _gap(role: str, name: str, wanted: Criterion, seen: Observation | None) -> str | None:
    needs = f"{role} {name} {wanted}"
    if seen is None or seen.criterion != str(wanted):
        return f"{needs}: this condition has not been judged yet, record again"
    if seen.source == "absent":
        return f"{needs}: nothing that is bound says what it is"
    said = f"{_SAID_BY[seen.source]} {shown_value(seen.value)}"
    if not wanted.holds(seen.value):
        return f"{needs}: {said}"
    if seen.source == "stated":
        return f"{needs}, measured by a falsifier on these bytes: {said}, which nothing measured"
    return None if seen.met else f"{needs}: {said}, and it was judged as not met"
