"""What the command writes where, asked on a real pseudo-terminal: progress on stderr alone, and only on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

CONTRACT = """\
contract: shop
version: 1.0.0
title: What the shop sells
artifacts:
  trained: {kind: model}
  unbound: {kind: model}
falsifiers:
  - {id: SHOP-001, claim: Every special id has a row, check: vocabulary.special-ids-inside, on: {model: trained}}
  - id: SHOP-002
    claim: The hidden size is that of the specimen
    check: field
    on: {model: trained}
    with: {path: hidden_size, criterion: {equals: 57}}
  - {id: SHOP-003, claim: What nobody bound is whole, check: artifact.sound, on: {model: unbound}}
"""
CONTROL = "\x1b"
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def workspace(specimens: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contract with one claim that holds, one that falls and one that nothing is bound to."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "contracts").mkdir()
    (folder / "contracts/shop.yaml").write_text(CONTRACT)
    (folder / "trained").symlink_to(specimens["trained"])
    (folder / "artifacts.yaml").write_text("trained: trained\n")
    return folder


@pytest.fixture
def ask(workspace: Path, kept_cache: Path) -> Callable[..., Said]:
    """Run ``contract ARGUMENTS`` with stdout in a pipe and stderr in a pipe or on a pseudo-terminal."""

    def run(*arguments: str, terminal: bool = False, **environment: str) -> Said:
        surroundings = {**os.environ, "FALSIFIABLE_CACHE": str(kept_cache), "TERM": "xterm-256color", **environment}
        command = [sys.executable, "-m", "falsifiable", *arguments]
        if not terminal:
            done = subprocess.run(command, cwd=workspace, env=surroundings, capture_output=True, text=True, check=False)
            return Said(done.returncode, done.stdout, done.stderr)
        ours, theirs = pty.openpty()
        drawn: list[bytes] = []
        process = subprocess.Popen(command, cwd=workspace, env=surroundings, stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        reader = threading.Thread(target=lambda: drawn.extend(iter(lambda: _read(ours), b"")))
        reader.start()
        out, _ = process.communicate()
        reader.join()
        os.close(ours)
        return Said(process.returncode, out.decode(), b"".join(drawn).decode())

    return run


def _read(terminal: int) -> bytes:
    """Some bytes of a terminal; none once everyone who writes to it has gone, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_bar_is_drawn_on_a_terminal_and_nothing_of_it_reaches_stdout(ask):
    said = ask("validate", terminal=True)
    assert said.code == 1
    assert COLOUR.search(said.err)
    assert CONTROL not in said.out
    assert "FALSIFIED SHOP-002" in said.out


def test_without_colour_it_is_drawn_in_none(ask):
    said = ask("validate", terminal=True, NO_COLOR="1")
    assert CONTROL in said.err
    assert not COLOUR.search(said.err)


def test_a_terminal_that_cannot_draw_gets_lines(ask):
    said = ask("validate", terminal=True, TERM="dumb")
    assert CONTROL not in said.err
    assert "[3/3] shop: 1 held, 1 falsified, 1 inconclusive" in said.err.splitlines()


def test_a_pipe_gets_nothing_but_the_report(ask):
    said = ask("validate", FORCE_COLOR="1")
    assert (said.code, said.err) == (1, "")
    assert CONTROL not in said.out


def test_a_log_in_ci_gets_a_line_per_contract(ask):
    said = ask("validate", CI="true", FORCE_COLOR="1")
    first, second = said.err.splitlines()
    assert first.startswith("3 falsifiers to judge")
    assert second == "[3/3] shop: 1 held, 1 falsified, 1 inconclusive"
    assert CONTROL not in said.out


def test_quiet_leaves_what_failed_the_result_and_the_exit_code(ask):
    said = ask("validate", "--quiet", terminal=True)
    assert (said.code, said.err) == (1, "")
    lines = said.out.splitlines()
    assert lines[0] == "FALSIFIED SHOP-002 (shop, check field)"
    assert lines[-1].startswith("3 falsifiers: 1 held, 1 falsified, 1 inconclusive")
    assert not [line for line in lines if "SHOP-001" in line or "SHOP-003" in line or "next:" in line]


def test_a_quiet_challenge_counts_what_is_proven(ask):
    said = ask("challenge", "--quiet", "--specimens", terminal=True)
    assert (said.code, said.err) == (0, "")
    assert "proven" not in said.out
    assert "0 falsifiers vacuous" in said.out


def test_a_quiet_check_ends_with_its_answer(contract, specimens):
    said = contract("check", specimens["trained"], "--quiet")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("transformers: nothing found against")
    assert "  held  " not in said.out
