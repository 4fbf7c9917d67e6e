"""Claims: one id for one run, whoever asks, however often, and from however many processes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.race import errors
from falsifiable.race.ledger.ledger import LEDGER_FILE, Entry, Ledger
from tests.race.ledgers import CORPUS, claimed, entry, new_ledger

WORKER = """
import sys
from falsifiable.race.ledger.ledger import CorpusPin, Entry, Ledger
path, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
corpus = CorpusPin("tiny", "a" * 64, "b" * 64)
with Ledger.open(path) as ledger:
    for n in range(count):
        space = "smoke" if n % 2 else "production"
        entry = Entry(f"{me}-{n}-E{{exp_id}}", f"{me}-{n}", 600 + n, space, {}, 10, corpus)
        claim = ledger.claim(entry, account="acc1", worker=me, idempotency_key=f"{me}-{n}")
        print(space, claim.exp_id, flush=True)
"""


def ask(path: Path, workers: int, each: int, script: str = WORKER) -> list[list[tuple[str, int]]]:
    """What each of several processes was given, in the order in which it got it."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), f"w{n}", str(each)], stdout=subprocess.PIPE, text=True
        )
        for n in range(workers)
    ]
    said = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0] * workers
    return [[(line.split()[0], int(line.split()[1])) for line in one.splitlines()] for one in said]


WIDE = {"smoke": {"first_id": 0, "last_id": 9999}, "production": {"first_id": 5, "last_id": 9999}}


@pytest.mark.parametrize(("workers", "each"), [(8, 25), pytest.param(8, 200, marks=pytest.mark.slow)])
def test_processes_that_claim_at_once_share_no_id(tmp_path: Path, workers: int, each: int) -> None:
    new_ledger(tmp_path, spaces=WIDE).close()

    given = ask(tmp_path, workers, each)

    for space, first in (("smoke", 0), ("production", 5)):
        mine = [[exp_id for one, exp_id in worker if one == space] for worker in given]
        assert all(ids == sorted(set(ids)) for ids in mine)  # each worker saw them rise
        together = sorted(exp_id for ids in mine for exp_id in ids)
        assert together == list(range(first, first + len(together)))  # and nobody was given one twice
    with Ledger.open(tmp_path) as ledger:
        assert len(ledger.entries()) == workers * each
        assert ledger.verify() == ()


def test_processes_that_repeat_one_request_are_given_one_run(tmp_path: Path) -> None:
    new_ledger(tmp_path, spaces=WIDE).close()
    same = WORKER.replace('f"{me}-{n}', 'f"same-{n}')

    given = ask(tmp_path, 4, 10, same)

    assert all(one == given[0] for one in given)
    with Ledger.open(tmp_path) as ledger:
        assert len(ledger.entries()) == 10
        assert sum(event.kind == "replayed" for event in ledger.events()) == 30


def test_a_key_tells_first_from_replay_and_refuses_another_request(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        first = claimed(ledger, idempotency_key="mine")
        again = claimed(ledger, idempotency_key="mine")

        assert (first.replayed, again.replayed) == (False, True)
        assert replace(again, replayed=False) == first
        with pytest.raises(errors.IdempotencyConflict):
            claimed(ledger, entry(config={"rate": 0.1}), idempotency_key="mine")
        other = claimed(ledger, entry(201), account="acc2", idempotency_key="mine")  # keys are an account's own
        assert not other.replayed


def test_spaces_count_on_their_own(tmp_path: Path) -> None:
    """Smoke claims E0500 and up, production E0005 and up afterwards: one counter would refuse all of production."""
    with new_ledger(tmp_path) as ledger:
        smoke = [claimed(ledger, entry(seed, space="smoke")).exp_id for seed in (500, 501, 502)]
        production = [claimed(ledger, entry(seed)).exp_id for seed in (300, 301)]

        assert (smoke, production) == ([500, 501, 502], [5, 6])


def named(name: str, seed: int = 200) -> Entry:
    return replace(entry(seed), name=name)


REFUSED = {
    "AccountRequired": (entry(), {"account": ""}),
    "IdempotencyKeyRequired": (entry(), {"idempotency_key": ""}),
    "UnknownAccount": (entry(), {"account": "acc9"}),
    "UnknownIdSpace": (entry(space="fire"), {}),
    "SmokeSeedOutOfRange": (entry(43, space="smoke"), {}),
    "ProductionSeedInSmokeRange": (entry(510), {}),
    "ReusedChampionSlot": (named("IGLA-TRAIN_V2-FP32-CHAMP-E0042-seed42", 42), {}),
    "NonMonotonicExpId": (named("IGLA-HYBRID-FP32-WSD-E0007-seed200"), {}),
    "ExpIdOutsideSpace": (named("IGLA-HYBRID-FP32-WSD-E0002-seed200"), {}),
    "DuplicateName": (named("ended", 299), {"idempotency_key": "new"}),
    "SlotStillOccupied": (named("IGLA-HYBRID-FP32-WSD-E{exp_id}-seed203", 203), {}),
    "EmbargoedCommit": (entry(config={"commit": "477e3377b2"}), {}),
    "ProjectNotWhitelisted": (entry(project="fire"), {}),
}


@pytest.mark.parametrize("error", REFUSED)
def test_what_a_claim_cannot_have_is_refused_by_name_and_written_down(tmp_path: Path, error: str) -> None:
    one, options = REFUSED[error]
    with new_ledger(tmp_path, projects=["igla", ""]) as ledger:
        ledger.lock("production", 42, holder="IGLA-TRAIN_V2-FP32-CHAMP-seed42", reason="2.1919 stands")
        ledger.embargo("477e3377", "its validation set was trained on")
        claimed(ledger, named("IGLA-HYBRID-FP32-WSD-E0007-seed203", 203), idempotency_key="held")
        claimed(ledger, named("ended", 204), idempotency_key="ended")
        ledger.finish("ended", "failed", steps_done=0, seconds=0.0, reason="it never started")

        with pytest.raises(getattr(errors, error)) as caught:
            claimed(ledger, one, **options)

        refusal = ledger.events()[-1]
        assert (refusal.kind, refusal.content["error"], refusal.content["operation"]) == ("refused", error, "claim")
        assert refusal.content["message"] == str(caught.value)
        assert len(ledger.entries()) == 2
        assert ledger.verify() == ()


def test_a_locked_id_is_passed_over_and_never_given(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        for exp_id in (5, 6):
            ledger.lock("production", exp_id, holder="champion", reason="locked")
        assert claimed(ledger).exp_id == 7
        with pytest.raises(errors.ReusedChampionSlot):
            ledger.lock("production", 5, holder="another", reason="mine")


def test_a_space_that_is_used_up_says_so(tmp_path: Path) -> None:
    with new_ledger(tmp_path, spaces={"production": {"first_id": 1, "last_id": 2}}) as ledger:
        assert [claimed(ledger, entry(seed)).exp_id for seed in (1, 2)] == [1, 2]
        with pytest.raises(errors.IdSpaceExhausted):
            claimed(ledger, entry(3))


def test_a_slot_is_taken_over_only_when_asked_and_only_within_an_account(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        first = claimed(ledger).run
        ledger.start(first)
        with pytest.raises(errors.SlotStillOccupied) as caught:
            claimed(ledger, idempotency_key="again")
        assert caught.value.occupants == (first,)
        with pytest.raises(errors.CrossAccountKillForbidden):
            claimed(ledger, account="acc2", idempotency_key="again", replace=True)

        second = claimed(ledger, idempotency_key="again", replace=True)

        assert [(run.name, run.status) for run in ledger.entries()] == [(first, "stopped"), (second.run, "claimed")]
        assert ledger.verify() == ()


def test_a_claim_that_is_refused_while_taking_over_stops_nothing(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        first = claimed(ledger).run
        with pytest.raises(errors.NonMonotonicExpId):
            claimed(ledger, replace(entry(), name="x-E0005-seed200"), idempotency_key="again", replace=True)
        assert ledger.entries()[0].status == "claimed"
        assert first


def test_a_refusal_can_be_read_by_a_program(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        with pytest.raises(errors.UnknownAccount):
            claimed(ledger, account="acc9")
        said = json.loads(ledger.events()[-1].details)
    assert said["values"] == {"account": "acc9", "known": ["acc1", "acc2"]}
    assert (tmp_path / LEDGER_FILE).is_file()
    assert CORPUS.name == "tiny"
