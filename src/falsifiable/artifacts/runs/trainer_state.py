"""``trainer_state.json``: how far a run of the Hugging Face Trainer came, and what it logged on the way.

The file is what ``transformers.TrainerState`` saves into every checkpoint folder: its fields as JSON, ``log_history``
among them, a list with one object per logging, evaluation and end of training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.runs.metrics_log import MetricsLog, Row, with_usual_names
from falsifiable.artifacts.sources.json_reader import read_json

TRAINER_STATE = "trainer_state.json"
AFTER_TRAINING, SUMMARY = "after_training", "summary"

# The Trainer logs this once, at the end, beside a ``train_loss`` that is the mean over all steps and not the last loss.
_ONLY_IN_SUMMARY = "train_runtime"
# How long an evaluation took: another each time, of the same weights at the same step too.
_TIMINGS = re.compile(r"\w+_(?:runtime|(?:samples|steps|tokens)_per_second)")
_NOT_A_NUMBER = re.compile(rb'"([^"\\]*)"\s*:\s*(-?(?:NaN|Infinity))')
_STEP = re.compile(rb'"step"\s*:\s*(\d+)')


def read_trainer_state(
    content: bytes, path: Path, limits: Limits = DEFAULT_LIMITS
) -> tuple[dict[str, Any], MetricsLog]:
    """What the file states, and the log in it.

    The record holds the fields as stored except ``log_history``, and ``steps.planned`` and ``steps.done`` as a run
    record has them (``max_steps`` and ``global_step``). ``best_metric`` stays what it is: the best, not the final one.

    A row holds what was logged at one step, under the stored names and as ``train_loss`` and ``val_loss``. The
    Trainer's summary, whose ``train_loss`` is a mean over the run, and what was evaluated once training had ended,
    perhaps with the best weights instead of the last, stand in the record under ``summary`` and ``after_training``.

    Raises:
        ArtifactError: ``unreadable`` for what is no such file; ``unsound`` for one that is cut, has a value that is no
            number, a step that goes back, or two values of one quantity at one step.
    """
    stored = _parsed(content, path, limits)
    history = stored.pop("log_history")
    done = _count(stored, "global_step", path)
    planned = _count(stored, "max_steps", path)
    record = {**stored, "steps": {"planned": planned if planned and planned > 0 else None, "done": done}}
    rows: dict[int, dict[str, Any]] = {}
    last, ended_at = 0, None
    for place, entry in enumerate(history):
        step = _step(entry, place, path)
        if step < last:
            raise _unsound(path, f"log_history[{place}]: step {step} comes after step {last}", "steps that grow")
        if done is not None and step > done:
            raise _unsound(path, f"log_history[{place}] is of step {step}, and global_step is {done}")
        last = step
        if _ONLY_IN_SUMMARY in entry:
            record[SUMMARY], ended_at = entry, step
        elif step == ended_at:
            record[AFTER_TRAINING] = {**record.get(AFTER_TRAINING, {}), **with_usual_names(entry)}
        else:
            _add(rows, step, entry, place, path)
    if len(rows) > limits.metrics_rows:
        raise ArtifactError(path, f"{len(rows)} logged steps", expected=f"at most {limits.metrics_rows}")
    return record, MetricsLog(tuple(MappingProxyType(with_usual_names(row)) for row in rows.values()))


def _parsed(content: bytes, path: Path, limits: Limits) -> dict[str, Any]:
    is_object = content.lstrip()[:1] == b"{"
    try:
        stored = read_json(content, path, limits=limits, kind="unsound" if is_object else "unreadable")
    except ArtifactError as error:
        found = _NOT_A_NUMBER.search(content)
        if found is None or not is_object or "is not a JSON number" not in error.message:
            raise
        said = f"{_step_around(content, found.start())}{found[1].decode('utf-8', 'replace')} is {found[2].decode()}"
        raise ArtifactError(path, f"{said}, not a number", offset=found.start(), kind="unsound") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("log_history"), list):
        raise ArtifactError(path, "has no list log_history", expected="what the Hugging Face Trainer saves")
    return stored


def _step_around(content: bytes, place: int) -> str:
    """``"step 20: "`` for a place within the object of that step; an entry of the history holds no other object."""
    entry = content[content.rfind(b"{", 0, place) : content.find(b"}", place) + 1]
    found = _STEP.search(entry)
    return f"step {found[1].decode()}: " if found else ""


def _step(entry: Any, place: int, path: Path) -> int:
    step = entry.get("step") if isinstance(entry, Mapping) else None
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        raise _unsound(path, f"log_history[{place}].step is {step!r}", "a whole number of at least 0")
    return step


def _add(rows: dict[int, dict[str, Any]], step: int, entry: Row, place: int, path: Path) -> None:
    """Losses and evaluations of one step are entries of their own, and one row here."""
    row = rows.setdefault(step, {})
    for name, value in entry.items():
        if name in row and row[name] != value and not _TIMINGS.fullmatch(name):
            message = f"log_history[{place}]: {name} is {value} at step {step}, and {row[name]} before"
            raise _unsound(path, message, "one value per step, from one run only")
        row[name] = value


def _count(stored: Mapping[str, Any], key: str, path: Path) -> int | None:
    value = stored.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise _unsound(path, f"{key} is {value!r}", "a number of steps")
    return value


def _unsound(path: Path, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
