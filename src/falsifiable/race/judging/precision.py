"""Number formats of a race as data, and whether the values of a real tensor are numbers of a format.

A tensor that is claimed to be BF16 and stored as 32-bit floats proves itself by its bits: every value must be one that
BF16 has. Beside the tensor it was rounded from it also shows how it was rounded: to nearest even, or by cutting bits.

Two formats differ from IEEE 754 in what the smallest exponent and the largest one stand for:

- *DLFloat* (1 sign, 6 exponent, 9 mantissa bits, bias 31) has no subnormals: exponent 0 is a binade like any other, of
  which the pattern of all zeros is taken for 0; and one pattern, all ones, that is infinity and NaN in one.
- *GF16* has the same fields and two definitions. The reference race's trainer says bias 15, its own description of the
  format says bias 60. Both are here, under both names; a claim of "GF16" has to say which. Exponent 0 is 0, whatever
  the mantissa says; the trainer's conversion cuts bits instead of rounding them.

GF8, GF32, GF64 and GFTERN are names that the race knows and that nobody has defined: nothing can be checked of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from falsifiable.race.errors import UnknownNumberFormat

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

Rounding = Literal["nearest-even", "nearest-away", "truncation"]
Smallest = Literal["subnormal", "zero", "binade"]
Largest = Literal["infinity-and-nan", "one-nan", "one-for-both"]

ROUNDINGS: tuple[Rounding, ...] = ("nearest-even", "nearest-away", "truncation")

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A binary floating-point format with one sign bit.

    Attributes:
        name: what it is called here.
        exponent_bits, mantissa_bits: widths of the fields.
        bias: what is subtracted from the exponent field.
        smallest: what exponent 0 holds: subnormals, 0 alone, or a binade like any other whose first pattern is 0.
        largest: what the highest exponent holds: infinity and NaNs; numbers and, as the last pattern, one NaN; numbers
            and, as the last pattern, infinity and NaN in one.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    smallest: Smallest = "subnormal"
    largest: Largest = "infinity-and-nan"

    @property
    def width(self) -> int:
        """Bits of one number."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def min_exponent(self) -> int:
        """The exponent of the lowest binade, which subnormals continue towards 0."""
        return -self.bias if self.smallest == "binade" else 1 - self.bias

    @property
    def smallest_positive(self) -> float:
        """The smallest number above 0."""
        if self.smallest == "zero":
            return float(2.0**self.min_exponent)
        ulp = 2.0 ** (self.min_exponent - self.mantissa_bits)
        return float(ulp if self.smallest == "subnormal" else 2.0**self.min_exponent + ulp)

    @property
    def largest_finite(self) -> float:
        """The largest number."""
        top, full = 2**self.exponent_bits - 1, 2**self.mantissa_bits - 1
        if self.largest == "infinity-and-nan":
            return float(2.0 ** (top - 1 - self.bias) * (1 + full / 2**self.mantissa_bits))
        return float(2.0 ** (top - self.bias) * (1 + (full - 1) / 2**self.mantissa_bits))


NUMBER_FORMATS: Mapping[str, NumberFormat] = {
    one.name: one
    for one in (
        NumberFormat("FP32", 8, 23, 127),
        NumberFormat("FP16", 5, 10, 15),
        NumberFormat("BF16", 8, 7, 127),
        NumberFormat("FP8E4M3", 4, 3, 7, largest="one-nan"),
        NumberFormat("FP8E5M2", 5, 2, 15),
        NumberFormat("DLFLOAT", 6, 9, 31, "binade", "one-for-both"),
        NumberFormat("GF16-bias15", 6, 9, 15, "zero"),
        NumberFormat("GF16-bias60", 6, 9, 60, "zero"),
    )
}
"""FP8 follows the OCP 8-bit floating point specification 1.0; DLFloat the paper of that name (Agrawal et al., 2019)."""


def number_format(name: str, *, bias: int | None = None) -> NumberFormat:
    """The format called ``name``; GF16 needs its ``bias`` (15 or 60), for it has two definitions.

    Raises UnknownNumberFormat for a name without a definition.
    """
    key = f"{name}-bias{bias}" if name == "GF16" and bias is not None else name
    if key not in NUMBER_FORMATS:
        raise UnknownNumberFormat(name, key, tuple(NUMBER_FORMATS))
    return NUMBER_FORMATS[key]


def quantise(
    values: NDArray[Any], target: NumberFormat, rounding: Rounding = "nearest-even", *, saturate: bool = False
) -> NDArray[numpy.float64]:
    """``values`` rounded to numbers of ``target``, as 64-bit floats, which hold them all exactly.

    What is beyond the largest number becomes infinity, or NaN where the format has none; by truncation, or where asked
    to ``saturate``, the largest number. Both are in use for FP8: torch 2.13 saturates E4M3 and not E5M2. Signs are
    kept, of 0 too.

    Args:
        values: 16-, 32- or 64-bit floats of any shape.
        target: the format.
        rounding: ``nearest-even`` as IEEE 754 and all frameworks round, ``nearest-away``, or ``truncation``.
        saturate: whether what is too large, infinity included, becomes the largest number.
    """
    import numpy

    exact = numpy.asarray(values, dtype=numpy.float64)
    size = numpy.abs(exact)
    finite = numpy.isfinite(size)
    with numpy.errstate(all="ignore"):
        rounded = _on_grid(numpy.where(finite, size, 0.0), target, rounding)
        beyond = rounded > target.largest_finite
        overflow = target.largest_finite if saturate else _overflow(target)
        cut = target.largest_finite if rounding == "truncation" else overflow
        rounded = numpy.where(beyond, cut, rounded)
        rounded = numpy.where(numpy.isinf(size), overflow, rounded)
        rounded = numpy.where(numpy.isnan(size), numpy.nan, rounded)
        return numpy.asarray(numpy.copysign(rounded, exact))


def _overflow(target: NumberFormat) -> float:
    return float("inf") if target.largest == "infinity-and-nan" else float("nan")


def _on_grid(size: NDArray[Any], target: NumberFormat, rounding: Rounding) -> NDArray[Any]:
    """Sizes rounded to the grid of ``target``, as if it had no largest number."""
    import numpy

    exponent = numpy.maximum(numpy.frexp(size)[1] - 1, target.min_exponent)
    unit = numpy.ldexp(1.0, exponent - target.mantissa_bits)
    steps = size / unit
    if rounding == "nearest-even":
        steps = numpy.rint(steps)
    else:
        steps = numpy.floor(steps + 0.5 if rounding == "nearest-away" else steps)
    rounded = steps * unit
    if target.smallest == "subnormal":
        return numpy.asarray(rounded)
    least = target.smallest_positive
    if rounding == "truncation":
        kept = numpy.zeros_like(size, dtype=bool)
    else:
        kept = size >= least / 2 if rounding == "nearest-away" else size > least / 2
    return numpy.where(rounded < least, numpy.where(kept, least, 0.0), rounded)


def decode(patterns: NDArray[Any], target: NumberFormat) -> NDArray[numpy.float64]:
    """The numbers that ``patterns`` (unsigned integers, ``target.width`` bits each) stand for, as 64-bit floats."""
    import numpy

    codes = numpy.asarray(patterns).astype(numpy.int64)
    mantissa = codes & ((1 << target.mantissa_bits) - 1)
    field = (codes >> target.mantissa_bits) & ((1 << target.exponent_bits) - 1)
    negative = (codes >> (target.width - 1)) & 1
    normal = numpy.ldexp(1 + mantissa / (1 << target.mantissa_bits), field - target.bias)
    values = numpy.where(field == 0, _lowest(mantissa, normal, target), normal)
    top, full = (1 << target.exponent_bits) - 1, (1 << target.mantissa_bits) - 1
    if target.largest == "infinity-and-nan":
        values = numpy.where(field == top, numpy.where(mantissa == 0, numpy.inf, numpy.nan), values)
    else:
        values = numpy.where((field == top) & (mantissa == full), numpy.nan, values)
    return numpy.asarray(numpy.where(negative == 1, -values, values))


def _lowest(mantissa: NDArray[Any], normal: NDArray[Any], target: NumberFormat) -> NDArray[Any]:
    """What exponent 0 stands for."""
    import numpy

    if target.smallest == "zero":
        return numpy.zeros_like(normal)
    if target.smallest == "binade":
        return numpy.where(mantissa == 0, 0.0, normal)
    return numpy.ldexp(mantissa.astype(numpy.float64), target.min_exponent - target.mantissa_bits)


@dataclass(frozen=True, slots=True)
class Representation:
    """Whether all values of a tensor are numbers of a format.

    Attributes:
        target: the format's name.
        examined: values looked at.
        outside: how many of them the format does not have.
        first: flat index of the first of those, with its value and the nearest number of the format.
        mantissa_bits: the most mantissa bits that any finite value needs. Fewer than the format has are a sign that the
            tensor was rounded to something narrower; 0 says that nothing but powers of two was seen.
    """

    target: str
    examined: int
    outside: int
    first: tuple[int, float, float] | None
    mantissa_bits: int

    @property
    def holds(self) -> bool:
        """Whether something was examined, and every value is one of the format."""
        return self.examined > 0 and not self.outside


def representation(values: NDArray[Any], target: NumberFormat) -> Representation:
    """Whether every value of the float tensor ``values`` is a number of ``target``, bit by bit."""
    import numpy

    outside, first, needed, examined = 0, None, 0, 0
    for start, part in _chunks(values):
        nearest = quantise(part, target)
        same = (nearest == part) | (numpy.isnan(part) & numpy.isnan(nearest))
        wrong = numpy.flatnonzero(~same)
        if wrong.size and first is None:
            place = int(wrong[0])
            first = (start + place, float(part[place]), float(nearest[place]))
        outside += int(wrong.size)
        examined += part.size
        needed = max(needed, _mantissa_bits(part))
    return Representation(target.name, examined, outside, first, needed)


@dataclass(frozen=True, slots=True)
class RoundingReport:
    """How a tensor was rounded to a format, told from the tensor it was rounded from.

    Attributes:
        target: the format's name.
        examined: values compared.
        mismatches: for each way to round, how many values it does not explain.
        informative: values that tell rounding to nearest even from truncation; 0 decides nothing.
        first: flat index of the first value that nearest even does not explain: the reference, the value, what it
            should be.
    """

    target: str
    examined: int
    mismatches: Mapping[Rounding, int]
    informative: int
    first: tuple[int, float, float, float] | None

    @property
    def explained_by(self) -> tuple[Rounding, ...]:
        """The ways to round that explain every value; empty where none does, or nothing can be told."""
        return tuple(one for one in ROUNDINGS if not self.mismatches[one]) if self.informative else ()

    @property
    def nearest_even(self) -> bool:
        """Whether rounding to nearest even explains every value, and truncation does not."""
        return "nearest-even" in self.explained_by and "truncation" not in self.explained_by


def rounding_of(reference: NDArray[Any], rounded: NDArray[Any], target: NumberFormat) -> RoundingReport:
    """How ``rounded`` came out of ``reference``, two float tensors of one shape.

    Raises ValueError where their shapes differ.
    """
    import numpy

    if reference.shape != rounded.shape:
        raise ValueError(f"a reference of shape {reference.shape} and a tensor of shape {rounded.shape}; expected one")
    mismatches: dict[Rounding, int] = dict.fromkeys(ROUNDINGS, 0)
    informative, examined, first = 0, 0, None
    for (start, before), (_, after) in zip(_chunks(reference), _chunks(rounded), strict=True):
        ways = {way: quantise(before, target, way) for way in ROUNDINGS}
        for way, expected in ways.items():
            saturated = quantise(before, target, way, saturate=True)
            wrong = numpy.flatnonzero(~(_equal(expected, after) | _equal(saturated, after)))
            mismatches[way] += int(wrong.size)
            if way == "nearest-even" and wrong.size and first is None:
                place = int(wrong[0])
                first = (start + place, float(before[place]), float(after[place]), float(expected[place]))
        informative += int(numpy.count_nonzero(~_equal(ways["nearest-even"], ways["truncation"])))
        examined += before.size
    return RoundingReport(target.name, examined, mismatches, informative, first)


def _equal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    import numpy

    return numpy.asarray((one == other) | (numpy.isnan(one) & numpy.isnan(other)))


def _mantissa_bits(values: NDArray[Any]) -> int:
    """The most bits after the leading one that any finite value needs; 52 are all that a 64-bit float has."""
    import numpy

    finite = numpy.abs(values[numpy.isfinite(values) & (values != 0)])
    if not finite.size:
        return 0
    whole = numpy.ldexp(numpy.frexp(finite)[0], 53).astype(numpy.int64)
    lowest = whole & -whole
    return 52 - int(numpy.log2(lowest.min().astype(numpy.float64)))


def _chunks(values: NDArray[Any]) -> Iterator[tuple[int, NDArray[numpy.float64]]]:
    """Flat parts of ``values`` as 64-bit floats, with where each begins: a whole model need not fit twice."""
    import numpy

    flat = numpy.asarray(values).reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        yield start, flat[start : start + _CHUNK].astype(numpy.float64)
