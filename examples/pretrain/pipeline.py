"""The reference run from corpus to export. Each step reads what the step before it wrote to disk.

    corpus -> tokenizer -> pretrained/ -> finetuned/ -> export/model.gguf

With ``--init`` the checkpoint is given and the run begins at the fine-tune.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.corpus import FINETUNE, NAME, PRETRAIN, SPLITS, VALIDATION, Corpus
from examples.pretrain.corpus import LICENSE as CORPUS_LICENSE
from examples.pretrain.model import SIZES, Recipe
from examples.pretrain.options import Options
from falsifiable.recorder import RECORD, RunRecorder, leftovers

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_WRITTEN = ("step_zero.json", "corpus", "init", "pretrained", "finetuned", "export")
_THIS_CORPUS = {
    "data_source": f"The Python {platform.python_version()} standard library",
    "data_license": CORPUS_LICENSE,
}
_FROM_SCRATCH = {"license": "Apache-2.0", **_THIS_CORPUS}

Tokens = Mapping[str, "np.ndarray[Any, Any]"]


def run(options: Options, corpus: Corpus, inputs: Mapping[str, Any], command: Sequence[str]) -> None:
    """Do the whole run afresh, replacing what an earlier one left in the output folder.

    Raises:
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
    finetune = finetune_recipe(options)
    recording = RunRecorder(
        options.output,
        command=command,
        seed=options.seed,
        device=options.device,
        dtype="float32",
        data=NAME,
        init=str(options.init or "pretrained"),
        steps=finetune.last_step,
        inputs=inputs,
    )
    with exclusive(options.output), recording as recorder:
        clear(options.output)
        recorder.observe_seed()
        try:
            train_and_export(options, finetune, corpus, recorder)
        except DivergedError:
            recorder.end("diverged")
            raise


def train_and_export(options: Options, finetune: Recipe, corpus: Corpus, recorder: RunRecorder) -> None:
    """The steps of the run, one after the other."""
    tokenizer = prepare_tokenizer(options, corpus)
    tokens = prepare_corpus(corpus, tokenizer, finetune.evaluation_sequences, recorder)
    if options.init is None:
        pretrain(options, tokenizer, tokens, recorder)
    else:
        copy_checkpoint(options.init, recorder.folder / "pretrained")
    finetune_checkpoint(options, finetune, tokenizer, tokens, recorder, checkpoint=recorder.folder / "pretrained")
    export(recorder, name="falsifiable-reference")


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the run folder for one run alone.

    Raises:
        FileExistsError: another run is writing into it, or it holds files but no run record: not ours to clear.
    """
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise FileExistsError(f"{folder}: another run is writing here; wait, or name another --output") from None
    with lock:
        # A run that was killed while its record was first written left no record, and nothing else of ours.
        files = set(folder.iterdir()) - set(leftovers(folder)) if folder.exists() else set()
        if files and folder / RECORD not in files:
            raise FileExistsError(f"{folder}: holds files but no {RECORD}; expected a run folder or an empty one")
        yield


def clear(folder: Path) -> None:
    """Remove what an earlier run left, and nothing else.

    Called when the new record is already in place: were we killed in between, it would speak for no removed file.
    """
    for name in _WRITTEN:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def prepare_tokenizer(options: Options, corpus: Corpus) -> PreTrainedTokenizerFast:
    """The tokenizer that was named, or the checkpoint's own, or one trained on the pretrain split."""
    from examples.pretrain.tokenizer import load_tokenizer, train_tokenizer

    source = options.tokenizer or options.init
    if source is not None:
        return load_tokenizer(source)
    return train_tokenizer((file.text for file in corpus.splits[PRETRAIN]), SIZES[options.size].tokenizer_size)


def prepare_corpus(
    corpus: Corpus, tokenizer: PreTrainedTokenizerFast, evaluation_sequences: int, recorder: RunRecorder
) -> Tokens:
    """Encode every split, write the manifest and record both."""
    from examples.pretrain.manifest import held_out, shuffled_windows, write_manifest
    from examples.pretrain.tokenizer import encode_files
    from examples.pretrain.train import EVALUATION_LENGTH

    tokens = {split: encode_files(tokenizer, corpus.splits[split]) for split in SPLITS}
    tokens[VALIDATION] = shuffled_windows(held_out(tokens[VALIDATION], (tokens[PRETRAIN], tokens[FINETUNE])))
    manifest = write_manifest(recorder.folder / "corpus", corpus, tokens, evaluation_sequences)
    recorder.observe_data(json.loads(manifest.read_text(encoding="utf-8"))["name"])
    for split in SPLITS:
        recorder.dataset(
            split,
            sha256=corpus.split_digest(split),
            files=len(corpus.splits[split]),
            tokens=len(tokens[split]),
            real_share=1.0,
            path=f"corpus/{split}.tokens",
        )
    # No evaluation ends a run early; what each is over tells how far its noise reaches.
    recorder.early_stopping(patience=None, held_out_tokens=evaluation_sequences * EVALUATION_LENGTH)
    recorder.artifact("corpus", manifest)
    recorder.save()
    return tokens


def pretrain(options: Options, tokenizer: PreTrainedTokenizerFast, tokens: Tokens, recorder: RunRecorder) -> None:
    """Train a model of the chosen size from random weights, and save it as ``pretrained/``."""
    from examples.pretrain.model import new_model, save_model

    size = SIZES[options.size]
    recipe = size.pretrain if options.pretrain_steps is None else replace(size.pretrain, steps=options.pretrain_steps)
    tokenizer.model_max_length = size.architecture.max_position_embeddings
    model = new_model(size.architecture, tokenizer).to(options.device)
    val_loss = train_phase(PRETRAIN, model, tokens, recipe, options.seed, recorder)
    recorder.metric("pretrain_val_loss", val_loss, recipe.steps)
    save_model(model, tokenizer, recorder.folder / "pretrained", _FROM_SCRATCH)
    recorder.save()


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy the files that a model consists of into the run folder, so that the run can be judged by itself."""
    from falsifiable.artifacts import open_model

    for file in open_model(source).files:
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def finetune_checkpoint(
    options: Options,
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerFast,
    tokens: Tokens,
    recorder: RunRecorder,
    *,
    checkpoint: Path,
) -> None:
    """Load ``checkpoint`` from disk, fine-tune it on the fine-tune split, and save it as ``finetuned/``."""
    from examples.pretrain.model import load_model, save_model, stored_dtype, stored_provenance
    from examples.pretrain.train import evaluate

    finished = recorder.folder / "finetuned"
    model = load_model(checkpoint).to(options.device)
    recorder.observe_init(checkpoint)
    recorder.observe_model(model)
    _record_architecture(model, recorder)
    init_val_loss = evaluate(model, tokens[VALIDATION], recipe.evaluation_sequences)
    recorder.step_zero(model, dtype=stored_dtype(checkpoint), val_loss=init_val_loss)
    recorder.metric("init_val_loss", init_val_loss, 0)
    recorder.save()
    val_loss = train_phase(FINETUNE, model, tokens, recipe, options.seed, recorder)
    recorder.observe_model(model)
    recorder.metric("val_loss", val_loss, recipe.last_step)
    save_model(model, tokenizer, finished, _provenance_after(stored_provenance(checkpoint)))
    recorder.artifact("trained", finished)
    recorder.checkpoint(finished, recipe.last_step)
    recorder.artifact("tokenizer", finished / "tokenizer.json")
    recorder.save()


def train_phase(
    phase: str, model: PreTrainedModel, tokens: Tokens, recipe: Recipe, seed: int, recorder: RunRecorder
) -> float:
    """Train on the split named as the phase, log every step, and return the final validation loss."""
    from examples.pretrain.progress import followed
    from examples.pretrain.train import train

    val_loss = float("nan")
    # Each phase draws its batches from a seed of its own, so that --init repeats the fine-tune of a full run exactly.
    batch_seed = (seed, SPLITS.index(phase))
    training = train(
        model, tokens[phase], tokens[VALIDATION], recipe, seed=batch_seed, begun=partial(_record_beginning, recorder)
    )
    for now in followed(phase, recipe.last_step, training):
        row = {"loss": now.loss, "lr": now.learning_rate}
        if now.val_loss is not None:
            val_loss = row["val_loss"] = now.val_loss
        recorder.log(phase, now.step, **row, seconds=round(now.seconds, 3))
        if phase == FINETUNE:
            recorder.steps_done(now.step)
            recorder.metric("train_loss", now.loss, now.step)
    return val_loss


def export(recorder: RunRecorder, *, name: str) -> None:
    """Export ``finetuned/`` as it lies on disk to GGUF; a model that has no such form is said to have none."""
    from examples.pretrain.export import NotExportableError, export_gguf
    from examples.pretrain.model import stored_provenance
    from examples.pretrain.progress import say

    finished, target = recorder.folder / "finetuned", recorder.folder / "export" / "model.gguf"
    try:
        export_gguf(finished, target, name=name, provenance=stored_provenance(finished))
    except NotExportableError as reason:
        say(f"not exported: {reason}")
    else:
        recorder.artifact("export", target)


def finetune_recipe(options: Options) -> Recipe:
    """The fine-tune's recipe, with the steps and the learning rate that were asked for."""
    recipe = SIZES[options.size].finetune
    return replace(
        recipe,
        steps=recipe.steps if options.steps is None else options.steps,
        peak_learning_rate=options.learning_rate or recipe.peak_learning_rate,
        stop_after=options.stop_after,
    )


def _record_beginning(recorder: RunRecorder, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> None:
    recorder.observe_optimizer(optimizer)
    recorder.observe_batch(batch)


def _record_architecture(model: PreTrainedModel, recorder: RunRecorder) -> None:
    config = model.config
    fields = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "max_position_embeddings",
        "rms_norm_eps",
        "tie_word_embeddings",
    )
    shape = {field: getattr(config, field) for field in fields}
    recorder.architecture(config.model_type, **shape, rope_theta=config.rope_parameters["rope_theta"])


def _provenance_after(stored: Mapping[str, str]) -> dict[str, str]:
    """Where fine-tuned weights come from: what their checkpoint says about itself, and then this corpus."""
    return {
        "license": stored.get("license", "NOASSERTION"),
        "data_source": "; ".join(_distinct(stored.get("data_source"), _THIS_CORPUS["data_source"])),
        "data_license": " AND ".join(_distinct(stored.get("data_license"), _THIS_CORPUS["data_license"])),
    }


def _distinct(*values: str | None) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
