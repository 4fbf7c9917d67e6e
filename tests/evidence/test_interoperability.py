"""Others read what we write, and we read what they write: in-toto's own types, and another implementation of DSSE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2 as test_result
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from falsifiable.evidence import (
    EnvelopeError,
    Review,
    Statement,
    authenticated,
    envelope_of,
    parse_envelope,
    read_evidence,
    read_private_key,
    verified,
    write_key_pair,
    write_statement,
)
from falsifiable.evidence.dsse import PAYLOAD_TYPE
from falsifiable.falsifier import Verdict
from tests.evidence.builders import (
    FALLEN,
    ON_CPU,
    a_key,
    a_policy,
    claim,
    judgement,
    on_cuda,
    sha,
    statement,
    unbound,
)

CONTRACT = on_cuda("packaging", claim("ROWS"), claim("CAUSAL", "model.causal"), claim("FALLS"))
REPOSITORY = Path(__file__).parent.parent.parent
RECORDED = sorted(REPOSITORY.glob("spec/*/evidence/*.json"))


def a_statement() -> Statement:
    """One with everything that JSON types can be told apart by: NaN, large numbers, nothing, lists in lists."""
    return statement(
        CONTRACT,
        judgement(CONTRACT, verdict=Verdict.of(True, loss=(float("nan"), "nats"), rows=2**60, share=0.5)),
        unbound(CONTRACT, CONTRACT.falsifiers[1]),
        judgement(CONTRACT, CONTRACT.falsifiers[2], verdict=FALLEN),
        observations=(ON_CPU,),
        supersedes=(sha("1"),),
    )


def read_by_in_toto(data: bytes) -> InTotoStatement:
    """What the reference types of in-toto make of ``data``; unknown keys in the statement itself would be an error."""
    read = InTotoStatement.copy_from_pb(json_format.Parse(data, statement_pb2.Statement()))
    read.validate()
    return read


def their_key(name: str = "ci") -> SSlibKey:
    return SSlibKey.from_crypto(a_key(name)._private.public_key(), keyid=a_key(name).keyid)


def test_in_toto_reads_a_statement_and_its_predicate() -> None:
    ours = a_statement()
    read = read_by_in_toto(ours.data)
    assert read.pb.type == "https://in-toto.io/Statement/v1"
    assert read.pb.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"
    subjects = {one.name: dict(one.digest) for one in read.pb.subject}
    assert subjects == {one["name"]: one["digest"] for one in ours.to_json()["subject"]}
    predicate = json_format.MessageToDict(read.pb.predicate)
    # The predicate may bear more than its type knows: in-toto's parsing rules have consumers ignore it.
    result = json_format.ParseDict(predicate, test_result.TestResult(), ignore_unknown_fields=True)
    assert result.result == "FAILED"
    assert (list(result.passed_tests), list(result.warned_tests), list(result.failed_tests)) == (
        ["ROWS"], ["CAUSAL"], ["FALLS"],
    )  # fmt: skip
    (configuration,) = result.configuration
    assert (configuration.name, dict(configuration.digest)) == ("contracts/packaging.yaml", {"sha256": sha("d")})


def test_the_predicate_has_nothing_else_that_the_type_knows_under_another_meaning() -> None:
    """What in-toto's type reads and writes again is, key by key, what we wrote."""
    ours = a_statement().to_json()["predicate"]
    read = json_format.ParseDict(ours, test_result.TestResult(), ignore_unknown_fields=True)
    again = json_format.MessageToDict(read)
    assert again == {key: ours[key] for key in again}
    assert set(again) == {"result", "configuration", "passedTests", "warnedTests", "failedTests"}


@pytest.mark.skipif(not RECORDED, reason="no evidence has been recorded in this checkout")
def test_in_toto_reads_all_evidence_of_this_repository() -> None:
    for path in RECORDED:
        if not path.name.endswith(".dsse.json"):
            predicate = json_format.MessageToDict(read_by_in_toto(path.read_bytes()).pb.predicate)
            result = json_format.ParseDict(predicate, test_result.TestResult(), ignore_unknown_fields=True)
            assert result.result in ("PASSED", "WARNED", "FAILED")


def test_in_toto_reads_a_review() -> None:
    review = Review("ship", a_statement().sha256, "alice", "2026-11-21T17:50:00Z")
    read = read_by_in_toto(review.data)
    assert read.pb.predicate_type == "https://in-toto.io/attestation/svr/v0.1"
    predicate: dict[str, Any] = json_format.MessageToDict(read.pb.predicate)
    assert set(predicate) == {"verifier", "timeCreated", "properties"}


def test_another_implementation_verifies_what_we_sign() -> None:
    payload = a_statement().data
    theirs = TheirEnvelope.from_dict(json.loads(envelope_of(payload, a_key()).data))
    assert (theirs.payload, theirs.payload_type) == (payload, PAYLOAD_TYPE)
    assert theirs.pae() == authenticated(payload)
    assert set(theirs.verify([their_key()], 1)) == {a_key().keyid}
    with pytest.raises(VerificationError):
        theirs.verify([their_key("mallory")], 1)


def test_we_verify_what_another_implementation_signs(tmp_path: Path) -> None:
    ours = a_statement()
    write_statement(tmp_path, ours)
    theirs = TheirEnvelope(ours.data, PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(a_key()._private, their_key()))
    path = tmp_path / f"{ours.sha256}.{a_key().keyid}.dsse.json"
    path.write_text(json.dumps(theirs.to_dict()))
    evidence = read_evidence(tmp_path)
    assert evidence.problems == ()
    assert verified(ours, evidence.signatures_of(ours), a_policy(), "ship").signers == ("ci",)


def test_both_write_the_same_signature() -> None:
    payload = a_statement().data
    theirs = TheirEnvelope(payload, PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(a_key()._private, their_key()))
    assert parse_envelope(json.dumps(theirs.to_dict()).encode()) == envelope_of(payload, a_key())


def test_an_envelope_of_theirs_with_two_signatures_is_one_file_too_few() -> None:
    theirs = TheirEnvelope(a_statement().data, PAYLOAD_TYPE, {})
    for name in ("ci", "alice"):
        theirs.sign(CryptoSigner(a_key(name)._private, their_key(name)))
    with pytest.raises(EnvelopeError, match="holds 2 signatures, expected one; give each a file"):
        parse_envelope(json.dumps(theirs.to_dict()).encode())


def test_our_key_files_are_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_key_pair(tmp_path / "ci.pem", a_key())
    public = SSlibKey.from_crypto(a_key()._private.public_key(), keyid=a_key().keyid)
    signer = CryptoSigner.from_priv_key_uri(f"file2:{tmp_path / 'ci.pem'}", public)
    signature = signer.sign(authenticated(b"payload"))
    assert bytes.fromhex(signature.signature) == a_key().sign(authenticated(b"payload"))
    assert read_private_key(tmp_path / "ci.pem", lambda: "") == a_key()
