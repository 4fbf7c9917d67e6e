"""Specs: Markdown that people write, with regions that only evidence writes."""

from __future__ import annotations

from falsifiable.spec.findings import Finding
from falsifiable.spec.history import Reached, ship_history
from falsifiable.spec.ledger import Ledger, open_ledger, planned_regions, spec_of, spec_path, view_of
from falsifiable.spec.record import MAIN_LINE, Recorded, Recording, record
from falsifiable.spec.regions import Region, RegionError, RegionProblem, Regions, find_regions, splice
from falsifiable.spec.render import RENDERERS, rendered
from falsifiable.spec.update import SpecUpdate, check_spec, check_specs, update_spec
from falsifiable.spec.view import SpecView

__all__ = [
    "MAIN_LINE", "RENDERERS", "Finding", "Ledger", "Reached", "Recorded", "Recording", "Region", "RegionError",
    "RegionProblem", "Regions", "SpecUpdate", "SpecView", "check_spec", "check_specs", "find_regions", "open_ledger",
    "planned_regions", "record", "rendered", "ship_history", "spec_of", "spec_path", "splice", "update_spec",
    "view_of",
]  # fmt: skip
