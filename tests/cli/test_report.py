"""``contract report``: the promotion packet on the command line."""

from __future__ import annotations

import json
import socket
from pathlib import Path


def test_a_packet_is_printed_and_names_neither_folder_nor_host(contract, specimens):
    done = contract("report", "--packet", specimens["run"], "--format", "json")

    packet = json.loads(done.out)
    assert done.code == 0
    assert packet["run"]["run_id"] == "00000000-0000-4000-8000-000000000000"
    assert packet["release"]["status"] == "candidate"
    assert str(specimens["run"]) not in done.out
    assert str(Path.home()) + "/" not in done.out
    assert socket.gethostname() not in done.out


def test_a_packet_is_written_to_a_file(contract, specimens, here):
    done = contract("report", "--packet", specimens["run"] / "run.yaml", "--output", here / "packet.md")

    assert (done.code, done.out) == (0, "")
    assert (here / "packet.md").read_text().startswith("# Promotion packet of run 00000000")


def test_a_file_that_cannot_be_written_is_named(contract, specimens, here):
    (here / "file").touch()
    done = contract("report", "--packet", specimens["run"], "--output", here / "file" / "packet.md")

    assert (done.code, done.out) == (2, "")
    assert done.err == f"contract: {here / 'file'} cannot be written: File exists; name another file after --output\n"


def test_what_is_no_run_cannot_be_reported(contract, specimens):
    done = contract("report", "--packet", specimens["corpus"])

    assert done.code == 2
    assert "manifest.json" in done.err
