"""The corpus is the same on every call, and no file is in two splits."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from examples.pretrain.corpus import SPLITS, Corpus, SourceFile, read_corpus, split_of, standard_library
from examples.pretrain.manifest import LONGEST_COPY, held_out
from examples.pretrain.train import EVALUATION_LENGTH


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(standard_library())


def test_no_file_and_no_module_is_in_two_splits(corpus: Corpus) -> None:
    for one, other in combinations(SPLITS, 2):
        assert not {file.path for file in corpus.splits[one]} & {file.path for file in corpus.splits[other]}
        assert not {file.module for file in corpus.splits[one]} & {file.module for file in corpus.splits[other]}


def test_the_splits_are_the_same_on_every_call(corpus: Corpus) -> None:
    assert read_corpus(standard_library()) == corpus
    assert [split_of(name) for name in ("asyncio", "argparse", "random")] == ["pretrain", "finetune", "validation"]


def test_there_is_enough_real_code_for_every_phase(corpus: Corpus) -> None:
    for split, least in zip(SPLITS, (2_000_000, 1_000_000, 100_000), strict=True):
        assert sum(file.size_bytes for file in corpus.splits[split]) > least


def test_tests_foreign_packages_and_text_of_other_encodings_are_left_out(tmp_path: Path) -> None:
    left_out = ("asyncio/test/b.py", "site-packages/c.py", "asyncio/d.txt")
    for name in ("asyncio/a.py", "argparse.py", "random.py", *left_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    (tmp_path / "empty.py").write_text("\n")
    assert [file.path for file in read_corpus(tmp_path).splits["pretrain"]] == ["asyncio/a.py"]


def test_a_folder_that_is_no_standard_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a standard library"):
        read_corpus(tmp_path)


def test_the_digest_notices_a_changed_file_and_a_moved_one(corpus: Corpus) -> None:
    changed = SourceFile("asyncio/a.py", "x = 2\n", "00", 6)
    pretrain, finetune = corpus.splits["pretrain"], corpus.splits["finetune"]
    moved = Corpus({**corpus.splits, "pretrain": pretrain[1:], "finetune": (*finetune, pretrain[0])})
    edited = Corpus({**corpus.splits, "pretrain": (changed, *pretrain[1:])})
    assert len({corpus.digest, moved.digest, edited.digest}) == 3


def test_windows_of_validation_that_were_trained_on_are_left_out_at_whatever_offset() -> None:
    validation = np.arange(10 * EVALUATION_LENGTH, dtype=np.uint16)
    copied = validation[2 * EVALUATION_LENGTH - 10 : 2 * EVALUATION_LENGTH - 10 + LONGEST_COPY]
    noise = np.full(37, 60_000, np.uint16)

    kept = held_out(validation, [noise, np.concatenate((noise, copied, noise))])

    windows = kept.reshape(-1, EVALUATION_LENGTH)[:, 0] // EVALUATION_LENGTH
    assert list(windows) == [0, 3, 4, 5, 6, 7, 8, 9]  # the copy reaches into windows 1 and 2


def test_what_is_shorter_than_a_copy_stays() -> None:
    validation = np.arange(4 * EVALUATION_LENGTH, dtype=np.uint16)

    assert len(held_out(validation, [validation[5 : 5 + LONGEST_COPY - 1]])) == len(validation)
