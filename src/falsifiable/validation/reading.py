"""Reading tensor data once for all falsifiers that need it, and for the digests that everything rests on.

A model that was never seen is read in one pass that gives the digests of its files and the fingerprints of its tensors;
of a model whose digests are known, only the fingerprints are computed, and only where they are not known either. Both
happen in a worker and go into the cache; the falsifiers' workers are told where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from falsifiable.artifacts import ArtifactError, Fingerprint, open_model
from falsifiable.artifacts.identity import digest_of_files
from falsifiable.contracts import Contract
from falsifiable.validation.binding import Role
from falsifiable.validation.bound import Opened, fingerprints_from, place_in_full
from falsifiable.validation.cache import Cache, file_identity, key_of
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.executor import Executor
from falsifiable.validation.plan import Options, Task, files_of, stays_here
from falsifiable.validation.workers import Job, Outcome

ROOM = "fingerprints"


def read_new_models(
    contracts: Iterable[Contract],
    catalogue: Catalogue,
    roles: Mapping[str, Mapping[str, Role]],
    executor: Executor,
    options: Options,
    cache: Cache,
) -> None:
    """Put into the cache the digests and fingerprints of every bound model that some falsifier wants fingerprints of
    and that has not been read before."""
    wanted = {
        place_in_full(role.path)
        for contract in contracts
        for declaration in contract.falsifiers
        if catalogue.signatures[declaration.check].needs == "fingerprints"
        for role in (roles[contract.contract][name] for name in declaration.on.values())
        if role.kind == "model" and isinstance(role.path, Path)
    }
    unread = {str(path): identities for path in sorted(wanted) if (identities := _unread_files(path, cache))}
    jobs = [_job(path, {"scan": {"kind": "model", "path": path, "digests": {}}}, options) for path in unread]
    jobs = [replace(one, files={str(_folder(Path(one.id)) / name): "" for name in unread[one.id]}) for one in jobs]
    for outcome in _outcomes(jobs, executor):
        scanned = _reported(outcome, "scan")
        path = Path(outcome.job.id)
        if scanned is not None and _identities(path, scanned["sha256"]) == unread[outcome.job.id]:
            for relative, identity in unread[outcome.job.id].items():
                cache.put_file_digest(identity, scanned["sha256"][relative])
            cache.put(ROOM, _key(digest_of_files(path, scanned["sha256"])), scanned["fingerprints"])


def with_fingerprints(planned: Sequence[Task], executor: Executor, options: Options, cache: Cache) -> list[Task]:
    """The same falsifiers, their models' fingerprints computed once and made known to them."""
    wanted = {one.digest: one for task in planned if task.signature.needs == "fingerprints" for one in _models(task)}
    unknown = [one for digest, one in wanted.items() if not _is_kept(digest, cache)]
    jobs = [
        replace(_job(one.digest, {"fingerprint": one.message}, options), files=files_of(one), here=stays_here(one))
        for one in unknown
    ]
    for outcome in _outcomes(jobs, executor):
        if (found := _reported(outcome, "fingerprints")) is not None:
            cache.put(ROOM, _key(outcome.job.id), found)
    known = {digest for digest in wanted if _is_kept(digest, cache)}
    return [_told(task, known, cache) for task in planned]


def _unread_files(path: Path, cache: Cache) -> dict[str, str]:
    """Relative path -> identity of a model's files, if any of them has not been read; none where it does not open."""
    try:
        files = open_model(path).files
    except ArtifactError:
        return {}  # opening it for the falsifiers says why
    identities = _identities(path, [_relative(file, path) for file in files])
    return {} if all(cache.known_file_digest(one) for one in identities.values()) else identities


def _identities(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Relative path -> identity; empty where a file has gone."""
    try:
        return {name: file_identity(_folder(path) / name) for name in names}
    except OSError:
        return {}


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent  # the parts of a split file lie beside each other


def _relative(file: Path, path: Path) -> str:
    return file.relative_to(path).as_posix() if path.is_dir() else file.name


def _models(task: Task) -> Iterable[Opened]:
    return (one for one in task.artifacts.values() if one.kind == "model" and one.digest)


def _job(name: str, message: Mapping[str, Any], options: Options) -> Job:
    return Job(name, (), {**message, "debug": options.debug}, options.seconds, options.memory_bytes)


def _outcomes(jobs: Sequence[Job], executor: Executor) -> Iterable[Outcome]:
    # One after the other: each uses all cores, and two at once would contend for disk and cache.
    return (event for event in executor.run(jobs, at_once=1) if isinstance(event, Outcome))


def _reported(outcome: Outcome, what: str) -> Any | None:
    return next((report[what] for report in outcome.reports if what in report), None)


def _told(task: Task, known: set[str], cache: Cache) -> Task:
    """A task whose models with known fingerprints say where they are kept."""
    artifacts = {
        name: replace(one, message={**one.message, "fingerprints": str(cache.path(ROOM, _key(one.digest)))})
        if one.kind == "model" and one.digest in known
        else one
        for name, one in task.artifacts.items()
    }
    return replace(task, artifacts=artifacts)


def _is_kept(digest: str, cache: Cache) -> bool:
    return fingerprints_from(cache.get(ROOM, _key(digest))) is not None


def _key(digest: str) -> str:
    return key_of({"content": digest, "shape": [field.name for field in fields(Fingerprint)]})
