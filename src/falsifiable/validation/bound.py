"""Artifacts as they are bound: opened, hashed, and asked where their bytes come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falsifiable.artifacts import (
    ArtifactError,
    Command,
    Fingerprint,
    KnownContent,
    Run,
    folder_digest,
    open_artifact,
    open_model,
    read_origin,
)
from falsifiable.artifacts.identity import digest_of_files
from falsifiable.contracts.model import Kind
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import Artifact
from falsifiable.validation.binding import Role, filled_command, roles_read
from falsifiable.validation.cache import Cache, cache_folder
from falsifiable.validation.results import BoundArtifact, Cause, Provenance

Hash = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A role with what was found there.

    ``cause`` is "" where the artifact can be judged; else ``said`` tells what stands in the way. ``message`` is what a
    worker needs to open the same bytes.
    """

    contract: str
    role: str
    kind: Kind
    path: str = ""
    artifact: Artifact | None = None
    digest: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = "orphan"
    cause: Cause = ""
    said: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bound(self) -> BoundArtifact:
        """The same as evidence names it."""
        return BoundArtifact(self.role, self.kind, self.path, self.digest, self.provenance, self.files)


def open_roles(root: Path, roles: Mapping[str, Role], cache: Cache, *, rehash: bool) -> dict[str, Opened]:
    """Open every role of one contract. What cannot be opened is a finding, not an error."""

    def hash_file(path: Path) -> str:
        return cache.file_digest(path, rehash=rehash)

    opened = {name: _open_file(root, role, hash_file) for name, role in roles.items() if role.kind != "command"}
    record = next((one.artifact for one in opened.values() if isinstance(one.artifact, Run)), None)
    opened = {name: _with_provenance(one, roles[name], record, hash_file) for name, one in opened.items()}
    for name, role in roles.items():
        if role.kind == "command":
            opened[name] = _open_command(root, role, roles, opened)
    return opened


def _open_file(root: Path, role: Role, hash_file: Hash) -> Opened:
    if role.path is None:
        return Opened(role.contract, role.name, role.kind, cause="unbound", said=role.unbound)
    shown = _shown(role.path, root)
    if not role.path.exists():
        said = f"{shown} does not exist; the role {role.name} is bound to it"
        return Opened(role.contract, role.name, role.kind, shown, cause="absent", said=said)
    message: dict[str, Any] = {"kind": role.kind, "path": str(role.path.resolve())}
    try:
        artifact = open_artifact(role.kind, role.path)
        files = {_relative(file, role.path): hash_file(file) for file in artifact.files}
    except ArtifactError as error:
        digest, files = _identity_of_broken(role.path, hash_file)
        return Opened(
            role.contract, role.name, role.kind, shown, None, digest, files,
            cause=error.kind, said=_within(str(error), root), message={**message, "digests": files},
        )  # fmt: skip
    except OSError as error:
        return Opened(role.contract, role.name, role.kind, shown, cause="unreadable", said=f"{shown}: {error.strerror}")
    digest = digest_of_files(role.path, files)
    one = Opened(
        role.contract, role.name, role.kind, shown, artifact, digest, files, message={**message, "digests": files}
    )
    return _pinned(one, role)


def _pinned(one: Opened, role: Role) -> Opened:
    if role.pinned is None or role.pinned == one.digest:
        return one
    said = (
        f"{one.path} has sha256 {one.digest}, but artifacts.yaml pins the role {role.name} to {role.pinned}; "
        "bind the pinned bytes, or change the pin"
    )
    return Opened(
        one.contract, one.role, one.kind, one.path, None, one.digest, one.files, cause="unreadable", said=said
    )


def _identity_of_broken(path: Path, hash_file: Hash) -> tuple[str, dict[str, str]]:
    """Digest and files of an artifact that cannot be opened: a single file still has bytes to name."""
    try:
        files = {path.name: hash_file(path)} if path.is_file() else {}
    except (ArtifactError, OSError):
        files = {}
    return next(iter(files.values()), ""), files


def _with_provenance(one: Opened, role: Role, record: Run | None, hash_file: Hash) -> Opened:
    if one.artifact is None or role.path is None:
        return one
    provenance: Provenance = "orphan"
    if one.kind == "run" or (record is not None and _is_recorded(one, role.path, record, hash_file)):
        provenance = "recorded"
    elif _has_origin(one, role.path, hash_file):
        provenance = "origin"
    return Opened(
        one.contract, one.role, one.kind, one.path, one.artifact, one.digest, one.files, provenance,
        one.cause, one.said, one.message,
    )  # fmt: skip


def _is_recorded(one: Opened, path: Path, record: Run, hash_file: Hash) -> bool:
    """Whether the run record vouches for every file: by its own sha256, or in a folder recorded as it is now."""
    vouched = {artifact.sha256 for artifact in record.artifacts.values()}
    if one.digest in vouched or set(one.files.values()) <= vouched:
        return True
    return (path.is_dir() and _whole_folder(path, hash_file) in vouched) or _in_recorded_folder(path, record, hash_file)


def _in_recorded_folder(path: Path, record: Run, hash_file: Hash) -> bool:
    for role, artifact in record.artifacts.items():
        folder = record.artifact_path(role)
        if folder is not None and folder.is_dir() and path.resolve().is_relative_to(folder.resolve()):
            return _whole_folder(folder, hash_file) == artifact.sha256
    return False


def _has_origin(one: Opened, path: Path, hash_file: Hash) -> bool:
    origin = read_origin(path)
    if origin is None:
        return False
    return origin.has_digest(one.digest) or (path.is_dir() and origin.has_digest(_whole_folder(path, hash_file)))


def _whole_folder(folder: Path, hash_file: Hash) -> str:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return folder_digest({file.relative_to(folder).as_posix(): hash_file(file) for file in files})


def _open_command(root: Path, role: Role, roles: Mapping[str, Role], opened: Mapping[str, Opened]) -> Opened:
    if not role.command:
        return Opened(role.contract, role.name, role.kind, cause="unbound", said=role.unbound)
    message = {
        "kind": "command",
        "command": list(filled_command(role, roles)),
        "sources": [str(root / source) for source in role.sources],
        "folder": str(root.resolve()),
        "reads": {name: opened[name].digest for name in roles_read(role)},
    }
    try:
        command = _command(message)
        digest = command.digest
    except ArtifactError as error:
        return Opened(role.contract, role.name, role.kind, cause=error.kind, said=str(error))
    return Opened(role.contract, role.name, role.kind, "", command, digest, {}, "command", message=message)


def _command(message: Mapping[str, Any]) -> Command:
    sources = tuple(Path(source) for source in message["sources"])
    return Command(tuple(message["command"]), sources, message["reads"], Path(message["folder"]))


def open_bound(message: Mapping[str, Any] | None) -> Artifact | None:
    """The bytes that the planner has seen, opened in a worker; None for an unbound role. Raises ArtifactError."""
    if not message:
        return None
    if message["kind"] == "command":
        return _command(message)
    path = Path(message["path"])
    if message["kind"] != "model":
        return open_artifact(message["kind"], path)
    return open_model(path, known=KnownContent(message["digests"], _known_fingerprints(message.get("fingerprints"))))


def _known_fingerprints(kept_at: str | None) -> dict[str, Fingerprint]:
    """Fingerprints computed before, from the cache entry at ``kept_at``; none where it has gone since."""
    try:
        kept = json.loads(Path(kept_at).read_text(encoding="utf-8")) if kept_at else {}
    except OSError:
        return {}
    return {name: Fingerprint.from_json(one) for name, one in kept.items()}


def specimens_of(
    signature: CheckSignature, roles: Mapping[str, str], parameters: Mapping[str, Any]
) -> dict[str, Artifact | None]:
    """The built-in specimens a check is judged on: parameter -> artifact, None for an optional role that is not used.

    Where there are several of a kind, the one named like the contract's role is taken, else like the parameter. A
    command specimen refuses with the falsifier's id that the check expects on stderr, or accepts.
    """
    from falsifiable.samples import specimen

    kept_in = cache_folder() / "specimens"
    chosen: dict[str, Artifact | None] = {}
    for parameter, kind in signature.roles.items():
        if parameter in signature.optional_roles and parameter not in roles:
            chosen[parameter] = None
        elif kind == "command":
            expected = [text for text in parameters.get("stderr_contains", ()) if text.startswith("FALSIFY-")]
            chosen[parameter] = specimen(kind, *expected, "accepts", cache=kept_in)
        else:
            chosen[parameter] = specimen(kind, roles.get(parameter, ""), parameter, cache=kept_in)
    return chosen


def _relative(file: Path, artifact: Path) -> str:
    return file.relative_to(artifact).as_posix() if artifact.is_dir() else file.name


def _within(text: str, root: Path) -> str:
    """``text`` with paths below the workspace as a person standing in it would write them."""
    return text.replace(f"{root.resolve()}/", "").replace(f"{root}/", "")


def _shown(path: Path, root: Path) -> str:
    """``path`` relative to the workspace, or its last two parts where it lies elsewhere: evidence names no machine."""
    absolute, base = path.resolve(), root.resolve()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else "/".join(absolute.parts[-2:])
