"""``python -m examples.race.train``: one run of a race, as a process that a runner starts, follows and ends.

Standard output holds the metric alone, one line ``BPB=d.dddd`` per evaluation; standard error says everything else: the
configuration as it took effect, the corpus and its digests, step and cross-entropy of each evaluation, and how the run
ended. SIGTERM ends a run within a step, and it says so. With ``--evaluate FOLDER`` nothing is trained: the weights that
a run left in its folder are evaluated again.

Exit codes: 0 all steps done; 1 the training diverged; 2 wrong usage, or no corpus; 143 ended by SIGTERM.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from examples.race.corpus import Bytes, read_bytes
from examples.race.options import Options, read_options

if TYPE_CHECKING:
    from examples.race.training import Training

WEIGHTS = "weights.pt"
OPTIONS = "options.json"
_OFFSETS_SAID = 32
DONE, DIVERGED, REFUSED, TERMINATED = 0, 1, 2, 143


class Termination:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what the command line asks for; the exit code."""
    termination = Termination()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--evaluate"] and len(given) == 2:
        return evaluate_again(Path(given[1]))
    options = read_options(given)
    try:
        corpus = read_bytes(options.corpus)
        options.output.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return REFUSED
    with (options.output / "metrics.jsonl").open("w", encoding="utf-8") as metrics:
        return train(options, corpus, termination, metrics)


def evaluate_again(folder: Path) -> int:
    """Evaluate the weights that a run left in its folder, on the corpus of this machine, as one line of the metric."""
    from examples.race.training import Training, bpb_of

    try:
        said = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
        options = Options(**{**said, "corpus": said["corpus"] and Path(said["corpus"]), "output": folder})
        training = Training(options, read_bytes(options.corpus))
        training.load(folder / WEIGHTS)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return REFUSED
    print(f"BPB={bpb_of(training.evaluate()):.4f}", flush=True)
    return DONE


def train(options: Options, corpus: Bytes, termination: Termination, metrics: TextIO) -> int:
    """Train, and report every evaluation as it is made; the exit code."""
    from examples.race.training import Training, bpb_of

    started = time.monotonic()
    training = Training(options, corpus)
    (options.output / OPTIONS).write_text(json.dumps(asdict(options), default=str), encoding="utf-8")
    _say_what_takes_effect(options, corpus, training)
    (options.output / "data_order.json").write_text(json.dumps(training.order), encoding="utf-8")
    for step, train_bpb in training.steps():
        if step % options.evaluate_every == 0:
            nats = training.evaluate()
            seconds = round(time.monotonic() - started, 3)
            row = {"step": step, "bpb": bpb_of(nats), "nats": nats, "train_bpb": train_bpb, "seconds": seconds}
            _report(metrics, options, row)
            if not math.isfinite(nats):
                return _end(f"DIVERGED step={step}", started, DIVERGED)
        if termination.asked and step < options.steps:
            return _end(f"STOPPED step={step}", started, TERMINATED)
    training.save(options.output / WEIGHTS)
    return _end(f"DONE step={options.steps} BPB={bpb_of(nats):.4f}", started, DONE)


def _say_what_takes_effect(options: Options, corpus: Bytes, training: Training) -> None:
    effective = {name: str(value) if name in ("corpus", "output") else value for name, value in asdict(options).items()}
    effective |= {"corpus": corpus.name, "parameters": training.parameters, "device": "cpu", "threads": 1}
    effective |= {"primary_metric": "bpb", "number_format": "FP32"}
    effective |= {"data_order": training.first_offsets(_OFFSETS_SAID), "window": options.sequence_length + 1}
    _say("config " + json.dumps(effective, sort_keys=True))
    train_sha256, validation_sha256 = corpus.digests
    _say(f"corpus={corpus.name} train_sha256={train_sha256} validation_sha256={validation_sha256}")


def _report(metrics: TextIO, options: Options, row: Mapping[str, Any]) -> None:
    """Three records of one evaluation: the row for programs, the line of the metric, and the line with its step."""
    print(json.dumps(row), file=metrics, flush=True)
    print(f"BPB={row['bpb']:.4f}", flush=True)
    said = f"step={row['step']} evaluation={row['step'] // options.evaluate_every} BPB={row['bpb']:.4f}"
    _say(f"{said} nats={row['nats']:.6f} seconds={row['seconds']:.3f}")


def _end(how: str, started: float, code: int) -> int:
    _say(f"SMOKE_{how} seconds={time.monotonic() - started:.3f}")
    return code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
