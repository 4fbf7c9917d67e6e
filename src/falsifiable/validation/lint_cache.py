"""The lint of files that have been looked at before, used where their bytes and our code are the same.

What is kept follows from the bytes of a file alone. What depends on anything else (tests and files that it cites, ids
of other files) is asked anew every time, so that a cached verdict is the one that reading would come to.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import falsifiable.contracts
from falsifiable.contracts.limits import DEFAULT_LIMITS, SHORTER
from falsifiable.contracts.nodes import MappingNode, ScalarNode
from falsifiable.contracts.pv.file import PvFile, linted
from falsifiable.contracts.pv.lint import lint_from_json
from falsifiable.contracts.regular_files import TooLargeError, read_regular
from falsifiable.validation.cache import Cache, key_of

ROOM = "lints"

_Pack = dict[str, list[Any]]
"""Name of a file -> the sha256 of its bytes, and their lint as JSON; the name of a contract of ours, or None."""


class LintCache:
    """Reads contracts of ``pv``, and lints only those whose bytes have changed since :meth:`keep` was last called.

    There is one entry of the cache for each folder of contracts, sealed with its sha256: a damaged one is none. Two
    processes that keep the same folder write one after the other, and the last is what is kept.

    ``ours`` are the files read so far that are written for us: path as shown -> name of the contract ("" where it has
    none).
    """

    def __init__(self, cache: Cache) -> None:
        self.ours: dict[str, str] = {}
        self._cache = cache
        self._packs: dict[str, _Pack] = {}
        self._grown: set[str] = set()
        self._code = _code_digest()

    def read(self, path: Path) -> PvFile | None:
        """The file with its lint; None where it is written for something else than ``pv``."""
        shown = path.as_posix()
        found = self._found(path, shown)
        if isinstance(found, str):
            self.ours[shown] = found
            return None
        return found

    def _found(self, path: Path, shown: str) -> PvFile | str | None:
        try:
            raw = read_regular(path, DEFAULT_LIMITS.max_contract_bytes)
        except (OSError, ValueError, TooLargeError):
            return _looked_at(path, shown)  # and told why it cannot be read
        digest = hashlib.sha256(raw).hexdigest()
        parent = os.path.dirname(path)  # noqa: PTH120 - a text, as are the keys of packs
        pack = self._pack(parent)
        known = pack.get(path.name)
        if known is not None and known[0] == digest:
            kept = known[1]
            return kept if kept is None or isinstance(kept, str) else linted(shown, lint_from_json(kept), path)
        found = _looked_at(raw, shown)
        pack[path.name] = [digest, found.lint if isinstance(found, PvFile) else found]
        self._grown.add(parent)
        return linted(shown, found.lint, path) if isinstance(found, PvFile) else found

    def keep(self) -> None:
        """Write down what was linted anew, without files that are gone. A folder that refuses it forgets it."""
        for parent in self._grown:
            try:
                there = set(os.listdir(parent or "."))  # noqa: PTH208
            except OSError:
                continue
            pack = {name: entry for name, entry in self._packs[parent].items() if name in there}
            body = json.dumps({"code": self._code, "files": pack}).encode()
            self._cache.write(ROOM, _key(parent), hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        if self._grown:
            self._cache.trim_now_and_then()
        self._grown.clear()

    def _pack(self, parent: str) -> _Pack:
        if parent not in self._packs:
            self._packs[parent] = self._kept(parent)
        return self._packs[parent]

    def _kept(self, parent: str) -> _Pack:
        kept = self._cache.read(ROOM, _key(parent)) or b""
        seal, _, body = kept.partition(b"\n")
        if seal != hashlib.sha256(body).hexdigest().encode():
            return {}
        pack = json.loads(body)
        files: _Pack = pack["files"] if pack["code"] == self._code else {}
        return files


def _looked_at(source: Path | bytes, shown: str) -> PvFile | str | None:
    """The file as linted without a cache, which one that is no YAML can be too; the name of a contract of ours."""
    from falsifiable.contracts.pv.dialect import speaks_pv
    from falsifiable.contracts.pv.reader import pv_file
    from falsifiable.contracts.yaml_reader import read_yaml

    file = read_yaml(source, shown=shown, shorter=SHORTER)
    return pv_file(file) if file.root is None or speaks_pv(file.root) else name_of_ours(file.root)


def name_of_ours(root: MappingNode) -> str | None:
    """The name of a contract that is written for us, "" where it has none; None where it is not written for us."""
    values = {entry.key: entry.value for entry in root.entries}
    name = values.get("contract")
    if name is None and "falsifiers" not in values:
        return None
    return name.value if isinstance(name, ScalarNode) and isinstance(name.value, str) else ""


def _key(parent: str) -> str:
    return key_of({"folder": os.path.realpath(parent)})


def _code_digest() -> str:
    """The sha256 (hex) of all that lints: this module, the room of contracts, the YAML parser and the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (__file__, *_sources(falsifiable.contracts.__path__[0])):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - seventy files, before anything else is done
            data = file.read()
        digest.update(f"\0{os.path.basename(path)} {len(data)}\0".encode())  # noqa: PTH119
        digest.update(data)
    parser = PathFinder.find_spec("yaml")
    for folder in (parser.submodule_search_locations or ()) if parser else ():
        with os.scandir(folder) as found:
            for one in sorted(found, key=lambda one: one.name):
                if one.is_file():
                    seen = one.stat()
                    digest.update(f"\0{one.name} {seen.st_size} {seen.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _sources(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        yield from (os.path.join(parent, one) for one in sorted(files) if one.endswith(".py"))  # noqa: PTH118
