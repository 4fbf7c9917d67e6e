"""Bytes are known only if a record names them: any other byte, and they are an orphan."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from falsifiable.artifacts import open_model, open_run
from falsifiable.samples import write_specimens
from falsifiable.validation.provenance import has_origin, vouching_record


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_specimens(tmp_path)["run"]


def vouched(path: Path, run: Path) -> bool:
    model = open_model(path)
    return vouching_record(path, model.digest, model.file_digests, [open_run(run)], sha256) is not None


def test_a_recorded_folder_is_vouched_for_wherever_it_lies(run, tmp_path):
    assert vouched(run / "finetuned", run)
    assert vouched(shutil.copytree(run / "finetuned", tmp_path / "copy"), run)


def test_a_file_of_an_intact_recorded_folder_is_vouched_for(run):
    assert vouched(run / "finetuned/model.safetensors", run)


@pytest.mark.parametrize("judged", ["finetuned", "finetuned/model.safetensors"])
def test_one_changed_byte_makes_an_orphan(run, judged):
    weights = run / "finetuned/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert not vouched(run / judged, run)


def test_a_file_that_no_record_names_is_an_orphan(run, tmp_path):
    stranger = shutil.copy(run / "finetuned/model.safetensors", tmp_path / "stranger.safetensors")
    assert not vouched(Path(stranger), run)


@pytest.mark.parametrize(
    ("record", "known"),
    [
        ("origin_record: 1\nsource: pypi:shop==1.0\nsha256: {digest}\n", True),
        ("origin_record: 1\nsource: pypi:shop==1.0\nsha256: " + "ab" * 32 + "\n", False),
        ("origin_record: [\n", False),
        (None, False),
    ],
    ids=["these bytes", "other bytes", "broken", "absent"],
)
def test_an_origin_record_vouches_for_the_bytes_it_names(run, record, known):
    export = run / "export/model.gguf"
    if record is not None:
        export.with_name("model.gguf.origin.yaml").write_text(record.format(digest=sha256(export)))
    assert has_origin(export, sha256(export), sha256) is known
