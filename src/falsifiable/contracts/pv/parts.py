"""A tree of YAML nodes + a block of the ``pv`` dialect -> its values with their places, or the faults of its shape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from falsifiable.contracts.diagnostics import Position, quoted, shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.nodes import (
    Entry,
    FaultyNode,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    described,
)
from falsifiable.contracts.pv.shape import TYPED_STATUSES, Block, Key
from falsifiable.contracts.spelling import nearest

_NEAR = 0.85
"""How alike two spellings are that are taken for one (0 to 1, difflib's ratio): `depend_on` and `depends_on` are."""
_LARGEST_COUNT = 2**32 - 1
_MOST_NAMED = 6

_EXPECTED = {
    "texts": "a list of texts",
    "number": "a number",
    "count": "a whole number from 0 to 4294967295",
    "flag": "true or false",
    "block": "a mapping",
    "blocks": "a list of mappings",
    "named": "a mapping of names to mappings",
}


class Part(NamedTuple):
    """One block as read: its sound values by key, where each key and value stands, and what stands beside them.

    A key that is absent, null or faulty has no value.
    """

    position: Position
    values: Mapping[str, Any] = MappingProxyType({})
    places: Mapping[str, Position] = MappingProxyType({})
    typed: tuple[Entry, ...] = ()

    def text(self, key: str) -> str:
        """The text under ``key``; the empty one where there is none."""
        value: str = self.values.get(key, "")
        return value

    def texts(self, key: str) -> tuple[tuple[str, Position], ...]:
        """The list of texts under ``key``, each with its place."""
        value: tuple[tuple[str, Position], ...] = self.values.get(key, ())
        return value

    def number(self, key: str) -> float | None:
        """The number under ``key``."""
        value: float | None = self.values.get(key)
        return value

    def part(self, key: str) -> Part | None:
        """The block under ``key``."""
        value: Part | None = self.values.get(key)
        return value

    def parts(self, key: str) -> tuple[Part, ...]:
        """The blocks of the list under ``key``."""
        value: tuple[Part, ...] = self.values.get(key, ())
        return value

    def named(self, key: str) -> Mapping[str, Part]:
        """The blocks under ``key`` by their names."""
        value: Mapping[str, Part] = self.values.get(key, {})
        return value

    def place(self, key: str) -> Position:
        """Where the value under ``key`` stands; the block itself where there is none."""
        return self.places.get(key, self.position)


class PartReader:
    """Reads blocks and collects every fault of their shape; ``sound`` says that pv would have read the file."""

    def __init__(self, faults: Faults) -> None:
        self.sound = True
        self._faults = faults

    def read(self, block: Block, node: MappingNode) -> Part:
        """The values of ``node``, after reporting what is wrong with it."""
        values: dict[str, Any] = {}
        places: dict[str, Position] = {}
        beside: list[Entry] = []
        keys = block.keys
        for entry in node.entries:
            key = keys.get(entry.key)
            if key is None:
                beside.append(entry)
                continue
            places[entry.key] = entry.value.position
            value = self._value(key, entry.value, entry.key)
            if value is not None:
                values[entry.key] = value
        for name, key in keys.items():
            if key.required and name not in places:
                self._missing(name, block, node.position)
        if beside:
            self._beside(beside, block)
        return Part(node.position, values, places, tuple(one for one in beside if one.key in TYPED_STATUSES))

    def _missing(self, name: str, block: Block, position: Position) -> None:
        self.sound = False
        message = f"the key '{name}' is missing from this {block.title}"
        self._faults.add("PV-MISSING-KEY", position, message, f"add '{name}: ...'")

    def _beside(self, entries: list[Entry], block: Block) -> None:
        """Report keys that pv drops: a misspelt one by itself, all others of a block together."""
        unknown = []
        for entry in entries:
            spelling = entry.key[:100].lower().replace("-", "_")
            near = nearest(spelling, block.keys, cutoff=_NEAR)
            if near is not None:
                message = f"{quoted(entry.key)} is no key of this {block.title}: pv drops it without a word"
                self._faults.add("PV-NEAR-MISS", entry.position, message, f"did you mean '{near}'?")
            elif entry.key not in TYPED_STATUSES:
                unknown.append(entry)
        if unknown:
            named = ", ".join(quoted(one.key) for one in unknown[:_MOST_NAMED])
            more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            message = f"no key of this {block.title}, so that pv drops what stands there: {named}{more}"
            self._faults.add("PV-UNKNOWN-KEY", unknown[0].position, message, "nothing in it is checked")

    def _value(self, key: Key, node: Node, name: str) -> Any:
        if isinstance(node, FaultyNode):
            self.sound = False
            return None
        if key.form == "text" or key.form == "word":
            return self._scalar(key, node, name)
        if isinstance(node, ScalarNode) and node.value is None and key.nullable:
            return None
        if key.form == "texts":
            return self._texts(node, name)
        if key.form in ("block", "blocks", "named"):
            return self._blocks(key, node, name)
        return self._plain(key, node, name)

    def _scalar(self, key: Key, node: Node, name: str) -> str | None:
        if not isinstance(node, ScalarNode):
            self._wrong(node, name, "a text")
            return None
        if node.value is None:
            if key.nullable:
                return None
            if node.text and key.form == "text":
                self._blank(node, name)
            return node.text
        if key.words and node.text not in key.words:
            self.sound = False
            message = f"{name}: {quoted(node.text)} is not one of the words allowed here"
            self._faults.unknown("PV-VALUE", node.position, node.text, message, key.words, "allowed")
            return None
        if key.required and node.text and node.text.isspace():
            self._blank(node, name)
        return node.text

    def _blank(self, node: ScalarNode, name: str) -> None:
        message = f"{name}: {quoted(node.text)} says nothing; pv reads it as a text like any other"
        self._faults.add("PV-BLANK", node.position, message, "write what is meant")

    def _texts(self, node: Node, name: str) -> tuple[tuple[str, Position], ...] | None:
        if not isinstance(node, SequenceNode):
            self._wrong(node, name, _EXPECTED["texts"])
            return None
        found = []
        for item in node.items:
            if not isinstance(item, ScalarNode):
                self._wrong(item, f"an item of {name}", "a text")
                continue
            if item.value is None or not item.text.strip():
                self._blank(item, f"an item of {name}")
            found.append((item.text, item.position))
        return tuple(found)

    def _blocks(self, key: Key, node: Node, name: str) -> Any:
        block = key.block or Block(name, {})
        if key.form == "block" and isinstance(node, MappingNode):
            return self.read(block, node)
        if key.form == "blocks" and isinstance(node, SequenceNode):
            read = [self._item(block, item, name) for item in node.items]
            return tuple(one for one in read if one is not None)
        if key.form == "named" and isinstance(node, MappingNode):
            by_name = {one.key: self._item(block, one.value, one.key) for one in node.entries}
            return {one: part for one, part in by_name.items() if part is not None}
        self._wrong(node, name, _EXPECTED[key.form])
        return None

    def _item(self, block: Block, node: Node, name: str) -> Part | None:
        if isinstance(node, MappingNode):
            return self.read(block, node)
        self._wrong(node, f"{name}: {block.title}", "a mapping")
        return None

    def _plain(self, key: Key, node: Node, name: str) -> Any:
        """A number or a flag; what pv reads as anything has no value here."""
        if key.form == "anything":
            return None
        value = node.value if isinstance(node, ScalarNode) else None
        if key.form == "flag":
            fits = isinstance(value, bool)
        elif key.form == "count":
            fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_COUNT
        else:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        if fits:
            return value
        self._wrong(node, name, _EXPECTED[key.form])
        return None

    def _wrong(self, node: Node, name: str, expected: str) -> None:
        self.sound = False
        if not isinstance(node, FaultyNode):
            message = f"{shortened(name)}: expected {expected}, got {described(node)}"
            self._faults.add("PV-TYPE", node.position, message, "pv refuses to read the file")
