"""Gates as a ledger's plan declares them, and what the ledger knows of its runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from falsifiable.evidence import canonical_json
from falsifiable.race.deciding.read_race import read_race
from falsifiable.race.engines.race_folder import document_of
from falsifiable.race.judging.gated_race import GateDeclarationError, gates_of
from falsifiable.race.judging.gates import Gate
from falsifiable.race.judging.plausibility import Tripwires
from falsifiable.race.judging.significance import Significance
from tests.race.gate_cases import GATED_PLAN, RACE_YAML


def test_the_gates_of_a_plan_as_its_ledger_keeps_them():
    plan = gates_of(GATED_PLAN)

    assert plan.gates["gate-2"] == Gate(below=1.85, min_step=4000, min_distinct_steps=5, seeds=(43, 44, 45))
    assert plan.gates["gate-final"].significance == Significance(1.55, 0.01, 0.05)
    assert plan.tripwires == Tripwires(floor=1.89, family_floors={"HYBRID": 2.19})
    assert gates_of({"unit": "bits_per_byte"}).gates == {}


def test_a_ledger_keeps_a_plan_with_all_that_it_leaves_open():
    plan = read_race(RACE_YAML.replace("tripwires: {", "tripwires: {jump_sigmas: 8, ").encode()).plan
    kept = json.loads(canonical_json(document_of(plan)))

    assert kept["gates"]["gate-2"]["significance"] is None
    assert gates_of(kept).gates == plan.gates
    assert gates_of(kept).tripwires == plan.tripwires
    assert (
        gates_of(json.loads(canonical_json(document_of(replace(plan, tripwires=Tripwires()))))).tripwires.floor is None
    )


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"gate-2": {"bellow": 1.85}}, "bellow"),
        ({"gate-2": {"below": "1.85"}}, "number"),
        ({"gate-2": {"quorum": 0}}, "passes without a run"),
        ({"gate-2": {"seeds": [43, 44], "quorum": 3}}, "only 2 seeds count"),
        ({"gate-2": {"seeds": [43, 43, 43], "quorum": 3}}, "only 1 seeds count"),
        ({"gate-2": {"min_distinct_steps": 0}}, "min_distinct_steps is 0"),
        ({"gate-2": {"min_step": -1}}, "min_step is -1"),
        ({"gate-2": {"quorum": 1, "significance": {"baseline": 1.55}}}, "finals of one run"),
        ({"gate-2": {"significance": {"baseline": 1.55, "alpha": 1}}}, "alpha is 1"),
        ({"gate-2": {"significance": {"baseline": 1.55, "effect": -1}}}, "effect is -1"),
    ],
)
def test_a_gate_that_cannot_be_is_told(gates, said):
    with pytest.raises(GateDeclarationError, match=said):
        gates_of({"gates": gates})


@pytest.mark.parametrize("wires", [{"floor": 0.1}, {"family_floors": {"PHI": 0.05}}, {"jump_sigmas": 0}])
def test_tripwires_that_cannot_be_are_told(wires):
    with pytest.raises(GateDeclarationError):
        gates_of({"tripwires": wires})


def test_race_yaml_holds_gates_tripwires_phases_and_blockers():
    read = read_race(RACE_YAML.encode())

    assert read.diagnostics == ()
    assert read.plan.gates["gate-2"].below == 1.85
    assert read.plan.phases["champion"].experiments[0].gain == 0.02
    assert read.plan.blockers["corpus"].blocks == ("champion",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("quorum: 3", "quorum: 4", "only 3 seeds count"),
        ("count: 1", "count: 5", "declares 5 experiments and lists 1"),
        ("blocks: [champion]", "blocks: [champoin]", "champoin"),
        ("requires: [smoke]", "requires: [champion]", "wait for one another"),
        ("floor: 1.89", "floor: 0.09", "nothing is held"),
    ],
)
def test_what_contradicts_itself_is_a_fault_of_the_file_at_its_place(old, new, said):
    assert old in RACE_YAML
    faults = read_race(RACE_YAML.replace(old, new).encode()).diagnostics

    assert any(said in one.message and one.line > 1 for one in faults), [str(one) for one in faults]
