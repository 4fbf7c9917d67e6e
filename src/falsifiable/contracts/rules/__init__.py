"""Every rule that a contract, ``artifacts.yaml``, plans, races, ship files, ``trust.yaml`` or amendments can break.

Ids are stable: they stand in reports, in CI annotations and in people's notes, and are never given a new meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from falsifiable.contracts.rules.amendment_rules import AMENDMENT_RULES
from falsifiable.contracts.rules.artifacts_rules import ARTIFACTS_RULES
from falsifiable.contracts.rules.contract_rules import CONTRACT_RULES
from falsifiable.contracts.rules.plan_rules import PLAN_RULES
from falsifiable.contracts.rules.pv_rules import PV_RULES
from falsifiable.contracts.rules.race_rules import RACE_RULES
from falsifiable.contracts.rules.rule import Rule
from falsifiable.contracts.rules.shape_rules import SHAPE_RULES
from falsifiable.contracts.rules.ship_rules import SHIP_RULES
from falsifiable.contracts.rules.trust_rules import TRUST_RULES
from falsifiable.contracts.rules.yaml_rules import YAML_RULES

__all__ = ["RULES", "Rule"]

_BY_FILE = (
    YAML_RULES,
    SHAPE_RULES,
    CONTRACT_RULES,
    ARTIFACTS_RULES,
    PV_RULES,
    PLAN_RULES,
    RACE_RULES,
    SHIP_RULES,
    TRUST_RULES,
    AMENDMENT_RULES,
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rules in _BY_FILE for rule in rules})
