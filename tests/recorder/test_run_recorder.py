"""The recorder keeps a valid, truthful record on disk at every moment of a run."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from blake3 import blake3

from falsifiable.artifacts import open_run
from falsifiable.recorder import RunRecorder, digest_of


def recorder(folder: Path, **asked: Any) -> RunRecorder:
    defaults = {"command": ["train"], "seed": 7, "device": "cuda", "dtype": "float32", "data": "stdlib", "steps": 10}
    return RunRecorder(folder, repository=folder.parent, **{**defaults, **asked})


def record_in(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "run.yaml").read_text()))


def test_a_run_that_ends_normally_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with recorder(folder) as run:
        run.log("finetune", 0, loss=8.4)
        run.steps_done(10)
        run.metric("val_loss", 5.0, 10)
        run.dataset("validation", sha256="ab", files=2, tokens=100, real_share=1.0)
    record = record_in(folder)
    assert record["end_reason"] == "completed"
    assert record["steps"] == {"planned": 10, "done": 10}
    assert record["metrics"] == {"val_loss": {"value": 5.0, "step": 10}}
    assert record["datasets"]["validation"]["real_share"] == 1.0
    assert record["artifacts"]["metrics"]["sha256"] == digest_of(folder / "metrics.jsonl")
    assert json.loads((folder / "metrics.jsonl").read_text()) == {"phase": "finetune", "step": 0, "loss": 8.4}


def test_what_nobody_observed_stays_null(tmp_path: Path) -> None:
    with recorder(tmp_path / "run", init="base"):
        pass
    record = record_in(tmp_path / "run")
    assert record["device"] == {"requested": "cuda", "actual": None, "memory_bytes": None}
    assert record["init"] == {"requested": "base", "actual": None, "sha256": None}


@pytest.mark.parametrize(
    ("error", "reason"), [(KeyboardInterrupt(), "interrupted"), (ValueError("no such split"), "failed")]
)
def test_a_run_that_is_broken_off_says_why(tmp_path: Path, error: BaseException, reason: str) -> None:
    with pytest.raises(type(error)), recorder(tmp_path / "run"):
        raise error
    record = record_in(tmp_path / "run")
    assert record["end_reason"] == reason
    assert record.get("error") == ("ValueError: no such split" if reason == "failed" else None)


def test_a_run_can_name_its_own_end(tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.end("diverged")
    assert record_in(tmp_path / "run")["end_reason"] == "diverged"


def test_numbers_that_are_not_finite_stay_readable(tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.log("finetune", 1, loss=float("nan"), lr=float("inf"))
    row = json.loads((tmp_path / "run" / "metrics.jsonl").read_text())
    assert (row["loss"], row["lr"]) == ("nan", "inf")


def test_logging_needs_the_context(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        recorder(tmp_path / "run").log("finetune", 1, loss=1.0)


def test_the_checkpoint_really_loaded_is_named_by_its_digest(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "pretrained"
    (checkpoint / "inner").mkdir(parents=True)
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "inner" / "weights").write_bytes(b"12345")
    with recorder(tmp_path / "run", init="pretrained") as run:
        run.observe_init(checkpoint)
        run.observe_data("stdlib")
        run.architecture("qwen2", hidden_size=224)
    record = record_in(tmp_path / "run")
    lines = [
        f"{hashlib.sha256(b'{}').hexdigest()}  config.json\n",
        f"{hashlib.sha256(b'12345').hexdigest()}  inner/weights\n",
    ]
    digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    assert record["init"] == {"requested": "pretrained", "actual": "pretrained", "sha256": digest}
    assert record["artifacts"]["init"] == {"path": "pretrained", "size": 7, "sha256": digest}
    assert record["data"]["actual"] == "stdlib"
    assert record["architecture"] == {"family": "qwen2", "hidden_size": 224}


def test_device_dtype_count_and_seed_are_read_from_torch_itself(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2).to(torch.float64)
    torch.manual_seed(11)
    with recorder(tmp_path / "run") as run:
        run.observe_model(model)
        run.observe_seed()
    record = record_in(tmp_path / "run")
    assert record["device"] == {"requested": "cuda", "actual": "cpu", "memory_bytes": None}
    assert record["dtype"] == {"requested": "float32", "actual": "float64"}
    assert record["seed"] == {"requested": 7, "actual": 11}
    assert record["parameters"] == 8


def test_step_zero_fingerprints_are_the_digests_of_the_stored_bytes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    with recorder(tmp_path / "run") as run:
        run.step_zero(model, dtype="bfloat16", val_loss=8.3)
    written = json.loads((tmp_path / "run" / "step_zero.json").read_text())
    stored = model.weight.detach().to(torch.bfloat16).view(torch.int16).numpy().astype("<i2").tobytes()
    assert written["tensors"]["weight"] == {"blake3": blake3(stored).hexdigest(), "shape": [2, 3]}
    assert (written["dtype"], written["val_loss"]) == ("bfloat16", 8.3)
    assert "step_zero" in record_in(tmp_path / "run")["artifacts"]


def test_how_a_run_is_trained_is_read_from_what_trains_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    fresh, used = (torch.optim.AdamW(model.parameters()) for _ in range(2))
    model(torch.ones(1, 3)).sum().backward()
    used.step()
    with recorder(tmp_path / "run", first_step=5) as run:
        run.observe_batch(torch.zeros(8, 128, dtype=torch.int64), accumulation=4)
        run.early_stopping(patience=3, held_out_tokens=8_192)
        run.observe_optimizer(used)
        assert record_in(tmp_path / "run").get("optimizer") is None
        run.save()
        assert record_in(tmp_path / "run")["optimizer"] == {"class": "AdamW", "state_tensors_at_step_zero": 6}
        run.observe_optimizer(fresh)
    record = record_in(tmp_path / "run")
    assert record["optimizer"] == {"class": "AdamW", "state_tensors_at_step_zero": 0}
    assert record["window"] == {"first_step": 5, "last_step": 15}
    assert record["steps"]["planned"] == 10
    assert record["batch"] == {"sequences": 8, "sequence_length": 128, "accumulation": 4}
    assert record["early_stopping"] == {"patience": 3, "held_out_tokens": 8_192}


def test_a_model_that_was_elsewhere_in_between_is_recorded_in_all_of_its_places(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    with recorder(tmp_path / "run") as run:
        run.observe_model(model)
        run.observe_model(model.to("meta", torch.float64))
    record = record_in(tmp_path / "run")
    assert record["device"]["actual"] == "cpu+meta"
    assert record["dtype"]["actual"] == "float32+float64"


@pytest.mark.parametrize(("share", "kind"), [(1.0, "real"), (0.4, "partial-real"), (0.0, "synthetic")])
def test_the_kind_of_a_split_follows_from_its_share_of_real_rows(share: float, kind: str, tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.dataset("train", sha256="ab", files=1, tokens=9, real_share=share)
        run.dataset("stated", sha256="ab", files=1, tokens=9, real_share=share, kind="synthetic")
    datasets = record_in(tmp_path / "run")["datasets"]
    assert (datasets["train"]["kind"], datasets["stated"]["kind"]) == (kind, "synthetic")


def test_a_checkpoint_is_named_by_step_and_digest_the_moment_it_is_saved(tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        (tmp_path / "run" / "step-3.pt").write_bytes(b"weights")
        run.checkpoint(tmp_path / "run" / "step-3.pt", 3)
        (saved,) = record_in(tmp_path / "run")["checkpoints"]
    assert (saved["step"], saved["path"]) == (3, "step-3.pt")
    assert saved["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert saved["saved"].endswith("Z")


def test_a_file_outside_the_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the run folder"), recorder(tmp_path / "run") as run:
        run.checkpoint(tmp_path / "elsewhere.pt", 3)


def test_while_steps_are_logged_the_record_follows(tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.steps_done(1)
        while record_in(tmp_path / "run")["steps"]["done"] == 0:
            run._next_save = 0.0  # as if the time had come
            run.log("finetune", 1, loss=2.0)


def test_a_record_of_not_finite_metrics_can_be_opened(tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.metric("val_loss", float("nan"), 3)
        run.end("diverged")
    assert math.isnan(open_run(tmp_path / "run").metrics["val_loss"].value)


def test_what_an_earlier_run_left_never_passes_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    with recorder(tmp_path / "run") as earlier:
        earlier.log("finetune", 0, loss=9.0)
        earlier.step_zero(torch.nn.Linear(1, 1), dtype="float32", val_loss=9.0)
    (tmp_path / "run" / ".run.yaml.0123.tmp").write_text("half a rec")
    seen: list[tuple[str, int, bool]] = []
    save = RunRecorder.save

    def watched(self: RunRecorder) -> None:
        save(self)
        run = open_run(tmp_path / "run")
        sound = all(run.found_digest(role) == one.sha256 for role, one in run.artifacts.items())
        seen.append((run.field("end_reason"), len(run.rows), sound))

    monkeypatch.setattr(RunRecorder, "save", watched)
    with recorder(tmp_path / "run"):
        pass
    assert seen == [("interrupted", 1, False), ("interrupted", 0, True), ("completed", 0, True)]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["metrics.jsonl", "run.yaml"]


def test_other_ranks_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with recorder(tmp_path / "run") as run:
        run.log("finetune", 0, loss=9.0)
        run.checkpoint(tmp_path / "nowhere", 1)
        run.observe_init(tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()
