"""An overview whose every name and text is hostile."""

from __future__ import annotations

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.contracts.model import Contract, FalsifierDeclaration, Level
from falsifiable.evidence import Context, Environment, Statement, Verification
from falsifiable.falsifier import Measurement, Verdict
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.predicting.prediction import Prediction
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.run_curves import RunCurve
from falsifiable.report.race.status import RaceStatus, RunStatus
from falsifiable.report.statements import StatementEntry
from falsifiable.status import ContractStanding, FalsifierStanding, Status
from falsifiable.status.graph import Edge, Graph, Node
from falsifiable.validation.mutation_results import ArtifactResult, ContractScore, MutationReport, MutationResult
from falsifiable.validation.results import BoundArtifact, Challenge, Judgement, Observation

HOSTILE = "\"'><img src=x onerror=alert(1)></script></style><script>alert(1)</script><!--\u202e&lt;b&gt; `$(id)`"
"""A name that would end an attribute, a script, a style or a text if it were taken for markup."""


@pytest.fixture(scope="session")
def hostile() -> Overview:
    """Everything the page shows, with ``HOSTILE`` wherever a text can stand."""
    statement = _statement()
    standing = ContractStanding(
        HOSTILE, HOSTILE, HOSTILE, Status.FALSIFIED, Level.DISCHARGED, (_standing(statement),),
        stale=(HOSTILE,), unmet=(HOSTILE,), held_back=(HOSTILE,), heads=(statement,), undecided=(HOSTILE,),
    )  # fmt: skip
    declared = FalsifierDeclaration(HOSTILE, HOSTILE, HOSTILE)
    nodes = (
        Node("a" + HOSTILE, "contract", HOSTILE, HOSTILE, HOSTILE, "refuted", HOSTILE),
        Node("b" + HOSTILE, "step", HOSTILE, HOSTILE, HOSTILE, "open", HOSTILE),
    )
    return Overview(
        title=HOSTILE,
        commit=HOSTILE,
        contracts=(Contract(HOSTILE, "1.0.0", HOSTILE, (declared,), spec=HOSTILE),),
        standings=(standing,),
        entries=(StatementEntry(HOSTILE, HOSTILE, statement, Verification("unsigned", (), HOSTILE), (HOSTILE,)),),
        graph=Graph(nodes, (Edge(nodes[1].key, nodes[0].key, "rests on", HOSTILE),)),
        races=(_race(),),
        runs=(RunCurve(HOSTILE, Curve(HOSTILE, HOSTILE, 1, HOSTILE, (1, 2), (3.0, 2.0))),),
        mutations=_mutations(),
    )


def _judgement() -> Judgement:
    return Judgement(
        contract=HOSTILE,
        falsifier=HOSTILE,
        check=HOSTILE,
        claim=HOSTILE,
        verdict=Verdict("falsified", HOSTILE, (Measurement(HOSTILE, HOSTILE, HOSTILE),), 1, HOSTILE),
        on_specimen=Verdict("held"),
        challenges=(Challenge(HOSTILE, "survived", "bound", HOSTILE),),
        artifacts=(BoundArtifact(HOSTILE, "model", HOSTILE, HOSTILE, "orphan", {HOSTILE: "a" * 64}),),
        parameters={HOSTILE: HOSTILE, "b": {HOSTILE: [HOSTILE]}},
    )


def _statement() -> Statement:
    observation = Observation(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "stated", False)
    context = Context(HOSTILE, {}, True, Environment(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}), 1)
    return Statement(
        HOSTILE, HOSTILE, HOSTILE, "a" * 64, "b" * 64, (_judgement(),), (observation,), HOSTILE, HOSTILE, context,
        (HOSTILE,),
    )  # fmt: skip


def _standing(statement: Statement) -> FalsifierStanding:
    return FalsifierStanding(
        HOSTILE, HOSTILE, HOSTILE, Status.FALSIFIED, Level.DISCHARGED, stale=(HOSTILE,), needs=(HOSTILE,),
        judgement=_judgement(), rests_on=statement.sha256,
    )  # fmt: skip


def _race() -> RaceStatus:
    predicted = Prediction(HOSTILE, 1, 4, 2.0, 1.0, 3.0, 1.0, 1.0, 1.0, HOSTILE, may_stop=False)
    decision = Decision(HOSTILE, 0, 1, HOSTILE, "stop", HOSTILE, HOSTILE, predicted, ())
    run = RunStatus(HOSTILE, HOSTILE, 1, HOSTILE, 2, 2.0, 4, decision, HOSTILE)
    curve = Curve(HOSTILE, HOSTILE, 1, HOSTILE, (1, 2), (3.0, 2.0), planned_steps=4)
    return RaceStatus(HOSTILE, HOSTILE, (run,), (curve,), (decision,), faults=(HOSTILE,))


def _mutations() -> MutationReport:
    survived = MutationResult(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: "survived"}, {HOSTILE: HOSTILE})
    explained = MutationResult(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: "not asked"}, accepted=HOSTILE)
    artifact = ArtifactResult(HOSTILE, HOSTILE, (HOSTILE,), (survived, explained), {HOSTILE: HOSTILE})
    return MutationReport((artifact,), (ContractScore(HOSTILE, 0, 2),), {HOSTILE: HOSTILE})
