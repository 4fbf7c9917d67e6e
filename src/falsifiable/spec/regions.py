"""Regions of a Markdown file: found by a parser's line map, replaced by splicing bytes, all other bytes untouched.

A region stands between two comments, each on a line of its own::

    <!-- contract:scoreboard sha256=0f3a... evidence=91ab... -->
    ...
    <!-- /contract:scoreboard -->

``sha256`` is a digest of what ``record`` wrote between them, so that a hand edit can be told from being out of date;
``evidence`` names the statements it was written from. Markers inside code are text and no markers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

DIGEST_DIGITS = 16
"""Hexadecimal digits of the digest in a marker. It tells an edit from an update; it is no protection."""

_OPENING = re.compile(r"<!-- contract:([a-z][a-z0-9-]*)((?: [a-z0-9]+=[^\s=]+)*) -->")
_CLOSING = re.compile(r"<!-- /contract:([a-z][a-z0-9-]*) -->")
_LIKE_A_MARKER = re.compile(r"<!--\s*/?\s*contract:", re.IGNORECASE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_ATTRIBUTES = ("sha256", "evidence")


@dataclass(frozen=True, slots=True)
class Region:
    """A region and where it lies: ``start`` to ``end`` are byte offsets, markers included; lines count from 1.

    ``content`` is what stands between them without the blank lines around it, its line ends as ``\n``; its first line
    is ``content_line``.
    """

    name: str
    line: int
    start: int
    end: int
    content: str
    content_line: int
    newline: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def edited(self) -> bool:
        """Whether what stands between the markers is not what was written there; an empty new region is not edited."""
        if "sha256" in self.attributes:
            return self.attributes["sha256"] != content_digest(self.content)
        return bool(self.content)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The short digests of the statements the region was written from."""
        return tuple(one for one in self.attributes.get("evidence", "").split(",") if one)


@dataclass(frozen=True, slots=True)
class RegionProblem:
    """A marker that does not make a region, or not one region."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of a file in their order, and what is wrong with its markers."""

    found: tuple[Region, ...] = ()
    problems: tuple[RegionProblem, ...] = ()

    def named(self, name: str) -> Region | None:
        """The region called ``name``."""
        return next((one for one in self.found if one.name == name), None)

    def holds(self, name: str, content: str) -> bool:
        """Whether the region called ``name`` holds exactly ``content``."""
        region = self.named(name)
        return region is not None and region.content == content.strip("\n")


class RegionError(ValueError):
    """A file whose markers cannot be trusted; nothing was replaced."""


@dataclass(frozen=True, slots=True)
class _Marker:
    line: int
    name: str
    closes: bool
    attributes: Mapping[str, str]


def content_digest(content: str) -> str:
    """The digest a marker carries: of the content alone, whatever the line ends of the file."""
    return hashlib.sha256(content.encode()).hexdigest()[:DIGEST_DIGITS]


def find_regions(data: bytes) -> Regions:
    """The regions in a Markdown file and the problems of its markers. Raises RegionError where it is not UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RegionError(f"byte {error.start} is not UTF-8; a spec is a UTF-8 text") from error
    lines = _LINE.findall(data)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    problems: list[RegionProblem] = []
    markers = list(_markers(text, problems))
    found = [_region(opening, closing, lines, starts) for opening, closing in _paired(markers, problems)]
    return Regions(tuple(found), tuple(sorted(problems, key=lambda one: one.line)))


def splice(data: bytes, contents: Mapping[str, str], evidence: tuple[str, ...] = ()) -> bytes:
    """``data`` with the regions named in ``contents`` replaced; every byte outside them stays as it is.

    ``contents`` use ``\\n``; in the file they get the line end of the region's own opening marker. Raises RegionError
    for a file whose markers have problems or that lacks a region named, and for contents that would not stay inside
    their markers.
    """
    regions = find_regions(data)
    if regions.problems:
        first = regions.problems[0]
        raise RegionError(f"line {first.line}: {first.message}")
    missing = contents.keys() - {one.name for one in regions.found}
    if missing:
        raise RegionError(f"there is no region {', '.join(sorted(missing))}")
    for region in reversed(regions.found):
        if region.name in contents:
            data = data[: region.start] + _written(region, contents[region.name], evidence) + data[region.end :]
    _require_inside(contents, regions, find_regions(data))
    return data


def _require_inside(contents: Mapping[str, str], before: Regions, after: Regions) -> None:
    """Raise RegionError unless every region is where it was, and those written hold what was written."""
    kept = [one.name for one in after.found] == [one.name for one in before.found] and not after.problems
    escaping = [name for name, text in contents.items() if not (kept and after.holds(name, text))]
    if escaping:
        raise RegionError(f"what region {', '.join(sorted(escaping))} is to hold would not stay inside its markers")


def _written(region: Region, content: str, evidence: tuple[str, ...]) -> bytes:
    content = content.strip("\n")
    rests_on = f" evidence={','.join(evidence)}" if evidence else ""
    opening = f"<!-- contract:{region.name} sha256={content_digest(content)}{rests_on} -->"
    text = f"{opening}\n\n{content}\n\n<!-- /contract:{region.name} -->"
    return text.replace("\n", region.newline).encode()


def _region(opening: _Marker, closing: _Marker, lines: list[bytes], starts: list[int]) -> Region:
    first, last = lines[opening.line - 1], lines[closing.line - 1]
    inside = b"".join(lines[opening.line : closing.line - 1]).decode().replace("\r\n", "\n").replace("\r", "\n")
    stripped = first.rstrip(b"\r\n")
    begin = stripped.index(b"<!--")
    return Region(
        name=opening.name,
        line=opening.line,
        start=starts[opening.line - 1] + begin,
        end=starts[closing.line - 1] + last.index(b"-->") + len(b"-->"),
        content=inside.strip("\n"),
        content_line=opening.line + 1 + len(inside) - len(inside.lstrip("\n")),
        newline=first[len(stripped) :].decode(),
        attributes=opening.attributes,
    )


def _markers(text: str, problems: list[RegionProblem]) -> Iterator[_Marker]:
    """Every marker that the Markdown parser sees as HTML, with its line counted from 1."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block" and token.map:
            yield from _of_block(token, problems)
        elif token.type == "inline" and token.map and _has_inline_marker(token):
            message = "a marker stands within a line of text; give it a line of its own"
            problems.append(RegionProblem(_line_of_marker(token), message))


def _of_block(token: Token, problems: list[RegionProblem]) -> Iterator[_Marker]:
    first = token.map[0] + 1 if token.map else 1
    for line, text in enumerate(token.content.split("\n"), start=first):
        if not _LIKE_A_MARKER.search(text):
            continue
        if text.strip() != token.content.strip():
            message = "a marker stands inside other HTML, which may hide it; put blank lines around its line"
            problems.append(RegionProblem(line, message))
            continue
        marker = _marker(text.strip(), line)
        if isinstance(marker, _Marker) and token.level == 0:
            yield marker
        elif isinstance(marker, _Marker):
            message = f"marker {marker.name} stands inside a list or a quotation; move it to the left margin"
            problems.append(RegionProblem(line, message))
        else:
            problems.append(marker)


def _marker(text: str, line: int) -> _Marker | RegionProblem:
    if closing := _CLOSING.fullmatch(text):
        return _Marker(line, closing[1], True, {})
    opening = _OPENING.fullmatch(text)
    if opening is None:
        expected = "<!-- contract:NAME --> or <!-- /contract:NAME --> alone on its line"
        return RegionProblem(line, f"{text[:80]!r} is not a marker; expected {expected}")
    attributes = dict(one.split("=", 1) for one in opening[2].split())
    unknown = [key for key in attributes if key not in _ATTRIBUTES]
    if unknown:
        known = ", ".join(_ATTRIBUTES)
        return RegionProblem(line, f"marker {opening[1]} has the unknown attribute {unknown[0]}; known: {known}")
    return _Marker(line, opening[1], False, attributes)


def _has_inline_marker(token: Token) -> bool:
    return any(child.type == "html_inline" and _LIKE_A_MARKER.match(child.content) for child in token.children or ())


def _line_of_marker(token: Token) -> int:
    found = _LIKE_A_MARKER.search(token.content)
    above = token.content[: found.start()].count("\n") if found else 0
    return (token.map[0] if token.map else 0) + 1 + above


def _paired(markers: list[_Marker], problems: list[RegionProblem]) -> Iterator[tuple[_Marker, _Marker]]:
    opened: _Marker | None = None
    seen: dict[str, int] = {}
    for marker in markers:
        if marker.closes:
            if opened is None or opened.name != marker.name:
                problems.append(RegionProblem(marker.line, f"region {marker.name} ends here but does not begin before"))
            else:
                yield opened, marker
                opened = None
            continue
        if opened is not None:
            message = f"region {marker.name} begins inside region {opened.name} of line {opened.line}"
            problems.append(RegionProblem(marker.line, message))
        elif marker.name in seen:
            message = f"region {marker.name} stands here a second time, first on line {seen[marker.name]}"
            problems.append(RegionProblem(marker.line, message))
        opened = marker
        seen.setdefault(marker.name, marker.line)
    if opened is not None:
        problems.append(_never_ended(opened))


def _never_ended(opened: _Marker) -> RegionProblem:
    return RegionProblem(
        opened.line,
        f"region {opened.name} begins here and never ends; expected <!-- /contract:{opened.name} --> "
        "(or is that inside a code block that was left open?)",
    )
