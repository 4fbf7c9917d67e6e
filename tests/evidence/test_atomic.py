from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falsifiable.evidence import write_atomically, write_new
from falsifiable.evidence.atomic import ABANDONED_SECONDS, remove_abandoned, unfinished_files


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


KILLED = """
import os, signal, sys
from pathlib import Path
from falsifiable.evidence import write_atomically

def killed(*_): os.kill(os.getpid(), signal.SIGKILL)
setattr(*{"fsync": (os, "fsync", killed), "rename": (Path, "replace", killed)}[sys.argv[1]])
write_atomically(Path(sys.argv[2]), b"new" * 100_000)
"""


@pytest.mark.parametrize("at", ["fsync", "rename"])
def test_killed_before_the_rename_the_old_bytes_are_there_and_a_file_that_nobody_reads(tmp_path: Path, at: str) -> None:
    path = tmp_path / "spec.md"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, at, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (left,) = unfinished_files(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([left.name, "spec.md"])
    remove_abandoned(tmp_path)
    assert left.exists(), "its writer may be alive"
    an_hour_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(left, (an_hour_ago, an_hour_ago))
    remove_abandoned(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["spec.md"]


def test_only_our_own_temporary_files_are_removed(tmp_path: Path) -> None:
    for name in ("notes.tmp", ".notes.tmp", ".spec.md.0123.tmp", f"spec.md.{'0' * 16}.tmp", f".spec.md.{'0' * 16}.bak"):
        (tmp_path / name).write_text("of somebody else")
        os.utime(tmp_path / name, (0, 0))
    before = sorted(tmp_path.iterdir())
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    remove_abandoned(tmp_path / "nowhere")


def test_a_new_file_replaces_nothing_and_is_whole_or_not_there(tmp_path: Path) -> None:
    write_new(tmp_path / "keys" / "ci.pem", b"one", mode=0o600)
    with pytest.raises(FileExistsError) as raised:
        write_new(tmp_path / "keys" / "ci.pem", b"two", mode=0o600)
    assert raised.value.filename == str(tmp_path / "keys" / "ci.pem")
    assert [(one.name, one.read_bytes()) for one in (tmp_path / "keys").iterdir()] == [("ci.pem", b"one")]
