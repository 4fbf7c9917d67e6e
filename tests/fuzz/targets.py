"""What every fuzz target does with bytes: it opens them through the public door and reads all that is lazy.

A target swallows :class:`ArtifactError`, which is the one exception a reader may raise. Any other exception, a run of
more than a minute, or of more than some hundred mebibytes, is a finding.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEPARATOR = b"\n%% the next file %%\n"
"""Stands between the files of a target that reads a folder; they come in the order of the target's ``files``."""

_SMALL_TENSOR_BYTES = 64 * 1024
_MOST_TENSORS, _MOST_ITEMS = 8, 1_000


@dataclass(frozen=True)
class Target:
    """``files`` are the names under which the parts of an input are written, ``words`` what a mutation may insert."""

    read: Callable[[Path], None]
    files: tuple[str, ...]
    words: tuple[str, ...] = ()

    def __call__(self, data: bytes) -> None:
        """Write ``data`` to the files of the target and read them back; only an ArtifactError is swallowed."""
        from falsifiable.artifacts import ArtifactError

        with written(data, self.files) as path, suppress(ArtifactError):
            self.read(path)


@functools.cache
def scratch() -> Path:
    """This process's folder, in memory where there is one: a fuzzer writes a file some thousand times a second."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="falsifiable-fuzz-", dir=memory if memory.is_dir() else None))


def remove_scratch() -> None:
    """Remove what this process has written."""
    if scratch.cache_info().currsize:
        shutil.rmtree(scratch(), ignore_errors=True)
        scratch.cache_clear()


@contextmanager
def written(data: bytes, names: tuple[str, ...]) -> Iterator[Path]:
    """The one file, or the folder of several; each input gets new files, so that no memory map sees another's bytes."""
    folder = scratch() / "input"
    folder.mkdir()
    try:
        for name, content in zip(names, data.split(SEPARATOR, len(names) - 1), strict=False):
            (folder / name).write_bytes(content)
        yield folder / names[0] if len(names) == 1 else folder
    finally:
        shutil.rmtree(folder)


# What is done with an artifact that opened. Each step may raise ArtifactError, and the next is taken all the same.


def _model(path: Path) -> None:
    from falsifiable.artifacts import ArtifactError, open_model

    model = open_model(path)
    _described(model)
    with suppress(ArtifactError):
        model.verify_checksums()
    assert model.parameters >= 0
    assert model.embedding_rows is None or model.embedding_rows >= 0
    small = (info for info in model.tensors.values() if info.nbytes <= _SMALL_TENSOR_BYTES)
    for info in itertools.islice(small, _MOST_TENSORS):
        with suppress(ArtifactError):
            assert model.tensor(info.name).numpy().shape == info.shape
            model.fingerprint(info.name)
    for value in model.metadata.values():
        with suppress(ArtifactError):
            _taste(value)
    with suppress(ArtifactError):
        if model.tokenizer is not None:
            _tasted_tokenizer(model.tokenizer)


def _adapter(path: Path) -> None:
    """An adapter also adds to its base model."""
    from falsifiable.artifacts import ArtifactError, open_model

    _model(path)
    for name, update in itertools.islice(open_model(path).updates.items(), _MOST_TENSORS):
        if math.prod(update.shape) <= _SMALL_TENSOR_BYTES:
            with suppress(ArtifactError):
                assert update.numpy().shape == update.shape, name


def _zip(path: Path) -> None:
    from falsifiable.artifacts import ArtifactError
    from falsifiable.artifacts.formats.pytorch.zip_reader import read_member, read_zip, verify_member
    from falsifiable.artifacts.sources.files import SourceFile

    source = SourceFile(path)
    members = read_zip(source)
    end = 0
    for name, member in members.items():
        assert name == member.name
        assert end < member.offset
        end = member.offset + member.stored_bytes
        assert end <= source.size
        with suppress(ArtifactError):
            assert len(read_member(source, member)) == member.size
        with suppress(ArtifactError):
            verify_member(source, member)


def _pickle(path: Path) -> None:
    """Faults of a stream are values; what was named before them is kept."""
    from falsifiable.artifacts.formats.pytorch.pickle_assessment import assess
    from falsifiable.artifacts.formats.pytorch.pickle_machine import run_pickle

    content = path.read_bytes()
    run = run_pickle(content, path)
    assert 0 <= run.end <= len(content)
    assert run.fault is None or run.fault.kind == "unsound"
    for one in assess(run):
        assert one.name


def _pytorch(path: Path) -> None:
    from falsifiable.artifacts import ArtifactError
    from falsifiable.artifacts.formats.pytorch.reader import read_pytorch
    from falsifiable.artifacts.sources.files import SourceFile
    from falsifiable.artifacts.tensors import read_values

    with suppress(ArtifactError):
        _model(path)
    source = SourceFile(path)
    contents = read_pytorch(source)
    for verify in contents.checksums:
        with suppress(ArtifactError):
            verify()
    small = (info for info in contents.tensors.values() if info.nbytes <= _SMALL_TENSOR_BYTES)
    for info in itertools.islice(small, _MOST_TENSORS):
        with suppress(ArtifactError):
            assert read_values(info, source).shape == info.shape
    for value in contents.metadata.values():
        _taste(value)


def _safety(path: Path) -> None:
    """An inspection never raises, and never calls a file safe in silence that it did not look at."""
    from falsifiable.artifacts.safety.inspection import inspect_safety
    from falsifiable.report.artifact import describe_safety

    report = inspect_safety(path)
    assert report.files == 1
    assert json.dumps(describe_safety(report))


def _text_log(folder: Path) -> None:
    from falsifiable.artifacts import open_run
    from falsifiable.contracts.log_pattern import pattern_fault

    pattern = (folder / "pattern").read_text("utf-8", "replace")
    if not pattern_fault(pattern) and (folder / "train.log").exists():
        _described(open_run(folder / "train.log", pattern=pattern))


def _mlx_log(path: Path) -> None:
    from falsifiable.artifacts import open_run

    run = open_run(path)
    _described(run)
    for row in run.rows[:_MOST_ITEMS]:
        for name in row.keys() - {"phase", "step"}:
            assert run.series(name, "train")


def _split(folder: Path) -> None:
    _model(folder / "m-00001-of-00002.gguf")


def _tokenizer(path: Path) -> None:
    from falsifiable.artifacts import open_tokenizer

    _tasted_tokenizer(open_tokenizer(path))


def _tasted_tokenizer(tokenizer: Any) -> None:
    _described(tokenizer)
    assert len(tokenizer.digest) == 64
    for value in (tokenizer.tokens, tokenizer.merges, tokenizer.token_types, tokenizer.added_tokens):
        _taste(value)


def _run(path: Path) -> None:
    from falsifiable.artifacts import ArtifactError, open_run

    run = open_run(path)
    _described(run)
    assert run.digest
    for name in {str(name) for row in run.rows[:_MOST_ITEMS] for name in row}:
        with suppress(ArtifactError):
            run.series(name)
    for role in run.artifacts:
        with suppress(ArtifactError):
            run.found_digest(role)


def _log(path: Path) -> None:
    """The log of a run whose record is sound."""
    (path.parent / "run.yaml").write_text("run_record: 1\nrun_id: fuzz\nmetrics: {}\nartifacts: {}\n")
    _run(path.parent)


def _corpus(path: Path) -> None:
    from falsifiable.artifacts import ArtifactError, open_corpus

    corpus = open_corpus(path)
    _described(corpus)
    for split in corpus.splits:
        with suppress(ArtifactError):
            assert isinstance(corpus.text(split), str)
        with suppress(ArtifactError):
            assert corpus.token_ids(split).ndim == 1


def _json(path: Path) -> None:
    from falsifiable.artifacts.sources.json_reader import read_json

    read_json(path.read_bytes(), path)


def _origin(path: Path) -> None:
    from falsifiable.artifacts import read_origin

    read_origin(path.with_name("model.gguf"))


def _contract(path: Path) -> None:
    """Faults of a contract are values; each must be printable and stand in the file."""
    from falsifiable.contracts import check_contracts, read_contract
    from falsifiable.contracts.bindings import read_bindings
    from falsifiable.validation.catalogue import load_catalogue

    (file,) = check_contracts([read_contract(path, shown="fuzz.yaml")], load_catalogue().signatures)
    _, faults = read_bindings(path, {"fuzz": {"trained": "model"}}, shown="artifacts.yaml")
    for fault in (*file.diagnostics, *faults):
        assert "\x1b" not in str(fault)
        assert fault.line >= 1
        assert fault.column >= 1


def _pv(path: Path) -> None:
    """Faults are values that can be printed; what is valid by pv's rules makes a contract of ours without a fault."""
    from falsifiable.contracts import check_contracts, read_contract
    from falsifiable.contracts.pv.check import check_pv
    from falsifiable.contracts.pv.reader import read_pv
    from falsifiable.contracts.pv.translation import translated
    from falsifiable.validation.catalogue import load_catalogue

    (file,) = check_pv([read_pv(path, shown="fuzz.yaml")], path.parent)
    for fault in file.diagnostics:
        assert "\x1b" not in str(fault)
        assert fault.line >= 1
        assert fault.column >= 1
    if file.valid:
        ours = read_contract(translated(file).text.encode(), shown="ours.yaml")
        (checked,) = check_contracts([ours], load_catalogue().signatures)
        assert [one for one in checked.diagnostics if one.severity == "error"] == []


def _table(path: Path) -> None:
    """Every row is an object, and begins in a line of the file, no row before the one above it."""
    from falsifiable.artifacts import open_table

    table = open_table(path)
    lines = [row.line for row in table.rows]
    assert lines == sorted(lines)
    assert not lines or 1 <= lines[0] <= lines[-1] <= path.read_bytes().count(b"\n") + 1
    assert all(isinstance(row.values, dict) for row in table.rows)


def _conversations(path: Path) -> None:
    """A corpus of rows, whose shard the manifest names or not."""
    from falsifiable.artifacts import ArtifactError, open_corpus

    corpus = open_corpus(path)
    for split in corpus.splits:
        with suppress(ArtifactError):
            assert all(record.line >= 1 for record in corpus.records(split))
    for origin in corpus.origins.values():
        with suppress(ArtifactError):
            corpus.found_digest(origin.path)


def _plan(path: Path) -> None:
    """A plan is whole, or its faults are values that can be printed."""
    from falsifiable.contracts import read_plan

    plan, faults = read_plan(path, shown="plan.yaml")
    assert (plan is None) == bool(faults)
    for fault in faults:
        assert "\x1b" not in str(fault)
        assert fault.line >= 1


def _evidence(path: Path) -> None:
    from falsifiable.evidence.statement import StatementError, parse_statement

    with suppress(StatementError):
        parse_statement(path.read_bytes())


def _spec(path: Path) -> None:
    """Whatever the regions of a spec are, replacing each by its own content leaves every other byte alone."""
    from falsifiable.spec.regions import RegionError, find_regions

    data = path.read_bytes()
    with suppress(RegionError):
        for region in find_regions(data).found:
            assert 0 <= region.start < region.end <= len(data)
            assert data[region.start : region.end].startswith(b"<!-- contract:")


def _described(artifact: Any) -> None:
    """As ``contract inspect`` shows it."""
    from falsifiable.report.artifact import describe, print_description

    out = io.StringIO()
    print_description(describe(artifact, tensors=True), out)
    assert "\x1b" not in out.getvalue()
    assert repr(artifact)


def _taste(value: object) -> None:
    if isinstance(value, (Sequence, Mapping)) and not isinstance(value, (str, bytes)):
        for one in itertools.islice(value, _MOST_ITEMS):
            repr(one)


_CONFIG_WORDS = (
    "architectures", "Qwen2ForCausalLM", "model_type", "qwen2", "hidden_size", "num_attention_heads", "head_dim",
    "num_key_value_heads", "num_hidden_layers", "rope_parameters", "rope_theta", "tie_word_embeddings", "vocab_size",
)  # fmt: skip
_HEADER_WORDS = ("__metadata__", "dtype", "shape", "data_offsets", "F32", "BF16", "BOOL", "F4", "[0,0]")
_GGUF_WORDS = (
    "GGUF", "general.architecture", "general.alignment", "qwen2.attention.head_count", "qwen2.embedding_length",
    "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.eos_token_id", "split.count",
    "blk.0.attn_q.weight",
)  # fmt: skip
_CONTRACT_WORDS = (
    "contract:", "version:", "falsifiers:", "artifacts:", "discharge:", "check:", "on:", "with:", "at_least", "equals",
    "within", "one_of", "requires:", "!!", "<<:", "&a", "*a", "? ", "---\n", "|\n", ">-\n", "%YAML", ".inf", "0x",
    "1e400",
)  # fmt: skip
_PV_WORDS = (
    "metadata:", "references:", "equations:", "formula:", "proof_obligations:", "falsification_tests:",
    "kani_harnesses:", "qa_gate:", "depends_on:", "registry: true", "kind: ", "test: a_test.py::test_a", "bound: 8",
    "verification_summary:", "enforcement:", "status: proved", "null", '""', "1.0.0", "\\U0001f600", "<<:", "&a", "*a",
)  # fmt: skip
_TOKENIZER_WORDS = ("added_tokens", "content", "model", "vocab", "merges", "unk_id", "unk_token", "Unigram", "type")
_ADAPTER_WORDS = ("peft_type", "LORA", "target_modules", "lora_A", "lora_B", "modules_to_save", "base_model.model.")
_ZIP_WORDS = ("PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07", "PK\x07\x08")
_PICKLE_WORDS = (
    "\x80\x02", "}q\x00", "cos\nsystem\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n", "\x8c",
    "ccollections\nOrderedDict\n", "R.", "\x93", "Q", "(", "t", "u", "\x86", "\x94", "h\x00", "b.",
)  # fmt: skip
_RUN_WORDS = ("run_record", "metrics", "artifacts", "sha256", "path", "size", "value", "step", "phase", "nan", "-inf")

TARGETS: dict[str, Target] = {
    "safetensors": Target(_model, ("model.safetensors",), words=_HEADER_WORDS),
    "gguf": Target(_model, ("model.gguf",), words=_GGUF_WORDS),
    "huggingface": Target(
        _model,
        ("config.json", "generation_config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
         "model-00002-of-00002.safetensors"),
        words=(*_CONFIG_WORDS, *_HEADER_WORDS, "weight_map", "total_size", "../", "model-00001-of-00002.safetensors"),
    ),
    "tokenizer": Target(_tokenizer, ("tokenizer.json", "tokenizer_config.json"), words=_TOKENIZER_WORDS),
    "run": Target(_run, ("run.yaml", "step_zero.json", "metrics.jsonl"), words=_RUN_WORDS),
    "metrics": Target(_log, ("metrics.jsonl",), words=(*_RUN_WORDS, "NaN", "1e400", "\r\n")),
    "corpus": Target(
        _corpus,
        ("manifest.json", "train.txt", "train.tokens"),
        words=("corpus_manifest", "splits", "files", "sha256", "bytes", "tokens_path", "tokens", "real_share", "../"),
    ),
    "conversations": Target(
        _conversations,
        ("manifest.json", "train.jsonl"),
        words=("chat", "shards", "rows", "sources", "kind", "real", "partial-real", "messages", "../", "\n"),
    ),
    "table": Target(_table, ("rows.jsonl",), words=('{"a": 1}', "\n", "[", "]", ",", "NaN", '"\\u0000"', "{}", "\r\n")),
    "plan": Target(_plan, ("plan.yaml",), words=("plan:", "init:", "shape:", "budget:", "at_least", "blockers:", "0")),
    "apr": Target(
        _model,
        ("model.apr",),
        words=("APR", "model_type", "hidden_size", "num_heads", "tokenizer.vocabulary", "tokenizer.merges"),
    ),
    "peft": Target(
        _adapter,
        ("adapter_config.json", "adapter_model.safetensors"),
        words=(*_HEADER_WORDS, *_ADAPTER_WORDS, "use_rslora", "rank_pattern", "alpha_pattern", "lora_alpha"),
    ),
    "mlx": Target(
        _adapter,
        ("adapter_config.json", "adapters.safetensors"),
        words=(*_HEADER_WORDS, *_ADAPTER_WORDS, "lora_parameters", "scale", "rank", "fine_tune_type"),
    ),
    "gguf-split": Target(
        _split, ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"),
        words=(*_GGUF_WORDS, "split.no", "split.tensors.count"),
    ),
    "zip": Target(_zip, ("archive.zip",), words=_ZIP_WORDS),
    "pickle": Target(_pickle, ("data.pkl",), words=_PICKLE_WORDS),
    "pytorch": Target(
        _pytorch, ("model.pt",), words=(*_PICKLE_WORDS, *_ZIP_WORDS, "data.pkl", "byteorder")
    ),
    "safety": Target(_safety, ("file",), words=(*_PICKLE_WORDS, *_ZIP_WORDS, "auto_map", "{{")),
    "sentencepiece": Target(_tokenizer, ("tokenizer.model",), words=("<unk>", "<0x4")),
    "vocabulary": Target(
        _tokenizer, ("vocab.json", "merges.txt"), words=("#version: 0.2", "\u0120")
    ),
    "word-pieces": Target(_tokenizer, ("vocab.txt",), words=("[UNK]", "##a", "\r\n")),
    "trainer-state": Target(
        _run, ("trainer_state.json",),
        words=("log_history", "step", "loss", "eval_loss", "train_runtime", "global_step", "max_steps", "NaN", "epoch"),
    ),
    "text-log": Target(
        _text_log, ("pattern", "train.log"),
        words=("(?P<step>", "(?P<loss>", "\\d+", "[^ ]+", "nan", "\r", "{0,9}", "(?i)", "1e400", "1,5"),
    ),
    "mlx-log": Target(
        _mlx_log, ("train.log",),
        words=("Iter 7: ", "Train loss ", "Val loss ", "Saved adapter weights to ", " and ", "nan", "1e400", "1,5",
               "\r", "Starting training..., iters: ", "Saved final weights to ", ", Peak mem 1 GB"),
    ),
    "json": Target(_json, ("value.json",), words=("NaN", "-Infinity", "1e400", "\\u0000", "\\ud800", "null", "{}")),
    "origin": Target(_origin, ("model.gguf.origin.yaml",), words=("origin_record: 1", "source:", "sha256:", "size:")),
    "contract": Target(_contract, ("contract.yaml",), words=_CONTRACT_WORDS),
    "pv": Target(_pv, ("kernel-v1.yaml",), words=_PV_WORDS),
    "evidence": Target(_evidence, ("statement.json",), words=("_type", "subject", "predicate", "digest", "sha256")),
    "spec": Target(_spec, ("spec.md",), words=("<!-- contract:", "<!-- /contract:", " -->", "```", "sha256=", "\r\n")),
}  # fmt: skip
