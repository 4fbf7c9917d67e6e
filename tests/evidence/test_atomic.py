from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.evidence import write_atomically


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "spec.md"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_atomically(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)


def test_folders_are_made_and_links_written_through(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b", b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    write_atomically(tmp_path / "link", b"2")
    assert (tmp_path / "a" / "b").read_bytes() == b"2"
    assert (tmp_path / "link").is_symlink()


def test_a_failed_write_leaves_the_old_bytes_and_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spec.md"
    path.write_bytes(b"old")

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["spec.md"]
    assert path.read_bytes() == b"old"
