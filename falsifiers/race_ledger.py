"""The ledger of a race as a record: its chain, its ids and locks, what it refused, and how its runs began and ended."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

from falsifiable import NotApplicable, Race, RaceRun, Verdict, falsifier
from falsifiers.race import first_run, over_runs, said

_METRIC_LINE = re.compile(r"BPB=\d\.\d{4}")
_ENDED = ("done", "stopped")
_PROBE, _ENDED_EVENT = "probe", "race-ended"
_CLAIM_AGAIN = "claim-repeated"


@falsifier("race.chain-unbroken")
def chain_unbroken(race: Race) -> Verdict:
    """Every event names the digest of the one before it, every row came with an event, and no rule of the file is gone.

    One public ledger was rewritten nine times; rows that a test did not like are gone from it. One project replaced
    eight embargoed commits by "none currently" in the same change that added three records.
    """
    faults = (*race.chain_faults, *race.table_faults, *race.trigger_faults)
    found = f"{said(faults)}. Somebody wrote into the ledger, and what it says is theirs"
    return Verdict.of(not faults, found=found, examined=(len(race.events), "events"), faults=len(faults))


@chain_unbroken.counterexample
def an_event_left_out(race: Race) -> Race:
    """A ledger from which an event in the middle was deleted."""
    if len(race.events) < 3:
        raise NotApplicable("the ledger has no event between two others")
    return race.without_event(race.events[len(race.events) // 2].number)


@chain_unbroken.counterexample
def a_value_edited(race: Race) -> Race:
    """A ledger whose last value of a run was improved by hand."""
    run = next((one.name for one in race.runs if race.samples(one.name)), None)
    if run is None:
        raise NotApplicable("no run has a value")
    return race.with_samples(run, lambda all_of: (*all_of[:-1], replace(all_of[-1], value=all_of[-1].value * 0.9)))


@chain_unbroken.counterexample
def a_lock_is_lifted(race: Race) -> Race:
    """A champion whose slot is free again."""
    if not race.locks:
        raise NotApplicable("no slot is locked")
    return race.with_rows("locks", lambda rows: rows[1:])


@chain_unbroken.counterexample
def an_embargo_is_lifted(race: Race) -> Race:
    """A commit that may be used again, although nobody said so."""
    if not race.embargo:
        raise NotApplicable("no commit is under embargo")
    return race.with_rows("embargo", lambda rows: rows[1:])


@falsifier("race.ids-increase")
def ids_increase(race: Race) -> Verdict:
    """In each space of ids, every id is given once, and a later claim has a larger one.

    129 of 467 ids of one public queue were given more than once, one of them nineteen times.
    """
    claimed = [event.run for event in race.events if event.kind == "claimed"]
    order = {name: place for place, name in enumerate(claimed)}
    faults: list[str] = []
    newest: dict[str, RaceRun] = {}
    for run in sorted(race.runs, key=lambda one: order.get(one.name, len(order))):
        before = newest.get(run.space)
        if before is not None and run.exp_id <= before.exp_id:
            taken = f"claimed after {before.exp_id} of {before.name}"
            faults.append(f"{run.name} has id {run.exp_id} of {run.space}, {taken}")
        newest[run.space] = run
    found = f"{said(faults)}. Two workers claimed without a transaction, or an id was typed"
    return Verdict.of(not faults, found=found, examined=(len(race.runs), "runs"), ids_at_fault=len(faults))


@ids_increase.counterexample
def an_id_given_twice(race: Race) -> Race:
    """Two runs that share an id."""
    if len(race.runs) < 2:
        raise NotApplicable("the race has no two runs")
    return race.with_run(race.runs[1].name, exp_id=race.runs[0].exp_id, space=race.runs[0].space)


@falsifier("race.refuses")
def refuses(race: Race, *, probe: str, error: str) -> Verdict:
    """What must not be possible was tried in this race, and the ledger refused it with the error of that name.

    Args:
        probe: the name of the attempt.
        error: the refusal that is expected.
    """
    tried = [event for event in race.events if event.kind == _PROBE and event.content.get("name") == probe]
    faults = [
        f"{probe} was answered with {event.content.get('found')!r} (event {event.number}), expected {error}"
        for event in tried
        if event.content.get("found") != error
    ]
    found = f"{said(faults)}. The guard is gone"
    return Verdict.of(not faults, found=found, examined=(len(tried), "attempts"))


@refuses.counterexample
def the_guard_is_gone(race: Race, *, probe: str) -> Race:
    """An attempt that succeeded."""
    return _with_outcome(race, probe, "accepted")


@refuses.counterexample
def refused_for_another_reason(race: Race, *, probe: str) -> Race:
    """An attempt that failed by chance."""
    return _with_outcome(race, probe, "IoError")


def _with_outcome(race: Race, probe: str, found: str) -> Race:
    for event in race.events:
        if event.kind == _PROBE and event.content.get("name") == probe:
            return race.with_event_changed(event.number, details=json.dumps({**event.content, "found": found}))
    raise NotApplicable(f"{probe} was not tried")


@falsifier("race.claims-once")
def claims_once(race: Race) -> Verdict:
    """A claim repeated with its idempotency key was answered with the run that is there, and made no other."""
    tried = [event for event in race.events if event.kind == _PROBE and event.content.get("name") == _CLAIM_AGAIN]
    replayed = any(event.kind == "replayed" for event in race.events)
    faults = [
        f"the claim was repeated and answered with {event.content.get('found')!r} (event {event.number})"
        for event in tried
        if event.content.get("found") != "replayed" or not replayed
    ]
    claims = Counter((row["account"], row["idempotency_key"]) for row in race.tables["entries"])
    faults += [f"{count} runs of {who} have the key {key}" for (who, key), count in claims.items() if count > 1]
    found = f"{said(faults)}. A retry after a lost answer starts a second run"
    return Verdict.of(not faults, found=found, examined=(len(tried), "repeated claims"))


@claims_once.counterexample
def a_second_run(race: Race) -> Race:
    """A repeated claim that was answered with a new run."""
    return _with_outcome(race, _CLAIM_AGAIN, "claimed")


@falsifier("race.first-value-in-time")
def first_value_in_time(race: Race, *, step: int, seconds: float) -> Verdict:
    """Every run logged its first value at its first evaluation, and soon.

    60 of 60 jobs of one public fleet wrote nothing at all, while a monitor reported them as repaired.

    Args:
        step: the step of the first evaluation.
        seconds: the most that may have passed since the run started.
    """

    def fault_of(run: RaceRun) -> str:
        first = next(iter(race.samples(run.name)), None)
        if first is None:
            return "it logged nothing"
        if first.step == step and first.seconds <= seconds:
            return ""
        expected = f"expected step {step} within {seconds:g} s"
        return f"its first value is of step {first.step} after {first.seconds:g} s, {expected}"

    return over_runs(race, fault_of, "It did not train, or nobody could see it")


@first_value_in_time.counterexample
def a_silent_run(race: Race) -> Race:
    """A run that never logged anything."""
    return race.with_samples(first_run(race).name, lambda _: ())


@first_value_in_time.counterexample
def a_late_run(race: Race, *, seconds: float) -> Race:
    """A run whose every value came too late."""
    run = first_run(race)
    late = [replace(one, seconds=one.seconds + seconds) for one in race.samples(run.name)]
    return race.with_samples(run.name, lambda _: late)


@falsifier("race.metric-lines")
def metric_lines(race: Race) -> Verdict:
    """Every value stands in the log as a line of its own, `BPB=d.dddd` and nothing else, and reads as that value.

    Evaluations divide the run, so that its last step is evaluated. A scraper of one public fleet matched neither the
    line that was specified nor the line that its trainer wrote; another one took a difference for a value.
    """

    def fault_of(run: RaceRun) -> str:
        steps = [one.step for one in race.samples(run.name)]
        for sample in race.samples(run.name):
            if not _METRIC_LINE.fullmatch(sample.line):
                return f"the value at step {sample.step} stands in the line {sample.line!r:.60}, expected BPB=d.dddd"
            if float(sample.line.removeprefix("BPB=")) != sample.value:
                return f"the line of step {sample.step} is {sample.line!r}, and the ledger says {sample.value}"
        every = steps[0] if steps else 0
        return f"an evaluation every {every} steps does not divide {run.steps}" if every and run.steps % every else ""

    return over_runs(race, fault_of, "Whoever reads the log finds another number")


@metric_lines.counterexample
def a_line_with_more_in_it(race: Race) -> Race:
    """A trainer that logs the step in the same line."""
    return race.with_samples(
        first_run(race).name, lambda all_of: [replace(one, line=f"step={one.step} {one.line}") for one in all_of]
    )


@metric_lines.counterexample
def a_difference_taken_for_a_value(race: Race) -> Race:
    """A line that says something else than the ledger."""
    return race.with_samples(first_run(race).name, lambda all_of: [replace(one, line="BPB=0.0425") for one in all_of])


@falsifier("race.distinct-evaluations")
def distinct_evaluations(race: Race, *, more_than: int) -> Verdict:
    """Every run was evaluated often enough, counted by distinct evaluations and not by rows.

    Args:
        more_than: evaluations that a run must have had more than.
    """

    def fault_of(run: RaceRun) -> str:
        if run.status != "done":
            return ""
        samples = race.samples(run.name)
        distinct = len({one.evaluation for one in samples})
        return (
            ""
            if distinct > more_than
            else f"{distinct} evaluations in {len(samples)} rows, expected more than {more_than}"
        )

    return over_runs(race, fault_of, "The same evaluation was logged again, or the run was too short")


@distinct_evaluations.counterexample
def one_evaluation_five_times(race: Race) -> Race:
    """Rows that repeat every fifth evaluation."""
    run = next((one for one in race.runs if one.status == "done"), None)
    if run is None:
        raise NotApplicable("no run is done")
    return race.with_samples(run.name, lambda all_of: [replace(one, evaluation="1") for one in all_of])


@falsifier("race.ended-gracefully")
def ended_gracefully(race: Race) -> Verdict:
    """Every run is done, or was asked to stop and did; none was killed, failed or left, and the race itself ended."""

    def fault_of(run: RaceRun) -> str:
        return "" if run.status in _ENDED else f"it is {run.status}: {run.reason or 'no reason is given'}"

    ended = any(event.kind == _ENDED_EVENT for event in race.events)
    verdict = over_runs(race, fault_of, "What it had was lost, and its machine may still be paid for")
    if verdict.outcome == "held" and not ended:
        return Verdict.of(
            False, found="no event says that the race ended; its runner was killed", examined=(len(race.runs), "runs")
        )
    return verdict


@ended_gracefully.counterexample
def a_run_was_killed(race: Race) -> Race:
    """A run that did not stop when it was asked to."""
    return race.with_run(first_run(race).name, status="killed", reason="it did not end within its grace")


@ended_gracefully.counterexample
def the_runner_was_killed(race: Race) -> Race:
    """A race that broke off after its last run."""
    ended = next((event for event in race.events if event.kind == _ENDED_EVENT), None)
    if ended is None:
        raise NotApplicable("the race did not end")
    return race.without_event(ended.number)
