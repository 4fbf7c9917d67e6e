"""Evidence that nobody signed, or that somebody signed who may not."""

from __future__ import annotations

import base64
import json

from falsifiable.evidence import (
    evidence_folder,
    read_evidence,
    write_signature,
)
from falsifiable.evidence.dsse import Envelope, authenticated
from falsifiable.evidence.keys import public_text
from falsifiable.evidence.reviews import Review, reviews_folder
from tests.gate.cheats.register import cheat


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


@cheat("GATE-STATUS-UNVOUCHED")
def contract_moved_to_where_others_may_sign(vault):
    """A contract without a spec is a spec of its own; naming one is an addition, and changes who may sign."""
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


@cheat("GATE-TRUST-CHANGED")
def trust_from_nowhere(vault):
    """There was no policy; whoever writes the first one names himself."""
    text = (vault.root / "trust.yaml").read_text()
    (vault.root / "trust.yaml").unlink()
    vault.base = vault.commit("nobody is trusted")
    (vault.root / "trust.yaml").write_text(text)


@cheat("GATE-SIGNATURE-FORGED")
def review_with_the_name_of_somebody_who_may(vault):
    """It would clear a tripwire, and counts for nothing; that it was tried is told all the same."""
    review = Review("shop", vault.statement_of("shop").sha256, "alice", "2026-11-21T17:50:00Z")
    envelope = Envelope(review.data, vault.keys["alice"].keyid, vault.keys["mallory"].sign(authenticated(review.data)))
    folder = reviews_folder(vault.root, "shop")
    folder.mkdir()
    (folder / envelope.file_name).write_bytes(envelope.data)
