"""Many artifacts put to the same contracts: which there are, and what was found of each.

Items are judged in one plan, so that an executor always has enough to do, and what does not depend on an item (what
falsifiers say of the built-in specimens) is judged once. They are opened a wave at a time, so that thousands of them
take no more memory than one wave.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import yaml

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.sources.remote_path import place_of
from falsifiable.contracts import Contract, Workspace
from falsifiable.validation import events
from falsifiable.validation.binding import BindingError, check_options
from falsifiable.validation.bound import Opened, Place
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.engine import planned_tasks, results_of, teller
from falsifiable.validation.executor import Executor, LocalExecutor
from falsifiable.validation.judging import judge_all
from falsifiable.validation.plan import Options, Task
from falsifiable.validation.results import ContractResult, Judgement

WAVE = 256
"""Items opened at a time: enough to keep a few hundred cores busy with a handful of falsifiers each."""
RUN_RECORD = "run.yaml"
_MANIFESTS = (".yaml", ".yml", ".json")


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
    """What was found of one item, contract by contract."""

    item: Item
    results: tuple[ContractResult, ...]

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Those of all its contracts."""
        return tuple(judgement for result in self.results for judgement in result.judgements)


def items_of(asked: str, workspace: Workspace, contracts: Sequence[Contract]) -> tuple[Item, ...]:
    """The items that ``asked`` names: a manifest, a pattern of run folders or models, or ``ROLE=PATTERN``.

    A manifest is a YAML or JSON list of paths, or of mappings with ``run`` and (or) ``artifacts`` (role -> path), and
    a ``name`` where the path is to go by another; its paths are relative to it. ``contracts`` are those asked for.

    Raises:
        FleetError: for a pattern that matches nothing, a manifest that is none, a path that does not exist, or a role
            that no contract has.
    """
    path = Path(asked)
    if path.suffix in _MANIFESTS and path.is_file() and path.name != RUN_RECORD:
        found = _from_manifest(path, contracts)
    else:
        role, equals, pattern = asked.partition("=")
        role, pattern = (role, pattern) if equals else ("", asked)
        matching = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = [_item(Path(one), role, contracts) for one in matching]
        if not found:
            raise FleetError(f"--many {asked}: nothing matches; expected run folders, models, or a manifest (YAML)")
    names = [one.name for one in found]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise FleetError(f"--many {asked}: {twice[0]} stands there twice; give each item a name of its own")
    for item in found:
        _check(item, asked, workspace)
    return tuple(found)


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
    """Judge every item by ``contracts``; each item's result as soon as its last falsifier has been judged."""
    options, cache = options or Options(), cache or Cache()
    chosen = tuple(workspace.contracts if contracts is None else contracts)
    tell = teller(listeners)
    coming = iter(items)
    with executor or LocalExecutor(quiet=not options.debug) as running:
        while wave := list(islice(coming, WAVE)):
            yield from _judged_wave(workspace, catalogue, wave, chosen, running, options, cache, tell)
    cache.trim_now_and_then()


def _judged_wave(
    workspace: Workspace,
    catalogue: Catalogue,
    wave: Sequence[Item],
    chosen: Sequence[Contract],
    executor: Executor,
    options: Options,
    cache: Cache,
    tell: events.Listener,
) -> Iterator[ItemResult]:
    by_name = {one.name: one for one in wave}
    opened: dict[str, Mapping[Place, Opened]] = {}
    planned: dict[str, list[Task]] = {}
    for one in wave:
        opened[one.name], tasks = planned_tasks(
            workspace, catalogue, chosen, one.run, one.artifacts, executor, options, cache
        )
        planned[one.name] = [replace(task, item=one.name) for task in tasks]
    judged: dict[str, dict[str, Judgement]] = {name: {} for name in planned}

    def result(name: str) -> ItemResult:
        return ItemResult(by_name[name], results_of(chosen, planned[name], judged[name], opened[name]))

    for task, judgement in judge_all([one for of in planned.values() for one in of], executor, options, cache, tell):
        judged[task.item][task.id] = judgement
        tell(events.Judged(judgement))
        if len(judged[task.item]) == len(planned[task.item]):
            yield result(task.item)
    yield from (result(name) for name in planned if len(judged[name]) < len(planned[name]) or not planned[name])


def _from_manifest(path: Path, contracts: Sequence[Contract]) -> list[Item]:
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FleetError(f"{path}: cannot be read as YAML or JSON: {error}") from error
    if not isinstance(listed, list) or not listed:
        raise FleetError(f"{path}: expected a list of paths, or of mappings with run or artifacts")
    return [_listed(one, number, path, contracts) for number, one in enumerate(listed, 1)]


def _listed(one: object, number: int, path: Path, contracts: Sequence[Contract]) -> Item:
    if isinstance(one, str):
        return replace(_item(path.parent / one, "", contracts), name=one)
    wanted = f"{path}: item {number} should be a path, or a mapping of name, run (a folder) and artifacts (role: path)"
    keys = one.keys() if isinstance(one, dict) else set()
    if not isinstance(one, dict) or not keys <= {"name", "run", "artifacts"} or not {"run", "artifacts"} & keys:
        raise FleetError(wanted)
    run, artifacts = one.get("run"), one.get("artifacts", {})
    if not isinstance(run, str | None) or not isinstance(artifacts, dict):
        raise FleetError(wanted)
    try:
        bound = {str(role): _beside(path, str(place)) for role, place in artifacts.items()}
    except ArtifactError as error:
        raise FleetError(f"{path}: item {number}: {error}") from error
    name = one.get("name") or run or next(iter(artifacts.values()), "")
    return Item(str(name), None if run is None else path.parent / run, bound)


def _beside(manifest: Path, named: str) -> Path:
    place = place_of(named)
    return manifest.parent / place if type(place) is type(Path()) else place


def _item(path: Path, role: str, contracts: Sequence[Contract]) -> Item:
    """A run folder binds all roles; anything else the role named, else the one role there is for a model."""
    if not role and (path / RUN_RECORD).is_file():
        return Item(str(path), path)
    if role:
        return Item(str(path), artifacts={role: path})
    models = sorted({name for one in contracts for name, of in one.artifacts.items() if of.kind == "model"})
    if len(models) != 1:
        there = ", ".join(models) or "none"
        raise FleetError(f"{path} is no run folder, and the contracts' roles for a model are {there}; say ROLE=PATTERN")
    return Item(str(path), artifacts={models[0]: path})


def _check(item: Item, asked: str, workspace: Workspace) -> None:
    if item.run is not None and not item.run.exists():
        raise FleetError(f"--many {asked}: {item.name}: there is no run folder {item.run}")
    try:
        check_options(workspace, item.artifacts)
    except BindingError as error:
        raise FleetError(f"--many {asked}: {item.name}: {error}") from error
