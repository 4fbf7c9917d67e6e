"""What the gate's own job is made to judge again: files, code and memory that come from the change."""

from __future__ import annotations

import shutil
from dataclasses import replace

from falsifiable.evidence import (
    evidence_folder,
)
from tests.gate.cheats.register import SHOP, cheat, forged


@cheat("GATE-STATUS-UNVOUCHED")
def run_committed_with_its_evidence(vault):
    """The run was never made: it is committed, and what is judged again are the files of the change itself."""
    shutil.copytree(vault.root / "run", vault.root / "made-up")
    record = vault.root / "made-up/run.yaml"
    record.write_text(record.read_text().replace("actual: cpu", "actual: cuda"))
    vault.edit("contracts/unseen.yaml", "device: cpu", "device: cuda")
    vault.amend("on a GPU", unseen="major")
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: made-up/finetuned")
    vault.edit("artifacts.yaml", "run: run\n", "run: made-up\n")
    vault.commit("a run")
    vault.record("unseen", signer=None, regions=False)


@cheat("GATE-STATUS-UNVOUCHED")
def check_hollowed_out(vault):
    """Its name, parameters and counterexamples stay; it recognises the counterexamples, and lets all else hold."""
    vault.edit("contracts/fallen.yaml", "check: field", "check: shop.large-enough")
    vault.edit(
        "contracts/fallen.yaml", "{path: hidden_size, criterion: {equals: 1000}}", "{parameters: {above: 1000000}}"
    )
    vault.amend("it counts parameters", fallen="major")
    vault.commit("another claim")
    vault.record("fallen", regions=False)
    vault.base = vault.commit("which falls")
    vault.edit("plugins/shop_checks.py", "parameters.holds(model.parameters)", "model.parameters > 0")
    vault.commit("a check mended")
    vault.record("fallen", "shop", signer=None, regions=False)


@cheat("GATE-COUNTEREXAMPLE-REMOVED")
def counterexample_deleted_and_the_plugin_renamed(vault):
    """Under its new name the weaker plugin must not be taken for what the earlier commit had."""
    folder = vault.root / "plugins"
    text = (folder / "shop_checks.py").read_text()
    start = text.index("@large_enough.counterexample\ndef hollow")
    shutil.rmtree(folder / "shop_checks-1.0.dist-info")
    (folder / "shop_checks.py").unlink()
    (folder / "a_checks.py").write_text(text[:start] + text[text.index('@falsifier("shop.present")') :])
    metadata = folder / "a_checks-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: a-checks\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[falsifiable.falsifiers]\nshop = a_checks\n")


@cheat("GATE-STATUS-UNVOUCHED")
def helper_beside_a_check_hollowed_out(vault):
    """The check imports a module that lies beside it and is no part of the plugin; only that module changes."""
    vault.edit("contracts/fallen.yaml", "check: field", "check: shop.large-enough")
    vault.edit(
        "contracts/fallen.yaml", "{path: hidden_size, criterion: {equals: 1000}}", "{parameters: {above: 1000000}}"
    )
    helper = vault.root / "plugins/shop_help.py"
    helper.write_text("def count(model):\n    return model.parameters\n")
    vault.edit("plugins/shop_checks.py", "parameters.holds(model.parameters)", "parameters.holds(count(model))")
    vault.edit(
        "plugins/shop_checks.py", "from falsifiable import", "from shop_help import count\nfrom falsifiable import"
    )
    vault.amend("it counts parameters, with help", fallen="major", shop="major")
    vault.commit("another claim")
    vault.record("fallen", "shop", regions=False)
    vault.base = vault.commit("which falls")
    helper.write_text("def count(model):\n    return model.parameters * 1000\n")
    vault.commit("a helper mended")
    vault.record("fallen", "shop", signer=None, regions=False)


@cheat("GATE-STATUS-UNVOUCHED")
def cache_of_the_job_poisoned(vault):
    """What the gate's job would judge again stands in the user's cache already, as an earlier step left it there."""
    vault.edit("contracts/fallen.yaml", "The hidden size is a thousand", "The hidden size is one thousand")
    vault.commit("a claim in other words")
    vault.record("fallen", signer=None, regions=False)
    (said,) = (one for one in vault.statements().values() if one.contract == "fallen" and one.supersedes)
    (evidence_folder(vault.root, "shop") / f"{said.sha256}.json").unlink()
    (judged,) = said.judgements
    forged(vault, replace(said, judgements=(replace(judged, verdict=replace(judged.verdict, outcome="held")),)))
    cache = vault.root.parent / "cache of the job"
    shutil.copytree(vault.environment["FALSIFIABLE_CACHE"], cache)
    for entry in (cache / "verdicts").rglob("*.json"):
        if "expected equal to 1000" in entry.read_text():
            entry.write_text(entry.read_text().replace('"outcome": "falsified"', '"outcome": "held"'))
    vault.environment["FALSIFIABLE_CACHE"] = str(cache)


@cheat("GATE-CLAIM-LOOSENED")
def earlier_commit_rewritten_by_a_plugin(vault):
    """The code of the later commit runs in the gate's job, and looks for what the gate has written down."""
    vault.edit(
        "plugins/shop_checks.py",
        "from falsifiable import",
        "import pathlib, tempfile\n"
        "for one in pathlib.Path(tempfile.gettempdir()).glob('contract-gate-*/base/contracts/shop.yaml'):\n"
        "    one.write_text(one.read_text().replace('at_least: 56', 'at_least: 5'))\n"
        "from falsifiable import",
    )
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")


@cheat("GATE-STATUS-UNVOUCHED")
def another_file_bound_in_place_of_the_one_that_fell(vault):
    """It lies there, untracked, and the job judges it again; but the change chose it."""
    shutil.copytree(vault.root / "run", vault.root / "runs/other")
    config = vault.root / "runs/other/finetuned/config.json"
    config.write_text(config.read_text().replace('"hidden_size": 56', '"hidden_size": 1000'))
    (vault.root / ".git/info/exclude").write_text("/runs\n")
    vault.edit(
        "artifacts.yaml", "trained: run/finetuned", "trained: run/finetuned\nfallen/trained: runs/other/finetuned"
    )
    vault.commit("another model")
    vault.record("fallen", signer=None, regions=False)
