"""Node tree + shape -> typed values, with every fault reported at its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from falsifiable.contracts.diagnostics import Position, quoted, shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.nodes import (
    Entry,
    FaultyNode,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    Trail,
    described,
    plain,
)
from falsifiable.contracts.shapes import (
    BooleanShape,
    ChoiceShape,
    EitherShape,
    ListShape,
    MappingShape,
    NumberShape,
    PlainShape,
    RecordShape,
    ScalarShape,
    Shape,
    TextShape,
)


class _Invalid:
    """The type of INVALID."""


INVALID: Final = _Invalid()
"""What building yields where a fault was reported. It is never part of a value."""


@dataclass(frozen=True, slots=True)
class ShapeRules:
    """Under which rules the faults of a shape are reported."""

    unknown_key: str
    missing_key: str
    type: str
    value: str


class Builder:
    """Builds typed values and collects the faults met on the way.

    ``parts`` holds every record that could be built, by its place in the file, so that the meaning of the sound parts
    of a file can be checked although another part is broken. A record with an unknown key is among them, without it.
    """

    def __init__(self, faults: Faults, rules: ShapeRules) -> None:
        self.parts: dict[Trail, Any] = {}
        self._faults = faults
        self._rules = rules
        self._kinds: dict[type, Callable[[Any, Any, Trail], Any]] = {
            TextShape: self._text,
            NumberShape: self._number,
            BooleanShape: self._boolean,
            ScalarShape: self._scalar,
            ChoiceShape: self._choice,
            ListShape: self._list,
            MappingShape: self._mapping,
            RecordShape: self._record,
            EitherShape: self._either,
            PlainShape: self._plain,
        }

    def build(self, shape: Shape, node: Node, trail: Trail = ()) -> Any:
        """The value of ``node`` in this shape, or INVALID after reporting why there is none."""
        if isinstance(node, FaultyNode):
            return INVALID
        return self._kinds[type(shape)](shape, node, trail)

    def _wrong(self, node: Node, trail: Trail, expected: str, hint: str = "") -> _Invalid:
        name = _last_key(trail)
        message = f"{name}: expected {expected}, got {described(node)}"
        self._faults.add(self._rules.type, node.position, message, hint)
        return INVALID

    def _text(self, shape: TextShape, node: Node, trail: Trail) -> Any:
        if not isinstance(node, ScalarNode) or node.value is None:
            return self._wrong(node, trail, shape.expected)
        if not isinstance(node.value, str):
            quote = f'quote it: "{shortened(node.text)}"'
            fits = shape.pattern is None or re.fullmatch(shape.pattern, node.text)
            return self._wrong(node, trail, "a text", quote if fits else f"{quote}, and write {shape.expected}")
        return node.value if self._fits(shape, node.value, node.position, _last_key(trail)) else INVALID

    def _fits(self, shape: TextShape, text: str, position: Position, name: str) -> bool:
        if len(text) < shape.min_length:
            fault, hint = f"{name} must not be empty", ""
        elif shape.max_length is not None and len(text) > shape.max_length:
            fault, hint = f"{name} has {len(text)} characters, at most {shape.max_length} are allowed", "shorten it"
        elif shape.pattern is not None and not re.fullmatch(shape.pattern, text):
            fault, hint = f"{name}: expected {shape.expected}, got {quoted(text)}", _odd_character(text)
        else:
            return True
        self._faults.add(self._rules.value, position, fault, hint)
        return False

    def _number(self, shape: NumberShape, node: Node, trail: Trail) -> Any:
        expected = "a whole number" if shape.whole else "a number"
        if not isinstance(node, ScalarNode) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
            return self._wrong(node, trail, expected, "remove the quotes" if _reads_as_number(node) else "")
        if not shape.whole:
            return float(node.value)
        return int(node.value) if node.value == int(node.value) else self._wrong(node, trail, expected)

    def _boolean(self, _: BooleanShape, node: Node, trail: Trail) -> Any:
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        return self._wrong(node, trail, "true or false")

    def _scalar(self, _: ScalarShape, node: Node, trail: Trail) -> Any:
        if isinstance(node, ScalarNode) and node.value is not None:
            return node.value
        return self._wrong(node, trail, "a text, number or boolean")

    def _choice(self, shape: ChoiceShape, node: Node, trail: Trail) -> Any:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            return self._wrong(node, trail, "one of " + ", ".join(shape.choices))
        if node.value in shape.choices:
            return node.value
        message = f"{_last_key(trail)}: {quoted(node.value)} is not one of the words allowed here"
        self._faults.unknown(self._rules.value, node.position, node.value, message, shape.choices, "allowed")
        return INVALID

    def _list(self, shape: ListShape, node: Node, trail: Trail) -> Any:
        if not isinstance(node, SequenceNode):
            hint = (
                f"put brackets around it: [{shortened(node.text)}]"
                if isinstance(node, ScalarNode) and node.text
                else ""
            )
            return self._wrong(node, trail, "a list", hint)
        items = tuple(self.build(shape.item, item, (*trail, index)) for index, item in enumerate(node.items))
        return INVALID if INVALID in items else items

    def _mapping(self, shape: MappingShape, node: Node, trail: Trail) -> Any:
        if not isinstance(node, MappingNode):
            return self._wrong(node, trail, "a mapping")
        sound = [self._fits(shape.key, one.key, one.position, f"key of {_last_key(trail)}") for one in node.entries]
        values = {one.key: self.build(shape.value, one.value, (*trail, one.key)) for one in node.entries}
        return INVALID if not all(sound) or INVALID in values.values() else values

    def _record(self, shape: RecordShape, node: Node, trail: Trail) -> Any:
        if not isinstance(node, MappingNode):
            return self._wrong(node, trail, "a mapping")
        known = {one.key: one for one in shape.fields}
        values = {}
        all_known = True
        for entry in node.entries:
            if field := known.get(entry.key):
                values[field.name] = self.build(field.shape, entry.value, (*trail, entry.key))
            else:
                all_known = False
                self._unknown_key(entry, shape)
        for field in shape.fields:
            if field.required and field.name not in values:
                values[field.name] = INVALID
                message = f"the key '{field.key}' is missing from this {shape.title}"
                self._faults.add(self._rules.missing_key, node.position, message, f"add '{field.key}: ...'")
        if INVALID in values.values():
            return INVALID
        made = self.parts[trail] = shape.make(**values)
        return made if all_known else INVALID

    def _unknown_key(self, entry: Entry, shape: RecordShape) -> None:
        known = [one.key for one in shape.fields]
        message = f"unknown key {quoted(entry.key)} in this {shape.title}"
        if " " in entry.key and isinstance(entry.value, ScalarNode) and not entry.value.text:
            hint = "inside { } a comma ends a text: put quotes around the text before this one"
            self._faults.add(self._rules.unknown_key, entry.position, message, hint)
            return
        self._faults.unknown(self._rules.unknown_key, entry.position, entry.key, message, known, "known keys")

    def _either(self, shape: EitherShape, node: Node, trail: Trail) -> Any:
        if isinstance(node, MappingNode):
            return self.build(shape.record, node, trail)
        as_list = isinstance(shape.short, ListShape)
        if isinstance(node, SequenceNode) != as_list or (isinstance(node, ScalarNode) and node.value is None):
            short = "a list" if as_list else "a text" if isinstance(shape.short, TextShape) else "a value"
            return self._wrong(node, trail, f"{short} or a mapping")
        built = self.build(shape.short, node, trail)
        return INVALID if built is INVALID else shape.lift(built)

    def _plain(self, _: PlainShape, node: Node, __: Trail) -> Any:
        return INVALID if _any_faulty(node) else plain(node)


def _last_key(trail: Trail) -> str:
    """The key that names a place to a person: ``check``, ``references[2]``."""
    if not trail:
        return "the file"
    if isinstance(trail[-1], int):
        return f"{_last_key(trail[:-1])}[{trail[-1]}]"
    return shortened(trail[-1])


def _any_faulty(node: Node) -> bool:
    match node:
        case MappingNode():
            return any(_any_faulty(entry.value) for entry in node.entries)
        case SequenceNode():
            return any(_any_faulty(item) for item in node.items)
        case _:
            return isinstance(node, FaultyNode)


def _reads_as_number(node: Node) -> bool:
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return False
    try:
        float(node.text)
    except ValueError:
        return False
    return True


def _odd_character(text: str) -> str:
    """A hint naming the first character beyond ASCII: it may look like a letter that is allowed."""
    for index, character in enumerate(text):
        if not character.isascii():
            name = unicodedata.name(character, "an unnamed character")
            return f"character {index + 1} is U+{ord(character):04X}, {name}"
    return ""
