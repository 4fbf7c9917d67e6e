"""Signatures on disk: ``<sha256 of what is signed>.<key id>.dsse.json``, beside what is signed.

One file per signature, so that two people signing at once cannot collide, and nothing that was signed is rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falsifiable.evidence.atomic import write_atomically
from falsifiable.evidence.canonical import sha256_of, short
from falsifiable.evidence.dsse import LARGEST_ENVELOPE_BYTES, Envelope, EnvelopeError, envelope_of, parse_envelope
from falsifiable.evidence.keys import SigningKey
from falsifiable.evidence.layout import SHA256
from falsifiable.evidence.problem import EvidenceProblem, read_bounded

SIGNATURE_SUFFIX = ".dsse.json"

_NAME = re.compile(rf"(?P<signed>{SHA256})\.(?P<keyid>{SHA256}){re.escape(SIGNATURE_SUFFIX)}")
_RESTORE = "restore it from git (git checkout -- FILE), or delete it and sign again"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that lies beside the statement with the sha256 ``statement``, and whose envelope holds its bytes.

    Whether ``value`` is good is not known before somebody verifies it; ``keyid`` is what the file claims.
    """

    statement: str
    keyid: str
    value: bytes
    path: Path = field(compare=False, default=Path())


def write_signature(folder: Path, payload: bytes, key: SigningKey) -> tuple[Path, bool]:
    """Sign ``payload``, which lies in ``folder``; the signature's path, and whether it was not there yet.

    A file of that name that holds this signature in other words is left as it is. Raises OSError.
    """
    envelope = envelope_of(payload, key)
    path = folder / envelope.file_name
    if path.is_file() and _holds(path, envelope):
        return path, False
    write_atomically(path, envelope.data)
    return path, True


def read_signatures(
    folder: Path, statements: Collection[str]
) -> tuple[dict[str, tuple[Signature, ...]], tuple[EvidenceProblem, ...]]:
    """The signatures in ``folder`` of ``statements`` (their sha256), by what they sign, and the files that are none."""
    found: dict[str, tuple[Signature, ...]] = {}
    problems = []
    for path, read in envelopes_in(folder):
        if isinstance(read, EvidenceProblem):
            problems.append(read)
            continue
        signed = sha256_of(read.payload)
        if signed in statements:
            signature = Signature(signed, read.keyid, read.signature, path)
            found[signed] = (*found.get(signed, ()), signature)
        elif not (folder / f"{signed}.json").exists():  # where it is there, it is a problem of its own
            message = f"signs the statement {short(signed)}..., which is not here"
            problems.append(EvidenceProblem(path, message, "restore the statement from git, or delete both"))
    return found, tuple(problems)


def envelopes_in(folder: Path) -> Iterator[tuple[Path, Envelope | EvidenceProblem]]:
    """Every file in ``folder`` that has the name of a signature, in the order of names, and what it holds."""
    for path in sorted(folder.glob(f"*{SIGNATURE_SUFFIX}")) if folder.is_dir() else []:
        if not path.name.startswith("."):
            yield path, _read(path)


def names_of(path: str) -> Mapping[str, str] | None:
    """What the name of a signature's file says: ``signed`` (a sha256) and ``keyid``. None for any other name."""
    named = _NAME.fullmatch(path.rpartition("/")[2])
    return named.groupdict() if named else None


def _read(path: Path) -> Envelope | EvidenceProblem:
    named = names_of(path.name)
    if named is None:
        return EvidenceProblem(path, "is not named STATEMENT.KEYID.dsse.json, both in 64 hexadecimal digits", _RESTORE)
    data = read_bounded(path, LARGEST_ENVELOPE_BYTES, "a signature")
    if isinstance(data, EvidenceProblem):
        return data
    try:
        envelope = parse_envelope(data)
    except EnvelopeError as error:
        return EvidenceProblem(path, f"is no signature: {error}", _RESTORE)
    signed = sha256_of(envelope.payload)
    if signed != named["signed"]:
        message = f"holds a signature of {short(signed)}..., not of the statement it is named by and lies beside"
        return EvidenceProblem(path, message, _RESTORE)
    if envelope.keyid != named["keyid"]:
        message = f"is of the key {short(envelope.keyid)}..., not of the one it is named by"
        return EvidenceProblem(path, message, _RESTORE)
    return envelope


def _holds(path: Path, envelope: Envelope) -> bool:
    return _read(path) == envelope
