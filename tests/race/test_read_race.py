from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.race.deciding.read_race import RaceFile, read_race

REFERENCE = Path(__file__).parent / "data" / "race.yaml"


def changed(before: str, after: str) -> RaceFile:
    text = REFERENCE.read_text()
    assert before in text
    return read_race(text.replace(before, after, 1).encode(), shown="race.yaml")


def test_the_reference_is_sound() -> None:
    file = read_race(REFERENCE)
    assert file.diagnostics == ()
    assert file.plan is not None
    assert [file.plan.rung_step(rung) for rung in range(3)] == [100, 250, 500]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("steps: 500", "steps: many", "RACE-TYPE: steps: expected a whole number, got the text 'many'"),
        ("blind_steps: 100", "blind_stepz: 100", "RACE-UNKNOWN-KEY"),
        ("{step: 100}", "{step: 600}", "rung 0 at step 600 lies beyond the race's 500 steps"),
        ("{step: 100}", "{step: 100, share: 0.5}", "both of 'step' and 'share'"),
        ("{step: 100}", "{}", "neither of 'step' and 'share'"),
        ("keep: {share: 0.5}", "keep: {share: 1.5}", "share is 1.5"),
        ("keep: {share: 0.5}", "keep: {share: 0.5, count: 3}", "both of 'share' and 'count'"),
        ("keep: {share: 0.5}", "keep: half", "keep: expected all"),
        ("keep: {count: 1}", "keep: {count: 1, compute: 0}", "compute is 0"),
        ("seeds: [500, 501, 502]", "seeds: [500, 501, 500]", "seed 500 is listed twice"),
        ("gap: [tied]", "gap: [nearly]", "gap never says 'nearly'"),
        ("gap: [tied]", "gab: [tied]", "there is no quantity 'gab'"),
        ("gap: [tied]", "gap: []", "gap accepts no word"),
        ("samples: 8", "samples: 2", "a line through two points has no error"),
        ("first_id: 5,", "first_id: 9050,", "last_id 8999 is below first_id 9050"),
        ("last_id: 8999", "last_id: 9000", "inside space production (5 to 9000)"),
        ("space: smoke", "space: smoky", "there is no space 'smoky'"),
        ("state: TIED", "state: LEADING", "state LEADING is declared twice"),
        ("wall_clock_seconds: 600", "wall_clock_seconds: 0", "wall_clock_seconds is 0"),
    ],
)
def test_a_fault_is_named_at_its_place(before: str, after: str, said: str) -> None:
    file = changed(before, after)
    assert file.plan is None
    assert any(said in str(one) for one in file.diagnostics), [str(one) for one in file.diagnostics]
    line = REFERENCE.read_text()[: REFERENCE.read_text().index(before)].count("\n") + 1
    assert any(abs(one.line - line) <= 1 for one in file.diagnostics if said in str(one))


def test_a_hole_names_the_combination_without_a_state() -> None:
    file = changed("- {state: TIED, when: [{evidence: [comparable], gap: [tied]}], action: rank}\n", "\n")
    [fault] = file.diagnostics
    assert fault.rule == "RACE-STATES-HOLE"
    assert "evidence: comparable, gap: tied" in fault.message


def test_an_overlap_names_both_states() -> None:
    file = changed("gap: [behind], gap_slope: [falling]", "gap: [tied, behind], gap_slope: [falling]")
    [fault] = file.diagnostics
    assert fault.rule == "RACE-STATES-OVERLAP"
    assert "TIED and CATCHING_UP both hold for" in fault.message


def test_all_faults_are_found_at_once() -> None:
    text = (
        REFERENCE.read_text().replace("samples: 8", "samples: 1").replace("vocabulary_size: 256", "vocabulary_size: 1")
    )
    assert len(read_race(text.encode()).diagnostics) == 2


def test_half_of_21_runs_is_11_as_in_the_reference_race() -> None:
    plan = read_race(REFERENCE).plan
    assert plan is not None
    assert [plan.rungs[1].kept(runs) for runs in (21, 11, 1)] == [11, 6, 1]
    assert plan.rungs[0].kept(21) == 21
