"""An export says what the checkpoint it came from says, number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falsifiable import Criterion, Model, NotApplicable, Verdict, falsifier
from falsifiers.closeness import RELATIVE_ERROR, beyond_rounding, cosine, likely_cause

if TYPE_CHECKING:
    import numpy as np


@falsifier("export.agrees-with-checkpoint", needs="tensors", imports=("numpy",))
def agrees_with_checkpoint(
    export: Model, checkpoint: Model, *, quantised: Criterion = Criterion(at_least=0.99)
) -> Verdict:
    """Every tensor of the export is the checkpoint's tensor, to within what its stored type rounds away.

    F32 must be equal, F16 within 2^-11 of each value (half a unit in the last place of 11 bits), BF16 within 2^-8; the
    quantised types are judged by cosine. Tensors are matched by their canonical names; the permuted query and key rows
    of a llama GGUF are put back first.

    Args:
        quantised: what the cosine of every quantised tensor must meet. 4-bit blocks of random weights keep 0.995.
    """
    theirs, ours = checkpoint.canonical_names, export.canonical_names
    # An output that a tied checkpoint shares with its embedding may be stored a second time, or not at all.
    names = [name for name in theirs if name != "output" or name in ours or not checkpoint.config.tie_word_embeddings]
    wrong = [(name, said) for name in names if (said := _difference(export, checkpoint, name, quantised))]
    extra = [name for name in ours if name not in theirs and name != "output"]
    if "output" in ours and "output" not in theirs:
        extra += ["output"] if not _is_embedding(export) else []
    found = ""
    if wrong:
        found = f"tensor {wrong[0][0]}: {wrong[0][1]} ({len(wrong)} of {len(names)} tensors differ)"
    elif extra:
        found = f"tensor {extra[0]} is in the export and not in the checkpoint; the export came from another one"
    return Verdict.of(
        not found, found=found, examined=(len(names), "tensors"), tensors_differing=len(wrong), tensors_extra=len(extra)
    )


def _difference(export: Model, checkpoint: Model, name: str, quantised: Criterion) -> str:
    """What is wrong with one tensor of the export, or "" where nothing is."""
    if not export.has_tensor(name):
        return "is in the checkpoint and missing from the export"
    stored, original = export.tensor(name), checkpoint.tensor(name)
    if tuple(stored.shape) != tuple(original.shape):
        return f"shape {list(stored.shape)} in the export, {list(original.shape)} in the checkpoint"
    found, expected = stored.numpy(), original.numpy()
    if stored.dtype not in RELATIVE_ERROR:
        close = cosine(found, expected)
        return (
            ""
            if quantised.holds(close)
            else f"cosine {close:.4f}, expected {quantised}; {likely_cause(found, expected)}"
        )
    at = beyond_rounding(found, expected, stored.dtype)
    if at is None:
        return ""
    return (
        f"value at {list(at)} is {found[at]:.6g} in the export ({stored.dtype}), {expected[at]:.6g} in the checkpoint; "
        f"{likely_cause(found, expected)}"
    )


def _is_embedding(export: Model) -> bool:
    import numpy as np

    return bool(np.array_equal(export.tensor("output").numpy(), export.tensor("token_embedding").numpy()))


def _matrix(export: Model, ending: str) -> str:
    name = next((name for name in export.canonical_names if name.endswith(ending)), None)
    if name is None:
        raise NotApplicable(f"the export has no tensor {ending}")
    return name


@agrees_with_checkpoint.counterexample
def a_tensor_of_noise(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """A matrix replaced by random numbers of the same spread."""
    return export.with_tensor(_matrix(export, "feed_forward.up"), _noise), checkpoint


def _noise(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    random = np.random.default_rng(0).normal(0.0, float(values.std()), values.shape)
    noise: np.ndarray[Any, Any] = random.astype(np.float32)
    return noise


@agrees_with_checkpoint.counterexample
def query_heads_permuted(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """The first query head moved to the end: the same numbers in another order."""
    heads = export.config.num_attention_heads
    if heads is None or heads < 2:
        raise NotApplicable(f"{heads} heads cannot be put in another order")
    name = _matrix(export, "attention.query")
    rows = export.tensor(name).shape[0] // heads
    return export.with_tensor(name, lambda values: _rolled(values, rows)), checkpoint


def _rolled(values: np.ndarray[Any, Any], rows: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.roll(values, rows, axis=0)


@agrees_with_checkpoint.counterexample
def a_tensor_left_out(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """An export without one of the checkpoint's matrices."""
    return export.without_tensor(_matrix(export, "attention.value")), checkpoint


@agrees_with_checkpoint.counterexample
def one_value_off(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """A single value of a norm that is a thousandth too large."""
    return export.with_tensor("final_norm", _first_value_larger), checkpoint


def _first_value_larger(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    changed = values.copy()
    changed.flat[0] = changed.flat[0] * 1.001 + 1e-3
    return changed
