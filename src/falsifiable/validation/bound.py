"""Artifacts as they are bound: opened, hashed, and asked where their bytes come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from falsifiable.artifacts import (
    DEFAULT_LIMITS,
    ArtifactError,
    Command,
    Corpus,
    Fingerprint,
    KnownContent,
    Model,
    Run,
    open_artifact,
    open_model,
)
from falsifiable.artifacts.identity import digest_of_files
from falsifiable.artifacts.runs.text_log import identity_of_pattern
from falsifiable.artifacts.sources.remote import Memory, remote_digest
from falsifiable.artifacts.sources.remote_path import RemotePath, place_of
from falsifiable.contracts.model import Kind
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import Artifact
from falsifiable.validation.binding import Role, filled_command, roles_read
from falsifiable.validation.cache import Cache, cache_folder, key_of
from falsifiable.validation.provenance import Hash, has_origin, vouching_record
from falsifiable.validation.results import BoundArtifact, Cause, Provenance


@dataclass(frozen=True, slots=True)
class Opened:
    """A role with what was found there.

    ``record`` is the run record that vouches for the bytes. ``cause`` is "" where the artifact can be judged; else
    ``said`` tells what stands in the way. ``message`` is what a worker needs to open the same bytes. ``pinned`` holds
    the sha256 of files that the artifact only names, and that a check may read: they can change while it does not.
    """

    contract: str
    role: str
    kind: Kind
    path: str = ""
    artifact: Artifact | None = None
    digest: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = "orphan"
    record: Run | None = None
    cause: Cause = ""
    said: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)
    pinned: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """What a verdict on the artifact rests on: its digest, and those of the files that it only names."""
        return key_of({"digest": self.digest, "pinned": dict(self.pinned)}) if self.pinned else self.digest

    @property
    def called(self) -> tuple[str, ...]:
        """What messages call it: its path as evidence gives it, and in full; none for a command."""
        return tuple(path for path in (self.path, str(self.message.get("path", ""))) if path)

    @property
    def bound(self) -> BoundArtifact:
        """The same as evidence names it."""
        return BoundArtifact(self.role, self.kind, self.path, self.digest, self.provenance, self.files)


Place = tuple[str, str]
"""A contract and one of its roles."""


def open_roles(
    root: Path, roles: Mapping[str, Mapping[str, Role]], cache: Cache, *, rehash: bool
) -> dict[Place, Opened]:
    """Open every role of every contract: contract -> role -> binding. What cannot be opened is a finding, not an error.

    An artifact is vouched for by the run record of its own contract, else by any other that is bound.
    """

    def hash_file(path: Path) -> str:
        return cache.file_digest(path, rehash=rehash)

    files = [role for of_contract in roles.values() for role in of_contract.values() if role.kind != "command"]
    memory = Memory.shared() if any(role.remote for role in files) else None
    # Contracts that give a role the same name mostly bind it to the same file, which is opened once for all of them.
    alike = {replace(role, contract="") for role in files}
    found = {
        one: _open_remote(one, RemotePath.of(one.remote.url, memory), rehash=rehash)
        if one.remote and memory
        else _open_file(root, one, hash_file)
        for one in alike
    }
    opened = {
        (role.contract, role.name): replace(found[replace(role, contract="")], contract=role.contract) for role in files
    }
    records = [(one.contract, one.artifact) for one in opened.values() if isinstance(one.artifact, Run)]
    for role in files:
        own_first = sorted(records, key=lambda record: record[0] != role.contract)
        place = role.contract, role.name
        opened[place] = _with_provenance(opened[place], role.path, (run for _, run in own_first), hash_file)
    for contract, of_contract in roles.items():
        for name, role in of_contract.items():
            if role.kind == "command":
                opened[contract, name] = _open_command(root, role, of_contract, opened)
    return opened


def _open_file(root: Path, role: Role, hash_file: Hash) -> Opened:
    if role.path is None:
        return Opened(role.contract, role.name, role.kind, cause="unbound", said=role.unbound)
    shown = _shown(role.path, root)
    if not role.path.exists():
        said = f"{shown} does not exist; the role {role.name} is bound to it"
        return Opened(role.contract, role.name, role.kind, shown, cause="absent", said=said)
    message: dict[str, Any] = {"kind": role.kind, "path": str(place_in_full(role.path)), "pattern": role.pattern}
    try:
        artifact = open_artifact(role.kind, role.path, pattern=role.pattern)
        files = {_relative(file, role.path): hash_file(file) for file in artifact.files}
        files |= identity_of_pattern(role.pattern)
    except ArtifactError as error:
        digest, files = _identity_of_broken(role.path, hash_file)
        return Opened(
            role.contract, role.name, role.kind, shown, None, digest, files,
            cause=error.kind, said=_within(str(error), root), message={**message, "digests": files},
        )  # fmt: skip
    except OSError as error:
        return Opened(role.contract, role.name, role.kind, shown, cause="unreadable", said=f"{shown}: {error.strerror}")
    digest = digest_of_files(role.path, files)
    named = _pinned_digests(artifact, hash_file)
    one = Opened(
        role.contract, role.name, role.kind, shown, artifact, digest, files, message={**message, "digests": files},
        pinned=named,
    )  # fmt: skip
    return _pinned(one, role)


def _pinned_digests(artifact: Artifact, hash_file: Hash) -> dict[str, str]:
    """The sha256 of what a manifest names, as it lies there now; what cannot be read is named without one."""
    found = {}
    for name, path in artifact.pinned_files.items() if isinstance(artifact, Corpus) else ():
        try:
            found[name] = hash_file(path)
        except (ArtifactError, OSError):
            found[name] = "absent"
    return found


def _open_remote(role: Role, place: RemotePath, *, rehash: bool) -> Opened:
    """What lies elsewhere, from its headers. Where all bytes were to be hashed, it is as if it were not there.

    A pin is not held against it: that would take all of it. Nothing vouches for what was not hashed, so that it stays
    an orphan; its digest is no sha256, and no file of it is named.
    """
    named = Opened(role.contract, role.name, role.kind, str(place))
    if rehash:
        said = (
            f"role {role.name} is bound to {place}, of which only the parts asked for are read; evidence speaks for "
            "bytes that were hashed, so fetch it and give its path"
        )
        return replace(named, path="", cause="absent", said=said)
    message: dict[str, Any] = {
        "kind": role.kind,
        "path": place.url,
        "pattern": None,
        "digests": {},
        "memory": str(place.memory.folder),
    }
    try:
        artifact = open_artifact(role.kind, place)
        digest = remote_digest(place, artifact.files)
    except ArtifactError as error:
        if error.kind == "unsound":
            return replace(named, digest=remote_digest(place, ()), cause=error.kind, said=str(error), message=message)
        return replace(named, cause="unreadable", said=str(error))
    return replace(named, artifact=artifact, digest=digest, message=message)


def unfetched(one: Opened) -> str:
    """Why all tensors of a model are not read; empty where they can be. Those that lie elsewhere may be too many."""
    if not isinstance(one.artifact, Model) or not isinstance(one.artifact.path, RemotePath):
        return ""
    held, limit = sum(info.nbytes for info in one.artifact.tensors.values()), DEFAULT_LIMITS.remote_bytes
    if held <= limit:
        return ""
    return (
        f"this check reads all tensors, and {held} bytes of them lie at {one.path}, more than the {limit} that are "
        "fetched for a check; fetch the model and give its path"
    )


def _pinned(one: Opened, role: Role) -> Opened:
    if role.pinned is None or role.path is None:
        return one
    held = {name: sha256 for name, sha256 in one.files.items() if name not in identity_of_pattern(role.pattern)}
    if role.pinned == digest_of_files(role.path, held):
        return one
    said = (
        f"{one.path} has sha256 {one.digest}, but artifacts.yaml pins the role {role.name} to {role.pinned}; "
        "bind the pinned bytes, or change the pin"
    )
    return Opened(
        one.contract, one.role, one.kind, one.path, None, one.digest, one.files, cause="unreadable", said=said
    )


def _identity_of_broken(path: Path, hash_file: Hash) -> tuple[str, dict[str, str]]:
    """Digest and files of an artifact that cannot be opened: its bytes can still be named."""
    found = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    try:
        files = {_relative(file, path): hash_file(file) for file in found}
    except (ArtifactError, OSError):
        return "", {}
    return digest_of_files(path, files), files


def _with_provenance(one: Opened, path: Path | None, records: Iterable[Run], hash_file: Hash) -> Opened:
    if one.artifact is None or path is None:
        return one
    if isinstance(one.artifact, Run):
        return replace(one, provenance="recorded", record=one.artifact)
    record = vouching_record(path, one.digest, one.files, records, hash_file)
    if record is not None:
        return replace(one, provenance="recorded", record=record)
    return replace(one, provenance="origin") if has_origin(path, one.digest, hash_file) else one


def _open_command(root: Path, role: Role, roles: Mapping[str, Role], opened: Mapping[Place, Opened]) -> Opened:
    if not role.command:
        return Opened(role.contract, role.name, role.kind, cause="unbound", said=role.unbound)
    message = {
        "kind": "command",
        "command": list(filled_command(role, roles)),
        "sources": [str(root / source) for source in role.sources],
        "folder": str(root.resolve()),
        "reads": {name: opened[role.contract, name].digest for name in roles_read(role)},
    }
    try:
        command = _command(message)
        digest, files = command.digest, command.file_digests
    except ArtifactError as error:
        return Opened(role.contract, role.name, role.kind, cause=error.kind, said=str(error))
    return Opened(role.contract, role.name, role.kind, "", command, digest, files, "command", message=message)


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
    if "memory" in message:
        path = place_of(message["path"], Memory(Path(message["memory"])))
    if message["kind"] != "model":
        return open_artifact(message["kind"], path, pattern=message.get("pattern"))
    return open_model(path, known=KnownContent(message["digests"], _known_fingerprints(message.get("fingerprints"))))


def _known_fingerprints(kept_at: str | None) -> dict[str, Fingerprint]:
    """Fingerprints computed before, from the cache entry at ``kept_at``; none where it has gone or changed since."""
    try:
        kept = json.loads(Path(kept_at).read_text(encoding="utf-8")) if kept_at else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return fingerprints_from(kept) or {}


def fingerprints_from(kept: Any) -> dict[str, Fingerprint] | None:
    """Tensor name -> fingerprint from an entry of the cache; None for what is no such entry."""
    try:
        return {name: Fingerprint.from_json(one) for name, one in kept.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def specimens_of(
    signature: CheckSignature, roles: Mapping[str, str], parameters: Mapping[str, Any]
) -> dict[str, Artifact | None]:
    """The built-in specimens a check is judged on: parameter -> artifact, None for an optional role that is not used.

    Where there are several of a kind, the one named like the contract's role is taken, else like the parameter. A
    command specimen refuses with the falsifier's id that the check expects on stderr, or accepts.
    """
    from falsifiable.samples import specimen

    kept_in = specimen_folder()
    chosen: dict[str, Artifact | None] = {}
    for parameter, kind in signature.roles.items():
        if parameter in signature.optional_roles and parameter not in roles:
            chosen[parameter] = None
        elif kind == "command":
            expected = [text for text in parameters.get("stderr_contains", ()) if text.startswith("FALSIFY-")]
            chosen[parameter] = specimen(kind, *expected, "accepts", cache=kept_in)
        else:
            chosen[parameter] = specimen(
                kind, specimen_variant(kind, roles.get(parameter, ""), parameter), cache=kept_in
            )
    return chosen


def specimen_variant(kind: Kind, role: str, parameter: str) -> str:
    """Which specimen of a kind stands for a role that is not bound: by role, parameter, or the role's last word."""
    from falsifiable.samples import VARIANTS

    names = (role, parameter, role.rpartition("-")[2])
    return next((name for name in names if name in VARIANTS[kind]), VARIANTS[kind][0])


def specimen_folder() -> Path:
    """Where processes share the specimens."""
    return cache_folder() / "specimens"


def place_in_full(path: Path) -> Path:
    """The absolute path of a file or folder. A file keeps its own name, be it that of a link to another: by name it is
    told what it is, and its neighbours are found (the files of a Hugging Face cache are links to nameless blobs)."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _relative(file: Path, artifact: Path) -> str:
    return file.relative_to(artifact).as_posix() if artifact.is_dir() else file.name


def _within(text: str, root: Path) -> str:
    """``text`` with paths below the workspace as a person standing in it would write them."""
    return text.replace(f"{root.resolve()}/", "").replace(f"{root}/", "")


def _shown(path: Path, root: Path) -> str:
    """``path`` relative to the workspace, or its last two parts where it lies elsewhere: evidence names no machine."""
    absolute, base = place_in_full(path), root.resolve()
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else "/".join(absolute.parts[-2:])
