"""The command of a run: filled in, never read by a shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from falsifiable.race.engines.commands import CommandError, command_of


def filled(*template: str, **config: object) -> tuple[str, ...]:
    return command_of(template, name="a-run", seed=7, steps=50, folder=Path("runs/a"), config=config)


def test_places_are_filled_in() -> None:
    assert filled("{python}", "--out={folder}", "{name}-{seed}-{steps}") == (
        sys.executable,
        "--out=runs/a",
        "a-run-7-50",
    )


def test_a_setting_has_its_place() -> None:
    assert filled("train", "--width={hidden_size}", hidden_size=512) == ("train", "--width=512")


def test_settings_become_options() -> None:
    assert filled("train", "{settings}", hidden_size=512, schedule="wsd") == (
        "train", "--hidden-size", "512", "--schedule", "wsd",
    )  # fmt: skip


def test_nothing_is_read_as_a_shell_would() -> None:
    assert filled("echo", "{tag}", tag="$(rm -rf .); {name}") == ("echo", "$(rm -rf .); {name}")


def test_an_unknown_place_is_named_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"'--x=\{sead\}' names \{sead\}; a run has folder, name, python, seed"):
        filled("train", "--x={sead}")


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(CommandError, match="command is empty"):
        filled()
