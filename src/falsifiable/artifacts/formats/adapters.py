"""The folder of an adapter, as PEFT or MLX leaves it: a small set of weights that changes a base model.

Only ``base_model_name_or_path`` (PEFT) or ``model`` (MLX) says which; an adapter states neither architecture nor shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from falsifiable.artifacts.contents import Contents, Format
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.huggingface import INDEX, TOKENIZER_FILES, WEIGHTS, is_model_folder
from falsifiable.artifacts.formats.low_rank import (
    LowRankPair,
    mlx_pairs,
    peft_pairs,
    why_not_low_rank_in_mlx,
    why_not_low_rank_in_peft,
)
from falsifiable.artifacts.formats.safetensors import read_safetensors
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import Source, read_whole
from falsifiable.artifacts.sources.folders import Folder, folder_of
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.tensors import TensorInfo

ADAPTER_CONFIG = "adapter_config.json"
PEFT_WEIGHTS = "adapter_model.safetensors"
MLX_WEIGHTS = "adapters.safetensors"
_PEFT_PICKLE = "adapter_model.bin"
_WEIGHTS_OF: Mapping[str, Format] = {PEFT_WEIGHTS: "peft", MLX_WEIGHTS: "mlx", _PEFT_PICKLE: "peft"}


def is_adapter_folder(path: Path) -> bool:
    """Whether a folder holds an adapter: its configuration or, where there is no whole model, its weights."""
    folder = folder_of(path)
    if folder.holds(ADAPTER_CONFIG):
        return True
    return not is_model_folder(path) and any(folder.holds(name) for name in _WEIGHTS_OF)


def read_adapter(path: Path, limits: Limits = DEFAULT_LIMITS) -> Contents:
    """The configuration and the header of the weights of the adapter in a folder; tensor data is not read.

    Saves of MLX along the way (``0000100_adapters.safetensors``) are not part of it; each can be opened as a file.

    Raises:
        ArtifactError: ``unsound`` for a folder that also holds a whole model or weights of both libraries, that lacks
            configuration or weights, or whose tensors do not form pairs of the rank that is stated.
    """
    folder = folder_of(path)
    name = _weights_name(folder)
    if not folder.holds(ADAPTER_CONFIG):
        raise ArtifactError(path, f"{name} without {ADAPTER_CONFIG}, which states its scale", kind="unsound")
    config = folder.open(ADAPTER_CONFIG)
    metadata = read_json(read_whole(config, limits.json_bytes), config.path, limits=limits)
    if not isinstance(metadata, dict):
        raise ArtifactError(config.path, f"holds a JSON {type(metadata).__name__}", expected="a JSON object")
    weights = folder.open(name)
    said, tensors, checksums = _weights(weights, limits)
    others = [folder.open(one) for one in TOKENIZER_FILES if folder.holds(one)]
    metadata |= said
    model_format = _WEIGHTS_OF[name]
    _check_pairs(model_format, metadata, tensors)
    return Contents(path, model_format, (config, weights, *others), metadata, tensors, checksums=checksums)


def _weights(
    source: Source, limits: Limits
) -> tuple[Mapping[str, object], Mapping[str, TensorInfo], tuple[Callable[[], None], ...]]:
    """What the file of weights says, its tensors, and its checksums; old versions of PEFT saved a pickle."""
    if source.relative == _PEFT_PICKLE:
        from falsifiable.artifacts.formats.pytorch.reader import read_pytorch

        saved = read_pytorch(source, limits)
        return {key: one for key, one in saved.metadata.items() if key.startswith("__")}, saved.tensors, saved.checksums
    header = read_safetensors(source, limits)
    return {f"__metadata__.{key}": one for key, one in header.metadata.items()}, header.tensors, ()


def _weights_name(folder: Folder) -> str:
    names = [name for name in _WEIGHTS_OF if folder.holds(name)]
    whole = next((name for name in (WEIGHTS, INDEX) if folder.holds(name)), None)
    if whole is not None:
        raise _ambiguous(folder.path, f"an adapter and {whole}")
    if len(names) > 1:
        raise _ambiguous(folder.path, " and ".join(names))
    if names:
        return names[0]
    raise ArtifactError(
        folder.path, f"{ADAPTER_CONFIG} describes an adapter and the folder has no weights", kind="unsound"
    )


def _ambiguous(folder: Path, found: str) -> ArtifactError:
    return ArtifactError(
        folder,
        f"holds both {found}, and loaders differ in which they read",
        expected="one of them",
        hint="Put the adapter into a folder of its own",
        kind="unsound",
    )


def _check_pairs(model_format: Format, metadata: Mapping[str, object], tensors: Mapping[str, TensorInfo]) -> None:
    """Half a pair, or a rank that is not the one stated, is a fault of the files; a variant of LoRA is none."""
    why_not, pairs = _RULES[model_format]
    if why_not(metadata, tensors) is None:
        pairs(metadata, tensors)


_RULES: Mapping[
    Format,
    tuple[
        Callable[[Mapping[str, object], Mapping[str, TensorInfo]], str | None],
        Callable[[Mapping[str, object], Mapping[str, TensorInfo]], list[LowRankPair]],
    ],
] = {
    "peft": (why_not_low_rank_in_peft, peft_pairs),
    "mlx": (why_not_low_rank_in_mlx, mlx_pairs),
}
