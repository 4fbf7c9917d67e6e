"""``RunRecorder``: the run record, kept valid on disk from the first moment of a run to the last."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from falsifiable.recorder.digests import digest_of, size_of
from falsifiable.recorder.environment import commit_and_dirty, describe_environment

if TYPE_CHECKING:
    import torch

RUN_RECORD_FORMAT = 1
RECORD, METRICS, STEP_ZERO = "run.yaml", "metrics.jsonl", "step_zero.json"

EndReason = Literal["completed", "early_stop", "diverged", "failed", "interrupted"]


class RunRecorder:
    """Records one run in ``folder``: ``run.yaml``, ``metrics.jsonl`` and ``step_zero.json``.

    The record is on disk from the moment the context is entered, and says ``interrupted`` until the run proves
    otherwise: a run that is killed leaves a valid record that does not claim to have completed. Leaving the context
    normally makes it ``completed``, an exception ``failed``, Ctrl-C ``interrupted``; :meth:`end` names another reason.

    What was asked for is given here; what actually happened is reported while training by :meth:`observe_model`,
    :meth:`observe_seed`, :meth:`observe_init` and :meth:`observe_data`, and stays null where nothing reported it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        command: Sequence[str],
        seed: int,
        device: str,
        dtype: str,
        data: str,
        steps: int,
        init: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        repository: Path | None = None,
    ) -> None:
        """Prepare the record; nothing is written before the context is entered.

        Args:
            folder: the run folder, created if missing.
            command: the program and its arguments.
            seed, device, dtype, data, init: as requested by whoever started the run.
            steps: the number of optimiser steps planned, of the phase that ``init`` starts.
            inputs: what the run depends on, kept in the record as it is, to tell an unchanged run.
            repository: a folder inside the git repository of the code; the working directory when absent.
        """
        commit, dirty = commit_and_dirty(repository or Path.cwd())
        self.folder = folder
        self._metrics_file: IO[str] | None = None
        self._end_reason: EndReason | None = None
        self._record: dict[str, Any] = {
            "run_record": RUN_RECORD_FORMAT,
            "run_id": str(uuid.uuid4()),
            "commit": commit,
            "dirty": dirty,
            "command": list(command),
            "started": _now(),
            "ended": None,
            "environment": describe_environment(),
            "seed": {"requested": seed, "actual": None},
            "device": {"requested": device, "actual": None},
            "dtype": {"requested": dtype, "actual": None},
            "init": {"requested": init, "actual": None, "sha256": None},
            "data": {"requested": data, "actual": None},
            "architecture": {},
            "datasets": {},
            "parameters": None,
            "steps": {"planned": steps, "done": 0},
            "end_reason": "interrupted",
            "metrics": {},
            "artifacts": {},
            "inputs": dict(inputs or {}),
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.save()
        self._metrics_file = (self.folder / METRICS).open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._metrics_file is not None:
            self._metrics_file.close()
        for role, name in (("metrics", METRICS), ("step_zero", STEP_ZERO)):
            if (self.folder / name).exists():
                self.artifact(role, self.folder / name)
        self._record["end_reason"] = self._end_reason or _reason_for(kind)
        if error is not None and self._record["end_reason"] == "failed":
            self._record["error"] = f"{type(error).__name__}: {error}"
        self._record["ended"] = _now()
        self.save()

    def observe_model(self, model: torch.nn.Module) -> None:
        """Record the device, the dtype and the number of parameters that the model's tensors really have."""
        from falsifiable.recorder.state import residency

        seen = residency(model)
        self._record["device"]["actual"] = seen.device
        self._record["dtype"]["actual"] = seen.dtype
        self._record["environment"]["cuda"] = seen.cuda
        self._record["parameters"] = seen.parameters

    def observe_seed(self) -> None:
        """Record the seed that torch's generator was really started from."""
        import torch

        self._record["seed"]["actual"] = torch.initial_seed()

    def observe_data(self, name: str) -> None:
        """Record the data that was really opened."""
        self._record["data"]["actual"] = name

    def observe_init(self, path: Path) -> None:
        """Record the checkpoint that was really loaded, by its path in the run folder and its digest."""
        self.artifact("init", path)
        artifact = self._record["artifacts"]["init"]
        self._record["init"].update(actual=artifact["path"], sha256=artifact["sha256"])

    def step_zero(self, model: torch.nn.Module, *, dtype: str, val_loss: float) -> None:
        """Write the fingerprints of the state before the first step, in the dtype of the checkpoint it came from."""
        from falsifiable.evidence import write_atomically
        from falsifiable.recorder.state import tensor_fingerprints

        content = {"dtype": dtype, "tensors": tensor_fingerprints(model, dtype), "val_loss": val_loss}
        write_atomically(self.folder / STEP_ZERO, json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")

    def architecture(self, family: str, **fields: object) -> None:
        """Record the shape that the run trains, under the canonical names of a model's configuration."""
        self._record["architecture"] = {"family": family, **fields}

    def dataset(
        self, split: str, *, sha256: str, files: int, tokens: int, real_share: float, path: str | None = None
    ) -> None:
        """Record one split of the data; ``real_share`` is the fraction of rows that nobody made up, 0 to 1."""
        self._record["datasets"][split] = {
            "sha256": sha256,
            "files": files,
            "tokens": tokens,
            "real_share": real_share,
            "path": path,
        }

    def log(self, phase: str, step: int, **values: float) -> None:
        """Append one line to ``metrics.jsonl``; a number that is not finite is written as text."""
        if self._metrics_file is None:
            raise RuntimeError("log() outside the recorder's context")
        row = {"phase": phase, "step": step, **{name: _json_number(value) for name, value in values.items()}}
        self._metrics_file.write(json.dumps(row) + "\n")
        self._metrics_file.flush()

    def metric(self, name: str, value: float, step: int) -> None:
        """Record the final value of a metric and the step it belongs to."""
        self._record["metrics"][name] = {"value": value, "step": step}

    def steps_done(self, steps: int) -> None:
        """Record how many of the planned steps have been taken."""
        self._record["steps"]["done"] = steps

    def artifact(self, role: str, path: Path) -> None:
        """Record a file or folder of the run by its size in bytes and its sha256 as they are now."""
        relative = path.relative_to(self.folder).as_posix()
        self._record["artifacts"][role] = {"path": relative, "size": size_of(path), "sha256": digest_of(path)}

    def end(self, reason: EndReason) -> None:
        """Say why the run ends, where it is not the reason that leaving the context would give."""
        self._end_reason = reason

    def save(self) -> None:
        """Write the record as it stands, synced to disk; call it after a milestone that must survive a kill."""
        import yaml

        from falsifiable.evidence import write_atomically

        content = yaml.safe_dump(self._record, sort_keys=False, allow_unicode=True)
        write_atomically(self.folder / RECORD, content.encode())


def _reason_for(error: type[BaseException] | None) -> EndReason:
    if error is None:
        return "completed"
    return "interrupted" if issubclass(error, KeyboardInterrupt) else "failed"


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
