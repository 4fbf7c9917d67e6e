"""A document for others names no machine, no person and no folder of theirs."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.report.redaction import Redaction

names = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789_-", min_size=4, max_size=12).filter(
    lambda name: name[0].isalpha() and name[-1].isalnum()
)
folders = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
surroundings = st.sampled_from(
    ["{}", "--output={}", '"{}"', "cannot open {}: no such file", "({}), and {}/x.py", "{}\n{}"]
)


@given(folders, folders, names, names, st.lists(surroundings, min_size=1, max_size=5))
def test_neither_home_nor_folder_nor_host_nor_user_survives(
    home: str, here: str, host: str, user: str, texts: list[str]
) -> None:
    redaction = Redaction({home: "~", here: "."}, tuple(sorted((f"{host}.example.org", host, user), key=len)[::-1]))
    said = [
        text.format(*(secret,) * text.count("{}"))
        for text in texts
        for secret in (home, here, f"{home}/deeper/file", f"{here}/file", host, f"{user}@{host}.example.org", user)
    ]

    told = json.dumps([redaction.data({"a": said, "hostname": host}), redaction.command(said)])

    for secret in (f"{home}/", f"{here}/", f"{host}.example.org"):
        assert secret not in told.replace("~/", "")
    for word in (host, user):
        assert f" {word}" not in told
        assert f"{word}@" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/srv/models/qwen2/model.gguf", "…/model.gguf"),
        ("--init=/data/lab/checkpoint --seed 0", "--init=…/checkpoint --seed 0"),
        ("see https://example.org/models/base.gguf", "see https://example.org/models/base.gguf"),
        ("file:///srv/models/x", "file:…"),
        (r"C:\Users\someone\run\model.gguf", "…/model.gguf"),
        ("runs/reference/export/model.gguf", "runs/reference/export/model.gguf"),
        ("tokens / second, 3/4 of it", "tokens / second, 3/4 of it"),
    ],
)
def test_other_folders_keep_their_last_name_and_what_is_no_folder_stays(text: str, told: str) -> None:
    assert Redaction({}).text(text) == told


def test_the_values_of_options_that_hold_a_secret_are_left_out() -> None:
    command = ["train.py", "--hub-token", "hf_abc", "--api-key=sk-1", "--tokens", "5", "--seed", "0"]

    told = Redaction({}).command(command)

    assert told[:4] == ["train.py", "--hub-token", "(redacted)", "--api-key=(redacted)"]
    assert told[-2:] == ["--seed", "0"]


def test_this_machine_is_known_by_all_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/grace.h")
    monkeypatch.setenv("USER", "grace.h")
    monkeypatch.setattr(socket, "gethostname", lambda: "mark1.lab.example.org")
    monkeypatch.chdir(tmp_path)
    text = f"grace.h on mark1: {tmp_path}/run, {os.sep}home/grace.h/code, mark1.lab.example.org; root mean square"

    told = Redaction.of_this_machine(tmp_path / "run").text(text)

    assert told == "(redacted) on (redacted): ., ~/code, (redacted); root mean square"
