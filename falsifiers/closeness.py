"""How close two arrays are, and in words what a difference looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

# Largest relative rounding error of one stored value: half a unit in the last place for F16 (11 significant bits), one
# whole unit for BF16 (8 bits), because exporters are found that truncate instead of rounding.
RELATIVE_ERROR = {"F64": 0.0, "F32": 0.0, "F16": 2.0**-11, "BF16": 2.0**-8}
# Half the spacing of the smallest numbers a type can store; below it the relative error says nothing.
ABSOLUTE_ERROR = {"F64": 0.0, "F32": 0.0, "F16": 2.0**-25, "BF16": 2.0**-134}
# Lowest cosine with the original that quantising may leave. Q8_0 is proven: each value is off by at most 1/254 of the
# largest in its block of 32, so the error is at most sqrt(32)/254 of the block. The others lie below what gguf 0.19
# leaves of normal random numbers (0.9993, 0.9991, 0.9970, 0.9963) and of heavy tails, Student's t with 3 degrees of
# freedom (0.9988, 0.9978, 0.9950, 0.9918). No bound is known here for the K and I types.
LEAST_COSINE = {"Q8_0": 0.9997, "Q5_1": 0.998, "Q5_0": 0.997, "Q4_1": 0.993, "Q4_0": 0.99}


def cosine(left: Array, right: Array) -> float:
    """Cosine of the angle between two arrays of the same size, in [-1, 1]; NaN where one holds a NaN or is zero."""
    import numpy as np

    first, second = np.ravel(left).astype(np.float64), np.ravel(right).astype(np.float64)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else float("nan")


def beyond_rounding(stored: Array, original: Array, dtype: str) -> tuple[int, ...] | None:
    """Index of the value that differs most beyond what storing ``original`` as ``dtype`` rounds away, or None.

    ``dtype`` must be a key of :data:`RELATIVE_ERROR`. A value that is not finite always differs.
    """
    import numpy as np

    expected = original.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        excess = np.abs(stored - expected) - (RELATIVE_ERROR[dtype] * np.abs(expected) + ABSOLUTE_ERROR[dtype])
    excess = np.where(np.isfinite(excess), excess, np.inf)
    if excess.size == 0 or float(excess.max()) <= 0.0:
        return None
    return tuple(int(axis) for axis in np.unravel_index(int(excess.argmax()), excess.shape))


def likely_cause(stored: Array, original: Array) -> str:
    """In words, how ``stored`` may have come out of ``original`` (two arrays of the same shape that differ)."""
    import numpy as np

    for whose, values in (("stored", stored), ("original", original)):
        if lost := int((~np.isfinite(values)).sum()):
            return f"{lost} of the {whose} values are not finite: overflow, or damage after training"
    if stored.ndim == 2 and _same_rows(stored, original):
        return "it holds the same rows in another order: heads or rows were permuted for another rotary layout"
    if stored.ndim == 2 and stored.shape[0] == stored.shape[1] and cosine(stored.T, original) > 0.99:
        return "it is the transpose of the original"
    close = cosine(stored, original)
    if abs(close) < 0.2:
        return f"it has nothing in common with the original (cosine {close:.4f}): another tensor, or noise"
    return f"it resembles the original (cosine {close:.6f}): an older checkpoint, or a lossier type on the way"


def _same_rows(stored: Array, original: Array) -> bool:
    import numpy as np

    first, second = (np.sort(np.linalg.norm(one.astype(np.float64), axis=1)) for one in (stored, original))
    return bool(np.allclose(first, second, rtol=1e-3)) and cosine(stored, original) < 0.999
