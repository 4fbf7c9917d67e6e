"""Does parsed JSON have the shape that was written? Asked before a statement is believed.

A shape is plain data: a type, a tuple of alternatives, a :class:`OneOf`, a :class:`Matching`, an :class:`Each` (a list
or an object of one shape), or a mapping from every key that must be there to the shape of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """A text that the regular expression matches from end to end; ``called`` names it in messages."""

    pattern: str
    called: str


@dataclass(frozen=True, slots=True)
class Each:
    """A list (or, with ``keyed``, an object) whose every value has the shape ``of``."""

    of: Any
    keyed: bool = False


def misshapen(value: Any, shape: Any, where: str = "$") -> str | None:
    """What is wrong with ``value``, in words that name the place, or None where it has the shape."""
    if isinstance(shape, Mapping):
        return _wrong_object(value, shape, where)
    if isinstance(shape, Each):
        return _wrong_collection(value, shape, where)
    if isinstance(shape, OneOf):
        return None if value in shape.texts else f"{where} is {_shown(value)}, expected one of {', '.join(shape.texts)}"
    if isinstance(shape, Matching):
        matches = isinstance(value, str) and re.fullmatch(shape.pattern, value)
        return None if matches else f"{where} is {_shown(value)}, expected {shape.called}"
    if isinstance(shape, tuple):
        wrong = [misshapen(value, one, where) for one in shape]
        return None if None in wrong else wrong[0]
    if shape is None:
        return None if value is None else f"{where} is {_shown(value)}, expected null"
    fits = isinstance(value, shape) and (shape is not int or not isinstance(value, bool))
    return None if fits else f"{where} is {_shown(value)}, expected {_NAMES[shape]}"


_NAMES: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
}


def _wrong_object(value: Any, shape: Mapping[str, Any], where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where} is {_shown(value)}, expected an object"
    for key in sorted(shape.keys() | value.keys()):
        if key not in value:
            return f"{where} lacks the key {key}"
        if key not in shape:
            return f"{where} has the unknown key {_shown(key)}"
        if wrong := misshapen(value[key], shape[key], f"{where}.{key}"):
            return wrong
    return None


def _wrong_collection(value: Any, shape: Each, where: str) -> str | None:
    if not isinstance(value, dict if shape.keyed else list):
        return f"{where} is {_shown(value)}, expected {'an object' if shape.keyed else 'a list'}"
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        if wrong := misshapen(one, shape.of, f"{where}[{key!r}]"):
            return wrong
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
