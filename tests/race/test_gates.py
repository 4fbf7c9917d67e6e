"""Gates: quorum at the final step over distinct seeds of one configuration, and the pass that a person reviews."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.contracts.shapes import record_shape
from falsifiable.race.judging.gates import Gate, Review, RunFacts, judge_gate, judge_recipes
from falsifiable.race.judging.plausibility import Tripwires
from tests.race.gate_cases import CEILING, CORRUPTED, FINAL, GATE_2, STEPS, WIRES, curve, genuine

LEDGER = Path(__file__).parents[3] / "shared" / "data" / "ledgers" / "race_samples.jsonl"
NO_FLOOR = Tripwires()


def judged(curves, gate=GATE_2, wires=WIRES, **others):
    return judge_gate("gate-2", gate, curves, ceiling=CEILING, wires=wires, **others)


def names(judgement):
    return {one.name for one in judgement.all_reasons}


def test_gates_and_tripwires_have_the_shape_of_race_yaml():
    assert "below" in {one.key for one in record_shape(Gate).fields}
    assert "family_floors" in {one.key for one in record_shape(Tripwires).fields}


def test_a_genuine_pass_below_the_floor_is_held_for_review():
    judgement = judged(genuine())

    assert judgement.answer == "held-for-review"
    assert names(judgement) == {"ReviewMissing", "BelowFloor"}
    assert [row.standing for row in judgement.rows] == ["counts"] * 3
    assert judgement.digest in str(judgement.reasons[0])


def test_a_signed_off_review_of_these_very_results_releases_it():
    held = judged(genuine())
    review = Review(held.digest, "alice", "recomputed from the three checkpoints")
    released = judged(genuine(), reviews=[review])

    assert (released.answer, released.review) == ("pass", review)


@pytest.mark.parametrize(
    "review",
    [
        Review("0" * 64, "alice", "seen"),
        Review("", "alice", "seen"),
        Review(judged(genuine()).digest, " ", "seen"),
        Review(judged(genuine()).digest, "alice", ""),
        Review(judged([*genuine()[:2], curve(45, 1.81)]).digest, "alice", "seen"),
    ],
)
def test_no_other_review_does(review):
    assert judged(genuine(), reviews=[review]).answer == "held-for-review"


def test_no_review_releases_what_is_refused():
    curves = genuine()[:2]
    digest = judged(curves).digest

    assert judged(curves, reviews=[Review(digest, "alice", "two are enough")]).answer == "refused"


def test_a_pass_above_every_floor_needs_no_review():
    assert judged(genuine(), wires=NO_FLOOR).answer == "pass"
    assert judged(genuine(), wires=Tripwires(floor=1.82)).answer == "pass", "the floor itself is not below the floor"


def test_a_family_has_a_floor_of_its_own():
    curves = [curve(seed, 2.1) for seed in (43, 44, 45)]
    facts = {one.run: RunFacts(family="HYBRID") for one in curves}
    gate = replace(GATE_2, below=2.2)

    assert judged(curves, gate).answer == "pass"
    assert judged(curves, gate, facts=facts).answer == "held-for-review"


def test_the_published_corrupted_pass_is_refused_with_every_reason():
    row = Curve("fix-verify-s43", "FIX-VERIFY", 43, "bits_per_char", STEPS, CORRUPTED, 12000)
    judgement = judged([row])

    assert judgement.answer == "refused"
    assert names(judgement) == {"InsufficientSeeds", "JepaProxyDetected", "WorseThanUniform", "JumpTooLarge"}
    assert judgement.rows[0].standing == "void"
    assert (judgement.reasons[0].got, judgement.reasons[0].missing) == (0, (43, 44, 45))


@pytest.mark.skipif(not LEDGER.exists(), reason="the shared data is not here")
def test_the_row_itself_in_the_real_ledger_is_refused():
    rows = [json.loads(line) for line in LEDGER.read_text().splitlines() if '"fix-verify-s4' in line]
    runs = sorted({one["run"] for one in rows})
    curves = [
        Curve(
            run, "FIX-VERIFY", int(run[-2:]), "bits_per_char",
            tuple(one["step"] for one in rows if one["run"] == run),
            tuple(one["bpb"] for one in rows if one["run"] == run),
            12000,
        )
        for run in runs
    ]  # fmt: skip
    judgement = judged(curves)

    assert judgement.answer == "refused"
    assert {"JepaProxyDetected", "JumpTooLarge"} <= names(judgement)


def test_one_seed_is_no_quorum_and_neither_are_two():
    for count in (1, 2):
        judgement = judged(genuine()[:count])
        assert judgement.answer == "refused"
        assert judgement.reasons[0].name == "InsufficientSeeds"
        assert judgement.reasons[0].got == count


def test_a_target_is_strict():
    assert judged([*genuine()[:2], curve(45, 1.85)]).answer == "refused"


def test_the_best_on_the_way_counts_for_nothing():
    dipped = curve(45, 1.9)
    values = (*dipped.values[:6], 1.80, *dipped.values[7:])
    judgement = judged([*genuine()[:2], replace(dipped, values=values)])

    assert judgement.answer == "refused"
    assert names(judgement) >= {"BpbAboveTarget"}
    assert judgement.rows[2].best == 1.80


def test_the_same_seed_three_times_is_one_draw_of_many():
    curves = [replace(curve(43, final), run=f"again-{n}") for n, final in enumerate((1.84, 1.83, 1.82))]
    judgement = judged(curves)

    assert judgement.answer == "refused"
    assert "DuplicateSeed" in names(judgement)
    assert [row.standing for row in judgement.rows] == ["fails"] * 3


def test_a_run_that_crashed_does_not_spoil_its_seed():
    crashed = replace(curve(43, 1.84).first(6), run="crashed")

    assert judged([*genuine(), crashed], wires=NO_FLOOR).answer == "pass"


def test_picking_the_best_of_two_finished_runs_of_a_seed_is_refused():
    assert judged([*genuine(), replace(curve(43, 1.99), run="the other one")], wires=NO_FLOOR).answer == "refused"


def test_one_trajectory_under_three_seeds_is_one_run():
    values = curve(43, 1.84).values
    judgement = judged([replace(one, values=values) for one in genuine()])

    assert judgement.answer == "refused"
    assert "IdenticalTrajectories" in names(judgement)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"seed": None}, "SeedMissing"),
        ({"seed": 42}, "SeedMissing"),
        ({"planned_steps": None}, "PlannedStepsMissing"),
        ({"planned_steps": 81000}, "FinalStepMissing"),
        ({"steps": tuple(n // 10 for n in STEPS), "planned_steps": 1200}, "BeforeWarmup"),
        ({"values": (*curve(45, 1.82).values[:-1], float("nan"))}, "NonFiniteBpb"),
        ({"steps": (*STEPS[:-2], 12000, 12000)}, "OutOfOrder"),
        ({"steps": (), "values": ()}, "OutOfOrder"),
        ({"values": (*curve(45, 1.82).values[:5], 7.5, *curve(45, 1.82).values[6:])}, "WorseThanUniform"),
        ({"values": (*curve(45, 1.82).values[:5], 0.014, *curve(45, 1.82).values[6:])}, "JepaProxyDetected"),
        ({"values": (3.0,) * 9 + (2.0,) * 2 + (1.82,)}, "TooFewDistinctSteps"),
    ],
)
def test_a_run_that_does_not_count_says_why(change, error):
    judgement = judged([*genuine()[:2], replace(curve(45, 1.82), **change)])

    assert judgement.answer == "refused"
    assert error in names(judgement)


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        (RunFacts(requested={"h": 1024}, actual={"h": 384}), "ProvenanceConflict"),
        (RunFacts(requested={"corpus": "fineweb"}, actual={"corpus": "tiny_shakespeare"}), "ProvenanceConflict"),
        (RunFacts(seconds=0.0), "ZeroWallClock"),
        (RunFacts(evaluations=2), "TooFewDistinctSteps"),
    ],
)
def test_what_the_ledger_knows_beside_the_curve_counts(facts, error):
    judgement = judged(genuine(), facts={"wsd-s44": facts})

    assert judgement.answer == "refused"
    assert error in names(judgement)


def test_seeds_judged_at_different_steps_are_no_quorum():
    longer = curve(45, 1.82)
    longer = replace(longer, steps=tuple(2 * step for step in STEPS), planned_steps=24000)

    assert names(judged([*genuine()[:2], longer])) >= {"StepsNotComparable"}


def test_three_configurations_with_one_seed_each_are_no_quorum():
    curves = [curve(seed, 1.84, recipe=recipe) for seed, recipe in ((43, "wsd"), (44, "bs8"), (45, "ema10"))]
    report = judge_recipes("gate-2", GATE_2, curves, ceiling=CEILING, wires=WIRES)

    assert report.answer == "refused"
    assert report.reasons[0].recipes == ("wsd", "bs8", "ema10")
    assert len(report.judgements) == 3


def test_the_answer_for_a_race_is_that_of_its_best_recipe():
    losers = [curve(seed, 2.5, recipe="bs8") for seed in (43, 44, 45)]
    report = judge_recipes("gate-2", GATE_2, [*losers, *genuine()], ceiling=CEILING, wires=WIRES)

    assert report.answer == "held-for-review"
    assert [one.answer for one in report.judgements] == ["refused", "held-for-review"]


def test_the_final_gate_asks_for_significance():
    close, wide = (
        [curve(seed, final) for seed, final in zip((43, 44, 45), finals, strict=True)]
        for finals in ((1.480, 1.482, 1.484), (1.499, 1.46, 1.42))
    )

    assert judged(close, FINAL, NO_FLOOR).test.p_value < 0.01
    assert judged(close, FINAL, NO_FLOOR).answer == "pass"
    assert names(judged(wide, FINAL, NO_FLOOR)) == {"TtestFailed"}


def test_more_passers_than_the_quorum_are_judged_alike_in_any_order():
    gate = replace(FINAL, seeds=())
    finals = {1: 1.40, 2: 1.41, 3: 1.49, 4: 1.42, 5: 1.43}
    curves = [curve(seed, final) for seed, final in finals.items()]
    judgements = []
    for n in range(5):
        random.Random(n).shuffle(curves)
        judgements.append(judged(curves, gate, NO_FLOOR))

    assert {one.test for one in judgements} == {judgements[0].test}
    assert len(judgements[0].test.finals) == 5, "all that pass enter the test, not the first three"
    assert {one.digest for one in judgements} == {judgements[0].digest}


@settings(deadline=None)  # every curve is held against every formula
@given(st.permutations(range(5)), st.lists(st.floats(1.5, 2.2), min_size=5, max_size=5))
def test_the_answer_does_not_depend_on_the_order_of_the_runs(order, finals):
    curves = [curve(43 + n, final) for n, final in enumerate(finals)]
    once, again = judged(curves), judged([curves[n] for n in order])

    assert (once.answer, once.digest) == (again.answer, again.digest)
    assert (once.answer == "refused") == any(final >= 1.85 for final in finals[:3])


def test_gate_0_asks_for_evaluations_and_no_value():
    gate_0 = Gate(min_distinct_steps=10, quorum=3)
    curves = [curve(500 + n, 3.0 + n / 100) for n in range(3)]

    assert judged(curves, gate_0).answer == "pass"
    assert judged([one.first(9) for one in curves], gate_0).answer == "refused"


def test_nothing_to_judge_is_refused():
    assert judged([]).answer == "refused"
    assert judge_recipes("gate-2", GATE_2, [], ceiling=CEILING).judgements == ()
