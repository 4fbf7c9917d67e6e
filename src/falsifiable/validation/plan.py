"""From contracts and bindings to jobs: what has to be judged, on which bytes, and what is already known."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from falsifiable.artifacts import Corpus
from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import SEMANTICS, Verdict
from falsifiable.samples import digest_of_makers
from falsifiable.validation.bound import Opened, Place, place_in_full, unfetched
from falsifiable.validation.cache import Cache, key_of
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.results import Cause, Challenge
from falsifiable.validation.workers import Job


@dataclass(frozen=True, slots=True)
class Options:
    """How a validation runs.

    ``seconds`` and ``memory_bytes`` are limits per falsifier; ``at_once`` None is one per core. With ``only_known``
    nothing is judged: what is not in the cache stays inconclusive. ``on_cluster`` says that the falsifiers run on other
    machines than this; ``resources`` what checks whose name fits a pattern take there, in place of what they declare.
    """

    seconds: float = 300.0
    memory_bytes: int = 8 << 30
    at_once: int | None = None
    run_commands: bool = False
    rehash: bool = False
    debug: bool = False
    only_known: bool = False
    on_cluster: bool = False
    resources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def demands(self, signature: CheckSignature) -> Mapping[str, float]:
        """What a check takes of a machine: as it declares, or as was asked for checks of its name, the last winning."""
        asked = [dict(one) for pattern, one in self.resources.items() if fnmatchcase(signature.name, pattern)]
        return {"cpu": 1.0, **(asked[-1] if asked else signature.resources)}

    def device(self, signature: CheckSignature, artifacts: Iterable[Opened]) -> str:
        """What it will run on: on a cluster a GPU only if it asks for one; here "", which is whatever there is."""
        if not self.on_cluster or any(map(stays_here, artifacts)):
            return ""
        return "cuda" if self.demands(signature).get("gpu") else "cpu"


@dataclass(frozen=True, slots=True)
class Task:
    """One falsifier of one contract with the artifacts it will see.

    ``artifacts`` maps the check's parameter to what is bound there. ``obstacle`` says why nothing real can be judged
    ("" where it can), ``cause`` of which class that is. ``item`` is which of many it is about,
    where many are validated at once, and ``device`` what a forward pass will run on ("" for what this machine has).
    """

    contract: Contract
    declaration: FalsifierDeclaration
    signature: CheckSignature
    source_digest: str
    root: Path
    artifacts: Mapping[str, Opened] = field(default_factory=dict)
    obstacle: str = ""
    cause: Cause = ""
    item: str = ""
    device: str = ""

    @property
    def id(self) -> str:
        """Unique in a validation: contract and falsifier, and the item where there are many."""
        name = f"{self.contract.contract}/{self.declaration.id}"
        return f"{self.item}: {name}" if self.item else name

    @property
    def remembered(self) -> bool:
        """Whether its verdict may be reused: what a command without sources does, no digest tells."""
        commands = [one.message for one in self.artifacts.values() if one.kind == "command" and one.message]
        return self.signature.remembered and all(message["sources"] for message in commands)

    def key(self, *, specimen: bool) -> str:
        """Cache key of the verdict: everything it rests on. A verdict on the specimens rests on no bound bytes."""
        bound = {} if specimen else {name: one.content for name, one in self.artifacts.items()}
        if self.signature.needs == "folder" and not specimen:
            bound = {name: f"{one.content} in {listing(one.message)}" for name, one in self.artifacts.items()}
        return key_of(
            {
                "semantics": SEMANTICS,
                "source": self.source_digest,
                "parameters": dict(self.declaration.parameters),
                "specimens": {"roles": dict(self.declaration.on), "makers": digest_of_makers()} if specimen else {},
                "artifacts": bound,
                "libraries": versions_of(self.signature.imports),
                "device": self.device or _device(),
            }
        )

    def named_in(self, reports: Iterable[Mapping[str, Any]]) -> list[str]:
        """The paths of what it judges that a verdict names: it is no answer for the same bytes at another place."""
        found = [report["verdict"]["found"] for report in reports if "verdict" in report]
        return [path for path in self.paths if any(f"{path}{end}" in text for text in found for end in (":", "/"))]

    @property
    def paths(self) -> list[str]:
        """What messages call the artifacts it judges."""
        return sorted(path for one in self.artifacts.values() for path in one.called)

    def job(self, options: Options, *, specimen: bool) -> Job:
        """The job that judges this falsifier, on what is bound or on the built-in specimens."""
        seen = {} if specimen else self.artifacts
        folders = [one for one in seen.values() if self.signature.needs == "folder" and one.message]
        return Job(
            id=f"{self.id}{' on specimens' if specimen else ''}",
            imports=self.signature.imports,
            message={
                "signature": asdict(self.signature),
                "roles": dict(self.declaration.on),
                "artifacts": {name: one.message for name, one in seen.items()},
                "parameters": dict(self.declaration.parameters),
                "specimen": specimen,
                "root": str(self.root.resolve()),
                "debug": options.debug,
            },
            seconds=options.seconds,
            memory_bytes=options.memory_bytes,
            files={path: sha256 for one in seen.values() for path, sha256 in files_of(one).items()},
            folders={one.message["path"]: listing(one.message) for one in folders},
            here=any(map(stays_here, seen.values())),
            source_digest=self.source_digest,
            resources=options.demands(self.signature),
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
            device = options.device(signature, artifacts.values())
            planned.append(
                Task(contract, declaration, signature, digest, root, artifacts, obstacle, cause, device=device)
            )
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
    readable = isinstance(known, dict) and _are_reports(known.get("reports")) and isinstance(_names(known), list)
    return known if readable else None


def recall_of(task: Task, kept: Cache) -> dict[str, Any] | None:
    """What is remembered of a task; None where it was said of the same bytes at another place, which it names."""
    known = recall(kept, task.key(specimen=False))
    return known if known is not None and all(one in task.paths for one in _names(known)) else None


def _names(entry: Mapping[str, Any]) -> Any:
    """The paths that a remembered verdict names."""
    return entry.get("names", [])


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


def files_of(one: Opened) -> dict[str, str]:
    """Absolute path -> sha256 of every file that a check of ``one`` may read; what only has a name has no path."""
    path = Path(one.message.get("path", ""))
    if one.kind == "command" or "memory" in one.message or not one.message:
        return {}
    folder = path if path.is_dir() else path.parent
    files = {str(folder / name): sha256 for name, sha256 in one.files.items() if (folder / name).is_file()}
    named = one.artifact.pinned_files if isinstance(one.artifact, Corpus) else {}
    return files | {str(place_in_full(named[name])): one.pinned[name] for name in named if name in one.pinned}


def stays_here(one: Opened) -> bool:
    """Whether only this machine can judge it: a command runs where it was allowed, a URL is remembered here."""
    return one.kind == "command" or "memory" in one.message


def listing(message: Mapping[str, Any]) -> str:
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


def versions_of(imports: tuple[str, ...]) -> dict[str, str]:
    """Python and the distributions behind the modules a check imports, so that an upgrade judges afresh."""
    versions = {"python": platform.python_version()}
    for module in imports:
        name = module.partition(".")[0]
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions
