"""Telling checkpoints that execute code from those that do not: how fast, and how often right."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison import GB, Line, Row, Setting, Side, Table, compared
from benchmarks.measure import Work, measured, prepared
from benchmarks.payloads import Case, write_cases

ZIP_BYTES = GB
LEGACY_BYTES = GB // 5
_OURS = "rows_safety:falsifiable_safety"


# The works: each returns "found", "suspected" (a warning), "nothing found", or that it gave no answer


def falsifiable_safety(path: str, tiny: str) -> Callable[[], str]:
    """What ``contract inspect`` says about safety."""
    from falsifiable.artifacts.safety.inspection import inspect_safety

    answers = {"dangerous": "found", "suspicious": "suspected", "safe": "nothing found"}

    def work(one: str) -> str:
        return answers[inspect_safety(Path(one)).verdict]

    return prepared(work, path, tiny)


def picklescan(path: str, tiny: str) -> Callable[[], str]:
    """``picklescan.scanner.scan_file_path``; a scan that failed is an answer of its own."""
    from picklescan.scanner import scan_file_path

    logging.disable()

    def work(one: str) -> str:
        found = scan_file_path(one)
        if found.issues_count or found.suspicious_count:
            return "found" if found.issues_count else "suspected"
        return "could not scan" if found.scan_err else "nothing found"

    return prepared(work, path, tiny)


def modelscan(path: str, tiny: str) -> Callable[[], str]:
    """``modelscan.modelscan.ModelScan.scan`` with its own settings."""
    from modelscan.modelscan import ModelScan

    logging.disable()

    def work(one: str) -> str:
        found = ModelScan().scan(Path(one))
        if found["summary"]["total_issues"]:
            return "found"
        scanned = found["summary"]["scanned"]["total_scanned"]
        return "nothing found" if scanned and not found["errors"] else "could not scan"

    return prepared(work, path, tiny)


def fickling(path: str, tiny: str) -> Callable[[], str]:
    """fickling's scanners, as its command chooses between them: one for archives, one for everything else."""
    from fickling.loader import scan_file, scan_zip_archive

    def work(one: str) -> str:
        if zipfile.is_zipfile(one):
            found = list(scan_zip_archive(one, graceful=True).values())
        else:
            found = [scan_file(one, graceful=True)]
        if not found:
            return "could not scan"
        return "nothing found" if all(result.is_safe for result in found) else "found"

    return prepared(work, path, tiny)


# The rows

PEERS = {"picklescan": picklescan, "modelscan": modelscan, "fickling": fickling}


def _timed(peer: str, *, legacy: bool) -> Row:
    def run(setting: Setting) -> Line:
        path = setting.files.pytorch(LEGACY_BYTES if legacy else ZIP_BYTES, legacy=legacy)
        title = f"is it safe? honest checkpoint, {'written before 1.6' if legacy else 'zip'}"
        side = Side(peer, f"rows_safety:{peer}")
        tiny = setting.files.tiny("legacy.pt" if legacy else "pt")
        line = compared(setting, name, title, path, side, _OURS, tiny=tiny, same_job=False)
        return replace(line, note=f"what {peer} finds in such files, and what it overlooks, is in the table below")

    name = f"safety-{peer}-{'legacy' if legacy else 'zip'}"
    return Row(name, run, needs=(peer, "torch", "falsifiable.artifacts.safety.inspection"), most_rounds=3)


def verdicts(setting: Setting) -> Table:
    """Who finds what."""
    folder = setting.files.folder / "payloads"
    cases = [*write_cases(folder), *_written_by_torch(setting)]
    asked = {**{name: f"rows_safety:{name}" for name in PEERS}, "falsifiable": _OURS}
    rows = [(case, [_answer(work, case) for work in asked.values()]) for case in cases]
    if (folder / "canary").exists():
        raise RuntimeError("a scanner executed what it scanned: the canary exists")
    right = [sum(_is_right(case, answers[index]) for case, answers in rows) for index in range(len(asked))]
    ours = right[-1]
    return Table(
        name="safety-verdicts",
        title="Who finds what in a PyTorch checkpoint",
        header=("file", "loading it runs code", *asked),
        rows=(
            *(
                (case.said, "yes" if case.evil else "no", *(_told(case, answer) for answer in answers))
                for case, answers in rows
            ),
            ("**right**", "", *(f"{count} of {len(cases)}" for count in right)),
        ),
        target="every file judged rightly by falsifiable",
        met=ours == len(cases),
        note="Scanned, never loaded; every payload would create a canary file, and none was created.",
    )


def _written_by_torch(setting: Setting) -> list[Case]:
    return [
        Case(setting.files.tiny("pt"), "290 tensors, by torch.save", False),
        Case(setting.files.tiny("legacy.pt"), "290 tensors, by torch.save, written before 1.6", False),
    ]


def _answer(work: str, case: Case) -> str:
    try:
        return str(measured(Work(work, str(case.path)), once=True).result)
    except RuntimeError as error:
        return f"crashed: {str(error).strip().splitlines()[-1][:80]}"


def _is_right(case: Case, answer: str) -> bool:
    return answer in (("found", "suspected") if case.evil else ("nothing found",))


def _told(case: Case, answer: str) -> str:
    if _is_right(case, answer):
        return answer if case.evil else "quiet"
    if answer == "nothing found":
        return "**missed**"
    return "**false alarm**" if answer == "found" else f"**{answer}**"


ROWS = (
    *(_timed(peer, legacy=legacy) for peer in PEERS for legacy in (False, True)),
    Row("safety-verdicts", verdicts, needs=(*PEERS, "torch", "falsifiable.artifacts.safety.inspection")),
)
