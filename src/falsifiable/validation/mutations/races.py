"""Mutations of races: what a careful forger, or a careless trainer, leaves in a ledger whose chain is intact.

Every mutant but the last two is sealed again, so that its chain of events agrees with its rows: only what the rows say
can give it away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from falsifiable.artifacts import Race, RaceRun
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, control, one_of


def _done(race: Race, random: Random) -> RaceRun:
    done = [one.name for one in race.runs if one.status == "done" and race.samples(one.name)]
    return race.run(one_of(random, done, "run that is done"))


def _of_run(changes: Callable[[RaceRun, Random], Mapping[str, Any]]) -> Callable[[Race, Random], Race]:
    """A mutation of some fields of one run that is done."""

    def make(race: Race, random: Random) -> Race:
        run = _done(race, random)
        return race.with_run(run.name, **changes(run, random)).resealed()

    return make


def _missing(race: Race, random: Random) -> Race:
    return race.without_run(_done(race, random).name).resealed()


def _option_dropped(run: RaceRun, random: Random) -> Mapping[str, Any]:
    echoed = dict(run.effective or {})
    name = one_of(random, {key: value for key, value in run.config.items() if key in echoed}, "option that was echoed")
    return {"effective": {**echoed, name: f"not {echoed[name]}"}}


def _swapped_ids(race: Race, random: Random) -> Race:
    """Two runs of one space with each other's ids."""
    one = _done(race, random)
    others = [run for run in race.runs if run.space == one.space and run.name != one.name]
    if not others:
        raise NotApplicable("the space has one run")
    other = random.choice(others)
    return race.with_run(one.name, exp_id=other.exp_id).with_run(other.name, exp_id=one.exp_id).resealed()


def _repeated_evaluations(race: Race, random: Random) -> Race:
    run = _done(race, random)
    few = [replace(one, evaluation=str(place // 5)) for place, one in enumerate(race.samples(run.name))]
    return race.with_samples(run.name, lambda _: few).resealed()


def _lower(race: Race, random: Random) -> Race:
    """Values lowered beside the lines and cross-entropies that they were made of."""
    run = _done(race, random)
    lowered = [replace(one, value=round(one.value * 0.9, 4)) for one in race.samples(run.name)]
    return race.with_samples(run.name, lambda _: lowered).resealed()


def _let_through(race: Race, random: Random) -> Race:
    """An attempt that must be refused, and was not: as in a ledger whose guard was taken out."""
    probes = [event for event in race.events if event.kind == "probe" and event.content.get("expected") != "replayed"]
    if not probes:
        raise NotApplicable("nothing was tried that must be refused")
    chosen = random.choice(probes)
    text = chosen.details.replace(f'"found":"{chosen.content.get("expected")}"', '"found":"accepted"')
    return race.with_event_changed(chosen.number, details=text).resealed()


def _cut(race: Race, random: Random) -> Race:
    if len(race.events) < 3:
        raise NotApplicable("the ledger has no event between two others")
    return race.without_event(race.events[random.randrange(1, len(race.events) - 1)].number)


def _edited(race: Race, random: Random) -> Race:
    run = _done(race, random)
    return race.with_run(run.name, reported=(run.reported or 0.0) - 0.05)


_WHOLE = "Every run that was asked for is there, and ended"
_AS_ASKED = "What was asked for is what ran"
_MEASURED = "Every value is one that was measured, and the one that was logged"
_WRITTEN = "The ledger is as it was written"

RACE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("run-missing", "race", "a run left out", _WHOLE, _missing),
    Mutation("run-left-running", "race", "a run that never ended", _WHOLE, _of_run(lambda *_: {"status": "running"})),
    Mutation("run-killed", "race", "a run that was killed", _WHOLE, _of_run(lambda *_: {"status": "killed"})),
    Mutation("option-dropped", "race", "another setting than was asked for", _AS_ASKED, _of_run(_option_dropped)),
    Mutation("corpus-swapped", "race", "another corpus than was asked for", _AS_ASKED,
             _of_run(lambda *_: {"corpus_echoed": "another-corpus"})),
    Mutation("no-time", "race", "a run that took no time", _MEASURED, _of_run(lambda *_: {"seconds": 0.0})),
    Mutation("ids-swapped", "race", "two runs with each other's ids", "Ids rise with the claims", _swapped_ids),
    Mutation("evaluations-repeated", "race", "one evaluation logged five times", "Progress is counted in evaluations",
             _repeated_evaluations),
    Mutation("values-lowered", "race", "values below those of the log", _MEASURED, _lower),
    Mutation("probe-let-through", "race", "a forbidden claim that was granted", "Its rules hold", _let_through),
    Mutation("event-cut", "race", "an event left out of the chain", _WRITTEN, _cut),
    Mutation("row-edited", "race", "a row that no event brought", _WRITTEN, _edited),
    control("race"),
)  # fmt: skip
