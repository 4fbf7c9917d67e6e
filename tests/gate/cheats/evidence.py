"""Evidence that is not what it seems."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

from falsifiable.evidence import (
    Statement,
    evidence_folder,
    parse_statement,
    write_statement,
)
from falsifiable.falsifier import Verdict
from tests.gate.cheats.register import SHIP, SHOP, SPEC, cheat, forged, restored


def _write(vault, statement: Statement) -> None:
    parse_statement(statement.data)  # well-formed and named correctly: nothing but its origin is wrong
    write_statement(evidence_folder(vault.root, "shop"), statement)
    vault.contract("record", "--regions", "--artifact", "trained=nowhere", "--artifact", "run=nowhere")


def _recorded_elsewhere(vault, statement: Statement, judged: tuple) -> None:
    path = vault.root / "contracts/unseen.yaml"
    vault.contract("record", "unseen")
    true = vault.statement_of("unseen")
    (evidence_folder(vault.root, "shop") / f"{true.sha256}.json").unlink()
    bound = judged[0].artifacts
    mine = replace(true.judgements[0], artifacts=bound)
    assert path.is_file()
    write_statement(evidence_folder(vault.root, "shop"), replace(true, judgements=(mine,)))


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


@cheat("GATE-STATUS-UNVOUCHED")
def falsified_claim_reworded(vault):
    """Other words, the same claim: what refuted it goes stale, and it stands at PROPOSED again."""
    vault.edit("contracts/fallen.yaml", "The hidden size is a thousand", "The hidden size is one thousand")


@cheat("GATE-STATUS-UNVOUCHED")
def statement_that_judges_nothing(vault):
    """It supersedes the one that refuted the claim, and does not mention the claim."""
    fallen = vault.statement_of("fallen")
    forged(vault, replace(fallen, judgements=(), observations=(), supersedes=(fallen.sha256,)))


@cheat("GATE-PERCENT-UNVOUCHED")
def seed_of_a_quorum_forged(vault):
    """The same bytes and verdicts, so that the job derives them again; only the seed is another."""
    true = vault.statement_of("shop")
    seen = tuple(replace(one, value=1) if one.name == "seed" else one for one in true.observations)
    forged(vault, replace(true, observations=seen, supersedes=(true.sha256,)))


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
    forged(vault, replace(true, observations=seen, judgements=judged, supersedes=(true.sha256,)))


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
    forged(vault, replace(true, judgements=(first, *true.judgements[1:])))


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
    forged(vault, replace(true, judgements=judged))
    restored(vault)


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
