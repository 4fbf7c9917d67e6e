"""From contracts and bindings to jobs: what has to be judged, on which bytes, and what is already known."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import SEMANTICS, Verdict
from falsifiable.samples import digest_of_makers
from falsifiable.validation.bound import Opened, Place, unfetched
from falsifiable.validation.cache import Cache, key_of
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.results import Cause, Challenge
from falsifiable.validation.workers import Job


@dataclass(frozen=True, slots=True)
class Options:
    """How a validation runs.

    ``seconds`` and ``memory_bytes`` are limits per falsifier; ``at_once`` None is one per core. With ``only_known``
    nothing is judged: what is not in the cache stays inconclusive.
    """

    seconds: float = 300.0
    memory_bytes: int = 8 << 30
    at_once: int | None = None
    run_commands: bool = False
    rehash: bool = False
    debug: bool = False
    only_known: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One falsifier of one contract with the artifacts it will see.

    ``artifacts`` maps the check's parameter to what is bound there. ``obstacle`` says why nothing real can be judged
    ("" where it can), ``cause`` of which class that is.
    """

    contract: Contract
    declaration: FalsifierDeclaration
    signature: CheckSignature
    source_digest: str
    root: Path
    artifacts: Mapping[str, Opened] = field(default_factory=dict)
    obstacle: str = ""
    cause: Cause = ""

    @property
    def id(self) -> str:
        """Unique in a validation: contract and falsifier."""
        return f"{self.contract.contract}/{self.declaration.id}"

    def key(self, *, specimen: bool) -> str:
        """Cache key of the verdict: everything it rests on. A verdict on the specimens rests on no bound bytes."""
        bound = {} if specimen else {name: one.content for name, one in self.artifacts.items()}
        if self.signature.needs == "folder" and not specimen:
            bound = {name: f"{one.content} in {_listing(one.message)}" for name, one in self.artifacts.items()}
        return key_of(
            {
                "semantics": SEMANTICS,
                "source": self.source_digest,
                "parameters": dict(self.declaration.parameters),
                "specimens": {"roles": dict(self.declaration.on), "makers": digest_of_makers()} if specimen else {},
                "artifacts": bound,
                "libraries": _versions(self.signature.imports),
                "device": _device(),
            }
        )

    def job(self, options: Options, *, specimen: bool) -> Job:
        """The job that judges this falsifier, on what is bound or on the built-in specimens."""
        artifacts = {} if specimen else {name: one.message for name, one in self.artifacts.items()}
        return Job(
            id=f"{self.id}{' on specimens' if specimen else ''}",
            imports=self.signature.imports,
            message={
                "signature": asdict(self.signature),
                "roles": dict(self.declaration.on),
                "artifacts": artifacts,
                "parameters": dict(self.declaration.parameters),
                "specimen": specimen,
                "root": str(self.root.resolve()),
                "debug": options.debug,
            },
            seconds=options.seconds,
            memory_bytes=options.memory_bytes,
        )


def plan(
    root: Path,
    contracts: tuple[Contract, ...],
    catalogue: Catalogue,
    opened: Mapping[Place, Opened],
    options: Options,
) -> list[Task]:
    """One entry per falsifier of every contract, in the order of the files. ``opened`` maps (contract, role)."""
    planned = []
    for contract in contracts:
        for declaration in contract.falsifiers:
            signature = catalogue.signatures[declaration.check]
            artifacts = {parameter: opened[contract.contract, role] for parameter, role in declaration.on.items()}
            cause, obstacle = _obstacle(signature, artifacts, options)
            digest = catalogue.source_digests[declaration.check]
            planned.append(Task(contract, declaration, signature, digest, root, artifacts, obstacle, cause))
    return planned


def _obstacle(signature: CheckSignature, artifacts: Mapping[str, Opened], options: Options) -> tuple[Cause, str]:
    for module in signature.imports:
        if find_spec(module.partition(".")[0]) is None:
            return "library", f"{module} is not installed; install it with pip install 'falsifiable[torch,gguf]'"
    for one in artifacts.values():
        if one.cause == "unsound" and signature.name == "artifact.sound":
            continue
        if one.cause:
            return one.cause, one.said
        if signature.needs == "fingerprints" and (said := unfetched(one)):
            return "absent", said
        if one.kind == "command" and not options.run_commands:
            return "commands", f"the command of role {one.role} was not run; pass --run-commands to allow it"
    return "", ""


def recall(kept: Cache, key: str) -> dict[str, Any] | None:
    """What is remembered under ``key``: the reports of a worker that finished; None for what cannot be read as such."""
    known = kept.get("verdicts", key)
    return known if isinstance(known, dict) and _are_reports(known.get("reports")) else None


def _are_reports(kept: Any) -> bool:
    """Whether an entry holds a verdict and challenges as they are written now: another version may have written it."""
    if not isinstance(kept, list) or not any("verdict" in report and "cause" in report for report in kept):
        return False
    try:
        for report in kept:
            if "verdict" in report:
                Verdict.from_json(report["verdict"])
            else:
                Challenge(**report["challenge"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def _listing(message: Mapping[str, Any]) -> str:
    """What lies in a folder, as a digest of names, sizes and times: any file that is added makes it another."""
    folder = Path(message.get("path", ""))
    files = sorted(one for one in folder.rglob("*") if one.is_file() or one.is_symlink()) if folder.is_dir() else []
    lines = [(one.relative_to(folder).as_posix(), one.lstat().st_size, one.lstat().st_mtime_ns) for one in files]
    return key_of({"files": lines})


@cache
def _device() -> str:
    """What a forward pass would run on; asked of the driver, because asking torch would mean importing it."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "cuda" if Path("/proc/driver/nvidia/version").exists() and not hidden else "cpu"


def _versions(imports: tuple[str, ...]) -> dict[str, str]:
    """Python and the distributions behind the modules a check imports, so that an upgrade judges afresh."""
    versions = {"python": platform.python_version()}
    for module in imports:
        name = module.partition(".")[0]
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions
