"""Contracts: read, check and describe the files that state claims about artifacts.

    from falsifiable.contracts import load_workspace

    workspace = load_workspace(root, signatures)
    for fault in workspace.diagnostics:
        print(fault)

Nothing here runs a check or opens an artifact, and each name is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falsifiable.contracts.amendment_check import KnownNames as KnownNames
    from falsifiable.contracts.amendment_check import check_amendment as check_amendment
    from falsifiable.contracts.amendments import Amendment as Amendment
    from falsifiable.contracts.amendments import AmendmentFile as AmendmentFile
    from falsifiable.contracts.amendments import read_amendment as read_amendment
    from falsifiable.contracts.bindings import Binding as Binding
    from falsifiable.contracts.bindings import path_fault as path_fault
    from falsifiable.contracts.bindings import read_bindings as read_bindings
    from falsifiable.contracts.check import check_contracts as check_contracts
    from falsifiable.contracts.diagnostics import Diagnostic as Diagnostic
    from falsifiable.contracts.diagnostics import Position as Position
    from falsifiable.contracts.diagnostics import Severity as Severity
    from falsifiable.contracts.diagnostics import printable as printable
    from falsifiable.contracts.diagnostics import suggestion as suggestion
    from falsifiable.contracts.digests import claim_digest as claim_digest
    from falsifiable.contracts.digests import claims_digest as claims_digest
    from falsifiable.contracts.limits import DEFAULT_LIMITS as DEFAULT_LIMITS
    from falsifiable.contracts.limits import ContractLimits as ContractLimits
    from falsifiable.contracts.model import KINDS as KINDS
    from falsifiable.contracts.model import ArtifactDeclaration as ArtifactDeclaration
    from falsifiable.contracts.model import Ceiling as Ceiling
    from falsifiable.contracts.model import Condition as Condition
    from falsifiable.contracts.model import Contract as Contract
    from falsifiable.contracts.model import Criterion as Criterion
    from falsifiable.contracts.model import FalsifierDeclaration as FalsifierDeclaration
    from falsifiable.contracts.model import Kind as Kind
    from falsifiable.contracts.model import Level as Level
    from falsifiable.contracts.model import Scalar as Scalar
    from falsifiable.contracts.model import spec_of as spec_of
    from falsifiable.contracts.nodes import plain as plain
    from falsifiable.contracts.parameters import typed_parameters as typed_parameters
    from falsifiable.contracts.places import ARTIFACTS_FILE as ARTIFACTS_FILE
    from falsifiable.contracts.places import find_root as find_root
    from falsifiable.contracts.plans import Plan as Plan
    from falsifiable.contracts.plans import read_plan as read_plan
    from falsifiable.contracts.reader import ContractFile as ContractFile
    from falsifiable.contracts.reader import read_contract as read_contract
    from falsifiable.contracts.rules import RULES as RULES
    from falsifiable.contracts.rules import Rule as Rule
    from falsifiable.contracts.schema import artifacts_schema as artifacts_schema
    from falsifiable.contracts.schema import contract_schema as contract_schema
    from falsifiable.contracts.schema import file_schema as file_schema
    from falsifiable.contracts.schema import plan_schema as plan_schema
    from falsifiable.contracts.schema import ship_schema as ship_schema
    from falsifiable.contracts.schema import trust_schema as trust_schema
    from falsifiable.contracts.ship import SHIP_FILE as SHIP_FILE
    from falsifiable.contracts.ship import AcceptanceCriterion as AcceptanceCriterion
    from falsifiable.contracts.ship import Baseline as Baseline
    from falsifiable.contracts.ship import Deliverable as Deliverable
    from falsifiable.contracts.ship import Device as Device
    from falsifiable.contracts.ship import DoneWhen as DoneWhen
    from falsifiable.contracts.ship import Effort as Effort
    from falsifiable.contracts.ship import Quorum as Quorum
    from falsifiable.contracts.ship import Ship as Ship
    from falsifiable.contracts.ship import ShipFile as ShipFile
    from falsifiable.contracts.ship import Step as Step
    from falsifiable.contracts.ship import Tripwire as Tripwire
    from falsifiable.contracts.ship import Waiver as Waiver
    from falsifiable.contracts.ship import read_ship as read_ship
    from falsifiable.contracts.ship_check import Ships as Ships
    from falsifiable.contracts.ship_check import check_ships as check_ships
    from falsifiable.contracts.ship_check import load_ships as load_ships
    from falsifiable.contracts.signature import CheckSignature as CheckSignature
    from falsifiable.contracts.signature import Parameter as Parameter
    from falsifiable.contracts.trust import EVERY_OTHER_SPEC as EVERY_OTHER_SPEC
    from falsifiable.contracts.trust import NOBODY as NOBODY
    from falsifiable.contracts.trust import TRUST_FILE as TRUST_FILE
    from falsifiable.contracts.trust import PolicyEntry as PolicyEntry
    from falsifiable.contracts.trust import Purpose as Purpose
    from falsifiable.contracts.trust import Signer as Signer
    from falsifiable.contracts.trust import TrustPolicy as TrustPolicy
    from falsifiable.contracts.trust import read_trust as read_trust
    from falsifiable.contracts.trust import workspace_trust as workspace_trust
    from falsifiable.contracts.workspace import Workspace as Workspace
    from falsifiable.contracts.workspace import load_workspace as load_workspace
    from falsifiable.contracts.workspace import shipped_contracts as shipped_contracts
    from falsifiable.contracts.workspace import shipped_schema as shipped_schema
    from falsifiable.contracts.yaml_reader import YamlFile as YamlFile
    from falsifiable.contracts.yaml_reader import read_yaml as read_yaml

_MODULES = {
    "amendment_check": ("KnownNames", "check_amendment"),
    "amendments": ("Amendment", "AmendmentFile", "read_amendment"),
    "places": ("ARTIFACTS_FILE", "find_root"),
    "bindings": ("Binding", "path_fault", "read_bindings"),
    "check": ("check_contracts",),
    "diagnostics": ("Diagnostic", "Position", "Severity", "printable", "suggestion"),
    "digests": ("claim_digest", "claims_digest"),
    "limits": ("DEFAULT_LIMITS", "ContractLimits"),
    "model": (
        "KINDS",
        "ArtifactDeclaration",
        "Ceiling",
        "Condition",
        "Contract",
        "Criterion",
        "FalsifierDeclaration",
        "Kind",
        "Level",
        "Scalar",
        "spec_of",
    ),
    "nodes": ("plain",),
    "parameters": ("typed_parameters",),
    "plans": ("Plan", "read_plan"),
    "reader": ("ContractFile", "read_contract"),
    "rules": ("RULES", "Rule"),
    "schema": (
        "artifacts_schema",
        "contract_schema",
        "file_schema",
        "plan_schema",
        "ship_schema",
        "trust_schema",
    ),
    "ship": (
        "SHIP_FILE",
        "AcceptanceCriterion",
        "Baseline",
        "Deliverable",
        "Device",
        "DoneWhen",
        "Effort",
        "Quorum",
        "Ship",
        "ShipFile",
        "Step",
        "Tripwire",
        "Waiver",
        "read_ship",
    ),
    "ship_check": ("Ships", "check_ships", "load_ships"),
    "signature": ("CheckSignature", "Parameter"),
    "trust": (
        "EVERY_OTHER_SPEC",
        "NOBODY",
        "TRUST_FILE",
        "PolicyEntry",
        "Purpose",
        "Signer",
        "TrustPolicy",
        "read_trust",
        "workspace_trust",
    ),
    "workspace": ("Workspace", "load_workspace", "shipped_contracts", "shipped_schema"),
    "yaml_reader": ("YamlFile", "read_yaml"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    """The public object ``name``, imported from its module."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(sorted(__all__))}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*globals(), *__all__])
