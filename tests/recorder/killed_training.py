"""Real trainings, each in a process of its own, that are killed at random moments: ``FOLDER SEED COUNT``.

Importing torch takes seconds, so it is imported once and every training is forked from here. Prints one JSON line for
each: its folder, when it was killed, and whether it had left the recorder's context by itself before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from falsifiable.recorder import RunRecorder

LAST_STEP, SLOWEST = 40, 10**9
STEPS_BETWEEN_SAVES = 7


def train(folder: Path, begun: int, steps: int) -> None:
    """Fit a line, with a checkpoint now and then, in a folder that an earlier run has used."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    recorder = RunRecorder(
        folder, command=["train"], seed=0, device="cpu", dtype="float32", data="noise", steps=steps,
        repository=folder.parent,
    )  # fmt: skip
    with recorder:
        os.write(begun, b"x")
        recorder.observe_model(model)
        recorder.observe_optimizer(optimizer)
        recorder.step_zero(model, dtype="float32", val_loss=1.0)
        for step in range(steps):
            batch = torch.randn(8, 4)
            loss = (model(batch) - batch.sum(dim=1, keepdim=True)).square().mean()
            recorder.log("finetune", step, loss=loss.item(), lr=0.01)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.steps_done(step + 1)
            if step % STEPS_BETWEEN_SAVES == STEPS_BETWEEN_SAVES - 1:
                torch.save(model.state_dict(), folder / "checkpoint.pt")
                recorder.checkpoint(folder / "checkpoint.pt", step)
    (folder / "left").write_text("")


def forked(folder: Path, steps: int) -> tuple[int, int]:
    """A training process, and the pipe on which it says that it has begun."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        train(folder, writer, steps)
    finally:
        os._exit(0)


def killed(folder: Path, moment: float, steps: int) -> dict[str, object]:
    """Train until ``moment`` seconds after the beginning, and tell what was killed."""
    pid, reader = forked(folder, steps)
    os.read(reader, 1)
    os.close(reader)
    time.sleep(moment)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    left = (folder / "left").exists()
    return {"folder": str(folder), "moment": moment, "left": left,
            "by": os.waitstatus_to_exitcode(status)}  # fmt: skip


def main() -> None:
    """Measure how long a whole training takes, then kill as many as were asked for at moments within that time."""
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.01)  # the first one imports for a second
    whole = folder / "whole"
    pid, reader = forked(whole, LAST_STEP)
    os.read(reader, 1)
    entered = time.monotonic()
    os.waitpid(pid, 0)
    seconds = time.monotonic() - entered
    os.close(reader)
    print(json.dumps({"folder": str(whole), "seconds": seconds}))
    moments = random.Random(seed)
    number = kills = 0
    while kills < count:
        # Some go on without end, so that the kill always meets them at work; the others are also met while they end,
        # or have ended, which is no kill.
        steps = SLOWEST if number % 2 else LAST_STEP
        one = killed(folder / f"run-{number}", moments.uniform(0, seconds), steps)
        print(json.dumps(one), flush=True)
        kills += one["by"] == -signal.SIGKILL
        number += 1


if __name__ == "__main__":
    main()
