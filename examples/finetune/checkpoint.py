"""The published GGUF file as a checkpoint that can be trained: every value dequantised, nothing else changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.artifacts import read_origin

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class UnfitSourceError(ValueError):
    """The source is not a file that this example can begin from."""


def dequantise(source: Path, folder: Path) -> None:
    """Write the model in the GGUF file ``source`` to ``folder``: float32 weights, configuration and tokenizer.

    float32, because a dequantised value (a 4-bit code times a float16 scale plus a float16 minimum) has no shorter
    form without rounding, and because the claim that these are the published weights can then ask for equality.

    Raises:
        UnfitSourceError: the file is not there, or gives the model a weight that it does not hold.
    """
    from transformers import AutoTokenizer

    from examples.pretrain.model import save_model

    if not source.is_file():
        raise UnfitSourceError(f"{source}: there is no such file; fetch it with python -m examples.fetch")
    model = _read(source)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.model_max_length = model.config.max_position_embeddings
    save_model(model, tokenizer, folder, provenance_of(source))


def _read(source: Path) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    model, loading = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(gguf_file=source.name, dequantize=True),
        dtype=torch.float32,
        output_loading_info=True,
    )
    # transformers would fill a gap with random numbers and go on.
    faults = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    if faults:
        raise UnfitSourceError(f"{source}: the file does not hold the model it describes: {faults}")
    read: PreTrainedModel = model
    return read


def provenance_of(source: Path) -> dict[str, str]:
    """What is known of the weights in ``source``: the licence its origin record names, and where they came from.

    What they were trained on, nobody told us; that is said too, so that no later reader takes it for a clean slate.
    """
    origin = read_origin(source)
    if origin is None:
        return {"license": "NOASSERTION", "data_source": f"that of {source.name}", "data_license": "NOASSERTION"}
    return {
        "license": origin.license or "NOASSERTION",
        "data_source": f"that of {origin.source}",
        "data_license": "NOASSERTION",
    }
