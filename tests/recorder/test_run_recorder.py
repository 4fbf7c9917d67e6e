"""The recorder keeps a valid, truthful record on disk at every moment of a run."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from blake3 import blake3

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
    assert record["device"] == {"requested": "cuda", "actual": None}
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


KILLED = """
import os, signal, sys
from pathlib import Path
from falsifiable.recorder import RunRecorder
with RunRecorder(Path(sys.argv[1]), command=[], seed=0, device="cpu", dtype="float32", data="d", steps=100) as run:
    for step in range(100):
        run.log("finetune", step, loss=1.0)
        run.steps_done(step)
        run.save()
        if step == 50:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_a_valid_record_that_does_not_claim_completion(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run")], check=False)
    assert killed.returncode == -signal.SIGKILL
    record = record_in(tmp_path / "run")
    assert record["end_reason"] == "interrupted"
    assert record["ended"] is None
    assert record["steps"]["done"] == 50
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == list(range(51))


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
    assert record["device"] == {"requested": "cuda", "actual": "cpu"}
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
