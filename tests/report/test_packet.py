"""The promotion packet: what is there, what is missing, and what it must not say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from falsifiable import Run, Verdict
from falsifiable.report.packet import Knowledge, packet_of
from falsifiable.report.packet_markdown import as_markdown
from falsifiable.report.redaction import Redaction
from falsifiable.samples import specimen
from falsifiable.status import standings
from tests.evidence import builders
from tests.golden.comparison import assert_golden

NOTHING = Redaction({})


@pytest.fixture
def run() -> Run:
    opened = specimen("run")
    assert isinstance(opened, Run)
    return opened.with_field("references", ["A specimen of falsifiable.samples"])


def judged(run: Run, *verdicts: Verdict) -> Knowledge:
    """Evidence of a contract with a claim per verdict, each judged on the trained weights of the run."""
    claims = [builders.claim(f"CLAIM-{place}") for place in range(len(verdicts))]
    of = builders.contract("packaging", *claims)
    bound = builders.artifact(digest=run.artifacts["trained"].sha256)
    judgements = [
        builders.judgement(of, claim, verdict=verdict, artifacts=(bound,))
        for claim, verdict in zip(claims, verdicts, strict=True)
    ]
    statement = builders.statement(of, *judgements)
    standing = standings([of], [statement], builders.CODE, builders.Everywhere())
    return Knowledge((statement,), standing, (of,))


def test_a_run_with_evidence_that_held_is_promotable(run: Run) -> None:
    packet = packet_of(run, judged(run, builders.HELD), NOTHING)

    assert packet["release"] == {"status": "promotable", "missing": [], "falsified": []}
    assert packet["evidence"][0]["held"] == 1
    assert packet["statuses"][0]["contract"] == "packaging"
    assert packet["reproduction"]["commands"] == [f"git checkout {run.commit}", "specimen"]


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda run: run.with_field("run_id", None), "a run id"),
        (lambda run: run.with_field("datasets", {}), "data sets, each by sha256"),
        (lambda run: run.with_field("metrics", {}), "metrics, each a finite number"),
        (lambda run: run.with_metric("val_loss", float("nan")), "metrics, each a finite number"),
        (lambda run: run.with_field("command", []), "the command that made it"),
        (lambda run: run.with_field("dirty", True), "the commit of its source, and a clean tree"),
        (lambda run: run.with_field("commit", None), "the commit of its source, and a clean tree"),
        (lambda run: run.with_field("end_reason", "killed"), "a run that ended because it was done"),
        (lambda run: run.with_field("references", []).with_field("run_id", "other"), "references"),
        (lambda run: replace(run, rows=()), "figures"),
        (lambda run: run.with_field("artifacts.export.sha256", "0" * 64), "files, each as recorded"),
    ],
)
def test_without_what_promotion_needs_it_stays_a_candidate(run: Run, change: Any, missing: str) -> None:
    changed = change(run)
    known = Knowledge() if missing == "references" else judged(run, builders.HELD)

    release = packet_of(changed, known, NOTHING)["release"]

    assert release["status"] == "candidate"
    assert missing in release["missing"]


def test_evidence_of_other_bytes_says_nothing_of_this_run(run: Run) -> None:
    known = judged(run.with_field("artifacts.trained.sha256", "f" * 64), builders.HELD)

    packet = packet_of(run, known, NOTHING)

    assert packet["evidence"] == packet["statuses"] == []
    assert "evidence that names these bytes" in packet["release"]["missing"]


def test_what_fell_is_named_and_what_stayed_open_is_asked(run: Run) -> None:
    open_claim = Verdict.inconclusive("the tokens were not kept; keep them")

    packet = packet_of(run, judged(run, builders.FALLEN, open_claim), NOTHING)

    assert packet["release"]["falsified"] == ["CLAIM-0"]
    assert packet["open_questions"] == ["CLAIM-1: Every id has a row: the tokens were not kept; keep them"]


def test_it_names_no_machine_and_no_folder(run: Run) -> None:
    named = run.with_field("command", ["/opt/lab/bin/python", "train.py", "--output", f"{run.folder}/out"])
    named = named.with_field("launch.ranks", [{"rank": 0, "hostname": "mark1", "log": "/home/grace/ring.log"}])
    named = named.with_field("environment.platform", "Linux on mark1")

    packet = packet_of(
        named, judged(run, builders.HELD), Redaction({str(run.folder): ".", "/home/grace": "~"}, ("mark1",))
    )

    said = json.dumps(packet) + as_markdown(packet)
    assert not [secret for secret in ("mark1", "grace", "/opt/lab", str(run.folder)) if secret in said]
    assert packet["reproduction"]["commands"][-1] == "'…/python' train.py --output out"


def test_markdown_shows_everything_and_nothing_of_it_is_markup(run: Run) -> None:
    named = run.with_field("end_reason", "<img src=x> | **done**")

    text = as_markdown(packet_of(named, judged(run, builders.HELD), NOTHING))

    assert r"\<img src=x\> \| \*\*done\*\*" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [one.removeprefix("## ") for one in headings] == [
        "Run", "Data", "Metrics", "Reproduction", "Source", "References", "Figures", "Files", "Evidence", "Statuses",
        "Open questions",
    ]  # fmt: skip


def test_the_packet_of_the_specimen_as_a_person_and_as_a_program_reads_it(run: Run) -> None:
    packet = packet_of(run, judged(run, builders.HELD), NOTHING)

    assert_golden("packet.md", as_markdown(packet))
    assert_golden("packet.json", json.dumps(packet, indent=2) + "\n")
