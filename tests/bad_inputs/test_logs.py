"""Cases 88 to 93: logs of training runs, through the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.samples import write_specimens
from tests.bad_inputs.confined import Done

RECORD = "run_record: 1\nrun_id: a\nmetrics: {}\nartifacts: {}\n"


def row(step: int, **more: object) -> bytes:
    return json.dumps({"phase": "finetune", "step": step, "loss": 2.5, **more}).encode() + b"\n"


def a_run(folder: Path, *lines: bytes) -> Path:
    run = folder / "run"
    run.mkdir()
    (run / "run.yaml").write_text(RECORD)
    (run / "metrics.jsonl").write_bytes(b"".join(lines))
    return run


@pytest.mark.bad_input(88)
@pytest.mark.parametrize("log", [b"", b"\n\n"], ids=["no bytes", "blank lines"])
def test_a_log_of_nothing_examines_nothing(log: bytes, tmp_path: Path) -> None:
    run = write_specimens(tmp_path / "specimens")["run"]
    (run / "metrics.jsonl").write_bytes(log)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/a.yaml").write_text(
        "contract: a\nversion: 1.0.0\ntitle: T\nartifacts: {run: {kind: run}}\nfalsifiers:\n"
        "  - {id: LOSS, claim: C, check: metric, on: {run: run}, with: {series: loss, criterion: {below: 9}}}\n"
    )
    (tmp_path / "artifacts.yaml").write_text("run: specimens/run\n")
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "validate", "--format", "json"],
        cwd=tmp_path, env={**os.environ, "FALSIFIABLE_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    (judged,) = json.loads(done.stdout)["contracts"][0]["judgements"]
    assert judged["verdict"]["outcome"] == "inconclusive"
    assert "metrics.jsonl has no loss" in judged["verdict"]["found"]
    assert judged["on_specimen"]["outcome"] == "held"  # and that is why the command does not end with 3


@pytest.mark.bad_input(89)
def test_a_run_whose_last_line_was_cut_is_usable_up_to_it(confined: Callable[..., Done], tmp_path: Path) -> None:
    run = a_run(tmp_path, row(0), row(1), row(2)[:-9])
    assert confined("inspect", run).code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(line, said, marks=pytest.mark.bad_input(90))
        for line, said in (
            (b'{"step": 1, "loss": NaN}\n', "line 2: loss is NaN, not a number"),
            (b'{"step": 1, "loss": -Infinity}\n', "line 2: loss is -Infinity, not a number"),
            (b'{"step": 1, "loss": 1,23}\n', "line 2: loss is 1,2"),
            (b'{"step": 1, "loss": 1e400}\n', "1e400 is beyond the range"),
        )
    ]
    + [
        pytest.param(row(0), "line 2: step 0 comes after step 0 (line 1)", marks=pytest.mark.bad_input(91)),
        pytest.param(row(-1), "line 2: step is -1", marks=pytest.mark.bad_input(91)),
    ],
)
def test_a_line_that_is_none_is_named(line: bytes, said: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    refused(a_run(tmp_path, row(0), line, row(2)), 1, "metrics.jsonl: at byte ", said)


@pytest.mark.bad_input(91)
def test_two_runs_in_one_log_are_told_apart_only_by_phase(refused: Callable[..., Done], tmp_path: Path) -> None:
    refused(
        a_run(tmp_path, row(0), row(1), row(0), row(1)), 1, "line 3: step 0 comes after step 1 (line 2) of finetune"
    )


@pytest.mark.bad_input(92)
def test_times_that_go_back_are_not_looked_at(confined: Callable[..., Done], tmp_path: Path) -> None:
    times = ("2026-03-29T03:00:00+02:00", "2026-03-29T00:30:00Z", "yesterday")
    assert confined("inspect", a_run(tmp_path, *(row(n, time=time) for n, time in enumerate(times)))).code == 0


@pytest.mark.bad_input(93)
def test_ten_gigabytes_without_a_line_end_are_not_read(refused: Callable[..., Done], tmp_path: Path) -> None:
    run = a_run(tmp_path, row(0))
    os.truncate(run / "metrics.jsonl", 10 * 2**30)  # a hole: it takes no room on the disk
    done = refused(run, 2, "line 2 is longer than 1048576 bytes")
    assert done.peak_mebibytes < 256


@pytest.mark.bad_input(93)
@pytest.mark.parametrize(
    "line",
    [b"\x1b[2K\rstep 1: 12%|#         |\n", '{"step": 1}\n'.encode("utf-16-le"), b'{"step": 1, "a": "\xe4"}\n'],
    ids=["a progress bar", "UTF-16", "Latin-1"],
)
def test_what_is_no_line_of_a_metrics_log_is_named(line: bytes, refused: Callable[..., Done], tmp_path: Path) -> None:
    done = refused(a_run(tmp_path, row(0), line, row(2)), 1, "line 2: ")
    assert "\x1b" not in done.err
