"""Folders as sets of files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from falsifiable import ArtifactError, open_files
from falsifiable.artifacts import Limits, folder_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set" / "below").mkdir(parents=True)
    (tmp_path / "set" / "weights").write_bytes(b"abc")
    (tmp_path / "set" / "below" / "config.json").write_bytes(b"{}")
    return tmp_path / "set"


def test_every_file_has_a_size_and_a_sha256(folder: Path) -> None:
    found = open_files(folder)

    assert dict(found.sizes) == {"below/config.json": 2, "weights": 3}
    assert found.file_digests["weights"] == hashlib.sha256(b"abc").hexdigest()
    assert found.digest == folder_digest(found.file_digests)
    assert [file.read_bytes() for file in found.files] == [b"{}", b"abc"]


def test_a_link_out_of_the_folder_is_unsound_and_one_inside_is_a_file(folder: Path) -> None:
    (folder / "again").symlink_to("weights")
    assert open_files(folder).sizes["again"] == 3

    (folder / "secret").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactError, match="symbolic link out of the folder") as caught:
        open_files(folder)
    assert caught.value.kind == "unsound"


def test_a_pipe_a_file_and_a_link_to_a_folder_are_refused(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="is no folder"):
        open_files(folder / "weights")
    (folder / "loop").symlink_to(".")
    with pytest.raises(ArtifactError, match="link to a folder"):
        open_files(folder)
    (folder / "loop").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ArtifactError, match="neither a file nor a folder"):
        open_files(folder)


@pytest.mark.parametrize("limits", [Limits(set_files=1), Limits(set_folder_levels=0)])
def test_more_than_the_limits_allow_is_refused(folder: Path, limits: Limits) -> None:
    with pytest.raises(ArtifactError):
        open_files(folder, limits=limits)


def test_mutants_differ_in_the_file_that_was_changed(folder: Path) -> None:
    original = open_files(folder)

    other = original.with_file("weights", 3, "0" * 64).without_file("below/config.json")

    assert dict(other.file_digests) == {"weights": "0" * 64}
    assert other.digest.startswith("mutant:")
    assert len(original.sizes) == 2


def test_a_file_that_changed_since_is_noticed(folder: Path) -> None:
    opened = open_files(folder)
    (folder / "weights").write_bytes(b"abcd")

    with pytest.raises(ArtifactError, match="had 3 before"):
        opened.file_digests  # noqa: B018
