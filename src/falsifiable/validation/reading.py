"""Reading tensor data once for all falsifiers that need it.

Before anything is judged, every model that some open falsifier wants fingerprints of is read once, in a worker; the
fingerprints are kept under the content digest, and the falsifiers' workers are told where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from falsifiable.validation.bound import Opened
from falsifiable.validation.cache import Cache, key_of
from falsifiable.validation.plan import Options, Task
from falsifiable.validation.workers import Job, Outcome, run_jobs

ROOM = "fingerprints"


def with_fingerprints(planned: Sequence[Task], options: Options, cache: Cache) -> list[Task]:
    """The same falsifiers, their models' fingerprints computed once and made known to them."""
    wanted = {one.digest: one for task in planned if task.signature.needs == "fingerprints" for one in _models(task)}
    unknown = [one for digest, one in wanted.items() if cache.get(ROOM, _key(digest)) is None]
    jobs = [_job(one, options) for one in unknown]
    for event in run_jobs(jobs, at_once=options.at_once, quiet=not options.debug):
        if isinstance(event, Outcome) and (found := _fingerprints(event)) is not None:
            cache.put(ROOM, _key(event.job.id), found)
    known = {digest for digest in wanted if cache.get(ROOM, _key(digest)) is not None}
    return [_told(task, known, cache) for task in planned]


def _models(task: Task) -> Iterable[Opened]:
    return (one for one in task.artifacts.values() if one.kind == "model" and one.digest)


def _job(one: Opened, options: Options) -> Job:
    message = {"fingerprint": one.message, "debug": options.debug}
    return Job(one.digest, (), message, options.seconds, options.memory_bytes)


def _fingerprints(outcome: Outcome) -> object | None:
    return next((report["fingerprints"] for report in outcome.reports if "fingerprints" in report), None)


def _told(task: Task, known: set[str], cache: Cache) -> Task:
    """A task whose models with known fingerprints say where they are kept."""
    artifacts = {
        name: replace(one, message={**one.message, "fingerprints": str(cache.path(ROOM, _key(one.digest)))})
        if one.kind == "model" and one.digest in known
        else one
        for name, one in task.artifacts.items()
    }
    return replace(task, artifacts=artifacts)


def _key(digest: str) -> str:
    return key_of({"content": digest})
