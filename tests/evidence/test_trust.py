"""Whose signature counts: decided by the key that verifies, and by the policy."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from falsifiable.contracts import NOBODY, TrustPolicy
from falsifiable.evidence import Signature, SigningError, Statement, Verification, envelope_of, verified
from tests.evidence.builders import a_key, a_policy, contract, statement

SIGNED = statement(contract(), run_id="signed")
OTHER = statement(contract(), run_id="other")


def by(name: str, of: Statement = SIGNED) -> Signature:
    envelope = envelope_of(of.data, a_key(name))
    return Signature(of.sha256, envelope.keyid, envelope.signature)


def weighed(*signatures: Signature, policy: TrustPolicy | None = None, spec: str = "ship") -> Verification:
    return verified(SIGNED, signatures, a_policy() if policy is None else policy, spec)


def test_an_allowed_signer_counts() -> None:
    found = weighed(by("ci"))
    assert (found.outcome, found.signers, found.said) == ("signed", ("ci",), "signed by ci")


def test_nobody_has_signed() -> None:
    found = weighed()
    assert (found.outcome, found.signers) == ("unsigned", ())
    assert f"contract evidence sign {SIGNED.sha256[:12]} --key FILE" in found.said


def test_a_forged_signature_is_invalid() -> None:
    good = by("ci")
    flipped = replace(good, value=bytes([good.value[0] ^ 1]) + good.value[1:])
    for forged in (flipped, replace(good, value=bytes(64)), replace(by("mallory"), keyid=a_key("ci").keyid)):
        found = weighed(forged)
        assert (found.outcome, found.signers) == ("invalid", ())
        assert "the signature that names the key of ci is not of these bytes" in found.said


def test_a_signature_of_another_statement_is_invalid_here() -> None:
    assert weighed(by("ci", OTHER)).outcome == "invalid"
    assert weighed(replace(by("ci", OTHER), statement=SIGNED.sha256)).outcome == "invalid"


def test_a_foreign_key_is_unknown() -> None:
    found = weighed(by("mallory"))
    assert found.outcome == "unknown"
    assert found.said == f"it is signed with the key {a_key('mallory').keyid[:12]}, which trust.yaml does not name"
    assert weighed(by("ci"), policy=NOBODY).outcome == "unknown"


def test_a_signer_may_be_known_and_not_allowed_here() -> None:
    for found in (weighed(by("alice")), weighed(by("ci"), spec="boat")):
        assert (found.outcome, found.signers) == ("not-allowed", ())
    assert "does not allow to sign evidence of boat (allowed: nobody)" in weighed(by("ci"), spec="boat").said
    assert "does not allow to sign evidence of ship (allowed: ci)" in weighed(by("alice")).said


def test_a_signer_who_is_taken_out_of_the_policy_no_longer_counts() -> None:
    assert weighed(by("ci"), policy=a_policy(evidence=("other",))).outcome == "unknown"


def test_one_signature_that_counts_is_enough_and_the_others_are_still_told() -> None:
    forged = replace(by("mallory"), keyid=a_key("alice").keyid)
    found = weighed(forged, by("ci"), by("stranger"))
    assert (found.outcome, found.signers) == ("signed", ("ci",))
    assert [one.outcome for one in found.checks] == ["invalid", "signed", "unknown"]


def test_where_none_counts_the_worst_is_told() -> None:
    forged = replace(by("mallory"), keyid=a_key("ci").keyid)
    assert weighed(by("stranger"), by("alice"), forged).outcome == "invalid"
    assert weighed(by("stranger"), by("alice")).outcome == "not-allowed"


def test_the_order_of_signatures_does_not_matter() -> None:
    policy = a_policy(evidence=("ci", "bob"))
    assert weighed(by("ci"), by("bob"), policy=policy).signers == ("bob", "ci")
    assert weighed(by("bob"), by("ci"), policy=policy).signers == ("bob", "ci")


def test_what_cannot_be_verified_is_not_taken_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = by("ci")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(SigningError, match="pip install"):
        weighed(signature)
    assert weighed().outcome == "unsigned"
