"""A bounded window, or one chunk of it, from rows to an adapter. Each step reads what the step before wrote to disk.

    conversations -> corpus/, base/ -> initial/ -> checkpoints/0000020/, ... -> adapter/, twin/, corrections/, mirror/

The planned iterations are known before it starts. It is complete when the last of them, its evaluation and its save are
in the log and on disk. Every member of the ring runs :func:`train_member`; the first one also keeps the record.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.adapter.chat import encode_rows
from examples.adapter.conversations import TRAIN, VALID, Conversations, Row
from examples.adapter.corpus import NAME, write_corpus
from examples.adapter.mlx import MLX_WEIGHTS, TrainingLog, numbered, write_twin_config, write_twin_weights
from examples.adapter.options import Options
from examples.adapter.ring import announced, average_gradients, joined, launched
from examples.pretrain.model import EVALUATION_SEQUENCES, Recipe
from examples.pretrain.pipeline import copy_checkpoint, exclusive
from examples.pretrain.progress import followed
from examples.pretrain.train import EVALUATION_LENGTH, Progress
from falsifiable.artifacts import open_model, open_run
from falsifiable.recorder import RunRecorder
from falsifiable.recorder.launch import observed_ranks

if TYPE_CHECKING:
    import numpy as np
    import torch
    from peft import PeftModel

_WRITTEN = (
    "step_zero.json", "mlx.log", "corpus", "base", "initial", "checkpoints", "adapter", "twin", "corrections", "mirror",
)  # fmt: skip
PHASE = "finetune"
_WARMUP_STEPS = 10

Tokens = Mapping[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Which part of a window is trained: ``done`` steps were taken before it, and ``last`` is its last."""

    done: int
    last: int


def run(options: Options, conversations: Conversations, inputs: Mapping[str, Any], command: Sequence[str]) -> None:
    """Do the whole chunk afresh, replacing what an earlier one left in the output folder.

    Raises:
        DivergedError: the loss stopped being a number; the record says so.
        FileExistsError: the output folder is in use, or is no run folder.
    """
    # Everything is on disk already, and a library that asks the network first would wait for it.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers

    from examples.pretrain.train import DivergedError

    transformers.utils.logging.disable_progress_bar()
    chunk = chunk_of(options)
    with exclusive(options.output), announced(options.ring):
        recording = RunRecorder(
            options.output,
            command=command,
            seed=options.seed,
            device="cpu",
            dtype="float32",
            data=NAME if options.data is None else options.data.as_posix(),
            init=(options.after or options.base).as_posix(),
            steps=options.steps,
            first_step=chunk.done,
            inputs=inputs,
        )
        with recording as recorder:
            _clear(options.output)
            try:
                train_and_save(options, chunk, conversations, recorder)
            except DivergedError:
                recorder.end("diverged")
                raise


def _clear(folder: Path) -> None:
    for name in _WRITTEN:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def train_and_save(options: Options, chunk: Chunk, conversations: Conversations, recorder: RunRecorder) -> None:
    """The steps of the chunk, one after the other."""
    folder = recorder.folder
    copy_checkpoint(options.base, folder / "base")
    recorder.artifact("base", folder / "base")
    tokens = prepare_corpus(folder, conversations, recorder)
    prepare_initial(options, folder, recorder)
    with tempfile.TemporaryDirectory() as meeting:
        rendezvous = Path(meeting) / "ring"
        _save_tokens(Path(meeting), tokens)
        member = partial(train_silently, options, chunk, folder, rendezvous)
        with launched(options.ring, rendezvous, member):
            recorder.observe_launch()
            train_recorded(options, chunk, tokens, recorder)
    propose(folder, conversations.rows[VALID], recorder)
    shutil.copytree(folder / "adapter", folder / "mirror")  # on this machine; elsewhere it would lie on another
    recorder.artifact("mirror", folder / "mirror")
    write_twin_config(folder / "twin", options, _twin_keys(folder), chunk.last)
    write_twin_weights(folder / "adapter", folder / "twin" / MLX_WEIGHTS)
    recorder.artifact("twin", folder / "twin")


def chunk_of(options: Options) -> Chunk:
    """The steps that this chunk takes, counted from the beginning of the window."""
    done = 0 if options.after is None else int(open_run(options.after).field("window.last_step"))
    return Chunk(done, done + options.steps)


def prepare_corpus(folder: Path, conversations: Conversations, recorder: RunRecorder) -> Tokens:
    """Encode the rows with the base model's tokenizer, write the corpus folder and record it."""
    from examples.pretrain.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder / "base")
    tokens = {split: encode_rows(tokenizer, conversations.rows[split]) for split in (TRAIN, VALID)}
    path = write_corpus(folder / "corpus", conversations, tokens)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    recorder.observe_data(manifest["name"])
    for name, split in manifest["splits"].items():
        (shard,) = split["shards"]
        recorder.dataset(
            name,
            sha256=split["sha256"],
            files=1,
            tokens=split["tokens"],
            real_share=split["real_share"],
            kind=split["kind"],
            path=f"corpus/{shard['path']}",
        )
    recorder.early_stopping(patience=None, held_out_tokens=EVALUATION_SEQUENCES * EVALUATION_LENGTH)
    recorder.artifact("rows", path)
    return tokens


def prepare_initial(options: Options, folder: Path, recorder: RunRecorder) -> None:
    """Lay the adapter that training starts from into ``initial/``: a fresh one, or that of the chunk before."""
    import torch

    from examples.adapter.lora import new_adapter, save_adapter
    from examples.pretrain.model import load_model

    torch.manual_seed(options.seed)
    recorder.observe_seed()
    if options.after is None:
        save_adapter(new_adapter(load_model(folder / "base"), options), folder / "initial", {"iteration": "0"})
        recorder.observe_init(folder / "base")
    else:
        shutil.copytree(options.after / "adapter", folder / "initial")
        recorder.observe_init(folder / "initial")
    recorder.artifact("initial", folder / "initial")


def recipe_of(options: Options) -> Recipe:
    """How the chunk is trained: AdamW without weight decay, as is usual for adapters."""
    return Recipe(
        steps=options.steps,
        peak_learning_rate=options.learning_rate,
        warmup_steps=_WARMUP_STEPS,
        sequences_per_step=options.sequences,
        sequence_length=options.sequence_length,
        weight_decay=0.0,
        steps_between_evaluations=options.save_every,
    )


def train_member(
    options: Options,
    chunk: Chunk,
    folder: Path,
    tokens: Tokens,
    rank: int,
    recipe: Recipe,
    begun: Callable[[torch.optim.Optimizer, torch.Tensor], None] | None = None,
) -> Iterator[tuple[PeftModel, Progress]]:
    """Train on this member's own batches, with the gradients of the whole ring; report before every update."""
    import torch
    import transformers

    from examples.adapter.lora import load_adapter
    from examples.pretrain.model import load_model
    from examples.pretrain.train import train

    torch.set_num_threads(options.threads)
    transformers.utils.logging.disable_progress_bar()
    model = load_adapter(load_model(folder / "base"), folder / "initial")
    average_gradients(model)
    seed = (options.seed, chunk.done, rank)
    for now in train(model, tokens[TRAIN], tokens[VALID], recipe, seed=seed, begun=begun):
        yield model, now


def train_silently(options: Options, chunk: Chunk, folder: Path, rendezvous: Path, rank: int) -> None:
    """What every member but the first does: train, and evaluate as seldom as can be."""
    import numpy as np

    tokens = {split: np.load(rendezvous.with_name(f"{split}.npy")) for split in (TRAIN, VALID)}
    recipe = replace(recipe_of(options), steps_between_evaluations=max(1, options.steps))
    with joined(rank, options.ring, rendezvous):
        observed_ranks()
        for _ in train_member(options, chunk, folder, tokens, rank, recipe):
            pass


def _save_tokens(folder: Path, tokens: Tokens) -> None:
    import numpy as np

    for split, ids in tokens.items():
        np.save(folder / f"{split}.npy", ids)


def train_recorded(options: Options, chunk: Chunk, tokens: Tokens, recorder: RunRecorder) -> None:
    """Train as the first member, log every step, and save every so many and the last."""

    def begun(optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> None:
        recorder.observe_optimizer(optimizer)
        recorder.observe_batch(batch)

    per_step = options.sequences * options.ring * options.sequence_length
    log = TrainingLog(recorder.folder / "mlx.log", chunk.last, tokens_per_iteration=per_step)
    reported = train_member(options, chunk, recorder.folder, tokens, 0, recipe_of(options), begun)
    model, start = next(reported)
    _record_start(model, start, recorder)
    before = start
    for now in followed(PHASE, options.steps, chain([start], (one for _, one in reported))):
        iteration = chunk.done + now.step
        if now.step:
            log.trained(iteration, before.loss, before.learning_rate, now.seconds)
        _record_step(now, recorder)
        if now.val_loss is not None:
            log.evaluated(iteration, now.val_loss)
        if now.step and (now.step % options.save_every == 0 or now.step == options.steps):
            _save(model, iteration, now.step == options.steps, recorder)
            log.saved(iteration, "twin")
        before = now
    log.ended("twin")
    recorder.observe_model(model)
    recorder.artifact("log", recorder.folder / "mlx.log")


def propose(folder: Path, rows: Sequence[Row], recorder: RunRecorder) -> None:
    """Load base and adapter as they lie on disk, and let them answer rows of the validation split."""
    from examples.adapter.corrections import write_corrections
    from examples.adapter.lora import load_adapter
    from examples.pretrain.model import load_model
    from examples.pretrain.tokenizer import load_tokenizer

    model = load_adapter(load_model(folder / "base"), folder / "adapter")
    model.eval()
    path = write_corrections(folder / "corrections", model, load_tokenizer(folder / "base"), rows)
    recorder.artifact("corrections", path)
    recorder.artifact("schema", path.with_name("schema.json"))


def _record_start(model: PeftModel, start: Progress, recorder: RunRecorder) -> None:
    """What the model is before the first update: the base's weights, and an adapter on top of them."""
    from examples.pretrain.model import load_model, stored_dtype

    recorder.observe_model(model)
    base = load_model(recorder.folder / "base")
    loss = float(start.val_loss or "nan")
    recorder.step_zero(base, dtype=stored_dtype(recorder.folder / "base"), val_loss=loss)
    recorder.metric("init_val_loss", loss, 0)
    recorder.architecture(base.config.model_type, vocab_size=base.config.vocab_size)
    config = model.peft_config["default"]
    recorder.adapter(
        config.base_model_name_or_path,
        rank=config.r,
        scale=config.lora_alpha / config.r,
        targets=sorted(config.target_modules),
        layers=sorted(config.layers_to_transform),
    )
    recorder.save()


def _record_step(now: Progress, recorder: RunRecorder) -> None:
    row = {"loss": now.loss, "lr": now.learning_rate}
    if now.val_loss is not None:
        row["val_loss"] = now.val_loss
        recorder.metric("val_loss", now.val_loss, now.step)
    recorder.log(PHASE, now.step, **row, seconds=round(now.seconds, 3))
    recorder.steps_done(now.step)
    recorder.metric("train_loss", now.loss, now.step)


def _save(model: PeftModel, iteration: int, last: bool, recorder: RunRecorder) -> None:
    """Save the adapter and its twin as they are now; the last save is what the window was for."""
    from examples.adapter.lora import save_adapter

    folder = recorder.folder
    target = folder / "adapter" if last else folder / "checkpoints" / f"{iteration:07}"
    save_adapter(model, target, {"iteration": str(iteration), "run_id": str(open_run(folder).run_id)})
    write_twin_weights(target, folder / "twin" / numbered(iteration))
    recorder.checkpoint(target, iteration)
    recorder.artifact("adapter" if last else "earlier", target)
    recorder.save()


def _twin_keys(folder: Path) -> list[str]:
    """The adapted modules as MLX names them, relative to their layer."""
    modules = {update.name.removesuffix(".weight") for update in open_model(folder / "adapter").updates.values()}
    return sorted({module.split(".", 3)[3] for module in modules})
