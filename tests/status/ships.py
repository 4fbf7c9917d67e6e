"""Small ship files and the grounds they are weighed by, for the tests of criteria, steps and what can be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from falsifiable.contracts import AcceptanceCriterion, Deliverable, Effort, Ship, Step
from falsifiable.contracts.model import Contract, Criterion
from falsifiable.evidence import Statement
from falsifiable.falsifier import Verdict
from falsifiable.status import Grounds, JudgingCode, standings
from falsifiable.validation.results import Observation
from tests.evidence.builders import (
    CODE,
    FALLEN,
    Everywhere,
    artifact,
    claim,
    context,
    contract,
    judgement,
    sha,
    statement,
)

SEEDS = Criterion(one_of=(0, 1, 2))
TRAINING = contract("training", claim("LOSS"), claim("CAUSAL", "model.causal"), discharge={"run": {"seed": SEEDS}})


def seed(value: Any = 0, source: Any = "record") -> Observation:
    return Observation("run", "seed", str(SEEDS), value, source, SEEDS.holds(value))


def verdict(**measured: Any) -> Verdict:
    return Verdict.of(True, examined=(3, "batches"), **measured)


def recorded(
    of: Contract = TRAINING, *, with_seed: Any = 0, digest: str = sha("a"), loss: float = 2.0, **more: Any
) -> Statement:
    """A recording in which everything held, on bytes of a run of this seed."""
    judged = [
        judgement(of, one, verdict=verdict(loss=loss), artifacts=(artifact(digest=digest),)) for one in of.falsifiers
    ]
    return statement(of, *judged, observations=(seed(with_seed),), **more)


def fallen(of: Contract, name: str, *, digest: str = sha("a")) -> Statement:
    """A recording in which the falsifier ``name`` fell."""
    bytes_of = (artifact(digest=digest),)
    fell = {name: {"verdict": FALLEN}}
    return statement(of, *(judgement(of, one, artifacts=bytes_of, **fell.get(one.id, {})) for one in of.falsifiers))


def grounds(
    contracts: Iterable[Contract] = (TRAINING,),
    *statements: Statement,
    reviews: Mapping[str, tuple[str, ...]] | None = None,
    code: JudgingCode = CODE,
    history: Any = None,
    folder: str = "ship",
) -> Grounds:
    known, past = tuple(contracts), history or Everywhere()
    stand = standings(known, statements, code, past)
    return Grounds(known, stand, statements, code, past, {one.sha256: folder for one in statements}, reviews or {})


def acceptance(name: str = "AC-1", *falsifiers: str, points: float = 5.0, **more: Any) -> AcceptanceCriterion:
    return AcceptanceCriterion(name, "It is so", points, falsifiers or ("LOSS", "CAUSAL"), **more)


def ship(*criteria: AcceptanceCriterion, **more: Any) -> Ship:
    return Ship("ship", {"model": Deliverable("The model", criteria or (acceptance(),))}, **more)


def step(name: str, *done_when: str, hours: float = 1.0, **more: Any) -> Step:
    return Step(name, f"The step {name}", done_when or ("LOSS",), hours, **more)


def effort(hours: float = 1.0, device: Any = "cpu") -> Effort:
    return Effort(hours, device)


def one_claim_each(*names: str) -> tuple[Contract, ...]:
    """Contracts with one claim each, by the name of the claim; each can be discharged by a run of seed 0, 1 or 2."""
    return tuple(contract(one.lower(), claim(one), discharge={"run": {"seed": SEEDS}}) for one in names)


def uncommitted() -> Any:
    return context(dirty=True)
