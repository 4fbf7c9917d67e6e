"""The specimens: the same bytes everywhere, and coherent with each other."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
import yaml

from falsifiable.artifacts import Command, Corpus, Model, Run, Tokenizer
from falsifiable.samples import VARIANTS, specimen, write_specimens
from falsifiable.samples.models import gguf_name
from falsifiable.samples.weights import parameters

# Changing a specimen changes what every PARTIAL status rests on: do it knowingly, and say so in the changelog.
PINNED = {
    "encoder/config.json": "1302a56a832d73b6ce9a1f600dd5db1fbf8d7b3e7a998cf69ca1a1662a564d0d",
    "encoder/model.safetensors": "cdd0e56f74965e3d220e13b0780c83eed0c3dea7415875a9f5f3569ae2db6b82",
    "encoder/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "run/corpus/finetune.tokens": "ae111abd2afa42e71c0f25ddfcdde04f98595a0720222f91d6dbfaef17b6916b",
    "run/corpus/finetune.txt": "0f632202aa6405394c8e7b4d60fcc6cf64ae7f943b71c398f8af35aa069c8fd2",
    "run/corpus/manifest.json": "76f5d0d1e39e9734c003dbdab1409049b7f293f77d22b97ea891a4cc6176e60c",
    "run/corpus/pretrain.tokens": "ae00e3e12fc2d0c089c30ea106c12c56c6644be9d86bde90d84c4602889b73cb",
    "run/corpus/pretrain.txt": "e9feb6aa5a31b2fe6f3ea824f11dfcde8e710f273f9e5a17aa0363fa227867be",
    "run/corpus/validation.tokens": "d7d0325100957932bcfd8fd12fae6141ef7481c881b89a852c50c3ab3fb15589",
    "run/corpus/validation.txt": "c429dff2c65bff9012dfb83109d4432ce70188503d0dec68a229cffda5c1a1d8",
    "run/export/model.gguf": "1d44652e4195cd9b18818a1e85a581910aada1ca7deb18869ce0c2c18ce26ca3",
    "run/finetuned/config.json": "70b373059f8665bc1e000bfee09215e1ffe1b4193d418e890a56c7e19111f878",
    "run/finetuned/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "run/finetuned/model.safetensors": "c04f5f19d73c207fc5553083735b2ff68ee774f8c98935d42fcd41a593065bb6",
    "run/finetuned/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "run/finetuned/tokenizer_config.json": "233ac0c36f81ba5337f9fc32a32faed7cd0df0e97768dfe8a9974fb2f54dc392",
    "run/metrics.jsonl": "8a7c244437f8aa9734ee710788b6723a4f7d72c9bc4c1c6c2142bb4b452fd0b9",
    "run/pretrained/config.json": "70b373059f8665bc1e000bfee09215e1ffe1b4193d418e890a56c7e19111f878",
    "run/pretrained/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "run/pretrained/model.safetensors": "c3e25f1831ec22e5a539db12541aa747dda1966287ef2aadfc99246f566105e0",
    "run/pretrained/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "run/pretrained/tokenizer_config.json": "233ac0c36f81ba5337f9fc32a32faed7cd0df0e97768dfe8a9974fb2f54dc392",
    "run/run.yaml": "fddbe5197c2d8d1cad3cee6ee3d024cde0a8c2630d82fdeebba6cd24f29ca972",
    "run/step_zero.json": "378709e722776583f9972855df4ff9d580a2708e1e8e7475e234a3d11a8182c1",
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_specimens(tmp_path_factory.mktemp("specimens"))


def model(variant: str) -> Model:
    opened = specimen("model", variant)
    assert isinstance(opened, Model)
    return opened


def run() -> Run:
    opened = specimen("run")
    assert isinstance(opened, Run)
    return opened


def corpus() -> Corpus:
    opened = specimen("corpus")
    assert isinstance(opened, Corpus)
    return opened


def test_the_bytes_are_pinned(paths: dict[str, Path]) -> None:
    root = paths["run"].parent
    found = {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
    assert found == PINNED


@pytest.mark.parametrize(("kind", "variant"), [(kind, one) for kind, those in VARIANTS.items() for one in those])
def test_there_is_a_specimen_of_every_kind_and_variant(kind: str, variant: str) -> None:
    opened = specimen(kind, variant)  # type: ignore[arg-type]
    assert opened.kind == kind
    assert len(opened.digest) == 64
    assert specimen(kind, variant) is opened  # type: ignore[arg-type]


def test_the_first_variant_that_exists_counts_and_else_the_first_of_the_kind() -> None:
    assert specimen("model", "smollm2", "export") is specimen("model", "export")
    assert specimen("model", "smollm2") is specimen("model") is specimen("model", "trained")
    with pytest.raises(ValueError, match="the kinds are model, tokenizer, run, corpus, command"):
        specimen("loss-curve")  # type: ignore[arg-type]


def test_specimens_are_written_once_and_may_be_written_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(write_specimens, [tmp_path] * 4))
    assert all(one == written[0] for one in written)
    assert all(path.exists() for path in written[0].values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder", "run"]
    before = written[0]["export"].stat().st_mtime_ns
    assert write_specimens(tmp_path)["export"].stat().st_mtime_ns == before


def test_processes_can_share_a_cache_and_do_without_one_that_cannot_be_written_to(tmp_path: Path) -> None:
    shared = specimen("run", cache=tmp_path)
    assert shared.path.is_relative_to(tmp_path)
    assert shared.digest == specimen("run").digest
    (tmp_path / "file").touch()
    assert specimen("run", cache=tmp_path / "file") is specimen("run")


def open_in_child(result: multiprocessing.SimpleQueue[str]) -> None:
    result.put(str(specimen("run").path))


def test_a_forked_process_uses_the_folder_of_its_parent_and_leaves_it_there() -> None:
    path = specimen("run").path
    context = multiprocessing.get_context("fork")
    result = context.SimpleQueue()
    child = context.Process(target=open_in_child, args=(result,))
    child.start()
    child.join()
    assert result.get() == str(path)
    assert path.exists()


def test_the_run_vouches_for_every_specimen_of_it() -> None:
    record = run()
    for artifact in (model("init"), model("trained"), model("export"), specimen("tokenizer"), corpus()):
        assert record.has_digest(artifact.digest)
    for role, recorded in record.artifacts.items():
        assert record.found_digest(role) == recorded.sha256
    assert not record.has_digest(model("encoder").digest)


def test_the_record_describes_the_checkpoint_that_was_trained() -> None:
    record, config = run(), model("trained").config
    for name, value in record.field("architecture").items():
        if name != "family":
            assert getattr(config, name) == value
    assert record.field("architecture.family") == model("trained").architecture.family == "qwen2"
    assert record.field("parameters") == model("trained").parameters == parameters()
    assert record.field("init.sha256") == model("init").digest


def test_the_metrics_of_the_record_are_those_of_the_log() -> None:
    record = run()
    finetune, pretrain = record.series("val_loss", "finetune"), record.series("val_loss", "pretrain")
    expected = {
        "pretrain_val_loss": pretrain[-1],
        "init_val_loss": finetune[0],
        "val_loss": finetune[-1],
        "train_loss": record.series("loss", "finetune")[-1],
    }
    assert {name: (metric.step, metric.value) for name, metric in record.metrics.items()} == expected
    assert [step for step, _ in record.series("loss", "finetune")] == list(range(record.field("steps.planned") + 1))


def test_the_record_is_yaml_that_means_the_same_to_every_reader(paths: dict[str, Path]) -> None:
    stored = yaml.safe_load((paths["run"] / "run.yaml").read_text())
    assert json.loads(json.dumps(stored)) == dict(run().record)


def test_the_datasets_of_the_record_are_those_of_the_manifest() -> None:
    record, manifest = run(), corpus()
    assert set(record.datasets) == set(manifest.splits)
    for name, split in manifest.splits.items():
        assert record.datasets[name]["sha256"] == split.sha256
        assert record.datasets[name]["tokens"] == split.tokens == len(manifest.token_ids(name))
        assert record.datasets[name]["files"] == len(split.files)
        assert manifest.text(name)


def test_no_file_is_in_two_splits() -> None:
    digests = [file.sha256 for split in corpus().splits.values() for file in split.files]
    assert len(digests) == len(set(digests))


def test_the_evaluation_has_the_tokens_that_it_asks_for() -> None:
    rule = corpus().evaluation
    assert rule is not None
    assert rule.sequences * rule.sequence_length <= corpus().splits["validation"].tokens
    assert int(corpus().token_ids("validation").max()) < specimen("tokenizer").size  # type: ignore[union-attr]


def test_fine_tuning_moved_every_tensor_a_little() -> None:
    before, after = model("init"), model("trained")
    assert list(before.tensors) == list(after.tensors)
    for name in before.tensors:
        old, new = before.tensor(name).numpy(), after.tensor(name).numpy()
        assert not numpy.array_equal(old, new)
        assert numpy.linalg.norm(new - old) < 0.1 * numpy.linalg.norm(old)


def test_the_export_holds_the_trained_tensors_in_half_precision() -> None:
    trained, export = model("trained"), model("export")
    assert set(export.tensors) == {gguf_name(name) for name in trained.tensors}
    assert export.architecture.stored == "qwen2"
    for name in trained.canonical_names:
        values = trained.tensor(name).numpy()
        rounded = values.astype(numpy.float16) if values.ndim > 1 else values
        numpy.testing.assert_array_equal(export.tensor(name).numpy(), rounded.astype(numpy.float32))


def test_the_model_has_reserved_rows_and_the_export_a_token_for_each() -> None:
    tokenizer, embedded = specimen("tokenizer"), specimen("tokenizer", "embedded")
    assert isinstance(tokenizer, Tokenizer)
    assert isinstance(embedded, Tokenizer)
    assert tokenizer.size == 300
    assert model("trained").embedding_rows == embedded.size == 320


def test_seven_query_heads_share_each_of_two_key_value_heads() -> None:
    config = model("init").config
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (14, 2, 4)
    assert config.hidden_size == 56
    assert model("init").tensor("layers.0.attention.key").shape == (8, 56)
    assert model("init").has_tensor("layers.0.attention.key.bias")
    assert not model("init").has_tensor("output")


def test_the_encoder_is_none_of_the_run_and_no_decoder() -> None:
    assert model("encoder").architecture.role == "encoder"


def test_the_command_refuses_or_accepts() -> None:
    refusing, named, accepting = (specimen("command", one) for one in ("refuses", "FALSIFY-ARCH-006", "accepts"))
    assert isinstance(refusing, Command)
    assert isinstance(named, Command)
    assert isinstance(accepting, Command)
    refused = refusing.run(60.0)
    assert refused.exit_code == 1
    assert "FALSIFY-SPECIMEN-001" in refused.stderr
    assert refused.written == ()
    assert "FALSIFY-ARCH-006" in named.run(60.0).stderr
    assert accepting.run(60.0).written == ("model.safetensors",)
    assert accepting.run(60.0).exit_code == 0
