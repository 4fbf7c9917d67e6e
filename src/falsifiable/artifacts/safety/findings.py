"""What an inspection for safety reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["safe", "suspicious", "dangerous"]
FindingKind = Literal[
    "pickle-call", "broken-pickle", "pickle", "archive", "hidden-content", "custom-code", "symbolic-link",
    "chat-template", "not-looked-into",
]  # fmt: skip
_ORDER: tuple[Verdict, ...] = ("safe", "suspicious", "dangerous")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in ``file`` (relative to what was inspected; the member of an archive behind a colon).

    ``what`` names it, ``why`` says what it can do; ``offset`` counts bytes of the file, or of the unpacked content
    where it lies in something compressed or in an archive within an archive, and is None where there is no one place.
    """

    kind: FindingKind
    verdict: Verdict
    file: str
    offset: int | None
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """The verdict on a file or folder: that of its worst finding. ``files`` counts what was looked at."""

    path: Path
    verdict: Verdict
    findings: tuple[Finding, ...]
    files: int


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict among findings; ``safe`` if there are none."""
    return max((one.verdict for one in findings), key=_ORDER.index, default="safe")


def severity(finding: Finding) -> int:
    """0 for safe, rising."""
    return _ORDER.index(finding.verdict)
