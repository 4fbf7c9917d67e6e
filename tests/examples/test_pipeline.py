"""The whole pipeline on a few files and a few steps: what it writes belongs together, and it is the same every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from blake3 import blake3

from examples.pretrain.corpus import SPLITS, Corpus, read_corpus, standard_library
from examples.pretrain.options import Options
from examples.pretrain.pipeline import run
from falsifiable.recorder import digest_of

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

pytestmark = pytest.mark.slow

SHORT = Options(steps=3, pretrain_steps=2, threads=1)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """A tenth of the real corpus: enough text to learn 4,000 tokens."""
    whole = read_corpus(standard_library())
    return Corpus({split: whole.splits[split][:: 10 if split == "pretrain" else 3] for split in SPLITS})


@pytest.fixture(scope="module")
def folder(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a completed run."""
    output = tmp_path_factory.mktemp("runs") / "reference"
    run(replace(SHORT, output=output), corpus, {"options": "short"}, ["python", "-m", "examples.pretrain"])
    return output


@pytest.fixture(scope="module")
def record(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "run.yaml").read_text()))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(folder / "model.safetensors"))


def test_the_record_says_what_was_asked_for_and_what_happened(record: dict[str, Any]) -> None:
    assert record["end_reason"] == "completed"
    assert record["steps"] == {"planned": 3, "done": 3}
    assert record["device"] == {"requested": "cpu", "actual": "cpu", "memory_bytes": None}
    assert record["seed"] == {"requested": 0, "actual": 0}
    assert record["data"] == {"requested": "python-stdlib", "actual": "python-stdlib"}
    assert record["init"]["actual"] == "pretrained"
    assert record["parameters"] == 2_583_648
    assert set(record["artifacts"]) == {
        "corpus", "export", "init", "metrics", "step_zero", "tokenizer", "trained",
    }  # fmt: skip


def test_the_record_says_how_it_was_trained(folder: Path, record: dict[str, Any]) -> None:
    assert record["window"] == {"first_step": 0, "last_step": 3}
    assert record["batch"] == {"sequences": 8, "sequence_length": 128, "accumulation": 1}
    assert record["optimizer"] == {"class": "AdamW", "state_tensors_at_step_zero": 0}
    assert record["early_stopping"] == {"patience": None, "held_out_tokens": 8_192}
    assert {split["kind"] for split in record["datasets"].values()} == {"real"}
    assert record["launch"]["world_size"] == {"requested": 1, "actual": 1}
    (rank,) = record["launch"]["ranks"]
    assert (rank["rank"], rank["all_reduce"], rank["torch"]) == (0, 1.0, record["environment"]["torch"])
    (saved,) = record["checkpoints"]
    assert (saved["step"], saved["path"], saved["sha256"]) == (3, "finetuned", digest_of(folder / "finetuned"))
    assert record["changes"]["base"] == record["commit"]
    assert bool(record["changes"]["paths"]) == record["dirty"]


def test_the_fine_tune_starts_from_every_weight_of_the_checkpoint(folder: Path, record: dict[str, Any]) -> None:
    step_zero = json.loads((folder / "step_zero.json").read_text())
    assert step_zero["tensors"] == {
        name: {"blake3": blake3(tensor.tobytes()).hexdigest(), "shape": list(tensor.shape)}
        for name, tensor in weights(folder / "pretrained").items()
    }
    metrics = record["metrics"]
    assert step_zero["val_loss"] == metrics["init_val_loss"]["value"] == metrics["pretrain_val_loss"]["value"]
    assert metrics["init_val_loss"]["step"] == 0


def test_every_trainable_tensor_moves(folder: Path) -> None:
    before, after = weights(folder / "pretrained"), weights(folder / "finetuned")
    assert before.keys() == after.keys()
    assert not [name for name in before if (before[name] == after[name]).all()]


def test_the_recorded_metrics_are_the_last_of_the_log(folder: Path, record: dict[str, Any]) -> None:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(row["phase"], row["step"]) for row in rows] == [
        *(("pretrain", step) for step in range(3)),
        *(("finetune", step) for step in range(4)),
    ]
    assert record["metrics"]["val_loss"] == {"value": rows[-1]["val_loss"], "step": 3}
    assert record["metrics"]["train_loss"] == {"value": rows[-1]["loss"], "step": 3}
    assert rows[-1]["lr"] == 0.0


def test_the_validation_loss_can_be_recomputed_from_the_files_alone(folder: Path, record: dict[str, Any]) -> None:
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    manifest = json.loads((folder / "corpus" / "manifest.json").read_text())
    split, evaluation = manifest["splits"]["validation"], manifest["evaluation"]
    raw = (folder / "corpus" / split["tokens_path"]).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == split["tokens_sha256"]
    tokens = np.frombuffer(raw, dtype="<u2")
    assert len(tokens) == split["tokens"]
    count, length = evaluation["sequences"], evaluation["sequence_length"]
    sequences = torch.tensor(tokens[: count * length].astype(np.int64)).view(count, length)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(folder / "finetuned")(sequences).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), sequences[:, 1:].flatten())
    assert loss.item() == pytest.approx(record["metrics"]["val_loss"]["value"], abs=1e-4)


def test_the_export_holds_the_fine_tuned_weights_and_a_whole_tokenizer(folder: Path) -> None:
    import numpy as np
    from gguf import GGUFReader

    from examples.pretrain.export import gguf_name

    reader = GGUFReader(folder / "export" / "model.gguf")
    exported = {tensor.name: tensor.data for tensor in reader.tensors}
    trained = weights(folder / "finetuned")
    assert exported.keys() == {gguf_name(name) for name in trained}
    for name, tensor in trained.items():
        dtype = np.float16 if tensor.ndim == 2 else np.float32
        np.testing.assert_array_equal(exported[gguf_name(name)], tensor.astype(dtype))
    field = {name: reader.fields[name].contents() for name in reader.fields}
    assert field["general.architecture"] == "qwen2"
    assert field["qwen2.attention.head_count_kv"] == 2
    assert field["general.data_license"] == "PSF-2.0"
    tokens = field["tokenizer.ggml.tokens"]
    assert len(tokens) == len(set(tokens)) == 4_096
    assert tokens[0] == "<|endoftext|>"
    assert tokens[-1] == "[PAD4095]"


def test_the_tokenizer_gives_back_any_text(folder: Path) -> None:
    from examples.pretrain.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder / "finetuned")
    text = "def naïve(x):\n\treturn '中文 🙂' % x\r\n"
    assert len(tokenizer) == 4_000
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_a_given_checkpoint_is_fine_tuned_to_the_same_weights(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    again = replace(SHORT, output=tmp_path / "again", init=folder / "pretrained", pretrain_steps=None)
    run(again, corpus, {}, [])
    for name in ("pretrained/model.safetensors", "finetuned/model.safetensors", "export/model.gguf"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_run_that_stops_after_a_few_updates_is_the_beginning_of_the_same(
    folder: Path, corpus: Corpus, tmp_path: Path
) -> None:
    part = replace(SHORT, output=tmp_path / "part", init=folder / "pretrained", pretrain_steps=None, stop_after=2)
    run(part, corpus, {}, [])

    def curve(run_folder: Path) -> list[tuple[int, float, float]]:
        rows = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
        return [(row["step"], row["loss"], row["lr"]) for row in rows if row["phase"] == "finetune"]

    assert curve(tmp_path / "part") == curve(folder)[:3]
    record = yaml.safe_load((tmp_path / "part" / "run.yaml").read_text())
    assert (record["steps"], record["end_reason"]) == ({"planned": 2, "done": 2}, "completed")
    assert record["metrics"]["val_loss"]["step"] == 2


def test_a_run_that_diverges_says_so(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    from examples.pretrain.train import DivergedError

    wild = replace(SHORT, output=tmp_path / "wild", init=folder / "pretrained", learning_rate=1e30)
    with pytest.raises(DivergedError, match="at step"):
        run(wild, corpus, {}, [])
    assert yaml.safe_load((tmp_path / "wild" / "run.yaml").read_text())["end_reason"] == "diverged"
    assert not (tmp_path / "wild" / "finetuned").exists()


def test_a_checkpoint_that_lacks_a_weight_is_not_filled_up_at_random(folder: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import save_file

    from examples.pretrain.model import load_model

    shutil.copytree(folder / "pretrained", tmp_path / "gap")
    kept = weights(tmp_path / "gap")
    del kept["model.layers.2.mlp.up_proj.weight"]
    save_file(kept, tmp_path / "gap" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"layers\.2\.mlp\.up_proj"):
        load_model(tmp_path / "gap")
