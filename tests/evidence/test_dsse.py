"""DSSE envelopes: what is signed is exactly what the specification says, and what is read has one meaning."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.evidence import Envelope, EnvelopeError, authenticated, envelope_of, parse_envelope
from falsifiable.evidence import dsse as dsse_room
from falsifiable.evidence.keys import verifies
from tests.evidence.builders import a_key

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """An envelope in which something is another way."""
    data = json.loads(envelope_of(PAYLOAD, a_key()).data)
    change(data)
    return json.dumps(data).encode()


def test_what_is_signed_is_the_encoding_of_the_specification() -> None:
    """The example of the protocol's own page."""
    said = authenticated(b"hello world", "http://example.com/HelloWorld")
    assert said == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes_and_not_characters() -> None:
    assert authenticated("é".encode(), "ü") == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa9"
    assert authenticated(b"", "") == b"DSSEv1 0  0 "


@given(st.binary(max_size=40), st.text(max_size=10), st.binary(max_size=40), st.text(max_size=10))
def test_no_two_things_to_sign_are_encoded_alike(one: bytes, kind: str, other: bytes, other_kind: str) -> None:
    alike = authenticated(one, kind) == authenticated(other, other_kind)
    assert alike == ((one, kind) == (other, other_kind))


def test_an_envelope_is_written_in_one_way() -> None:
    envelope = envelope_of(PAYLOAD, a_key())
    assert envelope == envelope_of(PAYLOAD, a_key())
    assert json.loads(envelope.data) == {
        "payload": base64.b64encode(PAYLOAD).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": a_key().keyid, "sig": base64.b64encode(envelope.signature).decode()}],
    }
    assert verifies(a_key().public, envelope.signature, authenticated(PAYLOAD))
    assert not verifies(a_key().public, envelope.signature, PAYLOAD), "the payload alone is not what is signed"


@given(st.binary(max_size=200), st.binary(min_size=64, max_size=64))
def test_what_is_written_is_read(payload: bytes, signature: bytes) -> None:
    envelope = Envelope(payload, a_key().keyid, signature)
    assert parse_envelope(envelope.data) == envelope


def test_either_alphabet_is_read_as_the_specification_demands() -> None:
    envelope = Envelope(b"\xfb\xff\xfe", a_key().keyid, b"\xff" * 64)
    data = envelope.data.replace(b"+", b"-").replace(b"/", b"_").replace(b"application_vnd.in-toto-json", b"?")
    data = data.replace(b"?", b"application/vnd.in-toto+json")
    assert data != envelope.data
    assert parse_envelope(data) == envelope


def test_layout_does_not_matter() -> None:
    assert parse_envelope(changed(lambda _: None)) == envelope_of(PAYLOAD, a_key())


def signed(data: dict[str, Any], **changes: Any) -> None:
    data["signatures"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(payloadType="application/json"), r"payloadType is 'application/json', expected"),
        (lambda d: d.update(payloadType="Application/vnd.in-toto+json"), "payloadType is"),
        (lambda d: d.update(extra=1), "unknown key 'extra'"),
        (lambda d: d.pop("payload"), "lacks the key payload"),
        (lambda d: signed(d, cert="..."), "unknown key 'cert'"),
        (lambda d: d["signatures"][0].pop("keyid"), "lacks the key keyid"),
        (lambda d: signed(d, keyid="ci"), "expected a key id"),
        (lambda d: signed(d, keyid="A" * 64), "expected a key id"),
        (lambda d: d.update(signatures=[]), "holds 0 signatures, expected one"),
        (lambda d: d["signatures"].append(d["signatures"][0]), "holds 2 signatures, expected one; give each a file"),
        (lambda d: d.update(signatures={}), "expected a list"),
        (lambda d: d.update(payload=7), "expected text"),
        (lambda d: d.update(payload="?"), r"\$\.payload is not base64"),
        (lambda d: d.update(payload="YQ"), r"\$\.payload is not base64"),
        (lambda d: d.update(payload="YR=="), "one spelling"),
        (lambda d: d.update(payload="YQ==\n"), "base64"),
        (lambda d: d.update(payload="YQ==YQ=="), "base64"),
        (lambda d: d.update(payload="é"), "base64"),
        (lambda d: d.update(payload="-_+/"), "one spelling"),
        (lambda d: signed(d, sig="AAAA"), "has 3 bytes, expected the 64 of Ed25519"),
    ],
)
def test_anything_else_is_refused(change: Callable[[dict[str, Any]], object], said: str) -> None:
    with pytest.raises(EnvelopeError, match=said):
        parse_envelope(changed(change))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{" * 100_000,
        b'{"payload":"YQ==","payload":"Yg==","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b'{"payload":NaN}',
    ],
)
def test_what_is_no_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        parse_envelope(data)


def test_a_cut_envelope_is_refused_wherever_it_is_cut() -> None:
    data = envelope_of(PAYLOAD, a_key()).data
    for length in range(len(data)):
        with pytest.raises(EnvelopeError):
            parse_envelope(data[:length])


def test_an_oversized_one_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsse_room, "LARGEST_ENVELOPE_BYTES", 100)
    with pytest.raises(EnvelopeError, match="at most 100"):
        parse_envelope(envelope_of(PAYLOAD, a_key()).data)


def test_an_envelope_holds_the_largest_statement() -> None:
    payload = b" " * dsse_room.LARGEST_PAYLOAD_BYTES
    assert len(Envelope(payload, a_key().keyid, bytes(64)).data) <= dsse_room.LARGEST_ENVELOPE_BYTES
