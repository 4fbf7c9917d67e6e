"""Fingerprints: what one pass over a tensor's bytes tells about it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.dtypes import ELEMENT_TYPES, UndecodableError, decode, encode
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.files import SourceFile
from falsifiable.artifacts.tensors import TensorInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK_ELEMENTS = 2**18  # 1 MiB of float32 and 2 MiB of float64: stays in a core's cache


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a tensor holds, in a few numbers.

    ``sha256`` is over the stored bytes (row-major, little-endian). ``first_nonfinite`` is a flat index in stored
    order. ``minimum``, ``maximum``, ``mean`` and ``std`` (population) are over the finite elements in float64, NaN if
    there is none (the squares of float64 weights beyond 1e150 overflow). ``zero_share`` is over all elements, 0 to 1.
    ``constant`` means more than one element, all equal.
    """

    sha256: str
    finite: bool
    nonfinite: int
    first_nonfinite: int | None
    minimum: float
    maximum: float
    mean: float
    std: float
    zero_share: float
    constant: bool

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


class _Statistics:
    """Running statistics of a sequence of chunks: Chan's combination of means and squared deviations."""

    def __init__(self) -> None:
        self.elements = 0
        self.finite_elements = 0
        self.first_nonfinite: int | None = None
        self.minimum = math.inf
        self.maximum = -math.inf
        self.mean = 0.0
        self.squared_deviations = 0.0
        self.zeros = 0

    def add(self, chunk: NDArray[Any]) -> None:
        """Count a flat chunk of real numbers."""
        import numpy

        finite = chunk
        if chunk.dtype.kind == "f":
            is_finite = numpy.isfinite(chunk)
            if not is_finite.all():
                if self.first_nonfinite is None:
                    self.first_nonfinite = self.elements + int(is_finite.argmin())
                finite = chunk[is_finite]
        self.elements += chunk.size
        if not finite.size:
            return
        self.zeros += finite.size - int(numpy.count_nonzero(finite))
        self.minimum = min(self.minimum, float(finite.min()))
        self.maximum = max(self.maximum, float(finite.max()))
        self._combine(finite.astype(numpy.float64))

    def _combine(self, values: NDArray[Any]) -> None:
        """Add float64 values, which are overwritten."""
        import numpy

        with numpy.errstate(all="ignore"):  # float64 weights near the end of the range overflow to inf, knowingly
            mean = float(values.mean())
            values -= mean
            values *= values  # not a dot product: BLAS threads would fight with ours, and sum in any order
            squared = float(values.sum())
        before, self.finite_elements = self.finite_elements, self.finite_elements + values.size
        difference = mean - self.mean
        self.mean += difference * (values.size / self.finite_elements)
        shared = before * values.size / self.finite_elements
        self.squared_deviations += squared + difference * shared * difference  # this order: 0 stays 0 for a huge mean

    def fingerprint(self, sha256: str) -> Fingerprint:
        """The result for everything added so far."""
        some = self.finite_elements > 0
        nonfinite = self.elements - self.finite_elements
        return Fingerprint(
            sha256=sha256,
            finite=nonfinite == 0,
            nonfinite=nonfinite,
            first_nonfinite=self.first_nonfinite,
            minimum=self.minimum if some else math.nan,
            maximum=self.maximum if some else math.nan,
            mean=self.mean if some else math.nan,
            std=math.sqrt(self.squared_deviations / self.finite_elements) if some else math.nan,
            zero_share=self.zeros / self.elements if self.elements else 0.0,
            constant=nonfinite == 0 and self.elements > 1 and self.minimum == self.maximum,
        )


def fingerprint_of_stored(info: TensorInfo, source: SourceFile) -> Fingerprint:
    """The fingerprint of a tensor in a file: its bytes are read once, hashed and counted chunk by chunk.

    Raises ArtifactError if the file changed since it was opened, or if the element type cannot be decoded.
    """
    kind = ELEMENT_TYPES[info.dtype]
    chunk_bytes = max(1, _CHUNK_ELEMENTS // kind.block_elements) * kind.block_bytes
    digest, statistics = hashlib.sha256(), _Statistics()
    try:
        for block in source.blocks(info.offset, info.nbytes, chunk_bytes):
            digest.update(block)
            _count(statistics, decode(block, kind))
    except UndecodableError as fault:
        raise ArtifactError(info.file, f"tensor {info.name!r}: {fault}", offset=info.offset) from fault
    source.verify_unchanged()
    return statistics.fingerprint(digest.hexdigest())


def fingerprint_of_values(values: NDArray[Any], dtype: str) -> Fingerprint:
    """The fingerprint of values in stored order as a file with elements of type ``dtype`` would hold them.

    Values of a quantised type cannot be written back: their ``sha256`` is over their little-endian float32 bytes, which
    equals no stored tensor's.
    """
    flat = values.reshape(-1)
    kind = ELEMENT_TYPES[dtype]
    digest, statistics = hashlib.sha256(), _Statistics()
    for chunk in _chunks(flat):
        content = encode(chunk, kind)
        digest.update(chunk.astype("<f4").tobytes() if content is None else content)
        _count(statistics, chunk if content is None else decode(content, kind))
    return statistics.fingerprint(digest.hexdigest())


def fingerprint_of_zeros(elements: int) -> Fingerprint:
    """The fingerprint of a tensor of float32 zeros."""
    digest, statistics = hashlib.sha256(), _Statistics()
    for start in range(0, elements, _CHUNK_ELEMENTS):
        digest.update(bytes(4 * min(_CHUNK_ELEMENTS, elements - start)))
    statistics.elements = statistics.finite_elements = statistics.zeros = elements
    statistics.minimum = statistics.maximum = 0.0
    return statistics.fingerprint(digest.hexdigest())


def _count(statistics: _Statistics, values: NDArray[Any]) -> None:
    """Add values; a complex number counts as its two parts."""
    if values.dtype.kind == "c":
        values = values.view(f"<f{values.dtype.itemsize // 2}")
    statistics.add(values)


def _chunks(flat: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, flat.size, _CHUNK_ELEMENTS):
        yield flat[start : start + _CHUNK_ELEMENTS]
