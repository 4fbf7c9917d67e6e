"""One run at a time writes into a run folder, and only into a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.pretrain.pipeline import clear, exclusive


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "run"
    with exclusive(output), pytest.raises(FileExistsError, match="another run"), exclusive(output):
        pass
    with exclusive(output):
        pass


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "chapter.txt").write_text("one")
    with pytest.raises(FileExistsError, match=r"no run\.yaml"), exclusive(output):
        pass
    assert [path.name for path in output.iterdir()] == ["chapter.txt"]


def test_clearing_a_run_folder_leaves_what_no_run_wrote(tmp_path: Path) -> None:
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / "config.json").write_text("{}")
    for name in ("run.yaml", "step_zero.json", "notes.txt"):
        (tmp_path / name).write_text("")
    clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "run.yaml"]


def test_a_run_that_was_killed_before_its_record_was_written_bars_nobody(tmp_path: Path) -> None:
    output = tmp_path / "run"
    output.mkdir()
    (output / ".run.yaml.0123456789abcdef.tmp").write_text("run_rec")
    with exclusive(output):
        pass
