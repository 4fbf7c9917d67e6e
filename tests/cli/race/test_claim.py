"""``contract race claim``: what it gives, and how it says no."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger
from tests.race.ledgers import new_ledger

PLAN = {
    "steps": 100,
    "space": "production",
    "corpus": {"name": "tiny", "train_sha256": "a" * 64, "validation_sha256": "b" * 64},
    "recipes": {"wsd": {"model": "HYBRID", "number_format": "FP32", "tag": "WSD", "config": {"rate": 0.004}}},
}
ASK = ("--recipe", "wsd", "--seed", "200", "--account", "acc1", "--worker", "host:1", "--idempotency-key", "mine")


@pytest.fixture
def race(here: Path) -> Path:
    """A folder with the ledger of a race of one recipe."""
    new_ledger(here, **PLAN).close()
    return here


def test_it_gives_the_next_id_and_the_same_again_under_the_same_key(contract, race: Path) -> None:
    first = contract("race", "claim", race, *ASK)
    again = contract("race", "claim", race, *ASK)

    assert (first.code, again.code) == (0, 0)
    assert first.out == "IGLA-HYBRID-FP32-WSD-E0005-seed200\n  E0005 in production, claimed, by acc1 (host:1)\n"
    assert again.out == first.out.replace("claimed,", "claimed earlier under this key,")


def test_a_program_reads_the_same(contract, race: Path) -> None:
    smoke = ("--seed", "501", "--space", "smoke", "--format", "json")
    answer = json.loads(contract("race", "claim", race, *ASK, *smoke).out)

    assert (answer["run"], answer["exp_id"], answer["replayed"]) == ("IGLA-HYBRID-FP32-WSD-SMOKE-seed501", 500, False)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--account", ""), 4, "AccountRequired"),
        (("--account", "acc9"), 4, "UnknownAccount"),
        (("--idempotency-key", ""), 4, "IdempotencyKeyRequired"),
        (("--space", "fire", "--idempotency-key", "k"), 4, "UnknownIdSpace"),
        (("--recipe", "muon"), 4, "no recipe 'muon'; it has wsd"),
        (("--name", "IGLA-HYBRID-FP32-WSD-seed200"), 4, "NakedSeedInDeployName"),
        (("--name", "IGLA-RNN-FP32-WSD-E{exp_id}-seed200"), 4, "UnknownModelType"),
        (("--name", "IGLA-NCA-FP32-WSD-E{exp_id}-seed200"), 4, "NameContradicts"),
        (("--name", "IGLA-HYBRID-BF16-WSD-E{exp_id}-seed200"), 4, "NameContradicts"),
        (("--name", "IGLA-HYBRID-FP32-BS8-E{exp_id}-seed200"), 4, "NameContradicts"),
        (("--name", "IGLA-HYBRID-FP32-WSD-E{exp_id}-seed43", "--idempotency-key", "k"), 4, "NameContradicts"),
        (("--name", "IGLA-HYBRID-FP32-WSD-E{exp_id}-seed200\n"), 4, "TrailingText"),
        (("--name", "IGLA-HYBRID-FP32-WSD-E{exp_id}-seed\u0662\u0660\u0660"), 4, "MalformedTag"),
        (("--seed", str(2**53 - 1), "--idempotency-key", "k"), 5, "SeedOutsideSpace"),
        (("--seed", "510", "--idempotency-key", "k"), 5, "ProductionSeedInSmokeRange"),
        (("--idempotency-key", "other"), 5, "SlotStillOccupied"),
        (("--seed", "201"), 5, "IdempotencyConflict"),
        (
            ("--name", "IGLA-HYBRID-FP32-WSD-E0005-seed7", "--seed", "7", "--idempotency-key", "k"),
            5,
            "NonMonotonicExpId",
        ),
    ],
)
def test_what_is_refused_is_named_in_one_sentence(
    contract, race: Path, more: tuple[str, ...], code: int, said: str
) -> None:
    contract("race", "claim", race, *ASK)
    done = contract("race", "claim", race, *ASK, *more)

    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
    if said[0].isupper():
        with Ledger.open(race) as ledger:
            assert ledger.events()[-1].content["error"] == said


def test_a_slot_is_taken_over_when_that_is_said(contract, race: Path) -> None:
    contract("race", "claim", race, *ASK)
    done = contract("race", "claim", race, *ASK, "--idempotency-key", "other", "--force-replace")

    assert done.code == 0
    assert "E0006" in done.out


def test_what_is_no_ledger_could_not_be_opened(contract, here: Path) -> None:
    (here / "notes.txt").write_text("no ledger" * 100)
    done = contract("race", "claim", here / "notes.txt", *ASK)

    assert done.code == 2
    assert "NotALedger" in done.err


def test_what_a_worker_calls_itself_does_not_steer_the_terminal(contract, race: Path) -> None:
    done = contract("race", "claim", race, *ASK, "--worker", "\x1b[2J\n", "--slot", "\x1b[2J")

    assert done.out.endswith("by acc1 (\\x1b[2J )\n")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"recipes": {"wsd": {}}}, "no model, number_format and tag"),
        ({"recipes": {"wsd": 5}}, "no model, number_format and tag"),
        ({"recipes": {"wsd": {**PLAN["recipes"]["wsd"], "config": [1]}}}, "no mapping as its config"),
        ({"recipes": ["wsd"]}, "no recipe 'wsd'; it has none"),
        ({"corpus": {"name": "tiny"}}, "names no corpus"),
        ({"corpus": "tiny"}, "names no corpus"),
        ({"steps": None}, "no steps"),
    ],
)
def test_a_plan_that_was_made_by_hand_is_told(contract, here: Path, plan: dict[str, object], said: str) -> None:
    new_ledger(here, **{**PLAN, **plan}).close()
    done = contract("race", "claim", here, *ASK)

    assert (done.code, done.out) == (4, "")
    assert said in done.err
    assert "unexpected" not in done.err


@pytest.mark.parametrize("change", ["UPDATE race SET document = '[]'", "DELETE FROM race"])
def test_a_ledger_that_lost_its_plan_gives_no_id(contract, race: Path, change: str) -> None:
    with closing(sqlite3.connect(race / LEDGER_FILE, isolation_level=None)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute(change)
    done = contract("race", "claim", race, *ASK)

    assert done.code == 2
    assert "LedgerDamaged" in done.err


def test_a_ledger_that_was_cut_is_said_to_be_damaged(contract, race: Path) -> None:
    whole = (race / LEDGER_FILE).read_bytes()
    (race / LEDGER_FILE).write_bytes(whole[: len(whole) // 2])
    done = contract("race", "claim", race, *ASK)

    assert done.code == 2
    assert "is damaged" in done.err
    assert "go back to a copy" in done.err
