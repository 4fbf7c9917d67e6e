"""A training loop as people write it, with room for the mistakes they make: bytes in, the next byte out."""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from falsifiable.recorder import RunRecorder

BYTES, SEQUENCES, LENGTH = 256, 8, 64
STEPS_PER_EVALUATION = 5
PLACEHOLDER = 1.0
_HELD_OUT = 8_192


@dataclass(frozen=True)
class Plan:
    """What is asked of a run. ``corpus_bytes`` is how much of the text it gets; None for all."""

    steps: int = 100
    width: int = 4
    learning_rate: float = 0.03
    device: str = "cpu"
    corpus_bytes: int | None = None
    stream_ends_after: int | None = None


def train(plan: Plan, folder: Path) -> Path:
    """Train a model of ``2 x 256 x width`` parameters on a real source file, recorded; return the run folder."""
    torch.manual_seed(0)
    text = Path(argparse.__file__).read_bytes()
    held_out, text = text[:_HELD_OUT], text[_HELD_OUT:][: plan.corpus_bytes]
    recording = RunRecorder(
        folder, command=["planted"], seed=0, device=plan.device, dtype="float32", data="argparse.py", steps=plan.steps
    )
    with recording as recorder:
        # The mistake of the reference cascade: a device that is not there is replaced, and nobody is told.
        model = nn.Sequential(nn.Embedding(BYTES, plan.width), nn.Linear(plan.width, BYTES, bias=False)).to("cpu")
        optimizer = torch.optim.SGD(model.parameters(), lr=plan.learning_rate, momentum=0.9)
        recorder.observe_seed()
        recorder.observe_data("argparse.py")
        recorder.observe_optimizer(optimizer)
        recorder.observe_batch(torch.empty(SEQUENCES, LENGTH))
        recorder.architecture("bigram", vocab_size=BYTES)
        recorder.early_stopping(patience=None, held_out_tokens=len(held_out))
        for split, content in (("train", text), ("validation", held_out)):
            digest = hashlib.sha256(content).hexdigest()
            recorder.dataset(split, sha256=digest, files=1, tokens=len(content), real_share=1.0)
        recorder.observe_model(model)
        _train(plan, model, optimizer, _as_tensor(text), _as_tensor(held_out), recorder)
    return folder


def _train(
    plan: Plan,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    text: Tensor,
    held_out: Tensor,
    recorder: RunRecorder,
) -> None:
    batches, began = _batches(text, plan.stream_ends_after), time.perf_counter()
    for step in range(plan.steps + 1):
        batch = next(batches, None)
        loss = None if batch is None else _loss(model, batch)
        # And its other mistake: where the batches have run out, a step returns a placeholder.
        values = {"loss": PLACEHOLDER if loss is None else loss.item(), "lr": plan.learning_rate}
        if step % STEPS_PER_EVALUATION == 0:
            with torch.no_grad():
                values["val_loss"] = _loss(model, held_out.view(-1, LENGTH)).item()
            recorder.metric("val_loss", values["val_loss"], step)
        recorder.log("train", step, **values, seconds=time.perf_counter() - began)
        recorder.steps_done(step)
        if not math.isfinite(values["loss"]):
            recorder.end("diverged")
            return
        if loss is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _batches(text: Tensor, ends_after: int | None) -> Iterator[Tensor]:
    """Windows at random offsets, of which a broken stream gives only so many."""
    drawn = 0
    while ends_after is None or drawn < ends_after:
        offsets = torch.randint(0, len(text) - LENGTH, (SEQUENCES,)).tolist()
        yield torch.stack([text[start : start + LENGTH] for start in offsets])
        drawn += 1


def _loss(model: nn.Module, sequences: Tensor) -> Tensor:
    logits = model(sequences[:, :-1])
    return nn.functional.cross_entropy(logits.reshape(-1, BYTES), sequences[:, 1:].reshape(-1))


def _as_tensor(content: bytes) -> Tensor:
    return torch.tensor(list(content), dtype=torch.long)
