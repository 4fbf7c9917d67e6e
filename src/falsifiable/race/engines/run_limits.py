"""How long a run may take, in one rule for every engine."""

from __future__ import annotations

from dataclasses import dataclass

from falsifiable.race.deciding.plan import RacePlan

GRACE_SECONDS = 10.0
"""Where the plan says nothing of limits."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may take, in seconds that it computes: those that it is held at a rung do not count.

    Attributes:
        wall_clock: to its end, infinite without a limit.
        grace: between asking it to end and ending it.
        first_value: to its first value, None without a limit.
        rungs: (step, seconds) of every rung with a deadline.
    """

    wall_clock: float
    grace: float
    first_value: float | None
    rungs: tuple[tuple[int, float], ...]

    def exceeded(self, seconds: float, last_step: int) -> str:
        """Why a run that has computed for ``seconds`` and logged ``last_step`` is to end; "" where it may go on."""
        if self.first_value is not None and not last_step and seconds > self.first_value:
            return f"it logged no value within {self.first_value:g} seconds of its start"
        for step, most in self.rungs:
            if last_step < step and seconds > most:
                return f"it was at step {last_step} after {most:g} seconds, in which it was to reach step {step}"
        return f"it ran longer than {self.wall_clock:g} seconds" if seconds > self.wall_clock else ""


def run_limits(plan: RacePlan) -> RunLimits:
    """The limits of every run of ``plan``."""
    rungs = tuple((one.at(plan.steps), one.deadline_seconds) for one in plan.rungs if one.deadline_seconds is not None)
    if plan.limits is None:
        return RunLimits(float("inf"), GRACE_SECONDS, None, rungs)
    given = plan.limits
    return RunLimits(given.wall_clock_seconds, given.grace_seconds, given.first_value_seconds, rungs)
