"""``contract validate --format`` and ``--output``: reports for programs, beside the text for a person."""

from __future__ import annotations

import json
import os
import stat
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from falsifiable.cli.outputs import Outputs
from falsifiable.contracts import load_workspace
from falsifiable.report.formats import FORMATS, rendered
from falsifiable.report.formats.report import Report
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.engine import validate_workspace
from falsifiable.validation.events import Finished
from falsifiable.validation.plan import Options
from tests.cli.test_pv import EXP, OURS
from tests.report.formats.sample import REPORTS


def written(folder: Path) -> dict[str, str]:
    """Format -> what was written for it."""
    return {form: (folder / form).read_text(encoding="utf-8") for form in FORMATS}


def asked_for(folder: Path) -> list[str]:
    return [argument for form in FORMATS for argument in ("--output", f"{form}={folder / form}")]


@pytest.fixture
def sold_out(shop):
    """The shop with one claim that is falsified, one inconclusive and one that holds."""
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    shop.edit("artifacts.yaml", "tokenizer: run/finetuned/tokenizer.json", "tokenizer: run/there-is-none.json")
    return shop


def test_every_format_is_written_beside_the_text_and_the_exit_code_stays(sold_out, tmp_path):
    plain = sold_out.contract("validate")
    done = sold_out.contract("validate", *asked_for(tmp_path / "reports"))
    assert (done.returncode, plain.returncode) == (1, 1), done.stderr
    assert done.stdout.startswith("FALSIFIED FALSIFY-SHOP-003")
    reports = written(tmp_path / "reports")
    assert json.loads(reports["json"])["counts"] == {"held": 1, "falsified": 1, "inconclusive": 1}
    suites = ElementTree.fromstring(reports["junit"])
    assert {name: suites.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1"
    }  # fmt: skip
    (run,) = json.loads(reports["sarif"])["runs"]
    assert run["invocations"][0]["exitCode"] == 1
    fallen = next(one for one in run["results"] if one["level"] == "error")
    assert fallen["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "contracts/shop.yaml", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 18, "startColumn": 9},
    }
    assert "::error file=contracts/shop.yaml,line=18,title=falsified%3A FALSIFY-SHOP-003::" in reports["github"]
    assert "1 falsified, 1 inconclusive, 1 held" in reports["markdown"]
    predicate = json.loads(reports["in-toto"])["predicate"]
    assert (predicate["result"], predicate["judgingCommit"]) == ("FAILED", sold_out.git("rev-parse", "HEAD"))
    assert predicate["passedTests"] == ["FALSIFY-SHOP-002"]


@pytest.mark.parametrize("form", ["json", "junit"])
def test_a_format_is_all_that_is_printed(sold_out, form, tmp_path):
    done = sold_out.contract("validate", "--format", form, "--output", f"{form}={tmp_path / 'same'}")
    assert done.returncode == 1
    assert done.stdout == (tmp_path / "same").read_text(encoding="utf-8")


def test_an_invalid_contract_is_reported_where_it_is_wrong(shop, tmp_path):
    shop.edit("contracts/shop.yaml", "check: weights.finite", "check: weights.finit")
    done = shop.contract("validate", *asked_for(tmp_path))
    assert (done.returncode, done.stdout) == (4, "")
    reports = written(tmp_path)
    assert "::error file=contracts/shop.yaml,line=16,title=CONTRACT-CHECK-UNKNOWN::" in reports["github"]
    (fault,) = [one for one in json.loads(reports["json"])["diagnostics"] if one["severity"] == "error"]
    assert (fault["rule"], fault["line"]) == ("CONTRACT-CHECK-UNKNOWN", 16)
    assert int(ElementTree.fromstring(reports["junit"]).get("failures")) == 1
    assert reports["in-toto"] == ""
    printed = shop.contract("validate", "--format", "github")
    assert (printed.returncode, printed.stdout) == (4, reports["github"])


def test_contracts_that_are_only_read_are_reported_too(shop):
    done = shop.contract("validate", "--no-run", "--format", "junit")
    (suite,) = ElementTree.fromstring(done.stdout)
    assert (done.returncode, suite.get("tests"), suite.get("failures")) == (0, "1", "0")


def test_a_workspace_below_the_top_of_its_repository_names_files_from_the_top(shop):
    below = shop.root / "models"
    below.mkdir()
    for name in ("contracts", "artifacts.yaml", "run", "spec"):
        (shop.root / name).rename(below / name)
    (below / "contracts/shop.yaml").write_text(
        (below / "contracts/shop.yaml").read_text().replace("equals: 56", "equals: 57")
    )
    done = shop.contract("validate", "--root", "models", "--format", "github")
    assert "::error file=models/contracts/shop.yaml,line=18," in done.stdout


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (["junit"], "should read FORMAT=FILE"),
        (["junit="], "should read FORMAT=FILE"),
        (["junti=report.xml"], "did you mean 'junit'?"),
        (["junit=report", "sarif=report"], "report is named twice"),
    ],
)
def test_a_wrong_output_is_told_before_anything_runs(contract, output, said):
    done = contract("validate", *(argument for one in output for argument in ("--output", one)))
    assert (done.code, done.out) == (4, "")
    assert said in " ".join(done.err.split())


def test_a_report_that_cannot_be_written_costs_no_other_and_no_verdict(sold_out):
    unwritable = "r" * 255  # there is room for the name, and none for that of the temporary file
    outputs = ("--output", f"json={unwritable}", "--output", "junit=good.xml")
    done = sold_out.contract("validate", *outputs)
    assert done.returncode == 1
    assert done.stdout.startswith("FALSIFIED FALSIFY-SHOP-003")
    assert "cannot be written: File name too long; name another file after --output" in done.stderr
    assert ElementTree.parse(sold_out.root / "good.xml").getroot().get("failures") == "1"
    assert sold_out.contract("validate", "--no-run", *outputs).returncode == 2


def test_an_interrupted_validation_is_written_as_one(shop, tmp_path):
    catalogue = load_catalogue()
    workspace = load_workspace(shop.root, catalogue.signatures)
    results = validate_workspace(workspace, catalogue, cache=Cache(tmp_path / "none"), options=Options(only_known=True))
    files = {tmp_path / form: form for form in FORMATS}
    Outputs("text", files).listening(workspace)(Finished(results, interrupted=True))
    reports = written(tmp_path)
    assert json.loads(reports["json"])["interrupted"] is True
    assert json.loads(reports["sarif"])["runs"][0]["invocations"][0]["exitCode"] == 130
    assert "the validation was interrupted" in reports["junit"]
    assert reports["github"].startswith("::error title=contract validate::the validation was interrupted")
    assert json.loads(reports["in-toto"])["predicate"]["passedTests"] == []


@pytest.mark.parametrize("wrong", [["there-is-none"], ["--artifact", "tokenizer"], ["--run", "there-is-none"]])
def test_no_report_of_an_earlier_run_is_taken_for_one_of_this(contract, here, wrong):
    (here / "old.xml").write_text(rendered(Report(), "junit"))
    assert contract("validate", *wrong, "--output", "junit=old.xml").code == 4
    assert not (here / "old.xml").exists()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", REPORTS)
def test_every_report_makes_room_for_the_next(contract, here, form, name):
    (here / "old").write_text(rendered(REPORTS[name], form), encoding="utf-8")
    assert contract("validate", "there-is-none", "--output", f"{form}=old").code == 4
    assert not (here / "old").exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("contracts/own.yaml", "is named like a contract"),
        ("artifacts.yaml", "is named like a contract"),
        ("run/config.json", "is no report of contract validate"),
        ("link", "is no report of contract validate"),
        ("run", "run is a folder"),
        ("run/config.json/report.json", "would lie in what is no folder"),
    ],
)
def test_only_a_report_makes_room(contract, here, file, said):
    for name in ("contracts/own.yaml", "artifacts.yaml", "run/config.json"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text('{"layers": 2}')
    (here / "link").symlink_to("run/config.json")
    (here / "old.xml").write_text(rendered(Report(), "junit"))
    done = contract("validate", "--output", f"json={file}", "--output", "junit=old.xml")
    assert (done.code, done.out) == (4, "")
    assert said in " ".join(done.err.split())
    assert (here / file).exists() == (file != "run/config.json/report.json")
    assert not (here / "old.xml").exists(), "the report of another run"


def test_help_removes_nothing(contract, here):
    (here / "old.json").write_text(rendered(Report(), "json"))
    assert contract("validate", "--output", "json=old.json", "--help").code == 0
    assert (here / "old.json").exists()


def test_a_pipe_is_written_to_and_stays_one(contract, here):
    (here / "exp-v1.yaml").write_text(EXP)
    (here / "test_softmax.py").write_text("def test_sum(): ...\n")
    os.mkfifo(here / "pipe")
    reading = os.open(here / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    done = contract("validate", "exp-v1.yaml", "--output", "json=pipe")
    assert (done.code, stat.S_ISFIFO((here / "pipe").stat().st_mode)) == (0, True)
    assert json.loads(os.read(reading, 1 << 16))["report"] == 1
    os.close(reading)


def test_a_report_that_never_can_be_written_is_told_before_anything_runs(contract, here):
    (here / "loop").symlink_to("loop")
    done = contract("validate", "there-is-none", "--output", "json=loop")
    assert done.code == 2
    assert "loop: what lies there cannot be replaced: Too many levels of symbolic links" in done.err


def test_the_exit_code_in_a_report_is_that_of_the_process(contract, here, specimens):
    (here / "contracts").mkdir()
    (here / "contracts" / "ours.yaml").write_text(OURS)
    (here / "theirs.yaml").write_text(EXP)
    (here / "test_softmax.py").write_text("def test_sum(): ...\n")
    bound = [f"--artifact={role}={specimens[role]}" for role in ("export", "tokenizer")]
    done = contract("validate", "ours", "theirs.yaml", "--strict", "--output", "sarif=found.sarif", *bound)
    (run,) = json.loads((here / "found.sarif").read_text())["runs"]
    assert run["invocations"][0]["exitCode"] == done.code == 3
    assert run["properties"]["counts"]["held"] == 1


def test_what_was_only_read_is_in_every_report_and_is_why_strict_ends_3(contract, here, specimens):
    (here / "contracts").mkdir()
    (here / "contracts" / "ours.yaml").write_text(OURS)
    (here / "contracts" / "exp-v1.yaml").write_text(EXP)
    (here / "test_softmax.py").write_text("def test_sum(): ...\n")
    bound = [f"--artifact={role}={specimens[role]}" for role in ("export", "tokenizer")]
    why = "1 contract of pv only read; --strict asks that everything is examined"
    for named in ([], ["contracts"]):
        done = contract("validate", "--strict", *named, *bound, *asked_for(here / "reports"))
        assert done.code == 3, named
        reports = written(here / "reports")
        for form in ("junit", "github", "markdown", "sarif"):
            assert why in reports[form], form
        cases = ElementTree.fromstring(reports["junit"]).findall("testsuite[@name='contract files']/testcase")
        assert [one.get("name") for one in cases] == ["contracts/exp-v1.yaml"]
    assert contract("validate", "--strict", "ours", *bound).code == 0
    assert contract("validate", "--strict", "--no-run").code == 0


def test_the_schema_of_the_report_describes_what_is_printed(sold_out, contract):
    schema = json.loads(contract("schema", "--of", "report", "--print").out)
    Draft7Validator.check_schema(schema)
    report = json.loads(sold_out.contract("validate", "--format", "json").stdout)
    assert [one.message for one in Draft7Validator(schema).iter_errors(report)] == []
    model = sold_out.root / "run/finetuned"
    checked = json.loads(sold_out.contract("check", model, "--format", "json").stdout)
    assert [one.message for one in Draft7Validator(schema).iter_errors(checked)] == []
