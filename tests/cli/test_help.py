"""The help pages: a person can learn the tool from them."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from falsifiable.cli import VERBS
from falsifiable.cli.program import contract as program
from tests.golden.comparison import assert_golden


def test_the_first_page(contract):
    done = contract("--help")
    assert done.code == 0
    assert_golden("help.txt", done.out)


def test_no_verb_prints_the_first_page_and_is_wrong_usage(contract):
    done = contract()
    assert done.code == 4
    assert "contract check PATH" in done.err


def test_an_unknown_verb_is_answered_with_the_nearest(contract):
    done = contract("valdate")
    assert done.code == 4
    assert "no verb 'valdate'; did you mean 'validate'? verbs: amend, " in done.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_it_does_and_what_each_option_is_for(contract, verb):
    done = contract(verb, "--help")
    assert done.code == 0
    command: click.Command = import_module(f"falsifiable.cli.{verb}").command
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == [], "options without a description"
    assert all(one.opts[0] in done.out for one in options)
    assert command.help
    assert command.help[0].isupper()


@pytest.mark.parametrize(
    ("before", "typed", "offered"),
    [
        ([], "ch", {"check", "challenge"}),
        (["check"], "--f", {"--for", "--format"}),
        (["check", "--format"], "", {"text", "json"}),
    ],
)
def test_a_shell_can_complete_it(before, typed, offered):
    completions = BashComplete(program, {}, "contract", "_CONTRACT_COMPLETE").get_completions(before, typed)
    assert {one.value for one in completions} == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how(shell, monkeypatch):
    monkeypatch.setenv("_CONTRACT_COMPLETE", f"{shell}_source")
    script = Path(sys.executable).parent / "contract"
    done = subprocess.run([script], capture_output=True, text=True, timeout=60, check=False)
    assert "_CONTRACT_COMPLETE" in done.stdout, done.stderr
    assert done.returncode == 0
