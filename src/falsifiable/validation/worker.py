"""What happens inside a worker process: open the artifacts, judge, put the counterexamples to the test, report.

A worker reports line by line, so that what it found before it died still counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from falsifiable.artifacts import ArtifactError, Model
from falsifiable.contracts import typed_parameters
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import Artifact, Falsifier, NotApplicable, Verdict
from falsifiable.validation.bound import open_bound, specimen_folder, specimens_of
from falsifiable.validation.catalogue import resolve
from falsifiable.validation.mutations import MUTATIONS, mutant_of

Report = Callable[[Mapping[str, Any]], None]


def run_job(job: Mapping[str, Any], results: int) -> None:
    """Run one job and write its reports as JSON lines to the descriptor ``results``.

    Reports are ``{"verdict": ..., "cause": ...}``, then one ``{"challenge": ...}`` per counterexample, then
    ``{"done": true}``. A job with ``mutate`` reports ``{"mutant": ...}`` per generic mutation instead; one with
    ``roster`` reports which of them apply, ``{"roster": {name: why not}}``; one that asks for fingerprints
    ``{"fingerprints": ...}``, and one that asks for a scan ``{"scan": {"sha256": ..., "fingerprints": ...}}``. A
    failure inside the falsifier is a report too, never an
    exception.
    """
    _limit_memory(job["memory_bytes"])
    with os.fdopen(results, "w", encoding="utf-8") as pipe:

        def report(message: Mapping[str, Any]) -> None:
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()

        with _output_discarded(keep=bool(job.get("debug"))):
            if "fingerprint" in job:
                _fingerprint(job["fingerprint"], report)
            elif "scan" in job:
                _scan(job["scan"], report)
            elif "roster" in job:
                _roster(job["roster"], report)
            else:
                _work(job, _as_seen_from(job["root"], report))
        report({"done": True})


def _as_seen_from(root: str, report: Report) -> Report:
    """Reports that name files as a person standing in ``root`` would: evidence names no machine."""

    def reworded(message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: reworded(value)
            if isinstance(value, Mapping)
            else value.replace(f"{root}/", "")
            if key in ("found", "said")
            else value
            for key, value in message.items()
        }

    return lambda message: report(reworded(message))


def _limit_memory(memory_bytes: int) -> None:
    # RLIMIT_DATA and not RLIMIT_AS: mapping a large file takes address space but no memory.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextlib.contextmanager
def _output_discarded(*, keep: bool) -> Iterator[None]:
    """Libraries that print must not disturb the report; with ``keep`` their output is left alone."""
    if not keep:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
    yield


def _fingerprint(message: Mapping[str, Any], report: Report) -> None:
    model = open_bound(message)
    if isinstance(model, Model):
        with contextlib.suppress(ArtifactError):  # the falsifiers that read the same bytes will say what is wrong
            report({"fingerprints": {name: one.to_json() for name, one in model.fingerprints.items()}})


def _scan(message: Mapping[str, Any], report: Report) -> None:
    model = open_bound(message)
    if isinstance(model, Model):
        with contextlib.suppress(ArtifactError):  # see above
            scanned = model.scan()
            fingerprints = {name: one.to_json() for name, one in scanned.fingerprints.items()}
            report({"scan": {"sha256": dict(scanned.sha256), "fingerprints": fingerprints}})


def _work(job: Mapping[str, Any], report: Report) -> None:
    signature = CheckSignature.from_json(job["signature"])
    try:
        check = resolve(signature)
        artifacts = _open_all(job, signature)
        parameters = typed_parameters(job["parameters"], signature)
    except ArtifactError as error:
        report(_refused(error, signature))
        return
    except Exception as error:  # noqa: BLE001 - a reader or plugin that breaks is a finding about it, not our end
        report(_crash(error, job))
        return
    if "mutate" in job:
        _mutate(check, {**artifacts, **parameters}, job, report)
        return
    verdict = _judge(check, {**artifacts, **parameters}, job)
    if job["specimen"]:  # evidence must not name the folders of whoever recorded it
        verdict["verdict"]["found"] = verdict["verdict"]["found"].replace(f"{specimen_folder()}/", "specimens/")
    report(verdict)
    if verdict["verdict"]["outcome"] == "held" or job["specimen"]:
        for name in check.counterexamples:
            report({"challenge": _challenge(check, name, artifacts, parameters, job, signature)})


def _open_all(job: Mapping[str, Any], signature: CheckSignature) -> dict[str, Artifact | None]:
    if job["specimen"]:
        return specimens_of(signature, job["roles"], job["parameters"])
    return {name: open_bound(job["artifacts"].get(name)) for name in signature.roles}


def _judge(check: Falsifier, arguments: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict as a report; what the falsifier raises becomes an inconclusive verdict that names the place."""
    try:
        roles = [arguments[name] for name in check.declared.roles]
        others = {name: value for name, value in arguments.items() if name not in check.declared.roles}
        return {"verdict": check(*roles, **others).to_json(), "cause": ""}
    except ArtifactError as error:
        return _refused(error, check.declared)
    except Exception as error:  # noqa: BLE001 - see above
        return _crash(error, job)


def _refused(error: ArtifactError, signature: CheckSignature) -> dict[str, Any]:
    """An artifact that could not be opened; one that breaks its format's own rules falsifies ``artifact.sound``."""
    if error.kind == "unsound" and signature.name == "artifact.sound":
        return {"verdict": Verdict.of(False, found=str(error), examined=(1, "files")).to_json(), "cause": ""}
    return {"verdict": Verdict.inconclusive(str(error)).to_json(), "cause": error.kind}


def _crash(error: Exception, job: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        limit = job["memory_bytes"] >> 20
        reason = f"it needed more than its memory limit of {limit} MiB; raise it with --memory-limit"
        return {"verdict": Verdict.inconclusive(reason).to_json(), "cause": "memory"}
    if isinstance(error, ModuleNotFoundError):
        reason = f"the module {error.name} is not installed; install it: pip install 'falsifiable[torch,gguf]'"
        return {"verdict": Verdict.inconclusive(reason).to_json(), "cause": "library"}
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = (
        f"it crashed: {type(error).__name__}: {error} (at {Path(frame.filename).name}:{frame.lineno} in {frame.name})"
    )
    if job.get("debug"):
        traceback.print_exception(error)
    return {"verdict": Verdict.inconclusive(said).to_json(), "cause": "crashed"}


def _challenge(
    check: Falsifier,
    name: str,
    artifacts: Mapping[str, Artifact | None],
    parameters: Mapping[str, Any],
    job: Mapping[str, Any],
    signature: CheckSignature,
) -> dict[str, Any]:
    """Put one counterexample to the check: on what is bound, or on the specimens where it cannot be made of that."""
    ran_on = "specimen" if job["specimen"] else "bound"
    try:
        try:
            arguments = check.mutate(name, artifacts, parameters)
        except NotApplicable:
            if job["specimen"]:
                raise
            ran_on = "specimen"
            specimens = specimens_of(signature, job["roles"], job["parameters"])
            arguments = check.mutate(name, specimens, parameters)
    except NotApplicable as error:
        return {"counterexample": name, "outcome": "inconclusive", "ran_on": ran_on, "said": f"not applicable: {error}"}
    except Exception as error:  # noqa: BLE001 - a counterexample that breaks proves nothing, and says so
        said = _crash(error, job)["verdict"]["found"]
        return {"counterexample": name, "outcome": "inconclusive", "ran_on": ran_on, "said": said}
    verdict = _judge(check, arguments, job)["verdict"]
    outcome = {"falsified": "refuted", "held": "survived"}.get(verdict["outcome"], "inconclusive")
    return {"counterexample": name, "outcome": outcome, "ran_on": ran_on, "said": verdict["found"]}


def _roster(message: Mapping[str, Any], report: Report) -> None:
    """Ask every mutator whether it applies to one artifact: the mutator says so, and no falsifier."""
    from falsifiable.samples import specimen

    if "specimen" in message:
        kind, variant = message["specimen"]
        artifact: Artifact | None = specimen(kind, variant, cache=specimen_folder())
    else:
        artifact = open_bound(message["bound"])
    why = {}
    for name, mutation in MUTATIONS[message["kind"]].items():
        try:
            mutant_of(mutation, artifact, message["seed"])
            why[name] = ""
        except (NotApplicable, ArtifactError) as error:
            why[name] = str(error)
    report({"roster": why})


def _mutate(check: Falsifier, arguments: Mapping[str, Any], job: Mapping[str, Any], report: Report) -> None:
    """Judge the mutants of one artifact, the others left as they are."""
    wanted = job["mutate"]
    parameter = wanted["parameter"]
    mutations = MUTATIONS[check.declared.roles[parameter]]
    for name in wanted["names"]:
        try:
            mutant = mutant_of(mutations[name], arguments[parameter], wanted["seed"])
        except (NotApplicable, ArtifactError) as error:
            report({"mutant": {"name": name, "fate": "not asked", "said": f"not applicable: {error}", "cause": ""}})
            continue
        judged = _judge(check, {**arguments, parameter: mutant}, job)
        report({"mutant": {"name": name, **_fate(judged)}})


def _fate(judged: Mapping[str, Any]) -> dict[str, str]:
    """What became of a mutant. One that breaks its format's rules is killed: validating it falsifies artifact.sound."""
    verdict, cause = judged["verdict"], judged["cause"]
    if cause == "unsound":
        return {"fate": "killed", "said": f"artifact.sound: {verdict['found']}", "cause": ""}
    fates = {"falsified": "killed", "held": "survived"}
    return {"fate": fates.get(verdict["outcome"], "inconclusive"), "said": verdict["found"], "cause": cause}
