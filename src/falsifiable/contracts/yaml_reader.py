"""Strict YAML: bytes -> a tree of nodes with line and column, or the faults that stood in the way.

The tree is built from PyYAML's C *events* and never through its composer: the C composer recurses and dies on deeply
nested input (50,000 brackets, a 50 KB file, end the process), while the event stream is iterative, so that the depth
is counted, and refused, before anything can be built. Tags, anchors, aliases, merge keys and directives are refused:
what a file means must be readable from the file, once, top to bottom.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

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


class YamlFile(NamedTuple):
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


def read_yaml_tree(path: Path, *, limits: ContractLimits, shorter: str) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """What stands in a YAML file, whatever its top is, and its faults; None for a file without content."""
    faults = Faults(str(path), limits)
    root = None
    try:
        raw = read_bytes(path, faults, limits, shorter)
        root = _TreeReader(decoded(raw, faults), faults, limits, True, shorter).tree()
    except UnreadableError:
        pass
    return root, faults.sorted()


_Key = tuple[str, Position]
_DROPPED: _Key = ("", Position())
"""In place of a key that was refused: what follows is its value, and is dropped."""


class _TreeReader:
    """Turns the events of one document into a tree, keeping the open collections on a stack of its own."""

    def __init__(self, text: str, faults: Faults, limits: ContractLimits, may_be_empty: bool, shorter: str) -> None:
        self._text = text
        self._faults = faults
        self._limits = limits
        self._may_be_empty = may_be_empty
        self._shorter = shorter
        self._documents = 0
        self._anchors_reported = False

    def read(self) -> MappingNode | None:
        """The top mapping; None where it is something else. Raises UnreadableError after reporting why."""
        return self._top(self.tree())

    def tree(self) -> Node | None:
        """The root, whatever it is; None where the file has no content. Raises UnreadableError as above."""
        self._refuse_directives()
        try:
            return self._tree()
        except yaml.YAMLError as error:
            self._syntax_error(error)

    def _tree(self) -> Node | None:  # noqa: C901 - one loop, see below
        """The root; None where the file has no content.

        One loop, and what belongs to the open collection in local names: most events are keys and plain words, and a
        call for each takes as long as all else that is done with them. ``key`` is the one whose value comes next; None
        where a key comes next. Around the root lies a list, the document.
        """
        limits = self._limits
        next_event: Callable[[], Any] = yaml.CSafeLoader(self._text).get_event
        longest, deepest, most, nodes = limits.max_scalar_characters, limits.max_nesting_depth, limits.max_nodes, 0
        scalar, mapping, sequence = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
        enclosing: list[tuple[Any, ...]] = []
        start, faulty = Position(), False
        items: list[Node] = []
        entries: dict[str, Entry] | None = None
        key: _Key | None = None
        node: Node
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is scalar:
                nodes += 1
                mark, text = event.start_mark, event.value
                position = _made(Position, (mark.line + 1, mark.column + 1))
                if event.tag is not None or event.anchor is not None or len(text) > longest or nodes > most:
                    node = self._unusual(event, position, nodes)
                elif text[:1] in MEANINGFUL_STARTS and not event.style:
                    node = self._resolved(position, text)
                elif entries is not None and key is None and text not in entries and text != "<<":
                    key = (text, position)
                    continue
                else:
                    node = _made(ScalarNode, (position, text, text))
            elif kind is mapping or kind is sequence:
                nodes += 1
                mark, wants_key = event.start_mark, entries is not None and key is None
                enclosing.append((start, faulty, items, entries, key))
                start, faulty, key = _made(Position, (mark.line + 1, mark.column + 1)), event.tag is not None, None
                if faulty or event.anchor is not None or wants_key or nodes > most or len(enclosing) > deepest:
                    self._refuse_start(event, start, nodes, len(enclosing), wants_key)
                items, entries = [], {} if kind is mapping else None
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                if faulty:
                    node = FaultyNode(start)
                elif entries is not None:
                    node = _made(MappingNode, (start, tuple(entries.values())))
                else:
                    node = _made(SequenceNode, (start, tuple(items)))
                start, faulty, items, entries, key = enclosing.pop()
            elif kind is yaml.AliasEvent:
                nodes += 1
                node = self._alias(event, nodes)
            else:
                if kind is yaml.DocumentStartEvent:
                    self._document(event)
                continue
            if entries is None:
                items.append(node)
            elif key is None:
                key = self._key(entries, node)
            else:
                if key is not _DROPPED:
                    entries[key[0]] = _made(Entry, (*key, node))
                key = None
        return items[0] if items else None

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            message = "a second document starts here; a file holds one"
            self._stop("YAML-DOCUMENTS", _start(event), message, "remove the '---', or use two files")

    def _top(self, root: Node | None) -> MappingNode | None:
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            if self._may_be_empty:
                return MappingNode(Position(), ())
            self._stop("YAML-EMPTY", Position(), "the file is empty, expected a mapping of keys to values", "")
        if isinstance(root, SequenceNode | ScalarNode):
            message = f"expected a mapping at the top of the file, got {described(root)}"
            self._stop("YAML-NOT-A-MAPPING", root.position, message, "start with 'key: value' lines")
        return root if isinstance(root, MappingNode) else None

    def _refuse_directives(self) -> None:
        """Stop at a ``%YAML`` or ``%TAG`` line: libyaml compares each with all before it, minutes for one megabyte."""
        for number, line in enumerate(self._text.split("\n"), start=1):
            if line.startswith("%"):
                self._stop("YAML-DIRECTIVE", Position(number, 1), "YAML directives are not allowed", "remove this line")
            if line.strip() and not line.lstrip().startswith("#"):
                return

    def _syntax_error(self, error: yaml.YAMLError) -> NoReturn:
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

    def _stop(self, rule: str, position: Position, message: str, hint: str) -> NoReturn:
        self._faults.add(rule, position, message, hint)
        raise UnreadableError

    def _looked_at(self, event: Any, position: Position, nodes: int) -> None:
        """Refuse the node where it is one too many, and report its anchor."""
        if nodes > self._limits.max_nodes:
            message = f"more than {self._limits.max_nodes} keys and values in one file"
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

    def _refuse_start(self, event: Any, position: Position, nodes: int, depth: int, is_key: bool) -> None:
        """Report what is wrong with the beginning of a mapping or list, or stop."""
        self._looked_at(event, position, nodes)
        if event.tag is not None:
            self._refuse_tag(event.tag, position)
        if depth > self._limits.max_nesting_depth:
            message = f"nested deeper than {self._limits.max_nesting_depth} mappings and lists"
            self._stop("YAML-TOO-DEEP", position, message, "a contract needs about five")
        if is_key:
            message = "a list or mapping stands where a key is expected"
            self._faults.add("YAML-KEY", position, message, "keys are texts; quote a text that starts with [, { or ?")

    def _alias(self, event: Any, nodes: int) -> FaultyNode:
        position = _start(event)
        self._looked_at(event, position, nodes)
        return FaultyNode(position)

    def _unusual(self, event: Any, position: Position, nodes: int) -> Node:
        """A scalar with something that is to be reported."""
        self._looked_at(event, position, nodes)
        text, longest = event.value, self._limits.max_scalar_characters
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

    def _key(self, entries: Mapping[str, Entry], node: Node) -> _Key:
        """The key ``node`` is, or the dropped one where it is none."""
        if not isinstance(node, ScalarNode):
            return _DROPPED
        if not isinstance(node.value, str):
            message = f"a key must be a text, got {described(node)}"
            self._faults.add("YAML-KEY", node.position, message, f'quote it: "{shortened(node.text)}"')
            return _DROPPED
        if node.value == "<<":
            message = "merge keys ('<<') are not allowed"
            self._faults.add("YAML-MERGE-KEY", node.position, message, "write the keys out in each place")
            return _DROPPED
        if node.value in entries:
            first, again = entries[node.value].position.line, node.position.line
            message = f"the key {quoted(node.value)} stands twice: in line {first} and in line {again}"
            self._faults.add("YAML-DUPLICATE-KEY", node.position, message, "remove one of the two")
            return _DROPPED
        return node.value, node.position


def _start(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)
