"""A gate judged by a race's ledger: the gate as it stood in the plan before the first step, the curves as logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falsifiable.artifacts.races.race import Race
from falsifiable.artifacts.races.rows import RaceRun
from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import read_yaml
from falsifiable.race.judging.gate_rules import GATE_CHECKS
from falsifiable.race.judging.gates import Gate, GateReport, Review, RunFacts, judge_recipes
from falsifiable.race.judging.plausibility import Tripwires, uniform_ceiling

REVIEWED = "reviewed"
"""The kind of event that keeps a review in the ledger: ``digest``, ``reviewer`` and ``reason`` in its details."""

_RULES = ShapeRules("RACE-UNKNOWN-KEY", "RACE-MISSING-KEY", "RACE-TYPE", "RACE-VALUE")


class GateDeclarationError(ValueError):
    """The plan that a ledger was made with declares gates that cannot be; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class GatePlan:
    """What a plan says of gates: its part of ``race.yaml``."""

    gates: Mapping[str, Gate] = field(default_factory=dict)
    tripwires: Tripwires = field(default=Tripwires())


def gates_of(document: Mapping[str, Any]) -> GatePlan:
    """The gates that a plan declares, as it is kept in a ledger. Raises GateDeclarationError naming every fault."""
    declared = {key: _stated(document[key]) for key in ("gates", "tripwires") if key in document}
    file = read_yaml(json.dumps(declared).encode(), shown="the ledger's plan")
    faults = Faults(file.path, DEFAULT_LIMITS)
    builder = Builder(faults, _RULES)
    built = INVALID if file.root is None else builder.build(record_shape(GatePlan), file.root)
    said = [f"{one.message} ({one.hint})" for one in (*file.diagnostics, *faults.sorted())]
    for trail, part in builder.parts.items():
        check = GATE_CHECKS.get(type(part))
        said += [
            f"{'.'.join(map(str, trail))}: {message} ({hint})" for _, message, hint in (check(part) if check else ())
        ]
    if said:
        raise GateDeclarationError("; ".join(said))
    assert isinstance(built, GatePlan)  # noqa: S101 - without a fault it was built
    return built


def _stated(value: Any) -> Any:
    """What a plan states: a ledger keeps what the plan leaves open too, as null, which ``race.yaml`` never says."""
    if not isinstance(value, Mapping):
        return value
    return {key: _stated(one) for key, one in value.items() if one is not None}


def judge_race(race: Race, name: str, gate: Gate, wires: Tripwires) -> GateReport:
    """Judge every recipe of a race by ``gate``, with all that its ledger knows."""
    return judge_recipes(
        name,
        gate,
        race.curves,
        ceiling=uniform_ceiling(race.vocabulary_size, race.unit),
        wires=wires,
        facts={one.name: _facts(race, one) for one in race.runs},
        reviews=reviews_of(race),
    )


def reviews_of(race: Race) -> tuple[Review, ...]:
    """The reviews that the ledger keeps, in order; a malformed one is none."""
    found = []
    for event in race.events:
        content = event.content
        texts = [content.get(key) for key in ("digest", "reviewer", "reason")]
        if event.kind == REVIEWED and all(isinstance(one, str) for one in texts):
            found.append(Review(*map(str, texts)))
    return tuple(found)


def _facts(race: Race, run: RaceRun) -> RunFacts:
    """What the ledger knows of a run beside its curve."""
    recipe = race.plan.get("recipes", {}).get(run.recipe, {})
    requested: dict[str, Any] = {**run.config, "corpus": run.corpus.name}
    actual = dict(run.effective or {})
    if run.corpus_echoed is not None:
        actual["corpus"] = run.corpus_echoed
    return RunFacts(
        family=str(recipe.get("model", "")),
        requested=requested,
        actual=actual,
        seconds=run.seconds,
        evaluations=len({one.evaluation for one in race.samples(run.name)}),
    )
