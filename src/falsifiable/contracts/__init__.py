"""Contracts: read, check and describe the files that state claims about artifacts.

    from falsifiable.contracts import load_workspace

    workspace = load_workspace(root, signatures)
    for fault in workspace.diagnostics:
        print(fault)

Nothing here runs a check or opens an artifact.
"""

from __future__ import annotations

from falsifiable.contracts.amendment_check import KnownNames, check_amendment
from falsifiable.contracts.amendments import Amendment, AmendmentFile, read_amendment
from falsifiable.contracts.bindings import ARTIFACTS_FILE, Binding, path_fault, read_bindings
from falsifiable.contracts.check import check_contracts
from falsifiable.contracts.diagnostics import Diagnostic, Position, Severity, printable, suggestion
from falsifiable.contracts.digests import claim_digest, claims_digest
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import (
    KINDS,
    ArtifactDeclaration,
    Ceiling,
    Condition,
    Contract,
    Criterion,
    FalsifierDeclaration,
    Kind,
    Level,
    Scalar,
    spec_of,
)
from falsifiable.contracts.nodes import plain
from falsifiable.contracts.parameters import typed_parameters
from falsifiable.contracts.plans import Plan, read_plan
from falsifiable.contracts.reader import ContractFile, read_contract
from falsifiable.contracts.rules import RULES, Rule
from falsifiable.contracts.schema import (
    artifacts_schema,
    contract_schema,
    file_schema,
    plan_schema,
    ship_schema,
    trust_schema,
)
from falsifiable.contracts.ship import (
    SHIP_FILE,
    AcceptanceCriterion,
    Baseline,
    Deliverable,
    Device,
    DoneWhen,
    Effort,
    Quorum,
    Ship,
    ShipFile,
    Step,
    Tripwire,
    Waiver,
    read_ship,
)
from falsifiable.contracts.ship_check import Ships, check_ships, load_ships
from falsifiable.contracts.signature import CheckSignature, Parameter
from falsifiable.contracts.trust import (
    EVERY_OTHER_SPEC,
    NOBODY,
    TRUST_FILE,
    PolicyEntry,
    Purpose,
    Signer,
    TrustPolicy,
    read_trust,
    workspace_trust,
)
from falsifiable.contracts.workspace import Workspace, find_root, load_workspace, shipped_contracts, shipped_schema
from falsifiable.contracts.yaml_reader import YamlFile, read_yaml

__all__ = [
    "ARTIFACTS_FILE",
    "DEFAULT_LIMITS",
    "EVERY_OTHER_SPEC",
    "KINDS",
    "NOBODY",
    "RULES",
    "SHIP_FILE",
    "TRUST_FILE",
    "AcceptanceCriterion",
    "Amendment",
    "AmendmentFile",
    "ArtifactDeclaration",
    "Baseline",
    "Binding",
    "Ceiling",
    "CheckSignature",
    "Condition",
    "Contract",
    "ContractFile",
    "ContractLimits",
    "Criterion",
    "Deliverable",
    "Device",
    "Diagnostic",
    "DoneWhen",
    "Effort",
    "FalsifierDeclaration",
    "Kind",
    "KnownNames",
    "Level",
    "Parameter",
    "Plan",
    "PolicyEntry",
    "Position",
    "Purpose",
    "Quorum",
    "Rule",
    "Scalar",
    "Severity",
    "Ship",
    "ShipFile",
    "Ships",
    "Signer",
    "Step",
    "Tripwire",
    "TrustPolicy",
    "Waiver",
    "Workspace",
    "YamlFile",
    "artifacts_schema",
    "check_amendment",
    "check_contracts",
    "check_ships",
    "claim_digest",
    "claims_digest",
    "contract_schema",
    "file_schema",
    "find_root",
    "load_ships",
    "load_workspace",
    "path_fault",
    "plain",
    "plan_schema",
    "printable",
    "read_amendment",
    "read_bindings",
    "read_contract",
    "read_plan",
    "read_ship",
    "read_trust",
    "read_yaml",
    "ship_schema",
    "shipped_contracts",
    "shipped_schema",
    "spec_of",
    "suggestion",
    "trust_schema",
    "typed_parameters",
    "workspace_trust",
]
