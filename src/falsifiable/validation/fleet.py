"""Many artifacts put to the same contracts: which there are, and what was found of each.

Items are judged in one plan, so that an executor always has enough to do, and what does not depend on an item (what
falsifiers say of the built-in specimens) is judged once. They are opened a wave at a time, so that thousands of them
take no more memory than one wave.

An item is judged by the contracts of which it binds a role itself. ``artifacts.yaml`` may bind their other roles, such
as a tokenizer that all models share; a contract of which it bound every role would say the same of every item.
"""

from __future__ import annotations

import glob
import os
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.sources.files import read_small_file
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.sources.remote_path import RemotePath, place_of
from falsifiable.contracts import Contract, ContractLimits, Workspace, plain
from falsifiable.contracts.urls import without_secrets
from falsifiable.contracts.yaml_reader import read_yaml_tree
from falsifiable.validation import events
from falsifiable.validation.binding import BindingError, check_options, is_there, run_judged
from falsifiable.validation.bound import Opened, Place
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.engine import planned_tasks, results_of, teller
from falsifiable.validation.executor import Executor, LocalExecutor
from falsifiable.validation.judging import fallen, judge_all
from falsifiable.validation.plan import Options, Task
from falsifiable.validation.results import ContractResult, Judgement

WAVE = 256
"""Items opened at a time: enough to keep a few hundred cores busy with a handful of falsifiers each."""
RUN_RECORD = "run.yaml"
_MANIFESTS = (".yaml", ".yml", ".json")
MANIFEST_LIMITS = ContractLimits(max_contract_bytes=16 << 20, max_nodes=500_000)
"""Of a manifest: 50,000 items that bind two roles each."""
_MOST_NAMED = 5
"""Contracts named in a message: enough to see which are meant, where a workspace has thousands."""


class FleetError(Exception):
    """What was to be validated cannot be told from the pattern or manifest; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of many: a run folder that binds all roles, and (or) artifacts by role. ``name`` is what it is called."""

    name: str
    run: Path | None = None
    artifacts: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What was found of one item by each contract of which it binds a role.

    ``bound`` maps these contracts to the roles that it binds, and to those of commands that read one of them.
    """

    item: Item
    results: tuple[ContractResult, ...]
    bound: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Those of all its contracts."""
        return tuple(judgement for result in self.results for judgement in result.judgements)

    @property
    def examined(self) -> bool:
        """Whether a falsifier came to a verdict on what the item binds, or on what a command made of it."""
        return any(
            one.verdict.outcome != "inconclusive"
            and any(of.role in self.bound.get(one.contract, ()) for of in one.artifacts)
            for one in self.judgements
        )


class ItemBindings:
    """Which roles of which contracts an item binds; found once for all items that bind the same roles."""

    def __init__(self, contracts: Sequence[Contract]) -> None:
        self._contracts = contracts
        self._known: dict[tuple[bool, frozenset[str]], Mapping[str, frozenset[str]]] = {}

    def of(self, item: Item) -> Mapping[str, frozenset[str]]:
        """Contract -> the roles that ``item`` binds; without the contracts of which it binds none."""
        shape = (item.run is not None, frozenset(item.artifacts))
        if shape not in self._known:
            found = {one.contract: _roles_bound(one, *shape) for one in self._contracts}
            self._known[shape] = {name: roles for name, roles in found.items() if roles}
        return self._known[shape]

    def judging(self, item: Item) -> list[Contract]:
        """The contracts that ``item`` is judged by: those of which it binds a role."""
        return [one for one in self._contracts if one.contract in self.of(item)]

    def falsifiers(self, item: Item) -> int:
        """How many falsifiers these contracts have."""
        return sum(len(one.falsifiers) for one in self.judging(item))

    def left_out(self, items: Sequence[Item]) -> dict[str, int]:
        """Contract -> how many of ``items`` bind no role of it, and are not judged by it."""
        judging = Counter(name for item in items for name in self.of(item))
        missing = {one.contract: len(items) - judging[one.contract] for one in self._contracts}
        return {name: times for name, times in missing.items() if times}


def _roles_bound(contract: Contract, by_run: bool, keys: Iterable[str]) -> frozenset[str]:
    """A run folder answers for every role of a contract that judges a run, and for none of another."""
    parts = [key.rpartition("/") for key in keys]
    found = {name for of_contract, _, name in parts if of_contract in ("", contract.contract)}
    if by_run and run_judged(contract) is not None:
        found |= {name for name, role in contract.artifacts.items() if role.kind != "command"}
    return frozenset(found & contract.artifacts.keys())


def items_of(
    asked: str, workspace: Workspace, contracts: Sequence[Contract], *, named: bool = False
) -> tuple[Item, ...]:
    """The items that ``asked`` names: a manifest, a pattern of run folders or models, or ``ROLE=PATTERN``.

    A manifest is a YAML or JSON list of paths, or of mappings with ``run`` and (or) ``artifacts`` (role -> path), and
    a ``name`` where the path is to go by another; its paths are relative to it. ``contracts`` are those asked for;
    where they were ``named`` one by one, an item has to bind a role of each.

    Raises:
        FleetError: for a pattern that matches nothing, a manifest that is none, a path that does not exist, a role
            that no contract has, an item that binds no role of any contract, or a named contract that no item is for.
    """
    path = Path(asked)
    if path.suffix in _MANIFESTS and is_there(path) and path.is_file() and path.name != RUN_RECORD:
        found = _from_manifest(path, contracts)
    else:
        role, equals, pattern = asked.partition("=")
        role, pattern = (role, pattern) if equals else ("", asked)
        matching = _matching(pattern)
        found = [_item(Path(one), role, contracts) for one in matching]
        if not found:
            raise FleetError(f"--many {asked}: nothing matches; expected run folders, models, or a manifest (YAML)")
    names = [one.name for one in found]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise FleetError(f"--many {asked}: {twice[0]} stands there twice; give each item a name of its own")
    for item in found:
        _check(item, asked, workspace)
    _check_all_are_for_something(found, asked, workspace, contracts, named=named)
    return tuple(found)


def _matching(pattern: str) -> list[str]:
    """The paths that fit a pattern; where one is called so, that one, be there brackets in its name."""
    if os.path.lexists(pattern):
        return [pattern]
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern


def validate_many(
    workspace: Workspace,
    catalogue: Catalogue,
    items: Iterable[Item],
    *,
    contracts: Sequence[Contract] | None = None,
    options: Options | None = None,
    listeners: Iterable[events.Listener] = (),
    cache: Cache | None = None,
    executor: Executor | None = None,
) -> Iterator[ItemResult]:
    """Judge every item by those of ``contracts`` of which it binds a role; each item's result as soon as its last
    falsifier has been judged.

    Raises:
        KeyboardInterrupt: passed on after the items of which something had fallen.
    """
    options, cache = options or Options(), cache or Cache()
    chosen = tuple(workspace.contracts if contracts is None else contracts)
    tell = teller(listeners)
    bindings, listed = ItemBindings(chosen), tuple(items)
    later = sum(map(bindings.falsifiers, listed))
    with executor or LocalExecutor(quiet=not options.debug) as running:
        for start in range(0, len(listed), WAVE):
            wave = listed[start : start + WAVE]
            later -= sum(map(bindings.falsifiers, wave))
            yield from _judged_wave(workspace, catalogue, wave, bindings, running, options, cache, tell, later)
    cache.trim_now_and_then()
    tell(events.Finished(()))


def _judged_wave(
    workspace: Workspace,
    catalogue: Catalogue,
    wave: Sequence[Item],
    bindings: ItemBindings,
    executor: Executor,
    options: Options,
    cache: Cache,
    tell: events.Listener,
    later: int,
) -> Iterator[ItemResult]:
    by_name = {one.name: one for one in wave}
    judging = {one.name: bindings.judging(one) for one in wave}
    opened: dict[str, Mapping[Place, Opened]] = {}
    planned: dict[str, list[Task]] = {}
    for one in wave:
        opened[one.name], of_item = planned_tasks(
            workspace, catalogue, judging[one.name], one.run, one.artifacts, executor, options, cache
        )
        planned[one.name] = [replace(task, item=one.name) for task in of_item]
    judged: dict[str, dict[str, Judgement]] = {name: {} for name in planned}
    so_far: dict[str, Judgement] = {}

    def result(name: str, *besides: dict[str, Judgement]) -> ItemResult:
        results = results_of(judging[name], planned[name], ChainMap(judged[name], *besides), opened[name])
        return ItemResult(by_name[name], results, _with_commands(bindings.of(by_name[name]), opened[name]))

    tasks = [one for of in planned.values() for one in of]
    try:
        for task, judgement in judge_all(tasks, executor, options, cache, tell, so_far=so_far, later=later):
            judged[task.item][task.id] = judgement
            tell(events.Judged(judgement, task.item))
            if len(judged[task.item]) == len(planned[task.item]):
                yield result(task.item)
    except KeyboardInterrupt:
        fell = fallen(so_far)
        unfinished = (result(name, fell) for name in planned if len(judged[name]) < len(planned[name]))
        yield from (one for one in unfinished if any(of.verdict.outcome == "falsified" for of in one.judgements))
        raise
    yield from (result(name) for name in planned if len(judged[name]) < len(planned[name]) or not planned[name])


def _with_commands(bound: Mapping[str, frozenset[str]], opened: Mapping[Place, Opened]) -> Mapping[str, frozenset[str]]:
    """The roles that an item binds, and of the commands those that read one of them: another says nothing of it."""
    reading = [(place, one.message.get("reads", ())) for place, one in opened.items() if one.kind == "command"]
    return {
        contract: roles | {role for (of, role), reads in reading if of == contract and not roles.isdisjoint(reads)}
        for contract, roles in bound.items()
    }


def _from_manifest(path: Path, contracts: Sequence[Contract]) -> list[Item]:
    listed = _read_manifest(path)
    if not isinstance(listed, list) or not listed:
        raise FleetError(f"{path}: expected a list of paths, or of mappings with run or artifacts")
    return [_listed(one, number, path, contracts) for number, one in enumerate(listed, 1)]


def _read_manifest(path: Path) -> Any:
    """What a manifest holds; JSON is read as such, which may escape a character in two halves, as YAML may not."""
    if path.suffix == ".json":
        try:
            return read_json(read_small_file(path, MANIFEST_LIMITS.max_contract_bytes)[1], path)
        except ArtifactError as error:
            raise FleetError(str(error)) from error
    root, faults = read_yaml_tree(path, limits=MANIFEST_LIMITS, shorter="split the list into several")
    if faults:
        raise FleetError(str(faults[0]))
    return None if root is None else plain(root)


def _listed(one: object, number: int, path: Path, contracts: Sequence[Contract]) -> Item:
    try:
        if isinstance(one, str) and one:
            return replace(_item(_beside(path, one), "", contracts), name=without_secrets(one))
        return _mapped(one, number, path)
    except ArtifactError as error:
        raise FleetError(f"{path}: item {number}: {error}") from error


def _mapped(one: object, number: int, path: Path) -> Item:
    wanted = f"{path}: item {number} should be a path, or a mapping of name, run (a folder) and artifacts (role: path)"
    keys = one.keys() if isinstance(one, dict) else set()
    if not isinstance(one, dict) or not keys <= {"name", "run", "artifacts"} or not {"run", "artifacts"} & keys:
        raise FleetError(wanted)
    run, artifacts, named = one.get("run"), one.get("artifacts", {}), one.get("name")
    if not isinstance(run, str | None) or not isinstance(artifacts, dict) or run == "" or not (run or artifacts):
        raise FleetError(f"{wanted}; it binds nothing")
    if not all(isinstance(text, str) and text for text in artifacts.values()) or isinstance(named, list | dict):
        raise FleetError(f"{wanted}; a name and a path are texts, in quotes where they look like something else")
    bound = {role: _beside(path, place) for role, place in artifacts.items()}
    name = named or run or without_secrets(next(iter(artifacts.values())))
    return Item(str(name), None if run is None else path.parent / run, bound)


def _beside(manifest: Path, named: str) -> Path:
    place = place_of(named)
    return place if isinstance(place, RemotePath) else manifest.parent / place


def _item(path: Path, role: str, contracts: Sequence[Contract]) -> Item:
    """A run folder binds all roles; anything else the role named, else the one role there is for a model."""
    if not role and not isinstance(path, RemotePath) and is_there(path) and (path / RUN_RECORD).is_file():
        return Item(str(path), path)
    if role:
        return Item(str(path), artifacts={role: path})
    models = sorted({name for one in contracts for name, of in one.artifacts.items() if of.kind == "model"})
    if len(models) != 1:
        there = ", ".join(models) or "none"
        raise FleetError(f"{path} is no run folder, and the contracts' roles for a model are {there}; say ROLE=PATTERN")
    return Item(str(path), artifacts={models[0]: path})


def _check(item: Item, asked: str, workspace: Workspace) -> None:
    if item.run is not None and not is_there(item.run):
        raise FleetError(f"--many {asked}: {item.name}: there is no run folder {item.run}")
    try:
        check_options(workspace, item.artifacts)
    except BindingError as error:
        raise FleetError(f"--many {asked}: {item.name}: {error}") from error


def _check_all_are_for_something(
    items: Sequence[Item], asked: str, workspace: Workspace, contracts: Sequence[Contract], *, named: bool
) -> None:
    """Raise FleetError for an item that none of ``contracts`` judges, or a ``named`` contract that judges no item."""
    bindings = ItemBindings(contracts)
    for item in items:
        if not bindings.of(item):
            raise FleetError(f"--many {asked}: {_bound_in_vain(item, workspace, contracts)}")
    left_out = bindings.left_out(items) if named else {}
    for one in contracts:
        if left_out.get(one.contract) == len(items):
            raise FleetError(
                f"--many {asked}: no item binds a role of contract {_with_roles([one])}, which was named; leave it "
                "out, or say ROLE=PATTERN with a role of it"
            )


def _bound_in_vain(item: Item, workspace: Workspace, contracts: Sequence[Contract]) -> str:
    """What an item binds, which roles there are instead, and what to do about it."""
    given = [f"role {key}" for key in item.artifacts] + ["a run folder"] * (item.run is not None)
    able = [one for one in workspace.contracts if ItemBindings([one]).of(item)]
    other = f"name a contract that takes it: {_with_roles(able)}" if able else "no contract of this workspace takes it"
    return (
        f"{item.name} binds {' and '.join(given) or 'nothing'}, which nothing here is judged by: "
        f"{_with_roles(contracts) or 'there is no contract'}; say ROLE=PATTERN with one of these roles ({other})"
    )


def _with_roles(contracts: Sequence[Contract]) -> str:
    """Contracts with their roles, such as ``shop (model, tokenizer)``."""
    said = [f"{one.contract} ({', '.join(one.artifacts) or 'no role'})" for one in contracts[:_MOST_NAMED]]
    more = len(contracts) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")
