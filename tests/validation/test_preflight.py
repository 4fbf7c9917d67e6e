"""Every question of a preflight, answered both ways."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from falsifiable import open_corpus, open_model, open_run
from falsifiable.contracts import Plan, read_plan
from falsifiable.samples import write_specimens
from falsifiable.validation.preflight import Finding, Surroundings, cuda_devices, preflight

REFERENCE = Path(__file__).parents[2] / "runs" / "reference"
TODAY = datetime.date(2026, 6, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("specimens")
    write_specimens(written)
    return written


def planned(folder: Path, run: str = "run", **changes: Any) -> Plan:
    """A plan that nothing refuses, with other values in the places named."""
    data = {
        "plan": "next",
        "command": ["specimen", "--output", "runs/next"],
        "device": "cpu",
        "steps": 1000,
        "batch": {"sequences": 8, "sequence_length": 64},
        "init": f"{run}/pretrained",
        "family": "qwen2",
        "tokenizer": f"{run}/finetuned/tokenizer.json",
        "data": {"corpus": f"{run}/corpus/manifest.json", "splits": ["pretrain", "finetune"]},
        "budget": {"tokens": "seen", "per_parameter": {"at_least": 1}},
        "checkpoints": {"folder": "not/made/yet", "saves": 2, "bytes_per_parameter": 12},
        "smoke": run,
        **changes,
    }
    content = yaml.safe_dump({key: value for key, value in data.items() if value is not None})
    plan, faults = read_plan(content.encode())
    assert plan is not None, faults
    return replace(plan, folder=folder)


def around(folder: Path, run: str = "run", **changes: Any) -> Surroundings:
    return Surroundings(open_run(folder / run).commit, TODAY, **changes)


def finding(plan: Plan, question: str, where: Surroundings) -> Finding:
    return next(one for one in preflight(plan, where) if one.question == question)


def test_a_plan_that_nothing_refuses_may_go(folder: Path) -> None:
    found = preflight(planned(folder), around(folder))

    assert {one.answer for one in found} == {"go"}
    assert [one.question for one in found] == [
        "blockers", "device", "initialisation", "vocabulary", "data budget", "disk", "smoke run",
    ]  # fmt: skip


REFUSED = [
    ("device", {"device": "cuda"}, "names no GPUs"),
    ("initialisation", {"family": "llama"}, "is of the family qwen2, the plan says llama"),
    ("vocabulary", {"init": None, "shape": {"parameters": 9, "vocab_size": 299}, "family": None}, "ids up to 299"),
    ("vocabulary", {"tokenizer": None, "init": None, "shape": {"parameters": 9, "vocab_size": 9}, "family": None},
     "names no tokenizer"),
    ("data budget", {"budget": {"tokens": "distinct", "per_parameter": {"at_least": 20}}}, "the rule is distinct"),
    ("data budget", {"budget": {"tokens": "seen", "per_parameter": {"at_least": 1}, "passes": {"at_most": 4}}},
     "tokens are read 319 times"),
    ("data budget", {"data": {"corpus": "run/corpus/manifest.json", "splits": ["train"]}}, "has no split train"),
    ("disk", {"checkpoints": {"folder": ".", "saves": 10**9, "bytes_per_parameter": 1e6}}, "GiB are free"),
    ("smoke run", {"smoke": None}, "names none"),
    ("smoke run", {"command": ["another", "--output", "x"]}, "ran specimen, planned is another"),
    ("blockers", {"blockers": [{"what": "licence", "until": "2026-06-01", "why": "x"}]}, "licence, until 2026-06-01"),
    ("blockers", {"blockers": [{"what": "counts", "until": "run/none.json", "why": "x"}]}, "until run/none.json"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "changes", "said"), REFUSED)
def test_what_refuses_it_is_said_with_the_next_step(
    folder: Path, tmp_path: Path, question: str, changes: dict[str, Any], said: str
) -> None:
    found = finding(planned(folder, **changes), question, around(folder, system=tmp_path))

    assert found.answer == "refused"
    assert said in found.said
    assert found.next_step


@pytest.mark.parametrize("until", ["2026-05-31", "run/corpus/manifest.json"])
def test_a_blocker_ends_by_itself(folder: Path, until: str) -> None:
    plan = planned(folder, blockers=[{"what": "the corpus", "until": until, "why": "D is unknown"}])

    found = finding(plan, "blockers", around(folder))

    assert found.answer == "go"
    assert "take it out" in found.next_step


def test_a_smoke_run_of_another_commit_or_one_that_broke_off_is_none(folder: Path, tmp_path: Path) -> None:
    other = finding(planned(folder), "smoke run", Surroundings("f" * 40, TODAY))
    record = yaml.safe_load((folder / "run" / "run.yaml").read_text())
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({**record, "end_reason": "killed", "artifacts": {}}))

    broken = finding(planned(folder, smoke=str(tmp_path)), "smoke run", around(folder))

    assert "this is ffffffffffff" in other.said
    assert (broken.answer, "ended because: killed" in broken.said) == ("refused", True)


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        ("initialisation", {"init": "nowhere"}),
        ("vocabulary", {"tokenizer": "nowhere.json"}),
        ("data budget", {"data": {"corpus": "nowhere.json", "splits": ["x"]}}),
        ("smoke run", {"smoke": "nowhere"}),
    ],
)
def test_what_cannot_be_read_is_neither_go_nor_refused(folder: Path, question: str, changes: dict[str, Any]) -> None:
    found = finding(planned(folder, **changes), question, around(folder))

    assert (found.answer, "nowhere" in found.said) == ("unreadable", True)


def test_the_driver_says_how_many_gpus_there_are(tmp_path: Path) -> None:
    assert cuda_devices(tmp_path) == 0
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version")

    assert cuda_devices(tmp_path) == 1


def test_a_gpu_that_is_there_may_be_planned_for_and_the_next_one_not(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    where = around(folder, system=tmp_path)

    assert finding(planned(folder, device="cuda:0"), "device", where).answer == "go"
    assert finding(planned(folder, device="cuda:1"), "device", where).answer == "refused"


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no runs/reference; make validate trains it")
def test_the_reference_run_again_is_refused_for_want_of_data_alone() -> None:
    record, model = open_run(REFERENCE), open_model(REFERENCE / "pretrained")
    tokens = open_corpus(REFERENCE / "corpus").splits["finetune"].tokens
    plan = planned(
        REFERENCE.parent,
        run="reference",
        command=["python", "-m", "examples.pretrain", "--output", "runs/next"],
        steps=500,
        data={"corpus": "reference/corpus/manifest.json", "splits": ["finetune"]},
        budget={"tokens": "distinct", "per_parameter": {"at_least": 20}},
    )

    found = {one.question: one for one in preflight(plan, Surroundings(record.commit, TODAY))}

    assert {question for question, one in found.items() if one.answer != "go"} == {"data budget"}
    assert f"for {model.parameters:,} parameters" in found["data budget"].said
    assert min(tokens, plan.tokens_seen) < 20 * model.parameters
