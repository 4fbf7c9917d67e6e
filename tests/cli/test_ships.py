"""``contract next``, ``graph``, ``why`` and ``report --ship``: what a person reads, and what a program does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.cli import run
from tests.amending import amendment_name, amendment_text
from tests.cli import harbour
from tests.evidence.builders import commit_all
from tests.golden.comparison import assert_golden


def golden(name: str, text: str) -> None:
    """The text with digests and commits, which follow the code of the checks, replaced."""
    shown = re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", text)
    shown = re.sub(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])", "DIGEST", shown)
    assert_golden(name, shown)


@pytest.fixture
def recorded(here: Path) -> Path:
    """The harbour after two recordings of the training, from seeds 1 and 0; nothing is packed yet."""
    root = harbour.build(here)
    harbour.record(root, "training", seed=1, largest=3.5)
    harbour.record(root, "training", seed=0, largest=3.5)
    return root


def test_next_for_a_person(contract: Callable, recorded: Path) -> None:
    done = contract("next")
    assert (done.code, done.err) == (0, "")
    golden("next.txt", done.out)


def test_next_within_some_hours(contract: Callable, recorded: Path) -> None:
    done = contract("next", "--spec", "harbour", "--within", "90m", "--device", "cpu")
    assert done.code == 0
    golden("next_within.txt", done.out[done.out.index("what can be reached") :])


def test_next_for_a_program(contract: Callable, recorded: Path) -> None:
    (answer,) = json.loads(contract("next", "--within", "3h", "--format", "json").out)
    assert (answer["spec"], answer["discharged"], answer["declared"]) == ("harbour", 4.0, 27.5)
    assert answer["percent"] == pytest.approx(400 / 27.5)
    assert {one["criterion"]: one["state"] for one in answer["criteria"]}["AC-ENGINE-2"] == "discharged"
    assert [one["step"] for one in answer["steps"]] == ["5e", "5f", "5g", "5h", "AC-HULL-2"]
    assert answer["ready"][0]["steps"] == ["5g", "5h"]
    assert answer["criteria"][4]["waived"] == {
        "owner": "A. Person",
        "reason": "the paint is not dry",
        "expires": "2020-01-31",
        "expired": True,
    }
    assert answer["stranded"] == ["AC-ENGINE-1", "AC-HULL-3"]
    assert (answer["reach"]["within"], answer["reach"]["discharged"]) == (3.0, 14.0)
    assert [one["stage"] for one in answer["stages"] if not one["touched"]] == ["pack"]


def test_a_missed_step_is_found_by_its_evidence(contract: Callable, here: Path) -> None:
    root = harbour.build(here)
    harbour.record(root, "training", seed=0, fell="FALSIFY-TRAIN-002")
    (answer,) = json.loads(contract("next", "--format", "json").out)
    assert answer["declared_without_evidence"] == ["5f"]
    waits = next(one for one in answer["steps"] if one["step"] == "5g")["waits_for"]
    assert [(one["kind"], one["name"]) for one in waits] == [("evidence", "5f")]
    golden("next_missed.txt", contract("next").out)


def test_a_machine_without_a_gpu_is_told_what_waits_for_one(contract: Callable, here: Path) -> None:
    harbour.build(here)
    out = contract("next", "--device", "cpu").out
    assert "5e  Train it\n      for a machine with cuda\n" in out


def test_why_walks_from_points_to_bytes(contract: Callable, recorded: Path) -> None:
    done = contract("why", "ac-engine-1")
    assert done.code == 0
    golden("why_criterion.txt", done.out)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("FALSIFY-PACK-901", "missing: no evidence has been recorded yet"),
        (
            "FALSIFY-TRAIN-001",
            "counts in criterion AC-ENGINE-2 (discharged, 4 points) of harbour: 4 of 27.5 points: 14.5 %",
        ),
        ("packing", "counts in criterion AC-HULL-3 (open, 2.5 points) of harbour"),
        ("training", "contract training: The run did what was asked of it: DISCHARGED"),
        ("5g", "step 5g: Pack it: ready; 10 points predicted, 0 earned"),
        ("harbour", "criterion AC-ENGINE-2: discharged, worth 4 points; 1 of 1 falsifier at its ceiling"),
        ("AC-HULL-3", "waiver A. Person: the paint is not dry; shown, and never counted as discharged"),
    ],
)
def test_why_says_what_is_asked_after(contract: Callable, recorded: Path, name: str, said: str) -> None:
    done = contract("why", name)
    assert done.code == 0
    assert said in done.out


def test_why_for_a_program_reaches_the_bytes(contract: Callable, recorded: Path) -> None:
    node = json.loads(contract("why", "AC-ENGINE-2", "--format", "json").out)
    assert node["counts_in"][0] == "harbour: 4 of 27.5 points: 14.5 %"
    (falsifier,) = [one for one in node["below"] if one["kind"] == "falsifier"]
    (statement,) = [one for one in falsifier["below"] if one["kind"] == "statement"]
    assert (recorded / statement["facts"]["file"]).is_file()
    assert statement["facts"]["run"] == "run-0"
    kinds = [one["kind"] for one in statement["below"]]
    assert kinds == ["measured", "bytes"]
    assert statement["below"][1]["facts"]["sha256"] == "074".ljust(64, "0")
    assert statement["below"][1]["facts"]["path"] == "runs/0/trained/model.safetensors"


def test_a_tripped_wire_is_walked_to_the_review_that_is_missing(contract: Callable, here: Path) -> None:
    root = harbour.build(here)
    harbour.record(root, "training", largest=1e6)
    out = contract("why", "AC-ENGINE-2").out
    assert "held for review" in out.splitlines()[0]
    assert "missing: a signed review" in out
    assert "held for review:\n  AC-ENGINE-2  4 points" in contract("next").out


@pytest.mark.parametrize("form", ["text", "mermaid", "dot"])
def test_the_graph_of_all_that_leans_on_something(contract: Callable, recorded: Path, form: str) -> None:
    done = contract("graph", "--format", form)
    assert done.code == 0
    golden(f"graph.{form}.txt", done.out)


def test_the_graph_for_a_program(contract: Callable, recorded: Path) -> None:
    graph = json.loads(contract("graph", "--spec", "harbour", "--format", "json").out)
    keys = {one["key"]: one for one in graph["nodes"]}
    assert keys["step:5g"]["status"] == "ready"
    assert keys["criterion:AC-HULL-3"]["status"] == "open (waived)"
    assert {"source": "contract:packing", "target": "contract:training", "kind": "requires", "said": ""} in graph[
        "edges"
    ]
    assert {one["kind"] for one in graph["edges"]} == {"requires", "rests on", "earns", "together with"}
    assert all(one["source"] in keys and one["target"] in keys for one in graph["edges"])


def test_hostile_titles_stay_inside_their_quotes(contract: Callable, here: Path) -> None:
    root = harbour.build(here)
    path = root / "spec/harbour/ship.yaml"
    path.write_text(path.read_text().replace("Somebody can load it", "'a \"quoted\" <b>title</b> \\ # | x'"))
    for form in ("mermaid", "dot", "text"):
        assert "<b>" not in contract("graph", "--format", form).out
    assert contract("why", "AC-HULL-1").code == 0


def test_the_report_of_a_ship(contract: Callable, recorded: Path) -> None:
    done = contract("report", "--ship", "harbour")
    assert done.code == 0
    golden("ship_report.md", done.out)


def release(root: Path, version: str, section: int, created: str) -> None:
    """What a release leaves behind: an amendment under its version, and regions that say what had been reached."""
    folder = root / "spec/harbour/amendments/released" / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{section:04}-{amendment_name(created)}").write_text(amendment_text(created=created))
    from falsifiable.cli.common import open_workspace
    from falsifiable.cli.standing import judging_code, ledger_of
    from falsifiable.spec import update_regions

    workspace, catalogue = open_workspace(root)
    update_regions(ledger_of(workspace, judging_code(catalogue)), "harbour")
    commit_all(root, f"release {version}")


def test_the_history_of_a_ship_is_read_from_git(contract: Callable, here: Path) -> None:
    root = harbour.build(here)
    release(root, "0.9.0", 1, "2026-01-01T00:00:00Z")
    harbour.record(root, "training", largest=1.0)
    release(root, "0.10.0", 2, "2026-03-01T00:00:00Z")
    golden("ship_history.md", contract("report", "--ship", "harbour").out)
    answer = json.loads(contract("report", "--ship", "harbour", "--format", "json").out)
    assert [(one["version"], one["date"], one["reached"]["discharged"]) for one in answer["history"]] == [
        ("0.9.0", "2026-01-01", 0.0),
        ("0.10.0", "2026-03-01", 4.0),
    ]
    assert answer["now"]["discharged"] == 4.0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["next", "--spec", "harbor"], 4, "did you mean 'harbour'?"),
        (["next", "--within", "ten"], 4, "write hours or minutes, such as 10h or 90m"),
        (["why", "AC-ENGINE-9"], 4, "did you mean 'AC-ENGINE-2'?"),
        (["graph", "--spec", "harbor"], 4, "did you mean 'harbour'?"),
        (["report"], 4, "name either a run after --packet or a spec after --ship"),
        (["report", "--ship", "none"], 4, "spec 'none' has no ship.yaml"),
    ],
)
def test_wrong_usage_is_answered_with_what_there_is(
    contract: Callable, recorded: Path, arguments: list[str], code: int, said: str
) -> None:
    done = contract(*arguments)
    assert done.code == code
    assert said in done.err


def test_without_a_ship_file_nothing_was_examined(contract: Callable, here: Path) -> None:
    files = {name: text for name, text in harbour.FILES.items() if "ship.yaml" not in name}
    harbour.build(here, files)
    done = contract("next")
    assert (done.code, "write spec/SPEC/ship.yaml" in done.err) == (3, True)
    assert contract("graph").code == 0
    assert contract("why", "training").code == 0


def test_a_faulty_ship_file_is_told_where_and_stops_every_verb(contract: Callable, here: Path) -> None:
    root = harbour.build(here)
    path = root / "spec/harbour/ship.yaml"
    path.write_text(path.read_text().replace("points: 6", "points: 0"))
    for arguments in (["next"], ["validate", "--no-run"], ["graph"]):
        done = contract(*arguments)
        assert done.code == 4
        assert "spec/harbour/ship.yaml:8:17: error SHIP-VALUE: points is 0; above 0" in done.err


def test_without_scipy_only_the_question_that_needs_it_fails(
    contract: Callable, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    assert contract("next").code == 0
    done = contract("next", "--within", "1h")
    assert (done.code, "pip install 'falsifiable[statistics]'" in done.err) == (2, True)


def test_no_numerical_library_is_loaded_without_a_limit(recorded: Path) -> None:
    program = (
        "import sys\nfrom falsifiable.cli import run\n"
        "assert run(['next']) == 0\n"
        "sys.exit(' '.join({'torch', 'numpy', 'scipy', 'jsonschema'} & set(sys.modules)) or 0)"
    )
    run(["next"])  # the catalogue of checks is read once and kept
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=recorded)
    assert done.returncode == 0, done.stderr


def test_the_ship_file_of_this_repository_can_be_earned(contract: Callable) -> None:
    root = Path(__file__).parents[2]
    done = contract("next", "--root", root, "--format", "json")
    assert done.code == 0, done.err
    answer = {one["spec"]: one for one in json.loads(done.out)}["ship-two"]
    assert not any("can earn more than" in need for one in answer["criteria"] for need in one["missing"])
    assert answer["tiers"][-1]["percent"] == 100.0
