"""Corpus manifests: what is read, what is checked when content is asked for, and what is refused."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable.artifacts import ArtifactError, Corpus, open_corpus
from falsifiable.artifacts.corpora.corpus import CorpusFile
from falsifiable.samples import specimen, write_specimens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = write_specimens(tmp_path / "specimens")["corpus"]
    return shutil.copytree(manifest.parent, tmp_path / "corpus")


@pytest.fixture
def corpus() -> Corpus:
    opened = specimen("corpus")
    assert isinstance(opened, Corpus)
    return opened


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return folder


def test_a_manifest_names_its_splits_and_files(corpus: Corpus) -> None:
    assert list(corpus.splits) == ["pretrain", "finetune", "validation"]
    assert corpus.name == "specimen-poems"
    assert [file.path for file in corpus.splits["finetune"].files] == ["jabberwocky.txt"]
    assert corpus.splits["validation"].real_share == 1.0
    assert corpus.evaluation is not None
    assert (corpus.evaluation.sequences, corpus.evaluation.sequence_length) == (7, 64)


def test_a_corpus_is_opened_by_its_folder_or_by_its_manifest(folder: Path) -> None:
    assert open_corpus(folder).manifest == open_corpus(folder / "manifest.json").manifest


def test_text_and_tokens_are_those_of_the_manifest(corpus: Corpus) -> None:
    assert corpus.text("validation").startswith("Tyger Tyger, burning bright,\n")
    ids = corpus.token_ids("validation")
    assert ids.dtype == numpy.uint16
    assert len(ids) == corpus.splits["validation"].tokens


def test_tokens_of_four_bytes_are_read_as_such(folder: Path) -> None:
    import hashlib

    wide = open_corpus(folder).token_ids("validation").astype("<u4").tobytes()
    (folder / "validation.tokens").write_bytes(wide)
    digest = hashlib.sha256(wide).hexdigest()
    opened = open_corpus(rewritten(folder, lambda m: m["splits"]["validation"].update(tokens_sha256=digest)))
    assert opened.token_ids("validation").dtype == numpy.uint32


def test_a_changed_text_is_unsound_and_the_file_named(folder: Path) -> None:
    corpus = open_corpus(folder)
    text = folder / "pretrain.txt"
    content = bytearray(text.read_bytes())
    content[700] ^= 1
    text.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"sonnet-073\.txt is not what the manifest says") as caught:
        corpus.text("pretrain")
    assert caught.value.kind == "unsound"
    text.write_bytes(content[:-1])
    with pytest.raises(ArtifactError, match="the sum over the files of the split"):
        corpus.text("pretrain")


def test_changed_or_cut_tokens_are_unsound(folder: Path) -> None:
    corpus = open_corpus(folder)
    tokens = folder / "validation.tokens"
    content = bytearray(tokens.read_bytes())
    content[10] ^= 1
    tokens.write_bytes(content)
    with pytest.raises(ArtifactError, match="as the manifest says"):
        corpus.token_ids("validation")
    tokens.write_bytes(content[:-3])
    with pytest.raises(ArtifactError, match="2 or 4 bytes for each of 457 tokens"):
        corpus.token_ids("validation")


def test_what_was_not_kept_is_unreadable_and_not_unsound(corpus: Corpus) -> None:
    bare = corpus.with_split("validation", path=None, tokens_path=None)
    for read in (bare.text, bare.token_ids):
        with pytest.raises(ArtifactError, match="not kept") as caught:
            read("validation")
        assert caught.value.kind == "unreadable"
    with pytest.raises(ArtifactError, match="one of pretrain, finetune, validation"):
        corpus.text("test")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "~/x", "C:\\x", "\\\\host\\x", "a\0b", "", 7])
@pytest.mark.parametrize("key", ["path", "tokens_path", "files"])
def test_no_path_may_leave_the_folder(key: str, path: object, folder: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        split = manifest["splits"]["validation"]
        (split["files"][0] if key == "files" else split)["path" if key == "files" else key] = path

    with pytest.raises(ArtifactError) as caught:
        open_corpus(rewritten(folder, change))
    assert caught.value.kind == "unsound"
    assert "splits.validation" in str(caught.value)


def in_validation(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest["splits"]["validation"].update(fields)


def twice(manifest: dict[str, Any]) -> None:
    files = manifest["splits"]["validation"]["files"]
    files.append(copy.deepcopy(files[0]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (in_validation(sha256="0" * 64), "over the files of the split"),
        (in_validation(sha256="ABC"), "splits.validation.sha256 is 'ABC'"),
        (in_validation(tokens=-1), "splits.validation.tokens is -1"),
        (in_validation(tokens=1.5), "splits.validation.tokens is 1.5"),
        (in_validation(tokens_sha256=1), "splits.validation.tokens_sha256 is 1"),
        (in_validation(real_share=1.5), "splits.validation.real_share is 1.5"),
        (in_validation(files=None), "splits.validation has no list of files"),
        (in_validation(files=["x"]), "splits.validation.files[0] is 'x'"),
        (twice, "splits.validation lists a file twice"),
        (lambda m: m.update(splits=[]), "splits is not an object"),
        (lambda m: m.update(evaluation=[]), "evaluation is []"),
        (lambda m: m["evaluation"].update(sequences="7"), "evaluation.sequences is '7'"),
    ],
)
def test_a_manifest_of_the_wrong_shape_is_unsound(
    change: Callable[[dict[str, Any]], object], said: str, folder: Path
) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_corpus(rewritten(folder, change))
    assert said in str(caught.value)
    assert caught.value.kind == "unsound"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "unreadable"), (b"{}", "unreadable"), (b"[1]", "unreadable"), (b'{"corpus_manifest": 1, ', "unsound")],
)
def test_bytes_that_are_no_manifest(content: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        open_corpus(tmp_path)
    assert caught.value.kind == kind


def test_files_can_be_moved_between_splits_in_memory(corpus: Corpus) -> None:
    leaked = corpus.splits["validation"].files[0]
    mutant = corpus.with_file_in("pretrain", leaked)
    assert leaked in mutant.splits["pretrain"].files
    assert leaked not in corpus.splits["pretrain"].files
    assert mutant.digest.startswith(f"mutant:{corpus.digest}+")
    assert mutant.without_file("the-tyger.txt").splits["pretrain"].files == corpus.splits["pretrain"].files
    with pytest.raises(ValueError, match="no split has a file"):
        corpus.without_file("absent.txt")


def test_digests_of_splits_and_files_are_known(corpus: Corpus) -> None:
    split = corpus.splits["validation"]
    assert all(corpus.has_digest(one) for one in (split.sha256, split.tokens_sha256 or "", split.files[0].sha256))
    assert not corpus.has_digest("0" * 64)
    assert CorpusFile("a", "0" * 64, 1) not in split.files
