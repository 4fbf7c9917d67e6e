"""Low-rank updates: what the two thin tensors of a LoRA adapter add to a weight of its base model.

PEFT stores A [rank, in] and B [out, rank], and adds ``scale * B A``; MLX stores a [in, rank] and b [rank, out], and
adds ``scale * (a b)^T`` (peft 0.18, ``LoraLayer.get_delta_weight``; mlx-lm 0.28, ``LoRALinear.fuse``). The pairs are
found and their shapes checked from headers; a product is made only when its values are asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.artifacts.naming import canonical_name
from falsifiable.artifacts.tensors import NOT_IN_A_FILE, Tensor, TensorInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

Metadata = Mapping[str, object]
Tensors = Mapping[str, TensorInfo]

_PEFT_NAME = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?:(?P<side>A|B)\.weight|embedding_(?P<embedding_side>A|B))"
)
_MLX_NAME = re.compile(r"(?P<module>.+)\.lora_(?P<side>a|b)")
_PEFT_BIAS_SUFFIX = ".lora_B.bias"  # belongs to the bias of the base layer, not to its weight
# Fields of adapter_config.json that, where they are set, make of A and B something else than one product.
_PEFT_VARIANTS = {
    "use_dora": "DoRA, which scales by the norms of the base weights",
    "use_qalora": "QALoRA, which pools the inputs",
    "target_parameters": "LoRA on parameters of several experts in one tensor",
    "alora_invocation_tokens": "activated LoRA, which acts on some of the tokens only",
    "layer_replication": "replicated layers, which the base model does not have",
}
_LITERAL_PATTERN = re.compile(r"\^?[\w.\-]+")


@dataclass(frozen=True, slots=True)
class LowRankPair:
    """Two tensors whose product, times ``scale``, is added to the tensor ``target`` (a stored name of the base model).

    ``first`` is the one next to the input. ``orientation`` says which product has the orientation of the target:
    ``B A``, ``(B A)^T``, ``a b`` or ``(a b)^T``.
    """

    target: str
    first: TensorInfo
    second: TensorInfo
    scale: float
    orientation: str

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the update."""
        outer = self._outer
        return (outer[1], outer[0]) if self.orientation.endswith("^T") else outer

    @property
    def _outer(self) -> tuple[int, int]:
        if "B A" in self.orientation:
            return self.second.shape[0], self.first.shape[1]
        return self.first.shape[0], self.second.shape[1]

    def product(self, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        """The update, float32."""
        import numpy

        first, second = first.astype(numpy.float32, copy=False), second.astype(numpy.float32, copy=False)
        with numpy.errstate(all="ignore"):  # weights that are not finite give an update that is not
            update: NDArray[Any] = second @ first if "B A" in self.orientation else first @ second
            update *= numpy.float32(self.scale)
        return update.T if self.orientation.endswith("^T") else update


def updates_of_peft(metadata: Metadata, tensors: Tensors, tensor: Callable[[str], Tensor]) -> Mapping[str, Tensor]:
    """The updates of a PEFT adapter, lazily; see :attr:`falsifiable.artifacts.model.Model.updates`."""
    reason = why_not_low_rank_in_peft(metadata, tensors)
    return _updates(tensors, reason, lambda: peft_pairs(metadata, tensors), tensor)


def updates_of_mlx(metadata: Metadata, tensors: Tensors, tensor: Callable[[str], Tensor]) -> Mapping[str, Tensor]:
    """The updates of an MLX adapter, lazily; none for one of fine_tune_type ``full``, which holds whole weights."""
    reason = why_not_low_rank_in_mlx(metadata, tensors)
    return _updates(tensors, reason, lambda: mlx_pairs(metadata, tensors), tensor)


def why_not_low_rank_in_peft(metadata: Metadata, tensors: Tensors) -> str | None:
    """Why the effect of an adapter is not a sum of products that this version computes, or None."""
    if metadata.get("peft_type") != "LORA":
        return f"peft_type is {metadata.get('peft_type')!r:.80}, updates are computed for 'LORA'"
    named = next((meaning for field, meaning in _PEFT_VARIANTS.items() if metadata.get(field)), None)
    if named is not None:
        return f"the adapter is of the variant {named}"
    for field in ("rank_pattern", "alpha_pattern"):
        keys = _patterns(metadata, field)
        expression = next((one for one in keys if not _LITERAL_PATTERN.fullmatch(one)), None)
        if expression is not None:
            return f"{field} names modules by the regular expression {expression!r:.80}, this version reads names"
    strange = (name for name in tensors if ".lora_" in name and not _PEFT_NAME.fullmatch(name))
    return _of_other_form(next((name for name in strange if not name.endswith(_PEFT_BIAS_SUFFIX)), None), tensors)


def why_not_low_rank_in_mlx(metadata: Metadata, tensors: Tensors) -> str | None:
    """The same for an MLX adapter."""
    kind = metadata.get("fine_tune_type", "lora")
    if kind not in ("lora", "full"):
        return f"fine_tune_type is {kind!r:.80}, updates are computed for 'lora'"
    parameters = metadata.get("lora_parameters")
    stated = parameters if isinstance(parameters, Mapping) else {}
    if {"scale", "alpha"} <= set(stated) and stated["alpha"] != stated.get("rank"):
        return (
            "lora_parameters states both scale and alpha: versions of mlx-lm multiply by scale, or by scale * alpha / "
            "rank"
        )
    return _of_other_form(None, tensors)


def _of_other_form(strange: str | None, tensors: Tensors) -> str | None:
    """A tensor of a variant that is not known, by its name or by its dimensions (convolutions, experts)."""
    if strange is not None:
        return f"the tensor {strange!r} belongs to a variant of LoRA that this version does not know"
    pairs = (info for name, info in tensors.items() if _PEFT_NAME.fullmatch(name) or _MLX_NAME.fullmatch(name))
    wide = next((info for info in pairs if len(info.shape) > 2), None)
    if wide is not None:
        return f"the tensor {wide.name!r} has {len(wide.shape)} dimensions, updates are computed for matrices"
    return None


def factor_names(tensors: Tensors) -> dict[str, tuple[str, str]]:
    """Module -> the stored names of its two factors, the one next to the input first, of modules that have both."""
    halves: dict[str, dict[str, str]] = {}
    for name in tensors:
        named = _PEFT_NAME.fullmatch(name) or _MLX_NAME.fullmatch(name)
        if named is not None:
            side = named.groupdict().get("embedding_side") or named["side"]
            halves.setdefault(named["module"], {})[side.lower()] = name
    return {module: (found["a"], found["b"]) for module, found in halves.items() if len(found) == 2}


def peft_pairs(metadata: Metadata, tensors: Tensors) -> list[LowRankPair]:
    """The pairs of a PEFT adapter. Raises ArtifactError (unsound) for half a pair, and for ranks that disagree."""
    pairs = []
    for module, (first, second) in _both_halves(tensors, _PEFT_NAME, "A", "B").items():
        rank = _natural(_of_module(metadata, "rank_pattern", module, metadata.get("r")), "r", module, first)
        alpha = _number(
            _of_module(metadata, "alpha_pattern", module, metadata.get("lora_alpha")), "lora_alpha", module, first
        )
        _check_rank(rank, first, second, first_axis=0)
        transposed = "embedding" in first.name.rpartition(".")[2] or bool(metadata.get("fan_in_fan_out"))
        scale = alpha / (math.sqrt(rank) if metadata.get("use_rslora") else rank)
        pairs.append(LowRankPair(f"{module}.weight", first, second, scale, "(B A)^T" if transposed else "B A"))
    return pairs


def mlx_pairs(metadata: Metadata, tensors: Tensors) -> list[LowRankPair]:
    """The pairs of an MLX adapter, none where it holds whole weights. Raises ArtifactError as :func:`peft_pairs`."""
    if metadata.get("fine_tune_type") == "full":
        return []
    pairs = []
    for module, (first, second) in _both_halves(tensors, _MLX_NAME, "a", "b").items():
        parameters = metadata.get("lora_parameters")
        stated = parameters if isinstance(parameters, Mapping) else {}
        rank = _natural(stated.get("rank"), "lora_parameters.rank", module, first)
        _check_rank(rank, first, second, first_axis=1)
        target = f"{module}.weight"
        # An embedding looks up a row of a, so that a b already has its orientation.
        orientation = "a b" if canonical_name(target, "huggingface") == "token_embedding" else "(a b)^T"
        pairs.append(LowRankPair(target, first, second, _mlx_scale(stated, rank, module, first), orientation))
    return pairs


def _mlx_scale(stated: Mapping[Any, Any], rank: int, module: str, first: TensorInfo) -> float:
    if "scale" in stated:
        return _number(stated["scale"], "lora_parameters.scale", module, first)
    return _number(stated.get("alpha"), "lora_parameters.alpha (scale is absent)", module, first) / rank


def _patterns(metadata: Metadata, field: str) -> Mapping[str, object]:
    patterns = metadata.get(field)
    return patterns if isinstance(patterns, Mapping) else {}


def _both_halves(
    tensors: Tensors, pattern: re.Pattern[str], first: str, second: str
) -> dict[str, tuple[TensorInfo, TensorInfo]]:
    """Module -> its two tensors, the one next to the input first."""
    halves: dict[str, dict[str, TensorInfo]] = {}
    for name, info in tensors.items():
        named = pattern.fullmatch(name)
        if named is not None:
            side = named.groupdict().get("embedding_side") or named["side"]
            twin = halves.setdefault(named["module"], {}).setdefault(side, info)
            if twin is not info:
                raise _unsound(info, f"the tensors {twin.name!r} and {name!r} are both lora_{side} of one module")
    for module, found in halves.items():
        if len(found) == 1:
            side, info = next(iter(found.items()))
            absent = second if side == first else first
            raise _unsound(info, f"the tensor {info.name!r} has no partner: lora_{absent} of {module} is absent")
    if not halves and tensors:
        info = next(iter(tensors.values()))
        raise _unsound(info, "the adapter holds no low-rank pair of tensors", f"lora_{first} and lora_{second}")
    return {module: (found[first], found[second]) for module, found in halves.items()}


def _check_rank(rank: int, first: TensorInfo, second: TensorInfo, *, first_axis: int) -> None:
    for info, axis in ((first, first_axis), (second, 1 - first_axis)):
        if len(info.shape) != 2 or info.shape[axis] != rank:
            raise _unsound(
                info,
                f"the tensor {info.name!r} has shape {list(info.shape)}",
                f"two sizes, size {axis} being the rank {rank} that adapter_config.json states",
            )


def _of_module(metadata: Metadata, field: str, module: str, default: object) -> object:
    """What a pattern field says of a module: the first of its keys that is the end of the module's name, or all.

    Behind ``^`` a key is the whole name (``get_pattern_key`` of peft: ``(.*\\.)?(key)$``, matched from the start).
    """
    for key, value in _patterns(metadata, field).items():
        if module == key.removeprefix("^") or module.endswith(f".{key}"):
            return value
    return default


def _natural(value: object, field: str, module: str, info: TensorInfo) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _unsound(info, f"adapter_config.json: {field} is {value!r:.80} for {module}", "an integer of at least 1")
    return value


def _number(value: object, field: str, module: str, info: TensorInfo) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e300:
        raise _unsound(info, f"adapter_config.json: {field} is {value!r:.80} for {module}", "a number")
    return float(value)


def _updates(
    tensors: Tensors, reason: str | None, pairs: Callable[[], Iterable[LowRankPair]], tensor: Callable[[str], Tensor]
) -> Mapping[str, Tensor]:
    if reason is not None:
        file = next((info.file for info in tensors.values()), "adapter")
        raise ArtifactError(file, reason, expected="LoRA, one pair of matrices for each weight")
    updates: dict[str, Tensor] = {}
    for pair in pairs():
        made = _update(pair, tensor)
        canonical = made.info.canonical
        updates[made.name if canonical is None or canonical in updates else canonical] = made
    return MappingProxyType(updates)


def _update(pair: LowRankPair, tensor: Callable[[str], Tensor]) -> Tensor:
    info = TensorInfo(
        pair.target, canonical_name(pair.target, "huggingface"), pair.shape, "F32", pair.first.file, NOT_IN_A_FILE,
        4 * math.prod(pair.shape),
    )  # fmt: skip

    def values() -> NDArray[Any]:
        limit = DEFAULT_LIMITS.adapter_update_elements
        if info.elements > limit:
            raise ArtifactError(
                info.file,
                f"the update of {pair.target!r} has {info.elements} elements",
                expected=f"at most {limit}",
            )
        return pair.product(tensor(pair.first.name).numpy(), tensor(pair.second.name).numpy())

    return Tensor(info, values)


def _unsound(info: TensorInfo, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(info.file, message, expected=expected, kind="unsound")
