"""Signatures as DSSE v1 envelopes: the signed bytes, what they are, and one Ed25519 signature.

An envelope carries the bytes it signs, so that any tool that speaks DSSE can verify it by itself. It is read strictly:
one text has one meaning, or it is refused. Whether the signature is good, and whose it is, is asked in ``trust``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.evidence.canonical import canonical_json, sha256_of
from falsifiable.evidence.keys import SigningKey
from falsifiable.evidence.layout import SHA256
from falsifiable.evidence.shape import Each, Matching, misshapen

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST_PAYLOAD_BYTES = 16 * 1024 * 1024
LARGEST_ENVELOPE_BYTES = LARGEST_PAYLOAD_BYTES // 3 * 4 + 4096
SIGNATURE_BYTES = 64

_SHAPE: dict[str, Any] = {
    "payload": str,
    "payloadType": str,
    "signatures": Each({"keyid": Matching(SHA256, "a key id: a sha256 in 64 hexadecimal digits"), "sig": str}),
}


class EnvelopeError(ValueError):
    """Bytes that are no envelope of this kind; the message says what was found, and what was expected."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Bytes of an in-toto statement with one signature. ``keyid`` says which key to try, and proves nothing."""

    payload: bytes
    keyid: str
    signature: bytes

    @property
    def data(self) -> bytes:
        """The envelope as it is written: canonical JSON."""
        return canonical_json(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}],
            }
        )

    @property
    def file_name(self) -> str:
        """The name it is kept under: what is signed, and by which key."""
        return f"{sha256_of(self.payload)}.{self.keyid}.dsse.json"


def authenticated(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What is signed: the pre-authentication encoding (PAE) of DSSE v1, which no other type and payload share."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_of(payload: bytes, key: SigningKey) -> Envelope:
    """``payload``, the bytes of an in-toto statement, signed with ``key``."""
    return Envelope(payload, key.keyid, key.sign(authenticated(payload)))


def parse_envelope(data: bytes) -> Envelope:
    """The envelope in ``data``: strict JSON, every known key once, one signature. Raises :class:`EnvelopeError`.

    Base64 may have either alphabet, as DSSE demands of verifiers, but one spelling: padded, without white space.
    """
    if len(data) > LARGEST_ENVELOPE_BYTES:
        raise EnvelopeError(f"has {len(data)} bytes; an envelope has at most {LARGEST_ENVELOPE_BYTES}")
    try:
        value = read_json(data, Path())
    except ArtifactError as error:
        raise EnvelopeError(error.message) from None
    if wrong := misshapen(value, _SHAPE):
        raise EnvelopeError(wrong)
    if value["payloadType"] != PAYLOAD_TYPE:
        raise EnvelopeError(f"$.payloadType is {value['payloadType'][:60]!r}, expected {PAYLOAD_TYPE!r}")
    if len(value["signatures"]) != 1:
        raise EnvelopeError(f"$.signatures holds {len(value['signatures'])} signatures, expected one; give each a file")
    (signed,) = value["signatures"]
    signature = _decoded(signed["sig"], "$.signatures[0].sig")
    if len(signature) != SIGNATURE_BYTES:
        raise EnvelopeError(
            f"$.signatures[0].sig has {len(signature)} bytes, expected the {SIGNATURE_BYTES} of Ed25519"
        )
    return Envelope(_decoded(value["payload"], "$.payload"), signed["keyid"], signature)


def _decoded(text: str, where: str) -> bytes:
    try:
        plain = text.translate(str.maketrans("-_", "+/"))
        raw = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(f"{where} is not base64: {error}") from None
    if text not in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        raise EnvelopeError(f"{where} is not base64 in its one spelling: padded, one alphabet, no stray bits or spaces")
    return raw
