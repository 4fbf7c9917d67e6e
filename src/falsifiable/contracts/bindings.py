"""``artifacts.yaml``: which file, or which command, each role is.

The file is a flat mapping whose keys are ``ROLE`` or ``CONTRACT/ROLE``::

    init: runs/reference/pretrained
    export: {path: runs/reference/export/model.gguf, sha256: 2c26b46b...}
    base: https://example.org/models/base.gguf
    run: {path: train.log, pattern: 'step (?P<step>\\d+) .* loss (?P<loss>[0-9.e+-]+)'}
    trainer:
      command: [python, -m, examples.pretrain, --init, "{init}", --output, "{output}"]
      sources: [examples/pretrain]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic, Position, quoted, shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.log_pattern import MOST_PATTERN_CHARACTERS, pattern_fault
from falsifiable.contracts.model import Kind
from falsifiable.contracts.nodes import Index, MappingNode, Trail, index
from falsifiable.contracts.shapes import EitherShape, MappingShape, TextShape, record_shape
from falsifiable.contracts.urls import PROTOCOLS, URL_PATTERN, looks_like_url, url_fault, without_secrets
from falsifiable.contracts.yaml_reader import read_yaml

_RULES = ShapeRules(
    unknown_key="ARTIFACTS-UNKNOWN-KEY",
    missing_key="ARTIFACTS-ENTRY",
    type="ARTIFACTS-TYPE",
    value="ARTIFACTS-VALUE",
)
_WORDS = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
_ROLE_KEY = rf"^([a-z0-9]+(-[a-z0-9]+)*/)?{_WORDS}$"
_PLACEHOLDER = re.compile(rf"\{{((?:[a-z0-9-]+/)?{_WORDS})\}}")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Binding:
    """What one role is bound to: a path (relative to the workspace root, perhaps pinned to a sha256), or a command.

    ``command`` is an argument list that no shell ever sees; its items may hold ``{ROLE}`` (the path bound to that role)
    and ``{output}`` (a fresh, empty folder). ``sources`` are the files and folders whose content decides what the
    command does. ``url`` is where a model or a tokenizer lies that is read by range. ``line`` is where it stands in the
    file, 0 where it was given on the command line. ``pattern`` says how a line of a plain training log is read.
    """

    role_key: str
    path: str | None = None
    sha256: str | None = None
    command: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    line: int = 0
    pattern: str | None = None
    url: str | None = None

    def binds_the_same(self, other: Binding) -> bool:
        """Whether it is the same but for the place in the file and the key it stands under."""
        return replace(self, role_key="", line=0) == replace(other, role_key="", line=0)

    @property
    def role(self) -> str:
        """The role, without the contract it is limited to."""
        return self.role_key.rpartition("/")[2]

    @property
    def contract(self) -> str | None:
        """The contract this binding is limited to, if it is limited to one."""
        return self.role_key.rpartition("/")[0] or None


@dataclass(frozen=True, slots=True)
class BindingEntry:
    """What stands under one role in ``artifacts.yaml``, in its long form."""

    path: str | None = field(default=None, metadata={"description": "file or folder, relative to artifacts.yaml"})
    sha256: str | None = field(
        default=None,
        metadata={
            "pattern": "^[0-9a-f]{64}$",
            "expected": "64 lower-case hexadecimal digits",
            "description": "the only content this role may have",
        },
    )
    command: tuple[str, ...] | None = field(
        default=None, metadata={"description": "a program and its arguments; {ROLE} and {output} become paths"}
    )
    sources: tuple[str, ...] = field(
        default=(),
        metadata={
            "description": "files and folders that decide what the command does; without any, no verdict is reused"
        },
    )
    pattern: str | None = field(
        default=None,
        metadata={
            "max_length": MOST_PATTERN_CHARACTERS,
            "description": "how a line of a plain training log is read: a regular expression whose named groups are "
            "the step and the numbers logged",
        },
    )
    url: str | None = field(
        default=None,
        metadata={
            "pattern": URL_PATTERN,
            "expected": f"a URL of {', '.join(PROTOCOLS)} without user and password",
            "description": "where a model or a tokenizer lies that is read by range and not fetched",
        },
    )


def _short_entry(text: str) -> BindingEntry:
    """What a role is bound to by a text alone: a URL or a path."""
    return BindingEntry(url=text) if looks_like_url(text) else BindingEntry(path=text)


BINDINGS_SHAPE = MappingShape(
    EitherShape(record_shape(BindingEntry), TextShape(expected="a path or a URL"), lambda text: _short_entry(text)),
    TextShape(_ROLE_KEY, "a role such as init, or CONTRACT/ROLE"),
)


def path_fault(path: str) -> str:
    """Why ``path`` may not stand in a file of the workspace; empty where it may.

    A path is relative, stays inside the folder it starts from, and means the same on every system.
    """
    if not path:
        return "an empty path"
    if "\0" in path:
        return "a NUL character in the path"
    if path.startswith(("/", "~")) or _DRIVE.match(path):
        return "an absolute path"
    if looks_like_url(path):
        return "a URL, which stands under 'url'"
    if "\\" in path:
        return "a backslash in the path"
    return "a path that climbs out with '..'" if ".." in path.split("/") else ""


def read_bindings(
    source: Path | bytes,
    declared: Mapping[str, Mapping[str, Kind]],
    *,
    shown: str = "",
    limits: ContractLimits = DEFAULT_LIMITS,
) -> tuple[dict[str, Binding], tuple[Diagnostic, ...]]:
    """The sound bindings of ``artifacts.yaml`` by role key, and what is wrong with the file.

    Args:
        source: the file, or its bytes. A file of nothing but comments binds nothing.
        declared: contract name -> role -> kind, of all contracts that could be read.
        shown: the path to name in diagnostics; the path itself when absent.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, may_be_empty=True, limits=limits)
    if file.root is None:
        return {}, file.diagnostics
    faults = Faults(file.path, limits)
    places = index(file.root)
    check = _BindingCheck(places, faults, declared, [str(trail[0]) for trail in places if len(trail) == 1])
    builder = Builder(faults, _RULES)
    bindings = {}
    for entry in file.root.entries:
        built = builder.build(BINDINGS_SHAPE, MappingNode(entry.position, (entry,)))
        if built is INVALID:
            continue
        one: BindingEntry = built[entry.key]
        if check.sound(entry.key, one):
            command = one.command or ()
            bindings[entry.key] = Binding(
                entry.key, one.path, one.sha256, command, one.sources, entry.position.line, one.pattern, one.url
            )
    return bindings, tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))


class _BindingCheck:
    """The rules of one binding."""

    def __init__(
        self, places: Index, faults: Faults, declared: Mapping[str, Mapping[str, Kind]], bound: Iterable[str]
    ) -> None:
        self._places = places
        self._faults = faults
        self._declared = declared
        self._roles = {role for roles in declared.values() for role in roles}
        self._bound = set(bound)

    def sound(self, key: str, entry: BindingEntry) -> bool:
        """Whether nothing but warnings was found in what stands under ``key``."""
        if self._faults.full:
            return False
        if fault := _entry_fault(entry):
            hint = "give one of 'path', 'url' and 'command'"
            self._faults.add("ARTIFACTS-ENTRY", self._key(key), f"{shortened(key)}: {fault}", hint)
            return False
        kind_fits = self._kind(key, entry)
        paths_stay_inside = self._paths(key, entry)
        pattern_reads = self._pattern(key, entry)
        url_fits = self._url(key, entry)
        return self._placeholders(key, entry) and paths_stay_inside and kind_fits and pattern_reads and url_fits

    def _key(self, key: str) -> Position:
        return self._places[(key,)][0]

    def _value(self, trail: Trail) -> Position:
        while trail not in self._places:
            trail = trail[:-1]
        return self._places[trail][1].position

    def _paths(self, key: str, entry: BindingEntry) -> bool:
        paths: dict[Trail, str] = {(key, "sources", number): one for number, one in enumerate(entry.sources)}
        if entry.path is not None:
            paths[(key, "path")] = entry.path
        sound = True
        for trail, path in paths.items():
            if fault := path_fault(path):
                sound = False
                message = f"{shortened(key)}: {fault}: {quoted(without_secrets(path))} is outside the artifact root"
                hint = "write a path relative to artifacts.yaml, with forward slashes"
                self._faults.add("ARTIFACTS-PATH", self._value(trail), message, hint)
        return sound

    def _kind(self, key: str, entry: BindingEntry) -> bool:
        """Whether the role is declared as what it is bound to; a role nobody declares is a warning."""
        contract, _, role = key.rpartition("/")
        named = {name: roles for name, roles in self._declared.items() if contract in ("", name)}
        kinds = {name: roles[role] for name, roles in named.items() if role in roles}
        if not kinds:
            qualified = {f"{name}/{role}" for name, roles in self._declared.items() for role in roles}
            message = f"no contract declares the role {quoted(key)}"
            known, rule = qualified if contract else self._roles, "ARTIFACTS-ROLE-UNKNOWN"
            self._faults.unknown(rule, self._key(key), key, message, known, "declared roles")
        for name, kind in kinds.items():
            if (kind == "command") != (entry.command is not None):
                found, wanted = ("a path", "command") if kind == "command" else ("a command", "path")
                message = f"{shortened(key)} is bound to {found}, but the contract {name} declares a {kind}"
                self._faults.add("ARTIFACTS-KIND", self._key(key), message, f"bind it with '{wanted}: ...'")
                return False
        return True

    def _pattern(self, key: str, entry: BindingEntry) -> bool:
        """Whether the pattern, if there is one, is sound and stands beside what may be a training log."""
        if entry.pattern is None:
            return True
        contract, _, role = key.rpartition("/")
        kinds = {roles.get(role, "run") for name, roles in self._declared.items() if contract in ("", name)}
        if other := sorted(kinds - {"run"}):
            fault, hint = f"a pattern beside a {other[0]}", "only a run is read from a log"
        else:
            fault, hint = pattern_fault(entry.pattern), r"such as 'step (?P<step>\d+) .* loss (?P<loss>[0-9.e+-]+)'"
        if fault:
            position = self._value((key, "pattern"))
            self._faults.add("ARTIFACTS-PATTERN", position, f"{shortened(key)}: {fault}", hint)
        return not fault

    def _url(self, key: str, entry: BindingEntry) -> bool:
        """Whether the URL, if there is one, is bound to what can be read by range."""
        if entry.url is None:
            return True
        contract, _, role = key.rpartition("/")
        kinds = {roles.get(role, "model") for name, roles in self._declared.items() if contract in ("", name)}
        other = sorted(kinds - {"model", "tokenizer", "command"})  # a command has been told of already
        fault = url_fault(entry.url)
        if not fault and not re.match(URL_PATTERN, entry.url):
            fault = "a URL with a user, a password or a second colon"
        if not fault and other:
            fault = f"a {other[0]}"
        if fault:
            message = f"{shortened(key)}: {fault} is not read from a URL: {quoted(without_secrets(entry.url))}"
            hint = f"a model or a tokenizer is read over {', '.join(PROTOCOLS)}; fetch anything else, and give its path"
            self._faults.add("ARTIFACTS-URL", self._value((key, "url")), message, hint)
        return not fault

    def _placeholders(self, key: str, entry: BindingEntry) -> bool:
        sound = True
        known = self._bound | self._roles | {"output"}
        for number, argument in enumerate(entry.command or ()):
            for placeholder in _PLACEHOLDER.finditer(argument):
                if placeholder[1] in known:
                    continue
                sound = False
                message = f"{shortened(key)}: {quoted(placeholder[0])} stands for no bound role"
                position, rule = self._value((key, "command", number)), "ARTIFACTS-PLACEHOLDER"
                self._faults.unknown(rule, position, placeholder[1], message, known, "placeholders")
        return sound


def _entry_fault(entry: BindingEntry) -> str:
    given = [name for name in ("path", "url", "command") if getattr(entry, name) is not None]
    if len(given) != 1:
        return f"both a {given[0]} and a {given[1]}" if given else "neither a path nor a command"
    if entry.command is not None:
        if not entry.command:
            return "an empty command"
        if entry.pattern is not None:
            return "a pattern beside a command"
        return "a sha256 beside a command" if entry.sha256 is not None else ""
    if entry.url is not None and entry.pattern is not None:
        return "a pattern beside a url"
    return f"sources beside a {given[0]}" if entry.sources else ""


def binding_for(bindings: Mapping[str, Binding], contract: str, role: str) -> Binding | None:
    """The binding of ``role`` as ``contract`` sees it: ``CONTRACT/ROLE`` wins over ``ROLE``."""
    return bindings.get(f"{contract}/{role}") or bindings.get(role)
