"""Specs: Markdown that people write, with regions that only evidence writes."""

from __future__ import annotations

from falsifiable.spec.amendments import AmendmentLog, Release, Section, read_amendments
from falsifiable.spec.findings import Finding
from falsifiable.spec.history import Reached, ship_history
from falsifiable.spec.ledger import Ledger, amendments_of, open_ledger, planned_regions, spec_path, specs_in, view_of
from falsifiable.spec.preview import Preview, preview
from falsifiable.spec.record import MAIN_LINE, Recorded, Recording, record
from falsifiable.spec.regions import Region, RegionError, RegionProblem, Regions, find_regions, splice
from falsifiable.spec.release import HistoryMissingError, Released, ReleaseRefusedError, release
from falsifiable.spec.release_plan import ContractMove, ReleasePlan, plan_release
from falsifiable.spec.render import RENDERERS, rendered
from falsifiable.spec.update import SpecUpdate, check_spec, check_specs, update_regions
from falsifiable.spec.view import SpecView

__all__ = [
    "MAIN_LINE", "RENDERERS", "AmendmentLog", "ContractMove", "Finding", "HistoryMissingError", "Ledger", "Preview",
    "Reached", "Recorded", "Recording", "Region", "RegionError", "RegionProblem", "Regions", "Release", "ReleasePlan",
    "ReleaseRefusedError", "Released", "Section", "SpecUpdate", "SpecView", "amendments_of", "check_spec",
    "check_specs", "find_regions", "open_ledger", "plan_release", "planned_regions", "preview", "read_amendments",
    "record", "release", "rendered", "ship_history", "spec_path", "specs_in", "splice", "update_regions", "view_of",
]  # fmt: skip
