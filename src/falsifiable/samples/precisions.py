"""The specimen model in the number formats of a precision sweep, each value rounded to nearest even.

In FP8 the matrices are, and norms and biases stay in 32 bits; in the other formats all tensors are.

Every value is looked up in a table of all numbers that its format has, and where files have a type for the format the
number's own bit pattern is stored: what judges them computes both another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falsifiable.samples.formats import write_safetensors

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Weights = dict[str, Array]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Fields of a format: widths and bias of the exponent, and the type that safetensors keeps it under, if any.

    ``reserved`` counts patterns at the top of the positive half that are no numbers. What the lowest exponent holds is
    its ``bottom``: subnormal numbers, zero alone, or numbers as any other exponent, the first of them zero.
    """

    exponent_bits: int
    mantissa_bits: int
    bias: int
    reserved: int
    bottom: str = "subnormal"
    stored_as: str | None = None

    @property
    def width(self) -> int:
        """Bits of one number."""
        return 1 + self.exponent_bits + self.mantissa_bits


_FP8_BITS = 8
_LAYOUTS: Mapping[str, _Layout] = {
    "bf16": _Layout(8, 7, 127, 1 << 7, stored_as="BF16"),
    "fp8e4m3": _Layout(4, 3, 7, 1, stored_as="F8_E4M3"),
    "fp8e5m2": _Layout(5, 2, 15, 1 << 2, stored_as="F8_E5M2"),
    "dlfloat": _Layout(6, 9, 31, 1, "binade"),
    "gf16": _Layout(6, 9, 15, 1, "zero"),
}


def write_precisions(folder: Path, weights: Weights) -> Path:
    """Write ``bf16.safetensors`` and so on, all tensors of ``weights`` rounded to each format; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, layout in _LAYOUTS.items():
        claimed = [tensor for tensor, values in weights.items() if values.ndim > 1 or layout.width > _FP8_BITS]
        rounded = {**weights, **{tensor: _rounded(weights[tensor], layout) for tensor in claimed}}
        declared = dict.fromkeys(claimed, layout.stored_as) if layout.stored_as else None
        write_safetensors(folder / f"{name}.safetensors", rounded, {"format": "pt"}, declared=declared)
    return folder


def _rounded(values: Array, layout: _Layout) -> Array:
    """Bit patterns of the nearest numbers, of two the even one, or the lower where both are even.

    Where no file has a type for them they are the numbers themselves, in float32.
    """
    import numpy as np

    patterns, numbers = _table(layout)
    sizes = np.abs(values.astype(np.float64))
    above = np.clip(np.searchsorted(numbers, sizes), 1, len(numbers) - 1)
    down, up = sizes - numbers[above - 1], numbers[above] - sizes
    chosen = np.where((up < down) | ((up == down) & (patterns[above - 1] % 2 == 1)), above, above - 1)
    if layout.stored_as is None:
        return np.copysign(numbers[chosen], values).astype(np.float32)
    sign = np.signbit(values).astype(np.int64) << (layout.width - 1)
    return np.asarray(patterns[chosen] | sign).astype(np.uint8 if layout.width == _FP8_BITS else np.uint16)


def _table(layout: _Layout) -> tuple[Array, Array]:
    """Bit patterns of all numbers from 0 up, and the numbers."""
    import numpy as np

    patterns = np.arange((1 << (layout.exponent_bits + layout.mantissa_bits)) - layout.reserved, dtype=np.int64)
    exponent, mantissa = patterns >> layout.mantissa_bits, patterns & ((1 << layout.mantissa_bits) - 1)
    fraction = mantissa / (1 << layout.mantissa_bits)
    numbers = np.ldexp(1 + fraction, exponent - layout.bias)
    if layout.bottom == "subnormal":
        numbers = np.where(exponent == 0, np.ldexp(fraction, 1 - layout.bias), numbers)
    numbers[0] = 0.0
    kept = (exponent > 0) | (patterns == 0) if layout.bottom == "zero" else np.ones(len(patterns), dtype=bool)
    return patterns[kept], numbers[kept]
