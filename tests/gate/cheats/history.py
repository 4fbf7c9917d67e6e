"""Amendments and versions that no release made."""

from __future__ import annotations

from tests.gate.cheats.register import SHOP, cheat


@cheat("GATE-VERSION-TYPED")
def version_of_a_contract_typed(vault):
    vault.edit(SHOP, "version: 1.0.0", "version: 1.1.0")


@cheat("GATE-HISTORY-REWRITTEN")
def released_amendment_rewritten(vault):
    (path,) = (vault.root / "spec/shop/amendments/released").rglob("*.md")
    path.write_text(path.read_text().replace("What was found.", "Something nicer."))


@cheat("GATE-CLAIM-LOOSENED")
def amendment_of_another_change_reused(vault):
    """It was pending already, and said something else."""
    vault.amend("stricter elsewhere", shop="major")
    vault.base = vault.commit("an amendment")
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")


@cheat("GATE-HISTORY-REWRITTEN")
def amendment_put_into_a_release_that_was_made(vault):
    """It would answer for a major change while no version moves."""
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")
    pending = vault.amend("fewer are enough", shop="major")
    (release,) = (vault.root / "spec/shop/amendments/released").iterdir()
    pending.rename(release / f"0002-{pending.name}")


@cheat("GATE-VERSION-TYPED")
def version_typed_beside_a_release(vault):
    """The release moves the contract by a minor bump; what stands there is something else."""
    vault.amend("the second", bump="minor", stall="minor")
    vault.commit("an amendment")
    done = vault.contract("amend", "release", "--spec", "shop")
    assert done.returncode == 0, done.stderr
    vault.edit("contracts/stall.yaml", "version: 1.1.0", "version: 1.0.1")


@cheat("GATE-VERSION-TYPED")
def release_typed(vault):
    """A major change, released by hand as if it were a patch."""
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")
    pending = vault.amend("fewer are enough", shop="major")
    (release,) = (vault.root / "spec/shop/amendments/released").iterdir()
    typed = release.with_name("1.0.1")
    typed.mkdir()
    pending.rename(typed / f"0002-{pending.name}")
