"""What is wrong with the queue of a ledger: one pure function per class of defects, rows in, defect out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from falsifiable.artifacts.curves.closed_form import ClosedForm
from falsifiable.race.importing.defects import Defect, Found, defect
from falsifiable.race.importing.foreign_ledger import ForeignLedger, QueueRow
from falsifiable.race.ledger.names import canon_fault

_EXP_ID = re.compile(r"(?<![A-Za-z0-9])E(\d{4})(?!\d)")
_SEED = re.compile(r"-(?:rng|seed)(\d+)")
_STEPS = re.compile(r"-step(\d+)(?:-|$)")
_PREDICTED = re.compile(r"predicted-misses-gate: bpb_inf=([\d.]+) > target\+slack=([\d.]+)\+([\d.]+)")
_DECLARED_MOCK = re.compile(r"\bmock[-_ ]?(?:trainer-contamination|target_bpb)")
"""What people wrote who had looked; the tag ``mock_simulation`` was put on honest runs too."""


def duplicate_ids(ledger: ForeignLedger) -> Defect:
    """Ids that several runs were given."""
    shared = {exp_id: rows for exp_id, rows in _by_id(ledger).items() if len(rows) > 1}
    most = max(shared.items(), key=lambda one: len(one[1]), default=None)
    more = f"of {len(_by_id(ledger))} ids" + (f"; {most[0]} stands for {len(most[1])} runs" if most else "")
    places = [_at(ledger, rows[1], f"{exp_id} again: {rows[1].name}") for exp_id, rows in shared.items()]
    runs = [row.name for rows in shared.values() for row in rows]
    return defect("duplicate-exp-id", "an id was given to several runs", places, runs, of="ids", more=more)


def reassigned_ids(ledger: ForeignLedger) -> Defect:
    """Ids that stand for more than one seed, or more than one configuration."""
    moved = {}
    for exp_id, rows in _by_id(ledger).items():
        seeds, recipes = {row.seed for row in rows}, {_SEED.sub("", row.name) for row in rows}
        if len(seeds) > 1 or len(recipes) > 1:
            moved[exp_id] = (rows, len(seeds), len(recipes))
    places = [
        _at(ledger, rows[1], f"{exp_id} stands for {told} seeds and {named} configurations")
        for exp_id, (rows, told, named) in moved.items()
    ]
    of_seeds = sum(one[1] > 1 for one in moved.values())
    of_recipes = sum(one[2] > 1 for one in moved.values())
    runs = [row.name for rows, _, _ in moved.values() for row in rows]
    more = f"{of_seeds} with several seeds, {of_recipes} with several configurations"
    return defect("reassigned-id", "an id changed its seed or configuration", places, runs, of="ids", more=more)


def duplicate_names(ledger: ForeignLedger) -> Defect:
    """Names that stand for several runs."""
    counts = Counter(row.name for row in ledger.queue)
    rows = [row for row in ledger.queue if counts[row.name] > 1]
    places = [_at(ledger, row, row.name) for row in rows]
    return defect("duplicate-name", "one name stands for several runs", places, {row.name for row in rows}, of="rows")


def malformed_names(ledger: ForeignLedger) -> Defect:
    """Names that follow no form of the grammar, by the error each breaks it with."""
    faults = [(row, fault) for row in ledger.queue if (fault := canon_fault(row.name)) is not None]
    kinds = Counter(fault.name for _, fault in faults)
    more = ", ".join(f"{name} {count}" for name, count in kinds.most_common())
    places = [_at(ledger, row, f"{fault.name}: {row.name}") for row, fault in faults]
    runs = [row.name for row, _ in faults]
    return defect("malformed-name", "a name follows no form of the grammar", places, runs, of="rows", more=more)


def seed_conflicts(ledger: ForeignLedger) -> Defect:
    """Rows whose seed is not the one in their name."""
    found = [(row, int(told[-1])) for row in ledger.queue if (told := _SEED.findall(row.name))]
    wrong = [(row, told) for row, told in found if row.seed != told]
    places = [_at(ledger, row, f"{row.name} has the seed {row.seed}") for row, _ in wrong]
    return defect("seed-conflict", "the seed is not that of the name", places, [r.name for r, _ in wrong], of="rows")


def forbidden_seeds(ledger: ForeignLedger, forbidden: Collection[int]) -> Defect:
    """Runs of seeds that the race forbids."""
    rows = [row for row in ledger.queue if row.seed in forbidden]
    done = sum(row.status == "done" for row in rows)
    places = [_at(ledger, row, f"seed {row.seed}: {row.name}") for row in rows]
    more = f"seeds {', '.join(map(str, sorted(forbidden)))}; {done} of them done"
    return defect("forbidden-seed", "a run of a forbidden seed", places, [r.name for r in rows], of="rows", more=more)


def implausible_done(ledger: ForeignLedger, floor: float, ceiling: float) -> Defect:
    """Rows that are done with a final value that no model has: below the floor, or worse than a uniform guess."""
    done = [row for row in ledger.queue if row.status == "done"]
    low = [row for row in done if row.final_value is not None and row.final_value < floor]
    high = [row for row in done if row.final_value is not None and row.final_value > ceiling]
    absent = [row for row in done if row.final_value is None]
    wrong = sorted([*low, *high, *absent], key=lambda row: row.line)
    places = [_at(ledger, row, f"{row.name} is done with {row.final_value}") for row in wrong]
    outside = f"{len(low)} below {floor:g}, {len(high)} above {ceiling:g}, {len(absent)} without a value"
    more = f"of {len(done)} done: {outside}, {len(done) - len(wrong)} between"
    runs = [row.name for row in wrong]
    return defect("implausible-done", "done with a value no model has", places, runs, of="rows", more=more)


def step_mismatches(ledger: ForeignLedger) -> Defect:
    """Rows that are done at another step than was asked for, or whose name asks for other steps than their budget."""
    done = [row for row in ledger.queue if row.status == "done" and row.final_step != row.steps]
    named = [row for row in ledger.queue if (told := _STEPS.search(row.name)) and int(told[1]) != row.steps]
    places = [_at(ledger, row, f"{row.name}: done at {row.final_step}, asked for {row.steps}") for row in done]
    places += [_at(ledger, row, f"{row.name}: its budget is {row.steps}") for row in named]
    more = f"{len(done)} done early or late, {len(named)} with a name that asks for other steps"
    runs = {row.name for row in (*done, *named)}
    return defect("step-mismatch", "final step, budget and name disagree", places, runs, of="rows", more=more)


def silent_ends(ledger: ForeignLedger) -> Defect:
    """Runs that ended without a single sample: done ones claim a value nobody logged."""
    trained = {run for run, rows in ledger.samples.items() if any(row.step > 0 for row in rows)}
    ended = [row for row in ledger.queue if row.status in ("done", "failed") and row.name not in trained]
    done = sum(row.status == "done" for row in ended)
    zero = sum("zero steps" in row.said for row in ended)
    places = [_at(ledger, row, f"{row.name} is {row.status} and logged nothing after step 0") for row in ended]
    more = f"{done} of them done; {zero} say that the trainer took no step"
    return defect(
        "silent-run", "ended without a sample after step 0", places, [row.name for row in ended], of="rows", more=more
    )


def declared_mocks(ledger: ForeignLedger) -> Defect:
    """Runs about which the ledger itself says that their values are no measurements."""
    rows = [row for row in ledger.queue if _DECLARED_MOCK.search(row.said)]
    places = [_at(ledger, row, f"{row.name}: {row.said:.60}") for row in rows]
    tagged = sum("mock_simulation" in row.said for row in ledger.queue)
    more = f"{tagged} other rows are tagged mock_simulation, which proves nothing: honest curves are among them"
    runs = [row.name for row in rows]
    return defect("declared-mock", "its own row says it is a mock", places, runs, of="rows", voids=True, more=more)


def false_prunes(ledger: ForeignLedger, computed: Mapping[str, ClosedForm]) -> Defect:
    """Runs stopped on a prediction about a computed curve, whose true asymptote is therefore known."""
    stopped = [(row, told) for row in ledger.queue if (told := _PREDICTED.search(row.said)) and row.name in computed]
    false = [row for row, told in stopped if computed[row.name].asymptote <= float(told[2]) + float(told[3])]
    places = [
        _at(ledger, row, f"{row.name}: said {told[1]}, is {computed[row.name].asymptote:.4f}") for row, told in stopped
    ]
    predicted = sum(bool(_PREDICTED.search(row.said)) for row in ledger.queue)
    more = f"of {predicted} stopped on a prediction; in {len(false)} the formula's asymptote passes the gate after all"
    runs = [row.name for row, _ in stopped]
    return defect("prune-on-computed", "stopped on a prediction of a mock", places, runs, of="rows", more=more)


def queue_values_off(ledger: ForeignLedger) -> Defect:
    """Rows whose final value is the best that the run logged and not its last."""
    best: list[tuple[QueueRow, float]] = []
    other: list[tuple[QueueRow, float]] = []
    for row in ledger.queue:
        values = [one.value for one in ledger.samples.get(row.name, ()) if one.value == one.value]
        if row.final_value is None or not values or _same(row.final_value, values[-1]):
            continue
        (best if _same(row.final_value, min(values)) else other).append((row, values[-1]))
    wrong = sorted([*best, *other], key=lambda one: one[0].line)
    places = [_at(ledger, row, f"{row.name}: final {row.final_value}, last logged {last}") for row, last in wrong]
    more = f"{len(best)} state the best value ever logged, {len(other)} one that is neither best nor last"
    runs = [row.name for row, _ in wrong]
    return defect("best-instead-of-final", "the final value is not the last logged", places, runs, of="rows", more=more)


def _same(one: float, other: float) -> bool:
    """Equal at the four decimals that the queue keeps."""
    return abs(one - other) <= 1e-4


def _by_id(ledger: ForeignLedger) -> Mapping[str, list[QueueRow]]:
    found: dict[str, list[QueueRow]] = {}
    for row in ledger.queue:
        if told := _EXP_ID.search(row.name):
            found.setdefault(f"E{told[1]}", []).append(row)
    return found


def _at(ledger: ForeignLedger, row: QueueRow, said: str) -> Found:
    return Found(ledger.queue_path, row.line, said)
