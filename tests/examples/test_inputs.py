"""A completed run whose inputs are unchanged is not repeated; anything else is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.pretrain import inputs
from examples.pretrain.corpus import Corpus, read_corpus, standard_library
from examples.pretrain.options import Options
from falsifiable.recorder import RunRecorder


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(standard_library())


@pytest.fixture
def completed(tmp_path: Path, corpus: Corpus) -> tuple[Path, dict[str, Any]]:
    """A run folder with a completed record, and the inputs in it."""
    folder, now = tmp_path / "run", inputs.describe_inputs(Options(), corpus)
    asked = {"command": [], "seed": 0, "device": "cpu", "dtype": "float32", "data": "stdlib", "steps": 1}
    with RunRecorder(folder, inputs=now, **asked) as run:
        (folder / "trained").write_bytes(b"weights")
        run.artifact("trained", folder / "trained")
    return folder, now


def test_an_unchanged_run_is_recognised(completed: tuple[Path, dict[str, Any]]) -> None:
    assert inputs.is_unchanged(*completed)


def test_a_missing_or_truncated_artifact_is_noticed(completed: tuple[Path, dict[str, Any]]) -> None:
    folder, now = completed
    (folder / "trained").write_bytes(b"weigh")
    assert not inputs.is_unchanged(folder, now)
    (folder / "trained").unlink()
    assert not inputs.is_unchanged(folder, now)


def test_a_run_that_did_not_complete_is_repeated(completed: tuple[Path, dict[str, Any]]) -> None:
    folder, now = completed
    record = yaml.safe_load((folder / "run.yaml").read_text())
    (folder / "run.yaml").write_text(yaml.safe_dump({**record, "end_reason": "interrupted"}))
    assert not inputs.is_unchanged(folder, now)


@pytest.mark.parametrize("content", [None, b"", b"- a list\n", b"{unclosed", b"\xff\xfe"])
def test_a_folder_without_a_readable_record_is_no_run(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "run.yaml").write_bytes(content)
    assert not inputs.is_unchanged(tmp_path, {})


def test_every_option_but_the_output_folder_is_an_input(corpus: Corpus) -> None:
    options = Options()
    now = inputs.describe_inputs(options, corpus)
    assert inputs.describe_inputs(replace(options, output=Path("elsewhere")), corpus) == now
    for changed in (replace(options, seed=1), replace(options, steps=3), replace(options, device="cuda")):
        assert inputs.describe_inputs(changed, corpus) != now


def test_the_bytes_of_a_tokenizer_are_an_input(tmp_path: Path, corpus: Corpus) -> None:
    options = Options(tokenizer=tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    before = inputs.describe_inputs(options, corpus)
    (tmp_path / "tokenizer.json").write_text("[]")
    assert inputs.describe_inputs(options, corpus) != before


def test_comments_and_docstrings_of_the_pipeline_are_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""One."""\n\n\ndef f():\n    """Two."""\n    return 1  # three\n')
    (tmp_path / "b.py").write_text("def f():\n    return 1\n")
    (tmp_path / "c.py").write_text("def f():\n    return 2\n")
    one, same, other = (inputs._normalised(tmp_path / f"{name}.py") for name in "abc")
    assert one == same != other


def test_finding_that_there_is_nothing_to_do_imports_nothing_heavy() -> None:
    program = (
        "import sys, examples.pretrain.__main__, examples.pretrain.pipeline, examples.fetch\n"
        "print(*{'torch', 'transformers', 'tokenizers', 'gguf', 'numpy'} & set(sys.modules))"
    )
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert imported.stdout.split() == []
