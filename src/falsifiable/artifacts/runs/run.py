"""A training run, by what it left behind: ``run.yaml``, ``metrics.jsonl`` and ``step_zero.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.runs.metrics_log import MetricsLog, Row, read_metrics
from falsifiable.artifacts.runs.run_record import (
    NOT_FINITE,
    RecordedArtifact,
    RecordedMetric,
    RecordedTensor,
    StepZero,
    artifacts_in,
    metrics_in,
    read_record,
    read_step_zero,
)
from falsifiable.artifacts.sources.files import SourceFile, door, folder_digest, read_small_file

RECORD, METRICS, STEP_ZERO = "run.yaml", "metrics.jsonl", "step_zero.json"

Series = list[tuple[int, float]]
"""``(step, value)`` in the order of the log."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run:
    """A run folder. What the record does not state is None; nothing here has been checked against other artifacts.

    ``file_digests`` maps the files that were read to their sha256. A run that was killed may leave the last line of its
    log cut; it is then ``torn``, and the log goes up to the line before.
    """

    path: Path
    record: Mapping[str, Any]
    artifacts: Mapping[str, RecordedArtifact]
    metrics: Mapping[str, RecordedMetric]
    rows: tuple[Row, ...]
    torn: bool
    state_at_step_zero: StepZero | None
    file_digests: Mapping[str, str]
    digest: str

    kind: ClassVar[str] = "run"

    def __repr__(self) -> str:
        return f"<Run {str(self.path)!r}, {len(self.rows)} logged steps, {self.digest}>"

    @property
    def folder(self) -> Path:
        """The run folder, which paths in the record are relative to."""
        return self.path.parent

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read."""
        return tuple(self.folder / name for name in self.file_digests)

    @property
    def has_record(self) -> bool:
        """Whether a recorder wrote ``run.yaml``; else all that is known is what the trainer logged."""
        return "run_record" in self.record

    @property
    def run_id(self) -> str | None:
        """The run's unique name."""
        return self._text("run_id")

    @property
    def commit(self) -> str | None:
        """The commit of the code that trained."""
        return self._text("commit")

    @property
    def dirty(self) -> bool | None:
        """Whether the tree differed from that commit."""
        value = self.field("dirty")
        return value if isinstance(value, bool) else None

    @property
    def datasets(self) -> Mapping[str, Mapping[str, Any]]:
        """Split -> what the record says of it (sha256, files, tokens, real_share, path)."""
        value = self.field("datasets")
        return value if isinstance(value, Mapping) else {}

    @property
    def step_zero(self) -> Mapping[str, RecordedTensor] | None:
        """The tensors before the first step by Hugging Face name, or None where the run left no such record."""
        return None if self.state_at_step_zero is None else self.state_at_step_zero.tensors

    def field(self, dotted: str) -> Any:
        """A field of the record by its dotted name, such as ``device.actual``; None where it is missing."""
        value: Any = self.record
        for key in dotted.split("."):
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    def series(self, name: str, phase: str | None = None) -> Series:
        """A logged quantity over the steps of one phase: of ``phase``, or of the last phase that logs it.

        A value that the log holds as the text ``nan`` or ``inf`` is that float. Raises ArtifactError (unsound) for any
        other text.
        """
        phase = self._phase_of(name) if phase is None else phase
        rows = [row for row in self.rows if row.get("phase") == phase and row.get(name) is not None]
        return [(row["step"], self._number(row, name)) for row in rows]

    def has_digest(self, sha256: str) -> bool:
        """Whether the record vouches for these bytes: a file or folder of this digest came out of the run."""
        return sha256 in {artifact.sha256 for artifact in self.artifacts.values()}

    def found_digest(self, role: str) -> str | None:
        """The digest of what now lies where the record says the artifact ``role`` is; None where nothing does.

        For a log or a step-0 record that a mutation changed, it is the digest of a mutant. Raises ArtifactError where
        the files cannot be read.
        """
        path = self.artifact_path(role)
        if path is None or not path.exists():
            return None
        relative = path.relative_to(self.folder).as_posix()
        if relative in self.file_digests:
            return self.file_digests[relative]
        if not path.is_dir():
            return SourceFile(path).sha256()
        files = sorted(file for file in path.rglob("*") if not file.is_dir())
        return folder_digest({file.relative_to(path).as_posix(): SourceFile(file).sha256() for file in files})

    def artifact_path(self, role: str) -> Path | None:
        """Where the record says the artifact ``role`` lies, or None where it names none."""
        return self.folder / self.artifacts[role].path if role in self.artifacts else None

    def with_field(self, dotted: str, value: Any) -> Run:
        """The same with a field of the record set, made where it is missing."""
        record = deepcopy(dict(self.record))
        *outer, last = dotted.split(".")
        inner = record
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = value
        return self._with_record(record, f"{dotted}={value}")

    def without_field(self, dotted: str) -> Run:
        """The same without a field of the record. Raises KeyError where it has none."""
        record = deepcopy(dict(self.record))
        *outer, last = dotted.split(".")
        inner = record
        for key in outer:
            inner = inner[key]
        del inner[last]
        return self._with_record(record, f"no {dotted}")

    def with_metric(self, name: str, value: float, step: int | None = None) -> Run:
        """The same with the final value of a metric set, at ``step`` or the step that it had."""
        had = self.metrics[name].step if name in self.metrics else None
        return self.with_field(f"metrics.{name}", {"value": value, "step": had if step is None else step})

    def with_series(self, name: str, change: Callable[[Series], Series], phase: str | None = None) -> Run:
        """The same with a logged quantity replaced by what ``change`` makes of its series; see :meth:`series`."""
        phase = self._phase_of(name) if phase is None else phase
        values = dict(change(self.series(name, phase)))
        rows = []
        for row in self.rows:
            if row.get("phase") == phase:
                row = {key: value for key, value in row.items() if key != name}
                row |= {name: values.pop(row["step"])} if row["step"] in values else {}
            rows.append(row)
        rows += [{"phase": phase, "step": step, name: value} for step, value in values.items()]
        return self._with_file(METRICS, f"series {name}", rows=tuple(rows))

    def with_rows(self, change: Callable[[tuple[Row, ...]], tuple[Row, ...]]) -> Run:
        """The same with the lines of the log replaced by what ``change`` makes of them."""
        called = getattr(change, "__name__", type(change).__name__)
        return self._with_file(METRICS, f"rows {called}", rows=tuple(change(self.rows)))

    def with_torn_log(self) -> Run:
        """The same with a log whose last line is cut, as a killed run leaves it."""
        return self._with_file(METRICS, "torn", rows=self.rows[:-1], torn=True)

    def rewritten(self) -> Run:
        """The same content in other bytes: the digests of all its files differ and nothing else."""
        digests = {name: mutant_digest(digest, "rewritten") for name, digest in self.file_digests.items()}
        return replace(self, file_digests=digests, digest=mutant_digest(self.digest, "rewritten"))

    def with_step_zero(self, change: Callable[[StepZero], StepZero | None]) -> Run:
        """The same with another state before the first step; the run must have left one (ValueError)."""
        if self.state_at_step_zero is None:
            raise ValueError(f"{self.folder}: the run left no {STEP_ZERO} to change")
        return self._with_file(STEP_ZERO, "step zero", state_at_step_zero=change(self.state_at_step_zero))

    def _with_record(self, record: Mapping[str, Any], mutation: str) -> Run:
        changes = {
            "record": record,
            "artifacts": artifacts_in(record, self.path),
            "metrics": metrics_in(record, self.path),
        }
        return self._with_file(RECORD, mutation, **changes)

    def _with_file(self, name: str, mutation: str, **changes: Any) -> Run:
        role = {METRICS: "metrics", STEP_ZERO: "step_zero"}.get(name)
        name = self.artifacts[role].path if role is not None and role in self.artifacts else name
        digests = dict(self.file_digests)
        if name in digests:
            digests[name] = mutant_digest(digests[name], mutation)
        return replace(self, **changes, file_digests=digests, digest=mutant_digest(self.digest, mutation))

    def _phase_of(self, name: str) -> Any:
        return next((row.get("phase") for row in reversed(self.rows) if row.get(name) is not None), None)

    def _number(self, row: Row, name: str) -> float:
        value = row[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in NOT_FINITE:
            return float(value)
        message = f"{name} is {value!r} at step {row['step']}"
        log = self.folder / METRICS if self.has_record else self.path
        raise ArtifactError(log, message, expected="a number", kind="unsound")

    def _text(self, name: str) -> str | None:
        value = self.field(name)
        return value if isinstance(value, str) else None


@door
def open_run(path: Path | str, *, pattern: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Run:
    """The run whose folder, or whose ``run.yaml``, ``trainer_state.json``, MLX-LM log or plain log, is at ``path``.

    Args:
        path: a folder with ``run.yaml``, else with ``trainer_state.json``; or one of these files; or what MLX-LM
            printed while it trained, which is told by its lines; or a plain log.
        pattern: how a line of the plain log at ``path`` is read: a regular expression whose named groups are ``step``,
            perhaps ``phase``, and the numbers logged.
        limits: what the files may cost to read.

    Raises:
        ArtifactError: ``unreadable`` where there is no run; ``unsound`` where the record, the log or the step-0 record
            is broken or points out of the run folder.
    """
    from falsifiable.artifacts.runs.logged_run import open_logged_run

    given = Path(path)
    without_record = open_logged_run(given, pattern, limits)
    if without_record is not None:
        return without_record
    path = given / RECORD if given.is_dir() else given
    source, content = read_small_file(path, limits.run_record_bytes, relative=path.name)
    record = read_record(content, path, limits)
    artifacts, metrics = artifacts_in(record, path), metrics_in(record, path)
    sources = [source]
    log = MetricsLog()
    if (logged := _beside("metrics", METRICS, artifacts, path)) is not None:
        sources.append(logged)
        log = read_metrics(logged, limits)
    step_zero = None
    if (state := _beside("step_zero", STEP_ZERO, artifacts, path)) is not None:
        sources.append(state)
        step_zero = read_step_zero(state, limits)
    digests = {one.relative: one.sha256() for one in sources}
    return Run(
        path=path,
        record=MappingProxyType(record),
        artifacts=artifacts,
        metrics=metrics,
        rows=log.rows,
        torn=log.torn,
        state_at_step_zero=step_zero,
        file_digests=MappingProxyType(digests),
        digest=digest_of_files(given, digests),
    )


def _beside(role: str, usual: str, artifacts: Mapping[str, RecordedArtifact], path: Path) -> SourceFile | None:
    """A file of the run: where the record names it, else under its usual name; None where there is none."""
    relative = artifacts[role].path if role in artifacts else usual
    file = path.parent / relative
    return SourceFile(file, relative) if file.exists() else None
