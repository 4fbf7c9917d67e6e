"""``contract race run`` as a person calls it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falsifiable import open_race, open_run
from falsifiable.race.errors import IoError, NotALedger
from falsifiable.race.ledger.ledger import Ledger
from tests.race.races import write_race

TWO = {"good": {"floor": 2.0}, "bad": {"floor": 3.5}}


def contract(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "falsifiable", "race", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_race_runs_from_one_command(tmp_path: Path) -> None:
    race = write_race(tmp_path, TWO)
    done = contract(str(race), "--output", str(tmp_path / "out"), "--probe")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[:4] == ["1", "IGLA-HYBRID-FP32-GOOD-SMOKE-seed500", "done", "50"]
    assert "small: 4 done in" in done.stdout
    assert "6 of 6 probes held" in done.stdout
    assert (tmp_path / "out" / "race.yaml").read_bytes() == race.read_bytes()
    assert (tmp_path / "out" / "runs" / "IGLA-HYBRID-FP32-BAD-SMOKE-seed501" / "log.txt").exists()
    left = {path: path.read_bytes() for path in sorted((tmp_path / "out").glob("*")) if path.is_file()}
    again = contract(str(race), "--output", str(tmp_path / "out"), "--format", "json")
    assert {path: path.read_bytes() for path in left} == left
    assert again.returncode == 0
    told = json.loads(again.stdout)
    assert told["sound"]
    assert [run["status"] for run in told["runs"]] == ["done"] * 4


def test_the_record_of_a_race_vouches_for_its_ledger(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert contract(str(write_race(tmp_path, TWO)), "--output", str(out)).returncode == 0
    record, race = open_run(out), open_race(out)
    assert {one.sha256 for one in record.artifacts.values()} >= set(race.file_digests.values())
    assert record.field("end_reason") == "completed"
    assert record.field("steps.done") == 50
    assert record.metrics["lowest"].value == min(curve.final for curve in race.curves)


def test_another_race_is_not_run_in_the_folder_of_one_that_is_over(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert contract(str(write_race(tmp_path, TWO)), "--output", str(out)).returncode == 0
    other = contract(str(write_race(tmp_path, {"good": {"floor": 2.5}})), "--output", str(out))
    assert other.returncode == 4
    assert "holds another race" in other.stderr


def test_a_phase_waits_for_what_must_be_green_before_it(tmp_path: Path) -> None:
    race = write_race(tmp_path, TWO)
    experiments = "[{recipe: good, seed: 500}, {recipe: bad, seed: 500, minimum: true}]"
    phases = f"phases:\n  champion: {{title: fire, green: [SMOKE-01], experiments: {experiments}}}\n"
    race.write_text(race.read_text() + phases)
    asked = (str(race), "--output", str(tmp_path / "out"), "--phase", "champion")
    refused = contract(*asked)
    assert refused.returncode == 5
    assert "NotGreen" in refused.stderr
    assert "SMOKE-01" in refused.stderr
    assert not (tmp_path / "out").exists()
    validated = tmp_path / "validated.json"
    judgement = {"falsifier": "SMOKE-01", "verdict": {"outcome": "held"}}
    validated.write_text(json.dumps({"contracts": [{"judgements": [judgement]}]}))
    done = contract(*asked, "--validated", str(validated), "--budget", "1")
    assert done.returncode == 0, done.stderr
    assert [run.name for run in open_race(tmp_path / "out").runs] == ["IGLA-HYBRID-FP32-BAD-SMOKE-seed500"]


def test_a_failed_run_is_named_with_its_reason(tmp_path: Path) -> None:
    race = write_race(tmp_path, {"good": {"floor": 2.0}, "bad": {"fault": "crash", "floor": 2.0}}, seeds=[500])
    done = contract(str(race), "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "failed   IGLA-HYBRID-FP32-BAD-SMOKE-seed500: it ended with exit code 3" in done.stdout


@pytest.mark.parametrize("key", ["command", "log", "corpus"])
def test_what_a_run_needs_is_asked_for_before_anything_is_written(tmp_path: Path, key: str) -> None:
    race = write_race(tmp_path, TWO)
    text = race.read_text()
    import yaml

    document = yaml.safe_load(text)
    del document[key]
    race.write_text(yaml.safe_dump(document, sort_keys=False))
    done = contract(str(race), "--output", str(tmp_path / "out"))
    assert done.returncode == 4
    assert f"needs '{key}'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_place_in_the_command_is_wrong_usage(tmp_path: Path) -> None:
    race = write_race(tmp_path, TWO, command=["train", "{sead}"])
    done = contract(str(race), "--output", str(tmp_path / "out"))
    assert done.returncode == 4
    assert "{sead}" in done.stderr


def test_a_program_that_is_not_there_could_not_be_run(tmp_path: Path) -> None:
    race = write_race(tmp_path, TWO, command=["no-such-trainer"])
    done = contract(str(race), "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "no-such-trainer: No such file or directory" in done.stderr


def test_an_interrupted_race_ends_its_runs_and_goes_on_later(tmp_path: Path) -> None:
    race = write_race(tmp_path, {"a": {"pace": 0.2}})
    command = [sys.executable, "-m", "falsifiable", "race", "run", str(race), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    pids = _running(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert b"interrupted" in said
    assert not any(_lives(pid) for pid in pids)
    assert contract(str(race), "--output", str(tmp_path / "out")).returncode == 0


def _running(folder: Path) -> list[int]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.05)
        with contextlib.suppress(IoError, NotALedger), Ledger.open(folder) as ledger:  # it may only be being made
            pids = [run.pid for run in ledger.entries() if run.status == "running" and run.pid is not None]
            if pids:
                return pids
    raise AssertionError("no run was ever started")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
