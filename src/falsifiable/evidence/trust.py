"""Whether somebody who is trusted has signed: signatures are verified here and weighed by ``trust.yaml``.

Who signed is decided by the key that a signature verifies with, never by the key id that the file claims: that only
says which key to try.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from falsifiable.contracts import TRUST_FILE, Purpose, TrustPolicy
from falsifiable.evidence.canonical import short
from falsifiable.evidence.dsse import authenticated
from falsifiable.evidence.keys import keyid_of, verifies
from falsifiable.evidence.signatures import Signature
from falsifiable.evidence.statement import Statement

Outcome = Literal["signed", "invalid", "not-allowed", "unknown", "unsigned"]


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What one signature is worth. ``signer`` is a name of the policy, None where its key has none."""

    keyid: str
    outcome: Outcome
    signer: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What all signatures of one statement are worth together.

    ``outcome`` is ``signed`` where at least one counts, else the worst that was found; ``signers`` are those whose
    signature counts, by name, and ``said`` is the whole in words.
    """

    outcome: Outcome
    signers: tuple[str, ...]
    said: str
    checks: tuple[SignatureCheck, ...] = ()


def verified(statement: Statement, signatures: Iterable[Signature], policy: TrustPolicy, spec: str) -> Verification:
    """Whether somebody whom ``policy`` allows to sign the evidence of ``spec`` has signed ``statement``.

    Every signature is verified over the statement's own bytes, whatever it was made for. Raises SigningError where the
    library for signatures is not installed and there is one to verify.
    """
    checks = tuple(checked(statement.data, one.keyid, one.value, policy, spec, "evidence") for one in signatures)
    signers = tuple(sorted({one.signer for one in checks if one.outcome == "signed" and one.signer}))
    if signers:
        return Verification("signed", signers, f"signed by {', '.join(signers)}", checks)
    if not checks:
        said = f"nobody has signed it; next: contract evidence sign {short(statement.sha256)} --key FILE"
        return Verification("unsigned", (), said)
    outcome: Outcome = min((one.outcome for one in checks), key=get_args(Outcome).index)
    return Verification(outcome, (), "; ".join(one.said for one in checks if one.outcome == outcome), checks)


def checked(
    payload: bytes, keyid: str, signature: bytes, policy: TrustPolicy, spec: str, purpose: Purpose
) -> SignatureCheck:
    """What one signature of ``payload`` is worth in ``spec``. Raises SigningError where it cannot be verified."""
    named = next((name for name, one in policy.signers.items() if keyid_of(one.public_key) == keyid), None)
    if named is None:
        said = f"it is signed with the key {short(keyid)}, which {TRUST_FILE} does not name"
        return SignatureCheck(keyid, "unknown", None, said)
    if not verifies(policy.signers[named].public_key, signature, authenticated(payload)):
        said = f"the signature that names the key of {named} is not of these bytes: forged, or of something else"
        return SignatureCheck(keyid, "invalid", named, said)
    allowed = policy.allowed(spec, purpose)
    if named in allowed:
        return SignatureCheck(keyid, "signed", named, f"signed by {named}")
    others = ", ".join(allowed) or "nobody"
    what = "evidence" if purpose == "evidence" else "reviews"
    said = f"it is signed by {named}, whom {TRUST_FILE} does not allow to sign {what} of {spec} (allowed: {others})"
    return SignatureCheck(keyid, "not-allowed", named, said)
