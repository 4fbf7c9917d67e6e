"""Amendments: changes of a spec, each a Markdown file of its own with a front matter of YAML.

    ---
    amendment: The trainer takes its architecture from the checkpoint
    created: 2026-05-04T09:12:31Z
    bump: minor
    contracts: {pretrain-arch-polymorphic: minor}
    finding: |
      The trainer builds `Llama370MConfig` whatever `--init` names.
    five_whys:
      - Its loader looks at the magic bytes and at nothing behind them.
      - ...
    net_effect: |
      Two steps of the roadmap more.
    lessons:
      - An option that is accepted and ignored is worse than one that is refused.
    ---

    Whatever else there is to say, as Markdown.

``amend release`` moves the file, byte for byte, below ``released/``; its number and version are the place it has there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic, Position
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.instants import INSTANT, INSTANT_EXPECTED, is_instant
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.markdown_text import MarkdownFault, block_faults, line_faults
from falsifiable.contracts.model import CONTRACT_NAME
from falsifiable.contracts.nodes import Index, Trail, index
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.text_files import UnreadableError, decoded, read_bytes, refuse_size
from falsifiable.contracts.versions import Bump
from falsifiable.contracts.yaml_reader import read_yaml

WHYS = 5
PLACEHOLDER = "..."
"""What stands in a new amendment where its author has yet to write."""

_SHORTER = "keep logs and tables beside the spec, and link them"
"""What to do about a file that is too large."""

DIGEST = r"^[0-9a-f]{12,64}$"
TITLE = r"^(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
TEXT = r"^(?s:.*\S.*)$"
_TEXT = {"pattern": TEXT, "expected": "a text that is not blank"}

BumpWord = Literal["patch", "minor", "major"]

_RULES = ShapeRules(
    unknown_key="AMENDMENT-UNKNOWN-KEY",
    missing_key="AMENDMENT-MISSING-KEY",
    type="AMENDMENT-TYPE",
    value="AMENDMENT-VALUE",
)


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of a spec: what was found, why it could happen, and what follows.

    ``body`` is the Markdown below the front matter, its line ends as ``\\n`` and without the blank lines around it.
    """

    amendment: str = field(
        metadata={
            "pattern": TITLE, "expected": "a title of one line, without control characters", "max_length": 200,
            "description": "the amendment in one line",
        }
    )  # fmt: skip
    created: str = field(
        metadata={
            "pattern": INSTANT, "expected": INSTANT_EXPECTED,
            "description": "when it was written; releases are ordered by it",
        }
    )  # fmt: skip
    bump: BumpWord = field(metadata={"description": "how far it moves the version of the spec"})
    finding: str = field(metadata={**_TEXT, "description": "what was found"})
    five_whys: tuple[str, ...] = field(
        metadata={**_TEXT, "description": "five answers, each to the question why the one above it could be"}
    )
    net_effect: str = field(metadata={**_TEXT, "description": "what is different from now on"})
    contracts: Mapping[str, BumpWord] = field(
        default_factory=dict,
        metadata={
            "key_pattern": CONTRACT_NAME,
            "key_expected": "the name of a contract",
            "description": "each contract that it changes, and how far that moves its version",
        },
    )
    evidence: tuple[str, ...] = field(
        default=(),
        metadata={
            "pattern": DIGEST, "expected": "the sha256 of a statement, or at least its first 12 digits",
            "description": "the statements that it rests on",
        },
    )  # fmt: skip
    lessons: tuple[str, ...] = field(
        default=(), metadata={**_TEXT, "description": "what to do otherwise next time; numbered when released"}
    )
    supersedes: tuple[int, ...] = field(default=(), metadata={"description": "the sections that it takes the place of"})
    body: str = field(default="", metadata={"key": None})

    @property
    def moves(self) -> Bump:
        """How far the spec's version moves."""
        return Bump.of(self.bump)

    @property
    def moves_contracts(self) -> Mapping[str, Bump]:
        """How far the version of each contract that it names moves."""
        return {name: Bump.of(word) for name, word in self.contracts.items()}


@dataclass(frozen=True, slots=True)
class AmendmentFile:
    """One amendment file as read.

    ``amendment`` is None where an error stands in the way; a text that nobody has written yet is none. ``digest`` is
    the sha256 of the raw bytes, ``path`` as shown in diagnostics.
    """

    path: str
    digest: str
    amendment: Amendment | None
    diagnostics: tuple[Diagnostic, ...]
    places: Index = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are no mere warnings."""
        return tuple(one for one in self.diagnostics if one.severity == "error")

    def position(self, *trail: str | int) -> Position:
        """Where the value at ``trail`` starts. Raises KeyError where there is none."""
        return _position(self.places, trail)

    def key_position(self, *trail: str | int) -> Position:
        """Where the key at the end of ``trail`` starts. Raises KeyError where there is none."""
        return self.places[trail][0]


def read_amendment(source: Path | bytes, *, shown: str = "", limits: ContractLimits = DEFAULT_LIMITS) -> AmendmentFile:
    """Read one amendment file with everything that is wrong with it alone. What it names is left to check_amendment.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    name = shown or (str(source) if isinstance(source, Path) else "<bytes>")
    faults, raw = Faults(name, limits), b""
    try:
        raw = source if isinstance(source, bytes) else read_bytes(source, faults, limits, _SHORTER)
        text = _text_of(raw, faults, limits)
        front, body = _parted(text, faults)
    except UnreadableError:
        return AmendmentFile(name, hashlib.sha256(raw).hexdigest(), None, faults.sorted())
    file = read_yaml(front.encode(), shown=name, limits=limits, shorter=_SHORTER)
    places: Index = {} if file.root is None else index(file.root)
    built: Any = INVALID if file.root is None else Builder(faults, _RULES).build(record_shape(Amendment), file.root)
    amendment: Amendment | None = None if built is INVALID else replace(built, body=body.text.strip("\n"))
    if amendment is not None:
        _check(amendment, places, faults)
        _check_texts(amendment, places, body, faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    if any(one.severity == "error" for one in diagnostics):
        amendment = None
    return AmendmentFile(name, hashlib.sha256(raw).hexdigest(), amendment, diagnostics, places)


def _text_of(raw: bytes, faults: Faults, limits: ContractLimits) -> str:
    """The text of a file that is not too large, its line ends as ``\\n``. Raises UnreadableError for any other."""
    if len(raw) > limits.max_contract_bytes:
        refuse_size(len(raw), faults, limits, _SHORTER)
    text = decoded(raw, faults).replace("\r\n", "\n").replace("\r", "\n")
    most = limits.max_amendment_characters
    if len(text) > most:
        message = f"the file has {len(text)} characters, more than the {most} that are read"
        faults.add("YAML-TOO-LARGE", Position(), message, _SHORTER)
        raise UnreadableError
    return text


@dataclass(frozen=True, slots=True)
class _Body:
    """The text below the front matter, and the number of its first line in the file."""

    text: str
    line: int


def _parted(text: str, faults: Faults) -> tuple[str, _Body]:
    """The front matter, with the line that opens it, so that its lines keep their numbers, and the body."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        message = "an amendment starts with its front matter: a line '---', then YAML, then a line '---'"
        faults.add("AMENDMENT-FRONT-MATTER", Position(), message, "contract amend new writes one to fill in")
        raise UnreadableError
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join([*lines[:number], ""]), _Body("\n".join(lines[number + 1 :]), number + 2)
    message = "the front matter begins here and never ends"
    faults.add("AMENDMENT-FRONT-MATTER", Position(), message, "put a line '---' between it and the text")
    raise UnreadableError


def _check(amendment: Amendment, places: Index, faults: Faults) -> None:
    """What the shape of an amendment cannot say."""
    if not is_instant(amendment.created):
        message = f"created: there is no such time as {amendment.created}"
        faults.add("AMENDMENT-VALUE", _position(places, ("created",)), message, "write the time in UTC")
    if len(amendment.five_whys) != WHYS:
        given = len(amendment.five_whys)
        message = f"five_whys has {given} {'answer' if given == 1 else 'answers'}, expected {WHYS}"
        hint = "ask why once more" if given < WHYS else "join answers to the same question"
        faults.add("AMENDMENT-WHYS", _position(places, ("five_whys",)), message, hint)
    highest = max(amendment.moves_contracts.items(), key=lambda one: one[1], default=None)
    if highest and highest[1] > amendment.moves:
        name, bump = highest
        message = (
            f"bump is {amendment.bump}, but contract {name} moves by {bump.word}, and the spec promises what it says"
        )
        faults.add("AMENDMENT-BUMP", _position(places, ("bump",)), message, f"write 'bump: {bump.word}'")
    for number, section in enumerate(amendment.supersedes):
        if section < 1:
            message = f"supersedes: {section} is no section"
            faults.add("AMENDMENT-VALUE", _position(places, ("supersedes", number)), message, "sections count from 1")


def _check_texts(amendment: Amendment, places: Index, body: _Body, faults: Faults) -> None:
    """Whether everything was written, and can stand in a spec without reaching beyond its section."""
    for trail, text in _texts(amendment):
        if text.strip() == PLACEHOLDER:
            message = f"{_named(trail)} has not been written yet"
            hint = f"write it in the place of '{PLACEHOLDER}'; it cannot be released before"
            faults.add("AMENDMENT-PLACEHOLDER", _position(places, trail), message, hint)
            continue
        found = block_faults(text) if trail in _BLOCKS else line_faults(" ".join(text.split()))
        for one in found:
            faults.add("AMENDMENT-MARKDOWN", _position(places, trail), _in_words(trail, one, text), one.hint)
    for one in block_faults(body.text):
        faults.add("AMENDMENT-MARKDOWN", Position(body.line + one.line - 1), one.message, one.hint)


_BLOCKS: tuple[Trail, ...] = (("finding",), ("net_effect",))


def _texts(amendment: Amendment) -> Iterator[tuple[Trail, str]]:
    yield ("finding",), amendment.finding
    yield from ((("five_whys", number), why) for number, why in enumerate(amendment.five_whys))
    yield ("net_effect",), amendment.net_effect
    yield from ((("lessons", number), lesson) for number, lesson in enumerate(amendment.lessons))


def _in_words(trail: Trail, fault: MarkdownFault, text: str) -> str:
    several = trail in _BLOCKS and "\n" in text.strip("\n")
    return f"{_named(trail)}{f', line {fault.line} of it' if several else ''}: {fault.message}"


def _named(trail: Trail) -> str:
    return str(trail[0]) if len(trail) == 1 else f"{trail[0]}[{trail[1]}]"


def _position(places: Index, trail: Trail) -> Position:
    return places[trail][1].position
