"""Safety of a folder: what lies beside the model counts, in any file and under any name."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from falsifiable import open_model
from falsifiers.safety import no_executable_pickle, no_remote_code


class RunsACommand:
    def __reduce__(self):
        return __import__("os").system, ("true",)


@pytest.fixture
def folder(specimens, tmp_path):
    return shutil.copytree(specimens["trained"].path, tmp_path / "model")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_beside_the_weights_is_told_by_its_content(folder, protocol):
    (folder / "notes.txt").write_bytes(pickle.dumps(RunsACommand(), protocol))

    verdict = no_executable_pickle(open_model(folder))

    assert verdict.outcome == "falsified"
    assert verdict.found.startswith("notes.txt at byte")
    assert "system" in verdict.found


def test_a_checkpoint_that_only_rebuilds_tensors_is_harmless(folder):
    import torch

    torch.save({"step": torch.zeros(3)}, folder / "optimizer.pt")

    assert no_executable_pickle(open_model(folder)).outcome == "held"


def test_an_archive_that_cannot_be_looked_into_leaves_it_open(folder):
    (folder / "more.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(64))

    assert no_executable_pickle(open_model(folder)).outcome == "inconclusive"


@pytest.mark.parametrize("name", ["modeling_own.py", "fast/kernel.so"])
def test_code_in_the_folder_is_told(folder, name):
    path = Path(folder, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"import os\n")

    assert name in no_remote_code(open_model(folder)).found


def test_a_link_out_of_the_folder_is_told(folder, tmp_path):
    (tmp_path / "elsewhere.bin").write_bytes(b"x")
    (folder / "vocab.bin").symlink_to(tmp_path / "elsewhere.bin")

    assert "a symbolic link to" in no_remote_code(open_model(folder)).found


def test_an_unusual_template_is_for_a_person_to_look_at(specimens):
    model = specimens["trained"]
    unusual = model.with_tokenizer(model.tokenizer.with_field("chat_template", "{% include 'other' %}"))

    assert no_remote_code(unusual).outcome == "inconclusive"
