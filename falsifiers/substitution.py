"""What was asked for is what was used: the device, the data, the checkpoint, and whatever else is said of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from falsifiable import Criterion, NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import first_logged


@falsifier("run.as-requested", evidence_for="infrastructure masking")
def as_requested(run: Run, *, fields: tuple[str, ...] = ("device", "dtype", "seed", "data", "init")) -> Verdict:
    """What was asked for is what was used: no CPU for CUDA, no random weights for a checkpoint, no made-up data.

    A run that asked for no checkpoint and loaded none began from scratch, as it was asked to.

    Args:
        fields: fields of the run record that hold `requested` beside `actual`. A `device` that is a GPU must have been
            seen: environment.cuda is its name as the recorder found it, null where no parameter lay on one.
    """
    if not fields:
        return Verdict.inconclusive(
            f"{run.path}: `fields` is empty and nothing is compared; name device, seed or another"
        )
    if not run.has_record:
        return Verdict.inconclusive(f"{run.path}: no recorder said what was asked for")
    wrong = [f"{name}: {said}" for name in fields if (said := _substitution(run, name))]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". Something was substituted in silence, or the trainer never looked",
        examined=(len(fields), "fields"),
        substitutions=len(wrong),
    )


def _substitution(run: Run, name: str) -> str:
    requested, actual = run.field(f"{name}.requested"), run.field(f"{name}.actual")
    if name == "init" and requested is actual is None and {"requested", "actual"} <= set(run.field("init") or {}):
        return ""
    if requested is None or actual is None:
        missing = "requested" if requested is None else "actual"
        return f"`{missing}` is absent, so what was used is not known"
    if name == "init":
        return _init_substitution(run, str(requested), str(actual))
    seen = run.field("environment.cuda")
    if name == "device" and "cuda" in str(actual) and seen is None:
        return f"device.actual is {actual}, and environment.cuda is null, expected a GPU's name: there was none"
    return "" if requested == actual else f"requested {requested}, actual {actual}"


def _init_substitution(run: Run, requested: str, actual: str) -> str:
    """A checkpoint is asked for by a path of the user and kept under a path of the run; its bytes decide."""
    loaded, named = run.field("init.sha256"), run.artifacts.get("init")
    asked = run.field("inputs.checkpoints.init")
    if not isinstance(loaded, str) or named is None or named.sha256 != loaded:
        return f"loaded sha256 {str(loaded)[:12]}, the artifact init has {named.sha256[:12] if named else 'none'}"
    if isinstance(asked, str) and asked != loaded:
        return f"the checkpoint asked for has sha256 {asked[:12]}, the one loaded {loaded[:12]}"
    if asked is None and PurePath(requested).name != PurePath(actual).name:
        return f"requested {requested}, actual {actual}"
    return ""


@as_requested.counterexample
def another_device(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A first field of which something else was used."""
    if not fields:
        raise NotApplicable("no field is compared")
    return run.with_field(f"{fields[0]}.actual", "something else")


@as_requested.counterexample
def not_looked_at(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A last field of which nobody recorded what was used."""
    if not fields or run.field(f"{fields[-1]}.actual") is None:
        raise NotApplicable("no field is compared, or the last one is not recorded")
    return run.without_field(f"{fields[-1]}.actual")


@as_requested.counterexample
def a_gpu_that_was_not_there(run: Run, *, fields: tuple[str, ...] = ("device",)) -> Run:
    """A GPU typed into the record of a machine that has none."""
    if "device" not in fields:
        raise NotApplicable("the device is not compared")
    typed = run.with_field("device", {"requested": "cuda", "actual": "cuda"})
    return typed.with_field("environment.cuda", None)


@falsifier("run.device-left-traces", level="integration", evidence_for="infrastructure masking")
def device_left_traces(
    run: Run, *, seconds_per_step: Criterion = Criterion(above=0.0, below=0.5), phase: str = ""
) -> Verdict:
    """A run that claims a GPU shows it elsewhere than in that claim: memory the driver saw, its name, and its pace.

    In the reference cascade `--device cuda` ran for 14 minutes on the CPU, with 0 MiB on the GPU. A GPU must hold
    memory for the process by the driver's own figure, have a name, and take steps at its pace; a CPU must show none of
    the first two.

    Args:
        seconds_per_step: what the mean time of a step must meet where a GPU is claimed. Half a second is the bound of
            the reference system, for 494 million parameters; a claim about a larger model states its own.
        phase: the phase whose steps are timed; empty for the last one.
    """
    requested, actual = run.field("device.requested"), run.field("device.actual")
    if not isinstance(requested, str) or not isinstance(actual, str):
        return Verdict.inconclusive(f"{run.path}: device.requested or device.actual is not recorded")
    memory, name = run.field("device.memory_bytes"), run.field("environment.cuda")
    times = first_logged(run, ("seconds",), phase)
    pace = (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0]) if len(times) > 1 else None
    on_gpu = "cuda" in actual
    faults = _gpu_faults(memory, name, pace, seconds_per_step) if on_gpu else _cpu_faults(requested, memory, name)
    if on_gpu and not faults and (pace is None or memory is None):
        return Verdict.inconclusive(
            f"{run.path}: device.memory_bytes (the driver did not say) or the seconds of the steps are unknown, so "
            "nothing but the claim says that there was a GPU"
        )
    return Verdict.of(
        not faults,
        found=f"run.yaml: device.actual is {actual}, {requested} was requested, and {'; '.join(faults)}. The work was "
        "done elsewhere than the record says",
        examined=(3 if on_gpu else 2, "traces"),
        device=actual,
        memory=(memory if isinstance(memory, int) else None, "bytes"),
        seconds_per_step=(pace, "s"),
    )


def _gpu_faults(memory: Any, name: Any, pace: float | None, allowed: Criterion) -> list[str]:
    """What speaks against a GPU, as far as it is recorded."""
    faults = []
    if memory is not None and (not isinstance(memory, int) or memory <= 0):
        faults.append(f"the driver saw {memory} bytes of this process on a GPU (device.memory_bytes), expected above 0")
    if name is None:
        faults.append("environment.cuda is null, expected the GPU's name")
    if pace is not None and not allowed.holds(pace):
        faults.append(f"a step took {pace:.4g} s, expected {allowed}")
    return faults


def _cpu_faults(requested: str, memory: Any, name: Any) -> list[str]:
    faults = [] if "cuda" not in requested else ["the parameters lay on the CPU: it fell back in silence"]
    if isinstance(memory, int) and memory > 0:
        faults.append(f"the driver saw {memory} bytes of this process on a GPU")
    if name is not None:
        faults.append(f"a parameter lay on {name}")
    return faults


@device_left_traces.counterexample
def a_silent_fallback(run: Run) -> Run:
    """A GPU asked for, and the CPU used without a word."""
    fallen = run.with_field("device", {"requested": "cuda", "actual": "cpu", "memory_bytes": None})
    return fallen.with_field("environment.cuda", None)


@device_left_traces.counterexample
def a_gpu_without_memory(run: Run) -> Run:
    """A GPU claimed on which the driver saw nothing of the process."""
    if len(first_logged(run, ("seconds",))) < 2:
        raise NotApplicable("no seconds are logged")
    typed = run.with_field("device", {"requested": "cuda", "actual": "cuda", "memory_bytes": 0})
    return typed.with_field("environment.cuda", "NVIDIA H200")


@device_left_traces.counterexample
def a_gpu_at_the_pace_of_a_cpu(run: Run) -> Run:
    """A GPU claimed with memory and name, in a log whose steps take minutes."""
    if len(run.series("seconds")) < 2:
        raise NotApplicable("no seconds are logged")
    typed = run.with_field("device", {"requested": "cuda", "actual": "cuda", "memory_bytes": 1 << 30})
    named = typed.with_field("environment.cuda", "NVIDIA H200")
    return named.with_series("seconds", lambda points: [(step, step * 120.0) for step, _ in points])


@falsifier("run.data-as-declared", evidence_for="infrastructure masking")
def data_as_declared(
    run: Run, *, kind: Criterion = Criterion(one_of=("real",)), splits: tuple[str, ...] = ()
) -> Verdict:
    """The data is of the kind that was declared for it, and its counted share of real rows says the same.

    In the reference cascade `--synthetic` was on by default, and what was reported as training on real text was not.
    `real` means that every row is (a share of 1), `synthetic` that none is (0), `partial-real` anything between.

    Args:
        kind: what `datasets.SPLIT.kind` must meet.
        splits: the splits that are judged; empty for all in the record.
    """
    names = splits or tuple(run.datasets)
    kinds = {name: run.field(f"datasets.{name}.kind") for name in names}
    unknown = [name for name, one in kinds.items() if one is None]
    if unknown:
        return Verdict.inconclusive(
            f"{run.path}: datasets.{unknown[0]}.kind is not recorded; state synthetic, partial-real or real"
        )
    faults = [said for name in names if (said := _kind_fault(run.datasets[name], name, kind))]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". Made-up data stands in for real data, or nobody counted",
        examined=(len(names), "splits"),
        other_than_declared=len(faults),
    )


def _kind_fault(dataset: Mapping[str, Any], name: str, declared: Criterion) -> str:
    kind, share = dataset.get("kind"), dataset.get("real_share")
    if not declared.holds(kind):
        return f"run.yaml: datasets.{name}.kind is {kind}, expected {declared}"
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return f"run.yaml: datasets.{name}.real_share is {share}, expected a share from 0 to 1"
    counted = "real" if share == 1 else "partial-real" if share else "synthetic"
    if kind != counted:
        return f"run.yaml: datasets.{name}.kind is {kind}, and real_share is {share}, which is {counted}"
    return ""


@data_as_declared.counterexample
def synthetic_for_real(run: Run, *, splits: tuple[str, ...]) -> Run:
    """A first split that is made up and says so."""
    name = _a_split(run, splits)
    return run.with_field(f"datasets.{name}.kind", "synthetic").with_field(f"datasets.{name}.real_share", 0.0)


@data_as_declared.counterexample
def real_by_name_only(run: Run, *, splits: tuple[str, ...]) -> Run:
    """A split that is called what it was, and two thirds of whose rows are otherwise."""
    name = _a_split(run, splits[::-1])
    return run.with_field(
        f"datasets.{name}.real_share", 1 / 3 if run.field(f"datasets.{name}.kind") != "partial-real" else 1
    )


def _a_split(run: Run, splits: tuple[str, ...]) -> str:
    name = next(iter(splits or run.datasets), None)
    if name is None or run.field(f"datasets.{name}.kind") is None:
        raise NotApplicable("no split has a kind")
    return name
