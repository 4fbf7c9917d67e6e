"""What one run is asked for on its command line, as data; the same fields are echoed back as what it did."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

MODELS = ("HYBRID", "JEPA-T", "NCA", "TRAIN_V2")
SCHEDULES = ("cosine", "wsd", "constant")


@dataclass(frozen=True, slots=True)
class Options:
    """One run.

    Attributes:
        name: of the run, repeated in its log so that a log cannot be taken for another run's.
        model: the kind of model, see ``models.py``.
        seed: of the weights and of the order of the data.
        steps: optimizer steps of a full run; the schedule of the learning rate is laid out over them.
        evaluate_every: steps between two evaluations.
        hidden_size: width of the hidden layer.
        context: bytes of context that the n-gram part sees, the cells of an NCA iterate over, at most
            ``sequence_length``.
        batch_size: sequences per step.
        sequence_length: bytes per sequence.
        learning_rate: at its peak, after ``warmup`` steps.
        schedule: of the learning rate after the warm-up: down to a tenth as a cosine, constant and then linearly to
            zero over the last fifth (wsd: warm-up, stable, decay), or constant.
        warmup: steps over which the learning rate rises from zero.
        ema: over how many steps the weights that are evaluated are averaged, 0 for the last weights themselves.
        corpus: folder whose Python sources are trained on; None is the running interpreter's standard library.
        output: the folder that the run writes.
    """

    name: str = "unnamed"
    model: str = "HYBRID"
    seed: int = 0
    steps: int = 500
    evaluate_every: int = 10
    hidden_size: int = 256
    context: int = 4
    batch_size: int = 4
    sequence_length: int = 64
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    warmup: int = 50
    ema: int = 0
    corpus: Path | None = None
    output: Path = Path("runs") / "race-run"


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """The options of a command line; ends the process with a message and exit code 2 where they make no run."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m examples.race.train",
        description="Train a tiny byte-level language model on the sources of the Python standard library.",
    )
    for field in fields(Options):
        default = getattr(defaults, field.name)
        kind = Path if field.name == "corpus" else type(default)
        choices = {"model": MODELS, "schedule": SCHEDULES}.get(field.name)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=default, choices=choices)
    options = Options(**vars(parser.parse_args(arguments)))
    if said := fault_of(options):
        parser.error(said)
    return options


def fault_of(options: Options) -> str:
    """Why the options make no run; empty where they do."""
    positive = ("steps", "evaluate_every", "hidden_size", "context", "batch_size", "learning_rate")
    for name in positive:
        if getattr(options, name) <= 0:
            return f"--{name.replace('_', '-')} {getattr(options, name)}: expected more than 0"
    if options.seed < 0 or options.warmup < 0 or options.ema < 0:
        return "--seed, --warmup and --ema are 0 or more"
    if options.context > options.sequence_length:
        return f"--context {options.context} is longer than --sequence-length {options.sequence_length}"
    if options.steps % options.evaluate_every:
        return f"--steps {options.steps} is no multiple of --evaluate-every {options.evaluate_every}"
    return ""
