"""A validation as in-toto statements, for stores of attestations: one JSON document a line, one per contract.

They are the statements that ``contract record`` would write into the spec, unsigned and superseding nothing: an export
for other tools, and no evidence of this workspace.
"""

from __future__ import annotations

from falsifiable.evidence import statement_of
from falsifiable.report.formats.report import Report


def render(report: Report) -> str:
    """JSON Lines of in-toto Statements v1 with the test-result predicate; nothing where nothing was run.

    What is inconclusive or vacuous stands among the warned tests, and a statement with any of them says WARNED.

    Raises:
        ValueError: the report does not say with which code was judged.
    """
    if report.context is None and report.results:
        raise ValueError("an in-toto statement names the judging commit; give the report a context")
    lines = [
        statement_of(result, report.context, contract_file=report.contract_files.get(result.contract, "")).data
        for result in report.results
        if report.context is not None
    ]
    return "".join(f"{line.decode('utf-8')}\n" for line in lines)
