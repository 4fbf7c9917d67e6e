"""Fingerprints: what one pass over a tensor's bytes tells about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.dtypes import ELEMENT_TYPES, ElementType, encode
from falsifiable.artifacts.fingerprints.statistics import Statistics, counter_for, kernels_for

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_CHUNK_ELEMENTS = 2**18  # a whole number of the grains of all counters
_WHAT_QUANTISED_VALUES_ARE_HASHED_AS = "F32"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a tensor holds, in a few numbers.

    ``blake3`` is over the stored bytes (row-major, little-endian), in hexadecimal. ``first_nonfinite`` is a flat index
    in stored order. ``minimum``, ``maximum``, ``mean`` and ``std`` (population) are over the finite elements in
    float64, NaN if there is none (the squares of float64 weights beyond 1e150 overflow). ``zero_share`` is over all
    elements, 0 to 1. ``constant`` means more than one element, all equal.
    """

    blake3: str
    finite: bool
    nonfinite: int
    first_nonfinite: int | None
    minimum: float
    maximum: float
    mean: float
    std: float
    zero_share: float
    constant: bool

    @classmethod
    def of(cls, blake3: str, counted: Statistics) -> Fingerprint:
        """The fingerprint of a tensor with this digest and these statistics."""
        return cls(
            blake3=blake3,
            finite=counted.nonfinite == 0,
            nonfinite=counted.nonfinite,
            first_nonfinite=counted.first_nonfinite,
            minimum=counted.minimum,
            maximum=counted.maximum,
            mean=counted.mean,
            std=counted.std,
            zero_share=counted.zeros / counted.elements if counted.elements else 0.0,
            constant=counted.nonfinite == 0 and counted.elements > 1 and counted.minimum == counted.maximum,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; numbers that are not finite become text."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Fingerprint:
        """The fingerprint that :meth:`to_json` wrote."""
        numbers = ("minimum", "maximum", "mean", "std", "zero_share")
        values: dict[str, Any] = {**fields, **{name: float(fields[name]) for name in numbers}}
        return cls(**values)


class Fingerprinting:
    """A tensor being fingerprinted: its stored bytes are hashed and counted as they come by, in order.

    Hashing and counting do not know of each other, so that two threads may do them. A piece has a whole number of
    grains, ``grain_bytes``, but for the last one; the first has ``prefix_bytes`` besides.
    """

    def __init__(self, kind: ElementType, kernels: ModuleType | None) -> None:
        from blake3 import blake3

        self._digest = blake3()
        self._counter = counter_for(kind, kernels)
        self.prefix_bytes = kind.prefix_bytes
        self.grain_bytes = max(1, self._counter.grain_elements // kind.block_elements) * kind.block_bytes

    def hash(self, content: NDArray[numpy.uint8]) -> None:
        """Hash the next bytes."""
        self._digest.update(content.data)

    def count(self, content: NDArray[numpy.uint8]) -> None:
        """Count the next bytes. Raises UndecodableError."""
        self._counter.add(content)

    def result(self) -> Fingerprint:
        """The fingerprint of everything hashed and counted."""
        return Fingerprint.of(self._digest.hexdigest(), self._counter.result())


def fingerprint_of_values(values: NDArray[Any], dtype: str) -> Fingerprint:
    """The fingerprint of values in stored order as a file with elements of type ``dtype`` would hold them.

    Values of a quantised type cannot be written back: they count as float32, and their ``blake3`` is over their
    little-endian float32 bytes, which equals no stored tensor's.
    """
    import numpy

    flat, kind = values.reshape(-1), ELEMENT_TYPES[dtype]
    if encode(flat[:0], kind) is None:
        kind = ELEMENT_TYPES[_WHAT_QUANTISED_VALUES_ARE_HASHED_AS]
    fingerprinting = Fingerprinting(kind, kernels_for(flat.size * kind.block_bytes))
    for start in range(0, flat.size, _CHUNK_ELEMENTS):
        content = numpy.frombuffer(encode(flat[start : start + _CHUNK_ELEMENTS], kind) or b"", numpy.uint8)
        fingerprinting.hash(content)
        fingerprinting.count(content)
    return fingerprinting.result()


def fingerprint_of_zeros(elements: int) -> Fingerprint:
    """The fingerprint of a tensor of float32 zeros."""
    from blake3 import blake3

    digest = blake3()
    for start in range(0, elements, _CHUNK_ELEMENTS):
        digest.update(bytes(4 * min(_CHUNK_ELEMENTS, elements - start)))
    value = 0.0 if elements else math.nan
    return Fingerprint.of(digest.hexdigest(), Statistics(elements, 0, None, value, value, value, value, elements))
