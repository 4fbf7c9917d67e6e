"""The shape of data, derived from dataclasses: the one thing that the typed reader and the JSON Schema both follow.

A dataclass becomes a record whose keys are its fields. What a type cannot say stands in the field's ``metadata``:

======================  ==================================================================================
``key``                 the YAML key, where it differs from the field's name; None for a field never in a file
``description``         what an editor shows
``pattern``             what the text must match, whole (for a list or mapping: each of its texts)
``expected``            the pattern in words, for messages
``min_length``          fewest characters of the text
``max_length``          most characters of the text
``choices``             what each word of a choice means: word -> meaning
``key_pattern``         what the keys of a mapping must match
``key_expected``        that in words
======================  ==================================================================================
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from falsifiable.contracts.model import Criterion, Scalar


@dataclass(frozen=True, slots=True)
class TextShape:
    """A text; ``expected`` says in words what it must look like."""

    pattern: str | None = None
    expected: str = "a text"
    min_length: int = 0
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class NumberShape:
    """A finite number, read as a float, or as an int where it must be ``whole``."""

    whole: bool = False


@dataclass(frozen=True, slots=True)
class BooleanShape:
    """``true`` or ``false``."""


@dataclass(frozen=True, slots=True)
class ScalarShape:
    """A text, number or boolean."""


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """One of a few words, each with what it means where an editor is to show that."""

    choices: tuple[str, ...]
    descriptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list, read as a tuple."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MappingShape:
    """A mapping whose keys are free, or match ``key``."""

    value: Shape
    key: TextShape


@dataclass(frozen=True, slots=True)
class RecordShape:
    """A mapping of known keys, handed to ``make`` by field name."""

    title: str
    fields: tuple[FieldShape, ...]
    make: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One key of a record."""

    key: str
    name: str
    shape: Shape
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class EitherShape:
    """A record, or something shorter; ``lift`` turns the shorter form into what the record would be."""

    record: RecordShape
    short: TextShape | ScalarShape | ListShape
    lift: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class PlainShape:
    """Any data at all, kept as it is."""


Shape = (
    TextShape | NumberShape | BooleanShape | ScalarShape | ChoiceShape | ListShape | MappingShape | RecordShape
    | EitherShape | PlainShape
)  # fmt: skip


@cache
def record_shape(cls: type) -> RecordShape:
    """The shape of the dataclass ``cls``. Raises TypeError for an annotation that has no shape."""
    hints = typing.get_type_hints(cls)
    found = []
    for one in fields(cls):
        key = one.metadata.get("key", one.name)
        if key is None:
            continue
        required = one.default is MISSING and one.default_factory is MISSING
        description = one.metadata.get("description", "")
        found.append(FieldShape(key, one.name, shape_of(hints[one.name], one.metadata), required, description))
    return RecordShape(_title(cls.__name__), tuple(found), cls)


def _title(name: str) -> str:
    """A dataclass as messages call it: ``AcceptanceCriterion`` is an acceptance criterion."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Declaration").removesuffix("Entry")).lower()


def shape_of(annotation: Any, metadata: Mapping[str, Any]) -> Shape:
    """The shape of a field with this annotation and metadata. Raises TypeError for one that has none."""
    simple: dict[Any, Shape] = {
        str: _text(metadata),
        float: NumberShape(),
        int: NumberShape(whole=True),
        bool: BooleanShape(),
        Scalar: ScalarShape(),
        Any: PlainShape(),
    }
    if annotation in simple:
        return simple[annotation]
    if isinstance(annotation, type):
        return record_shape(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        meanings = metadata.get("choices", {})
        return ChoiceShape(arguments, tuple(meanings[one] for one in arguments) if meanings else ())
    if origin is tuple:
        return ListShape(shape_of(arguments[0], metadata))
    if origin is Mapping:
        key = TextShape(metadata.get("key_pattern"), metadata.get("key_expected", "a text"))
        return MappingShape(shape_of(arguments[1], metadata), key)
    if origin in (Union, types.UnionType):
        return _union(arguments, metadata)
    raise TypeError(f"{annotation} has no shape in a file")


def _union(members: tuple[Any, ...], metadata: Mapping[str, Any]) -> Shape:
    """``X | None`` is an optional X; a dataclass beside texts, scalars or a list is a record with a short form."""
    rest = tuple(one for one in members if one is not types.NoneType)
    records = [one for one in rest if one is not str and isinstance(one, type) and hasattr(one, "__dataclass_fields__")]
    others = tuple(one for one in rest if one not in records)
    if not others:
        return shape_of(rest[0], metadata)
    short = shape_of(Union[others], metadata)  # noqa: UP007
    if not records:
        return short
    if not isinstance(short, TextShape | ScalarShape | ListShape):
        raise TypeError(f"{short} is no short form of a record")
    return EitherShape(record_shape(records[0]), short, _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _text(metadata: Mapping[str, Any]) -> TextShape:
    return TextShape(
        metadata.get("pattern"),
        metadata.get("expected", "a text"),
        metadata.get("min_length", 0),
        metadata.get("max_length"),
    )


CRITERION = EitherShape(record_shape(Criterion), ScalarShape(), lambda value: Criterion(equals=value))
"""A criterion where a check expects one: a bare value means that exactly this value is expected."""
