"""What every engine writes down about the runs of a race, and when it decides: the part that is the same for all.

An engine starts processes and hands in what they logged; claims, values, ends and decisions go through here into the
ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from falsifiable.artifacts.races.rows import LIVE, Sample, Status
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.followed_log import CONFIG, CORPUS, REPORTED, Logged, Said
from falsifiable.race.engines.lane import Lane
from falsifiable.race.engines.processes import end_orphan
from falsifiable.race.engines.run_checks import EndedRun, faults_of
from falsifiable.race.errors import RaceError
from falsifiable.race.ledger.entrants import Entrant, entrants, mirrors_of
from falsifiable.race.ledger.ledger import Ledger

RUNS_FOLDER = "runs"


class Book:
    """The runs of one race, kept in step with its ledger.

    Attributes:
        lanes: the runs, in the order in which they were claimed.
    """

    def __init__(self, plan: RacePlan, folder: Path, conductor: Conductor, worker: str, *, apply: bool) -> None:
        self.lanes: list[Lane] = []
        self.plan, self.conductor, self.apply = plan, conductor, apply
        self._folder, self._worker = folder, worker

    @property
    def ledger(self) -> Ledger:
        """The ledger of the race."""
        return self.conductor.ledger

    # Claims

    def claim_all(self) -> None:
        """Claim the runs of the plan, and the mirrors that decisions of an earlier call asked for.

        Raises:
            RaceError: the ledger refused a claim of the plan's own runs.
            UnclaimableError: the plan lacks what a claim needs.
        """
        for one in entrants(self.plan):
            self._claim(one)
        for decision in self.ledger.decisions() if self.apply else ():
            self._claim_mirrors(decision)

    def _claim(self, one: Entrant) -> None:
        """Claim a run and give it a lane; a claim that was made before gives the run as the ledger has it."""
        claim = self.ledger.claim(one.entry, account=one.account, worker=self._worker, idempotency_key=one.key)
        if any(lane.name == claim.run for lane in self.lanes):
            return
        lane = Lane(claim.run, one, self._folder / RUNS_FOLDER / claim.run)
        self.lanes.append(lane)
        if claim.replayed:
            self._restore(lane)

    def _restore(self, lane: Lane) -> None:
        row = next(run for run in self.ledger.entries() if run.name == lane.name)
        lane.echoed, lane.has_started = row.effective is not None, row.status == "running"
        for sample in self.ledger.samples(lane.name):
            lane.recorded[sample.step], lane.evaluations[sample.step] = sample.value, sample.evaluation
            lane.base_seconds = sample.seconds
        if row.status not in LIVE:
            lane.result, lane.reason = row.status, row.reason
            lane.base_seconds = row.seconds or lane.base_seconds
        elif (pid := end_orphan(lane.folder)) is not None:
            self.ledger.note("orphan-ended", lane.name, {"pid": pid})

    def _claim_mirrors(self, decision: Decision) -> None:
        lane = self.lane(decision.run)
        recipe, account = lane.entrant.entry.recipe, lane.entrant.account
        for one in mirrors_of(self.plan, recipe, decision.mirrors, account):
            try:
                self._claim(one)
            except RaceError as error:
                self.ledger.note("mirror-refused", decision.run, {"seed": one.entry.seed, "reason": str(error)})

    def lane(self, name: str) -> Lane:
        """The run of that name. Raises StopIteration for another race's."""
        return next(one for one in self.lanes if one.name == name)

    # What runs do and say

    def started(self, lane: Lane, command: Sequence[str], pid: int | None) -> None:
        """The run was started, for the first time or as a new attempt."""
        if not lane.has_started:
            self.ledger.start(lane.name, pid=pid)
            lane.has_started = True
        self.ledger.note("attempt", lane.name, {"attempt": lane.attempt, "pid": pid, "command": list(command)})

    def said(self, lane: Lane, said: Iterable[Logged | Said]) -> None:
        """The run wrote these lines, in this order."""
        for one in said:
            if isinstance(one, Logged):
                self._value(lane, one)
            else:
                self._note(lane, one)

    def _value(self, lane: Lane, one: Logged) -> None:
        """A value that is new goes into the ledger; one that is there from an earlier attempt must be the same."""
        known = lane.recorded.get(one.step)
        if known is None:
            self._record(lane, Sample(one.step, one.value, one.evaluation, lane.seconds, one.nats, one.line))
        elif known != one.value:
            lane.end(f"step {one.step} is {one.value:g} now and was {known:g} before: not repeatable", failed=True)

    def _record(self, lane: Lane, sample: Sample) -> None:
        try:
            self.ledger.record(lane.name, [sample])
        except RaceError as error:
            lane.end(str(error), failed=True)
        else:
            lane.recorded[sample.step], lane.evaluations[sample.step] = sample.value, sample.evaluation

    def _note(self, lane: Lane, said: Said) -> None:
        after = round(lane.seconds, 3)
        self.ledger.note(said.kind, lane.name, {**said.details, "after_seconds": after})
        if said.kind == CONFIG:
            lane.effective = said.details
        elif said.kind == CORPUS:
            lane.corpus = {key: str(value) for key, value in said.details.items()}
        elif said.kind == REPORTED:
            lane.reported = float(said.details["value"])
        if lane.effective is not None and lane.corpus is not None and not lane.echoed:
            self.ledger.echo(lane.name, lane.effective, corpus=lane.corpus["name"], seconds=after)
            lane.echoed = True

    def ended(self, lane: Lane, code: int) -> None:
        """The run's process ended with this exit code: stopped, failed, or done if every check of a run holds."""
        if lane.is_ending:
            self._finish(lane, "failed" if lane.failed else "stopped", lane.reason)
            return
        faults = faults_of(self.plan, _ended_run(lane, code))
        self._finish(lane, "failed" if faults else "done", "; ".join(faults) or "all steps done")

    def given_up(self, lane: Lane, reason: str) -> None:
        """The run is never started."""
        self._finish(lane, "failed", reason)

    def _finish(self, lane: Lane, status: Status, reason: str) -> None:
        lane.result, lane.reason = status, reason
        try:
            self._write_end(lane, status)
        except RaceError as error:  # a run that the ledger does not believe to be done
            lane.result, lane.reason = "failed", str(error)
            self._write_end(lane, "failed")

    def _write_end(self, lane: Lane, status: Status) -> None:
        self.ledger.finish(
            lane.name,
            status,
            steps_done=lane.last_step,
            seconds=round(lane.seconds, 3),
            reported=lane.reported,
            reason=lane.reason,
        )

    # Decisions

    def waits_at_rung(self, lane: Lane) -> bool:
        """Whether the run has come to a rung that its cohort has not decided at, and decisions are carried out."""
        step = self.conductor.step
        if not self.apply or step is None or step >= self.plan.steps:
            return False
        return lane.last_step >= step and lane.name not in self.conductor.told_to_stop

    def decide(self) -> None:
        """Decide at every rung that is due; with ``apply``, runs are asked to end and mirrors are claimed."""
        while (step := self.conductor.step) is not None and self._is_due(step):
            decided = self.conductor.decide(lane.name for lane in self.lanes if lane.result != "failed")
            for decision in decided if self.apply else ():
                self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        if decision.action == "stop":
            self.lane(decision.run).end(f"rung {decision.rung}: {decision.reason}", failed=False)
        self._claim_mirrors(decision)

    def _is_due(self, step: int) -> bool:
        cohort = set(self.conductor.cohort(lane.name for lane in self.lanes))
        # At the last step the checks of a finished run have a say in whether it takes part.
        return all(
            lane.has_ended or (lane.last_step >= step and step < self.plan.steps)
            for lane in self.lanes
            if lane.name in cohort
        )


def _ended_run(lane: Lane, code: int) -> EndedRun:
    steps = sorted(lane.recorded)
    return EndedRun(
        code=code,
        seconds=lane.seconds,
        steps=steps,
        values=[lane.recorded[step] for step in steps],
        evaluations=[lane.evaluations[step] for step in steps],
        requested=lane.entrant.entry.config,
        effective=lane.effective,
        corpus=lane.corpus,
    )
