"""Where bound bytes are known from: a run record that is bound too, or an origin record beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from falsifiable.artifacts import ArtifactError, Run, folder_digest, read_origin

Hash = Callable[[Path], str]


def vouching_record(
    path: Path, digest: str, files: Mapping[str, str], records: Iterable[Run], hash_file: Hash
) -> Run | None:
    """The first of ``records`` that vouches for an artifact: by its sha256, or in a folder recorded as it is now."""
    return next((record for record in records if _vouches(record, path, digest, files, hash_file)), None)


def has_origin(path: Path, digest: str, hash_file: Hash) -> bool:
    """Whether an origin record beside ``path`` names these very bytes. A broken origin record vouches for nothing."""
    try:
        origin = read_origin(path)
    except ArtifactError:
        return False
    if origin is None:
        return False
    return origin.has_digest(digest) or (path.is_dir() and origin.has_digest(_whole_folder(path, hash_file)))


def _vouches(record: Run, path: Path, digest: str, files: Mapping[str, str], hash_file: Hash) -> bool:
    recorded = {artifact.sha256 for artifact in record.artifacts.values()}
    if digest in recorded or (files and set(files.values()) <= recorded):
        return True
    if path.is_dir() and _whole_folder(path, hash_file) in recorded:
        return True
    return _lies_in_intact_folder(record, path, hash_file)


def _lies_in_intact_folder(record: Run, path: Path, hash_file: Hash) -> bool:
    """Whether the artifact is part of a folder that the record names, and that folder is as it was recorded."""
    for role, artifact in record.artifacts.items():
        folder = record.artifact_path(role)
        if folder is not None and folder.is_dir() and path.resolve().is_relative_to(folder.resolve()):
            return _whole_folder(folder, hash_file) == artifact.sha256
    return False


def _whole_folder(folder: Path, hash_file: Hash) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return folder_digest({file.relative_to(folder).as_posix(): hash_file(file) for file in files})
