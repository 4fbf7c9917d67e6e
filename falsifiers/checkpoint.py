"""A checkpoint is the result of the run whose record names it: moved, of the right size, saved last, and in time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from falsifiable import Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.adapter import a_pair
from falsifiers.curves import learning_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

_ADAM = ("Adam", "AdamW")


@falsifier("checkpoint.differs", needs="fingerprints")
def differs(checkpoint: Model, other: Model) -> Verdict:
    """No tensor of a checkpoint is byte for byte that of another one: the initial state, an earlier save, another run.

    Training moves every tensor that it trains, so that a tensor which two saves share was not trained between them.
    """
    ours, theirs = checkpoint.fingerprints, other.fingerprints
    shared = [name for name in ours if name in theirs]
    same = [name for name in shared if ours[name].blake3 == theirs[name].blake3]
    found = ""
    if same:
        found = (
            f"tensor {same[0]} is the same in {checkpoint.path.name} and {other.path.name}, to the last bit "
            f"({len(same)} of {len(ours)} tensors); an older file was passed off as new, or nothing was trained between"
        )
    return Verdict.of(
        not same, found=found, examined=(len(ours), "tensors"), equal_tensors=len(same), compared=len(shared)
    )


@differs.counterexample
def the_other_file(checkpoint: Model, other: Model) -> tuple[Model, Model]:
    """The other file under this name."""
    _ = checkpoint
    return other, other


@differs.counterexample
def one_tensor_as_it_was(checkpoint: Model, other: Model) -> tuple[Model, Model]:
    """A checkpoint of which one tensor was not trained."""
    name = next((one for one in checkpoint.tensors if one in other.tensors), None)
    if name is None or checkpoint.tensors[name].shape != other.tensors[name].shape:
        raise NotApplicable("the two have no tensor in common")
    before = other.tensor(name).numpy()
    return checkpoint.with_tensor(name, lambda _: before), other


@falsifier("checkpoint.update-size", needs="tensors")
def update_size(
    run: Run,
    adapter: Model,
    initial: Model,
    *,
    per_step: float = 3.17,
    decay: float = 0.1,
    least: float = 0.01,
    phase: str = "",
) -> Verdict:
    """The adapter moved about as far as the steps and learning rates in the log allow: neither hardly nor further.

    Adam changes no value by more than the learning rate times max(1, (1 - beta1) / sqrt(1 - beta2)) in one step (Kingma
    and Ba, Adam: A Method for Stochastic Optimization, section 2.1), so that the sum of the logged rates bounds the way
    from the initial state, whatever the gradients were.

    Args:
        per_step: largest move per step in learning rates: 3.17 for the usual betas of 0.9 and 0.999, and 1 for 0.9
            and 0.95.
        decay: weight decay that AdamW may add, of the value itself; 0.1 is the most that language models are usually
            trained with.
        least: share of the sum of learning rates by which the value that moved most must have moved. Steps that add up
            at random carry it by one over the root of their number: 0.01 after ten thousand.
        phase: the phase whose learning rates are read; empty for the last that logs them.
    """
    rates = [rate for _, rate in learning_rates(run, phase)]
    optimizer = run.field("optimizer.class")
    if not rates or not math.isfinite(sum(rates)) or sum(rates) <= 0 or optimizer not in _ADAM:
        return Verdict.inconclusive(
            f"{run.path}: the bound is that of Adam, from learning rates; the record names the optimiser {optimizer} "
            f"and the log holds {len(rates)} rates"
        )
    moves = _moves(adapter, initial)
    if isinstance(moves, str):
        return Verdict.inconclusive(moves)
    total = sum(rates)
    reach = {name: total * (per_step + decay * (start + total * per_step)) for name, (_, start) in moves.items()}
    far = [name for name, (move, _) in moves.items() if not move <= reach[name]]
    most = max((move for move, _ in moves.values()), default=0.0)
    found = ""
    if far:
        found = (
            f"tensor {far[0]}: a value moved by {moves[far[0]][0]:.4g}, {len(rates) - 1} steps of learning rates that "
            f"sum to {total:.4g} allow {reach[far[0]]:.4g} ({len(far)} tensors); the update exploded, was scaled, "
            "or is of a longer run"
        )
    elif not most >= least * total:
        found = (
            f"no value moved by more than {most:.4g}, expected at least {least * total:.4g}, {least:g} of the sum of "
            "learning rates; hardly a step was taken"
        )
    return Verdict.of(
        not found, found=found, examined=(len(moves), "tensors"), largest_move=most, sum_of_learning_rates=total
    )


def _moves(adapter: Model, initial: Model) -> dict[str, tuple[float, float]] | str:
    """Tensor -> how far its values moved at most, and how large they were at most before; or why that is unknown."""
    import numpy as np

    moves = {}
    for name, info in adapter.tensors.items():
        if name not in initial.tensors or initial.tensors[name].shape != info.shape:
            return f"{initial.path}: has no {name} of shape {list(info.shape)}; bind the state that the run began with"
        before, after = initial.tensor(name).numpy(), adapter.tensor(name).numpy()
        move = float(np.abs(after.astype(np.float64) - before).max(initial=0.0))
        moves[name] = move, float(np.abs(before).max(initial=0.0))
    return moves


@update_size.counterexample
def exploded(run: Run, adapter: Model, initial: Model) -> tuple[Run, Model, Model]:
    """A factor that is a thousand times too large."""
    name = a_pair(adapter)[1]
    return run, adapter.with_tensor(name, lambda values: values * 1e3 + 1e3), initial


@update_size.counterexample
def hardly_moved(run: Run, adapter: Model, initial: Model) -> tuple[Run, Model, Model]:
    """An adapter that went a ten-thousandth of its way."""
    a_pair(adapter)
    for name in adapter.tensors:
        if name in initial.tensors and initial.tensors[name].shape == adapter.tensors[name].shape:
            adapter = adapter.with_tensor(name, _part_of_the_way(initial.tensor(name).numpy()))
    return run, adapter, initial


def _part_of_the_way(before: Values) -> Any:
    return lambda after: before + (after - before) * 1e-4


@falsifier("checkpoint.belongs-to-run")
def belongs_to_run(run: Run, adapter: Model) -> Verdict:
    """Base model, rank, scale, modules, layers and iteration in the adapter's files are those of the run record.

    Iteration and run id stand in the metadata of the weights where the trainer stamped them; where they do not, they
    are not compared.
    """
    config, recorded = adapter.adapter, run.field("adapter")
    if config is None:
        return Verdict.inconclusive(f"{adapter.path} is no adapter: bind the folder with adapter_config.json")
    if not isinstance(recorded, Mapping) or not recorded:
        return Verdict.inconclusive(f"{run.path}: has no field adapter; record base, rank, scale, targets and layers")
    layers = [one for one in recorded.get("layers") or () if isinstance(one, int)]
    count = run.field("architecture.num_hidden_layers")
    stated = {
        "base": config.base,
        "rank": config.rank,
        "scale": config.scale,
        "targets": _last_parts(config.targets),
        "layers": sorted(config.layers_of(count if isinstance(count, int) else max(layers, default=-1) + 1)),
    }
    asked = {**recorded, "targets": _last_parts(recorded.get("targets") or ()), "layers": sorted(layers)}
    stamped = {"iteration": config.iteration, "run_id": adapter.metadata.get("__metadata__.run_id")}
    wanted = {"iteration": run.field("window.last_step"), "run_id": run.run_id}
    compared: list[tuple[str, object, object]] = [
        (f"adapter.{key}", value, asked.get(key)) for key, value in stated.items()
    ]
    compared += [(key, value, wanted[key]) for key, value in stamped.items() if value is not None]
    wrong = [
        f"{key} is {found} in {adapter.path.name}, run.yaml says {expected}"
        for key, found, expected in compared
        if found != expected
    ]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". The adapter is of another run, or one of the two was edited",
        examined=(len(compared), "fields"),
        disagreements=len(wrong),
    )


def _last_parts(targets: Sequence[str]) -> list[str]:
    """PEFT names a module by its own name, MLX by its place in the layer."""
    return sorted({str(one).rpartition(".")[2] for one in targets})


@belongs_to_run.counterexample
def of_another_base(run: Run, adapter: Model) -> tuple[Run, Model]:
    """A record of an adapter on another base model."""
    return run.with_field("adapter.base", "another/base-model"), adapter


@belongs_to_run.counterexample
def of_another_rank(run: Run, adapter: Model) -> tuple[Run, Model]:
    """A record of an adapter of another rank."""
    return run.with_field("adapter.rank", 1 + int(run.field("adapter.rank") or 0)), adapter


@belongs_to_run.counterexample
def of_another_iteration(run: Run, adapter: Model) -> tuple[Run, Model]:
    """A file that says it was saved a step before the window's end."""
    if adapter.adapter is None or adapter.adapter.iteration is None:
        raise NotApplicable("the adapter names no iteration")
    return run, adapter.with_metadata({"__metadata__.iteration": str(adapter.adapter.iteration - 1)})


@falsifier("checkpoint.is-last-save", compares_copies=True)
def is_last_save(run: Run, checkpoint: Model) -> Verdict:
    """The checkpoint is the save of the last planned step: the last of the record, by step and by sha256."""
    saves = saves_of(run)
    last = run.field("window.last_step")
    if not saves or not isinstance(last, int):
        return Verdict.inconclusive(f"{run.path}: records no checkpoints, or no window.last_step to compare them with")
    step, sha256 = saves[-1]
    same = [at for at, digest in saves if digest == checkpoint.digest]
    found = ""
    if step != last:
        found = f"run.yaml: the last save is of step {step}, the window ends at {last}: the planned one is missing"
    elif sha256 != checkpoint.digest:
        which = f"it is the save of step {same[0]}" if same else "no save of this run has it"
        found = f"{checkpoint.path} has sha256 {checkpoint.digest[:12]}, the save of step {last} {sha256[:12]}; {which}"
    elif len(same) > 1:
        found = f"the saves of steps {same} have one sha256: nothing was trained between them"
    return Verdict.of(not found, found=found, examined=(len(saves), "saves"), last_save=step, last_step=last)


def saves_of(run: Run) -> list[tuple[int, str]]:
    """Step and sha256 of every save that the record names, in its order."""
    recorded = run.field("checkpoints")
    entries = recorded if isinstance(recorded, Sequence) and not isinstance(recorded, str) else ()
    return [
        (entry["step"], str(entry.get("sha256")))
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("step"), int)
    ]


@is_last_save.counterexample
def the_last_save_is_missing(run: Run, checkpoint: Model) -> tuple[Run, Model]:
    """A record that ends with the save before the last."""
    kept = (run.field("checkpoints") or [])[:-1]
    if not kept:
        raise NotApplicable("the record names one save")
    return run.with_field("checkpoints", kept), checkpoint


@is_last_save.counterexample
def an_earlier_save(run: Run, checkpoint: Model) -> tuple[Run, Model]:
    """A record in which the bytes of the last save are those of the one before it."""
    saves = [dict(one) for one in run.field("checkpoints") or []]
    if len(saves) < 2:
        raise NotApplicable("the record names one save")
    saves[-1]["sha256"], saves[-2]["sha256"] = saves[-2]["sha256"], saves[-1]["sha256"]
    return run.with_field("checkpoints", saves), checkpoint


@falsifier("checkpoint.written-in-window", remembered=False)
def written_in_window(run: Run, checkpoint: Model, *, seconds: float = 2.0) -> Verdict:
    """Every file of the checkpoint was last written between the run's start and its end.

    The times are those of the file system: keep them when you copy a run (`cp -a`).

    Args:
        seconds: how much earlier or later a file may be, for records hold whole seconds and file systems round.
    """
    started, ended = (_time(run.field(name)) for name in ("started", "ended"))
    if started is None or ended is None:
        return Verdict.inconclusive(f"{run.path}: started or ended is not recorded; the run may be going on")
    slack = timedelta(seconds=seconds)
    try:
        written = {path.name: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in checkpoint.files}
    except OSError as error:
        return Verdict.inconclusive(f"{checkpoint.path}: {error.strerror}; its files have no times here")
    outside = [name for name, at in written.items() if not started - slack <= at <= ended + slack]
    found = ""
    if outside:
        at = written[outside[0]].isoformat(timespec="seconds")
        found = (
            f"{outside[0]} was written at {at}, the run lasted from {started.isoformat()} to {ended.isoformat()} "
            f"({len(outside)} of {len(written)} files); of another run, edited since, or copied without its times"
        )
    return Verdict.of(not outside, found=found, examined=(len(written), "files"), outside=len(outside))


def _time(value: object) -> datetime | None:
    """A time of the record, which is UTC where it says nothing else."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read if read is None or read.tzinfo else read.replace(tzinfo=UTC)


@written_in_window.counterexample
def a_run_that_had_ended(run: Run, checkpoint: Model) -> tuple[Run, Model]:
    """A run that ended a day before the file was written."""
    return _moved(run, timedelta(days=-1)), checkpoint


@written_in_window.counterexample
def a_run_that_had_not_begun(run: Run, checkpoint: Model) -> tuple[Run, Model]:
    """A run that began a day after the file was written."""
    return _moved(run, timedelta(days=1)), checkpoint


def _moved(run: Run, by: timedelta) -> Run:
    for name in ("started", "ended"):
        at = _time(run.field(name))
        if at is None:
            raise NotApplicable(f"the record has no time {name}")
        run = run.with_field(name, (at + by).isoformat())
    return run
