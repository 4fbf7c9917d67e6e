"""The adapter itself, through PEFT: a new one on the last layers of a base model, loaded to be trained, saved."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.adapter.options import Options
from falsifiable.samples import write_safetensors

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def new_adapter(base: PreTrainedModel, options: Options) -> PeftModel:
    """A fresh adapter on ``base``: A random, from torch's global generator, and B zero, so that it changes nothing."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=0.0,
        target_modules=sorted(options.targets),
        layers_to_transform=adapted_layers(base.config.num_hidden_layers, options.layers),
    )
    base.name_or_path = options.base.as_posix()  # the name under which the user knows it, not its copy in the run
    with _quiet():
        return get_peft_model(base, config)


def adapted_layers(layers: int, last: int) -> list[int]:
    """The numbers of the last so many of ``layers`` layers."""
    return list(range(layers))[-last:]


def load_adapter(base: PreTrainedModel, folder: Path) -> PeftModel:
    """The adapter in ``folder`` on its base model, its own weights ready to be trained and no others."""
    from peft import PeftModel

    with _quiet():
        return PeftModel.from_pretrained(base, str(folder), is_trainable=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that PEFT calls transformers by a name that a later version will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def save_adapter(model: PeftModel, folder: Path, stamps: Mapping[str, str]) -> None:
    """Save configuration and weights, with ``stamps`` in the weights' own metadata; the same bytes for the same values.

    The library's own writer puts metadata in random order. Its model card is left out, for it says nothing.
    """
    from safetensors.numpy import load_file

    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config["target_modules"] = sorted(config["target_modules"])  # a set, which has no order of its own
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    tensors: dict[str, Any] = dict(sorted(load_file(folder / WEIGHTS).items()))
    write_safetensors(folder / WEIGHTS, tensors, {"format": "pt", **stamps})
