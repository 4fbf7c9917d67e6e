"""``contract race claim``: what it gives, and how it says no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from falsifiable.race.ledger.ledger import Ledger
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
