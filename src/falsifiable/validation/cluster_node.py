"""What happens on a node of a cluster: make sure of the bytes and of the code, then judge as anywhere else.

A verdict speaks for the bytes and the code it names. A node on which a path holds another file, or whose check is of
another version, would speak of something else; it refuses, and the job goes to another node.
"""

from __future__ import annotations

import atexit
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from falsifiable.artifacts import ArtifactError
from falsifiable.falsifier import SEMANTICS
from falsifiable.validation.cache import Cache, file_identity
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.executor import LocalExecutor
from falsifiable.validation.plan import listing, versions_of
from falsifiable.validation.workers import Job, Outcome


@dataclass(frozen=True, slots=True)
class Errand:
    """A job as it is sent to a node, with what has to be the same there.

    ``identities`` maps absolute paths to :func:`file_identity` as the sender sees them; ``libraries`` and ``semantics``
    are the sender's, and ``fingerprints`` maps paths of the sender's cache to what stands there.
    """

    job: Job
    identities: Mapping[str, str]
    libraries: Mapping[str, str]
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    semantics: int = SEMANTICS
    quiet: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node makes of an errand: the outcome, or why it must not judge (``refused``)."""

    node: str
    outcome: Outcome | None = None
    refused: str = ""


def errand_for(job: Job, *, quiet: bool) -> Errand:
    """The errand that has ``job`` done elsewhere. A file that has gone has no identity and is refused everywhere."""
    identities = {path: _identity(path) for path in job.files}
    kept = [message["fingerprints"] for message in _messages(job) if message.get("fingerprints")]
    return Errand(job, identities, versions_of(job.imports), {path: _text(path) for path in kept}, quiet=quiet)


def judge_here(errand: Errand) -> Answer:
    """Do an errand on the node this process runs on."""
    node = socket.gethostname()
    if why := _difference(errand):
        return Answer(node, refused=why)
    if not errand.job.resources.get("gpu"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what asked for none must not find one: the verdict names its device
    executor = _executor(os.environ.get("CUDA_VISIBLE_DEVICES", ""), errand.quiet)
    job = _with_fingerprints(errand)
    (outcome,) = (event for event in executor.run([job], at_once=1) if isinstance(event, Outcome))
    return Answer(node, replace(outcome, job=errand.job))


def _difference(errand: Errand) -> str:
    """What is not here as it is at the sender's; "" where everything is."""
    if errand.semantics != SEMANTICS:
        return f"its falsifiable reads artifacts by semantics {SEMANTICS}, not {errand.semantics}; install the same"
    ours = versions_of(errand.job.imports)
    for name, version in errand.libraries.items():
        if ours.get(name) != version:
            return f"it has {name} {ours.get(name)}, not {version}; install the same"
    check = errand.job.message.get("signature", {}).get("name", "")
    if errand.job.source_digest and _digests().get(check) != errand.job.source_digest:
        return f"its code of check {check} is not that of the plan; install the same version"
    for path, sha256 in errand.job.files.items():
        if why := _other_bytes(path, sha256, errand.identities[path]):
            return why
    for path, digest in errand.job.folders.items():
        if listing({"path": path}) != digest:
            return f"{path} holds other files there"
    return ""


def _other_bytes(path: str, sha256: str, identity: str) -> str:
    """Why the file at ``path`` is not the one meant. The very same file, seen through a shared file system, is not
    read for it; a copy is hashed, once per process."""
    try:
        if file_identity(Path(path)) == identity:
            return ""
        if sha256 and _hashed().file_digest(Path(path), rehash=True) == sha256:
            return ""
    except (OSError, ArtifactError) as error:
        return f"{path} cannot be read there: {getattr(error, 'strerror', None) or error}"
    return f"{path} holds other bytes there"


def _with_fingerprints(errand: Errand) -> Job:
    """The job, its fingerprints where this node finds them: in a file of its own, where the sender's is not here."""
    if not errand.fingerprints:
        return errand.job
    artifacts = {name: _told(one, errand.fingerprints) for name, one in errand.job.message["artifacts"].items()}
    return replace(errand.job, message={**errand.job.message, "artifacts": artifacts})


def _told(message: Mapping[str, Any], fingerprints: Mapping[str, str]) -> Mapping[str, Any]:
    kept = message.get("fingerprints") if message else None
    if not kept or Path(kept).exists() or not fingerprints.get(kept):
        return message
    here = Path(_folder().name) / Path(kept).name
    if not here.exists():
        here.write_text(fingerprints[kept], encoding="utf-8")
    return {**message, "fingerprints": str(here)}


def _messages(job: Job) -> list[Mapping[str, Any]]:
    return [one for one in job.message.get("artifacts", {}).values() if one]


def _identity(path: str) -> str:
    try:
        return file_identity(Path(path))
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


@cache
def _digests() -> Mapping[str, str]:
    return load_catalogue().source_digests


@cache
def _hashed() -> Cache:
    return Cache(Path(_folder().name))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="falsifiable-node-")


@cache
def _executor(devices: str, quiet: bool) -> LocalExecutor:  # noqa: ARG001 - what has seen other devices is another
    """The fork servers of this process: a cluster reuses its processes, and torch is imported once in each."""
    executor = LocalExecutor(quiet=quiet).__enter__()
    atexit.register(executor.__exit__, None, None, None)
    return executor
