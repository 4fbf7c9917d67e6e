"""The tree a YAML file is read into: every node and every key knows its line and column.

Nodes are named tuples: a file has hundreds of them, and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from falsifiable.contracts.diagnostics import Position, quoted, shortened

PlainScalar = str | int | float | bool | None
Trail = tuple[str | int, ...]
"""The way from the top of a file to a node: YAML keys and list indices, such as ``("falsifiers", 3, "check")``."""


class ScalarNode(NamedTuple):
    """A single value: ``text`` as written (without quotes), ``value`` as YAML 1.2 understands it."""

    position: Position
    text: str
    value: PlainScalar


class SequenceNode(NamedTuple):
    """A list."""

    position: Position
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """One key of a mapping with its value."""

    key: str
    position: Position
    value: Node


class MappingNode(NamedTuple):
    """A mapping, its keys unique and in the order of the file."""

    position: Position
    entries: tuple[Entry, ...]


class FaultyNode(NamedTuple):
    """Something the YAML reader has already reported; whoever meets it says nothing more."""

    position: Position


Node = ScalarNode | SequenceNode | MappingNode | FaultyNode


def described(node: Node) -> str:
    """What stands there, in words: ``a list``, ``the number 1.10``, ``the text 'many'``."""
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool()):
            return f"the boolean {node.text}"
        case ScalarNode(value=str()):
            return f"the text {quoted(node.text)}"
        case ScalarNode():
            return f"the number {shortened(node.text)}"
        case _:
            return "something unreadable"


def plain(node: Node) -> Any:
    """The plain data (dict, list, text, number, boolean, None) that ``node`` stands for; a faulty node is None."""
    match node:
        case MappingNode():
            return {entry.key: plain(entry.value) for entry in node.entries}
        case SequenceNode():
            return [plain(item) for item in node.items]
        case ScalarNode():
            return node.value
        case _:
            return None


def from_plain(data: Any) -> Node:
    """The tree of plain data that was never in a file (every position is line 1, column 1)."""
    position = Position()
    if isinstance(data, Mapping):
        return MappingNode(position, tuple(Entry(key, position, from_plain(value)) for key, value in data.items()))
    if isinstance(data, Sequence) and not isinstance(data, str):
        return SequenceNode(position, tuple(from_plain(item) for item in data))
    return ScalarNode(position, str(data), data)


Index = Mapping[Trail, tuple[Position, Node]]
"""Every place of a file -> where its key starts (for a list item: where the item starts), and what stands there."""


def index(root: MappingNode) -> dict[Trail, tuple[Position, Node]]:
    """Every place under ``root``, itself (the empty trail) included."""
    found: dict[Trail, tuple[Position, Node]] = {(): (root.position, root)}
    waiting: list[tuple[Trail, Node]] = [((), root)]
    while waiting:
        trail, node = waiting.pop()
        if isinstance(node, MappingNode):
            inside = [((*trail, entry.key), entry.position, entry.value) for entry in node.entries]
        elif isinstance(node, SequenceNode):
            inside = [((*trail, number), item.position, item) for number, item in enumerate(node.items)]
        else:
            continue
        for place, position, value in inside:
            found[place] = (position, value)
            waiting.append((place, value))
    return found
