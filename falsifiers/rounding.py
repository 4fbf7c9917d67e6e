"""How a model came into its number format: rounded from the model that was trained, or cut off, or from another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from falsifiable import (
    NUMBER_FORMATS,
    Model,
    NotApplicable,
    RoundingReport,
    Verdict,
    falsifier,
    quantise,
    rounding_of,
)
from falsifiers.precision import Claimed, Which, chosen

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, Any]


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
    for theirs in chosen(reference, which, names):
        ours = _counterpart(reference, theirs, model)
        is_output = reference.tensors[theirs].canonical == "output"
        if ours is not None or not (is_output and reference.config.tie_word_embeddings):
            yield ours, theirs
    for ours in chosen(model, which, names):
        if _counterpart(model, ours, reference) is None:
            is_output = model.tensors[ours].canonical == "output"
            yield ours, reference.canonical_names.get("token_embedding") if is_output else None


def _counterpart(model: Model, name: str, other: Model) -> str | None:
    """What ``other`` calls the tensor that ``model`` calls ``name``; None where it has none."""
    canonical = model.tensors[name].canonical
    if canonical is not None and canonical in other.canonical_names:
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
    for name in sorted(chosen(reference, which, names), key=lambda one: reference.tensors[one].elements):
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
