"""Number formats: what a model is called, and what the bits of its values say.

A tensor "in BF16" may be one that nobody ever cast, one that was cast and trained on in 32 bits, or one that came
through 8 bits on its way; loaded into 32-bit floats all of them look alike. The bits of the values tell them apart;
``falsifiers/rounding.py`` tells, beside the tensors they were made from, whether they were rounded or cut off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from falsifiable import (
    NUMBER_FORMATS,
    Model,
    NotApplicable,
    Representation,
    Verdict,
    falsifier,
    representation,
)

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, Any]

Claimed = Literal["FP32", "FP16", "BF16", "FP8E4M3", "FP8E5M2", "DLFLOAT", "GF16-bias15", "GF16-bias60"]
Which = Literal["matrices", "all"]

# The type under which files keep a format; DLFloat and GF16 have none and lie in wider ones.
_STORED_AS: Mapping[str, str] = {
    "FP32": "F32",
    "FP16": "F16",
    "BF16": "BF16",
    "FP8E4M3": "F8_E4M3",
    "FP8E5M2": "F8_E5M2",
}
# Positions and masks. Other whole numbers are weights that were quantised and packed.
_NO_WEIGHTS = ("I64", "BOOL")
# So many values that have all lost their last bit by chance: once in 2^64 tensors.
_TELLING = 64


@dataclass(frozen=True, slots=True)
class _Judged:
    """A tensor in the claimed format, by the type that its file declares and by the bits of its values."""

    name: str
    shape: tuple[int, ...]
    stored: str
    found: Representation


@falsifier("precision.as-named", needs="tensors", imports=("numpy",))
def as_named(
    model: Model,
    *,
    claimed: Claimed,
    which: Which = "matrices",
    names: tuple[str, ...] = (),
    stored: Literal["as-named", "any"] = "any",
    narrower: Literal["refused", "accepted"] = "refused",
) -> Verdict:
    """Every value is a number of the format that the model is said to be in, and all of its mantissa is used.

    The bits of each value decide, whatever type holds it: BF16 in a file of 32-bit floats is BF16 if the lower 16 bits
    of every value are zero. A tensor that needs fewer mantissa bits than the format has came through a narrower one:
    that a tensor of 64 values lost its last bit by chance happens once in 2^64.

    Args:
        claimed: the format by its name. GF16 has two definitions, which differ in the bias of the exponent.
        which: matrices alone, as most exporters leave norms and biases in 32 bits, or all tensors of floats.
        names: patterns such as `*.mlp.*` of the tensors that are claimed, by stored or canonical name; empty for all.
        stored: whether the file, too, must declare the format as the tensor's type.
        narrower: whether tensors may need fewer mantissa bits than the format has, as those of ternary models do.
    """
    if stored == "as-named" and claimed not in _STORED_AS:
        return Verdict.inconclusive(
            f"{model.path}: no file keeps {claimed} under a type of its own; leave `stored` out, and the values decide"
        )
    judged = [_judged(model, name, claimed) for name in chosen(model, which, names)]
    faults = [said for one in judged if (said := _fault(one, claimed, stored, narrower))]
    if not faults and narrower == "refused":
        faults = [said for said in (_narrow_throughout(judged, claimed),) if said]
    return Verdict.of(
        not faults,
        found=f"{faults[0] if faults else ''} ({len(faults)} of {len(judged)} tensors at fault)",
        examined=(sum(one.found.examined for one in judged), "values"),
        tensors=len(judged),
        values_outside=sum(one.found.outside for one in judged),
        mantissa_bits=max((one.found.mantissa_bits for one in judged), default=None),
        stored_as=", ".join(sorted({one.stored for one in judged})),
    )


def chosen(model: Model, which: Which, names: tuple[str, ...]) -> Iterator[str]:
    """Stored names of the tensors that a claim is about."""
    for name, info in model.tensors.items():
        known = [name] if info.canonical is None else [name, info.canonical]
        named = not names or any(fnmatchcase(one, pattern) for one in known for pattern in names)
        if named and (which == "all" or len(info.shape) >= 2) and info.dtype not in _NO_WEIGHTS:
            yield name


def _judged(model: Model, name: str, claimed: Claimed) -> _Judged:
    tensor = model.tensor(name)
    return _Judged(name, tensor.shape, tensor.dtype, representation(tensor.numpy(), NUMBER_FORMATS[claimed]))


def _fault(one: _Judged, claimed: Claimed, stored: str, narrower: str) -> str:
    """What speaks against a tensor, or "" where nothing does."""
    target, found = NUMBER_FORMATS[claimed], one.found
    if one.stored.lstrip("UI").isdigit():
        return f"tensor {one.name}: stored as {one.stored}, whole numbers; its weights were quantised and packed"
    if found.first is not None:
        return (
            f"tensor {one.name}: {_misfit(one, claimed)} ({found.outside} of {found.examined} values are no {claimed})"
            "; it was never cast, or trained on in a wider format since"
        )
    if stored == "as-named" and one.stored != _STORED_AS[claimed]:
        return f"tensor {one.name}: stored as {one.stored}, expected {_STORED_AS[claimed]}, {target.width} bits a value"
    if narrower == "refused" and found.examined >= _TELLING and 0 < found.mantissa_bits < target.mantissa_bits:
        return (
            f"tensor {one.name}: its {found.examined} values need {found.mantissa_bits} mantissa bits, {claimed} has "
            f"{target.mantissa_bits}; it came through a narrower format"
        )
    return ""


def _misfit(one: _Judged, claimed: Claimed) -> str:
    """The first value that the format does not have: where it lies, and what the format has next to it."""
    assert one.found.first is not None  # noqa: S101 - for the type checker
    place, value, nearest = one.found.first
    near = "has nothing so large" if not math.isfinite(nearest) else f"has {nearest:.9g} next to it"
    return f"value {place} (at {_place(place, one.shape)}) is {value:.9g}, and {claimed} {near}"


def _place(flat: int, shape: tuple[int, ...]) -> list[int]:
    """The index of a value by rows."""
    place: list[int] = []
    for size in reversed(shape):
        flat, here = divmod(flat, size)
        place.insert(0, here)
    return place


def _narrow_throughout(judged: list[_Judged], claimed: Claimed) -> str:
    """What speaks against all tensors together: each may be all zeros and ones, and not every one of them."""
    values = sum(one.found.examined for one in judged)
    needed = max((one.found.mantissa_bits for one in judged), default=0)
    if values < _TELLING or needed >= NUMBER_FORMATS[claimed].mantissa_bits:
        return ""
    return (
        f"no value of any tensor needs more than {needed} mantissa bits, {claimed} has "
        f"{NUMBER_FORMATS[claimed].mantissa_bits}; the model came through a narrower format"
    )


def _a_chosen(model: Model, which: Which, names: tuple[str, ...], *, least: int = 1) -> str:
    """The smallest claimed tensor of at least so many values."""
    large = [name for name in chosen(model, which, names) if model.tensors[name].elements >= least]
    if not large:
        raise NotApplicable(f"no claimed tensor has {least} values")
    return min(large, key=lambda name: model.tensors[name].elements)


@as_named.counterexample
def one_value_in_more_bits(model: Model, *, which: Which, names: tuple[str, ...]) -> Model:
    """A single value that was written later, with all the bits that a wider format has."""
    return model.with_tensor(_a_chosen(model, which, names), _with_one_third)


def _with_one_third(values: Values) -> Values:
    changed = values.astype("float64")
    changed.flat[changed.size // 2] = 1 / 3
    return changed


@as_named.counterexample
def trained_on_since_the_cast(model: Model, *, which: Which, names: tuple[str, ...]) -> Model:
    """A tensor that was cast, and then decayed by an optimiser in more bits."""
    return model.with_tensor(
        _a_chosen(model, which, names), lambda values: values.astype("float64") * (1 - 1e-5) + 1e-9
    )


@as_named.counterexample
def through_a_narrower_format(
    model: Model, *, claimed: Claimed, which: Which, names: tuple[str, ...], narrower: str
) -> Model:
    """A tensor whose values have all lost the last bit of their mantissa."""
    if narrower == "accepted":
        raise NotApplicable("narrower tensors are accepted")
    kept = NUMBER_FORMATS[claimed].mantissa_bits - 1
    return model.with_tensor(_a_chosen(model, which, names, least=_TELLING), lambda values: _shortened(values, kept))


def _shortened(values: Values, mantissa_bits: int) -> Values:
    import numpy as np

    fraction, exponent = np.frexp(values.astype(np.float64))
    scale = 2.0 ** (mantissa_bits + 1)
    return np.asarray(np.ldexp(np.trunc(fraction * scale) / scale, exponent))


@as_named.counterexample
def declared_as_another_type(model: Model, *, which: Which, names: tuple[str, ...]) -> Model:
    """A tensor whose bytes the header declares to be of another type of the same width."""
    others = {"F32": "I32", "BF16": "F16", "F16": "BF16", "F8_E4M3": "F8_E5M2", "F8_E5M2": "F8_E4M3"}
    name = _a_chosen(model, which, names)
    if model.tensors[name].dtype not in others:
        raise NotApplicable(f"no other type is as wide as {model.tensors[name].dtype}")
    return model.with_dtype(name, others[model.tensors[name].dtype])
