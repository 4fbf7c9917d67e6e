"""Declarative checks: a criterion on any field or recorded series, and on what a command does."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from falsifiable import (
    CONFIG_FIELDS,
    ArtifactError,
    Command,
    Corpus,
    Criterion,
    Model,
    NotApplicable,
    Run,
    Tokenizer,
    Verdict,
    falsifier,
)

_TOKENIZER_FIELDS = ("size", "type", "pre", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "digest")
_MODEL_FIELDS = ("format", "parameters", "embedding_rows", "digest")
_PLAIN = (str, int, float, bool)
_MOST_TOKENS = 1_000_000  # a counterexample makes no longer list; published tokenizers have up to 262,144


@falsifier("field")
def field(
    model: Model | None = None,
    run: Run | None = None,
    tokenizer: Tokenizer | None = None,
    corpus: Corpus | None = None,
    *,
    path: str,
    criterion: Criterion,
) -> Verdict:
    """One field of one artifact meets a criterion; a field that is absent meets none.

    Args:
        path: the field. Of a model a canonical configuration name (`hidden_size`), `architecture.family`, `parameters`,
            or a metadata key as stored (`general.license`); of a run or a corpus manifest a dotted path
            (`device.actual`); of a tokenizer `size`, `type` or a special id.
        criterion: what the value must meet.
    """
    bound = [one for one in (model, run, tokenizer, corpus) if one is not None]
    if len(bound) != 1:
        return Verdict.inconclusive(f"`field` reads one artifact, {len(bound)} are bound; name exactly one under `on`")
    value = _value(bound[0], path)
    shown = "absent" if value is None else repr(value)
    return Verdict.of(
        criterion.holds(value),
        found=f"{bound[0].path}: {path} is {shown}, expected {criterion}",
        examined=(1, "fields"),
        **{path.replace(".", "_").replace("-", "_"): value if isinstance(value, _PLAIN) else None},
    )


def _value(artifact: Model | Run | Tokenizer | Corpus, path: str) -> object:
    if isinstance(artifact, Model):
        return _of_model(artifact, path)
    if isinstance(artifact, Run):
        return artifact.field(path)
    if isinstance(artifact, Tokenizer):
        return getattr(artifact, path) if path in _TOKENIZER_FIELDS else None
    value: object = artifact.manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _of_model(model: Model, path: str) -> object:
    if path in model.metadata:
        return model.metadata[path]
    if path.startswith("architecture."):
        return getattr(model.architecture, path.removeprefix("architecture."), None)
    return getattr(model if path in _MODEL_FIELDS else model.config, path, None)


@field.counterexample
def another_value(
    model: Model | None = None,
    run: Run | None = None,
    tokenizer: Tokenizer | None = None,
    corpus: Corpus | None = None,
    *,
    path: str,
    criterion: Criterion,
) -> dict[str, Any]:
    """The same artifact with a value of that field which misses the criterion.

    A criterion that every value tried meets can refute nothing: the artifact then comes back with the last value, and
    the counterexample survives.
    """
    bound = {"model": model, "run": run, "tokenizer": tokenizer, "corpus": corpus}
    role, artifact = next(((role, one) for role, one in bound.items() if one is not None), ("", None))
    if artifact is None or _value(artifact, path) is None:
        raise NotApplicable(f"{path} is absent")
    mutants = []
    for value in _others(_value(artifact, path), criterion):
        with contextlib.suppress(ArtifactError):  # a value that the file could not hold
            mutant = _with_value(artifact, path, value)
            found = _value(mutant, path)
            if found is not None:
                mutants.append(mutant)
                if not criterion.holds(found):
                    break
    if not mutants:
        raise NotApplicable(f"{path} of a {role} cannot be changed")
    return {role: mutants[-1]}


def _others(value: object, criterion: Criterion) -> list[Any]:
    """Other values of the type of ``value``: just beside every bound, then far from all."""
    if isinstance(value, bool):
        return [not value]
    if not isinstance(value, (int, float)):
        return ["something else", ""]
    bounds = (criterion.at_least, criterion.at_most, criterion.above, criterion.below, criterion.equals)
    near = [bound for bound in bounds if isinstance(bound, (int, float)) and math.isfinite(bound)]
    step = 1 + (criterion.within or 0)
    numbers = [*(edge + way for edge in near for way in (-step, step)), 0, -1, 1e308, -1e308]
    return [int(number) for number in numbers] if isinstance(value, int) else [float(number) for number in numbers]


def _with_value(artifact: Model | Run | Tokenizer | Corpus, path: str, value: Any) -> Model | Run | Tokenizer | Corpus:
    """The artifact with one field set. Raises NotApplicable for a field that nothing sets."""
    if isinstance(artifact, Run):
        return artifact.with_field(path, value)
    if isinstance(artifact, Model):
        return _model_with_value(artifact, path, value)
    if isinstance(artifact, Corpus):
        manifest: dict[str, Any] = deepcopy(dict(artifact.manifest))
        *outer, last = path.split(".")
        inner = manifest
        for part in outer:
            inner = inner[part]
        inner[last] = value
        return replace(artifact, manifest=manifest)
    if path == "digest":
        return artifact.with_tokens(artifact.size + 1)
    if path == "size":
        return artifact.with_tokens(min(value, _MOST_TOKENS)) if value > 0 else artifact.without_tokens()
    return artifact.with_field(path, value)


def _model_with_value(model: Model, path: str, value: Any) -> Model:
    if path in model.metadata:
        return model.with_metadata({path: value})
    if path in ("architecture.stored", "architecture.family", "architecture.role"):
        decoder = path.endswith("role") and model.architecture.role == "decoder"
        return model.with_family("bert" if decoder or model.architecture.family != "bert" else "qwen2")
    if path == "digest":
        return model.with_metadata({"general.description": "edited"})
    if path == "embedding_rows":
        return model.with_extra_tensor("token_embedding", (max(0, value), model.tensor("token_embedding").shape[1]))
    if path == "parameters":
        for name in model.tensors:
            model = model.without_tensor(name)
        return model.with_extra_tensor("parameters", (value,)) if value > 0 else model
    if path in CONFIG_FIELDS:
        return model.with_config(**{path: value})
    raise NotApplicable(f"{path} of a model cannot be changed")


def missing(criterion: Criterion) -> str | int | float:
    """A value that does not meet ``criterion``. Raises NotApplicable where none was found."""
    near = [one for one in (criterion.at_least, criterion.at_most, criterion.above, criterion.below) if one is not None]
    if isinstance(criterion.equals, (int, float)):
        near.append(float(criterion.equals))
    candidates: list[str | int | float] = [edge + step for edge in near for step in (-1.0, 1.0)]
    for candidate in [*candidates, "something else", math.nan]:
        if not criterion.holds(candidate):
            return candidate
    raise NotApplicable(f"every value tried is {criterion}")


@falsifier("metric", level="integration")
def metric(run: Run, *, series: str, criterion: Criterion, at: str = "final", phase: str = "") -> Verdict:
    """A recorded series meets a criterion: its last value, its lowest, every one, or that of one step.

    A number from a record supports INTEGRATION at most; to discharge, it must be measured (`run.validation-loss`).

    Args:
        series: a column of metrics.jsonl, such as `val_loss`.
        criterion: what the value, or each value, must meet.
        at: `final`, `minimum`, `every`, or a step number as text.
        phase: only rows of this phase; empty for all.
    """
    rows = [row for row in run.rows if not phase or row.get("phase") == phase]
    points = [(row.get("step"), row[series]) for row in rows if series in row]
    if not points:
        return Verdict.inconclusive(f"{run.path}: metrics.jsonl has no {series}{f' in phase {phase}' if phase else ''}")
    chosen = _chosen(points, at)
    if chosen is None:
        return Verdict.inconclusive(
            f"{run.path}: {series} was not logged at {at!r}; use final, minimum, every or a logged step"
        )
    failing = next(((step, value) for step, value in chosen if not criterion.holds(value)), None)
    step, value = failing or chosen[-1]
    return Verdict.of(
        failing is None,
        found=f"metrics.jsonl: {series} is {value} at step {step}, expected {criterion} ({at})",
        examined=(len(chosen), "values"),
        **{series: value if isinstance(value, _PLAIN) else None},
    )


def _chosen(points: list[tuple[Any, Any]], at: str) -> list[tuple[Any, Any]] | None:
    if at == "every":
        return points
    if at == "final":
        return points[-1:]
    if at == "minimum":
        numbers = [point for point in points if isinstance(point[1], (int, float))]
        return [min(numbers, key=lambda point: point[1])] if numbers else None
    return [point for point in points if str(point[0]) == at] or None


@metric.counterexample
def values_that_miss(run: Run, *, series: str, criterion: Criterion) -> Run:
    """The same series with every value replaced by one that misses the criterion."""
    if not run.series(series):
        raise NotApplicable(f"the run has no series {series}")
    value = missing(criterion)
    if not isinstance(value, (int, float)):
        raise NotApplicable(f"no number misses {criterion}")
    return run.with_series(series, lambda points: [(step, float(value)) for step, _ in points])


@falsifier("command")
def command(
    command: Command,
    *,
    exit_code: Criterion = Criterion(equals=0),
    stderr_contains: tuple[str, ...] = (),
    writes_nothing: bool = False,
    timeout_seconds: float = 120.0,
) -> Verdict:
    """A program of this workspace, run as artifacts.yaml names it, ends as claimed: exit code, message, files.

    Args:
        exit_code: what the exit code must meet.
        stderr_contains: texts that must all occur on stderr, letter by letter (no patterns).
        writes_nothing: whether the output folder must stay empty.
        timeout_seconds: after how many seconds the program is ended and the verdict inconclusive.
    """
    completed = command.run(timeout_seconds)
    if completed.timed_out:
        return Verdict.inconclusive(
            f"{' '.join(command.argv)}: was ended after {timeout_seconds:g} s without an answer"
        )
    faults = []
    if not exit_code.holds(completed.exit_code):
        faults.append(f"exit code {completed.exit_code}, expected {exit_code}")
    absent = [text for text in stderr_contains if text not in completed.stderr]
    if absent:
        last = (completed.stderr.strip().splitlines() or ["nothing"])[-1]
        faults.append(f"stderr does not say {json.dumps(absent[0])}; its last line is {json.dumps(last[:200])}")
    if writes_nothing and completed.written:
        faults.append(f"it wrote {', '.join(completed.written[:3])} ({len(completed.written)} files), expected nothing")
    return Verdict.of(
        not faults,
        found=f"{' '.join(command.argv)}: {'; '.join(faults)}. The guard was removed, or refuses for another reason",
        examined=(2 + len(stderr_contains), "conditions"),
        exit_code=completed.exit_code,
        files_written=len(completed.written),
    )


@command.counterexample
def another_exit_code(command: Command, *, exit_code: Criterion, stderr_contains: tuple[str, ...]) -> Command:
    """The same words with an exit code that misses the criterion."""
    code = next((code for code in (0, 1, 2, 255) if not exit_code.holds(code)), None)
    if code is None:
        raise NotApplicable(f"every exit code is {exit_code}")
    return command.answering(exit_code=code, stderr="\n".join(stderr_contains), written=())


@command.counterexample
def silence(command: Command, *, exit_code: Criterion, stderr_contains: tuple[str, ...]) -> Command:
    """The right exit code without a word of why; where no word is asked for, a wrong code."""
    code = next((code for code in range(256) if exit_code.holds(code) == bool(stderr_contains)), None)
    if code is None:
        raise NotApplicable(f"no exit code is {exit_code}")
    return command.answering(exit_code=code, stderr="", written=())


@command.counterexample
def a_file_written(
    command: Command, *, exit_code: Criterion, stderr_contains: tuple[str, ...], writes_nothing: bool
) -> Command:
    """A refusal that leaves a checkpoint behind; where writing is allowed, a wrong exit code."""
    code = next((code for code in range(256) if exit_code.holds(code) == writes_nothing), None)
    if code is None:
        raise NotApplicable(f"no exit code is {exit_code}")
    return command.answering(exit_code=code, stderr="\n".join(stderr_contains), written=("model.safetensors",))
