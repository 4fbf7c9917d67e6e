"""Number formats: what a model is called, and what the bits of its values say.

A tensor "in BF16" may be one that nobody ever cast, one that was cast and trained on in 32 bits, or one that came
through 8 bits on its way; loaded into 32-bit floats all of them look alike. The bits of the values tell them apart, and
beside the tensors they were made from also whether they were rounded or cut off.
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
    RoundingReport,
    Verdict,
    falsifier,
    quantise,
    representation,
    rounding_of,
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
    judged = [_judged(model, name, claimed) for name in _chosen(model, which, names)]
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


def _chosen(model: Model, which: Which, names: tuple[str, ...]) -> Iterator[str]:
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
    large = [name for name in _chosen(model, which, names) if model.tensors[name].elements >= least]
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


@falsifier("precision.rounded-to-nearest-even", needs="tensors", imports=("numpy",))
def rounded_to_nearest_even(
    model: Model,
    reference: Model,
    *,
    claimed: Claimed,
    which: Which = "matrices",
    names: tuple[str, ...] = (),
    others: Literal["unchanged", "any"] = "any",
) -> Verdict:
    """Every value is that of the reference model, rounded to the nearest number of the format, ties to even.

    Cutting bits off instead moves every value towards zero, by half a unit in the last place on average, and a model
    that was cut is not the one that was judged. Tensors are matched by canonical names, or stored ones where they have
    none, and must be the same ones. What is too large for the format may be infinite, NaN or its largest number: all
    are in use.

    Args:
        claimed: the format that the model was rounded to.
        which: matrices alone, as most exporters leave norms and biases in 32 bits, or all tensors of floats.
        names: patterns such as `*.mlp.*` of the tensors that are claimed, by stored or canonical name; empty for all.
        others: whether tensors that are not claimed, such as norms, must be the reference's to the last bit.
    """
    found = dict(_roundings(model, reference, claimed, which, names))
    if others == "unchanged":
        found |= {name: said for name, said in _changes(model, reference) if name not in found}
    reports = [one for one in found.values() if not isinstance(one, str)]
    faults = [f"tensor {name}: {said}" for name, one in found.items() if (said := _rounding_fault(one, claimed))]
    measured = {
        "tensors": len(found),
        "telling": sum(one.informative for one in reports),
        "not_nearest_even": sum(one.mismatches["nearest-even"] for one in reports),
        "not_truncation": sum(one.mismatches["truncation"] for one in reports),
    }
    if reports and not faults and not measured["telling"]:
        return Verdict.inconclusive(
            f"{reference.path}: every value is a {claimed} already, so that rounding changes none; name the model that "
            "was rounded",
            **measured,
        )
    return Verdict.of(
        not faults,
        found=f"{faults[0] if faults else ''} ({len(faults)} of {len(found)} tensors differ)",
        examined=(sum(one.examined for one in reports) or len(found), "values" if reports else "tensors"),
        **measured,
    )


def _roundings(
    model: Model, reference: Model, claimed: Claimed, which: Which, names: tuple[str, ...]
) -> Iterator[tuple[str, RoundingReport | str]]:
    """Every claimed tensor by its name in the model, or in the reference alone, and how it was rounded."""
    for ours, theirs in _pairs(model, reference, which, names):
        yield ours or theirs or "", _rounding(model, ours, reference, theirs, claimed)


def _changes(model: Model, reference: Model) -> Iterator[tuple[str, str]]:
    """Every tensor that is not the reference's to the last bit, and how it differs."""
    for ours, theirs in _pairs(model, reference, "all", ()):
        if said := _change(model, ours, reference, theirs):
            yield ours or theirs or "", said


def _pairs(
    model: Model, reference: Model, which: Which, names: tuple[str, ...]
) -> Iterator[tuple[str | None, str | None]]:
    """What the model and the reference call each claimed tensor; None where one of them has no such tensor.

    An output that a tied reference shares with its embedding may be stored again, or left out.
    """
    for theirs in _chosen(reference, which, names):
        ours = _counterpart(reference, theirs, model)
        is_output = reference.tensors[theirs].canonical == "output"
        if ours is not None or not (is_output and reference.config.tie_word_embeddings):
            yield ours, theirs
    for ours in _chosen(model, which, names):
        if _counterpart(model, ours, reference) is None:
            is_output = model.tensors[ours].canonical == "output"
            yield ours, reference.canonical_names.get("token_embedding") if is_output else None


def _counterpart(model: Model, name: str, other: Model) -> str | None:
    """What ``other`` calls the tensor that ``model`` calls ``name``; None where it has none."""
    canonical = model.tensors[name].canonical
    if canonical in other.canonical_names:
        return other.canonical_names[canonical]
    return name if name in other.tensors else None


def _rounding(
    model: Model, ours: str | None, reference: Model, theirs: str | None, claimed: Claimed
) -> RoundingReport | str:
    """How a tensor was rounded, or why that cannot be asked."""
    if ours is None or theirs is None:
        return _lacking(ours)
    rounded, original = model.tensor(ours), reference.tensor(theirs)
    if rounded.shape != original.shape:
        return f"shape {list(rounded.shape)} in the model, {list(original.shape)} in the reference"
    return rounding_of(original.numpy(), rounded.numpy(), NUMBER_FORMATS[claimed])


def _lacking(ours: str | None) -> str:
    has, lacks = ("reference", "model") if ours is None else ("model", "reference")
    return f"is in the {has} and missing from the {lacks}"


def _change(model: Model, ours: str | None, reference: Model, theirs: str | None) -> str:
    """How a tensor that is not claimed differs from the reference's, or ""."""
    import numpy as np

    if ours is None or theirs is None:
        return _lacking(ours)
    kept, original = model.tensor(ours).numpy(), reference.tensor(theirs).numpy()
    if np.array_equal(kept, original, equal_nan=kept.dtype.kind == original.dtype.kind == "f"):
        return ""
    return "is not claimed to be rounded, and its values are not those of the reference"


def _rounding_fault(one: RoundingReport | str, claimed: Claimed) -> str:
    if isinstance(one, str):
        return one
    if one.first is None:
        return ""
    place, before, after, expected = one.first
    ways = {"truncation": "its bits were cut off", "nearest-away": "ties went away from zero"}
    cause = next((ways[way] for way in one.explained_by if way in ways), "it was made from other values, or otherwise")
    return (
        f"value {place} is {after:.9g}, and {before:.9g} rounded to {claimed} is {expected:.9g} "
        f"({one.mismatches['nearest-even']} of {one.examined} values); {cause}"
    )


def _a_pair(model: Model, reference: Model, which: Which, names: tuple[str, ...]) -> tuple[str, Values]:
    """The model's name of the smallest claimed tensor of both, and its values in the reference."""
    for name in sorted(_chosen(reference, which, names), key=lambda one: reference.tensors[one].elements):
        ours = _counterpart(reference, name, model)
        if ours is not None and reference.tensors[name].elements:
            return ours, reference.tensor(name).numpy()
    raise NotApplicable("no claimed tensor is in both models")


@rounded_to_nearest_even.counterexample
def bits_cut_off(
    model: Model, reference: Model, *, claimed: Claimed, which: Which, names: tuple[str, ...]
) -> tuple[Model, Model]:
    """A tensor of which the bits that the format lacks were dropped."""
    name, values = _a_pair(model, reference, which, names)
    cut = quantise(values, NUMBER_FORMATS[claimed], "truncation")
    if not (cut != quantise(values, NUMBER_FORMATS[claimed])).any():
        raise NotApplicable("dropping bits gives what rounding gives")
    return model.with_tensor(name, lambda _values: cut), reference


@rounded_to_nearest_even.counterexample
def one_value_rounded_up(
    model: Model, reference: Model, *, claimed: Claimed, which: Which, names: tuple[str, ...]
) -> tuple[Model, Model]:
    """A single value that is the next number of the format."""
    name, _ = _a_pair(model, reference, which, names)
    step = 1 + 2.0 ** -NUMBER_FORMATS[claimed].mantissa_bits
    return model.with_tensor(name, lambda values: _with_one_value_larger(values, step)), reference


def _with_one_value_larger(values: Values, step: float) -> Values:
    changed = values.astype("float64")
    place = int(abs(changed).argmax())
    changed.flat[place] *= step
    return changed


@rounded_to_nearest_even.counterexample
def rounded_from_another_checkpoint(
    model: Model, reference: Model, *, claimed: Claimed, which: Which, names: tuple[str, ...]
) -> tuple[Model, Model]:
    """A tensor rounded as it should be, from values a tenth larger."""
    name, values = _a_pair(model, reference, which, names)
    other = quantise(values.astype("float64") * 1.1, NUMBER_FORMATS[claimed])
    return model.with_tensor(name, lambda _values: other), reference


@rounded_to_nearest_even.counterexample
def a_tensor_left_out(model: Model, reference: Model, *, which: Which, names: tuple[str, ...]) -> tuple[Model, Model]:
    """A model without one of the reference's tensors."""
    return model.without_tensor(_a_pair(model, reference, which, names)[0]), reference
