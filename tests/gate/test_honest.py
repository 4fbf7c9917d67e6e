"""Changes that anybody may make: the gate lets them through, and says what it has to say."""

from __future__ import annotations

import pytest

from falsifiable.evidence.canonical import sha256_of
from falsifiable.evidence.keys import generate_key, public_text

SHIP = "spec/shop/ship.yaml"
SHOP = "contracts/shop.yaml"


def nothing(vault):
    (vault.root / "README.md").write_text("The shop.\n")


def prose_beside_the_regions(vault):
    vault.edit("spec/shop/spec.md", "Prose that nobody touches.", "Prose that somebody touched.")


def a_claim_more(vault):
    vault.edit(
        SHOP,
        "discharge:",
        "  - {id: FALSIFY-SHOP-006, claim: It is there, check: shop.present, on: {model: trained}}\ndischarge:",
    )


def a_threshold_tightened(vault):
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 56, at_most: 64}")


def a_threshold_loosened_by_an_amendment(vault):
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")
    vault.amend("fewer are enough", shop="major")


def a_rise_that_is_signed(vault):
    vault.record("unseen")
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")


def a_rise_that_the_gate_derives_again(vault):
    vault.record("unseen", signer=None)


def evidence_that_refutes(vault):
    vault.edit("contracts/unseen.yaml", "check: run.loss-varies", "check: run.loss-falls")
    vault.amend("it must fall", unseen="major")
    vault.commit("another claim")
    vault.record("unseen", signer=None, regions=False)


def a_contract_more(vault):
    text = (vault.root / "contracts/unseen.yaml").read_text()
    more = text.replace("UNSEEN", "MORE").replace("unseen", "more")
    (vault.root / "contracts/more.yaml").write_text(more)


def a_comment_in_a_check(vault):
    vault.edit("plugins/shop_checks.py", "from falsifiable import", "# They are few.\nfrom falsifiable import")


def points_divided_anew_by_an_amendment(vault):
    vault.edit(SHIP, "points: 6", "points: 4")
    vault.amend("it is worth less", bump="major")


def amendments_released(vault):
    vault.amend("the second", bump="minor", stall="minor")
    vault.commit("an amendment")
    done = vault.contract("amend", "release", "--spec", "shop")
    assert done.returncode == 0, done.stdout + done.stderr


HONEST = (
    nothing,
    prose_beside_the_regions,
    a_claim_more,
    a_threshold_tightened,
    a_threshold_loosened_by_an_amendment,
    a_rise_that_is_signed,
    a_rise_that_the_gate_derives_again,
    evidence_that_refutes,
    a_contract_more,
    a_comment_in_a_check,
    points_divided_anew_by_an_amendment,
    amendments_released,
)


@pytest.mark.parametrize("change", HONEST, ids=[one.__name__.replace("_", "-") for one in HONEST])
def test_it_passes(vault, change):
    change(vault)
    vault.commit("an honest change")
    code, decision = vault.gate()
    assert decision["blocks"] == []
    assert (code, decision["decision"]) == (0, "passed")


def test_there_are_enough_of_them():
    assert len(HONEST) >= 10


def test_a_new_key_is_let_in_by_somebody_who_looked(vault):
    vault.edit("trust.yaml", public_text(vault.keys["ci"].public), public_text(generate_key().public))
    vault.commit("another key")
    code, decision = vault.gate()
    assert (code, [one["rule"] for one in decision["blocks"]]) == (5, ["GATE-TRUST-CHANGED"])
    assert vault.gate("--accept-trust", sha256_of((vault.root / "trust.yaml").read_bytes()))[0] == 0


def test_a_branch_that_lacks_its_base_is_to_be_merged_first(vault):
    """What the main line gained meanwhile is not what this branch deleted."""
    vault.git("checkout", "--quiet", "-b", "topic")
    nothing(vault)
    vault.commit("a topic")
    vault.git("checkout", "--quiet", "main")
    vault.record("unseen")
    vault.base = vault.commit("the main line goes on")
    vault.git("checkout", "--quiet", "topic")
    code, decision = vault.gate()
    assert (code, decision["blocks"]) == (2, [])
    assert "is no ancestor of" in decision["undecided"][0]
    vault.git("merge", "--quiet", "--no-edit", "main")
    assert vault.gate()[0] == 0


def test_a_link_below_the_specs_is_left_out_and_told_of(vault):
    (vault.root / "a.png").write_text("a picture")
    (vault.root / "spec/shop/a.png").symlink_to("../../a.png")
    vault.commit("a picture")
    code, decision = vault.gate()
    assert code == 0
    assert any(note.startswith("spec/shop/a.png was not read: it is a link") for note in decision["notes"])


def test_a_waiver_that_ran_out_before_keeps_only_a_release_waiting(vault):
    vault.edit(SHIP, "expires: 2999-12-31", "expires: 2020-01-31")
    vault.base = vault.commit("some day in 2020")
    nothing(vault)
    vault.commit("nothing much")
    assert vault.gate()[0] == 0
    code, decision = vault.gate("--release")
    assert (code, {one["rule"] for one in decision["blocks"]}) == (5, {"GATE-FALSIFIED", "GATE-WAIVER-EXPIRED"})


def test_a_new_waiver_is_told_of(vault):
    vault.edit(
        SHIP, "waivers:\n", "waivers:\n  - {criterion: AC-SHOP-002, owner: bob, reason: why not, expires: 2999-12-31}\n"
    )
    vault.commit("a waiver")
    assert "AC-SHOP-002 is waived by bob until 2999-12-31: why not" in vault.gate()[1]["notes"]


def test_a_waiver_does_not_spread_to_what_its_criterion_newly_names(vault):
    vault.edit(SHIP, "FALSIFY-SHOP-004]\n        quorum", "FALSIFY-SHOP-004, FALSIFY-FALLEN-001]\n        quorum")
    vault.commit("a claim more")
    code, decision = vault.gate("--release")
    assert (code, [one["subject"] for one in decision["blocks"]]) == (5, ["FALSIFY-FALLEN-001"])


def test_the_first_policy_counts_for_somebody_who_looked(vault):
    """Whoever adopts the gate signs in the very change that says whose signature counts."""
    text = (vault.root / "trust.yaml").read_text()
    (vault.root / "trust.yaml").unlink()
    vault.base = vault.commit("before there was a policy")
    (vault.root / "trust.yaml").write_text(text)
    vault.record("unseen")
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")
    vault.commit("a policy, and evidence signed by it")
    code, decision = vault.gate()
    assert code == 5
    assert {one["rule"] for one in decision["blocks"]} >= {"GATE-TRUST-CHANGED", "GATE-STATUS-UNVOUCHED"}
    assert any(f"as trust.yaml stood at {vault.base[:12]}" in one["message"] for one in decision["blocks"])
    assert vault.gate("--accept-trust", sha256_of(text.encode()))[0] == 0


def test_a_policy_that_was_accepted_is_the_one_that_a_refusal_names(vault):
    text = (vault.root / "trust.yaml").read_text().replace("review: [alice]", "review: [ci, alice]")
    (vault.root / "trust.yaml").write_text(text)
    vault.record("unseen", signer="mallory")
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")
    head = vault.commit("another policy, and evidence that it does not allow")
    code, decision = vault.gate("--accept-trust", sha256_of(text.encode()))
    assert code == 5
    assert any(f"as trust.yaml stood at {head[:12]}" in one["message"] for one in decision["blocks"])


def test_a_spec_without_a_document_has_no_region_to_be_out_of_date(vault):
    (vault.root / "contracts/loner.yaml").write_text(
        (vault.root / "contracts/unseen.yaml").read_text()
        .replace("UNSEEN", "LONER").replace("unseen", "loner").replace("spec: shop\n", "")
    )  # fmt: skip
    vault.commit("a contract of its own")
    vault.record("loner", signer=None)
    vault.base = vault.commit("with evidence")
    vault.edit("contracts/loner.yaml", "Every weight is a finite number", "Each weight is a finite number")
    vault.commit("other words")
    assert vault.gate()[1]["blocks"] == []


def test_a_release_is_refused_while_a_claim_is_falsified(vault):
    nothing(vault)
    vault.commit("nothing much")
    code, decision = vault.gate("--release")
    assert (code, {one["rule"] for one in decision["blocks"]}) == (5, {"GATE-FALSIFIED"})


def test_unsigned_evidence_that_never_moved_is_refused_only_where_signatures_are_demanded(vault):
    vault.record("unseen", signer=None)
    vault.base = vault.commit("merged before there was a gate")
    nothing(vault)
    vault.commit("nothing much")
    code, decision = vault.gate()
    assert code == 0
    assert any("nobody vouches for evidence of unseen" in one for one in decision["notes"])
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")
    code, decision = vault.gate("--require-signed")
    assert (code, {one["rule"] for one in decision["blocks"]}) == (5, {"GATE-UNSIGNED"})
