"""Ways to cheat the gate: each is a change to commit, and the reason for which it must be refused.

Read from top to bottom they are a list of what the gate is for. ``CHEATS`` maps the name of a cheat to its rule and the
function that does it to a :class:`Vault`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from falsifiable.evidence import (
    Statement,
    evidence_folder,
    parse_statement,
    read_evidence,
    write_signature,
    write_statement,
)
from falsifiable.evidence.dsse import authenticated
from falsifiable.falsifier import Verdict
from falsifiable.spec.regions import content_digest, find_regions

SPEC = "spec/shop/spec.md"
SHIP = "spec/shop/ship.yaml"
SHOP = "contracts/shop.yaml"

CHEATS: dict[str, tuple[str, Callable[[Any], None]]] = {}


def cheat(rule: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Enter the decorated function under the reason for which it must be refused."""

    def entered(function: Callable[[Any], None]) -> Callable[[Any], None]:
        CHEATS[function.__name__.replace("_", "-")] = (rule, function)
        return function

    return entered


# Statuses and percentages that were typed


@cheat("GATE-REGION-EDITED")
def status_typed_into_the_scoreboard(vault):
    vault.edit(SPEC, "FALSIFIED", "DISCHARGED")


@cheat("GATE-REGION-EDITED")
def status_typed_and_the_marker_made_to_fit(vault):
    """The digest in a marker is no secret: it only tells an honest hand edit from a region that is out of date."""
    path = vault.root / SPEC
    data = path.read_bytes()
    region = find_regions(data).named("scoreboard")
    typed = region.content.replace("FALSIFIED", "DISCHARGED")
    text = data.decode().replace(region.content, typed)
    path.write_text(text.replace(content_digest(region.content), content_digest(typed)))


@cheat("GATE-REGION-EDITED")
def percentage_typed_into_its_region(vault):
    vault.edit(SPEC, "2 of 10 points: 20.0 %", "10 of 10 points: 100.0 %")


@cheat("GATE-INVALID")
def status_typed_into_a_contract(vault):
    vault.edit(SHOP, "spec: shop", "spec: shop\nstatus: DISCHARGED")


@cheat("GATE-STEP-DECLARED")
def step_declared_done(vault):
    vault.edit(SHIP, "hours: 2}", "hours: 2, declared_done: true}")


@cheat("GATE-VERSION-TYPED")
def version_of_a_contract_typed(vault):
    vault.edit(SHOP, "version: 1.0.0", "version: 1.1.0")


# Regions that say something else by standing elsewhere


@cheat("GATE-REGION-MOVED")
def markers_of_the_scoreboard_taken_out(vault):
    path = vault.root / SPEC
    path.write_text("".join(one for one in path.read_text().splitlines(True) if "contract:scoreboard" not in one))


@cheat("GATE-REGION-MOVED")
def markers_moved_into_a_code_block(vault):
    path = vault.root / SPEC
    data = path.read_text()
    region = find_regions(data.encode()).named("ship")
    whole = data.encode()[region.start : region.end].decode()
    path.write_text(data.replace(whole, "```\n" + whole.rstrip("\n") + "\n```\n**10 of 10 points: 100.0 %**\n"))


@cheat("GATE-REGION-MOVED")
def spec_deleted(vault):
    (vault.root / SPEC).unlink()


# Evidence that is not what it seems


def _write(vault, statement: Statement) -> None:
    parse_statement(statement.data)  # well-formed and named correctly: nothing but its origin is wrong
    write_statement(evidence_folder(vault.root, "shop"), statement)
    vault.contract("record", "--regions", "--artifact", "trained=nowhere", "--artifact", "run=nowhere")


@cheat("GATE-STATUS-UNVOUCHED")
def statement_forged_over_one_that_falsifies(vault):
    """The hidden size is 56; the statement says that it was found to be a thousand."""
    fallen = vault.statement_of("fallen")
    judged = replace(fallen.judgements[0], verdict=Verdict.of(True, examined=(1, "field"), hidden_size=1000))
    _write(vault, replace(fallen, judgements=(judged,), supersedes=(fallen.sha256,)))


@cheat("GATE-STATUS-UNVOUCHED")
def statement_of_other_bytes(vault):
    """It held, on a file that is not the one bound here; nobody signed for it."""
    statement = vault.statement_of("stall")
    digest = hashlib.sha256(b"another file").hexdigest()
    judged = tuple(
        replace(one, artifacts=tuple(replace(bound, digest=digest) for bound in one.artifacts))
        for one in statement.judgements
    )
    _recorded_elsewhere(vault, replace(statement, contract="unseen"), judged)


def _recorded_elsewhere(vault, statement: Statement, judged: tuple) -> None:
    path = vault.root / "contracts/unseen.yaml"
    vault.contract("record", "unseen")
    true = vault.statement_of("unseen")
    (evidence_folder(vault.root, "shop") / f"{true.sha256}.json").unlink()
    bound = judged[0].artifacts
    mine = replace(true.judgements[0], artifacts=bound)
    assert path.is_file()
    write_statement(evidence_folder(vault.root, "shop"), replace(true, judgements=(mine,)))


@cheat("GATE-EVIDENCE-DELETED")
def evidence_edited_in_place(vault):
    statement = vault.statement_of("fallen")
    path = evidence_folder(vault.root, "shop") / f"{statement.sha256}.json"
    path.write_text(path.read_text().replace("falsified", "held"))


@cheat("GATE-EVIDENCE-BROKEN")
def evidence_cut(vault):
    statement = vault.statement_of("fallen")
    path = evidence_folder(vault.root, "shop") / f"{'0' * 64}.json"
    path.write_bytes(statement.data[: len(statement.data) // 2])


@cheat("GATE-EVIDENCE-DELETED")
def evidence_edited_and_renamed(vault):
    """Its name fits its bytes again, and the statement that refuted the claim is gone."""
    statement = vault.statement_of("fallen")
    folder = evidence_folder(vault.root, "shop")
    (folder / f"{statement.sha256}.json").unlink()
    judged = replace(statement.judgements[0], verdict=Verdict.of(True, examined=(1, "field")))
    write_statement(folder, replace(statement, judgements=(judged,)))


@cheat("GATE-EVIDENCE-DELETED")
def older_evidence_brought_back(vault):
    """What was recorded last is deleted, so that what it superseded speaks again."""
    folder = evidence_folder(vault.root, "shop")
    (folder / f"{vault.statement_of('fallen').sha256}.json").unlink()


@cheat("GATE-EVIDENCE-DELETED")
def signature_deleted(vault):
    next(evidence_folder(vault.root, "shop").glob("*.dsse.json")).unlink()


@cheat("GATE-EVIDENCE-BROKEN")
def skip_counted_among_the_passed(vault):
    """A list of tests that passed does not follow from the judgements beside it."""
    statement = vault.statement_of("fallen")
    document = json.loads(statement.data)
    document["predicate"]["passedTests"] = document["predicate"].pop("failedTests")
    document["predicate"] |= {"failedTests": [], "result": "PASSED"}
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    (evidence_folder(vault.root, "shop") / f"{hashlib.sha256(data).hexdigest()}.json").write_bytes(data)


@cheat("GATE-REGION-EDITED")
def held_over_nothing(vault):
    """A verdict over nothing, signed by whoever may sign: it earns nothing, and the region says that it did."""
    statement = vault.statement_of("fallen")
    judged = replace(statement.judgements[0], verdict=Verdict("held", examined=0))
    new = replace(statement, judgements=(judged,), supersedes=(statement.sha256,))
    write_statement(evidence_folder(vault.root, "shop"), new)
    vault.sign("ci", new.sha256)
    vault.edit(SPEC, "FALSIFIED", "INTEGRATION")


@cheat("GATE-EVIDENCE-FOREIGN")
def evidence_of_an_unmerged_branch(vault):
    """Recorded on a branch that changed the contract, and brought here without it."""
    vault.git("checkout", "--quiet", "-b", "elsewhere")
    vault.edit("contracts/fallen.yaml", "{equals: 1000}", "{equals: 56}")
    vault.commit("another claim")
    before = set(vault.statements())
    vault.record("fallen", regions=False)
    (new,) = set(vault.statements()) - before
    data = vault.statements()[new].data
    vault.commit("and its evidence")
    vault.git("checkout", "--quiet", "main")
    (evidence_folder(vault.root, "shop") / f"{new}.json").write_bytes(data)


# Signatures


@cheat("GATE-STATUS-UNVOUCHED")
def recorded_from_an_edited_log(vault):
    """The log was edited and the record made to fit; what was found on it is nobody's word but the author's."""
    log = vault.root / "run/metrics.jsonl"
    was = log.read_bytes()
    edited = was.replace(b'"loss": 5.', b'"loss": 4.')
    assert edited != was
    log.write_bytes(edited)
    _record_unsigned_and_restore(vault, {log: was})


@cheat("GATE-STATUS-UNVOUCHED")
def recorded_from_an_edited_record(vault):
    """``run.yaml`` says another device, which nobody has."""
    record = vault.root / "run/run.yaml"
    was = record.read_text()
    assert "actual: cpu" in was
    record.write_text(was.replace("actual: cpu", "actual: cuda"))
    vault.edit("contracts/unseen.yaml", "device: cpu", "device: cuda")
    vault.commit("what the evidence is about")
    _record_unsigned_and_restore(vault, {record: was.encode()})


def _record_unsigned_and_restore(vault, files: dict) -> None:
    """The gate's job has the files as they were: those that the run really left."""
    vault.record("unseen", signer=None)
    for path, data in files.items():
        path.write_bytes(data)


def _unvouched(vault, signer: str | None) -> None:
    """A true recording of files that the gate's job does not have."""
    vault.record("unseen", signer=signer)
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")
    vault.edit("artifacts.yaml", "run: run\n", "")


@cheat("GATE-STATUS-UNVOUCHED")
def nobody_signed(vault):
    _unvouched(vault, None)


@cheat("GATE-PERCENT-UNVOUCHED")
def points_earned_on_nobodys_word(vault):
    """With the status that rose, the six points of the criterion that it discharges."""
    _unvouched(vault, None)


@cheat("GATE-STATUS-UNVOUCHED")
def signed_with_a_foreign_key(vault):
    _unvouched(vault, "mallory")


@cheat("GATE-STATUS-UNVOUCHED")
def signed_by_a_reviewer(vault):
    """Alice may review evidence, and not make it."""
    _unvouched(vault, "alice")


@cheat("GATE-TRUST-CHANGED")
def signer_lets_himself_in(vault):
    from falsifiable.evidence.keys import public_text

    mallory = public_text(vault.keys["mallory"].public)
    vault.edit("trust.yaml", "signers:\n", f'signers:\n  mallory: {{key: "{mallory}"}}\n')
    vault.edit("trust.yaml", "evidence: [ci]", "evidence: [ci, mallory]")
    vault.commit("mallory may sign")
    _unvouched(vault, "mallory")


@cheat("GATE-SIGNATURE-FORGED")
def signature_with_the_name_of_an_allowed_key(vault):
    """It names the key of ci, and was made with another."""
    _unvouched(vault, None)
    statement = vault.statement_of("unseen")
    signature = vault.keys["mallory"].sign(authenticated(statement.data))
    keyid = vault.keys["ci"].keyid
    envelope = {
        "payload": base64.b64encode(statement.data).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
    }
    name = f"{statement.sha256}.{keyid}.dsse.json"
    (evidence_folder(vault.root, "shop") / name).write_text(json.dumps(envelope, sort_keys=True, separators=(",", ":")))


@cheat("GATE-EVIDENCE-BROKEN")
def signature_of_another_statement(vault):
    """A good signature, laid beside evidence that it is not of."""
    _unvouched(vault, None)
    folder, statement = evidence_folder(vault.root, "shop"), vault.statement_of("unseen")
    signed = vault.statement_of("stall")
    good = next(folder.glob(f"{signed.sha256}.*.dsse.json"))
    (folder / good.name.replace(signed.sha256, statement.sha256)).write_bytes(good.read_bytes())


# Claims that ask for less


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


# Points


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


# History


@cheat("GATE-HISTORY-REWRITTEN")
def released_amendment_rewritten(vault):
    (path,) = (vault.root / "spec/shop/amendments/released").rglob("*.md")
    path.write_text(path.read_text().replace("What was found.", "Something nicer."))


# Found by trying to talk the gate round


def _restored(vault) -> None:
    """The regions as the base has them: branches leave them alone."""
    vault.git("checkout", "--quiet", vault.base, "--", SPEC)


def _forged(vault, statement: Statement) -> None:
    parse_statement(statement.data)
    write_statement(evidence_folder(vault.root, "shop"), statement)


@cheat("GATE-STATUS-UNVOUCHED")
def falsified_claim_reworded(vault):
    """Other words, the same claim: what refuted it goes stale, and it stands at PROPOSED again."""
    vault.edit("contracts/fallen.yaml", "The hidden size is a thousand", "The hidden size is one thousand")


@cheat("GATE-STATUS-UNVOUCHED")
def statement_that_judges_nothing(vault):
    """It supersedes the one that refuted the claim, and does not mention the claim."""
    fallen = vault.statement_of("fallen")
    _forged(vault, replace(fallen, judgements=(), observations=(), supersedes=(fallen.sha256,)))


@cheat("GATE-PERCENT-UNVOUCHED")
def seed_of_a_quorum_forged(vault):
    """The same bytes and verdicts, so that the job derives them again; only the seed is another."""
    true = vault.statement_of("shop")
    seen = tuple(replace(one, value=1) if one.name == "seed" else one for one in true.observations)
    _forged(vault, replace(true, observations=seen, supersedes=(true.sha256,)))


@cheat("GATE-PERCENT-UNVOUCHED")
def seed_forged_where_as_many_points_are_lost(vault):
    """The percentage stays: one criterion opens while another is discharged by a forged statement of other bytes."""
    vault.edit(SHIP, "[FALSIFY-SHOP-001, FALSIFY-SHOP-002]", "[FALSIFY-SHOP-001, FALSIFY-SHOP-002, FALSIFY-FALLEN-001]")
    true = vault.statement_of("shop")
    seen = tuple(replace(one, value=1) if one.name == "seed" else one for one in true.observations)
    judged = tuple(
        replace(one, artifacts=tuple(replace(bound, digest="ab" * 32) for bound in one.artifacts))
        for one in true.judgements
    )
    _forged(vault, replace(true, observations=seen, judgements=judged, supersedes=(true.sha256,)))


@cheat("GATE-STATUS-UNVOUCHED")
def measurement_forged_under_a_tripwire(vault):
    """What was measured is too good to be true, and the statement says another number."""
    wire = (
        "tripwires: [{falsifier: FALSIFY-UNSEEN-001, measurement: nonfinite_values, when: {equals: 0}, why: so good}]"
    )
    vault.edit(SHIP, "falsifiers: [FALSIFY-UNSEEN-001]\n", f"falsifiers: [FALSIFY-UNSEEN-001]\n        {wire}\n")
    vault.commit("a tripwire")
    vault.record("unseen", signer=None, regions=False)
    true = vault.statement_of("unseen")
    (evidence_folder(vault.root, "shop") / f"{true.sha256}.json").unlink()
    measured = replace(true.judgements[0].verdict.measurements[0], value=3)
    first = replace(true.judgements[0], verdict=replace(true.judgements[0].verdict, measurements=(measured,)))
    _forged(vault, replace(true, judgements=(first, *true.judgements[1:])))


@cheat("GATE-STATUS-UNVOUCHED")
def status_kept_by_a_forged_statement(vault):
    """The threshold is tightened beyond what is true, and a forged statement keeps the claim where it stood."""
    known = set(vault.statements())
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5600}")
    vault.commit("it asks for more")
    vault.contract("record", "shop")
    (new,) = set(vault.statements()) - known
    true = vault.statements()[new]
    (evidence_folder(vault.root, "shop") / f"{new}.json").unlink()
    held = Verdict.of(True, examined=(1, "fields"), hidden_size=5600)
    judged = tuple(
        replace(one, verdict=held) if one.falsifier == "FALSIFY-SHOP-003" else one for one in true.judgements
    )
    _forged(vault, replace(true, judgements=judged))
    _restored(vault)


@cheat("GATE-STATUS-UNVOUCHED")
def broken_file_no_longer_told_of(vault):
    """A file that was cut refuted a claim that no contract states; bytes from nowhere make it vanish."""
    shutil.copytree(vault.root / "run/finetuned", vault.root / "cut")
    (weights,) = (vault.root / "cut").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-8])
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: cut")
    vault.edit("artifacts.yaml", "run: run\n", "")
    vault.commit("a cut file")
    vault.record("unseen")
    vault.base = vault.commit("it fell")
    shutil.copytree(vault.root / "run/finetuned", vault.root / "orphan")
    (weights,) = (vault.root / "orphan").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    vault.edit("artifacts.yaml", "trained: cut", "trained: orphan")
    vault.commit("other bytes")
    vault.record("unseen", signer=None)
    vault.edit("artifacts.yaml", "trained: orphan", "trained: gone")


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


@cheat("GATE-CLAIM-LOOSENED")
def amendment_of_another_change_reused(vault):
    """It was pending already, and said something else."""
    vault.amend("stricter elsewhere", shop="major")
    vault.base = vault.commit("an amendment")
    vault.edit(SHOP, "{at_least: 56}", "{at_least: 5}")


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


@cheat("GATE-REGION-EDITED")
def region_written_back_in_time(vault):
    """What the scoreboard said before a claim fell, with the marker that it had then."""
    before = (vault.root / SPEC).read_bytes()
    stall = vault.statement_of("stall")
    fell = replace(stall.judgements[0], verdict=Verdict.of(False, found="no embedding", examined=(1, "model")))
    new = replace(stall, judgements=(fell,), supersedes=(stall.sha256,))
    _forged(vault, new)
    vault.sign("ci", new.sha256)
    vault.commit("it fell")
    vault.record("unseen")
    assert b"| stall | 1.0.0 | FALSIFIED |" in (vault.root / SPEC).read_bytes()
    vault.base = vault.commit("and the scoreboard says so")
    (vault.root / SPEC).write_bytes(before)


@cheat("GATE-REGION-MOVED")
def region_hidden_in_html(vault):
    path = vault.root / SPEC
    data = path.read_bytes()
    region = find_regions(data).named("ship")
    hidden = b"<script>\n" + data[region.start : region.end] + b"\n</script>\n\n**10 of 10 points: 100.0 %**\n"
    path.write_bytes(data[: region.start] + hidden + data[region.end :])


@cheat("GATE-STATUS-UNVOUCHED")
def contract_moved_to_where_others_may_sign(vault):
    """A contract without a spec is a spec of its own; naming one is an addition, and changes who may sign."""
    from falsifiable.evidence.keys import public_text

    mallory = public_text(vault.keys["mallory"].public)
    vault.edit("trust.yaml", "signers:\n", f'signers:\n  mallory: {{key: "{mallory}"}}\n')
    vault.edit("trust.yaml", "specs:\n", 'specs:\n  loner: {evidence: [ci]}\n  "*": {evidence: [mallory]}\n')
    text = (vault.root / "contracts/unseen.yaml").read_text().replace("unseen", "loner").replace("UNSEEN", "LONER")
    (vault.root / "contracts/loner.yaml").write_text(text.replace("spec: shop\n", ""))
    vault.base = vault.commit("a contract of its own")
    (vault.root / "contracts/loner.yaml").write_text(text.replace("spec: shop\n", "spec: free\n"))
    vault.commit("it joins a spec")
    vault.contract("record", "loner")
    folder = evidence_folder(vault.root, "free")
    (statement,) = read_evidence(folder).statements
    write_signature(folder, statement.data, vault.keys["mallory"])
    vault.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/gone")
    vault.edit("artifacts.yaml", "run: run\n", "")


@cheat("GATE-WEIGHTS-REBASED")
def criterion_moved_to_another_deliverable(vault):
    new = "  later:\n    title: Some day\n    criteria:\n      - id: AC-SHOP-002"
    vault.edit(SHIP, "      - id: AC-SHOP-002", new)


@cheat("GATE-TRUST-CHANGED")
def trust_from_nowhere(vault):
    """There was no policy; whoever writes the first one names himself."""
    text = (vault.root / "trust.yaml").read_text()
    (vault.root / "trust.yaml").unlink()
    vault.base = vault.commit("nobody is trusted")
    (vault.root / "trust.yaml").write_text(text)


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
    _forged(vault, replace(said, judgements=(replace(judged, verdict=replace(judged.verdict, outcome="held")),)))
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


@cheat("GATE-CRITERION-WEAKENED")
def step_that_is_done_by_less(vault):
    vault.edit(SHIP, "done_when: [FALSIFY-UNSEEN-001]", "done_when: [FALSIFY-STALL-001]")


@cheat("GATE-CRITERION-WEAKENED")
def discharged_criterion_in_other_words(vault):
    """Its points were earned for something else."""
    vault.edit(SHIP, "text: It fits", "text: It beats every other model")


@cheat("GATE-CLAIM-LOOSENED")
def conditions_for_discharged_that_ask_for_nothing(vault):
    text = (vault.root / "contracts/fallen.yaml").read_text()
    (vault.root / "contracts/fallen.yaml").write_text(f"{text}discharge:\n  run: {{steps: {{at_least: 0}}}}\n")


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
