"""A validation as JSON, in the shape that ``contract schema --of report --print`` describes."""

from __future__ import annotations

from falsifiable.report.formats.report import Report
from falsifiable.report.json_report import as_json
from falsifiable.report.text import json_text


def render(report: Report) -> str:
    """Every judgement with its measurements, and the counts per outcome."""
    return json_text(as_json(report.results, diagnostics=report.diagnostics, interrupted=report.interrupted))
