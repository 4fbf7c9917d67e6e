"""What recording costs: a training loop with the recorder beside the same loop without."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.comparison import Row, Setting, Table, seconds_text
from benchmarks.measure import Work, measured

MOST_SHARE = 0.01
JUDGED_FROM_SECONDS = 0.05  # shorter steps are shown; the target is for steps of this length and longer
# Width -> steps: steps from a few milliseconds, which a small model takes on a GPU, to more than a hundred, which the
# reference run takes on a CPU.
STEPS = {256: 400, 512: 200, 1024: 60}
_BATCH, _LAYERS = 64, 4


def loop(path: str, tiny: str) -> Callable[[], dict[str, float]]:
    """A training of so many steps of a network so wide (``WIDTH-STEPS``), every other ten of them recorded.

    Returns seconds for each logged step: the median of a step without the recorder; and the mean of the rest of a
    step (``step``) and of the recorder's calls in it, by the clock (``wall``) and by the processor (``cpu``), the
    saving of the record included. The clock also counts another process that takes its turn within a call.
    """
    del tiny
    import torch

    width, steps = (int(part) for part in path.split("-"))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers = [layer for _ in range(_LAYERS) for layer in (torch.nn.Linear(width, width), torch.nn.GELU())]
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batch = torch.randn(_BATCH, width)

    def step() -> float:
        loss = (model(batch) - batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    step()
    return lambda: _alternating(step, steps)


def _alternating(step: Callable[[], float], steps: int) -> dict[str, float]:
    from falsifiable.recorder import RunRecorder

    plain: list[float] = []
    worked: list[float] = []
    called: list[float] = []
    processor: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        recorder = RunRecorder(
            Path(folder) / "run", command=["bench"], seed=0, device="cpu", dtype="float32", data="noise", steps=steps
        )
        with recorder:
            for number in range(steps):
                began = time.perf_counter()
                loss = step()
                stepped, before = time.perf_counter(), time.thread_time()
                if number // 10 % 2 == 0:
                    plain.append(stepped - began)
                    continue
                recorder.log("train", number, loss=loss, lr=1e-3, seconds=round(stepped, 3))
                recorder.steps_done(number)
                recorder.metric("train_loss", loss, number)
                after, ended = time.thread_time(), time.perf_counter()
                worked.append(stepped - began)
                called.append(ended - stepped)
                processor.append(after - before)
    return {
        "plain": statistics.median(plain),
        "step": statistics.fmean(worked),
        "wall": statistics.fmean(called),
        "cpu": statistics.fmean(processor),
    }


def recorder_overhead(setting: Setting) -> Table:
    """What the recorder takes of a step, for steps of a few milliseconds and more, and from which length 1 % holds."""
    rows, judged, overheads = [], [], []
    for width, steps in STEPS.items():
        order = Work("rows_recorder:loop", f"{width}-{max(40, int(steps * setting.files.scale))}")
        found: Sequence[dict[str, float]] = [measured(order, once=True).result for _ in range(setting.rounds)]
        middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
        share = middle["wall"] / middle["step"]
        overheads.append(middle["wall"])
        if middle["plain"] >= JUDGED_FROM_SECONDS:
            judged.append(share)
        rows.append((
            str(width), seconds_text(middle["plain"]), seconds_text(middle["wall"]), seconds_text(middle["cpu"]),
            f"{share:.2%}",
        ))  # fmt: skip
        print(".", end="", file=sys.stderr, flush=True)
    enough = max(overheads) / MOST_SHARE
    return Table(
        name="recorder-overhead",
        title="A PyTorch training loop with RunRecorder, every step logged",
        header=("width", "step without", "recorder by the clock", "by the processor", "share of the step by the clock"),
        rows=tuple(rows),
        target=f"at most {MOST_SHARE:.0%} by the clock, of steps of {seconds_text(JUDGED_FROM_SECONDS)} and longer",
        met=bool(judged) and max(judged) <= MOST_SHARE,
        note="Ten steps with and ten without take turns in one process; the recorder's times are means for a logged "
        f"step, the saving of the record included. By the longest of them, {MOST_SHARE:.0%} holds from steps of "
        f"{seconds_text(enough)} on.",
    )


ROWS = (Row("recorder-overhead", recorder_overhead, needs=("torch",)),)
