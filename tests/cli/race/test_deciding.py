"""``contract race rank``, ``prune`` and ``mirror`` on curve files and on a real ledger, as a person calls them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from falsifiable.race.engines.processes import PROCESS_FILE, born
from falsifiable.race.ledger.ledger import LEDGER_FILE, CorpusPin, Entry, Ledger, Sample
from tests.cli.conftest import Done
from tests.race.cohorts import cohort, curve

Contract = Callable[..., Done]
RACE = Path(__file__).parents[2] / "race" / "data" / "race.yaml"
CORPUS = f"corpus: {{name: tiny, train_sha256: {'a' * 64}, validation_sha256: {'b' * 64}}}\n"
DOCUMENT = {
    "unit": "bits_per_byte",
    "vocabulary_size": 256,
    "spaces": {"smoke": {"first_id": 9000, "last_id": 9099, "first_seed": 0, "last_seed": 2**32 - 1}},
    "accounts": {"first": {}, "second": {}},
}


@pytest.fixture
def race(here: Path) -> Path:
    """The reference race without its blind period, beside the curves of four runs."""
    text = RACE.read_text().replace("blind_steps: 100", "blind_steps: 0") + CORPUS
    (here / "race.yaml").write_text(text)
    rows = [
        {"run": one.run, "recipe": one.recipe, "seed": one.seed, "step": step, "value": value, "unit": one.unit}
        for one in cohort(4)
        for step, value in zip(one.steps, one.values, strict=True)
        if step <= 250
    ]
    (here / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return here


@pytest.fixture
def ledger(race: Path) -> Path:
    """The same runs in a ledger, all running."""
    with Ledger.create(race / LEDGER_FILE, "smoke", DOCUMENT) as opened:
        for number in range(4):
            _enter(opened, f"run-{number}", 500 + number, 2 + number / 20)
    return race


def _enter(opened: Ledger, name: str, seed: int, level: float) -> None:
    entry = Entry(name, "wsd", seed, "smoke", {}, 500, CorpusPin("tiny", "a" * 64, "b" * 64))
    opened.claim(entry, account="first", worker="host:1", idempotency_key=name)
    opened.start(name)
    one = curve(name, level).until(250)
    opened.record(name, [Sample(at, value, str(at), at / 10) for at, value in zip(one.steps, one.values, strict=True)])


def test_rank_lists_the_runs_best_first(contract: Contract, race: Path) -> None:
    done = contract("race", "rank", "race.yaml", "--curves", "curves.jsonl")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "smoke: rung 1 at step 250, in bits_per_byte"
    assert [line.split()[1] for line in lines[1:]] == [f"run-{number}" for number in range(4)]
    assert [line.split()[-1] for line in lines[1:]] == ["keep", "keep", "stop", "stop"]


def test_rank_as_json_at_a_rung(contract: Contract, race: Path) -> None:
    data = json.loads(
        contract("race", "rank", "race.yaml", "--curves", "curves.jsonl", "--rung", "0", "--format", "json").out
    )
    assert (data["rung"], data["step"], len(data["runs"])) == (0, 100, 4)
    assert {one["action"] for one in data["runs"]} == {"keep"}


def test_a_rung_that_is_not_reached_is_said_to_be(contract: Contract, race: Path) -> None:
    done = contract("race", "rank", "race.yaml", "--curves", "curves.jsonl", "--rung", "2")
    assert done.code == 3
    assert "rung 2 (step 500) is not reached: still on their way are run-0, run-1" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "exactly one of --ledger and --curves"),
        (("--curves", "curves.jsonl", "--rung", "9"), "the race has rungs 0 to 2"),
        (("--curves", "curves.jsonl", "--ledger", "."), "exactly one of --ledger and --curves"),
    ],
)
def test_wrong_usage_is_refused(contract: Contract, race: Path, arguments: tuple[str, ...], said: str) -> None:
    done = contract("race", "rank", "race.yaml", *arguments)
    assert done.code == 4
    assert said in done.err.replace("\n", " ")


def test_every_fault_of_the_race_is_printed(contract: Contract, race: Path) -> None:
    (race / "race.yaml").write_text((race / "race.yaml").read_text().replace("steps: 500", "steps: 0", 1))
    done = contract("race", "prune", "race.yaml", "--curves", "curves.jsonl")
    assert done.code == 4
    assert "race.yaml:4:8: error RACE-VALUE: steps is 0" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["rank", "prune", "mirror"])
@pytest.mark.parametrize(
    ("old", "new"), [("race: smoke", "race: fire"), ("unit: bits_per_byte", "unit: bits_per_char")]
)
def test_nothing_is_decided_about_the_runs_of_another_race(
    contract: Contract, ledger: Path, verb: str, old: str, new: str
) -> None:
    text = (ledger / "race.yaml").read_text()
    assert old in text
    (ledger / "race.yaml").write_text(text.replace(old, new))
    done = contract("race", verb, "race.yaml", "--ledger", ".")

    assert (done.code, done.out) == (4, "")
    assert "is the ledger of smoke in bits_per_byte, and race.yaml says" in done.err


@pytest.mark.parametrize("verb", ["rank", "prune", "mirror"])
def test_nothing_is_decided_by_a_ledger_that_was_changed(contract: Contract, ledger: Path, verb: str) -> None:
    with closing(sqlite3.connect(ledger / LEDGER_FILE, isolation_level=None)) as database:
        made = database.execute("SELECT sql FROM sqlite_master WHERE name = 'samples_never_update'").fetchone()[0]
        database.execute("DROP TRIGGER samples_never_update")
        database.execute("UPDATE samples SET value = 1.0 WHERE run = 'run-3'")
        database.execute(made)
    done = contract("race", verb, "race.yaml", "--ledger", ".")

    assert (done.code, done.out) == (1, "")
    assert "the ledger was changed afterwards: samples run run-3" in done.err


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_nothing_is_decided_by_a_ledger_that_was_cut(contract: Contract, ledger: Path, share: float) -> None:
    whole = (ledger / LEDGER_FILE).read_bytes()
    (ledger / LEDGER_FILE).write_bytes(whole[: int(share * len(whole))])
    done = contract("race", "rank", "race.yaml", "--ledger", ".")

    assert (done.code, done.out) == (2, "")
    assert "unexpected" not in done.err


def test_prune_stops_nothing_by_itself(contract: Contract, ledger: Path) -> None:
    done = contract("race", "prune", "race.yaml", "--ledger", ".")
    assert done.code == 0
    assert "rung 1 at step 250 stops 2 runs of 4" in done.out
    assert "nothing was stopped" in done.out
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        assert opened.decisions() == ()
        assert {one.status for one in opened.entries()} == {"running"}


def test_prune_with_apply_writes_and_stops_once(contract: Contract, ledger: Path) -> None:
    wanted = ("race", "prune", "race.yaml", "--ledger", ".", "--rung", "1", "--apply", "--account", "first")
    assert "written off as stopped" in contract(*wanted).out
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        first = opened.events()
        assert len(opened.decisions()) == 4
        stopped = {one.name: one.steps_done for one in opened.entries() if one.status == "stopped"}
        assert stopped == {"run-2": 250, "run-3": 250}
    assert "it has ended already (stopped)" in contract(*wanted).out
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        assert opened.events() == first


def test_prune_ends_the_process_that_the_runner_recorded(contract: Contract, ledger: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    folder = ledger / "runs" / "run-3"
    folder.mkdir(parents=True)
    (folder / PROCESS_FILE).write_text(json.dumps({"pid": sleeper.pid, "born": born(sleeper.pid)}))
    done = contract("race", "prune", "race.yaml", "--ledger", ".", "--apply", "--account", "first")
    assert f"its process {sleeper.pid} was asked to end" in done.out
    assert sleeper.wait(timeout=30) == -15


def test_prune_leaves_a_process_alone_that_only_has_the_same_number(contract: Contract, ledger: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    folder = ledger / "runs" / "run-3"
    folder.mkdir(parents=True)
    (folder / PROCESS_FILE).write_text(json.dumps({"pid": sleeper.pid, "born": 1}))
    contract("race", "prune", "race.yaml", "--ledger", ".", "--apply", "--account", "first")
    time.sleep(0.2)
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_prune_never_stops_the_run_of_another_account(contract: Contract, ledger: Path) -> None:
    done = contract("race", "prune", "race.yaml", "--ledger", ".", "--apply", "--account", "second")
    assert done.code == 2
    assert "CrossAccountKillForbidden" in done.err
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        assert opened.decisions() == ()
        assert {one.status for one in opened.entries()} == {"running"}


def test_mirror_names_the_seeds_beside_the_leader(contract: Contract, ledger: Path) -> None:
    done = contract("race", "mirror", "race.yaml", "--ledger", ".")
    assert done.out.splitlines()[:3] == ["wsd seed 1618033", "wsd seed 2618033", "wsd seed 4236067"]
    assert "nothing was claimed" in done.out
    siblings = contract("race", "mirror", "race.yaml", "--ledger", ".", "--leader", "run-0", "--strategy", "sibling")
    # The nearest that are not of the plan are 499, 498 and 503, and 503 is there already.
    assert siblings.out.splitlines()[:-1] == ["wsd seed 499", "wsd seed 498"]


def test_mirror_claims_once(contract: Contract, ledger: Path) -> None:
    wanted = ("race", "mirror", "race.yaml", "--ledger", ".", "--leader", "run-0", "--apply", "--account", "first")
    assert contract(*wanted).out.count("claimed as") == 3
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        assert len(opened.entries()) == 7
    again = contract(*wanted)
    with Ledger.open(ledger / LEDGER_FILE) as opened:
        assert len(opened.entries()) == 7
    assert again.code == 0


def test_mirror_of_nobody_is_refused(contract: Contract, ledger: Path) -> None:
    done = contract("race", "mirror", "race.yaml", "--ledger", ".", "--leader", "nobody")
    assert done.code == 4
    assert "there is no run 'nobody'" in done.err
