"""``contract race gate`` on real ledgers: a genuine pass is held until somebody signs, a corrupted one is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.races.layout import LEDGER_FILE
from falsifiable.artifacts.races.race import open_race
from falsifiable.race.errors import ValueOutOfRange
from tests.cli.conftest import Done
from tests.race.gate_cases import CORRUPTED, GATED_PLAN, STEPS, curve, genuine, write_ledger

Contract = Callable[..., Done]
SMOKE_RACE = Path(__file__).parents[3] / "runs" / "smoke-race"
NO_FLOOR = {**GATED_PLAN, "tripwires": {}}


def test_a_pass_above_every_floor_passes(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine(), NO_FLOOR)
    done = contract("race", "gate", "race", "gate-2")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("gate-2: passed\n\nwsd: pass, 3 of 3 runs count\n")
    assert "counts  seed 43: 1.8400 at step 12000" in done.out


def test_a_genuine_pass_below_the_floor_is_held_until_somebody_signs(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine())
    held = contract("race", "gate", "race", "gate-2")

    assert held.code == 5
    assert "held for review" in held.out
    assert "BelowFloor" in held.out

    signed = contract(
        "race", "gate", "race", "gate-2", "--sign", "alice", "--reason", "evaluated the checkpoints again"
    )

    assert signed.code == 0
    assert "reviewed by alice: evaluated the checkpoints again" in signed.out
    assert contract("race", "gate", "race", "gate-2").code == 0, "the ledger keeps it"
    race = open_race(here / "race")
    assert not race.chain_faults
    assert [event.kind for event in race.events][-1] == "reviewed"


@pytest.mark.slow
def test_the_smoke_race_passes_its_own_gate(contract: Contract) -> None:
    if not SMOKE_RACE.is_dir():
        pytest.skip("there is no runs/smoke-race; make validate runs it")
    done = contract("race", "gate", str(SMOKE_RACE), "gate-0")

    assert (done.code, done.err) == (0, "")
    assert done.out.count(": pass, 3 of 3 runs count") == 7


def test_the_review_of_one_gate_releases_no_other(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine())
    contract("race", "gate", "race", "gate-2", "--sign", "alice", "--reason", "seen")

    assert contract("race", "gate", "race", "gate-0").code == 5
    assert "gate-final: refused" in contract("race", "gate", "race", "gate-final").out


def test_a_corrupted_pass_is_refused_with_its_reasons(contract: Contract, here: Path) -> None:
    as_published = Curve("fix-verify-s43", "wsd", 43, "bits_per_char", STEPS, CORRUPTED, 12000)
    with pytest.raises(ValueOutOfRange, match=r"step 9000: the value 7.2781"):
        write_ledger(here / "refused", [as_published])
    kept = [place for place, value in enumerate(CORRUPTED) if value < 7]
    steps, values = (tuple(one[place] for place in kept) for one in (STEPS, CORRUPTED))
    write_ledger(here / "race", [replace(as_published, steps=steps, values=values)])
    done = contract("race", "gate", "race", "gate-2")
    data = json.loads(contract("race", "gate", "race", "gate-2", "--format", "json").out)

    assert done.code == 5
    assert "gate-2: refused" in done.out
    assert "InsufficientSeeds: 0 of 3 distinct seeds pass; without a passing run: 43, 44, 45" in done.out
    assert data["answer"] == "refused"
    assert [one["error"] for one in data["recipes"][0]["runs"][0]["reasons"]] == ["JepaProxyDetected", "JumpTooLarge"]


def _written_by_a_mock(one: Curve) -> Curve:
    values = tuple(1.80 + (0.9 + (one.seed or 0) / 100) * 0.9995**step for step in one.steps)
    return replace(one, values=values)


def _of_one_seed(one: Curve) -> Curve:
    return replace(curve(43, one.final), run=one.run)


def _best_on_the_way(one: Curve) -> Curve:
    return replace(one, values=(*one.values[:-2], 1.80, 1.86))


def _equal_values(one: Curve) -> Curve:
    return replace(one, values=curve(43, 1.84).values)


@pytest.mark.parametrize(
    ("corrupt", "reason"),
    [
        (_written_by_a_mock, "ComputedCurve"),
        (_of_one_seed, "DuplicateSeed"),
        (_best_on_the_way, "BpbAboveTarget"),
        (_equal_values, "IdenticalTrajectories"),
    ],
)
def test_each_corruption_is_refused_by_its_name(
    contract: Contract, here: Path, corrupt: Callable[[Curve], Curve], reason: str
) -> None:
    write_ledger(here / "race", [corrupt(one) for one in genuine()])
    done = contract("race", "gate", "race", "gate-2")
    data = json.loads(contract("race", "gate", "race", "gate-2", "--format", "json").out)

    assert (done.code, data["answer"]) == (5, "refused")
    assert f"{reason}: " in done.out
    assert reason in {one["error"] for run in data["recipes"][0]["runs"] for one in run["reasons"]}


def test_an_option_that_was_dropped_voids_its_run(contract: Contract, here: Path) -> None:
    """A row said 384 of width and one corpus, and what it was asked for 1024 and another."""
    write_ledger(here / "race", genuine(), echoed={"h": 1024})
    done = contract("race", "gate", "race", "gate-2")

    assert done.code == 5
    assert done.out.count("ProvenanceConflict: ") == 3


def test_what_is_refused_cannot_be_signed(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine()[:2])
    done = contract("race", "gate", "race", "gate-2", "--sign", "alice", "--reason", "two will do")

    assert done.code == 4
    assert "nothing of it waits for a review" in done.err
    assert all(event.kind != "reviewed" for event in open_race(here / "race").events)


def test_a_review_needs_name_and_reason(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine())

    assert contract("race", "gate", "race", "gate-2", "--sign", "alice").code == 4
    assert contract("race", "gate", "race", "gate-2", "--sign", " ", "--reason", "seen").code == 4
    assert contract("race", "gate", "race", "gate-2").code == 5


def test_a_result_that_comes_later_is_not_covered_by_the_review(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine())
    contract("race", "gate", "race", "gate-2", "--sign", "alice", "--reason", "seen")
    other = replace(curve(45, 1.81), run="other")
    (here / "race" / LEDGER_FILE).unlink()
    write_ledger(here / "race", [*genuine()[:2], other])

    assert contract("race", "gate", "race", "gate-2").code == 5


def test_a_ledger_that_was_changed_passes_nothing(contract: Contract, here: Path) -> None:
    path = write_ledger(here / "race", genuine(), NO_FLOOR) / LEDGER_FILE
    with sqlite3.connect(path) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE samples SET value = 1.7 WHERE run = 'wsd-s43' AND step = 12000")
    database.close()
    done = contract("race", "gate", "race", "gate-2")

    assert done.code == 5
    assert "was changed afterwards" in done.err


def test_a_gate_that_is_not_in_the_plan(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine())
    done = contract("race", "gate", "race", "gate-3")

    assert done.code == 4
    assert "did you mean" in done.err


def test_nothing_logged_is_nothing_examined(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", [])

    assert contract("race", "gate", "race", "gate-2").code == 3


def test_what_is_no_ledger(contract: Contract, here: Path) -> None:
    (here / "text").write_text("no ledger")

    assert contract("race", "gate", "text", "gate-2").code == 2


def test_a_gate_with_faults_judges_nothing(contract: Contract, here: Path) -> None:
    write_ledger(here / "race", genuine(), {**GATED_PLAN, "gates": {"gate-2": {"quorum": 0}}})
    done = contract("race", "gate", "race", "gate-2")

    assert done.code == 4
    assert "passes without a run" in done.err


def test_neither_a_review_nor_a_fault_steers_the_terminal(contract: Contract, here: Path) -> None:
    path = write_ledger(here / "race", genuine()) / LEDGER_FILE
    signed = contract("race", "gate", "race", "gate-2", "--sign", "a\x1b[31m\nwsd: pass", "--reason", "\u202eseen")
    assert "reviewed by a\\x1b[31m wsd: pass: \\u202eseen\n" in signed.out

    with sqlite3.connect(path) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE events SET kind = char(27) || '[31m' WHERE number = 3")
    database.close()
    assert "event 3 (\\x1b[31m of wsd-s43) was changed" in contract("race", "gate", "race", "gate-2").err
