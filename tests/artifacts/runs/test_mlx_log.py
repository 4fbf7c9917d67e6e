"""Runs of MLX-LM: what its trainer printed, told by its own lines and read without a pattern."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable import Criterion
from falsifiable.artifacts import ArtifactError, detect_kind, open_run
from falsifiable.artifacts.limits import Limits
from falsifiers.convergence import loss_falls
from falsifiers.fields import metric

LOG = """\
Loading pretrained model
Fetching 7 files:   0%|          | 0/7 [00:00<?, ?it/s]\rFetching 7 files: 100%|####| 7/7 [00:00<00:00]
Loading datasets
Training
Trainable parameters: 0.148% (0.733M/494.033M)
Starting training..., iters: 30
Calculating loss...:  50%|##  | 1/2\r                                   \rIter 1: Val loss 3.721, Val took 0.726s
Iter 10: Train loss 2.670, Learning Rate 1.000e-05, It/sec 13.980, Tokens/sec 1326.746, Trained Tokens 949, Peak mem 1.290 GB
Iter 20: Val loss 2.001, Val took 0.700s
Iter 20: Train loss 2.056, Learning Rate 1.000e-05, It/sec 14.787, Tokens/sec 1418.100, Trained Tokens 1908, Peak mem 1.290 GB
Iter 20: Saved adapter weights to adapters/adapters.safetensors and adapters/0000020_adapters.safetensors.
Iter 30: Train loss 1.568, Learning Rate 1.000e-05, It/sec 15.192, Tokens/sec 1411.343, Trained Tokens 2837, Peak mem 1.293 GB
Saved final weights to adapters/adapters.safetensors.
"""  # noqa: E501 (lines as the trainer prints them)


def log(folder: Path, content: str | bytes, name: str = "train.log") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, limits: Limits | None = None) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_run(path, limits=limits or Limits())
    return caught.value


def test_its_lines_are_the_rows_of_one_phase(tmp_path: Path) -> None:
    run = open_run(log(tmp_path, LOG))
    assert run.series("loss") == run.series("train_loss", "train") == [(10, 2.67), (20, 2.056), (30, 1.568)]
    assert run.series("val_loss") == [(1, 3.721), (20, 2.001)]
    assert run.series("tokens_per_second")[0] == (10, 1326.746)
    assert run.series("trained_tokens")[-1] == (30, 2837)
    assert run.series("peak_memory_bytes")[-1] == (30, 1.293e9)
    assert run.series("lr")[0] == (10, 1e-5)
    assert [row["step"] for row in run.rows] == [1, 10, 20, 30]
    assert (run.torn, run.has_record, run.metrics["val_loss"].step) == (False, False, 20)


def test_what_it_saved_and_how_it_ended_stand_in_the_record(tmp_path: Path) -> None:
    run = open_run(log(tmp_path, LOG))
    assert run.field("checkpoints") == [{"step": 20, "path": "adapters/0000020_adapters.safetensors"}]
    assert run.field("steps") == {"planned": 30, "done": 30}
    assert (run.field("end_reason"), run.field("trainer")) == ("completed", "mlx-lm")


def test_the_lines_of_earlier_versions(tmp_path: Path) -> None:
    content = "Iter 10: Train loss 2.458, It/sec 3.036, Tokens/sec 1424.852\nIter 10: Saved adapter weights to a.npz.\n"
    run = open_run(log(tmp_path, content))
    assert run.rows == (
        {"phase": "train", "step": 10, "loss": 2.458, "train_loss": 2.458,
         "steps_per_second": 3.036, "tokens_per_second": 1424.852},
    )  # fmt: skip
    assert run.field("checkpoints") == [{"step": 10, "path": "a.npz"}]
    assert (run.field("steps.planned"), run.field("end_reason")) == (None, None)


def test_what_other_versions_print_in_between_is_passed_over(tmp_path: Path) -> None:
    content = "Iter 10: Train loss 2.5, KL penalty 0.1, Learning Rate 1e-05\nIter 10: nothing else\nTest loss 2.1.\n"
    assert open_run(log(tmp_path, content)).rows == (
        {"phase": "train", "step": 10, "loss": 2.5, "train_loss": 2.5, "lr": 1e-5},
    )


def test_a_run_that_diverged_says_so_in_its_log(tmp_path: Path) -> None:
    run = open_run(log(tmp_path, "Iter 10: Train loss 2.5, It/sec 1\nIter 20: Train loss nan, It/sec 1\n"))
    assert math.isnan(run.series("loss")[-1][1])
    assert math.isnan(run.metrics["train_loss"].value)
    assert loss_falls(run).outcome != "held"


def test_it_is_a_run_for_whoever_asks_what_it_is(tmp_path: Path) -> None:
    assert detect_kind(log(tmp_path, LOG)) == "run"
    assert detect_kind(log(tmp_path, "some notes on Iter 10: Train loss 2\n", "notes.txt")) == "model"
    assert metric(open_run(log(tmp_path, LOG)), series="val_loss", criterion=Criterion(below=2.1)).outcome == "held"


def test_a_record_that_quotes_such_a_line_is_a_record(tmp_path: Path) -> None:
    quoted = "# command:\n#\nrun_record: 1\nrun_id: a\nmetrics: {}\nartifacts: {}\nnote: |\n  Iter 1: Val loss 3, \n"
    assert open_run(log(tmp_path, quoted, "run.yaml")).run_id == "a"


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_killed_run_is_usable_up_to_its_last_whole_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = LOG[LOG.index("Starting") :].encode()
    cut = data.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
    run = open_run(log(tmp_path_factory.mktemp("cut"), whole[:cut]))
    complete = whole[: whole.rfind(b"\n", 0, cut) + 1].decode()
    reports = [line.rpartition("\r")[2].split()[1] for line in complete.splitlines() if " loss " in line]
    assert [f"{row['step']}:" for row in run.rows] == list(dict.fromkeys(reports))
    rest = whole[:cut].rpartition(b"\n")[2].removesuffix(b"\r").rpartition(b"\r")[2]
    assert run.torn == bool(rest.strip())
    assert (run.field("end_reason") == "completed") == ("Saved final" in complete)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Iter 2: Train loss 1,23, It/sec 1", "line 2: iteration 2: loss is 1,23, not a number"),
        ("Iter 2: Train loss 1e400", "line 2: iteration 2: loss is 1e400, beyond the range"),
        ("Iter 2: Train loss " + "9" * 400, "not a number"),
        ("Iter 1: Train loss 2.5", "line 2: iteration 1 comes after iteration 2"),
        ("Iter 2: Train loss 2.5", "line 2: loss of iteration 2 stands twice"),
        ("Iter 1: Saved adapter weights to a.npz.", "line 2: iteration 1 comes after iteration 2"),
        ("Starting training..., iters: 3\nStarting training..., iters: 3", "the training starts a second time"),
    ],
    ids=lambda value: value[:40],
)
def test_a_log_that_contradicts_itself_is_unsound_and_the_line_named(line: str, said: str, tmp_path: Path) -> None:
    step = 2 if "stands twice" in said or "after" in said else 1
    error = refused(log(tmp_path, f"Iter {step}: Train loss 2.5\n{line}\n"))
    assert said in str(error)
    assert error.kind == "unsound"


def test_more_than_the_limits_allow_is_unreadable(tmp_path: Path) -> None:
    rows = log(tmp_path, "".join(f"Iter {step}: Train loss 1\n" for step in range(5)))
    assert "more than 4 logged steps" in str(refused(rows, Limits(metrics_rows=4)))
    saves = log(tmp_path, "".join(f"Iter {step}: Saved adapter weights to a.\n" for step in range(5)))
    assert "more than 4 saves" in str(refused(saves, Limits(metrics_rows=4)))
    long = log(tmp_path, b"Iter 1: Train loss 1\n" + b"a" * (2**20 + 1))
    assert "line 2 is longer than" in str(refused(long))
    latin = log(tmp_path, b"Iter 1: Train loss 1\nna\xefve\n")
    assert "line 2: not UTF-8" in str(refused(latin))


def test_a_line_of_a_mebibyte_made_to_be_slow_is_read_at_once(tmp_path: Path) -> None:
    """A pattern that tries every ' and ' anew, or every comma, would not come back."""
    content = b"Iter 1: Saved adapter weights to " + b"a and " * 170_000 + b"\nIter 2: Train loss 1" + b", " * 500_000
    assert len(open_run(log(tmp_path, content + b"\n")).rows) == 1
