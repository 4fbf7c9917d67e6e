"""The guide to evidence says what is so: its policy is valid, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falsifiable.cli.evidence import command
from falsifiable.contracts import read_trust

GUIDE = (Path(__file__).parent.parent / "docs" / "evidence.md").read_text(encoding="utf-8")


def test_its_policy_is_valid() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    policy, faults = read_trust(example.encode())
    assert faults == ()
    assert policy is not None
    assert policy.allowed("ship-two", "review") == ("alice",)


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"contract evidence ([a-z]+)", GUIDE))))
def test_its_verbs_and_options_exist(verb: str) -> None:
    known = {option for one in command.commands[verb].params for option in one.opts}
    lines = [line for line in GUIDE.splitlines() if f"contract evidence {verb}" in line]
    assert {option for line in lines for option in re.findall(r"--[a-z-]+", line)} <= known
