"""What one test run knows of contracts: its workspaces, what was asked of it, and every judgement, reached once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from falsifiable.contracts import ContractFile, Diagnostic, Workspace, load_workspace
from falsifiable.contracts.places import CONTRACTS_FOLDER, root_above
from falsifiable.contracts.pv.file import PvFile
from falsifiable.testing.once import worked_out_once
from falsifiable.testing.reach import (
    arguments,
    has_contracts,
    home,
    in_workspace,
    is_contract,
    is_workspace,
    named_paths,
    names_given,
)
from falsifiable.testing.roles import check_roles, for_contracts
from falsifiable.testing.shown import explained
from falsifiable.testing.summary import Summary
from falsifiable.validation.catalogue import Catalogue, load_catalogue
from falsifiable.validation.results import Judgement

SHARED = "falsifiable_shared"
"""Under which name a worker of pytest-xdist is told the folder that all processes of the run share."""
_KNOWN = pytest.StashKey["ContractSession"]()


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the contracts on pytest's command line."""

    run: Path | None
    artifacts: Mapping[str, Path]
    commands: bool
    strict: bool
    seconds: float
    standings: bool

    @classmethod
    def of(cls, config: pytest.Config) -> Asked:
        """Read from pytest's options. Raises pytest.UsageError that names the option."""
        run: Path | None = config.getoption("--contracts-run")
        if run is not None:
            _check_run(run)
        seconds: float = config.getoption("--contracts-time-limit")
        if not seconds > 0:
            raise pytest.UsageError(f"--contracts-time-limit {seconds}: expected a number of seconds above 0")
        return cls(
            run=run,
            artifacts=_bound(config.getoption("--contracts-artifact")),
            commands=config.getoption("--contracts-commands"),
            strict=config.getoption("--contracts-strict"),
            seconds=seconds,
            standings="status_" in (config.getoption("markexpr", default="") or ""),
        )


@dataclass(slots=True)
class Place:
    """One workspace of the test run, with the files of its contracts, and those written for ``pv``, by their full path.

    ``judgements`` are there once the first test has asked, ``told`` are the diagnostics that somebody has read.

    ``standings`` maps a falsifier to the word it stands at by recorded evidence; it is empty unless asked for.
    """

    workspace: Workspace
    catalogue: Catalogue
    files: Mapping[Path, ContractFile]
    pv: Mapping[Path, PvFile]
    standings: Mapping[str, str]
    judgements: Mapping[str, tuple[Judgement, ...]] | None = None
    told: list[Diagnostic] = field(default_factory=list)

    def holds(self, path: Path) -> bool:
        """Whether ``path``, as ``in_workspace`` says it, is one of the contracts."""
        own = path.is_relative_to(self.workspace.root / CONTRACTS_FOLDER)
        return own and (path.resolve() in self.files or path.resolve() in self.pv)

    @property
    def collected(self) -> frozenset[str]:
        """The files that tell of their own faults."""
        return frozenset({one.path for one in self.files.values()} | {one.path for one in self.pv.values()})


class ContractSession:
    """The contracts of one test run, in one process of it."""

    def __init__(self, config: pytest.Config) -> None:
        self.asked = Asked.of(config)
        shared = getattr(config, "workerinput", {}).get(SHARED)
        self._shared = Path(shared) if shared else None
        self._places: dict[Path, Place] = {}
        self._passed_over: set[Path] = set()
        named = named_paths(config)
        self.home = home(config, named)
        self._named_folders = sorted((one for one in named if one.is_dir()), key=lambda one: -len(one.parts))

    @classmethod
    def of(cls, config: pytest.Config) -> ContractSession:
        """The one of this test run, made when first asked for; whoever runs the tests then sums up.

        Raises pytest.UsageError for an option that is wrong.
        """
        if _KNOWN not in config.stash:
            config.stash[_KNOWN] = cls(config)
            _listen(config)
        return config.stash[_KNOWN]

    def place_of(self, path: Path, *, named: bool) -> Place | None:
        """The workspace that the contract file ``path`` is one of; None for a file that is no contract of any.

        A named file answers for the workspace around it, one that was come by for the workspace around the folder that
        was named, else for the one of the test run, else, below a folder that was named, for the workspace around it.
        What was named by a link that is in no workspace's ``contracts`` answers for the workspace around what the link
        leads to.
        """
        tried = self._candidates(in_workspace(path), path.resolve(), named=named)
        return next((place for start, one in tried if (place := self.place(start)).holds(one)), None)

    def _candidates(self, file: Path, real: Path, *, named: bool) -> Iterator[tuple[Path, Path]]:
        """Where to look for the workspace of a file, and as which path; the first that holds it is meant."""
        if named:
            yield from ((file.parent, file), (real.parent, real))
            return
        around = [one for one in self._named_folders if file.is_relative_to(one)]
        yield from ((start, file) for start in (*around, self.home))
        if around:
            yield file.parent, file
        if any(one.resolve() / file.relative_to(one) == real for one in around):
            yield real.parent, real

    def newly_passed_over(self, path: Path) -> Path | None:
        """The workspace that ``path`` is a contract of and that nobody asked for, the first time it is come by."""
        file = in_workspace(path)
        root = root_above(file.parent)
        if root in self._places or root in self._passed_over or not file.is_relative_to(root / CONTRACTS_FOLDER):
            return None
        if not is_contract(path):
            return None
        self._passed_over.add(root)
        return root

    def place(self, start: Path) -> Place:
        """The workspace around ``start``, read when first asked for."""
        root = root_above(start)
        if root not in self._places:
            self._places[root] = self._read(root)
        return self._places[root]

    def _read(self, root: Path) -> Place:
        catalogue = load_catalogue()
        workspace = load_workspace(root, catalogue.signatures)
        files = {(root / one.path).resolve(): one for one in workspace.files}
        pv = {(root / one.path).resolve(): one for one in workspace.pv}
        standings: Mapping[str, str] = {}
        if self.asked.standings and not workspace.errors:
            standings = worked_out_once(self._shared, f"standings of {root}", lambda: _standings(workspace, catalogue))
        return Place(workspace, catalogue, files, pv, standings)

    def judgements(
        self, place: Place, chosen: Sequence[tuple[str, str]], config: pytest.Config
    ) -> Mapping[str, tuple[Judgement, ...]]:
        """Contract -> its judgements, for all falsifiers that are ``chosen`` (contract and id).

        They are judged together when the first is asked for: each artifact is read once, and each set of libraries
        imported once, however many processes run the tests.
        """
        if place.judgements is None:
            name = f"judgements in {place.workspace.root} of {list(chosen)}"
            found = worked_out_once(self._shared, name, lambda: self._judge(place, set(chosen), config))
            place.judgements = {name: tuple(map(_judgement, those)) for name, those in found.items()}
        return place.judgements

    def _judge(self, place: Place, chosen: set[tuple[str, str]], config: pytest.Config) -> dict[str, Any]:
        from falsifiable.report.progress import progress
        from falsifiable.validation import Options, validate_workspace

        options = Options(seconds=self.asked.seconds, run_commands=self.asked.commands)
        with _shown(config), progress(quiet=config.get_verbosity() < 0) as listener:
            results = validate_workspace(
                place.workspace,
                place.catalogue,
                contracts=_narrowed(place.workspace, chosen),
                run=self.asked.run,
                artifacts=for_contracts(self.asked.artifacts, place.workspace),
                options=options,
                listeners=[listener],
            )
        return {
            result.contract: [{**one.to_json(), "seconds": one.seconds} for one in result.judgements]
            for result in results
        }


def prepare(config: pytest.Config) -> None:
    """Make ready for contracts; the folder of those that were asked for is collected too.

    The option adds it to whatever was named; the setting only to a test run of everything.
    Raises pytest.UsageError where there are none.
    """
    session = ContractSession.of(config)  # what was asked is checked before anything is collected
    if given := session.asked.artifacts:
        starts = (session.home, *(one for one in named_paths(config) if is_workspace(root_above(one))))
        check_roles(given, [session.place(one).workspace for one in starts])
    if config.getoption("--contracts"):
        _add_contracts(config, session.home, "--contracts")
    elif config.getini("contracts") and not names_given(config):
        _add_contracts(config, session.home, f"contracts = true in {config.inipath or 'the settings'}")


def _add_contracts(config: pytest.Config, root: Path, asked: str) -> None:
    folder = root / CONTRACTS_FOLDER
    if not has_contracts(root):
        raise pytest.UsageError(
            f"{asked}: there is no folder contracts/ with a .yaml file in {root} or above it; "
            f"contract init makes a first one"
        )
    if not _reached(folder, config):
        config.args.append(str(folder))


def _listen(config: pytest.Config) -> None:
    """Have the process that prints sum up, and fail for what could not be run."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Summary(), "falsifiable-summary")
        config.pluginmanager.register(_Sharing(), "falsifiable-sharing")


def _shown(config: pytest.Config) -> AbstractContextManager[None]:
    """While it is open, what is written is seen, whether or not pytest captures the rest."""
    capture = config.pluginmanager.getplugin("capturemanager")
    shown: AbstractContextManager[None] = capture.global_and_fixture_disabled() if capture else nullcontext()
    return shown


class _Sharing:
    """Tells the workers of pytest-xdist, where there are any, of a folder they have in common."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to start."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="falsifiable-")
        node.workerinput[SHARED] = self._folder.name

    def pytest_unconfigure(self) -> None:
        """All workers have gone."""
        if self._folder is not None:
            self._folder.cleanup()


def faults_of(place: Place, file: ContractFile) -> str:
    """Why the falsifiers of ``file`` cannot be collected; "" where they can.

    With a fault anywhere nothing is put to the test, as ``contract validate`` does it.
    """
    errors = place.workspace.errors
    own = [one for one in errors if one.path == file.path]
    if found := _explained(place, [*own, *_news_beside(place)]):
        return found
    if errors:
        return f"nothing is put to the test before this is mended: {errors[0].place} ({errors[0].rule})"
    return ""


def faults_beside(place: Place) -> str:
    """What is wrong beside the contracts, such as in artifacts.yaml, for the first file that asks; else ""."""
    return _explained(place, _news_beside(place))


def _news_beside(place: Place) -> list[Diagnostic]:
    news = [one for one in place.workspace.errors if one.path not in place.collected and one not in place.told]
    place.told += news
    return news


def _explained(place: Place, faults: Sequence[Diagnostic]) -> str:
    if not faults:
        return ""
    plugins = [f"note: plugin {name} was not loaded: {why}" for name, why in place.catalogue.failed_plugins.items()]
    return "\n".join([*(one.explained() for one in faults), *plugins])


def warnings_of(place: Place, file: ContractFile | PvFile) -> list[Diagnostic]:
    """What is doubtful in ``file`` and, for the first file that asks, beside the contracts."""
    found = [
        one
        for one in place.workspace.diagnostics
        if one.severity == "warning" and (one.path == file.path or one.path not in place.collected)
    ]
    new = [one for one in found if one not in place.told]
    place.told += new
    return new


def check_bindings(place: Place, asked: Asked) -> str:
    """What is wrong with the bindings given on the command line; "" for nothing."""
    from falsifiable.validation.binding import BindingError, check_options

    try:
        check_options(place.workspace, for_contracts(asked.artifacts, place.workspace))
    except BindingError as error:
        return str(error).replace("--artifact", "--contracts-artifact")
    return ""


def _narrowed(workspace: Workspace, chosen: set[tuple[str, str]]) -> list[Any]:
    """The contracts, each with the falsifiers that are chosen of it."""
    narrowed = [
        replace(one, falsifiers=tuple(claim for claim in one.falsifiers if (one.contract, claim.id) in chosen))
        for one in workspace.contracts
    ]
    return [one for one in narrowed if one.falsifiers]


def _judgement(data: Mapping[str, Any]) -> Judgement:
    return Judgement.from_json(data)


def _standings(workspace: Workspace, catalogue: Catalogue) -> dict[str, str]:
    """Falsifier -> where it stands by recorded evidence: a status, or ``stale`` where that no longer applies."""
    from falsifiable.evidence import Repository
    from falsifiable.falsifier import SEMANTICS
    from falsifiable.spec import open_ledger
    from falsifiable.status import JudgingCode

    code = JudgingCode.of(catalogue, SEMANTICS)
    ledger = open_ledger(
        workspace.root, tuple(workspace.contracts), code, Repository(workspace.root), ships=workspace.ships
    )
    return {
        claim.falsifier: "stale" if claim.stale_status is not None else claim.status.name.lower()
        for one in ledger.standings()
        for claim in one.falsifiers
    }


def _check_run(run: Path) -> None:
    """Raise pytest.UsageError where no run is: all would be judged as if none had been given.

    One that is there and broken is judged, and falsified.
    """
    from falsifiable.artifacts import ArtifactError, open_run

    if not run.exists():
        raise pytest.UsageError(f"--contracts-run {run}: there is no such folder; it is that of a run.yaml")
    try:
        open_run(run)
    except ArtifactError as error:
        if error.kind == "unreadable":
            why = explained(str(error))
            raise pytest.UsageError(f"--contracts-run {run}: no run can be opened there: {why}") from error


def _bound(given: Iterable[str]) -> dict[str, Path]:
    from falsifiable.artifacts import ArtifactError
    from falsifiable.artifacts.sources.remote_path import place_of

    bound = {}
    for one in given:
        role, equals, path = one.partition("=")
        if not (role and equals and path):
            raise pytest.UsageError(f"--contracts-artifact {one!r}: expected ROLE=PATH")
        try:
            bound[role] = place_of(path)
        except ArtifactError as error:
            raise pytest.UsageError(f"--contracts-artifact {role}: {explained(str(error))}") from error
    return bound


def _reached(folder: Path, config: pytest.Config) -> bool:
    """Whether pytest comes by ``folder``, or by something in it that was named, without being told to."""
    return any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in arguments(config))
