"""The numbers in the weights: finite, and not all the same."""

from __future__ import annotations

from typing import Any

from falsifiable import Criterion, Model, Verdict, falsifier


@falsifier("weights.finite", needs="fingerprints")
def finite(model: Model) -> Verdict:
    """No weight is NaN or infinite. llama.cpp loads such a file in silence and generates nothing."""
    broken = [(name, one) for name, one in model.fingerprints.items() if not one.finite]
    found = ""
    if broken:
        name, one = broken[0]
        found = (
            f"tensor {name}: {one.nonfinite} values are NaN or infinite, the first at index {one.first_nonfinite} "
            f"({len(broken)} of {len(model.fingerprints)} tensors); training diverged, or the file was damaged"
        )
    return Verdict.of(
        not broken,
        found=found,
        examined=(len(model.fingerprints), "tensors"),
        nonfinite_values=sum(one.nonfinite for _, one in broken),
    )


@finite.counterexample
def one_value_lost(model: Model) -> Model:
    """A single NaN in the middle of one tensor."""
    return model.with_tensor(_a_tensor(model), _with_nan)


def _with_nan(values: Any) -> Any:
    changed = values.copy()
    changed.flat[changed.size // 2] = float("nan")
    return changed


@falsifier("weights.not-degenerate", needs="fingerprints")
def not_degenerate(model: Model, *, zero_share: Criterion = Criterion(below=0.8)) -> Verdict:
    """No matrix is constant or mostly zeros. Vectors may be: a fresh norm is all ones, a fresh bias all zeros.

    Args:
        zero_share: what the share of exact zeros in every matrix must meet; below 0.8 is the bound of the reference
            data-quality contract for weights.
    """
    matrices = {name: one for name, one in model.fingerprints.items() if len(model.tensors[name].shape) >= 2}
    constant = [name for name, one in matrices.items() if one.constant]
    empty = [name for name, one in matrices.items() if not zero_share.holds(one.zero_share)]
    found = ""
    if constant:
        one = matrices[constant[0]]
        found = f"tensor {constant[0]}: every value is {one.minimum}; it was never initialised, or overwritten"
    elif empty:
        share = matrices[empty[0]].zero_share
        found = (
            f"tensor {empty[0]}: {share:.1%} of the values are zero, expected a share {zero_share}; it was not filled"
        )
    return Verdict.of(
        not found,
        found=found,
        examined=(len(matrices), "matrices"),
        highest_zero_share=max((one.zero_share for one in matrices.values()), default=None),
    )


@not_degenerate.counterexample
def a_matrix_of_one_value(model: Model) -> Model:
    """A matrix that was allocated and never filled."""
    return model.with_tensor(_a_matrix(model), lambda values: values * 0 + 1)


@not_degenerate.counterexample
def a_matrix_nearly_empty(model: Model) -> Model:
    """A matrix of which one value in a hundred was filled."""
    return model.with_tensor(_a_matrix(model), _nearly_empty)


def _nearly_empty(values: Any) -> Any:
    changed = values * 0
    changed.flat[::100] = 1.0
    return changed


def _a_tensor(model: Model) -> str:
    return min(model.tensors, key=lambda name: model.tensors[name].nbytes)


def _a_matrix(model: Model) -> str:
    return min(
        (name for name, one in model.tensors.items() if len(one.shape) >= 2),
        key=lambda name: model.tensors[name].nbytes,
    )
