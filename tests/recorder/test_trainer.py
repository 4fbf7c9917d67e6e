"""The Hugging Face Trainer, recorded by a callback: a real training of a few steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from falsifiable.artifacts import Run, open_run
from falsifiable.recorder import RunRecorder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

pytestmark = pytest.mark.slow

STEPS, SEQUENCES, LENGTH = 6, 2, 16


class Numbers(torch.utils.data.Dataset):  # type: ignore[misc]
    """Sequences that count upwards."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Any]:
        ids = (torch.arange(LENGTH) + index) % 32
        return {"input_ids": ids, "labels": ids}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))


def tiny() -> Any:
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    return transformers.Qwen2ForCausalLM(config)


def trained(
    folder: Path, *callbacks: Any, model: Any = None, output: Path | None = None, check: bool = False, **options: Any
) -> Run:
    """The record of a training of a few steps with the Trainer."""
    from falsifiable.recorder import TrainerRecorder

    asked = {
        "max_steps": STEPS, "per_device_train_batch_size": SEQUENCES, "gradient_accumulation_steps": 2,
        "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 3, "save_steps": 3, "learning_rate": 1e-2,
        "report_to": [], "use_cpu": True, "seed": 5, "disable_tqdm": True, "logging_nan_inf_filter": False, **options,
    }  # fmt: skip
    arguments = transformers.TrainingArguments(str(output or folder / "checkpoints"), **asked)
    recorder = RunRecorder(
        folder, command=["train"], seed=5, device="cuda", dtype="float32", data="numbers", steps=None,
        repository=folder.parent, validate_checkpoints=check,
    )  # fmt: skip
    with recorder:
        trainer = transformers.Trainer(
            model or tiny(), arguments, train_dataset=Numbers(), eval_dataset=Numbers(),
            callbacks=[TrainerRecorder(recorder), *callbacks],
        )  # fmt: skip
        trainer.train()
    return open_run(folder)


def test_what_the_trainer_did_is_recorded(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    assert [row["step"] for row in run.rows] == list(range(1, STEPS + 1))
    assert {row["phase"] for row in run.rows} == {"train"}
    assert [step for step, _ in run.series("val_loss")] == [3, 6]
    assert all({"loss", "lr", "grad_norm", "seconds"} <= row.keys() for row in run.rows)
    assert run.metrics["val_loss"].value == run.series("val_loss")[-1][1]
    assert run.field("steps") == {"planned": STEPS, "done": STEPS}
    assert run.field("window") == {"first_step": 0, "last_step": STEPS}
    assert run.field("device") == {"requested": "cuda", "actual": "cpu", "memory_bytes": None}
    assert run.field("seed") == {"requested": 5, "actual": 5}
    assert run.field("batch") == {"sequences": SEQUENCES, "sequence_length": LENGTH, "accumulation": 2}
    assert run.field("optimizer") == {"class": "AdamW", "state_tensors_at_step_zero": 0}
    assert run.field("launch.world_size") == {"requested": 1, "actual": 1}
    assert run.field("parameters") == tiny().num_parameters()
    assert [(one["step"], one["path"]) for one in run.field("checkpoints")] == [
        (3, "checkpoints/checkpoint-3"), (6, "checkpoints/checkpoint-6"),
    ]  # fmt: skip
    assert run.field("end_reason") == "completed"


def test_it_agrees_with_what_the_trainer_saved_itself(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    saved = open_run(tmp_path / "run" / "checkpoints" / "checkpoint-6")
    assert run.series("loss") == saved.series("loss")
    assert run.series("val_loss") == saved.series("val_loss")


def test_a_run_goes_on_where_another_ended(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "checkpoint-3"
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    assert state["global_step"] == 3

    from falsifiable.recorder import TrainerRecorder

    arguments = transformers.TrainingArguments(
        str(tmp_path / "next"), max_steps=STEPS, report_to=[], use_cpu=True, logging_steps=1, save_strategy="no",
        disable_tqdm=True, per_device_train_batch_size=SEQUENCES,
    )  # fmt: skip
    recorder = RunRecorder(
        tmp_path / "next", command=[], seed=0, device="cpu", dtype="float32", data="numbers", steps=None,
        repository=tmp_path,
    )  # fmt: skip
    with recorder:
        trainer = transformers.Trainer(
            tiny(), arguments, train_dataset=Numbers(), callbacks=[TrainerRecorder(recorder)]
        )
        trainer.train(resume_from_checkpoint=str(checkpoint))
    run = open_run(tmp_path / "next")
    assert run.field("window") == {"first_step": 3, "last_step": STEPS}
    assert run.field("steps") == {"planned": 3, "done": 3}
    assert run.field("optimizer.state_tensors_at_step_zero") > 0
    assert [row["step"] for row in run.rows] == [4, 5, 6]


class Stops(transformers.TrainerCallback):  # type: ignore[misc]
    """Whatever ends a training before its last step."""

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = state.global_step == 4


def test_a_run_that_is_stopped_early_says_so(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", Stops())
    assert run.field("end_reason") == "early_stop"
    assert run.field("steps") == {"planned": STEPS, "done": 4}


class Poisons(transformers.TrainerCallback):  # type: ignore[misc]
    """A weight that is no number, as an overflow leaves one."""

    def on_step_end(self, _args: Any, state: Any, _control: Any, *, model: Any, **_: Any) -> None:
        if state.global_step == 5:
            with torch.no_grad():
                model.model.norm.weight[0] = float("nan")


def refused(train: Callable[[], Run], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        train()


def test_a_run_whose_checkpoint_is_broken_is_stopped_there(tmp_path: Path) -> None:
    from falsifiable.recorder import ProvablyBroken

    refused(lambda: trained(tmp_path / "run", Poisons(), check=True), ProvablyBroken, r"weights\.finite")
    run = open_run(tmp_path / "run")
    assert run.field("end_reason") == "failed"
    assert [one["step"] for one in run.field("checkpoints") if "falsified" in one] == [6]


def test_checkpoints_outside_the_run_folder_are_refused_before_training(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    refused(lambda: trained(tmp_path / "run", output=elsewhere), ValueError, "outside the run folder")
    assert not list(elsewhere.glob("checkpoint-*"))
    assert open_run(tmp_path / "run").rows == ()
