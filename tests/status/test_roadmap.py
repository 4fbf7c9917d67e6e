"""What can be dispatched now, what waits for what, and what is declared done while its evidence is missing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from falsifiable.contracts import DoneWhen, Quorum
from falsifiable.status import Grounds, RoadmapStanding, roadmap_standing, ship_standing, stage_standings
from tests.evidence.builders import claim, contract, statement, unbound
from tests.status.ships import acceptance, effort, fallen, grounds, one_claim_each, recorded, ship, step

READ, WIRED, RUN = one_claim_each("READ", "WIRED", "RUN")


def by(*held: str) -> Grounds:
    """The grounds on which the claims named have held."""
    every = (READ, WIRED, RUN)
    return grounds(
        every, *(recorded(one, digest=one.contract[0] * 64) for one in every if one.falsifiers[0].id in held)
    )


def stand(*steps: Any, on: Grounds | None = None, device: Any = None, **more: Any) -> RoadmapStanding:
    criteria = more.pop("criteria", (acceptance("AC-1", "RUN", points=5),))
    on = on or by()
    return roadmap_standing(ship_standing(ship(*criteria, roadmap=steps, **more), on), on, device)


CHAIN = (step("a", "READ"), step("b", "WIRED", requires=("a",)), step("c", "RUN", requires=("b",), earns=("AC-1",)))


def states(roadmap: RoadmapStanding) -> dict[str, str]:
    return {one.name: one.state for one in roadmap.steps}


def test_a_step_is_done_when_its_evidence_says_so_and_opens_the_next() -> None:
    assert states(stand(*CHAIN)) == {"a": "ready", "b": "waiting", "c": "waiting"}
    assert states(stand(*CHAIN, on=by("READ"))) == {"a": "done", "b": "ready", "c": "waiting"}
    assert states(stand(*CHAIN, on=by("READ", "WIRED", "RUN"))) == {"a": "done", "b": "done", "c": "done"}
    waits = stand(*CHAIN).steps[2].waits_for
    assert [(one.kind, one.name, one.said) for one in waits] == [("step", "b", "step b")]


def test_what_is_declared_done_without_evidence_is_reported_and_nothing_builds_on_it() -> None:
    declared = (CHAIN[0], step("b", "WIRED", requires=("a",), declared_done=True), CHAIN[2])
    roadmap = stand(*declared, on=by("READ"))
    (missed,) = roadmap.declared_without_evidence
    assert (missed.name, missed.state) == ("b", "ready"), "the missed step can still be made"
    assert missed.missing == ("WIRED stands at PROPOSED, not at DISCHARGED: no evidence has been recorded yet",)
    (wait,) = roadmap.steps[2].waits_for
    assert (wait.kind, wait.said) == ("evidence", "the evidence of b, which is declared done")
    assert stand(*declared, on=by("READ", "WIRED")).declared_without_evidence == ()


def test_steps_that_belong_together_wait_and_go_together() -> None:
    both = (
        step("a", "READ"),
        step("b", "WIRED", requires=("a",), atomic_with=("c",), hours=2),
        step("c", "RUN", earns=("AC-1",), hours=3, device="cuda"),
        step("d", "READ", "RUN", requires=("b",)),
    )
    waiting = stand(*both)
    assert states(waiting)["c"] == "waiting", "it requires nothing itself, but its partner does"
    ready = stand(*both, on=by("READ"))
    (dispatch,) = ready.ready
    assert (dispatch.names, dispatch.hours, dispatch.devices) == (("b", "c"), 5, ("cpu", "cuda"))
    assert dispatch.points_per_hour == 1
    half = stand(*both, on=by("READ", "WIRED"))
    assert (half.ready[0].hours, half.ready[0].devices) == (3, ("cuda",))
    assert [one.said for one in half.steps[3].waits_for] == ["step c, which is finished together with what it requires"]


def test_a_machine_without_a_gpu_makes_a_step_wait_for_one() -> None:
    cuda = step("a", "READ", device="cuda")
    assert [one.said for one in stand(cuda, device="cpu").steps[0].waits_for] == ["a machine with cuda"]
    assert states(stand(cuda, device="cuda")) == {"a": "ready"}
    assert states(stand(step("a", "READ"), device="cuda")) == {"a": "ready"}, "which has a CPU as well"
    assert states(stand(cuda, device="cpu", on=by("READ"))) == {"a": "done"}


def test_what_earns_more_per_hour_comes_first_then_what_opens_more() -> None:
    criteria = (acceptance("AC-1", "RUN", points=5), acceptance("AC-2", "RUN", points=6), acceptance("AC-3", "RUN"))
    roadmap = stand(
        step("idle", "READ"),
        step("opener", "READ", hours=2),
        step("slow", "WIRED", hours=10, earns=("AC-1",)),
        step("quick", "WIRED", hours=2, earns=("AC-2",)),
        step("behind", "RUN", requires=("opener",), earns=("AC-3",)),
        criteria=criteria,
    )
    assert [one.names for one in roadmap.ready] == [("quick",), ("slow",), ("opener",), ("idle",)]
    assert [one.opens for one in roadmap.steps] == [0, 5, 0, 0, 0]
    assert [one.names for one in roadmap.waiting] == [("behind",)]


def test_points_are_predicted_and_earned_once_however_many_steps_earn_them() -> None:
    two = (step("a", "READ", earns=("AC-1",)), step("b", "RUN", earns=("AC-1", "AC-1"), predicted=4))
    roadmap = stand(*two)
    assert [(one.predicted, one.earned, one.open_points) for one in roadmap.steps] == [
        (Fraction(5, 2), 0, Fraction(5, 2)),
        (4, 0, Fraction(5, 2)),
    ]
    assert [one.earned for one in stand(*two, on=by("RUN")).steps] == [Fraction(5, 2)] * 2


def test_a_step_may_ask_for_less_than_the_ceiling_and_never_for_more() -> None:
    low = contract("low", claim("LOW", up_to="partial"))
    on = grounds([READ, low], recorded(READ, with_seed=9), statement(low, unbound(low)))
    wanted = {
        "integration": DoneWhen(("READ",), "integration"),
        "discharged": DoneWhen(("READ",), "discharged"),
        "low": DoneWhen(("LOW",), "discharged"),
    }
    steps = (replace(step(name), done_when=done_when) for name, done_when in wanted.items())
    assert states(stand(*steps, on=on)) == {"integration": "done", "discharged": "ready", "low": "done"}


@pytest.mark.parametrize("state", ["fell", "gone"])
def test_what_fell_or_is_gone_is_not_done(state: str) -> None:
    on = grounds([READ], fallen(READ, "READ")) if state == "fell" else grounds([])
    (standing,) = stand(step("a", "READ"), on=on).steps
    said = {"fell": "READ stands at FALSIFIED", "gone": "no contract has the falsifier READ"}[state]
    assert standing.state == "ready"
    assert standing.missing[0].startswith(said)


def test_a_criterion_that_no_step_earns_is_work_of_its_own_where_its_effort_is_known() -> None:
    criteria = (
        acceptance("AC-1", "RUN", points=5),
        acceptance("AC-2", "READ", points=3, effort=effort(2, "cuda")),
        acceptance("AC-3", "READ", points=2),
    )
    roadmap = stand(step("c", "RUN", earns=("AC-1",)), criteria=criteria)
    assert [(one.name, one.criterion, one.state) for one in roadmap.steps] == [
        ("c", False, "ready"),
        ("AC-2", True, "ready"),
    ]
    assert roadmap.steps[1].step.device == "cuda"
    assert [one.criterion.id for one in roadmap.stranded] == ["AC-3"]
    done = stand(step("c", "RUN"), criteria=criteria, on=by("READ"))
    assert [(one.name, one.state) for one in done.steps] == [("c", "ready"), ("AC-2", "done")]
    assert [one.criterion.id for one in done.stranded] == ["AC-1"]


def test_a_criterion_whose_steps_are_done_and_that_is_still_open_is_not_forgotten() -> None:
    three = acceptance("AC-1", "READ", quorum=Quorum(3, "run.seed"))
    roadmap = stand(step("a", "READ", earns=("AC-1",)), on=by("READ"), criteria=(three,))
    assert states(roadmap) == {"a": "done"}
    assert [(one.criterion.id, one.missing) for one in roadmap.stranded] == [
        ("AC-1", ("1 of 3 distinct run.seed (0) have held",))
    ]


def test_the_stages_that_no_evidence_touches_are_named() -> None:
    stages = {"train": ("read",), "export": ("wired", "run"), "serve": ()}
    on = grounds([READ, WIRED, RUN], fallen(READ, "READ"), statement(WIRED, unbound(WIRED)))
    found = stage_standings(ship(stages=stages), on)
    assert [(one.stage, one.touched, one.said) for one in found] == [
        ("train", True, "judged on real files by read"),
        ("export", False, "judged on specimens alone"),
        ("serve", False, "judged on nothing"),
    ]
