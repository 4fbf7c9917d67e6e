"""Many processes recording into one spec at once: nothing finished is lost, nothing is torn, nobody waits for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest

from falsifiable.contracts.model import Contract
from falsifiable.evidence import Repository, read_evidence
from falsifiable.evidence.atomic import unfinished_files
from falsifiable.spec import Ledger, SpecUpdate, check_specs, open_ledger, record, update_regions
from tests.evidence.builders import CODE, commit_all, git, result
from tests.evidence.recording_crowd import CONTRACTS
from tests.spec.conftest import SPEC

record_module = import_module("falsifiable.spec.record")  # the room gives the function the module's name
REPOSITORY = Path(__file__).parent.parent.parent

CONTRACT = """\
contract: {name}
version: 1.0.0
title: What a reader of the file needs
spec: ship
artifacts:
  trained: {{kind: model}}
falsifiers:
  - {{id: {id}, claim: Every weight is a finite number, check: weights.finite, on: {{model: trained}}}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A committed workspace whose contracts a crowd records for."""
    root = tmp_path / "workspace"
    (root / "contracts").mkdir(parents=True)
    for one in CONTRACTS:
        text = CONTRACT.format(name=one.contract, id=one.falsifiers[0].id)
        (root / "contracts" / f"{one.contract}.yaml").write_text(text)
    (root / "spec" / "ship").mkdir(parents=True)
    (root / "spec" / "ship" / "spec.md").write_text(SPEC)
    git(root, "init", "-q")
    commit_all(root, "begin")
    return root


def crowd(root: Path, *options: str) -> list[str]:
    """The digests that a crowd reported as recorded."""
    reports = root.parent / "reports"
    program = [sys.executable, "-m", "tests.evidence.recording_crowd", root, reports, *options]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return reports.read_text().split()


def assert_whole(root: Path, reported: list[str]) -> None:
    """Everything finished is there, nothing is torn, and the spec says what all of it implies."""
    evidence = read_evidence(root / "spec" / "ship" / "evidence")
    assert evidence.problems == ()
    assert len(reported) == len(set(reported)) > 0
    assert set(reported) <= {one.sha256 for one in evidence.statements}
    repository = Repository(root)
    findings = check_specs(open_ledger(root, CONTRACTS, CODE, repository), repository)
    assert [str(one) for one in findings] == [], "neither out of date nor older than the evidence"
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "evidence", "verify"],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def recorded(root: Path, of: Contract) -> None:
    record(root, CONTRACTS, [result(of)], code=CODE, repository=Repository(root))


def test_who_reads_early_and_writes_late_undoes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first has read all evidence and is about to write the regions when the second records."""
    has_read, may_write = threading.Event(), threading.Event()

    def late(ledger: Ledger, spec: str, *, discard_edits: bool) -> tuple[SpecUpdate, ...]:
        if not has_read.is_set():
            has_read.set()
            assert may_write.wait(60)
        return update_regions(ledger, spec, discard_edits=discard_edits)

    monkeypatch.setattr(record_module, "update_regions", late)
    first, second = (threading.Thread(target=recorded, args=(root, of)) for of in CONTRACTS[:2])
    first.start()
    assert has_read.wait(60)
    second.start()
    while len(read_evidence(root / "spec" / "ship" / "evidence").statements) < 2 and second.is_alive():
        time.sleep(0.01)
    second.join(1)  # it waits for the first; if it did not, it would be done by now, and undone next
    may_write.set()
    first.join(60)
    second.join(60)
    repository = Repository(root)
    assert [str(one) for one in check_specs(open_ledger(root, CONTRACTS, CODE, repository), repository)] == []


def test_regions_rest_on_all_evidence_however_many_write_them(root: Path) -> None:
    reported = crowd(root, "--processes", "8", "--recordings", "2")
    assert len(reported) == 16
    assert_whole(root, reported)
    assert unfinished_files(root / "spec" / "ship" / "evidence") == ()


def test_a_crowd_of_which_some_are_killed_loses_nothing(root: Path) -> None:
    assert_whole(root, crowd(root, "--processes", "16", "--seconds", "2"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_crowd_of_sixteen_for_a_minute_loses_nothing(root: Path, seed: str) -> None:
    assert_whole(root, crowd(root, "--processes", "16", "--seconds", "60", "--seed", seed))
