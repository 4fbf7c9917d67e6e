"""Runs that no recorder watched: what a trainer itself left, ``trainer_state.json``, MLX-LM's log or a plain one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.runs.metrics_log import MetricsLog
from falsifiable.artifacts.runs.mlx_log import is_mlx_log, read_mlx_log
from falsifiable.artifacts.runs.run import RECORD, Run
from falsifiable.artifacts.runs.run_record import NOT_FINITE, RecordedMetric
from falsifiable.artifacts.runs.text_log import identity_of_pattern, read_text_log
from falsifiable.artifacts.runs.trainer_state import TRAINER_STATE, read_trainer_state
from falsifiable.artifacts.sources.files import Source, SourceFile, read_small_file

_NO_QUANTITIES = frozenset({"step", "phase", "epoch"})


def open_logged_run(given: Path, pattern: str | None, limits: Limits) -> Run | None:
    """The run at ``given`` if there is nothing but what a trainer logged; None where ``run.yaml`` is to be read.

    It names no artifacts, so it vouches for none, and its metrics are the last values of what was logged.
    """
    if pattern is not None:
        return _from_text_log(given, pattern, limits)
    if given.is_dir():
        if (given / RECORD).exists():
            return None
        _refuse_folder_of_checkpoints(given)
        path = given / TRAINER_STATE
        return _from_trainer_state(given, path, limits) if path.exists() else None
    if given.suffix == ".json":
        return _from_trainer_state(given, given, limits)
    return _from_mlx_log(given, limits) if is_mlx_log(given, limits) else None


def _from_trainer_state(given: Path, path: Path, limits: Limits) -> Run:
    source, content = read_small_file(path, limits.json_bytes)
    record, log = read_trainer_state(content, path, limits)
    return _run(given, source, record, log, {})


def _from_mlx_log(path: Path, limits: Limits) -> Run:
    source = SourceFile(path)
    return _run(path, source, *read_mlx_log(source, limits), {})


def _from_text_log(path: Path, pattern: str, limits: Limits) -> Run:
    if path.is_dir():
        raise ArtifactError(path, "is a folder, and a pattern reads one log", hint="Bind the role to the log itself")
    source = SourceFile(path)
    return _run(path, source, {}, read_text_log(source, pattern, limits), identity_of_pattern(pattern))


def _refuse_folder_of_checkpoints(folder: Path) -> None:
    """Of several states none is the run's; which one is meant must be said."""
    if (folder / TRAINER_STATE).exists():
        return
    checkpoints = sorted(folder.glob(f"checkpoint-*/{TRAINER_STATE}"), key=lambda one: (len(one.parts[-2]), one))
    if checkpoints:
        raise ArtifactError(
            folder,
            f"holds no {RECORD} and no {TRAINER_STATE}, and {len(checkpoints)} checkpoints that have one",
            expected="the folder of one checkpoint",
            hint=f"Bind the run to {checkpoints[-1].parent.name}",
        )


def _run(given: Path, source: Source, stated: dict[str, Any], log: MetricsLog, identity: Mapping[str, str]) -> Run:
    final: dict[str, RecordedMetric] = {}
    for row in log.rows:
        final |= {
            name: RecordedMetric(float(value) if isinstance(value, str) else value, row["step"])
            for name, value in row.items()
            if name not in _NO_QUANTITIES and _is_number(value)
        }
    metrics = {name: {"value": metric.value, "step": metric.step} for name, metric in final.items()}
    digests = {source.relative: source.sha256()}
    return Run(
        path=source.path,
        record=MappingProxyType({**stated, "metrics": metrics}),
        artifacts=MappingProxyType({}),
        metrics=MappingProxyType(final),
        rows=log.rows,
        torn=log.torn,
        state_at_step_zero=None,
        file_digests=MappingProxyType(digests),
        digest=digest_of_files(given, {**digests, **identity}),
    )


def _is_number(value: object) -> bool:
    """Whether it is a number, or the text of one that is not finite: the last loss of a run that diverged is that."""
    if isinstance(value, str):
        return value in NOT_FINITE
    return isinstance(value, int | float) and not isinstance(value, bool)
