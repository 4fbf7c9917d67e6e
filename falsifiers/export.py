"""An export says what the checkpoint it came from says, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from falsifiable import CONFIG_FIELDS, Criterion, Model, NotApplicable, Verdict, falsifier
from falsifiers.closeness import LEAST_COSINE, RELATIVE_ERROR, beyond_rounding, cosine, likely_cause

if TYPE_CHECKING:
    import numpy as np


_SAME_SIZE = 0.05


@falsifier("export.agrees-with-checkpoint", needs="tensors", imports=("numpy",))
def agrees_with_checkpoint(
    export: Model, checkpoint: Model, *, quantised: Criterion = Criterion(at_least=0.99)
) -> Verdict:
    """Every tensor of the export is the checkpoint's tensor, to within what its stored type rounds away.

    F32 must be equal, F16 within 2^-11 of each value (half a unit in the last place of 11 bits), BF16 within 2^-8 (one
    unit of 8 bits, because exporters truncate). The quantised types are judged by cosine, each by what its blocks can
    keep at worst: Q8_0 0.9997, Q5_1 0.998, Q5_0 0.997, Q4_1 0.993, Q4_0 0.99 (derived and measured in
    ``falsifiers/closeness.py``); and by their size (the norm of all values), which a cosine does not see: 4-bit blocks
    change it by less than 1 %, and 5 % are allowed. Tensors are matched by their canonical names; the permuted query
    and key rows of a llama GGUF are put back first.

    Args:
        quantised: what the cosine of every quantised tensor must meet beside the bound of its type.
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
        close, least = cosine(found, expected), LEAST_COSINE.get(stored.dtype, -1.0)
        size = _relative_size(found, expected)
        if quantised.holds(close) and close >= least and abs(size - 1) <= _SAME_SIZE:
            return ""
        bound = f"at least {least} for {stored.dtype}" if quantised.holds(close) else str(quantised)
        return f"cosine {close:.4f}, expected {bound}, and {size:.4f} times as large; {likely_cause(found, expected)}"
    at = beyond_rounding(found, expected, stored.dtype)
    if at is None:
        return ""
    return (
        f"value at {list(at)} is {found[at]:.6g} in the export ({stored.dtype}), {expected[at]:.6g} in the checkpoint; "
        f"{likely_cause(found, expected)}"
    )


def _relative_size(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    import numpy as np

    length = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(found.astype(np.float64))) / length if length else float(not found.any())


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
def a_tensor_twice_as_large(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """A matrix that points where it should, and is twice as large: no cosine sees that."""
    return export.with_tensor(_matrix(export, "feed_forward.up"), lambda values: values * 2), checkpoint


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


_SPECIAL_IDS = ("bos", "eos", "pad")
_FLOAT32_ROUNDING = 2.0**-23  # GGUF stores the rotary base and epsilon as float32
_EPSILON_AND_BASE = ("rms_norm_eps", "rope_theta")


@falsifier("export.config-agrees")
def config_agrees(export: Model, checkpoint: Model) -> Verdict:
    """The export's configuration and special ids are those of the checkpoint, field by field.

    Equal tensors do not make an equal model: another rotary base, division into heads or epsilon loads everywhere and
    computes another function, and another end-of-sequence id never stops. Every field that both formats can state is
    compared, rotary base and epsilon to within float32; an id must be one that the checkpoint's config.json,
    generation_config.json or tokenizer names. Keys: GGUF specification; the exporter of SHIP-TWO fell back in silence
    to an epsilon of 1e-5 and a rotary base by architecture.
    """
    if not export.config.sources or not checkpoint.config.sources:
        mute = checkpoint if export.config.sources else export
        return Verdict.inconclusive(f"{mute.path}: states no size under the name {mute.architecture.stored}")
    # GGUF has no key for tying and biases: llama.cpp infers them from the tensors.
    fields = [name for name in CONFIG_FIELDS if export.config_key(name) and checkpoint.config_key(name)]
    faults = [said for name in fields if (said := _field_fault(export, checkpoint, name))]
    faults += [*_rotary_faults(export, checkpoint), *_id_faults(export, checkpoint)]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The exporter took a default, or the export was edited since",
        examined=(len(fields) + len(_SPECIAL_IDS), "fields"),
        fields_differing=len(faults),
    )


def _field_fault(export: Model, checkpoint: Model, name: str) -> str:
    """What is wrong with one field of the export, or "" where nothing is or the checkpoint does not state it."""
    found, expected = getattr(export.config, name), getattr(checkpoint.config, name)
    if name == "head_dim":  # neither format has to state it
        found, expected = export.config.derived_head_dim(), checkpoint.config.derived_head_dim()
    if expected is None or (found is None and name in ("vocab_size", "head_dim")):
        return ""
    where = export.config.sources.get(name, name)
    if found is None:
        return f"{where} is absent from the export, {expected} in the checkpoint"
    same = found == expected
    if name in _EPSILON_AND_BASE:
        same = math.isclose(found, expected, rel_tol=_FLOAT32_ROUNDING)
    return "" if same else f"{where} is {found} in the export, expected {expected} as in the checkpoint"


def _rotary_faults(export: Model, checkpoint: Model) -> Iterator[str]:
    """Rotary keys that no canonical field holds: how many values of a head turn, and whether angles are scaled."""
    size, prefix = checkpoint.config.derived_head_dim(), export.architecture.stored
    turned = export.metadata.get(f"{prefix}.rope.dimension_count")
    if isinstance(turned, int) and size is not None and turned != size:
        yield f"{prefix}.rope.dimension_count is {turned}, expected {size}, the checkpoint's size of a head"
    rope = checkpoint.metadata.get("rope_parameters") or checkpoint.metadata.get("rope_scaling")
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else "default"
    scaled = export.metadata.get(f"{prefix}.rope.scaling.type", "none")
    if checkpoint.format == "huggingface" and kind == "default" and scaled != "none":
        yield f"{prefix}.rope.scaling.type is {scaled}, expected none: the checkpoint scales no rotary position"


def _id_faults(export: Model, checkpoint: Model) -> Iterator[str]:
    for name in _SPECIAL_IDS:
        key = export.special_id_key(name)
        if key is None:
            continue
        found, named = export.metadata.get(key), _named_ids(checkpoint, name)
        if found is None and named and name == "eos":
            yield f"{key} is absent from the export, {named[0]} in the checkpoint"
        elif found is not None and named and found not in named:
            known = " or ".join(str(one) for one in dict.fromkeys(named))
            yield f"{key} is {found} in the export, expected {known} as in the checkpoint"


def _named_ids(checkpoint: Model, name: str) -> list[int]:
    """Every id that the checkpoint's files give for ``name``; generation_config.json may list several."""
    keys = (checkpoint.special_id_key(name), f"generation_config.{name}_token_id")
    stored = [checkpoint.metadata.get(key) for key in keys if key is not None]
    stored.append(getattr(checkpoint.tokenizer, f"{name}_token_id", None))
    ids = [one for value in stored for one in (value if isinstance(value, (list, tuple)) else (value,))]
    return [one for one in ids if isinstance(one, int)]


def _stated(export: Model, name: str) -> Any:
    value = getattr(export.config, name)
    if not value:
        raise NotApplicable(f"the export states no {name}")
    return value


@config_agrees.counterexample
def another_rotary_base(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """A rotary base a hundred times larger: every position turns by other angles."""
    return export.with_config(rope_theta=_stated(export, "rope_theta") * 100), checkpoint


@config_agrees.counterexample
def half_the_heads(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """Half as many heads, each twice as wide: every tensor keeps its shape."""
    return export.with_config(num_attention_heads=_stated(export, "num_attention_heads") // 2), checkpoint


@config_agrees.counterexample
def another_end_of_sequence(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """An end-of-sequence id that is a token, and not the one that the checkpoint was trained to end with."""
    named, key = _named_ids(checkpoint, "eos"), export.special_id_key("eos")
    if not named or key is None:
        raise NotApplicable("the checkpoint names no end-of-sequence id, or the export's format has no key for it")
    return export.with_metadata({key: max(named) + 1}), checkpoint
