"""Every way to cheat the gate is refused, for the right reason."""

from __future__ import annotations

import pytest

from falsifiable.status.gate.rules import GATE_RULES
from tests.gate.cheats import CHEATS

NEEDS_A_FLAG = {"GATE-UNSIGNED", "GATE-FALSIFIED"}
"""What is asked for with --require-signed or --release; see test_honest."""


@pytest.mark.parametrize("name", CHEATS)
def test_it_is_refused_for_the_right_reason(vault, name):
    rule, commit_it = CHEATS[name]
    commit_it(vault)
    vault.commit(f"a cheat: {name}")
    code, decision = vault.gate()
    found = {one["rule"]: one for one in decision["blocks"]}
    assert code == 5, decision
    assert rule in found, sorted(found)
    assert all(one["message"] and one["hint"] for one in decision["blocks"])


def test_there_are_enough_of_them_and_every_rule_refuses_one():
    assert len(CHEATS) >= 25
    assert {rule for rule, _ in CHEATS.values()} | NEEDS_A_FLAG == set(GATE_RULES)


def test_a_fault_of_a_ship_file_is_one_reason(vault):
    vault.edit("spec/shop/ship.yaml", "points: 6", "points: 0")
    vault.commit("nothing to earn")
    code, decision = vault.gate()
    assert code == 5
    assert [(one["rule"], one["subject"]) for one in decision["blocks"]] == [
        ("GATE-INVALID", "spec/shop/ship.yaml:9:17")
    ]
