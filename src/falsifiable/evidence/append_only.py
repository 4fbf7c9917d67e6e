"""Evidence is only ever added to: what a later commit lacks of an earlier one, or has with other bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from falsifiable.evidence.canonical import sha256_of
from falsifiable.evidence.dsse import EnvelopeError, parse_envelope
from falsifiable.evidence.layout import SHA256
from falsifiable.evidence.signatures import names_of

Kept = Literal["statement", "signature", "review"]

_STATEMENT = re.compile(rf"spec/[^/]+/evidence/(?P<sha256>{SHA256})\.json")
_SIGNED = re.compile(r"spec/[^/]+/(?P<room>evidence|reviews)/[^/]+\.dsse\.json")


@dataclass(frozen=True, slots=True)
class Deletion:
    """A piece of evidence that was there before and is now ``deleted``, or ``altered`` where it may not be."""

    path: str
    kind: Kept
    happened: Literal["deleted", "altered"]

    def __str__(self) -> str:
        return f"{self.path}: this {self.kind} was {self.happened}; evidence is only ever added to: restore it"


def deletions(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[Deletion, ...]:
    """Every statement, signature and review of ``before`` that ``after`` lacks or has with other bytes, by path.

    Both map the paths of files (relative to the workspace, with forward slashes) to their bytes; other files may be
    among them. A file that was not what its name says is no evidence, and may be mended or removed. A statement that
    was moved to another spec is gone from its own.
    """
    return tuple(
        Deletion(path, kind, "altered" if path in after else "deleted")
        for path, data in sorted(before.items())
        if after.get(path) != data and (kind := _kept(path, data))
    )


def _kept(path: str, data: bytes) -> Kept | None:
    """What the file is, None where it is no evidence."""
    if statement := _STATEMENT.fullmatch(path):
        return "statement" if sha256_of(data) == statement["sha256"] else None
    signed, named = _SIGNED.fullmatch(path), names_of(path)
    if not (signed and named):
        return None
    try:
        envelope = parse_envelope(data)
    except EnvelopeError:
        return None
    if (sha256_of(envelope.payload), envelope.keyid) != (named["signed"], named["keyid"]):
        return None
    return "signature" if signed["room"] == "evidence" else "review"
