"""Which checks there are, without importing them.

Plugins announce a package or module under the entry point group ``falsifiable.falsifiers``. Each is imported once, in a
process of its own, to read the signatures of its checks; the answer is kept under a digest of the plugin's files, so
that resolving a ``check:`` imports none of them.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pkgutil
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from falsifiable.contracts.signature import CheckSignature, Parameter
from falsifiable.falsifier import REGISTRY, SEMANTICS, Falsifier
from falsifiable.validation.cache import Cache, key_of
from falsifiable.validation.source_digest import parse_distribution, source_digest

GROUP = "falsifiable.falsifiers"
STANDARD = "falsifiers"
LOAD_SECONDS = 60

_IMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every check that can be named: signatures and source digests by check name, and plugins that failed to load."""

    signatures: Mapping[str, CheckSignature]
    source_digests: Mapping[str, str]
    failed_plugins: Mapping[str, str]


def load_catalogue(cache: Cache | None = None) -> Catalogue:
    """Read all plugins' checks, from the cache where their files are unchanged."""
    cache = cache or Cache()
    signatures: dict[str, CheckSignature] = {}
    digests: dict[str, str] = {}
    failed: dict[str, str] = {}
    for plugin in _plugins():
        known = _known(plugin, cache)
        if "failed" in known:
            failed[plugin] = known["failed"]
            continue
        found = {name: CheckSignature.from_json(data) for name, data in known["signatures"].items()}
        if twice := sorted(set(found) & set(signatures)):
            other = signatures[twice[0]].distribution
            failed[plugin] = f"it defines {', '.join(twice)}, which {other} defines already; rename them"
            continue
        signatures.update(found)
        digests.update(known["source_digests"])
    return Catalogue(signatures, digests, failed)


def code_files() -> tuple[Path, ...]:
    """The source files of everything that judges: this package, and all plugins."""
    return tuple(path for name in ("falsifiable", *_plugins()) for path in _plugin_files(name).values())


def _plugins() -> list[str]:
    """What plugins announce; the standard library first: none takes the place of one of its checks."""
    plugins = {point.value for point in entry_points(group=GROUP)}
    return sorted(plugins, key=lambda name: (name != STANDARD, name))


def same_imports() -> dict[str, str]:
    """What makes another interpreter (with ``-P``) import what this one does, and nothing of the folder it stands in.

    Without it a folder called like a plugin, beside the contracts, would judge in the place of the plugin, and the
    source digests would be those of the plugin.
    """
    asked_for = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    return {"PYTHONPATH": os.pathsep.join(one or str(Path.cwd()) for one in (*sys.path, *asked_for))}


def _known(plugin: str, cache: Cache) -> dict[str, Any]:
    """Signatures and source digests of a plugin's checks, or ``failed`` with the reason."""
    files = _plugin_files(plugin)
    shape = sorted(one.name for one in (*fields(CheckSignature), *fields(Parameter)))
    key = key_of({"semantics": SEMANTICS, "shape": shape, "python": sys.version, "files": _identities(files)})
    kept: dict[str, Any] = cache.get("checks", key) or {}
    if _are_checks(kept):
        return kept
    read = _read_plugin(plugin, files)
    if "failed" not in read:
        cache.put("checks", key, read)
    return read


def _are_checks(kept: Any) -> bool:
    """Whether an entry of the cache holds signatures as they are written now, each with its source digest."""
    try:
        signatures = {name: CheckSignature.from_json(data) for name, data in kept["signatures"].items()}
        return bool(signatures.keys() == kept["source_digests"].keys())
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def resolve(signature: CheckSignature) -> Falsifier:
    """The registered check behind a signature, imported now. Raises ImportError and KeyError."""
    importlib.import_module(signature.module)
    return REGISTRY[signature.name]


def _plugin_files(plugin: str) -> dict[str, Path]:
    """Dotted module name -> source file, for a module or a package, everything below it, and what lies beside it.

    A module that lies beside a plugin and is imported by it is as much its source as its own files are. Where many
    plugins are installed into one folder, what lies beside one is another's.
    """
    found = importlib.util.find_spec(plugin)
    if found is None or found.origin is None:
        return {}
    origin = Path(found.origin)
    beside = origin.parent.parent if found.submodule_search_locations else origin.parent
    files = _below(plugin, origin)
    waiting = [] if str(beside) in sysconfig.get_paths().values() else list(files.values())
    while waiting:
        for name in _imported_by(waiting.pop()):
            neighbours = {} if name in files else _beside(beside, name)
            files |= neighbours
            waiting += neighbours.values()
    return files


def _below(name: str, origin: Path) -> dict[str, Path]:
    """The module ``name``, and everything below it where it is a package."""
    files = {name: origin}
    if origin.name == "__init__.py":
        for path in sorted(origin.parent.rglob("*.py")):
            parts = path.relative_to(origin.parent).with_suffix("").parts
            files[".".join((name, *(part for part in parts if part != "__init__")))] = path
    return files


def _beside(folder: Path, name: str) -> dict[str, Path]:
    origins = (folder / name / "__init__.py", folder / f"{name}.py")
    return next((_below(name, one) for one in origins if one.is_file()), {})


def _imported_by(file: Path) -> Iterator[str]:
    """The first parts of the modules that ``file`` imports, and some words more where a text reads like an import."""
    for of, names in _IMPORTED.findall(file.read_text(encoding="utf-8", errors="replace")):
        yield from [of] if of else (one.strip().partition(".")[0].partition(" ")[0] for one in names.split(","))


def _identities(files: Mapping[str, Path]) -> list[tuple[str, str, int, int]]:
    return [(name, str(path), path.stat().st_size, path.stat().st_mtime_ns) for name, path in sorted(files.items())]


def _read_plugin(plugin: str, files: Mapping[str, Path]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "falsifiable.validation.catalogue", plugin],
            env={**os.environ, **same_imports()},
            capture_output=True, text=True, timeout=LOAD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"failed": f"importing it took longer than {LOAD_SECONDS} seconds"}
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["it ended without a message"])[-1]}
    try:
        read = json.loads(done.stdout)
    except ValueError:
        return {"failed": "it writes to the standard output while it is imported, where its checks are listed"}
    try:
        distribution = parse_distribution(files)
        digests = {name: source_digest(distribution, map(tuple, one)) for name, one in read["functions"].items()}
    except KeyError as missing:
        return {"failed": f"the function {missing} of a check is not at the top level of one of its modules"}
    except SyntaxError as error:
        return {"failed": f"{error.filename}:{error.lineno}: {error.msg}"}
    return {"signatures": read["signatures"], "source_digests": digests}


def print_signatures(plugin: str) -> None:
    """Import ``plugin`` with all its modules; print its checks' signatures and functions as JSON."""
    with redirect_stdout(sys.stderr):  # what a module prints is no part of the listing
        package = importlib.import_module(plugin)
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), plugin + "."):
            importlib.import_module(module.name)
    of_plugin = {
        name: one
        for name, one in REGISTRY.items()
        if one.declared.module == plugin or one.declared.module.startswith(plugin + ".")
    }
    functions = {
        name: [(make.__module__, make.__name__) for make in (one.function, *one.counterexamples.values())]
        for name, one in of_plugin.items()
    }
    signatures = {name: one.signature.to_json() for name, one in of_plugin.items()}
    sys.stdout.write(json.dumps({"signatures": signatures, "functions": functions}))


if __name__ == "__main__":
    print_signatures(sys.argv[1])
