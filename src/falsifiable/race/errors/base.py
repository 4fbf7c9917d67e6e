"""What all errors of a race have in common: values as attributes, and one whole sentence made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

MAX_SHOWN_CHARACTERS = 120
"""Of one value in a sentence: names come from files of others, and may be of any length."""


@dataclass_transform(eq_default=False)
class RaceError(Exception):
    """Something that the rules of a race refuse.

    A subclass declares its offending values as annotated fields, which become attributes and arguments, and ``says``:
    the sentence, with the values in braces. An error survives pickling, so it may cross from a worker process.
    """

    says: ClassVar[str] = "the rules of the race refuse this"

    def __init_subclass__(cls) -> None:
        dataclass(eq=False)(cls)

    @property
    def name(self) -> str:
        """The name that tools and people know this error by: that of its class."""
        return type(self).__name__

    @property
    def values(self) -> Mapping[str, Any]:
        """The offending values by the name of their attribute."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.says.format(**{key: _short(value) for key, value in self.values.items()})

    def __repr__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self.values.items())
        return f"{self.name}({listed})"

    def __reduce__(self) -> tuple[type[RaceError], tuple[Any, ...]]:
        return type(self), tuple(self.values.values())


def _short(value: Any) -> Any:
    """``value`` as a sentence shows it: texts cut, several texts listed."""
    if isinstance(value, tuple):
        return ", ".join(str(_short(one)) for one in value)
    if isinstance(value, str) and len(value) > MAX_SHOWN_CHARACTERS:
        return f"{value[:MAX_SHOWN_CHARACTERS]}..."
    return value
