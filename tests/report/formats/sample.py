"""A report with one claim of each mark, a warning, and places in a workspace below the top of its repository."""

from __future__ import annotations

from dataclasses import replace

from falsifiable.contracts import Diagnostic
from falsifiable.evidence import Context, Environment
from falsifiable.falsifier import Verdict
from falsifiable.report.formats.report import Place, Report
from falsifiable.validation.results import ContractResult, Judgement, Observation
from tests.report.test_console import FALSIFIED, HELD, INCONCLUSIVE, UNPROVEN, VACUOUS

CRASHED = replace(
    HELD,
    falsifier="FALSIFY-PACK-006",
    check="runtime.loads",
    claim="llama.cpp can load the export",
    verdict=Verdict.inconclusive("the worker crashed: SIGSEGV"),
    cause="crashed",
    challenges=(),
    seconds=1.25,
    known=False,
)
WARNING = Diagnostic(
    "CONTRACT-ROLE-UNUSED",
    "warning",
    "contracts/packaging.yaml",
    6,
    3,
    "no claim reads the role 'run'",
    "remove it",
)
FAULT = Diagnostic(
    "CONTRACT-UNKNOWN-KEY", "error", "contracts/packaging.yaml", 9, 5, "unknown key 'clam'", "did you mean 'claim'?"
)
ALL = (HELD, INCONCLUSIVE, VACUOUS, UNPROVEN, FALSIFIED, CRASHED)
CONTEXT = Context(
    "c0ffee" * 6 + "c0ff", {"contracts": "a1" * 20}, False, Environment("3.11.9", "Linux x86_64", {"numpy": "2.1"}), 2
)


def result_of(*judgements: Judgement) -> ContractResult:
    """A contract with these judgements."""
    observed = Observation("run", "val_loss", "below 9.38", float("inf"), "measured", False)
    return ContractResult("packaging", "1.2.0", "cd" * 32, "ef" * 32, judgements, (observed,), None, "run-7")


def report_of(*judgements: Judgement, **more: object) -> Report:
    """A report of one contract with these judgements."""
    path = "models/contracts/packaging.yaml"
    places = {f"packaging/{one.falsifier}": Place(path, 10 + 4 * n, 9) for n, one in enumerate(ALL)}
    report = Report(
        results=(result_of(*judgements),),
        folder="models/",
        places={"packaging": Place(path, 1, 11), **places},
        contract_files={"packaging": "contracts/packaging.yaml"},
        exit_code=1,
        context=CONTEXT,
    )
    return replace(report, **more)


EVERYTHING = report_of(*ALL, diagnostics=(WARNING,))
INVALID = Report(diagnostics=(WARNING, FAULT), folder="models/", ran=False, exit_code=4)
INTERRUPTED = report_of(HELD, replace(CRASHED, cause=""), interrupted=True, exit_code=130)
NOTHING = report_of(INCONCLUSIVE, exit_code=3)
VALID = Report(contract_files={"packaging": "contracts/packaging.yaml"}, ran=False)
REPORTS = {
    "everything": EVERYTHING, "invalid": INVALID, "interrupted": INTERRUPTED, "nothing": NOTHING, "valid": VALID
}  # fmt: skip
