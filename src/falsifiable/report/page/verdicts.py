"""Every claim with its verdict: what was measured against which threshold, on which bytes, and how it was proven."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable.evidence import short
from falsifiable.report.formats.report import mark_of
from falsifiable.report.page.badges import anchor, badge
from falsifiable.report.page.commands import command
from falsifiable.report.page.filters import filtered
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import listed, pairs, table
from falsifiable.report.page.thresholds import Measured, measured, settings
from falsifiable.report.text import counted
from falsifiable.status import ContractStanding, FalsifierStanding
from falsifiable.status.words import examined, shown_value
from falsifiable.validation.results import Challenge, Judgement, Observation

NEVER = "never judged"
MEASUREMENTS = ("Measurement", "Value", "Threshold", "Held against it")


def verdicts(overview: Overview) -> Iterator[Element]:
    """The filters, and below them every contract with its claims."""
    specs = overview.specs
    items = [
        _properties(one, specs.get(one.contract, "")) for standing in overview.standings for one in standing.falsifiers
    ]
    groups = [_contract(one, specs.get(one.contract, "")) for one in overview.standings]
    yield filtered("verdicts", "verdicts", items, groups)


def _properties(one: FalsifierStanding, spec: str) -> dict[str, str]:
    return {"verdict": _word(one), "status": one.status.name, "spec": spec}


def _word(one: FalsifierStanding) -> str:
    """What its verdict counts as now: one that was reached on other bytes, or about another claim, is no verdict."""
    if one.judgement is None:
        return NEVER
    return "stale" if one.rests_on_stale else mark_of(one.judgement)


def _contract(standing: ContractStanding, spec: str) -> Element:
    return element(
        "section",
        element("h3", standing.contract, " ", badge(standing.status.name, standing.shown)),
        *_conditions(standing),
        *(_claim(one, spec) for one in standing.falsifiers),
        class_="group",
        id=anchor("claims", standing.contract),
    )


def _claim(one: FalsifierStanding, spec: str) -> Element:
    properties = _properties(one, spec)
    outcome = properties["verdict"]
    return element(
        "details",
        element(
            "summary",
            element("code", one.falsifier),
            " ",
            badge(outcome),
            " ",
            badge(one.status.name, one.shown),
            element("span", one.claim, class_="claim"),
        ),
        *_about(one),
        class_="item verdict",
        id=anchor("claim", one.falsifier),
        open=outcome == "falsified",
        **{f"data_{name}": value for name, value in properties.items()},
    )


def _about(one: FalsifierStanding) -> Iterator[Element]:
    judgement = one.judgement
    if judgement is None:
        yield element("p", "Nothing has been recorded of it yet.")
    else:
        if judgement.verdict.found:
            yield element("p", judgement.verdict.found, class_="found")
        yield from _measurements(judgement)
        yield from _facts(judgement)
        yield from _challenges(judgement)
    reasons = [*(f"stale: {why}" for why in one.stale), *([] if one.met else (f"needs: {need}" for need in one.needs))]
    if reasons:
        yield listed(reasons)
    if one.rests_on is not None:
        yield element(
            "p",
            "It rests on statement ",
            element("a", short(one.rests_on), href=f"#{anchor('statement', one.rests_on)}"),
            ".",
        )
    yield command("contract", "why", one.falsifier)


def _measurements(judgement: Judgement) -> Iterator[Element]:
    rows = [_measurement(one) for one in measured(judgement)]
    if rows:
        yield table(f"Measurements of {judgement.falsifier}", MEASUREMENTS, rows)


def _measurement(one: Measured) -> tuple[Element | str, ...]:
    held = "" if one.met is None else badge("met" if one.met else "not met")
    return (element("code", one.measurement.name), one.shown, one.threshold or "in the check itself", held)


def _facts(judgement: Judgement) -> Iterator[Element]:
    rows: list[tuple[str, Element | str]] = [("Check", element("code", judgement.check))]
    if judgement.verdict.examined:
        rows.append(("Rests on", examined(judgement.verdict).removeprefix("examined ")))
    rows += [(f"Setting {name}", value) for name, value in settings(judgement).items()]
    if judgement.on_specimen is not None:
        rows.append(("On specimens", judgement.on_specimen.outcome))
    for bound in judgement.artifacts:
        said = f"{bound.path or bound.kind}, {bound.provenance}, sha256 "
        rows.append((f"Role {bound.role}", element("span", said, element("code", short(bound.digest)))))
    yield pairs(rows)


def _challenges(judgement: Judgement) -> Iterator[Element]:
    if not judgement.challenges:
        yield element("p", "No counterexample was put to it, so it is not proven able to fail.")
        return
    refuted = sum(one.outcome == "refuted" for one in judgement.challenges)
    heading = f"{refuted} of {counted(len(judgement.challenges), 'counterexample')} refuted"
    yield element("p", heading, ":", class_="heading")
    yield listed(map(_challenge, judgement.challenges))


def _challenge(one: Challenge) -> Element:
    on = "a specimen" if one.ran_on == "specimen" else "what is bound"
    said = f" on {on}" + (f": {one.said}" if one.said else "")
    return element("span", element("code", one.counterexample), " ", badge(one.outcome), said)


def _conditions(standing: ContractStanding) -> Iterator[Element]:
    """What a run must show for DISCHARGED, beside what was seen of it, of the statements that speak now."""
    seen = {(one.role, one.name, one.criterion): one for head in standing.heads for one in head.observations}
    if seen:
        heading = f"Conditions of {standing.contract} for being discharged"
        yield table(heading, ("Condition", "Asked", "Seen", "Read from", "Outcome"), map(_condition, seen.values()))


def _condition(one: Observation) -> tuple[Element | str, ...]:
    value = "nothing" if one.value is None else shown_value(one.value)
    return (element("code", f"{one.role}.{one.name}"), one.criterion, value, one.source, badge(_met(one)))


def _met(one: Observation) -> str:
    return "met" if one.met else "not met"
