"""Run records: what is read, what hostile folders are refused for, and what mutations change."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, Run, open_run
from falsifiable.artifacts.limits import Limits
from falsifiable.samples import specimen, write_specimens

SHA256 = "0" * 64


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_specimens(tmp_path_factory.mktemp("specimens"))["run"]


@pytest.fixture
def run() -> Run:
    opened = specimen("run")
    assert isinstance(opened, Run)
    return opened


def folder_with(folder: Path, log: bytes | None = None, **fields: Any) -> Path:
    record = {"run_record": 1, "run_id": "one", "metrics": {}, "artifacts": {}, **fields}
    (folder / "run.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")
    if log is not None:
        (folder / "metrics.jsonl").write_bytes(log)
    return folder


def refused(folder: Path, **options: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_run(folder, **options)
    return caught.value


def test_a_run_is_opened_by_its_folder_or_by_its_record(recorded: Path) -> None:
    by_folder, by_record = open_run(recorded), open_run(recorded / "run.yaml")
    assert by_folder.digest == by_record.digest
    assert by_folder.path == recorded / "run.yaml"
    assert set(by_folder.file_digests) == {"run.yaml", "metrics.jsonl", "step_zero.json"}


def test_fields_are_read_by_dotted_name_and_missing_is_none(run: Run) -> None:
    assert run.field("device.actual") == "cpu"
    assert run.field("architecture.num_key_value_heads") == 2
    assert run.field("device.wished") is None
    assert run.field("run_id.inner") is None
    assert run.commit is not None
    assert run.dirty is False
    assert run.datasets["validation"]["tokens"] == 457


def test_series_are_of_one_phase_the_last_unless_named(run: Run) -> None:
    finetune = run.series("val_loss")
    assert [step for step, _ in finetune] == [0, 4, 8, 12]
    assert finetune[-1][1] == run.metrics["val_loss"].value
    assert run.series("val_loss", phase="pretrain")[-1][1] == run.metrics["pretrain_val_loss"].value
    assert run.series("accuracy") == []


def test_the_state_at_step_zero_is_that_of_the_init_checkpoint(run: Run) -> None:
    from falsifiable.artifacts import Model

    init = specimen("model", "init")
    assert isinstance(init, Model)
    assert run.step_zero is not None
    assert {name: one.blake3 for name, one in run.step_zero.items()} == {
        name: one.blake3 for name, one in init.fingerprints.items()
    }


def test_recorded_artifacts_are_known_by_digest_and_found_where_recorded(run: Run) -> None:
    for role, artifact in run.artifacts.items():
        assert run.has_digest(artifact.sha256)
        assert run.found_digest(role) == artifact.sha256
    assert not run.has_digest(SHA256)
    assert run.found_digest("optimizer") is None


def test_a_changed_file_is_found_under_another_digest(recorded: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(recorded, tmp_path / "run")
    (folder / "finetuned" / "generation_config.json").write_text("{}")
    (folder / "export" / "model.gguf").unlink()
    run = open_run(folder)
    assert run.found_digest("trained") != run.artifacts["trained"].sha256
    assert run.found_digest("init") == run.artifacts["init"].sha256
    assert run.found_digest("export") is None


def test_a_minimal_record_is_enough(tmp_path: Path) -> None:
    run = open_run(folder_with(tmp_path))
    assert (run.rows, run.torn, run.step_zero, run.commit, run.dirty) == ((), False, None, None, None)
    assert dict(run.datasets) == {}


@pytest.mark.parametrize("log", [b"", b"\n\n"], ids=["empty", "blank lines"])
def test_an_empty_log_has_no_rows(log: bytes, tmp_path: Path) -> None:
    run = open_run(folder_with(tmp_path, log))
    assert run.rows == ()
    assert not run.torn


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"step": 1, "loss": NaN}', "line 2: loss is NaN, not a number"),
        (b'{"step": 1, "loss": Infinity}', "line 2: loss is Infinity, not a number"),
        (b'{"step": 1, "loss": -Infinity}', "line 2: loss is -Infinity, not a number"),
        (b'{"step": 1, "loss": 1,23}', "line 2: loss is 1,2, not a number"),
        (b'{"step": 1, "loss": 1e400}', "line 2: 1e400 is beyond the range"),
        (b'{"step": 1, "loss": 2.0, "loss": 1.0}', "line 2: the key 'loss' stands twice"),
        (b'{"step": 1, "loss": [1.0]}', "line 2: loss is a list or an object"),
        (b'{"step": 0, "loss": 1.0}', "line 2: step 0 comes after step 0 (line 1)"),
        (b'{"step": -1, "loss": 1.0}', "line 2: step is -1"),
        (b'{"step": "1", "loss": 1.0}', "line 2: step is '1'"),
        (b'{"step": true}', "line 2: step is True"),
        (b'{"loss": 1.0}', "line 2: step is None"),
        (b"[1, 2]", "line 2: is [1, 2]"),
        (b"\x1b[32mstep 1: loss 2.0\x1b[0m\r", "line 2: not JSON"),
        (b'{"step": 1, "note": "\xe9"}', "line 2: not UTF-8"),
    ],
)
def test_a_broken_line_is_unsound_and_named(line: bytes, said: str, tmp_path: Path) -> None:
    error = refused(folder_with(tmp_path, b'{"step": 0, "loss": 5.0}\n' + line + b"\n"))
    assert said in str(error)
    assert "metrics.jsonl" in str(error)
    assert error.kind == "unsound"
    assert error.offset is not None
    assert error.offset >= 25


def test_steps_may_begin_again_in_another_phase_but_not_go_back_in_one(tmp_path: Path) -> None:
    rows = b'{"phase": "pretrain", "step": 9}\n{"phase": "finetune", "step": 0}\n'
    assert len(open_run(folder_with(tmp_path, rows)).rows) == 2
    error = refused(folder_with(tmp_path, rows + b'{"phase": "pretrain", "step": 4}\n'))
    assert "line 3: step 4 comes after step 9 (line 1) of pretrain" in str(error)


def test_a_line_beyond_the_limit_is_unreadable_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "metrics.jsonl").open("wb") as file:
        file.truncate(2**33)  # a single line of 8 GiB, sparse on disk
    error = refused(folder_with(tmp_path))
    assert "line 1 is longer than" in str(error)
    assert error.kind == "unreadable"


def test_more_rows_than_the_limit_are_unreadable(tmp_path: Path) -> None:
    rows = b"".join(b'{"step": %d}\n' % step for step in range(5))
    error = refused(folder_with(tmp_path, rows), limits=Limits(metrics_rows=4))
    assert "more than 4 lines" in str(error)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_killed_run_is_usable_up_to_its_last_whole_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = b"".join(b'{"step": %d, "loss": %f}\n' % (step, 5 - step / 10) for step in range(20))
    rows = [json.loads(line) for line in whole.splitlines()]
    cut = data.draw(st.integers(0, len(whole)))
    run = open_run(folder_with(tmp_path_factory.mktemp("cut"), whole[:cut]))
    assert list(run.rows) == rows[: len(run.rows)]
    assert len(run.rows) >= whole[:cut].count(b"\n")
    last_line = whole[:cut].rpartition(b"\n")[2]
    assert run.torn == (last_line != b"" and not last_line.endswith(b"}"))


def test_a_number_that_json_cannot_say_is_recorded_as_text(tmp_path: Path) -> None:
    run = open_run(folder_with(tmp_path, b'{"step": 0, "loss": 5.0}\n{"step": 1, "loss": "nan"}\n'))
    assert math.isnan(run.series("loss")[1][1])
    worded = open_run(folder_with(tmp_path, b'{"step": 0, "loss": "low"}\n'))
    with pytest.raises(ArtifactError, match="loss is 'low' at step 0"):
        worded.series("loss")


@pytest.mark.parametrize(
    "path", ["../outside", "a/../../b", "/etc/passwd", "~/x", "C:\\x", "\\\\host\\x", "a\\..\\b", "x\0y", "", None, 7]
)
def test_an_artifact_path_may_not_leave_the_folder(path: object, tmp_path: Path) -> None:
    error = refused(folder_with(tmp_path, artifacts={"trained": {"path": path, "size": 1, "sha256": SHA256}}))
    assert error.kind == "unsound"
    assert "run.yaml" in str(error)


def test_a_link_out_of_the_folder_is_unsound(tmp_path: Path) -> None:
    inner = tmp_path / "run"
    inner.mkdir()
    (inner / "metrics.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    error = refused(folder_with(inner, artifacts={"metrics": {"path": "metrics.jsonl", "size": 1, "sha256": SHA256}}))
    assert "may lie outside the folder" in str(error)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"artifacts": {"trained": "finetuned"}}, "artifacts.trained is 'finetuned'"),
        ({"artifacts": {"trained": {"path": "x", "sha256": "ABC"}}}, "artifacts.trained.sha256 is 'ABC'"),
        ({"artifacts": {"trained": {"path": "x", "sha256": SHA256, "size": -1}}}, "artifacts.trained.size is -1"),
        ({"artifacts": ["x"]}, "artifacts is ['x']"),
        ({"metrics": {"val_loss": 3.0}}, "metrics.val_loss is 3.0"),
        ({"metrics": {"val_loss": {"value": "low", "step": 1}}}, "metrics.val_loss is"),
        ({"metrics": {"val_loss": {"value": True, "step": 1}}}, "metrics.val_loss is"),
        ({"metrics": {"val_loss": {"value": 1.0, "step": 1.5}}}, "metrics.val_loss.step is 1.5"),
    ],
)
def test_a_record_of_the_wrong_shape_is_unsound(fields: dict[str, Any], said: str, tmp_path: Path) -> None:
    error = refused(folder_with(tmp_path, **fields))
    assert said in str(error)
    assert error.kind == "unsound"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "unreadable", "has no key run_record"),
        (b"\x00\x01\x02", "unreadable", "has no key run_record"),
        (b"title: notes\n", "unreadable", "has no key run_record"),
        (b"run_record: 99\n", "unreadable", "run_record is 99"),
        (b"run_record: 1\nrun_id: a\n", "unsound", "has no key metrics, artifacts"),
        (b"run_record: 1\nrun_id: [a\n", "unsound", "line 3, column 1"),
        (b"run_record: 1\nrun_id: &a [*a]\n", "unsound", "line 2"),
        (b"run_record: 1\nx: !!python/object/apply:os.system [ls]\n", "unsound", "line 2"),
        (b"run_record: 1\nrun_record: 1\n", "unsound", "line 2"),
        (b"run_record: 1\nmetrics: {a: {value: .nan}}\n", "unsound", "line 2"),
        (b"run_record: 1\nx: " + b"[" * 100_000, "unsound", "line 2"),
    ],
    ids=["empty", "binary", "other", "version", "cut", "open", "anchor", "tag", "duplicate", "nan", "deep"],
)
def test_bytes_that_are_no_run_record(content: bytes, kind: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(content)
    error = refused(tmp_path)
    assert said in str(error)
    assert error.kind == kind


def test_a_folder_without_a_record_and_a_pipe_in_its_place_are_unreadable(tmp_path: Path) -> None:
    assert "no such file" in str(refused(tmp_path))
    os.mkfifo(tmp_path / "run.yaml")
    assert "named pipe" in str(refused(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "has no tensors"),
        ('{"tensors": {}}', "has no tensors or no dtype"),
        ('{"dtype": "float32", "tensors": {"a": 1}}', "tensors['a'].shape is None"),
        ('{"dtype": "float32", "tensors": {"a": {"shape": [1], "blake3": "x"}}}', "tensors['a'].blake3 is 'x'"),
        ('{"dtype": "float32", "tensors": {}, "val_loss": "low"}', "val_loss is 'low'"),
    ],
)
def test_a_broken_step_zero_record_is_unsound(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "step_zero.json").write_text(content)
    error = refused(folder_with(tmp_path))
    assert said in str(error)
    assert error.kind == "unsound"


def test_a_step_zero_record_of_an_earlier_recorder_asks_for_another_training(tmp_path: Path) -> None:
    content = {"dtype": "float32", "tensors": {"a": {"shape": [1], "sha256": SHA256}}, "val_loss": 1.0}
    (tmp_path / "step_zero.json").write_text(json.dumps(content))
    error = refused(folder_with(tmp_path))
    assert "tensors['a'] has a sha256: an earlier version of the recorder wrote it" in str(error)
    assert error.hint == "Train again with this version"
    assert error.kind == "unreadable"


def test_fields_can_be_set_and_removed(run: Run) -> None:
    assert run.with_field("device.actual", "cuda").field("device.actual") == "cuda"
    assert run.with_field("new.deep.field", 1).field("new.deep.field") == 1
    assert run.without_field("device.actual").field("device") == {"requested": "cpu", "memory_bytes": None}
    assert run.field("device.actual") == "cpu"
    with pytest.raises(KeyError):
        run.without_field("device.wished")


def test_a_metric_typed_by_hand_differs_from_the_log(run: Run) -> None:
    typed = run.with_metric("val_loss", 1.0)
    assert typed.metrics["val_loss"].value == 1.0
    assert typed.metrics["val_loss"].step == run.metrics["val_loss"].step
    assert typed.series("val_loss") == run.series("val_loss")
    assert typed.digest.startswith(f"mutant:{run.digest}+")


def test_a_changed_log_is_no_longer_the_recorded_one(run: Run) -> None:
    halved = run.with_series("val_loss", lambda series: [(step, value / 2) for step, value in series])
    assert halved.series("val_loss")[0][1] == run.series("val_loss")[0][1] / 2
    assert halved.series("val_loss", phase="pretrain") == run.series("val_loss", phase="pretrain")
    assert halved.found_digest("metrics") != run.artifacts["metrics"].sha256
    assert halved.found_digest("step_zero") == run.artifacts["step_zero"].sha256


def test_a_series_can_lose_steps_and_gain_steps(run: Run) -> None:
    shorter = run.with_series("val_loss", lambda series: series[:2])
    assert shorter.series("val_loss") == run.series("val_loss")[:2]
    longer = run.with_series("val_loss", lambda series: [*series, (99, 0.5)])
    assert longer.series("val_loss")[-1] == (99, 0.5)


@pytest.mark.parametrize("change", [lambda series: series, list], ids=["same", "copy"])
def test_an_unchanged_series_leaves_every_row_as_it_was(run: Run, change: Callable[..., Any]) -> None:
    assert [dict(row) for row in run.with_series("val_loss", change).rows] == [dict(row) for row in run.rows]


def test_the_state_at_step_zero_can_be_changed_or_dropped(run: Run) -> None:
    dropped = run.with_step_zero(lambda _: None)
    assert dropped.step_zero is None
    with pytest.raises(ValueError, match=r"no step_zero\.json"):
        dropped.with_step_zero(lambda state: state)
