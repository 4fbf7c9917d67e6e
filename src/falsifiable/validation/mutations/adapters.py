"""Mutations of low-rank adapters: what they say of themselves, and factors that were never trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts import Model
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.configurations import decoder
from falsifiable.validation.mutations.mutation import Mutation, one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Stated = dict[str, Any]

# What PEFT and MLX-LM call one thing; MLX keeps some of it under lora_parameters.
_KEYS: Mapping[str, tuple[str, str]] = {
    "base": ("base_model_name_or_path", "model"),
    "rank": ("r", "rank"),
    "scale": ("lora_alpha", "scale"),
    "targets": ("target_modules", "keys"),
}
_BELOW = "lora_parameters"


def _adapter(model: Model) -> Model:
    if decoder(model).adapter is None:
        raise NotApplicable("the model is no adapter")
    return model


def _stated(name: str, change: Callable[[Any], Any]) -> Callable[[Model, Random], Model]:
    """A mutation of one field of adapter_config.json, wherever its library keeps it."""

    def make(model: Model, _: Random) -> Model:
        metadata = _adapter(model).metadata
        for key in _KEYS[name]:
            below = metadata.get(_BELOW)
            if key in metadata:
                return model.with_metadata({key: change(metadata[key])})
            if isinstance(below, Mapping) and key in below:
                return model.with_metadata({_BELOW: {**below, key: change(below[key])}})
        raise NotApplicable(f"the adapter states no {name}")

    return make


def _one_target_fewer(targets: Any) -> Any:
    if not isinstance(targets, list) or len(targets) < 2:
        raise NotApplicable("the adapter names fewer than two target modules")
    return targets[1:]


def _zeroed(model: Model, random: Random) -> Model:
    pairs = _adapter(model).low_rank_pairs
    first, second = pairs[one_of(random, dict(pairs), "pair of factors")]
    stepped = [name for name in (first, second) if model.fingerprint(name).zero_share < 1.0]
    return model.with_tensor(one_of(random, stepped, "factor that is not zero already"), _zeros)


def _zeros(values: NDArray[Any]) -> NDArray[Any]:
    return values * 0


_OF_ITS_RUN = "What the adapter says of itself is what the run recorded and what its tensors are"

ADAPTER_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("adapter-base-changed", "model", "an adapter of another base model", _OF_ITS_RUN,
             _stated("base", lambda base: f"{base}-of-another")),
    Mutation("adapter-rank-changed", "model", "twice the rank in the configuration", _OF_ITS_RUN,
             _stated("rank", lambda rank: rank * 2)),
    Mutation("adapter-scale-changed", "model", "twice the scale in the configuration", _OF_ITS_RUN,
             _stated("scale", lambda scale: scale * 2)),
    Mutation("adapter-target-missing", "model", "a target module that the configuration leaves out", _OF_ITS_RUN,
             _stated("targets", _one_target_fewer)),
    Mutation("adapter-factor-zeroed", "model", "a factor that was never stepped",
             "Every factor that training moves was moved", _zeroed),
)  # fmt: skip
