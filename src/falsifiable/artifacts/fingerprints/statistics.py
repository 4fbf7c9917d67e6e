"""What a tensor's values amount to, counted as its bytes come by.

There are two ways to count floats: compiled loops, where numba is installed and there is enough to count for its import
to pay (it takes as long as counting some tens of megabytes without it), and numpy. They agree to the last bit on
everything but the mean and the deviation; there, within 1e-12 of the largest magnitude and of the deviation.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from falsifiable.artifacts.dtypes import ElementType, decode

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

_COMPILED_PAYS_BYTES = 64 * 2**20
_NUMPY_GRAIN_ELEMENTS = 2**16  # 512 KiB of float64: stays in a core's second cache


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of all elements: how many, how many zeros, how many not finite and the first of these (a flat index). Of the
    finite elements, NaN if there is none: minimum, maximum, mean, and population standard deviation."""

    elements: int
    nonfinite: int
    first_nonfinite: int | None
    minimum: float
    maximum: float
    mean: float
    std: float
    zeros: int


class Counter(Protocol):
    """Counts a tensor's values as its stored bytes come by, in order.

    Every :meth:`add` but the last brings a multiple of ``grain_elements`` elements; where the cuts are then changes no
    bit of the result. The first brings the prefix of the element type too, if it has one.
    """

    @property
    def grain_elements(self) -> int:
        """See the class."""
        ...

    def add(self, content: NDArray[numpy.uint8]) -> None:
        """Count stored bytes that continue the tensor. Raises UndecodableError."""
        ...

    def result(self) -> Statistics:
        """The statistics of everything added so far."""
        ...


def counter_for(kind: ElementType, kernels: ModuleType | None) -> Counter:
    """What counts elements of a type: exactly and by byte for plain types of 8 bits, compiled for wider floats."""
    if kind.block_bytes == kind.block_elements == 1 and kind.decoding in ("numpy", "float8", "none"):
        return ByteCounter(kind, kernels)
    if kernels is not None and kind.name in kernels.CompiledCounter.names:
        counter: Counter = kernels.CompiledCounter(kind.name)
        return counter
    return NumpyCounter(kind)


def kernels_for(nbytes: int) -> ModuleType | None:
    """The compiled loops, if they are worth their import for so many bytes of tensor data and can be had."""
    return _kernels() if nbytes >= _COMPILED_PAYS_BYTES else None


@cache
def _kernels() -> ModuleType | None:
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        from falsifiable.artifacts.fingerprints import kernels
    except ImportError:  # numba refuses a numpy that is newer than it knows
        return None
    return kernels


class ByteCounter:
    """Counts elements of 8 bits by value: 256 numbers say everything, and the results are exact to rounding."""

    grain_elements = 1

    def __init__(self, kind: ElementType, kernels: ModuleType | None) -> None:
        import numpy

        self._kernels = kernels
        self._values = decode(numpy.arange(256, dtype=numpy.uint8), kind).astype(numpy.float64)
        self._is_finite = numpy.isfinite(self._values)
        self._counts = numpy.zeros(256, numpy.int64)
        self._first_nonfinite: int | None = None

    def add(self, content: NDArray[numpy.uint8]) -> None:
        """Count bytes that continue the tensor."""
        import numpy

        if self._kernels is None:
            counts = numpy.bincount(content, minlength=256)
        else:
            counts = self._kernels.bytes_by_value(content)
        if self._first_nonfinite is None and counts[~self._is_finite].any():
            self._first_nonfinite = int(self._counts.sum()) + int(self._is_finite[content].argmin())
        self._counts += counts

    def result(self) -> Statistics:
        """The statistics of everything added so far."""
        elements, finite = int(self._counts.sum()), int(self._counts[self._is_finite].sum())
        present = self._is_finite & (self._counts > 0)
        found = list(zip(self._values[present].tolist(), self._counts[present].tolist(), strict=True))
        mean = math.fsum(value * count for value, count in found) / finite if finite else math.nan
        squares = math.fsum((value - mean) ** 2 * count for value, count in found)
        return Statistics(
            elements=elements,
            nonfinite=elements - finite,
            first_nonfinite=self._first_nonfinite,
            minimum=min(found)[0] + 0.0 if finite else math.nan,  # + 0.0: a negative zero is a zero
            maximum=max(found)[0] + 0.0 if finite else math.nan,
            mean=mean,
            std=math.sqrt(squares / finite) if finite else math.nan,
            zeros=int(self._counts[self._values == 0].sum()),
        )


class NumpyCounter:
    """Counts elements of any type that can be decoded, in float64; a complex number counts as its two parts.

    Means and squared deviations of the blocks are combined by Chan's formula. Values count as differences from the
    first finite one, so that those of a constant tensor are zeros.
    """

    grain_elements = _NUMPY_GRAIN_ELEMENTS

    def __init__(self, kind: ElementType) -> None:
        self._kind = kind
        self._prefix: NDArray[numpy.uint8] | None = None
        self._elements = self._finite = self._zeros = 0
        self._first_nonfinite: int | None = None
        self._minimum, self._maximum = math.inf, -math.inf
        self._origin = self._mean = self._squares = 0.0

    def add(self, content: NDArray[numpy.uint8]) -> None:
        """Count bytes that continue the tensor. Raises UndecodableError."""
        import numpy

        if self._prefix is None:
            self._prefix = content[: self._kind.prefix_bytes].copy()
            content = content[self._kind.prefix_bytes :]
        step = self.grain_elements // self._kind.block_elements * self._kind.block_bytes
        for start in range(0, content.size, step):
            block = content[start : start + step]
            values = decode(numpy.concatenate([self._prefix, block]) if self._prefix.size else block, self._kind)
            self._add(values.view(f"<f{values.itemsize // 2}") if values.dtype.kind == "c" else values)

    def _add(self, values: NDArray[Any]) -> None:
        """Count a block of real numbers."""
        import numpy

        finite = values
        if values.dtype.kind == "f":
            is_finite = numpy.isfinite(values)
            if not is_finite.all():
                if self._first_nonfinite is None:
                    self._first_nonfinite = self._elements + int(is_finite.argmin())
                finite = values[is_finite]
        self._elements += values.size
        if not finite.size:
            return
        self._zeros += finite.size - int(numpy.count_nonzero(finite))
        self._minimum = min(self._minimum, float(finite.min()) + 0.0)  # + 0.0: a negative zero is a zero
        self._maximum = max(self._maximum, float(finite.max()) + 0.0)
        if not self._finite:
            self._origin = float(finite[0])
        self._combine(finite.astype(numpy.float64))

    def _combine(self, values: NDArray[numpy.float64]) -> None:
        """Add finite values, which are overwritten."""
        import numpy

        with numpy.errstate(all="ignore"):  # float64 weights near the end of the range overflow to inf, knowingly
            values -= self._origin
            mean = float(values.mean())
            values -= mean
            values *= values  # not a dot product: BLAS threads would fight with ours, and sum in any order
            squares = float(values.sum())
        before, self._finite = self._finite, self._finite + values.size
        share = values.size / self._finite
        difference = mean - self._mean
        self._mean += difference * share
        self._squares += squares + difference * (before * share) * difference

    def result(self) -> Statistics:
        """The statistics of everything added so far."""
        some = self._finite > 0
        return Statistics(
            elements=self._elements,
            nonfinite=self._elements - self._finite,
            first_nonfinite=self._first_nonfinite,
            minimum=self._minimum if some else math.nan,
            maximum=self._maximum if some else math.nan,
            mean=self._origin + self._mean if some else math.nan,
            std=math.sqrt(self._squares / self._finite) if some else math.nan,
            zeros=self._zeros,
        )
