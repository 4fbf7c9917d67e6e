"""Validating again what did not change, and what growing costs: in bytes, and in falsifiers."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import rows_scan
from benchmarks.comparison import (
    GB,
    Line,
    Row,
    Setting,
    Side,
    Table,
    bytes_text,
    in_turn,
    line_of,
    rate_text,
    ratio_text,
    seconds_text,
)
from benchmarks.measure import Work, measured, warm

VALIDATED_BYTES = 2 * GB
REVALIDATION_SHARE = 0.05
SIZES = (10 * 10**6, 100 * 10**6, GB, 8 * GB)
SMALL_BYTES = 2 * GB
FALSIFIERS = (1, 10, 100, 1000)
COST_PER_BYTE_GROWTH = 1.25  # flat: a byte costs at most a quarter more than in any smaller file
READ_ONCE = 1.1  # times the file's size; a second reading would make it 2
_MOST_PER_CONTRACT = 100


# The works; here ``path`` is a workspace


def command(path: str, tiny: str) -> Callable[[], int]:
    """``contract validate`` as a command; returns its exit code."""
    del tiny
    arguments = [sys.executable, "-m", "falsifiable", "validate", "--root", path]
    # As installed: with compiled modules, whatever the environment says about writing them.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**inherited, "FALSIFIABLE_CACHE": str(_cache(path))}

    def work() -> int:
        done = subprocess.run(arguments, cwd=path, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"contract validate ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.returncode

    return work


def library_call(path: str, tiny: str) -> Callable[[], int]:
    """``falsifiable.validate`` in a program that has imported it; returns how many falsifiers held."""
    del tiny
    from falsifiable import validate

    os.environ["FALSIFIABLE_CACHE"] = str(_cache(path))

    def work() -> int:
        judgements = [one for result in validate(path) for one in result.judgements]
        unheld = [f"{one.falsifier}: {one.verdict.found}" for one in judgements if one.verdict.outcome != "held"]
        if unheld:
            raise RuntimeError(f"{len(unheld)} falsifiers did not hold: {unheld[:3]}")
        return len(judgements)

    return work


def _cache(path: str | Path) -> Path:
    return Path(path) / "cache"


# The workspaces


def _workspace(folder: Path, model: Path, falsifiers: int) -> Path:
    """A workspace whose contracts make so many different claims about one model, and which has validated nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "contracts").mkdir(parents=True)
    os.link(model, folder / "model.safetensors")
    (folder / "artifacts.yaml").write_text("model: model.safetensors\n")
    for first in range(0, falsifiers, _MOST_PER_CONTRACT):
        claims = [_claim(number) for number in range(first, min(first + _MOST_PER_CONTRACT, falsifiers))]
        name = f"bench-{first // _MOST_PER_CONTRACT:02d}"
        (folder / "contracts" / f"{name}.yaml").write_text(
            f"contract: {name}\nversion: 1.0.0\ntitle: What a benchmark claims\nspec: bench\n"
            "artifacts:\n  model: {kind: model}\nfalsifiers:\n" + "".join(claims)
        )
    return folder


def _claim(number: int) -> str:
    """Every claim is another: one already judged would be remembered."""
    checks = {0: "check: artifact.sound", 1: "check: weights.finite"}
    bound = 0.5 + 0.0001 * number
    check = checks.get(number, f"check: weights.not-degenerate, with: {{zero_share: {{below: {bound:.4f}}}}}")
    return f"  - {{id: FALSIFY-BENCH-{number:04d}, claim: Claim {number} holds, on: {{model: model}}, {check}}}\n"


# The rows


def revalidate_command(setting: Setting) -> Line:
    """What a person waits for, starting Python included."""
    return _revalidated(setting, "revalidate-command", "contract validate, nothing changed", "command")


def revalidate_call(setting: Setting) -> Line:
    """What a program waits for."""
    return _revalidated(setting, "revalidate-call", "falsifiable.validate, nothing changed", "library_call")


def _revalidated(setting: Setting, name: str, title: str, work: str) -> Line:
    model = setting.files.safetensors(VALIDATED_BYTES)
    warm(str(model))
    rounds = []
    for _ in range(setting.rounds):
        folder = _workspace(setting.files.folder / name, model, 4)
        order = Work(f"rows_validation:{work}", str(folder))
        rounds.append((measured(order, once=True), measured(order, once=True)))
    share = statistics.median(again.seconds / first.seconds for first, again in rounds)
    made = line_of(
        name, title, model, Side("the first validation, 4 falsifiers", ""), rounds, target=1 / REVALIDATION_SHARE
    )
    return replace(made, note=f"the second takes {share:.1%} of the first")


def growth_bytes(setting: Setting) -> Table:
    """From 10 MB to 8 GB: what a byte costs."""
    warming = rows_scan.warming(setting)
    found: dict[int, list[float]] = {}
    cached = 1.0
    for size in SIZES:
        if setting.small and size > SMALL_BYTES:
            continue
        path = setting.files.safetensors(size)
        sides = (Side("falsifiable", "rows_scan:falsifiable_scan"),)
        measurements = [one for (one,) in in_turn(setting, path, sides, tiny=warming)]
        found[path.stat().st_size] = [one.seconds for one in measurements]
        cached = min(cached, *(one.cached_share or 0.0 for one in measurements))
        if path != warming:
            setting.files.delete(path)
    costs = {size: statistics.median(seconds) / size for size, seconds in found.items()}
    growth = _growth(list(costs.values()))
    return Table(
        name="growth-bytes",
        title="Full scan of files of growing size, warm page cache",
        header=("file", "time (median)", "lowest to highest", "rate", "cost per byte over the lowest so far"),
        rows=tuple(
            (
                bytes_text(size),
                seconds_text(statistics.median(seconds)),
                f"{seconds_text(min(seconds))} to {seconds_text(max(seconds))}",
                rate_text(1 / costs[size]),
                ratio_text(grown),
            )
            for (size, seconds), grown in zip(found.items(), growth, strict=True)
        ),
        target=f"a byte costs at most {COST_PER_BYTE_GROWTH} times what it costs in any smaller file",
        met=max(growth) <= COST_PER_BYTE_GROWTH,
        note=f"At least {cached:.1%} of each file was in the page cache before each reading.",
    )


def _growth(costs: list[float]) -> list[float]:
    """Each cost over the lowest of those before it; the first over itself."""
    return [cost / min(costs[: max(1, index)]) for index, cost in enumerate(costs)]


def growth_falsifiers(setting: Setting) -> Table:
    """From 1 to 1000 falsifiers over one file: how often it is read.

    What Python itself reads is taken off: a validation of a file of the same tensors and a few kilobytes reads that.
    """
    model, control = setting.files.safetensors(VALIDATED_BYTES), setting.files.tiny("safetensors")
    warm(str(model))
    size = model.stat().st_size - control.stat().st_size
    rows = []
    most_read = 0.0
    for falsifiers in FALSIFIERS:
        seconds, read = _first_validation(setting, model, falsifiers)
        _, read_besides = _first_validation(setting, control, falsifiers)
        times_read = (read - read_besides) / size
        most_read = max(most_read, times_read)
        rows.append((f"{falsifiers:,}", seconds_text(seconds), seconds_text(seconds / falsifiers), f"{times_read:.3f}"))
        print(".", end="", file=sys.stderr, flush=True)
    return Table(
        name="growth-falsifiers",
        title=f"A first validation of {bytes_text(size)} by a growing number of falsifiers, once each",
        header=("falsifiers", "time", "per falsifier", "how often the file is read"),
        rows=tuple(rows),
        target=f"all processes together read at most {READ_ONCE} times the size of the file",
        met=most_read <= READ_ONCE,
        note="Counted by the kernel (rchar) over all processes; what is mapped and not read is not in it.",
    )


def _first_validation(setting: Setting, model: Path, falsifiers: int) -> tuple[float, int]:
    """Seconds and bytes read."""
    folder = _workspace(setting.files.folder / "growth-falsifiers", model, falsifiers)
    one = measured(Work("rows_validation:library_call", str(folder)), once=True)
    return one.seconds, one.read_bytes


ROWS = (
    Row("revalidate-command", revalidate_command),
    Row("revalidate-call", revalidate_call),
    Row("growth-falsifiers", growth_falsifiers),
    Row("growth-bytes", growth_bytes, most_rounds=3),
)
