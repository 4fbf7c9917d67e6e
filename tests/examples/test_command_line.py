"""``python -m examples.pretrain`` ends with a code that says how it went, and without a stack trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from examples.pretrain import __main__ as command_line
from examples.pretrain import pipeline


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The output folders that the command trained into; nothing is really trained."""
    trained: list[Path] = []
    monkeypatch.setattr(pipeline, "run", lambda options, *_: trained.append(options.output))
    return trained


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def run(*_: Any) -> NoReturn:
        raise error

    return run


def test_a_new_run_is_trained(tmp_path: Path, training: list[Path]) -> None:
    assert command_line.main(["--output", str(tmp_path / "run")]) == 0
    assert training == [tmp_path / "run"]


def test_an_unchanged_run_is_not_repeated_unless_asked_for(
    tmp_path: Path, training: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "is_unchanged", lambda *_: True)
    assert command_line.main(["--output", str(tmp_path)]) == 0
    assert "unchanged, nothing to do" in capsys.readouterr().err
    assert training == []
    assert command_line.main(["--output", str(tmp_path), "--again"]) == 0
    assert training == [tmp_path]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ArithmeticError("the training loss became nan at step 3"), 1, "failed: the training loss became nan"),
        (FileExistsError("another run is writing here"), 1, "failed: another run"),
        (RuntimeError("CUDA out of memory"), 1, "failed: CUDA out of memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_run_that_fails_says_so_in_one_line(
    error: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pipeline, "run", raising(error))
    assert command_line.main(["--output", str(tmp_path / "run")]) == code
    written = capsys.readouterr().err
    assert written.startswith(said)
    assert written.count("\n") == 1
