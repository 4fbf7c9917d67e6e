"""A validation for readers that are programs: CI systems, code hosts, other tools.

Each format is a pure function from a :class:`~falsifiable.report.formats.report.Report` to text, in a module of its own
that knows nothing of the others and is imported only when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falsifiable.report.formats.report import Report

FORMATS: Mapping[str, str] = {
    "json": "falsifiable.report.formats.json_format",
    "junit": "falsifiable.report.formats.junit",
    "sarif": "falsifiable.report.formats.sarif",
    "github": "falsifiable.report.formats.github",
    "markdown": "falsifiable.report.formats.markdown",
    "in-toto": "falsifiable.report.formats.in_toto",
}
"""What a report can be written as, and the module whose ``render`` does it."""

_BEGINNING = re.compile(
    rb"""\s*\Z
    | \{\s*"(report"|\$schema":\ "https://docs\.oasis-open\.org/sarif/)  # JSON, SARIF
    | \{"_type":"https://in-toto\.io/  # in-toto
    | <\?xml[^>]*\?>\s*<testsuites\ name="contract\ validate"  # JUnit
    | \#\#\ Contracts:\   # Markdown
    | ::(error|warning)\   # GitHub, which where nothing is to be annotated is one line of counts
    | \d+\ (held|contracts?\ valid)\b
    """,
    re.VERBOSE,
)


def begins_like_a_report(beginning: bytes) -> bool:
    """Whether a file that begins so is empty or a report in one of the formats, which the next may replace."""
    return _BEGINNING.match(beginning) is not None


def rendered(report: Report, form: str) -> str:
    """``report`` as text in the format of that name. Raises KeyError for a name that is not in :data:`FORMATS`."""
    render: Callable[[Report], str] = import_module(FORMATS[form]).render
    return render(report)
