"""What the result of a window depends on, so that one whose inputs are unchanged is not trained again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import examples.adapter
import examples.pretrain
import falsifiable.recorder
from examples.adapter.conversations import Conversations
from examples.adapter.options import Options
from examples.pretrain.inputs import Inputs, sources_digest
from falsifiable.artifacts import folder_digest, open_model, open_run
from falsifiable.recorder import digest_of, library_version

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "peft", "numpy")


def describe_inputs(options: Options, conversations: Conversations) -> Inputs:
    """Everything that decides what a window writes, as plain data that goes into its record."""
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    del asked["output"]
    base = open_model(options.base).digest
    return {
        "options": {**asked, "targets": list(options.targets)},
        "sources": sources_digest(examples.adapter, examples.pretrain, falsifiable.recorder),
        "libraries": {library: library_version(library) for library in _LIBRARIES},
        "corpus": _corpus_digest(options, conversations),
        "checkpoints": {"base": base, "init": base if options.after is None else _adapter_of(options.after)},
    }


def _corpus_digest(options: Options, conversations: Conversations) -> str:
    if options.data is not None:
        return digest_of(options.data)
    return folder_digest({file.path: file.sha256 for file in conversations.sources.values()})


def _adapter_of(run: Path) -> str:
    """The digest of the adapter that the run before ended with."""
    return open_run(run).artifacts["adapter"].sha256
