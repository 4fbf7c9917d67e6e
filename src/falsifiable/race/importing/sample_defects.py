"""What is wrong with the samples of a ledger: one pure function per class of defects, rows in, defect out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping

from falsifiable.artifacts.curves.closed_form import ClosedForm, closed_form
from falsifiable.race.importing.defects import Defect, Found, defect
from falsifiable.race.importing.foreign_ledger import ForeignLedger, SampleRow
from falsifiable.race.judging.plausibility import Tripwires, largest_rise

FEWEST_POINTS = 5
"""A curve of fewer points is not judged by its shape."""


def below_floor(ledger: ForeignLedger, floor: float) -> Defect:
    """Values that no language model reaches."""
    return _values(ledger, "below-floor", f"a value below {floor:g}", lambda value: value < floor)


def above_ceiling(ledger: ForeignLedger, ceiling: float) -> Defect:
    """Values worse than a uniform guess."""
    highest = max((row.value for row in _rows(ledger) if row.value == row.value), default=0.0)
    title = f"a value above {ceiling:g}, worse than a uniform guess"
    return _values(ledger, "above-ceiling", title, lambda value: value > ceiling, more=f"up to {highest:g}")


def not_finite(ledger: ForeignLedger) -> Defect:
    """Values that are no finite number."""
    return _values(ledger, "not-finite", "a value that is no finite number", lambda value: not math.isfinite(value))


def unordered_steps(ledger: ForeignLedger) -> Defect:
    """Steps that do not rise within their run."""
    pairs = [pair for rows in ledger.samples.values() for pair in itertools.pairwise(rows)]
    wrong = [(before, after) for before, after in pairs if after.step <= before.step]
    places = [_at(ledger, after, f"{after.run}: step {after.step} after {before.step}") for before, after in wrong]
    runs = [after.run for _, after in wrong]
    return defect("unordered-steps", "steps do not rise within a run", places, runs, of="rows", voids=True)


def jumps(ledger: ForeignLedger, wires: Tripwires) -> Defect:
    """Curves that once rise by far more than they usually change."""
    places, runs = [], []
    for run, rows in ledger.samples.items():
        found = largest_rise(ledger.curve(run)) if all(math.isfinite(row.value) for row in rows) else None
        if found is not None and found[3] > wires.jump_sigmas:
            step, before, after, usual = found
            row = next(one for one in rows if one.step == step)
            places.append(_at(ledger, row, f"{run}: {before:g} to {after:g} at step {step}, {usual:.0f} usual changes"))
            runs.append(run)
    return defect("jump", "one rise far beyond the usual changes", places, runs, of="runs", voids=True)


def computed_curves(ledger: ForeignLedger, floor: float, ceiling: float) -> Mapping[str, ClosedForm]:
    """Run -> the formula that its points lie on, for every run that was computed and not measured."""
    found = {}
    for run in ledger.samples:
        curve = ledger.curve(run)
        form = closed_form(curve.steps, curve.values, low=floor, high=ceiling)
        if form is not None and form.family != "constant":
            found[run] = form
    return found


def computed(ledger: ForeignLedger, forms: Mapping[str, ClosedForm]) -> Defect:
    """Curves that follow a formula more exactly than an evaluation can."""
    said = {row.name: row.said for row in ledger.queue}
    untagged = sum("mock" not in said.get(run, "").lower() for run in forms)
    points = sum(form.points for form in forms.values())
    places = [
        _at(
            ledger, ledger.samples[run][0],
            f"{run}: {form.points} points on {form.asymptote:.4f} + {form.scale:.4f} * {form.rate:.4f}^t",
        )
        for run, form in forms.items()
    ]  # fmt: skip
    more = f"{points} points on their formulas; {untagged} of the runs are not tagged as mocks"
    return defect("computed-curve", "computed, not measured", places, forms, of="runs", voids=True, more=more)


def identical_trajectories(ledger: ForeignLedger) -> Defect:
    """Runs of different names with the same steps and values throughout."""
    groups: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for run, rows in ledger.samples.items():
        if len(rows) >= FEWEST_POINTS and all(math.isfinite(row.value) for row in rows):
            groups.setdefault(tuple((row.step, row.value) for row in rows), []).append(run)
    shared = [runs for runs in groups.values() if len(runs) > 1]
    places = [
        _at(ledger, ledger.samples[runs[1]][0], f"{runs[1]} is {runs[0]}, and {len(runs) - 2} more") for runs in shared
    ]
    runs = [run for group in shared for run in group]
    title = f"the same trajectory of {FEWEST_POINTS} points or more under several names"
    return defect("identical-trajectory", title, places, runs, of="groups", voids=True, more=f"{len(runs)} runs")


def constant_curves(ledger: ForeignLedger) -> Defect:
    """Curves whose value never moves."""
    found = [rows for rows in ledger.samples.values() if len(rows) > 1 and len({row.value for row in rows}) == 1]
    places = [_at(ledger, rows[0], f"{rows[0].run}: {rows[0].value:g} at all {len(rows)} steps") for rows in found]
    runs = [rows[0].run for rows in found]
    return defect("constant-curve", "a curve that never moves", places, runs, of="runs", voids=True)


def nothing_learned(ledger: ForeignLedger) -> Defect:
    """Runs whose last value is not below their first."""
    found = [rows for rows in ledger.samples.values() if len(rows) > 1 and not rows[-1].value < rows[0].value]
    places = [_at(ledger, rows[-1], f"{rows[0].run}: {rows[0].value:g} to {rows[-1].value:g}") for rows in found]
    equal = sum(rows[-1].value == rows[0].value for rows in found)
    runs = [rows[0].run for rows in found]
    more = f"{equal} of them end exactly where they began"
    return defect(
        "nothing-learned", "the last value is not below the first", places, runs, of="runs", voids=True, more=more
    )


def repeated_values(ledger: ForeignLedger) -> Defect:
    """Rows that repeat the value of the row before: logged again, not evaluated again."""
    pairs = [pair for rows in ledger.samples.values() for pair in itertools.pairwise(rows)]
    again = [after for before, after in pairs if after.value == before.value]
    places = [_at(ledger, row, f"{row.run}: {row.value:g} again at step {row.step}") for row in again]
    runs = [row.run for row in again]
    return defect("repeated-value", "the value of the row before, logged again", places, runs, of="rows")


def orphans(ledger: ForeignLedger) -> Defect:
    """Curves of runs that the queue does not know: nobody claimed them."""
    known = {row.name for row in ledger.queue}
    found = [rows for run, rows in ledger.samples.items() if run not in known]
    places = [_at(ledger, rows[0], f"{rows[0].run} is not in the queue") for rows in found]
    return defect("orphan-curve", "samples of a run nobody claimed", places, [rows[0].run for rows in found], of="runs")


def too_short(ledger: ForeignLedger) -> Defect:
    """Curves of too few points to be judged."""
    found = [rows for rows in ledger.samples.values() if len(rows) < FEWEST_POINTS]
    places = [_at(ledger, rows[0], f"{rows[0].run}: {len(rows)} points") for rows in found]
    runs = [rows[0].run for rows in found]
    return defect("too-short", f"fewer than {FEWEST_POINTS} points", places, runs, of="runs", voids=True)


def below_review(ledger: ForeignLedger, review: float, floor: float) -> Defect:
    """Runs that end between the floor and what nobody reached without review: held, neither taken nor refused."""
    found = [rows[-1] for rows in ledger.samples.values() if floor <= rows[-1].value < review]
    places = [_at(ledger, row, f"{row.run} ends at {row.value:g}") for row in found]
    title = f"ends below {review:g}: held until a person has looked"
    return defect("held-for-review", title, places, [row.run for row in found], of="runs")


def _values(ledger: ForeignLedger, name: str, title: str, wrong: Callable[[float], bool], more: str = "") -> Defect:
    rows = [row for row in _rows(ledger) if wrong(row.value)]
    places = [_at(ledger, row, f"{row.run}: {row.value:g} at step {row.step}") for row in rows]
    runs = {row.run for row in rows}
    said = f"in {len(runs)} runs" + (f"; {more}" if more else "")
    return defect(name, title, places, runs, of="rows", voids=True, more=said)


def _rows(ledger: ForeignLedger) -> Iterable[SampleRow]:
    return itertools.chain.from_iterable(ledger.samples.values())


def _at(ledger: ForeignLedger, row: SampleRow, said: str) -> Found:
    return Found(ledger.samples_path, row.line, said)
