"""Strict YAML: bytes -> a tree of nodes with line and column, or the faults that stood in the way.

The tree is built from PyYAML's C *events* and never through its composer: the C composer recurses and dies on deeply
nested input (50,000 brackets, a 50 KB file, end the process), while the event stream is iterative, so that the depth
is counted, and refused, before anything can be built. Tags, anchors, aliases, merge keys and directives are refused:
what a file means must be readable from the file, once, top to bottom.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from falsifiable.contracts.diagnostics import Diagnostic, Position, quoted, shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.nodes import Entry, FaultyNode, MappingNode, Node, ScalarNode, SequenceNode, described
from falsifiable.contracts.scalars import MEANINGFUL_STARTS, NumberError, resolve
from falsifiable.contracts.text_files import UnreadableError, decoded, read_bytes, refuse_size

_SYNTAX_HINTS = {
    "mapping values are not allowed": "a text that holds ': ' needs quotes around it",
    "cannot start any token": "a text that starts with @, ` or % needs quotes around it",
    "unexpected end of stream": "a quote or bracket is never closed",
    "could not find expected ':'": "every line of a mapping is 'key: value'",
    "did not find expected key": "compare the indentation with the lines above, and close every quote",
    "did not find expected ',' or": "a bracket is never closed, or a comma is missing",
    "unknown escape character": "write texts with backslashes in single quotes",
}


_made = tuple.__new__
"""Makes a named tuple of its fields in half the time of calling its class; a file has hundreds."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What one YAML file holds: ``root`` is None where no tree could be built; ``digest`` is over the raw bytes."""

    path: str
    digest: str
    root: MappingNode | None
    diagnostics: tuple[Diagnostic, ...]


def read_yaml(
    source: Path | bytes,
    *,
    shown: str = "",
    may_be_empty: bool = False,
    limits: ContractLimits = DEFAULT_LIMITS,
    shorter: str = "take out what does not belong in it",
) -> YamlFile:
    """Read a YAML file whose top is a mapping.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics; the path itself when absent.
        may_be_empty: a file of nothing but comments is an empty mapping instead of a fault.
        limits: what the file may cost.
        shorter: what to do about a file that is larger.
    """
    name = shown or (str(source) if isinstance(source, Path) else "<bytes>")
    faults = Faults(name, limits)
    raw, root = b"", None
    try:
        raw = source if isinstance(source, bytes) else read_bytes(source, faults, limits, shorter)
        if len(raw) > limits.max_contract_bytes:
            refuse_size(len(raw), faults, limits, shorter)
        root = _TreeReader(decoded(raw, faults), faults, limits, may_be_empty, shorter).read()
    except UnreadableError:
        pass
    return YamlFile(name, hashlib.sha256(raw).hexdigest(), root, faults.sorted())


@dataclass(slots=True)
class _OpenCollection:
    """A mapping or list whose end has not been read yet."""

    position: Position
    is_mapping: bool
    faulty: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    wants_key: bool = False
    key: tuple[str, Position] | None = None

    def closed(self) -> Node:
        if self.faulty:
            return FaultyNode(self.position)
        if self.is_mapping:
            return MappingNode(self.position, tuple(self.entries.values()))
        return SequenceNode(self.position, tuple(self.items))


class _TreeReader:
    """Turns the events of one document into a tree, keeping the open collections on a stack of its own."""

    def __init__(self, text: str, faults: Faults, limits: ContractLimits, may_be_empty: bool, shorter: str) -> None:
        self._text = text
        self._faults = faults
        self._limits = limits
        self._may_be_empty = may_be_empty
        self._shorter = shorter
        self._open: list[_OpenCollection] = []
        self._above: _OpenCollection | None = None
        self._longest = limits.max_scalar_characters
        self._most = limits.max_nodes
        self._root: Node | None = None
        self._nodes = 0
        self._documents = 0
        self._anchors_reported = False

    def read(self) -> MappingNode | None:
        """The top mapping; None where it is something else. Raises UnreadableError after reporting why."""
        self._refuse_directives()
        try:
            for event in iter(yaml.CSafeLoader(self._text).get_event, None):
                kind = type(event)
                if kind is yaml.ScalarEvent:
                    self._scalar(event)
                elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                    self._enter(event, kind is yaml.MappingStartEvent)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._leave()
                elif kind is yaml.AliasEvent:
                    self._place(FaultyNode(self._begun(event)))
                elif kind is yaml.DocumentStartEvent:
                    self._document(event)
        except yaml.YAMLError as error:
            self._syntax_error(error)
        return self._top()

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            message = "a second document starts here; a file holds one"
            self._stop("YAML-DOCUMENTS", _start(event), message, "remove the '---', or use two files")

    def _top(self) -> MappingNode | None:
        if self._root is None or (isinstance(self._root, ScalarNode) and self._root.value is None):
            if self._may_be_empty:
                return MappingNode(Position(), ())
            self._stop("YAML-EMPTY", Position(), "the file is empty, expected a mapping of keys to values", "")
        if isinstance(self._root, SequenceNode | ScalarNode):
            message = f"expected a mapping at the top of the file, got {described(self._root)}"
            self._stop("YAML-NOT-A-MAPPING", self._root.position, message, "start with 'key: value' lines")
        return self._root if isinstance(self._root, MappingNode) else None

    def _refuse_directives(self) -> None:
        """Stop at a ``%YAML`` or ``%TAG`` line: libyaml compares each with all before it, minutes for one megabyte."""
        for number, line in enumerate(self._text.split("\n"), start=1):
            if line.startswith("%"):
                self._stop("YAML-DIRECTIVE", Position(number, 1), "YAML directives are not allowed", "remove this line")
            if line.strip() and not line.lstrip().startswith("#"):
                return

    def _syntax_error(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None)
        if "end of stream" in str(getattr(error, "problem", "")):
            mark = getattr(error, "context_mark", None) or mark  # where the open quote starts, not where the file ends
        position = Position(mark.line + 1, mark.column + 1) if mark else Position()
        lines = self._text.split("\n")
        line = lines[position.line - 1] if position.line <= len(lines) else ""
        indentation = line[: len(line) - len(line.lstrip())]
        if "\t" in indentation:
            at = Position(position.line, indentation.index("\t") + 1)
            self._stop("YAML-TAB", at, "a tab in the indentation; YAML is indented with spaces", "replace it by spaces")
        said = [str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
        message = ": ".join(said) or str(error).splitlines()[0]
        hint = next((hint for part, hint in _SYNTAX_HINTS.items() if part in message), "")
        self._stop("YAML-SYNTAX", position, message, hint)

    def _stop(self, rule: str, position: Position, message: str, hint: str) -> None:
        self._faults.add(rule, position, message, hint)
        raise UnreadableError

    def _begun(self, event: Any) -> Position:
        """Where a node starts, after it has been counted and its anchor reported."""
        position = _start(event)
        self._nodes += 1
        self._looked_at(event, position)
        return position

    def _looked_at(self, event: Any, position: Position) -> None:
        if self._nodes > self._most:
            message = f"more than {self._most} keys and values in one file"
            self._stop("YAML-TOO-MANY-NODES", position, message, self._shorter)
        if event.anchor is not None and not self._anchors_reported:
            self._report_anchor(event, position)

    def _report_anchor(self, event: Any, position: Position) -> None:
        """Report the first anchor or alias of the file: where there is one there are often hundreds."""
        self._anchors_reported = True
        sign, what = ("*", "alias") if isinstance(event, yaml.AliasEvent) else ("&", "anchor")
        message = f"the {what} {quoted(sign + event.anchor)}: anchors and aliases are not allowed"
        self._faults.add("YAML-ANCHOR", position, message, "write the value out in each place")

    def _refuse_tag(self, tag: str, position: Position) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._faults.add("YAML-TAG", position, f"the tag {quoted(shown)}: tags are not allowed", "remove the tag")

    def _enter(self, event: Any, is_mapping: bool) -> None:
        position, tag = self._begun(event), event.tag
        if tag is not None:
            self._refuse_tag(tag, position)
        depth = self._limits.max_nesting_depth
        if len(self._open) >= depth:
            message = f"nested deeper than {depth} mappings and lists"
            self._stop("YAML-TOO-DEEP", position, message, "a contract needs about five")
        if self._above is not None and self._above.wants_key:
            message = "a list or mapping stands where a key is expected"
            self._faults.add("YAML-KEY", position, message, "keys are texts; quote a text that starts with [, { or ?")
        self._above = _OpenCollection(position, is_mapping, tag is not None, wants_key=is_mapping)
        self._open.append(self._above)

    def _leave(self) -> None:
        finished = self._open.pop()
        self._above = self._open[-1] if self._open else None
        self._place(finished.closed())

    def _scalar(self, event: Any) -> None:
        """Take a scalar: most of a file are keys and plain words, which need no more than a look."""
        mark, text, above = event.start_mark, event.value, self._above
        position = _made(Position, (mark.line + 1, mark.column + 1))
        self._nodes += 1
        if event.tag is not None or event.anchor is not None or len(text) > self._longest or self._nodes > self._most:
            self._place(self._unusual(event, position))
        elif not event.style and text[:1] in MEANINGFUL_STARTS:
            self._place(self._resolved(position, text))
        elif above is not None and above.wants_key and text not in above.entries and text != "<<":
            above.key, above.wants_key = (text, position), False
        else:
            self._place(_made(ScalarNode, (position, text, text)))

    def _unusual(self, event: Any, position: Position) -> Node:
        """A scalar with something that is to be reported."""
        self._looked_at(event, position)
        text, longest = event.value, self._longest
        if event.tag is not None:
            self._refuse_tag(event.tag, position)
        if len(text) > longest:
            message = f"a value of {len(text)} characters; at most {longest} are read"
            self._faults.add("YAML-TOO-LONG", position, message, "move long texts into the spec and refer to it")
        elif event.tag is None:
            return ScalarNode(position, text, text) if event.style else self._resolved(position, text)
        return FaultyNode(position)

    def _resolved(self, position: Position, text: str) -> Node:
        """What a text without quotes means."""
        try:
            return ScalarNode(position, text, resolve(text, self._limits))
        except NumberError as error:
            hint = "write a number that can be held, or quote it if it is a text"
            self._faults.add("YAML-NUMBER", position, str(error), hint)
            return FaultyNode(position)

    def _place(self, node: Node) -> None:
        """Hand a finished node to the collection it stands in, as a key, a value or an item."""
        above = self._above
        if above is None:
            self._root = node
        elif not above.is_mapping:
            above.items.append(node)
        elif above.wants_key:
            above.key, above.wants_key = self._key(above, node), False
        else:
            above.wants_key = True
            if above.key is not None:
                key, position = above.key
                above.entries[key] = _made(Entry, (key, position, node))

    def _key(self, mapping: _OpenCollection, node: Node) -> tuple[str, Position] | None:
        """The key ``node`` is, or None where it is none and its value is to be dropped."""
        if not isinstance(node, ScalarNode):
            return None
        if not isinstance(node.value, str):
            message = f"a key must be a text, got {described(node)}"
            self._faults.add("YAML-KEY", node.position, message, f'quote it: "{shortened(node.text)}"')
            return None
        if node.value == "<<":
            message = "merge keys ('<<') are not allowed"
            self._faults.add("YAML-MERGE-KEY", node.position, message, "write the keys out in each place")
            return None
        if node.value in mapping.entries:
            first = mapping.entries[node.value].position.line
            again = node.position.line
            message = f"the key {quoted(node.value)} stands twice: in line {first} and in line {again}"
            self._faults.add("YAML-DUPLICATE-KEY", node.position, message, "remove one of the two")
            return None
        return node.value, node.position


def _start(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)
