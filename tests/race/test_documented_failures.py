"""What went wrong in one public race, rebuilt failure by failure where its own ledger does not hold the case.

``docs/failures.md`` lists all of them in the same order, each with the tests that show it; those that are in the real
ledger are shown on it by ``test_ledger_import.py`` and ``tests/falsifiers/test_loss_curves.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.race.corpus import read_bytes
from falsifiable import Corpus, Curve, Curves, Race, open_curves, open_race
from falsifiable.artifacts.races.rows import CorpusPin
from falsifiable.race import errors
from falsifiable.race.deciding.plan import Log
from falsifiable.race.engines.followed_log import FollowedLog
from falsifiable.race.importing.ledger_import import import_ledger
from falsifiable.race.judging.gated_race import REVIEWED, judge_race
from falsifiable.race.judging.gates import judge_gate
from falsifiable.race.judging.plausibility import Tripwires, floor_alarms, void_reasons
from falsifiable.race.ledger.ledger import Ledger, Sample
from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor
from falsifiable.samples import specimen
from falsifiers.loss_curves import improve, in_range, measured
from falsifiers.race import metric_is_cross_entropy, one_corpus, requested_is_effective, took_time
from falsifiers.race_ledger import chain_unbroken, first_value_in_time, metric_lines
from falsifiers.race_quorum import quorum, reports_its_final
from falsifiers.repetition import no_overlap, not_periodic
from tests.race.gate_cases import CEILING, GATE_2, WIRES, curve, write_ledger
from tests.race.ledgers import claimed, entry, finished, new_ledger, points
from tests.sabotage.forged_ledger import forge

SHARED = Path(__file__).parents[3] / "shared" / "data"
FIRST = "IGLA-HYBRID-FP32-WSD-SMOKE-seed500"
EMBARGOED = ("477e3377", "b3ee6a36", "2f6e4c2", "4a158c01", "6393be94", "5950174", "32d1dd3", "a7574c3")
BITS = {"unit": "bits_per_byte", "floor": 0.1, "vocabulary_size": 128}


@pytest.fixture(scope="module")
def race() -> Race:
    return specimen("race")  # type: ignore[return-value]


@pytest.fixture(scope="module")
def poems() -> Corpus:
    return specimen("corpus")  # type: ignore[return-value]


def of(*curves: Curve) -> Curves:
    """These curves and no others, as an artifact."""
    emptied: Curves = specimen("curves")  # type: ignore[assignment]
    for one in emptied.curves:
        emptied = emptied.without_curve(one.run)
    for one in curves:
        emptied = emptied.with_more(one)
    return emptied


def bytes_of(count: int, seed: int) -> np.ndarray:
    """Text that has nothing to do with that of another seed."""
    return np.random.default_rng(seed).integers(0, 256, count, dtype=np.int64)


# 1 to 4: the data


def test_a_fleet_that_fell_back_to_the_default_corpus(race: Race) -> None:
    fallen = race
    for run in race.runs:
        fallen = fallen.with_run(run.name, corpus_echoed="tiny_shakespeare")
    verdict = one_corpus(fallen)

    assert verdict.measurements[0].value == len(race.runs)
    assert "and named tiny_shakespeare in its log" in verdict.found
    other = race.with_run(FIRST, corpus=replace(race.run(FIRST).corpus, train_sha256="0" * 64))
    assert one_corpus(other).outcome == "falsified", "the name alone does not name the bytes"


def test_a_corpus_that_is_one_sentence(poems: Corpus) -> None:
    """61,030 bytes under the name of a corpus of the web: the same 120 bytes over and over."""
    sentence = b"The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs! "
    sentence += b"How daft zebras vex jumping quartz"
    fake = np.frombuffer((sentence * 509)[:61_030], np.uint8).astype(np.int64)

    assert (
        "most of them 120 tokens earlier"
        in not_periodic(poems.with_tokens("finetune", fake), splits=("finetune",)).found
    )
    sound = poems.with_tokens("finetune", bytes_of(61_030, 0))
    assert not_periodic(sound, splits=("finetune",)).outcome == "held"


@pytest.mark.parametrize("offset", [0, 1, 255, 1021])
def test_validation_text_that_is_the_beginning_of_the_training_text(poems: Corpus, offset: int) -> None:
    """The guard of that repository looked at every 256th token, and missed 1,020 of 1,024 offsets."""
    train = bytes_of(30_000, 1)
    inside = poems.with_tokens("pretrain", train).with_tokens("validation", train[offset : offset + 10_000])
    found = no_overlap(inside, train=("pretrain",)).found

    assert f"validation from token 0 is pretrain from {offset} for 10000 tokens" in found
    apart = inside.with_tokens("validation", bytes_of(10_000, 2))
    assert no_overlap(apart, train=("pretrain",)).outcome == "held"


def test_missing_data_are_an_error_and_no_sentence_of_45_bytes(race: Race, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        read_bytes(tmp_path / "fineweb")
    both = race.with_run(FIRST, corpus=CorpusPin("fineweb", "4" * 64, "4" * 64))
    assert "is judged on the bytes it trains on" in one_corpus(both).found


# 6, 7, 8, 10, 11: the record


def _fewer_embargoes(race: Race) -> Race:
    return race.with_rows("embargo", lambda _: ())


def _a_record_gone(race: Race) -> Race:
    return race.without_run(race.runs[-1].name)


def _a_better_record(race: Race) -> Race:
    return race.with_samples(race.runs[0].name, lambda all_of: [replace(one, value=one.value - 0.3) for one in all_of])


def _another_champion(race: Race) -> Race:
    return race.with_rows("locks", lambda rows: [{**row, "holder": "another"} for row in rows])


@pytest.mark.parametrize("rewrite", [_fewer_embargoes, _a_record_gone, _a_better_record, _another_champion])
def test_history_that_is_rewritten_is_found(tmp_path: Path, rewrite: Callable[[Race], Race]) -> None:
    """Eight embargoes became "none currently" beside three new records; rows that a test did not like are gone."""
    with new_ledger(tmp_path) as ledger:
        for commit in EMBARGOED:
            ledger.embargo(commit, "its validation text was trained on")
        ledger.lock("production", 42, holder="IGLA-TRAIN_V2-FP32-CHAMP-seed42", reason="1.8921")
        finished(ledger, 200)
        finished(ledger, 201, (6.0, 5.0, 4.5))
        with pytest.raises(errors.EmbargoedCommit):
            claimed(ledger, entry(202, config={"commit": EMBARGOED[0] + "00"}))
        noted = ledger.head
    sound = open_race(tmp_path)
    assert chain_unbroken(sound).outcome == "held"
    assert chain_unbroken(rewrite(sound)).outcome == "falsified"

    forge(tmp_path, rewrite)  # every digest anew: nothing in the file itself can tell
    with Ledger.open(tmp_path) as ledger:
        assert ledger.verify() == ()
        assert ledger.verify(anchor=noted) != (), "the head that was noted elsewhere tells"


def test_an_empty_file_that_says_done_opens_no_gate(tmp_path: Path) -> None:
    """Where a file of no bytes stood, a test passed that was to see the gate passed."""
    folder = write_ledger(tmp_path / "race", [curve(seed, 1.84) for seed in (43, 44, 45)])
    for name in (".gate2_done", "gate-2", REVIEWED):
        (folder / name).touch()
    assert judge_race(open_race(folder), "gate-2", GATE_2, WIRES).answer == "held-for-review"

    with Ledger.open(folder) as ledger:
        ledger.note(REVIEWED, None, {})
        ledger.note(REVIEWED, None, {"digest": "", "reviewer": "", "reason": ""})
    assert judge_race(open_race(folder), "gate-2", GATE_2, WIRES).answer == "held-for-review"


def test_a_champion_whose_steps_and_values_went_back(race: Race, tmp_path: Path) -> None:
    """1.8921 at step 94,500; half a day later the same name stood at 46,000 of 120,000 steps, best 2.0847."""
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger, entry(42, steps=120_000)).run
        ledger.start(run)
        ledger.record(run, [Sample(94_500, 1.8921, "1", 10.0)])
        with pytest.raises(errors.StepNotIncreasing, match="step 46000 follows step 94500"):
            ledger.record(run, [Sample(46_000, 2.0847, "2", 20.0)])
    best = min(one.value for one in race.samples(FIRST))
    later = race.with_samples(FIRST, lambda all_of: [*all_of[:-1], replace(all_of[-1], value=best + 0.1)])
    assert ", which is its best" in reports_its_final(later.with_run(FIRST, reported=best)).found


def test_an_id_never_changes_what_it_stands_for(tmp_path: Path) -> None:
    """E0004 was the champion's, then the id of seeds 42 and 44; E0001 to E0003 changed layers and seeds."""
    with new_ledger(tmp_path) as ledger:
        first = claimed(ledger, replace(entry(42), name="IGLA-TRAIN_V2-FP32-CHAMP-E0007-seed42"))
        for seed, name in ((44, "CHAMP-E0007-seed44"), (43, "CHAMP2L-E0007-seed43")):
            with pytest.raises(errors.NonMonotonicExpId):
                claimed(ledger, replace(entry(seed), name=f"IGLA-TRAIN_V2-FP32-{name}"))
        with pytest.raises(errors.NameContradicts, match="names the seed 44, and the run is of 42"):
            claimed(ledger, replace(entry(42), name="IGLA-TRAIN_V2-FP32-CHAMP-E0008-seed44"))
        other = replace(entry(42, config={"layers": 2}), name=first.run)
        with pytest.raises(errors.IdempotencyConflict):
            claimed(ledger, other, idempotency_key=first.run)
        ledger.lock("production", 4, holder=first.run, reason="1.8921")
        with pytest.raises(errors.ReusedChampionSlot):
            ledger.lock("production", 4, holder="another", reason="2.0847")
        assert [one.exp_id for one in ledger.entries()] == [7]


# 14, 16 to 21: what was counted as a result


def test_done_after_81000_of_200000_steps(race: Race, tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger, entry(steps=200_000)).run
        ledger.start(run)
        ledger.record(run, points(6.0, 5.0, 4.0, every=27_000))
        with pytest.raises(errors.ImplausibleDone, match="it ended at step 81000 and was asked for 200000"):
            ledger.finish(run, "done", steps_done=81_000, seconds=9.0, reason="DONE")
    assert "done after 81000 steps, expected 200000" in requested_is_effective(
        race.with_run(FIRST, steps=200_000, steps_done=81_000,
                      effective={**(race.run(FIRST).effective or {}), "steps": 200_000})
    ).found  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason="the shared ledger is not here")
def test_what_was_stopped_on_a_prediction_would_not_be_stopped_here() -> None:
    """All 26 stops rest on curves whose formula passes the gate; a predictor without a back-test stops nobody."""
    report = import_ledger(SHARED / "ledgers" / "race_queue.jsonl", SHARED / "ledgers" / "race_samples.jsonl")
    stopped = report.defect("prune-on-computed").runs
    curves = [one for one in open_curves(SHARED / "ledgers" / "race_samples.jsonl").curves if one.run in stopped]
    predicted = PowerLawPredictor().predict([replace(one, planned_steps=81_000) for one in curves])

    assert len(predicted) == 26
    assert not any(one.may_stop for one in predicted)


def test_a_final_value_that_is_the_initial_one(race: Race, tmp_path: Path) -> None:
    """15 of 20 rows of a matrix ended after 3000 steps where they began, in no time; its guard was then relaxed."""
    flat = Curve("matrix-1", "matrix", 43, "bits_per_byte", (0, 3000), (7.2, 7.2), 3000)
    trained = replace(flat, run="matrix-2", values=(7.2, 2.4))
    assert improve(of(trained)).outcome == "held"
    assert "matrix-1 begins with 7.2 and ends with 7.2" in improve(of(flat, trained)).found

    assert "500 steps in 0.0 s" in took_time(race.with_run(FIRST, seconds=0.0)).found
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.start(run)
        ledger.record(run, points(6.0, 6.0))
        with pytest.raises(errors.ImplausibleDone, match="it took 0"):
            ledger.finish(run, "done", steps_done=100, seconds=0.0, reason="matrix")


def test_another_loss_that_is_called_bits_per_byte(race: Race) -> None:
    """A squared error of 0.014; a loss frozen at 0.5 nats, which is 0.7213 bits; a winner at 0.0000."""
    proxy = race.with_samples(FIRST, lambda all_of: [replace(one, value=0.014) for one in all_of])
    assert "is not its cross-entropy" in metric_is_cross_entropy(proxy).found

    steps = tuple(range(0, 550, 50))
    bits = 0.5 / math.log(2)
    frozen = race.with_samples(FIRST, lambda all_of: [replace(one, value=bits, nats=0.5) for one in all_of])
    assert metric_is_cross_entropy(frozen).outcome == "held", "the arithmetic is right, and still nothing was measured"
    constant = of(Curve("quick", "flat_3e4", 1, "bits_per_byte", steps, (bits,) * len(steps)))
    assert "quick lies on one constant" in measured(constant).found
    zero = of(Curve("winner", "flat_3e4", 1, "bits_per_byte", steps, (*([2.0] * 10), 0.0)))
    assert "has 0 bits_per_byte at step 500" in in_range(zero, **BITS).found


def test_a_difference_that_a_parser_took_for_the_value(race: Race, tmp_path: Path) -> None:
    line = "delta BPB=-4.255"
    log = Log(pattern=r"^step=(?P<step>\d+) BPB=(?P<value>\d+\.\d{4})$", metric="BPB=")
    (tmp_path / "log.txt").write_text(f"step=10 {line}\nstep=10 BPB=-4.2550\nstep=10 BPB=5.1234 {line}\n")
    assert FollowedLog(tmp_path / "log.txt", log).read(to_end=True) == [], "an anchored pattern reads none of it"

    wrong = race.with_samples(FIRST, lambda all_of: [replace(one, value=-4.255, line=line) for one in all_of])
    assert f"stands in the line '{line}', expected BPB=d.dddd" in metric_lines(wrong).found
    negative = of(Curve("parsed", "wsd", 1, "bits_per_byte", (10, 20), (5.1, -4.255)))
    assert "has -4.255 bits_per_byte at step 20" in in_range(negative, **BITS).found
    with new_ledger(tmp_path) as ledger:
        run = claimed(ledger).run
        ledger.start(run)
        with pytest.raises(errors.ValueOutOfRange):
            ledger.record(run, points(-4.255))


def test_all_below_2_70_with_three_that_are_above(race: Race) -> None:
    finals = (2.7299, 2.7509, 2.7559)
    claim = {"below": 2.70, "seeds": 3, "from_step": 400, "points": 5, "floor": 0.1}
    told = race
    for run, final in zip([one for one in race.runs if one.recipe == race.run(FIRST).recipe], finals, strict=True):
        told = told.with_samples(run.name, lambda all_of, final=final: [*all_of[:-1], replace(all_of[-1], value=final)])
    assert "the lowest that counts is" in quorum(told, **claim).found
    assert quorum(told, **{**claim, "below": 2.76}).outcome == "held", "the claim that the numbers do bear"


def test_a_record_of_2_716_after_2_550() -> None:
    """A record is below the one before it."""
    curves = [curve(seed, 2.716) for seed in (43, 44, 45)]
    judgement = judge_gate("record", replace(GATE_2, below=2.550), curves, ceiling=CEILING)

    assert judgement.answer == "refused"
    assert {one.name for one in judgement.all_reasons} == {"InsufficientSeeds", "BpbAboveTarget"}


def test_a_fleet_that_lives_and_logs_nothing(race: Race) -> None:
    """60 of 60 jobs flushed nothing, while the monitor said "Drift fixed: 20"."""
    silent = race
    for run in race.runs:
        silent = silent.with_samples(run.name, lambda _: ()).with_run(run.name, status="running")
    verdict = first_value_in_time(silent, step=10, seconds=120.0)

    assert verdict.outcome == "falsified"
    assert verdict.measurements[0].value == len(race.runs)
    assert f"{FIRST}: it logged nothing" in verdict.found


# 23: what is real and below the line


@pytest.mark.skipif(not SHARED.exists(), reason="the shared curves are not here")
def test_real_curves_below_the_floor_are_held_for_a_person_and_never_void() -> None:
    """One was trained on its validation text, one is of another model: a person can say so, a rule cannot."""
    curves = open_curves(SHARED / "curves" / "parameter_golf_val_bpb.jsonl").curves
    wires = Tripwires(floor=1.0)
    alarmed = [one for one in curves if floor_alarms(one, wires, "")]

    assert sorted(round(one.final, 4) for one in alarmed) == [0.6604, 0.8039]
    assert all(void_reasons(one, wires, 16.0) == () for one in alarmed)


def test_a_run_that_rises_is_no_result() -> None:
    rising = Curve("nairi", "nairi", 1, "bits_per_byte", (100, 200, 300), (0.566, 0.61, 0.677), 300)
    assert "begins with 0.566 and ends with 0.677" in improve(of(rising)).found
