"""The fine-tune from the published file to the export. Each step reads what the step before it wrote to disk.

SmolLM2-135M-Instruct.Q4_1.gguf -> init/ -> finetuned/ -> export/model.gguf
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from examples.finetune.checkpoint import dequantise
from examples.finetune.options import Options
from examples.pretrain import pipeline
from examples.pretrain.corpus import NAME, Corpus
from examples.pretrain.guards import guarded
from examples.pretrain.options import Options as TrainerOptions
from falsifiable.recorder import RunRecorder, digest_of, library_version

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "gguf", "numpy")


def run(options: Options, corpus: Corpus, command: Sequence[str]) -> None:
    """Do the whole fine-tune afresh, replacing what an earlier one left in the output folder.

    Raises:
        UnfitSourceError: the published file is not there, or does not hold a whole model.
        Refusal: the checkpoint made from it does not pass the trainer's own guards.
        DivergedError: the loss stopped being a number; the record says so.
        FileExistsError: the output folder is in use, or is no run folder.
    """
    # Everything is on disk already, and a library that asks the network first would wait for it.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    from examples.pretrain.train import DivergedError

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    transformers.utils.logging.disable_progress_bar()
    recording = RunRecorder(
        options.output,
        command=command,
        seed=options.seed,
        device=options.device,
        dtype="float32",
        data=NAME,
        init="init",
        steps=options.steps,
        inputs=describe_inputs(options, corpus),
    )
    with pipeline.exclusive(options.output), recording as recorder:
        pipeline.clear(options.output)
        recorder.observe_seed()
        try:
            finetune_and_export(options, corpus, recorder)
        except DivergedError:
            recorder.end("diverged")
            raise


def finetune_and_export(options: Options, corpus: Corpus, recorder: RunRecorder) -> None:
    """The steps of the run, one after the other."""
    recipe, checkpoint = options.recipe, recorder.folder / "init"
    dequantise(options.source, checkpoint)
    # The trainer's command line and its settings here are one: the same guards, the same seed for the batches.
    trainer = TrainerOptions(recorder.folder, device=options.device, seed=options.seed, init=checkpoint)
    guarded(trainer)
    tokenizer = pipeline.prepare_tokenizer(trainer, corpus)
    tokens = pipeline.prepare_corpus(corpus, tokenizer, recipe.evaluation_sequences, recorder)
    pipeline.finetune_checkpoint(trainer, recipe, tokenizer, tokens, recorder, checkpoint=checkpoint)
    pipeline.export(recorder, name=f"{options.source.name.split('.')[0]}, fine-tuned on {NAME}")


def describe_inputs(options: Options, corpus: Corpus) -> dict[str, Any]:
    """What decides what the run writes, as plain data that goes into its record."""
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    del asked["output"]
    return {
        "options": asked,
        "libraries": {library: library_version(library) for library in _LIBRARIES},
        "corpus": corpus.digest,
        "source": digest_of(options.source) if options.source.is_file() else None,
    }
