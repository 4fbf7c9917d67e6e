"""Element types of stored tensors: how many bytes they take and how they become numbers.

A type is described by blocks, because the quantised types of GGUF pack several elements together with their scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Decoding = Literal["numpy", "bfloat16", "float8", "gguf", "apr_q4", "apr_q8", "none"]


@dataclass(frozen=True, slots=True)
class ElementType:
    """A stored element type; ``block_elements`` elements take ``block_bytes`` bytes.

    ``decoding`` says how bytes become numbers: directly by ``numpy_code`` (little-endian), as bfloat16, as one of the
    8-bit floats, through the ``gguf`` package, as one of APR's own types, or not at all. A tensor that is not empty
    begins with ``prefix_bytes`` that all its blocks need, such as one scale for the whole tensor.
    """

    name: str
    block_elements: int
    block_bytes: int
    decoding: Decoding
    numpy_code: str = ""
    prefix_bytes: int = 0

    def bytes_of(self, elements: int) -> int | None:
        """Bytes that ``elements`` elements take, or None if they do not fill whole blocks."""
        blocks, rest = divmod(elements, self.block_elements)
        if rest:
            return None
        return self.prefix_bytes + blocks * self.block_bytes if blocks else 0


def _plain(name: str, width: int, numpy_code: str) -> ElementType:
    return ElementType(name, 1, width, "numpy", numpy_code)


_F64, _F32, _F16 = _plain("F64", 8, "<f8"), _plain("F32", 4, "<f4"), _plain("F16", 2, "<f2")
_I64, _I32, _I16, _I8 = (_plain(f"I{8 * width}", width, f"<i{width}") for width in (8, 4, 2, 1))
_BF16 = ElementType("BF16", 1, 2, "bfloat16")

# safetensors 0.8.0, enum Dtype. F4 and F6 are packed across bytes.
SAFETENSORS_TYPES: Mapping[str, ElementType] = {
    kind.name: kind
    for kind in (
        _F64, _F32, _F16, _BF16, _I64, _I32, _I16, _I8,
        _plain("U64", 8, "<u8"), _plain("U32", 4, "<u4"), _plain("U16", 2, "<u2"), _plain("U8", 1, "<u1"),
        _plain("BOOL", 1, "|u1"), _plain("C64", 8, "<c8"),
        *(ElementType(f"F8_{suffix}", 1, 1, "float8") for suffix in ("E4M3", "E5M2", "E8M0", "E4M3FNUZ", "E5M2FNUZ")),
        ElementType("F4", 2, 1, "none"),
        *(ElementType(f"F6_{suffix}", 4, 3, "none") for suffix in ("E2M3", "E3M2")),
    )
}  # fmt: skip

# gguf 0.19.0, GGMLQuantizationType and GGML_QUANT_SIZES: number -> (name, elements per block, bytes per block).
_GGML_QUANTISED = {
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}  # fmt: skip
GGML_TYPES: Mapping[int, ElementType] = {
    0: _F32, 1: _F16, 24: _I8, 25: _I16, 26: _I32, 27: _I64, 28: _F64, 30: _BF16,
    **{number: ElementType(*layout, "gguf") for number, layout in _GGML_QUANTISED.items()},
}  # fmt: skip
_GGML_NUMBERS = {layout[0]: number for number, layout in _GGML_QUANTISED.items()}

# aprender, TensorDType of format::v2: its own numbers, of which 8 and 9 are the former ones of 128 and 129.
_APR_Q4 = ElementType("APR_Q4", 32, 18, "apr_q4")
_APR_Q8 = ElementType("APR_Q8", 1, 1, "apr_q8", prefix_bytes=4)
APR_TYPES: Mapping[int, ElementType] = {
    0: _F32, 1: _F16, 3: _F64, 4: _I32, 5: _I64, 6: _I8, 7: SAFETENSORS_TYPES["U8"], 8: _APR_Q4, 9: _APR_Q8,
    12: GGML_TYPES[12], 14: GGML_TYPES[14], 30: _BF16, 128: _APR_Q4, 129: _APR_Q8,
}  # fmt: skip

ELEMENT_TYPES: Mapping[str, ElementType] = {
    **SAFETENSORS_TYPES,
    **{kind.name: kind for kind in GGML_TYPES.values()},
    **{kind.name: kind for kind in APR_TYPES.values()},
}


class UndecodableError(Exception):
    """Values of this element type cannot be computed here; the message says why and what to install."""


def decode(content: Any, kind: ElementType) -> NDArray[Any]:
    """The elements in ``content`` (the prefix of the tensor if its type has one, whole blocks) as a flat array.

    Floats of 16 bits or fewer and quantised elements become float32; wider floats, integers and complex numbers keep
    their type, and booleans are 0 and 1 as uint8. Plain types are views into ``content``. Raises UndecodableError.
    """
    import numpy

    if kind.decoding == "numpy":
        values = numpy.frombuffer(content, dtype=kind.numpy_code)
        return values.astype(numpy.float32) if kind.name == "F16" else values
    if kind.decoding == "bfloat16":
        halves = numpy.frombuffer(content, dtype="<u2")
        return (halves.astype(numpy.uint32) << 16).view(numpy.float32)
    if kind.decoding == "float8":
        return _float8_table(kind.name)[numpy.frombuffer(content, dtype=numpy.uint8)]
    dequantise = {"gguf": _dequantised, "apr_q4": _apr_q4, "apr_q8": _apr_q8}.get(kind.decoding)
    if dequantise is not None:
        return dequantise(content, kind)
    raise UndecodableError(f"elements of type {kind.name} cannot be decoded")


def encode(values: NDArray[Any], kind: ElementType) -> bytes | None:
    """``values`` as the bytes that a file would hold for them, or None for types that cannot be written back."""
    import numpy

    flat = numpy.ascontiguousarray(values).reshape(-1)
    with numpy.errstate(all="ignore"):
        if kind.decoding == "numpy":
            return flat.astype(kind.numpy_code).tobytes()
        if kind.decoding == "bfloat16":
            return _bfloat16_bits(flat.astype(numpy.float32)).astype("<u2").tobytes()
    return None


def _bfloat16_bits(values: NDArray[Any]) -> NDArray[Any]:
    """The upper halves of float32 bit patterns, rounded to nearest even; a NaN stays a NaN."""
    import numpy

    bits = values.view(numpy.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return numpy.where(numpy.isnan(values), (bits >> 16) | 0x40, rounded)


def _dequantised(content: Any, kind: ElementType) -> NDArray[Any]:
    import numpy

    # Where the package is absent the ModuleNotFoundError says so: the bytes are not to blame.
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    blocks = numpy.frombuffer(content, dtype=numpy.uint8)
    if not blocks.size:
        return numpy.empty(0, dtype=numpy.float32)
    try:
        with numpy.errstate(all="ignore"):  # as one row: the gguf package loops over rows in Python
            values = dequantize(blocks.reshape(1, -1), GGMLQuantizationType(_GGML_NUMBERS[kind.name]))
    except (NotImplementedError, ValueError) as fault:
        raise UndecodableError(f"the installed gguf package cannot decode elements of type {kind.name}") from fault
    return numpy.asarray(values, dtype=numpy.float32).reshape(-1)


def _apr_q4(content: Any, kind: ElementType) -> NDArray[Any]:
    """Blocks of a float16 scale and 16 bytes; the low half of a byte comes first, and 8 stands for zero."""
    import numpy

    blocks = numpy.frombuffer(content, dtype=numpy.uint8).reshape(-1, kind.block_bytes)
    packed = blocks[:, 2:]
    steps = numpy.stack([packed & 15, packed >> 4], axis=-1).reshape(len(blocks), kind.block_elements)
    with numpy.errstate(all="ignore"):  # a hostile scale may be infinite or no number
        scales = blocks[:, :2].copy().view("<f2").astype(numpy.float32)
        values: NDArray[Any] = (steps.astype(numpy.float32) - 8) * scales
    return values.reshape(-1)


def _apr_q8(content: Any, kind: ElementType) -> NDArray[Any]:
    """One float32 scale for the whole tensor, then a signed byte per element."""
    import numpy

    scale = numpy.frombuffer(content, dtype="<f4", count=1)
    with numpy.errstate(all="ignore"):
        values: NDArray[Any] = numpy.frombuffer(content, dtype="|i1", offset=kind.prefix_bytes) * scale
    return values.astype(numpy.float32, copy=False)


def _float8_table(name: str) -> NDArray[Any]:
    """The 256 values of an 8-bit float.

    OCP 8-bit floating point specification 1.0, and OCP MX for E8M0. The FNUZ types ("finite, no negative zero") follow
    the StableHLO RFC "Float8E4M3FNUZ and Float8E5M2FNUZ": a bias higher by one, and the bits of -0 are the only NaN.
    """
    import numpy

    if name == "F8_E8M0":
        return numpy.array([2.0 ** (byte - 127) for byte in range(255)] + [numpy.nan], dtype=numpy.float32)
    mantissa_bits, bias = (3, 7) if name.startswith("F8_E4M3") else (2, 15)
    bias += name.endswith("FNUZ")
    positive = []
    for byte in range(128):
        exponent, mantissa = byte >> mantissa_bits, byte & ((1 << mantissa_bits) - 1)
        fraction = mantissa / (1 << mantissa_bits)
        positive.append(2.0 ** (1 - bias) * fraction if not exponent else 2.0 ** (exponent - bias) * (1 + fraction))
    if name == "F8_E4M3":
        positive[127] = numpy.nan
    elif name == "F8_E5M2":
        positive[124:] = [numpy.inf, numpy.nan, numpy.nan, numpy.nan]
    negative = [-value for value in positive]
    if name.endswith("FNUZ"):
        negative[0] = numpy.nan
    return numpy.array(positive + negative, dtype=numpy.float32)
