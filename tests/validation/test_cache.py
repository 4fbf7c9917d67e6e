"""The cache forgets nothing that is true, holds no more than it may, and may be lost at any time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falsifiable.validation.cache import Cache, cache_folder, file_identity, key_of


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_an_entry_comes_back_as_it_was_put(cache):
    key = key_of({"content": "abc"})
    assert cache.get("verdicts", key) is None
    cache.put("verdicts", key, {"verdict": "held", "numbers": [1, 2.5, None]})
    assert cache.get("verdicts", key) == {"verdict": "held", "numbers": [1, 2.5, None]}


def test_a_broken_entry_counts_as_none(cache):
    cache.put("verdicts", "ab", [1])
    cache.path("verdicts", "ab").write_text("[1, 2")
    assert cache.get("verdicts", "ab") is None


@pytest.mark.parametrize("kept", ["", "null", "3", '"abc"', '["ab"]', '{"sha256": "ab"}', "[" * 100_000])
def test_a_digest_that_is_none_counts_as_none(cache, tmp_path, kept):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    whole = cache.file_digest(file)
    cache.path("files", file_identity(file)).write_text(kept)
    assert Cache(cache.folder).known_file_digest(file_identity(file)) is None
    assert Cache(cache.folder).file_digest(file) == whole


def test_a_folder_that_cannot_be_written_to_makes_a_cache_that_forgets(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = Cache(tmp_path / "file")
    cache.put("verdicts", "ab", [1])
    assert cache.get("verdicts", "ab") is None
    assert cache.trim() == 0


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(cache, tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    first = cache.file_digest(file)
    seen = file.stat()
    file.write_bytes(b"two")  # the same size; with time and inode as before nothing tells them apart
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert Cache(cache.folder).file_digest(file) == first
    assert Cache(cache.folder).file_digest(file, rehash=True) != first
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    assert cache.file_digest(file) != first


def test_asked_to_rehash_it_reads_a_file_once_however_many_contracts_bind_it(cache, tmp_path, monkeypatch):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    cache.file_digest(file)
    known = Cache(cache.folder)
    digest = known.file_digest(file, rehash=True)
    monkeypatch.setattr("falsifiable.artifacts.sources.files.SourceFile", None)  # reading again would fail
    assert known.file_digest(file, rehash=True) == digest


def test_trimming_removes_the_oldest_and_leaves_the_specimens(cache):
    specimen = cache.folder / "specimens" / "run" / "model.safetensors"
    specimen.parent.mkdir(parents=True)
    specimen.write_bytes(bytes(1000))
    for age, key in enumerate(["aa", "bb", "cc", "dd"]):
        cache.put("verdicts", key, "x" * 98)  # with its quotes 100 bytes
        os.utime(cache.path("verdicts", key), (age, age))
    assert cache.trim(most_bytes=250) == 2
    assert [cache.get("verdicts", key) is not None for key in ("aa", "bb", "cc", "dd")] == [False, False, True, True]
    assert specimen.exists()


def test_trimming_waits_until_this_object_has_written(cache):
    cache.put("verdicts", "aa", "x" * 98)
    assert Cache(cache.folder).trim(most_bytes=1) == 0
    assert cache.trim(most_bytes=1) == 1


def test_a_cache_is_not_looked_through_after_every_validation(cache):
    def left_by_a_killed_writer() -> Path:
        cache.put("verdicts", "aa", 1)
        left = cache.path("verdicts", "aa").with_name("tmpabc")
        left.write_text("[1")
        os.utime(left, (time.time() - 7200,) * 2)
        return left

    left = left_by_a_killed_writer()
    assert Cache(cache.folder).trim_now_and_then() == 0, "it has written nothing"
    assert cache.trim_now_and_then() == 1
    left = left_by_a_killed_writer()
    assert cache.trim_now_and_then() == 0
    assert left.exists()
    long_ago = time.time() - 7200
    os.utime(cache.folder / "trimmed", (long_ago, long_ago))
    assert cache.trim_now_and_then() == 1
    assert not left.exists()


def test_trimming_removes_what_a_killed_writer_left(cache):
    cache.put("verdicts", "aa", 1)
    left = cache.path("verdicts", "aa").with_name("tmpabc")
    left.write_text("[1")
    assert cache.trim() == 0, "it may still be written to"
    long_ago = time.time() - 7200
    os.utime(left, (long_ago, long_ago))
    cache.put("verdicts", "bb", 1)
    assert cache.trim() == 1
    assert not left.exists()


def test_clearing_leaves_what_is_not_the_caches_own(cache):
    cache.put("verdicts", "aa", 1)
    notes = cache.folder / "notes.txt"
    notes.write_text("a person's")
    assert cache.clear() == 1
    assert notes.exists()
    assert cache.get("verdicts", "aa") is None


def test_writers_at_once_leave_whole_entries(cache):
    script = (
        "import sys; from pathlib import Path; from falsifiable.validation.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "for turn in range(100):\n"
        "    cache.put('verdicts', 'aa', [int(sys.argv[2])] * 5000)\n"
        "    held = cache.get('verdicts', 'aa')\n"
        "    assert held is not None and len(set(held)) == 1 and len(held) == 5000\n"
        "    cache.trim(most_bytes=1 << 20)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(cache.folder), str(one)]) for one in range(3)]
    assert [one.wait(timeout=60) for one in writers] == [0, 0, 0]
    assert len(cache.get("verdicts", "aa")) == 5000


def test_the_folder_is_the_one_chosen_or_the_users(monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_CACHE", "/chosen")
    assert cache_folder() == Path("/chosen")
    monkeypatch.delenv("FALSIFIABLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/someone/.cache")
    assert cache_folder() == Path("/home/someone/.cache/falsifiable")
