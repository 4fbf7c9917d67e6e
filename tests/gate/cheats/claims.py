"""Claims and checks that ask for less."""

from __future__ import annotations

from tests.gate.cheats.register import SHIP, SHOP, cheat


@cheat("GATE-CLAIM-LOOSENED")
def threshold_loosened(vault):
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")


@cheat("GATE-CLAIM-LOOSENED")
def threshold_loosened_with_a_minor_amendment(vault):
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")
    vault.amend("a small change", bump="minor", shop="minor")


@cheat("GATE-CLAIM-LOOSENED")
def condition_of_discharge_loosened(vault):
    vault.edit(SHOP, "{one_of: [0, 1, 2]}", "{one_of: [0, 1, 2, 3]}")


@cheat("GATE-CLAIM-LOOSENED")
def claim_about_another_file(vault):
    vault.edit(SHOP, "on: {model: pretrained}", "on: {model: trained}")
    vault.edit(SHOP, "  pretrained: {kind: model}\n", "")


@cheat("GATE-CLAIM-LOOSENED")
def required_contract_dropped(vault):
    vault.edit(SHOP, "requires: [stall]\n", "")


@cheat("GATE-CLAIM-LOOSENED")
def default_of_a_check_loosened(vault):
    """No contract changed: the threshold stands in the check."""
    vault.edit("plugins/shop_checks.py", "Criterion(at_least=10)", "Criterion(at_least=1)")


@cheat("GATE-CEILING-LOWERED")
def ceiling_of_a_claim_lowered(vault):
    vault.edit(SHOP, "check: shop.large-enough", "check: shop.large-enough\n    up_to: partial")


@cheat("GATE-CEILING-LOWERED")
def ceiling_of_a_check_lowered(vault):
    vault.edit(
        "plugins/shop_checks.py",
        '@falsifier("shop.large-enough")',
        '@falsifier("shop.large-enough", level="algorithm")',
    )


@cheat("GATE-CLAIM-REMOVED")
def falsifier_removed(vault):
    path = vault.root / "contracts/shop.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("  - id: FALSIFY-SHOP-005")] + text[text.index("discharge:") :])
    vault.edit(SHOP, "  pretrained: {kind: model}\n", "")


@cheat("GATE-CLAIM-REMOVED")
def falsifier_renamed(vault):
    vault.edit(SHOP, "FALSIFY-SHOP-005", "FALSIFY-SHOP-006")


@cheat("GATE-CLAIM-REMOVED")
def contract_deleted(vault):
    (vault.root / "contracts/fallen.yaml").unlink()


@cheat("GATE-CLAIM-REMOVED")
def condition_of_discharge_removed(vault):
    vault.edit(SHOP, ", seed: {one_of: [0, 1, 2]}", "")
    vault.edit(SHIP, "        quorum: {at_least: 2, distinct: run.seed}\n", "")


@cheat("GATE-CHECK-SWAPPED")
def check_swapped_for_a_weaker_one(vault):
    vault.edit(SHOP, "check: shop.large-enough", "check: shop.present")


@cheat("GATE-COUNTEREXAMPLE-REMOVED")
def counterexample_deleted(vault):
    path = vault.root / "plugins/shop_checks.py"
    text = path.read_text()
    start = text.index("@large_enough.counterexample\ndef hollow")
    path.write_text(text[:start] + text[text.index('@falsifier("shop.present")') :])


@cheat("GATE-INVALID")
def look_alike_in_an_id(vault):
    """A Cyrillic letter in the place of a Latin one: another id that reads the same."""
    vault.edit(SHOP, "FALSIFY-SHOP-005", "FALSIFY-SHОP-005")


@cheat("GATE-CLAIM-LOOSENED")
def conditions_for_discharged_that_ask_for_nothing(vault):
    text = (vault.root / "contracts/fallen.yaml").read_text()
    (vault.root / "contracts/fallen.yaml").write_text(f"{text}discharge:\n  run: {{steps: {{at_least: 0}}}}\n")
