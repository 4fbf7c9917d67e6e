"""What an adapter says of itself, whichever library wrote it: its base model, its rank and scale, what it adapts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Metadata = Mapping[str, object]

_LAYER = re.compile(r"\.(\d{1,6})\.(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """The configuration of a low-rank adapter under one set of names; what is not stated is None, or an empty tuple.

    ``targets`` are the modules it adapts: the ends of their names. ``layers`` are the numbers of the layers it is
    limited to; ``last_layers`` says, in MLX, that it is the last so many. ``iteration`` is the step it was saved at.
    """

    base: str | None = None
    rank: int | None = None
    scale: float | None = None
    targets: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    last_layers: int | None = None
    iteration: int | None = None

    def layers_of(self, count: int) -> tuple[int, ...]:
        """The layers it adapts in a base model of ``count`` layers."""
        if self.layers is not None:
            return self.layers
        every = tuple(range(count))
        return every if self.last_layers is None or self.last_layers < 0 else every[max(0, count - self.last_layers) :]

    def adapts(self, module: str, count: int) -> bool:
        """Whether it adapts a module, by its Hugging Face name, of a base model of ``count`` layers."""
        in_layer = _LAYER.search(module)
        if in_layer is None:
            return self.layers is None and self.last_layers is None and self._targets(module)
        return int(in_layer[1]) in self.layers_of(count) and self._targets(module)

    def _targets(self, module: str) -> bool:
        return any(module == target or module.endswith(f".{target}") for target in self.targets)


def config_of_peft(metadata: Metadata) -> AdapterConfig:
    """The configuration in the adapter_config.json of PEFT, and the iteration in the metadata of its weights."""
    rank, alpha = _whole(metadata.get("r")), _number(metadata.get("lora_alpha"))
    divisor = None if rank is None else rank**0.5 if metadata.get("use_rslora") else float(rank)
    layers = metadata.get("layers_to_transform")
    return AdapterConfig(
        base=_text(metadata.get("base_model_name_or_path")),
        rank=rank,
        scale=None if alpha is None or not divisor else alpha / divisor,
        targets=_texts(metadata.get("target_modules")),
        layers=(layers,) if isinstance(layers, int) else _numbers(layers),
        iteration=_stamped(metadata),
    )


def config_of_mlx(metadata: Metadata) -> AdapterConfig:
    """The configuration in the adapter_config.json of MLX-LM, which keeps the arguments of its run there too."""
    stated = metadata.get("lora_parameters")
    parameters: Mapping[str, object] = stated if isinstance(stated, Mapping) else {}
    rank, alpha = _whole(parameters.get("rank")), _number(parameters.get("alpha"))
    scale = _number(parameters.get("scale"))
    return AdapterConfig(
        base=_text(metadata.get("model")),
        rank=rank,
        scale=alpha / rank if scale is None and alpha is not None and rank else scale,
        targets=_texts(parameters.get("keys")),
        last_layers=_whole(metadata.get("num_layers")),
        iteration=_stamped(metadata) if _stamped(metadata) is not None else _whole(metadata.get("iters")),
    )


def _stamped(metadata: Metadata) -> int | None:
    """The iteration that the metadata of the weights, which hold text alone, name."""
    value = metadata.get("__metadata__.iteration")
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 16 else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    """The names in a list; a text stands for a pattern or a word such as all-linear, which names no module."""
    return tuple(str(one) for one in value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _numbers(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    return tuple(one for one in value if isinstance(one, int))
