"""``RunRecorder``: the run record, kept valid on disk from the first moment of a run to the last."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from falsifiable.recorder.digests import digest_of, size_of
from falsifiable.recorder.environment import changed_paths, commit_and_dirty, describe_environment
from falsifiable.recorder.launch import is_distributed, observed_ranks, requested_world_size, this_rank

if TYPE_CHECKING:
    import torch

    from falsifiable.recorder.checkpoints import CheckpointJudge

RUN_RECORD_FORMAT = 1
RECORD, METRICS, STEP_ZERO = "run.yaml", "metrics.jsonl", "step_zero.json"

EndReason = Literal["completed", "early_stop", "diverged", "failed", "interrupted"]
DataKind = Literal["synthetic", "partial-real", "real"]

# While steps are logged the record is brought up to date on disk, so seldom that saving takes at most this share of
# the time: a record of many artifacts, or a slow disk, is saved less often.
_SAVING_SHARE = 1 / 1_000
_NOTHING = hashlib.sha256().hexdigest()


class RunRecorder:
    """Records one run in ``folder``: ``run.yaml``, ``metrics.jsonl`` and ``step_zero.json``.

    The record is on disk from the moment the context is entered, and says ``interrupted`` until the run proves
    otherwise: a run that is killed leaves a valid record that does not claim to have completed. Leaving the context
    normally makes it ``completed``, an exception ``failed``, Ctrl-C ``interrupted``; :meth:`end` names another reason.

    What was asked for is given here; what actually happened is reported while training by the ``observe_`` methods, and
    stays null where nothing reported it. Where several processes train together each may have a recorder for the same
    folder: the one of rank 0 writes, the others write nothing.
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
        steps: int | None,
        first_step: int = 0,
        init: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        repository: Path | None = None,
        validate_checkpoints: bool | Sequence[str] = False,
    ) -> None:
        """Prepare the record; nothing is written before the context is entered.

        Args:
            folder: the run folder, created if missing.
            command: the program and its arguments.
            seed, device, dtype, data, init: as requested by whoever started the run.
            steps: the number of optimiser steps planned, of the phase that ``init`` starts; None where it is not known
                yet, see :meth:`window`.
            first_step: the step that this run begins at, where it goes on from another.
            inputs: what the run depends on, kept in the record as it is, to tell an unchanged run.
            repository: a folder inside the git repository of the code; the working directory when absent.
            validate_checkpoints: judge every checkpoint as it is saved, and stop a run whose checkpoint is falsified.
                True asks the shipped contract of the program that loads its format; a list names contracts of the
                workspace at ``repository``.
        """
        self.folder = folder
        self._repository = repository or Path.cwd()
        self._validate_checkpoints = validate_checkpoints
        self._judge: CheckpointJudge | None = None
        self._writes = True
        self._metrics_file: IO[str] | None = None
        self._end_reason: EndReason | None = None
        self._next_save = 0.0
        commit, dirty = commit_and_dirty(self._repository)
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
            "device": {"requested": device, "actual": None, "memory_bytes": None},
            "dtype": {"requested": dtype, "actual": None},
            "init": {"requested": init, "actual": None, "sha256": None},
            "data": {"requested": data, "actual": None},
            "architecture": {},
            "datasets": {},
            "parameters": None,
            "steps": {"planned": steps, "done": 0},
            "changes": {"base": commit, "paths": None},
            "launch": {"world_size": {"requested": requested_world_size(), "actual": None}, "ranks": []},
            "checkpoints": [],
            "end_reason": "interrupted",
            "metrics": {},
            "artifacts": {},
            "inputs": dict(inputs or {}),
        }
        if steps is not None:
            self.window(first_step, first_step + steps)

    def __enter__(self) -> Self:
        self._writes = this_rank() == 0
        if self._record["launch"]["world_size"]["requested"] == 1 and not is_distributed():
            self.observe_launch()
        if self._writes:
            if self._validate_checkpoints:
                from falsifiable.recorder.checkpoints import CheckpointJudge

                self._judge = CheckpointJudge.of(self._validate_checkpoints, self._repository)
            self.folder.mkdir(parents=True, exist_ok=True)
            self._observe_changes()
            self._disown_what_an_earlier_run_left()
            self.save()
            self._metrics_file = (self.folder / METRICS).open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._writes:
            return
        if self._metrics_file is not None:
            self._metrics_file.close()
            self._metrics_file = None
        for role, name in (("metrics", METRICS), ("step_zero", STEP_ZERO)):
            if (self.folder / name).exists():
                self.artifact(role, self.folder / name)
        self._record["end_reason"] = self._end_reason or _reason_for(kind)
        if error is not None and self._record["end_reason"] == "failed":
            self._record["error"] = f"{type(error).__name__}: {error}"
        self._observe_changes()
        self._record["ended"] = _now()
        self.save()

    # What really happened

    def observe_model(self, model: torch.nn.Module) -> None:
        """Record the device, the dtype and the number of parameters that the model's tensors really have.

        Call it again after training: a model that was elsewhere in between is recorded in all of its places, and of
        the memory that the driver counts for this process the most is kept.
        """
        from falsifiable.recorder.state import residency

        seen = residency(model)
        device, dtype = self._record["device"], self._record["dtype"]
        device["actual"] = _joined(device["actual"], seen.devices)
        dtype["actual"] = _joined(dtype["actual"], seen.dtypes)
        if seen.memory_bytes is not None:
            device["memory_bytes"] = max(seen.memory_bytes, device["memory_bytes"] or 0)
        self._record["environment"]["cuda"] = seen.cuda or self._record["environment"]["cuda"]
        self._record["parameters"] = seen.parameters

    def observe_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Record the optimiser and how many tensors its state holds; call it before the first step of a phase."""
        from falsifiable.recorder.state import optimizer_state

        name, tensors = optimizer_state(optimizer)
        self._record["optimizer"] = {"class": name, "state_tensors_at_step_zero": tensors}

    def observe_batch(self, token_ids: torch.Tensor, *, accumulation: int = 1) -> None:
        """Record the shape [sequences, tokens] of what a forward pass gets; an update sums over ``accumulation``."""
        sequences, length = (int(size) for size in token_ids.shape)
        self._record["batch"] = {"sequences": sequences, "sequence_length": length, "accumulation": accumulation}

    def observe_launch(self) -> None:
        """Record every process that trains along: all of them must call this once they have joined.

        A run of one process needs no call.
        """
        ranks = observed_ranks()
        self._record["launch"]["world_size"]["actual"] = len(ranks)
        self._record["launch"]["ranks"] = ranks

    def observe_seed(self) -> None:
        """Record the seed that torch's generator was really started from."""
        import torch

        self._record["seed"]["actual"] = torch.initial_seed()

    def observe_data(self, name: str) -> None:
        """Record the data that was really opened."""
        self._record["data"]["actual"] = name

    def observe_init(self, path: Path) -> None:
        """Record the checkpoint that was really loaded, by its path in the run folder and its digest."""
        if self._writes:
            self.artifact("init", path)
            artifact = self._record["artifacts"]["init"]
            self._record["init"].update(actual=artifact["path"], sha256=artifact["sha256"])

    def step_zero(self, model: torch.nn.Module, *, dtype: str, val_loss: float) -> None:
        """Write the fingerprints of the state before the first step, in the dtype of the checkpoint it came from."""
        from falsifiable.evidence import write_atomically
        from falsifiable.recorder.state import tensor_fingerprints

        if self._writes:
            content = {"dtype": dtype, "tensors": tensor_fingerprints(model, dtype), "val_loss": val_loss}
            write_atomically(self.folder / STEP_ZERO, json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")

    # What is trained, on what

    def architecture(self, family: str, **fields: object) -> None:
        """Record the shape that the run trains, under the canonical names of a model's configuration."""
        self._record["architecture"] = {"family": family, **fields}

    def adapter(self, base: str, *, rank: int, scale: float, targets: Sequence[str], layers: Sequence[int]) -> None:
        """Record which base model is adapted, by the ends of which modules' names in which layers, and how."""
        shape = {"rank": rank, "scale": scale, "targets": list(targets), "layers": list(layers)}
        self._record["adapter"] = {"base": base, **shape}

    def window(self, first_step: int, last_step: int) -> None:
        """Record the steps that this run is to take: it begins after ``first_step`` and ends with ``last_step``."""
        self._record["window"] = {"first_step": first_step, "last_step": last_step}
        self._record["steps"]["planned"] = last_step - first_step

    def early_stopping(self, *, patience: int | None, held_out_tokens: int) -> None:
        """Record after how many evaluations without improvement the run stops (None: never), and what each is over."""
        self._record["early_stopping"] = {"patience": patience, "held_out_tokens": held_out_tokens}

    def dataset(
        self,
        split: str,
        *,
        sha256: str,
        files: int,
        tokens: int,
        real_share: float,
        kind: DataKind | None = None,
        path: str | None = None,
    ) -> None:
        """Record one split of the data.

        ``real_share`` is the fraction of rows that nobody made up, 0 to 1; ``kind`` is what follows from it unless it
        is stated.
        """
        self._record["datasets"][split] = {
            "sha256": sha256,
            "files": files,
            "tokens": tokens,
            "real_share": real_share,
            "kind": kind or _kind_of(real_share),
            "path": path,
        }

    # What came out of it

    def log(self, phase: str, step: int, **values: float) -> None:
        """Append one line to ``metrics.jsonl``; a number that is not finite is written as text.

        The line is with the operating system when this returns: a process that is killed loses none. Now and then the
        record is saved as well.
        """
        if not self._writes:
            return
        if self._metrics_file is None:
            raise RuntimeError("log() outside the recorder's context")
        row = {"phase": phase, "step": step, **{name: _json_number(value) for name, value in values.items()}}
        self._metrics_file.write(json.dumps(row) + "\n")
        self._metrics_file.flush()
        if time.monotonic() >= self._next_save:
            self.save()

    def metric(self, name: str, value: float, step: int) -> None:
        """Record the final value of a metric and the step it belongs to."""
        self._record["metrics"][name] = {"value": _json_number(value), "step": step}

    def steps_done(self, steps: int) -> None:
        """Record how many of the planned steps have been taken."""
        self._record["steps"]["done"] = steps

    def artifact(self, role: str, path: Path) -> None:
        """Record a file or folder of the run by its size in bytes and its sha256 as they are now."""
        if self._writes:
            relative = self.checked_inside(path)
            self._record["artifacts"][role] = {"path": relative, "size": size_of(path), "sha256": digest_of(path)}

    def checkpoint(self, path: Path, step: int) -> None:
        """Record a checkpoint that was saved at ``step``, and judge it if the recorder was asked to.

        Raises:
            ProvablyBroken: a claim about it is falsified; the record then says which, and that the run failed.
        """
        if not self._writes:
            return
        saved = {"step": step, "path": self.checked_inside(path), "sha256": digest_of(path), "saved": _now()}
        self._record["checkpoints"].append(saved)
        self.save()
        if self._judge is not None:
            judged = self._judge.judge(path)
            saved["verdicts"] = judged.counts
            if judged.falsified:
                saved["falsified"] = list(judged.falsified)
            self.save()
            judged.demand_sound(step)

    def end(self, reason: EndReason) -> None:
        """Say why the run ends, where it is not the reason that leaving the context would give."""
        self._end_reason = reason

    def save(self) -> None:
        """Write the record as it stands, synced to disk; call it after a milestone that must survive a kill."""
        if not self._writes:
            return
        from falsifiable.evidence import write_atomically

        began = time.monotonic()
        write_atomically(self.folder / RECORD, _as_yaml(self._record))
        ended = time.monotonic()
        self._next_save = ended + (ended - began) / _SAVING_SHARE

    def checked_inside(self, path: Path) -> str:
        """The path from the run folder. Raises ValueError for one that lies outside: a record names its own files."""
        try:
            return path.absolute().relative_to(self.folder.absolute()).as_posix()
        except ValueError:
            raise ValueError(f"{path} lies outside the run folder {self.folder}") from None

    def _observe_changes(self) -> None:
        base = self._record["changes"]["base"]
        if base is not None:
            self._record["changes"]["paths"] = changed_paths(self._repository, base, self.folder)

    def _disown_what_an_earlier_run_left(self) -> None:
        """Replace an earlier run's record and remove its log, such that no moment in between shows them as this run's.

        Until they are gone the record states them as empty, which they are not.
        """
        for temporary in leftovers(self.folder):
            temporary.unlink(missing_ok=True)
        left = {role: name for role, name in (("metrics", METRICS), ("step_zero", STEP_ZERO))
                if (self.folder / name).exists()}  # fmt: skip
        if not left:
            return
        for role, name in left.items():
            self._record["artifacts"][role] = {"path": name, "size": 0, "sha256": _NOTHING}
        self.save()
        for role, name in left.items():
            (self.folder / name).unlink()
            del self._record["artifacts"][role]


def leftovers(folder: Path) -> list[Path]:
    """Half-written files that a recorder which was killed while it saved left in a run folder."""
    from falsifiable.evidence.atomic import TEMPORARY_SUFFIX

    return [one for name in (RECORD, STEP_ZERO) for one in folder.glob(f".{name}.*{TEMPORARY_SUFFIX}")]


def _as_yaml(record: Mapping[str, Any]) -> bytes:
    import yaml

    # The dumper in C writes the same text in a tenth of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(record, Dumper=dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


def _joined(before: str | None, seen: Iterable[str]) -> str:
    """``cpu``, or ``cpu+cuda`` where tensors were seen in both."""
    return "+".join(sorted({*(before.split("+") if before else ()), *seen}))


def _kind_of(real_share: float) -> DataKind:
    if real_share >= 1:
        return "real"
    return "partial-real" if real_share > 0 else "synthetic"


def _reason_for(error: type[BaseException] | None) -> EndReason:
    if error is None:
        return "completed"
    return "interrupted" if issubclass(error, KeyboardInterrupt) else "failed"


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
