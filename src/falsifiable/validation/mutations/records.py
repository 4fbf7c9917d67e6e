"""Mutations of run records and their logs: fields and lines.

No digest and no size of a file is mutated: only a comparison with the file could notice, and those are left out of the
score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from falsifiable.artifacts import ArtifactError, Run
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, control, one_of

Rows = tuple[Mapping[str, Any], ...]

_REMOVED = object()


def _field(name: str, path: str, value: object, describes: str, guards: str) -> Mutation:
    """A mutation of one field; ``value`` is the new one, a function of the old one, or ``_REMOVED``."""

    def make(run: Run, _: Random) -> Run:
        stated = run.field(path)
        if stated is None:
            raise NotApplicable(f"the record states no {path}")
        if value is _REMOVED:
            return run.without_field(path)
        return run.with_field(path, value(stated) if callable(value) else value)

    return Mutation(name, "run", describes, guards, make)


def _more(value: Any) -> Any:
    """Another value of the same kind: a larger number, the other truth, another text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 2 + 1
    return value * 2 + 1.0 if isinstance(value, float) else f"{value}-of-another"


def _substitutions() -> list[Mutation]:
    """What was used, beside what was asked for."""
    found = []
    for name in ("device", "dtype", "seed", "data", "init"):
        guards = f"The {name} that was used is the one that was asked for"
        found.append(
            _field(f"{name}-substituted", f"{name}.actual", _more, f"another {name} used than asked for", guards)
        )
        found.append(
            _field(f"{name}-not-recorded", f"{name}.actual", _REMOVED, f"no word of the {name} that was used", guards)
        )
    return found


def _architecture() -> list[Mutation]:
    names = (
        "family", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "max_position_embeddings", "rope_theta", "rms_norm_eps", "tie_word_embeddings",
    )  # fmt: skip
    return [
        _field(
            f"architecture-{name.replace('_', '-')}-changed", f"architecture.{name}", _more,
            f"another {name} in the record", f"The recorded {name} is that of the trained model",
        )
        for name in names
    ]  # fmt: skip


def _metric(name: str, describes: str, guards: str, change: Callable[[Run, str], Run]) -> Mutation:
    def make(run: Run, random: Random) -> Run:
        return change(run, one_of(random, run.metrics, "metric"))

    return Mutation(name, "run", describes, guards, make)


def _value_lowered(run: Run, name: str) -> Run:
    return run.with_metric(name, run.metrics[name].value - 0.05)


def _never_fell(run: Run, _: Random) -> Run:
    if "val_loss" not in run.metrics:
        raise NotApplicable("the record states no val_loss")
    return run.with_metric("val_loss", run.metrics["val_loss"].value * 2)


def _step_moved(run: Run, name: str) -> Run:
    return run.with_metric(name, run.metrics[name].value, (run.metrics[name].step or 0) + 1)


def _dataset(name: str, key: str, value: object, describes: str, guards: str) -> Mutation:
    def make(run: Run, random: Random) -> Run:
        stating = [split for split, entry in run.datasets.items() if isinstance(entry, Mapping) and key in entry]
        split = one_of(random, stating, f"dataset with {key}")
        path, stated = f"datasets.{split}.{key}", run.datasets[split][key]
        if value is _REMOVED:
            return run.without_field(path)
        if isinstance(stated, float) and stated == 0.0:
            raise NotApplicable(f"{path} is 0 already")
        return run.with_field(path, value(stated) if callable(value) else value)

    return Mutation(name, "run", describes, guards, make)


def _made_up(run: Run, _: Random) -> Run:
    shares = {
        split: entry["real_share"]
        for split, entry in run.datasets.items()
        if isinstance(entry, Mapping) and entry.get("real_share")
    }
    if not shares:
        raise NotApplicable("no data set states a share of real rows")
    for split, share in shares.items():
        run = run.with_field(f"datasets.{split}.real_share", share / 2)
    return run


def _dataset_removed(run: Run, random: Random) -> Run:
    return run.without_field(f"datasets.{one_of(random, dict(run.datasets), 'dataset')}")


# Lines of the log


def _log(name: str, describes: str, guards: str, change: Callable[[Rows, Random], Rows], least: int = 4) -> Mutation:
    """A mutation of the rows of the last phase."""

    def make(run: Run, random: Random) -> Run:
        phase = run.rows[-1].get("phase") if run.rows else None
        others = tuple(row for row in run.rows if row.get("phase") != phase)
        rows = tuple(row for row in run.rows if row.get("phase") == phase)
        if len(rows) < least:
            raise NotApplicable(f"the last phase logs fewer than {least} rows")
        changed = change(rows, random)

        def replaced(_: Rows) -> Rows:
            return others + changed

        replaced.__name__ = name
        return run.with_rows(replaced)

    return Mutation(name, "run", describes, guards, make)


def _middle(rows: Rows, random: Random) -> int:
    return random.randrange(1, len(rows) - 1)


def _row_missing(rows: Rows, random: Random) -> Rows:
    at = _middle(rows, random)
    return rows[:at] + rows[at + 1 :]


def _row_repeated(rows: Rows, random: Random) -> Rows:
    at = _middle(rows, random)
    return rows[: at + 1] + rows[at:]


def _rows_exchanged(rows: Rows, random: Random) -> Rows:
    at = _middle(rows, random)
    return (*rows[: at - 1], rows[at], rows[at - 1], *rows[at + 1 :])


def _end_missing(rows: Rows, _: Random) -> Rows:
    return rows[: len(rows) // 2]


def _renumbered(rows: Rows, _: Random) -> Rows:
    return tuple({**row, "step": row["step"] + 1000} for row in rows)


def _with(rows: Rows, at: int, **values: Any) -> Rows:
    return (*rows[:at], {**rows[at], **values}, *rows[at + 1 :])


def _loss_at(value: object) -> Callable[[Rows, Random], Rows]:
    def change(rows: Rows, random: Random) -> Rows:
        at = _middle(rows, random)
        if "loss" not in rows[at]:
            raise NotApplicable("that row logs no loss")
        return _with(rows, at, loss=value)

    return change


def _loss_missing(rows: Rows, random: Random) -> Rows:
    at = _middle(rows, random)
    if "loss" not in rows[at]:
        raise NotApplicable("that row logs no loss")
    lossless = {name: value for name, value in rows[at].items() if name != "loss"}
    return (*rows[:at], lossless, *rows[at + 1 :])


def _second_half(value: Callable[[int], float]) -> Callable[[Rows, Random], Rows]:
    """The losses of the second half replaced by ``value`` of how many steps into it they are."""

    def change(rows: Rows, _: Random) -> Rows:
        half = len(rows) // 2
        return rows[:half] + tuple({**row, "loss": value(place)} for place, row in enumerate(rows[half:]))

    return change


def _better_loss(rows: Rows, _: Random) -> Rows:
    at = max((place for place, row in enumerate(rows) if "val_loss" in row), default=None)
    if at is None or not isinstance(rows[at]["val_loss"], int | float):
        raise NotApplicable("the last phase logs no validation loss")
    return _with(rows, at, val_loss=rows[at]["val_loss"] - 0.05)


def _time_backwards(rows: Rows, random: Random) -> Rows:
    at = _middle(rows, random)
    if not isinstance(rows[at].get("seconds"), int | float):
        raise NotApplicable("the log holds no seconds")
    return _with(rows, at, seconds=rows[at]["seconds"] - 1e6)


def _first_loss_lowered(run: Run, _: Random) -> Run:
    if not run.rows or not isinstance(run.rows[0].get("loss"), int | float):
        raise NotApplicable("the first row logs no loss")
    return run.with_rows(lambda rows: _with(tuple(rows), 0, loss=rows[0]["loss"] / 10))


def _torn(run: Run, _: Random) -> Run:
    if len(run.rows) < 2:
        raise NotApplicable("the log holds fewer than two rows")
    return run.with_torn_log()


def _first_loss_changed(run: Run, _: Random) -> Run:
    if run.state_at_step_zero is None or run.state_at_step_zero.val_loss is None:
        raise NotApplicable("the run left no loss before the first step")
    from dataclasses import replace

    return run.with_step_zero(lambda state: replace(state, val_loss=(state.val_loss or 0.0) + 0.05))


def _artifact_elsewhere(run: Run, random: Random) -> Run:
    role = one_of(random, run.artifacts, "artifact")
    try:
        return run.with_field(f"artifacts.{role}.path", f"{run.artifacts[role].path}-moved")
    except ArtifactError as error:
        raise NotApplicable(str(error)) from error


def _entries(run: Run, path: str, least: int) -> list[dict[str, Any]]:
    """The objects that the record lists. Raises NotApplicable where there are fewer than ``least``."""
    entries = [dict(one) for one in run.field(path) or () if isinstance(one, Mapping)]
    if len(entries) < least:
        raise NotApplicable(f"the record lists fewer than {least} {path}")
    return entries


def _rank_missing(run: Run, _: Random) -> Run:
    return run.with_field("launch.ranks", _entries(run, "launch.ranks", 2)[:-1])


def _rank_by_itself(run: Run, _: Random) -> Run:
    ranks = _entries(run, "launch.ranks", 2)
    return run.with_field("launch.ranks", [*ranks[:-1], {**ranks[-1], "all_reduce": 1.0}])


def _save_missing(run: Run, random: Random) -> Run:
    saves = _entries(run, "checkpoints", 3)
    del saves[random.randrange(1, len(saves))]  # without the first, the others may have been planned
    return run.with_field("checkpoints", saves)


def _save_moved(run: Run, _: Random) -> Run:
    saves = _entries(run, "checkpoints", 1)
    return run.with_field("checkpoints", [*saves[:-1], {**saves[-1], "step": saves[-1].get("step", 0) + 1}])


_REPRODUCED = "The record says how the run can be repeated"
_WINDOW = "Every planned step was taken and logged once"
_ENDED = "The run ended for the reason that is stated"
_LOGGED = "The recorded metrics are the numbers of the log"
_LEARNT = "The losses are those of a real training that learnt"
_FROM_CHANCE = "The first loss is that of guessing, or of the checkpoint the run began from"
_SPOKEN_FOR = "What the record says of its data is what the corpus says"
_LIVE = "As many processes trained as were asked for, together"
_SAVED = "Every planned save is there, the last one that of the last step"
_ADAPTED = "What the record says of the adapter is what its files say"

RUN_MUTATIONS: tuple[Mutation, ...] = (
    _field("run-id-removed", "run_id", _REMOVED, "no run id", "The record has a name of its own"),
    _field("commit-removed", "commit", _REMOVED, "no commit", _REPRODUCED),
    _field("commit-a-placeholder", "commit", "unknown", "a commit that is none", _REPRODUCED),
    _field("command-removed", "command", _REMOVED, "no command", _REPRODUCED),
    *_substitutions(),
    _field("steps-done-lowered", "steps.done", lambda done: done - 1, "a step fewer done than planned", _WINDOW),
    _field("steps-planned-changed", "steps.planned", _more, "more steps planned than done", _WINDOW),
    _field("steps-removed", "steps", _REMOVED, "no word of steps", _WINDOW),
    _field("end-reason-changed", "end_reason", "killed", "a run that was killed", _ENDED),
    _field("end-reason-removed", "end_reason", _REMOVED, "no reason why the run ended", _ENDED),
    _field("parameters-changed", "parameters", _more, "another number of parameters",
           "The recorded number of parameters is that of the tensors"),
    *_architecture(),
    _metric("metric-lowered", "a metric 0.05 lower than it was", _LOGGED, _value_lowered),
    _metric("metric-of-another-step", "a metric of another step", _LOGGED, _step_moved),
    _dataset("dataset-tokens-changed", "tokens", _more, "another number of tokens", _SPOKEN_FOR),
    _dataset("dataset-files-changed", "files", _more, "another number of files", _SPOKEN_FOR),
    Mutation("dataset-real-share-lowered", "run", "half of the rows made up", _SPOKEN_FOR, _made_up),
    _dataset("dataset-real-share-removed", "real_share", _REMOVED, "no share of real rows", _SPOKEN_FOR),
    Mutation("dataset-removed", "run", "a split that the record does not name", _SPOKEN_FOR, _dataset_removed),
    _field("window-moved", "window.first_step", _more, "a window that begins later", _WINDOW),
    _field("window-shortened", "window.last_step", lambda last: last - 1, "a window that ends earlier", _WINDOW),
    _field("optimizer-not-fresh", "optimizer.state_tensors_at_step_zero", _more,
           "an optimiser that had state before the first step", "The optimiser began without a state"),
    _field("patience-removed", "early_stopping.patience", 0, "a patience of no evaluation",
           "Early stopping waits longer than evaluations scatter"),
    _field("world-size-changed", "launch.world_size.actual", _more, "more processes than asked for",
           _LIVE),
    Mutation("rank-missing", "run", "a launch of which one process left no word", _LIVE, _rank_missing),
    Mutation("rank-by-itself", "run", "a process whose all-reduce reached nobody", _LIVE, _rank_by_itself),
    Mutation("save-missing", "run", "a save that the record does not name", _SAVED, _save_missing),
    Mutation("save-of-another-step", "run", "a last save of a later step", _SAVED, _save_moved),
    _field("adapter-base-changed", "adapter.base", _more, "an adapter on another base model", _ADAPTED),
    _field("adapter-rank-changed", "adapter.rank", _more, "an adapter of another rank", _ADAPTED),
    _field("adapter-scale-changed", "adapter.scale", _more, "an adapter of another scale", _ADAPTED),
    _field("adapter-targets-removed", "adapter.targets", _REMOVED, "no word of what is adapted", _ADAPTED),
    Mutation("validation-loss-doubled", "run", "a validation loss twice what it was", _LEARNT, _never_fell),
    Mutation("first-loss-lowered", "run", "a first loss of a tenth", _FROM_CHANCE, _first_loss_lowered),
    Mutation("artifact-elsewhere", "run", "an artifact where none lies",
             "Every artifact that the record names is there", _artifact_elsewhere),
    _log("row-missing", "a row left out of the log", _WINDOW, _row_missing),
    _log("row-repeated", "a row twice in the log", _WINDOW, _row_repeated),
    _log("rows-exchanged", "two rows of the log exchanged", _WINDOW, _rows_exchanged),
    _log("end-missing", "the second half of the log left out", _WINDOW, _end_missing),
    _log("steps-renumbered", "a log whose steps begin at 1,000", _WINDOW, _renumbered),
    Mutation("log-torn", "run", "a log whose last line is cut", _WINDOW, _torn),
    _log("loss-not-a-number", "a loss that is nan", _LEARNT, _loss_at("nan")),
    _log("loss-missing", "a row without a loss", _LEARNT, _loss_missing),
    _log("loss-negative", "a negative loss", _LEARNT, _loss_at(-1.0)),
    _log("loss-a-placeholder", "losses of exactly 1.0 in the second half", _LEARNT, _second_half(lambda _: 1.0)),
    _log("loss-diverges", "a loss that doubles at every step of the second half", _LEARNT,
         _second_half(lambda place: 2.0 ** min(place + 3, 60))),
    _log("validation-loss-improved", "a last validation loss 0.05 lower than it was", _LOGGED, _better_loss, 1),
    _log("time-backwards", "a row that was logged before the run began", "Time runs forwards in the log",
         _time_backwards),
    Mutation("step-zero-loss-changed", "run", "another loss before the first step", _LOGGED, _first_loss_changed),
    control("run"),
)  # fmt: skip
