"""Points that move by arithmetic, and criteria and steps that are easier to meet."""

from __future__ import annotations

from tests.gate.cheats.register import SHIP, cheat


@cheat("GATE-WEIGHTS-REBASED")
def criterion_reweighted(vault):
    vault.edit(SHIP, "points: 6", "points: 1")


@cheat("GATE-WEIGHTS-REBASED")
def cheap_criterion_added(vault):
    new = "      - {id: AC-SHOP-004, text: It is there, points: 90, falsifiers: [FALSIFY-STALL-001]}\n"
    vault.edit(SHIP, "roadmap:", f"{new}roadmap:")


@cheat("GATE-CRITERION-REMOVED")
def criterion_removed(vault):
    path = vault.root / SHIP
    text = path.read_text()
    path.write_text(text[: text.index("      - id: AC-SHOP-002")] + text[text.index("      - id: AC-SHOP-003") :])
    vault.edit(SHIP, "earns: [AC-SHOP-002], ", "")


@cheat("GATE-CRITERION-WEAKENED")
def criterion_needs_a_falsifier_less(vault):
    vault.edit(SHIP, "[FALSIFY-SHOP-001, FALSIFY-SHOP-002]", "[FALSIFY-SHOP-001]")


@cheat("GATE-CRITERION-WEAKENED")
def quorum_lowered(vault):
    vault.edit(SHIP, "{at_least: 2, distinct: run.seed}", "{at_least: 1, distinct: run.seed}")


@cheat("GATE-CRITERION-WEAKENED")
def tripwire_taken_out(vault):
    path = vault.root / SHIP
    lines = path.read_text().splitlines(True)
    path.write_text("".join(one for one in lines if "tripwires:" not in one and "measurement:" not in one))


@cheat("GATE-WAIVER-EXPIRED")
def waiver_that_is_over(vault):
    vault.edit(SHIP, "expires: 2999-12-31", "expires: 2020-01-31")


@cheat("GATE-WEIGHTS-REBASED")
def criterion_moved_to_another_deliverable(vault):
    new = "  later:\n    title: Some day\n    criteria:\n      - id: AC-SHOP-002"
    vault.edit(SHIP, "      - id: AC-SHOP-002", new)


@cheat("GATE-CRITERION-WEAKENED")
def step_that_is_done_by_less(vault):
    vault.edit(SHIP, "done_when: [FALSIFY-UNSEEN-001]", "done_when: [FALSIFY-STALL-001]")


@cheat("GATE-CRITERION-WEAKENED")
def discharged_criterion_in_other_words(vault):
    """Its points were earned for something else."""
    vault.edit(SHIP, "text: It fits", "text: It beats every other model")
