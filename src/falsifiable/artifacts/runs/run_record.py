"""Run records: what a training run says of itself in ``run.yaml`` and ``step_zero.json``, read and checked for form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import is_mutant
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.confinement import confined_path
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.json_reader import read_json

RUN_RECORD_FORMAT = 1
NOT_FINITE = frozenset({"nan", "inf", "-inf"})  # how a recorder writes a number that JSON has no word for

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RecordedArtifact:
    """An artifact as the record names it: relative path, size in bytes, sha256 of the file or folder."""

    path: str
    size: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordedMetric:
    """The final value of a metric and the step it belongs to."""

    value: float
    step: int | None


@dataclass(frozen=True, slots=True)
class RecordedTensor:
    """A tensor before the first step: BLAKE3 over its row-major little-endian bytes in the init file's dtype."""

    blake3: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StepZero:
    """The state before the first step: dtype of the init file, tensors by Hugging Face name, loss in nats per token."""

    dtype: str
    tensors: Mapping[str, RecordedTensor]
    val_loss: float | None


def read_record(content: bytes, path: Path, limits: Limits) -> dict[str, Any]:
    """The fields of ``run.yaml``. Raises ArtifactError; ``unsound`` where it is no YAML, or is cut."""
    from falsifiable.contracts.limits import ContractLimits
    from falsifiable.contracts.nodes import plain
    from falsifiable.contracts.yaml_reader import read_yaml

    if b"run_record" not in content:
        raise ArtifactError(path, "has no key run_record", expected=f"run_record: {RUN_RECORD_FORMAT}")
    yaml = read_yaml(content, shown=str(path), limits=ContractLimits(max_contract_bytes=limits.run_record_bytes))
    if yaml.root is None or yaml.diagnostics:
        fault = yaml.diagnostics[0]
        where = f"line {fault.line}, column {fault.column}"
        raise ArtifactError(path, f"{where}: {fault.message}", hint=fault.hint or None, kind="unsound")
    record: dict[str, Any] = plain(yaml.root)
    if record.get("run_record") != RUN_RECORD_FORMAT:
        raise ArtifactError(path, f"run_record is {record.get('run_record')!r}", expected=str(RUN_RECORD_FORMAT))
    missing = [key for key in ("run_id", "metrics", "artifacts") if key not in record]
    if missing:
        raise _unsound(path, f"has no key {', '.join(missing)}: it is cut, or no recorder wrote it")
    return record


def artifacts_in(record: Mapping[str, Any], path: Path) -> Mapping[str, RecordedArtifact]:
    """Role -> artifact, as a record at ``path`` names them. Raises ArtifactError for one that lies elsewhere."""
    recorded = {}
    for role, entry in _mapping(record, "artifacts", path).items():
        where = f"artifacts.{role}"
        if not isinstance(entry, Mapping):
            raise _unsound(path, f"{where} is {entry!r}", "a mapping with path, size and sha256")
        sha256, size = entry.get("sha256"), entry.get("size")
        if not isinstance(sha256, str) or not (_DIGEST.fullmatch(sha256) or is_mutant(sha256)):
            raise _unsound(path, f"{where}.sha256 is {sha256!r}", "64 lower-case hexadecimal digits")
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            raise _unsound(path, f"{where}.size is {size!r}", "a number of bytes")
        confined_path(path.parent, entry.get("path"), path, f"{where}.path")
        recorded[role] = RecordedArtifact(entry["path"], size, sha256)
    return MappingProxyType(recorded)


def metrics_in(record: Mapping[str, Any], path: Path) -> Mapping[str, RecordedMetric]:
    """Name -> final value, as a record at ``path`` states them. Raises ArtifactError for what is no number."""
    recorded = {}
    for name, entry in _mapping(record, "metrics", path).items():
        value = entry.get("value") if isinstance(entry, Mapping) else None
        step = entry.get("step") if isinstance(entry, Mapping) else None
        if isinstance(value, str) and value.lower() in NOT_FINITE:
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _unsound(path, f"metrics.{name} is {entry!r}", "a mapping with value, a number, and step")
        if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
            raise _unsound(path, f"metrics.{name}.step is {step!r}", "a whole number")
        recorded[name] = RecordedMetric(value, step)
    return MappingProxyType(recorded)


def read_step_zero(source: SourceFile, limits: Limits) -> StepZero:
    """What ``step_zero.json`` says. Raises ArtifactError (unsound) where that is no state before a first step."""
    if source.size > limits.json_bytes:
        raise ArtifactError(source.path, f"{source.size} bytes", expected=f"at most {limits.json_bytes} bytes")
    stored = read_json(source.read(0, source.size), source.path, limits=limits, kind="unsound")
    tensors = stored.get("tensors") if isinstance(stored, dict) else None
    if not isinstance(tensors, dict) or not isinstance(stored.get("dtype"), str):
        raise _unsound(source.path, "has no tensors or no dtype", "an object with dtype, tensors and val_loss")
    loss = stored.get("val_loss")
    if loss is not None and (not isinstance(loss, int | float) or not math.isfinite(loss)):
        raise _unsound(source.path, f"val_loss is {loss!r}", "a finite number")
    read = {name: _recorded_tensor(name, entry, source.path) for name, entry in tensors.items()}
    return StepZero(stored["dtype"], MappingProxyType(read), loss)


def _recorded_tensor(name: str, entry: Any, path: Path) -> RecordedTensor:
    blake3, shape = (entry.get("blake3"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
    if not isinstance(shape, list) or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise _unsound(path, f"tensors[{name!r}].shape is {shape!r}", "a list of sizes")
    if blake3 is None and "sha256" in entry:
        raise ArtifactError(
            path,
            f"tensors[{name!r}] has a sha256: an earlier version of the recorder wrote it",
            expected="a blake3",
            hint="Train again with this version",
        )
    if not isinstance(blake3, str) or not _DIGEST.fullmatch(blake3):
        raise _unsound(path, f"tensors[{name!r}].blake3 is {blake3!r}", "64 lower-case hexadecimal digits")
    return RecordedTensor(blake3, tuple(shape))


def _mapping(record: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    value = record.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _unsound(path, f"{key} is {value!r}", "a mapping")
    return value


def _unsound(path: Path, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
