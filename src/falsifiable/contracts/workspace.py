"""A workspace: all contracts under ``contracts/``, what ``artifacts.yaml`` binds their roles to, and the ship files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from falsifiable.contracts.bindings import Binding, binding_for, read_bindings
from falsifiable.contracts.check import check_contracts
from falsifiable.contracts.diagnostics import Diagnostic, Position
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, SHORTER, ContractLimits
from falsifiable.contracts.model import ArtifactDeclaration, Contract, Kind
from falsifiable.contracts.nodes import ScalarNode
from falsifiable.contracts.places import ARTIFACTS_FILE, CONTRACTS_FOLDER, contract_paths, misnamed_paths
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.pv.file import PvFile
from falsifiable.contracts.pv.reader import pv_file
from falsifiable.contracts.reader import ContractFile, built_contract
from falsifiable.contracts.ship_check import Ships, load_ships
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.yaml_reader import read_yaml


@dataclass(frozen=True, slots=True)
class Workspace:
    """What was found under ``root``.

    ``files`` are all contract files in the order of their paths, ``contracts`` those whose shape is sound, and
    ``bindings`` the sound lines of ``artifacts.yaml`` by ``ROLE`` or ``CONTRACT/ROLE``. With an error among the
    ``diagnostics`` nothing should be run. ``shipped`` says that the workspace has no contracts of its own and those
    that come with the package are used. ``ships`` are the ship files under ``spec/``, read where all contracts are
    sound: what a ship file names can only be looked for among these. ``pv`` are the contracts written for ``pv``; they
    state no claims that a check of ours could refute, and are checked as they stand.
    """

    root: Path
    contracts_folder: Path
    files: tuple[ContractFile, ...]
    contracts: tuple[Contract, ...]
    bindings: Mapping[str, Binding]
    diagnostics: tuple[Diagnostic, ...]
    shipped: bool = False
    ships: Ships = field(default_factory=Ships)
    pv: tuple[PvFile, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are no mere warnings."""
        return tuple(one for one in self.diagnostics if one.severity == "error")

    def contract(self, name: str) -> Contract | None:
        """The contract of this name, if there is one."""
        return next((one for one in self.contracts if one.contract == name), None)

    def binding(self, contract: str, role: str) -> Binding | None:
        """What ``role`` of ``contract`` is bound to: ``CONTRACT/ROLE`` wins over ``ROLE``."""
        return binding_for(self.bindings, contract, role)


def shipped_contracts() -> Path:
    """The folder of the contracts that come with the package, in a wheel as in a checkout.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(str(resources.files("falsifiable")))
    for folder in (package / "shipped" / CONTRACTS_FOLDER, package.parent.parent / CONTRACTS_FOLDER):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no contracts beside {package}; reinstall: pip install --force-reinstall falsifiable")


def shipped_schema() -> Path:
    """The JSON Schema of contract files that comes with the package: what ``contract schema`` prints the path of."""
    return shipped_contracts() / "contract.schema.json"


def load_workspace(
    root: Path,
    signatures: Mapping[str, CheckSignature],
    contracts_folder: Path | None = None,
    *,
    limits: ContractLimits = DEFAULT_LIMITS,
) -> Workspace:
    """Read and check everything a workspace says; nothing is run.

    Args:
        root: the folder that holds ``artifacts.yaml`` and ``contracts/``.
        signatures: what each installed check accepts, by its name.
        contracts_folder: where the contracts are; ``root/contracts``, or the shipped ones where that has none.
        limits: what each file may cost.
    """
    own = contracts_folder or root / CONTRACTS_FOLDER
    paths = contract_paths(own)
    shipped = contracts_folder is None and not paths and not misnamed_paths(own)
    folder = shipped_contracts() if shipped else own
    read, theirs = _read(contract_paths(folder) if shipped else paths, root, limits)
    files = check_contracts(read, signatures, limits=limits)
    contracts = tuple(file.contract for file in files if file.contract is not None)
    pv = check_pv(theirs, root, contracts={one.contract for one in contracts}, limits=limits) if theirs else ()
    diagnostics = [one for file in files for one in file.diagnostics]
    diagnostics += [one for file in pv for one in file.diagnostics]
    diagnostics += _passed_over(folder, root)
    bindings: dict[str, Binding] = {}
    artifacts = root / ARTIFACTS_FILE
    if artifacts.exists() or artifacts.is_symlink():
        bindings, found = read_bindings(artifacts, _declared(files), shown=_shown(artifacts, root), limits=limits)
        diagnostics += found
    ships = load_ships(root, contracts, limits=limits) if len(contracts) == len(files) else Ships()
    diagnostics += ships.diagnostics
    return Workspace(root, folder, files, contracts, bindings, tuple(diagnostics), shipped, ships, pv)


def _read(paths: list[Path], root: Path, limits: ContractLimits) -> tuple[list[ContractFile], list[PvFile]]:
    """The files in our own dialect and those in that of ``pv``."""
    ours, theirs = [], []
    for path in paths:
        file = read_yaml(path, shown=_shown(path, root), limits=limits, shorter=SHORTER)
        if speaks_pv(file.root):
            theirs.append(pv_file(file, path, limits))
        else:
            ours.append(built_contract(file, path, limits))
    return ours, theirs


def _shown(path: Path, root: Path) -> str:
    """``path`` as a person standing in the root would write it."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _passed_over(folder: Path, root: Path) -> list[Diagnostic]:
    """A warning for each file that someone may believe to be read."""
    found: list[Diagnostic] = []
    for path in misnamed_paths(folder):
        faults = Faults(_shown(path, root))
        said = f"a {path.suffix} file is not read"
        faults.add("CONTRACT-FILE-SUFFIX", Position(), said, f"rename it to {path.stem}.yaml")
        found += faults.sorted()
    return found


def no_contract(path: str) -> Diagnostic:
    """The warning that a file of a folder that was named is passed over."""
    faults = Faults(path)
    faults.add("CONTRACT-FILE-NEITHER", Position(), "written neither for contract nor for pv, and passed over")
    return faults.sorted()[0]


def _declared(files: tuple[ContractFile, ...]) -> dict[str, dict[str, Kind]]:
    """Contract name -> role -> kind, from every file whose name and roles are sound, whatever else is not."""
    declared: dict[str, dict[str, Kind]] = {}
    for file in files:
        name = file.node("contract")
        if isinstance(name, ScalarNode):
            roles = declared.setdefault(name.text, {})
            for trail, part in file.parts.items():
                if isinstance(part, ArtifactDeclaration):
                    roles[str(trail[1])] = part.kind
    return declared
