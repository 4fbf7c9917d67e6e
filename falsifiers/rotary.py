"""Rotary positions: what a file states about them fits together, and fits the file it was made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from falsifiable import Model, NotApplicable, Verdict, falsifier

_FLOAT32_ROUNDING = 2.0**-23  # GGUF stores the rotary base as float32
# Kind of scaling -> what it needs to be computed (transformers, modeling_rope_utils.ROPE_INIT_FUNCTIONS).
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "none": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "longrope": ("short_factor", "long_factor"),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


@dataclass(frozen=True, slots=True)
class Rotary:
    """What a file states: base, how many values of a head are turned, kind of scaling, and its settings.

    ``bases`` and ``kinds`` hold every statement of the one thing, by the key that makes it.
    """

    bases: Mapping[str, float]
    dimension: int | None
    dimension_key: str
    kinds: Mapping[str, str]
    scaling: Mapping[str, Any]

    @property
    def base(self) -> float | None:
        """The base, by the first key that states one."""
        return next(iter(self.bases.values()), None)

    @property
    def kind(self) -> str:
        """``default`` where positions are not scaled."""
        first = next(iter(self.kinds.values()), "default")
        return "default" if first == "none" else first


@falsifier("attention.rope-settings")
def rope_settings(model: Model, original: Model | None = None) -> Verdict:
    """Base, dimension and scaling of rotary positions are stated, do not contradict each other, and are the original's.

    A wrong base leaves a model that speaks well at the first positions and falls apart further on, so that no short
    test shows it. With ``original`` bound, every setting must be the same there: an exporter that leaves out the base
    gets the 10,000 of the client.
    """
    stated = rotary_of(model)
    if stated is None or not stated.bases:
        return Verdict.inconclusive(f"{model.path}: {_why_none(model)}")
    faults = [*_contradictions(stated), *_impossible(stated, model.config.derived_head_dim())]
    compared = 3
    if original is not None and (source := rotary_of(original)) is not None and source.bases:
        faults += _other_than(stated, source, model, original)
        compared += 3
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". Positions are turned by other angles than in training",
        examined=(compared, "settings"),
        rope_theta=stated.base,
        dimension=stated.dimension,
        scaling=stated.kind,
    )


def _why_none(model: Model) -> str:
    if model.has_tensor("position_embedding"):
        return "its positions are learnt and not rotary"
    key = model.config_key("rope_theta")
    return f"states no rotary base ({key}), or one for each kind of layer; nothing to compare"


def rotary_of(model: Model) -> Rotary | None:
    """What ``model`` states about rotary positions; None where it is in a form that is not read here."""
    return _of_gguf(model) if model.format == "gguf" else _of_config(model)


def _of_gguf(model: Model) -> Rotary:
    prefix = f"{model.architecture.stored}.rope."
    kind = model.metadata.get(prefix + "scaling.type")
    names = {"factor": "factor", "original_context_length": "original_max_position_embeddings"}
    scaling = {
        name: model.metadata[f"{prefix}scaling.{key}"]
        for key, name in names.items()
        if f"{prefix}scaling.{key}" in model.metadata
    }
    dimension = model.metadata.get(prefix + "dimension_count")
    return Rotary(
        _numbers({prefix + "freq_base": model.metadata.get(prefix + "freq_base")}),
        dimension if isinstance(dimension, int) else model.config.derived_head_dim(),
        prefix + "dimension_count",
        {prefix + "scaling.type": kind} if isinstance(kind, str) else {},
        scaling,
    )


def _of_config(model: Model) -> Rotary | None:
    blocks: dict[str, Mapping[str, Any]] = {}
    for key in ("rope_parameters", "rope_scaling"):
        block = model.metadata.get(key)
        if isinstance(block, Mapping):
            blocks[key] = block
    if any(isinstance(one, Mapping) for block in blocks.values() for one in block.values()):
        return None  # settings for each kind of layer
    bases: dict[str, Any] = {"rope_theta": model.metadata.get("rope_theta")}
    kinds: dict[str, str] = {}
    scaling: dict[str, Any] = {}
    for key, settings in blocks.items():
        bases[f"{key}.rope_theta"] = settings.get("rope_theta")
        kind = settings.get("rope_type", settings.get("type"))
        if isinstance(kind, str):
            kinds[f"{key}.rope_type"] = kind
        scaling |= {name: value for name, value in settings.items() if value is not None}
    head, share = model.config.derived_head_dim(), model.metadata.get("partial_rotary_factor", 1.0)
    turned = None if head is None or not isinstance(share, (int, float)) else int(head * share)
    return Rotary(_numbers(bases), turned, "head_dim", kinds, scaling)


def _numbers(stated: Mapping[str, object]) -> dict[str, float]:
    return {
        key: float(one) for key, one in stated.items() if isinstance(one, (int, float)) and not isinstance(one, bool)
    }


def _contradictions(stated: Rotary) -> Iterator[str]:
    """Two keys that state one thing differently: readers differ in which they follow."""
    for values in (stated.bases, stated.kinds):
        first, *others = values.items() or [("", None)]
        for key, value in others:
            if value != first[1]:
                yield f"{first[0]} is {first[1]} and {key} is {value}"


def _impossible(stated: Rotary, head_dim: int | None) -> Iterator[str]:
    for key, base in stated.bases.items():
        if not (math.isfinite(base) and base > 1):
            yield f"{key} is {base}, expected more than 1"
    turned = stated.dimension
    if turned is not None and (turned <= 0 or turned % 2):
        yield f"{stated.dimension_key} is {turned}, expected an even number: positions turn pairs of values"
    if turned is not None and head_dim is not None and turned > head_dim:
        yield f"{stated.dimension_key} is {turned}, but a head has {head_dim} values"
    if stated.kind not in _NEEDED:
        yield f"scaling is of kind {stated.kind!r}, expected one of {', '.join(_NEEDED)}"
    absent = [name for name in _NEEDED.get(stated.kind, ()) if name not in stated.scaling]
    if absent:
        yield f"scaling of kind {stated.kind} lacks {', '.join(absent)}"
    factor = stated.scaling.get("factor")
    if isinstance(factor, (int, float)) and not factor >= 1:
        yield f"scaling by a factor of {factor}, expected at least 1"


def _other_than(stated: Rotary, source: Rotary, model: Model, original: Model) -> Iterator[str]:
    here, there = model.path.name, original.path.name
    if not math.isclose(stated.base or 0, source.base or 0, rel_tol=_FLOAT32_ROUNDING):
        yield f"the rotary base is {stated.base:g} in {here} and {source.base:g} in {there}"
    if None not in (stated.dimension, source.dimension) and stated.dimension != source.dimension:
        yield f"{stated.dimension} values of a head are turned in {here} and {source.dimension} in {there}"
    if stated.kind != source.kind:
        yield f"positions are scaled by {stated.kind} in {here} and by {source.kind} in {there}"
    for name in ("factor", "original_max_position_embeddings"):
        one, other = stated.scaling.get(name), source.scaling.get(name)
        if one is not None and other is not None and one != other:
            yield f"scaling has {name} {one} in {here} and {other} in {there}"


@rope_settings.counterexample
def a_base_that_is_no_base(model: Model, _original: Model | None = None) -> Model:
    """A base of zero, as an exporter writes what it did not find."""
    if model.config.rope_theta is None:
        raise NotApplicable("the model states no rotary base")
    return model.with_config(rope_theta=0.0)


@rope_settings.counterexample
def scaling_without_its_factor(model: Model, _original: Model | None = None) -> Model:
    """Positions said to be scaled, and not by how much."""
    if model.format == "gguf":
        return model.with_metadata({f"{model.architecture.stored}.rope.scaling.type": "linear"})
    key = "rope_parameters" if isinstance(model.metadata.get("rope_parameters"), Mapping) else "rope_scaling"
    before = model.metadata.get(key)
    kept = {name: one for name, one in before.items() if name != "factor"} if isinstance(before, Mapping) else {}
    return model.with_metadata({key: {**kept, "rope_type": "linear"}})


@rope_settings.counterexample
def an_odd_number_of_values(model: Model, _original: Model | None = None) -> Model:
    """Heads of an odd size, whose values cannot be paired."""
    if model.format == "gguf":
        return model.with_metadata({f"{model.architecture.stored}.rope.dimension_count": 7})
    return model.with_config(head_dim=7)


@rope_settings.counterexample
def the_clients_default_base(model: Model, original: Model | None = None) -> tuple[Model, Model]:
    """The base that clients take where a file states none, beside a file that states the right one."""
    if model.config.rope_theta is None:
        raise NotApplicable("the model states no rotary base")
    source = model if original is None or original.config.rope_theta is None else original
    return model.with_config(rope_theta=5e5 if source.config.rope_theta == 1e4 else 1e4), source
