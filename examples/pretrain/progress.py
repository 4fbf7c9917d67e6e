"""Telling a person how the training goes: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from examples.pretrain.train import Progress


def say(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr, flush=True)


def followed(phase: str, steps: int, training: Iterable[Progress]) -> Iterator[Progress]:
    """Pass every report of ``training`` on, showing it on stderr on the way."""
    return _with_bar(phase, steps, training) if sys.stderr.isatty() else _with_lines(phase, steps, training)


def _with_lines(phase: str, steps: int, training: Iterable[Progress]) -> Iterator[Progress]:
    for progress in training:
        if progress.val_loss is not None and (progress.step % 100 == 0 or progress.step == steps):
            say(f"{phase} {progress.step}/{steps}: {_losses(progress.loss, progress.val_loss)}")
        yield progress


def _with_bar(phase: str, steps: int, training: Iterable[Progress]) -> Iterator[Progress]:
    import rich.progress
    from rich.console import Console

    columns = (
        rich.progress.TextColumn("{task.description:9}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("{task.fields[losses]}"),
    )
    with rich.progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(phase, total=steps, losses="")
        val_loss = float("nan")
        for progress in training:
            val_loss = val_loss if progress.val_loss is None else progress.val_loss
            bar.update(task, completed=progress.step, losses=_losses(progress.loss, val_loss))
            yield progress


def _losses(loss: float, val_loss: float) -> str:
    return f"loss {loss:.3f}, validation {val_loss:.3f}"
