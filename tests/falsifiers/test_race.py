"""Races that nobody should believe: each claim on the specimen's ledger, and on what a forger makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from falsifiable import Command, Race, Verdict
from falsifiable.artifacts import Completed
from falsifiable.samples import specimen
from falsifiers.race import (
    complete,
    metric_is_cross_entropy,
    names_deployable,
    one_corpus,
    requested_is_effective,
    took_time,
    width_fits_format,
)
from falsifiers.race_ledger import (
    chain_unbroken,
    claims_once,
    distinct_evaluations,
    ended_gracefully,
    first_value_in_time,
    ids_increase,
    metric_lines,
    refuses,
)
from falsifiers.race_quorum import (
    quorum,
    ranking_distinct,
    reports_its_final,
    reproduced_from_weights,
    seeds_independent,
)

FIRST = "IGLA-HYBRID-FP32-WSD-SMOKE-seed500"
CLAIMS: tuple[tuple[Callable[..., Verdict], dict[str, Any]], ...] = (
    (names_deployable, {"smoke": True}),
    (complete, {"runs": 21}),
    (metric_is_cross_entropy, {}),
    (width_fits_format, {}),
    (requested_is_effective, {}),
    (took_time, {}),
    (one_corpus, {}),
    (chain_unbroken, {}),
    (ids_increase, {}),
    (refuses, {"probe": "champion-slot-reused", "error": "ReusedChampionSlot"}),
    (claims_once, {}),
    (first_value_in_time, {"step": 10, "seconds": 120.0}),
    (metric_lines, {}),
    (distinct_evaluations, {"more_than": 40}),
    (ended_gracefully, {}),
    (reports_its_final, {}),
    (ranking_distinct, {}),
    (seeds_independent, {}),
)
GATE: dict[str, Any] = {"below": 4.0, "seeds": 3, "from_step": 400, "points": 5, "floor": 0.1}


@pytest.fixture(scope="module")
def race() -> Race:
    return specimen("race")  # type: ignore[return-value]


def test_a_sound_race_holds(race: Race) -> None:
    assert [check(race, **parameters).outcome for check, parameters in CLAIMS] == ["held"] * len(CLAIMS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("IGLA-HYBRID-FP32-WSD-SMOKE-seed0500", "MalformedSeed"),
        ("IGLA-HYBRID-FP32-WSD-SMOKE-seed700", "SmokeSeedOutOfRange"),
        ("IGLA-RNN-FP32-WSD-SMOKE-seed500", "UnknownModelType"),
        ("IGLA-HYBRID-INT4-WSD-SMOKE-seed500", "UnknownNumberFormat"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed200", "is no smoke name, and this is the smoke gate"),
    ],
)
def test_a_name_is_refused_with_the_rule_it_breaks(race: Race, name: str, said: str) -> None:
    assert said in names_deployable(race.with_run(FIRST, name=name), smoke=True).found


def test_a_name_that_names_another_run_is_none(race: Race) -> None:
    said = names_deployable(race.with_run(FIRST, seed=501), smoke=True)
    assert said.outcome == "falsified"
    assert f"NameContradicts: '{FIRST}' names the seed 500, and the run is of 501" in said.found
    full = race.with_run(FIRST, name="IGLA-HYBRID-FP32-WSD-E0005-seed500", exp_id=6)
    assert "names the id 5, and the run is of 6" in names_deployable(full).found


def test_a_full_name_is_deployable_outside_the_smoke_gate_alone(race: Race) -> None:
    one = race.with_run(FIRST, name="IGLA-HYBRID-FP32-WSD-E0005-seed200", exp_id=5, seed=200)
    others = [run.name for run in race.runs if run.name != FIRST]
    for name in others:
        one = one.without_run(name)
    assert names_deployable(one).outcome == "held"


def test_a_run_that_echoed_nothing_is_no_run(race: Race) -> None:
    verdict = requested_is_effective(race.with_run(FIRST, effective=None))
    assert f"{FIRST}: its trainer echoed no configuration" in verdict.found


def test_a_forger_who_seals_the_ledger_again_is_told_by_what_it_says(race: Race) -> None:
    better = race.with_samples(FIRST, lambda all_of: [replace(one, value=one.value * 0.9) for one in all_of]).resealed()
    assert chain_unbroken(better).outcome == "held"
    assert metric_lines(better).outcome == metric_is_cross_entropy(better).outcome == "falsified"
    assert reports_its_final(better).outcome == "falsified"


def test_what_nobody_tried_was_not_refused(race: Race) -> None:
    untried = race.without_events(lambda event: event.kind == "probe")
    verdict = refuses(untried, probe="champion-slot-reused", error="ReusedChampionSlot")
    assert verdict.outcome == claims_once(untried).outcome == "inconclusive"


def test_a_quorum_is_of_seeds_that_ended_below(race: Race) -> None:
    assert quorum(race, **GATE).outcome == "held"
    lucky = race
    for run in race.runs:
        lucky = lucky.with_samples(
            run.name, lambda all_of: [replace(all_of[0], value=3.0), *(replace(one, value=5.0) for one in all_of[1:])]
        )
    verdict = quorum(lucky, **GATE)
    assert verdict.outcome == "falsified"
    assert "no recipe is below 4 with 0 of 3 seeds; the lowest that counts is 5" in verdict.found


def test_a_value_that_equals_the_target_does_not_pass(race: Race) -> None:
    equal = race
    for run in race.runs:
        equal = equal.with_samples(run.name, lambda all_of: [*all_of[:-1], replace(all_of[-1], value=4.0)])
    assert quorum(equal, **GATE).outcome == "falsified"


def test_only_allowed_seeds_count(race: Race) -> None:
    verdict = quorum(race, **GATE, allowed="43 44 45")
    assert verdict.outcome == "falsified"
    assert "no recipe is below 4 with 0 of 3 seeds" in verdict.found


def test_a_run_with_a_value_below_the_floor_is_void(race: Race) -> None:
    void = race
    for run in race.runs:
        void = void.with_samples(run.name, lambda all_of: [replace(all_of[0], value=0.0003), *all_of[1:]])
    assert quorum(void, **GATE).outcome == "falsified"


def test_seeds_three_bytes_apart_are_one_witness(race: Race) -> None:
    order = (race.run(FIRST).effective or {})["data_order"]
    second = "IGLA-HYBRID-FP32-WSD-SMOKE-seed501"
    echoed = {**(race.run(second).effective or {}), "data_order": [offset + 3 for offset in order]}
    verdict = seeds_independent(race.with_run(second, effective=echoed))
    assert f"{FIRST} and {second} read overlapping windows at 100%" in verdict.found


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Completed(0, "BPB=3.2280\n"), "held"),
        (Completed(0, "BPB=3.1000\n"), "falsified"),
        (Completed(0, "trained\n"), "falsified"),
        (Completed(2, "", "refused: no such file"), "falsified"),
    ],
)
def test_a_number_without_the_weights_that_give_it_is_no_result(race: Race, answer: Completed, outcome: str) -> None:
    command = Command(("python", "-c", "pass")).answering(
        exit_code=answer.exit_code or 0, stdout=answer.stdout, stderr=answer.stderr
    )
    assert reproduced_from_weights(race, command, run=FIRST).outcome == outcome
