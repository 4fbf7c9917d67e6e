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
# ruff: noqa: E501
PINNED = {
    "adapter/adapter/adapter_config.json": "5aa712aaa5738b4ad3ba31d02d211b75d64ec7cc354b75eab2bbac070c6a8598",
    "adapter/adapter/adapter_model.safetensors": "d30e28ed8951f258011afce28cfa2dcc7a0dc092bf806cef41272c08fc6276b0",
    "adapter/base/config.json": "bad47374a9dad8575ec03cdbb4db0323a70af0634fe9de7861a0c1a0ad08d2ba",
    "adapter/base/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "adapter/base/model.safetensors": "c04f5f19d73c207fc5553083735b2ff68ee774f8c98935d42fcd41a593065bb6",
    "adapter/base/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "adapter/base/tokenizer_config.json": "7cc6646a09ccfb8ca86014ed6511f3dc422ccc5a3d91118654c8bfac18effa8d",
    "adapter/checkpoints/0000004/adapter_config.json": "5aa712aaa5738b4ad3ba31d02d211b75d64ec7cc354b75eab2bbac070c6a8598",
    "adapter/checkpoints/0000004/adapter_model.safetensors": "12f8358c6c32f7b1f9c5e4fe1265d8c569dffc9b09615fc4648df07dfcf08891",
    "adapter/checkpoints/0000008/adapter_config.json": "5aa712aaa5738b4ad3ba31d02d211b75d64ec7cc354b75eab2bbac070c6a8598",
    "adapter/checkpoints/0000008/adapter_model.safetensors": "114edaa02474b0bda69dc330d4ab27bfd20417ccb140ae22cb5b0caf601ea866",
    "adapter/corpus/manifest.json": "d2f8166b6d36afdc6eae6c5338dd1dc5597b5db27d0a94fa6a7666a112505145",
    "adapter/corpus/sources/sonnet-018.txt": "6d0fdf43d0850505f62313d67610a974419b41b524c0e4f909b8bf7d0b656aea",
    "adapter/corpus/sources/sonnet-073.txt": "908a673b659d59f91caf17946bf154378b0b80f3b9e4733ca5f830b60bb6d4b1",
    "adapter/corpus/sources/the-tyger.txt": "c429dff2c65bff9012dfb83109d4432ce70188503d0dec68a229cffda5c1a1d8",
    "adapter/corpus/train.jsonl": "28a5053c649178efef204c0131add7b51bcde130e5e8c9e05a5d85fd2cb76c72",
    "adapter/corpus/valid.jsonl": "aea50e44f283672479b00609698e069ce9cd432324d17184427500afd2a0c700",
    "adapter/corpus/validation.tokens": "bdb333741c586c7e4d389740ff7eff15614435a116ecd0275370bb2e0d9f38d8",
    "adapter/initial/adapter_config.json": "5aa712aaa5738b4ad3ba31d02d211b75d64ec7cc354b75eab2bbac070c6a8598",
    "adapter/initial/adapter_model.safetensors": "e61eab26ce531e8c44bb3ef9c347a4fb4634b994b2c9136afe0bb6d273b7972e",
    "adapter/metrics.jsonl": "9436dcb4b10a3b5370318aa5c5ec10836b0d89e2065405b79075ae637af7371c",
    "adapter/run.yaml": "f8f8a3b80f83582497e8d63840b4bada722c62e43b6185678f403e7f01db2af2",
    "adapter/step_zero.json": "5569921a370b0f0217e2d7e923cad62b6d2c52107bb75e44ed60b2a92511be6d",
    "adapter/twin/0000004_adapters.safetensors": "b6dad384ca5bfa76330007d23b91b385237d38d228ee0459799464656ac03733",
    "adapter/twin/0000008_adapters.safetensors": "1a32686c88ccad384bc142de9a2aefa640feadf572bc7ca549ebfae3ceade8a0",
    "adapter/twin/0000012_adapters.safetensors": "d6370e5c949bc7b4bc8fe1c18920e0ae140180695192946e2a8bae32730e5465",
    "adapter/twin/adapter_config.json": "c96dc9a8a87d28e0fc0fc9d1b67a81b8f11fc7ab8d698997b9b2ce1f1dd94e2b",
    "adapter/twin/adapters.safetensors": "d6370e5c949bc7b4bc8fe1c18920e0ae140180695192946e2a8bae32730e5465",
    "again/metrics.jsonl": "d46ad3f3ad0ba1413f1a4d3d00abd0bf2ba6b59bf791e1d55934acc1ee9d10e1",
    "again/run.yaml": "eab3b0cc78133396bf2c8d49fb4ec46955c63490cee05f448118fe7c4654282b",
    "coder/checkpoint/config.json": "4310047254948c0c4d1e492c556c741bf9808c5dc214de7eab488a51467c534a",
    "coder/checkpoint/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "coder/checkpoint/model.safetensors": "9599055eb4e7262c434acc8167ad2ac67c71c7ac3eb3f914eb3c575b767b2bd6",
    "coder/checkpoint/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "coder/checkpoint/tokenizer_config.json": "7cc6646a09ccfb8ca86014ed6511f3dc422ccc5a3d91118654c8bfac18effa8d",
    "coder/model.gguf": "7990fd85f687591c1901a3fdd587898ea5eecd2190519fc9cf2cb53f42154101",
    "coder/problems.jsonl": "99fe60aab7d360d33105fe8b5a156bdd0ab83acbb4896fe009465d3435ac1ebb",
    "continued/adapter/adapter_config.json": "5aa712aaa5738b4ad3ba31d02d211b75d64ec7cc354b75eab2bbac070c6a8598",
    "continued/adapter/adapter_model.safetensors": "a45e3220d396730aa4c7e1fb1599bf1c835a26acf6f1527f6fffff26cfdb0447",
    "continued/metrics.jsonl": "9436dcb4b10a3b5370318aa5c5ec10836b0d89e2065405b79075ae637af7371c",
    "continued/run.yaml": "207ff322838cfbb8d954b6c0aeb27874ef2a74e190748f6a8042fa737a9723c8",
    "encoder/config.json": "1302a56a832d73b6ce9a1f600dd5db1fbf8d7b3e7a998cf69ca1a1662a564d0d",
    "encoder/model.safetensors": "cdd0e56f74965e3d220e13b0780c83eed0c3dea7415875a9f5f3569ae2db6b82",
    "encoder/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "lane/checkpoint/0000002_adapters.safetensors": "baa0bda180240b94a77cb38e2b44ee0d9632ceda774391cc3fc7c5ac76d8a571",
    "lane/checkpoint/0000004_adapters.safetensors": "f82e03fdd2ea35f61df528dfd969f4ed9ec4e260362ae507e743a5495a69f49c",
    "lane/checkpoint/adapter_config.json": "315443b3d6cd13d87a88f65f69ba14956cb87ac5a6f498816bb93990a6cdf311",
    "lane/corpus/manifest.json": "388129faa46a0b914fa549ad75165743931e7aa918b84d566c916d2c9bae1da1",
    "lane/corpus/sources/replay-0001.json": "2e75e2ac891121b7bb36c61d77714eb6c288c0831d9169c8e79e0d73d760e471",
    "lane/corpus/sources/replay-0002.json": "9a35094cc47f67713348167af31fdcc1aa0d0e61b217b9260a62c031f18bcf90",
    "lane/corpus/sources/replay-0003.json": "baaf46a650ae6c1cb78376b916c16f19b9705751945422b80103e97086df01bf",
    "lane/corpus/train.jsonl": "9748b5aac03f91718470b15a40016545bc5420dceebf7f2f799d13fcd505822b",
    "lane/corpus/valid.jsonl": "e32aa3f33cd835202e40916503a5c89c22ac32ce41165b4d8a9aeca2b3690e22",
    "lane/corrections.jsonl": "f9806ac56a9a7803f4cda7ccc117aa2b2ff3f21f3b34e1e6cf2af66e6c5a7f0b",
    "lane/corrections.schema.json": "2b68b3ceef9d82c492a01559d44fe7e2630727323975d6bf981128df36699e38",
    "lane/mirror/0000002_adapters.safetensors": "baa0bda180240b94a77cb38e2b44ee0d9632ceda774391cc3fc7c5ac76d8a571",
    "lane/mirror/0000004_adapters.safetensors": "f82e03fdd2ea35f61df528dfd969f4ed9ec4e260362ae507e743a5495a69f49c",
    "lane/mirror/adapter_config.json": "315443b3d6cd13d87a88f65f69ba14956cb87ac5a6f498816bb93990a6cdf311",
    "precisions/bf16.safetensors": "d6c25a88bc514c37aaa5d109d9a35e9d487f6818092f35a67d88f175e3caa41e",
    "precisions/dlfloat.safetensors": "2f088d0f17da5f148698d0df93724544cc658a49b02899edd10270fbebc0f446",
    "precisions/fp8e4m3.safetensors": "241b1edabb2b761b7117efcf760f776639f461e1dadc79cbb091f413259bcd47",
    "precisions/fp8e5m2.safetensors": "09a03123a6ba0052d69431f45c18ee537cf109bd2a36b7897bfb394f171ee789",
    "precisions/gf16.safetensors": "bd6dc79f211bb0e022f153cf6b43cd9d432b2bb7a47f1428d60e882799665635",
    "race/ledger.sqlite": "2c069987787cab6acf2ed64fa97a0654df59266d7624f45af82bb73fa4cec545",
    "run/corpus/finetune.tokens": "ae111abd2afa42e71c0f25ddfcdde04f98595a0720222f91d6dbfaef17b6916b",
    "run/corpus/finetune.txt": "0f632202aa6405394c8e7b4d60fcc6cf64ae7f943b71c398f8af35aa069c8fd2",
    "run/corpus/manifest.json": "76f5d0d1e39e9734c003dbdab1409049b7f293f77d22b97ea891a4cc6176e60c",
    "run/corpus/pretrain.tokens": "ae00e3e12fc2d0c089c30ea106c12c56c6644be9d86bde90d84c4602889b73cb",
    "run/corpus/pretrain.txt": "e9feb6aa5a31b2fe6f3ea824f11dfcde8e710f273f9e5a17aa0363fa227867be",
    "run/corpus/validation.tokens": "d7d0325100957932bcfd8fd12fae6141ef7481c881b89a852c50c3ab3fb15589",
    "run/corpus/validation.txt": "c429dff2c65bff9012dfb83109d4432ce70188503d0dec68a229cffda5c1a1d8",
    "run/export/model.gguf": "3224c223017f898512cef5146d67513f29f6258bec6838d66980e7b6afdaad3d",
    "run/finetuned/config.json": "bad47374a9dad8575ec03cdbb4db0323a70af0634fe9de7861a0c1a0ad08d2ba",
    "run/finetuned/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "run/finetuned/model.safetensors": "c04f5f19d73c207fc5553083735b2ff68ee774f8c98935d42fcd41a593065bb6",
    "run/finetuned/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "run/finetuned/tokenizer_config.json": "7cc6646a09ccfb8ca86014ed6511f3dc422ccc5a3d91118654c8bfac18effa8d",
    "run/metrics.jsonl": "7374db2a78b58c2eca7f619eef2823d3f4904040880766960596642c951ec2cf",
    "run/pretrained/config.json": "bad47374a9dad8575ec03cdbb4db0323a70af0634fe9de7861a0c1a0ad08d2ba",
    "run/pretrained/generation_config.json": "800676d78755e188f51b714349a1580a6f6ee326dd2f1339354b49f45c9b0dad",
    "run/pretrained/model.safetensors": "c3e25f1831ec22e5a539db12541aa747dda1966287ef2aadfc99246f566105e0",
    "run/pretrained/tokenizer.json": "ba2a63c35f5849043c4f4161a99c30925be129df53c1fc273963609c7705747e",
    "run/pretrained/tokenizer_config.json": "7cc6646a09ccfb8ca86014ed6511f3dc422ccc5a3d91118654c8bfac18effa8d",
    "run/run.yaml": "c58a455e0e7d6b0df4742a21a63cca52fe6d8de1a3dc6195ae687aaf5d40b55d",
    "run/step_zero.json": "378709e722776583f9972855df4ff9d580a2708e1e8e7475e234a3d11a8182c1",
    "text-rows/train.jsonl": "1d66c4815e6a6d37f476157e2a956cffa6be39ab7c84c0606454fff50b598e35",
    "text-rows/valid.jsonl": "7300ee25d50686d310ee6b613ef9a831bd50543208e9922dc71799cbc2ba6c32",
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
    assert len(opened.digest) == 64 or variant == "gpu-run"  # the run under another record, which is in no file
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
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter", "again", "coder", "continued", "encoder", "lane", "precisions", "race", "run", "text-rows",
    ]  # fmt: skip
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
