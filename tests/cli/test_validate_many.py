"""``contract validate --many``: run folders and artifacts by pattern or manifest, judged in one plan and summed up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from falsifiable.artifacts.sources.remote_path import RemotePath
from falsifiable.contracts import load_workspace
from falsifiable.validation import fleet as validation_fleet
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.events import Event, Finished, Judged, Planned, Started

MODEL_ONLY = """\
contract: usable
version: 1.0.0
title: One model
artifacts:
  model: {kind: model}
falsifiers:
  - {id: FALSIFY-USABLE-001, claim: The file is whole, check: artifact.sound, on: {model: model}}
  - {id: FALSIFY-USABLE-002, claim: Every weight is a number, check: weights.finite, on: {model: model}}
"""
WITH_TOKENIZER = """\
contract: paired
version: 1.0.0
title: A model and the tokenizer that all models share
artifacts:
  model: {kind: model}
  tokenizer: {kind: tokenizer}
falsifiers:
  - id: FALSIFY-PAIRED-001
    claim: Every id the tokenizer can emit has an embedding row
    check: vocabulary.fits-model
    on: {model: model, tokenizer: tokenizer}
"""
OF_A_RUN = """\
contract: trained
version: 1.0.0
title: What a run left behind
artifacts:
  run: {kind: run}
  trained: {kind: model}
falsifiers:
  - {id: FALSIFY-TRAINED-001, claim: Every weight is a number, check: weights.finite, on: {model: trained}}
"""
WITH_COMMAND = """\
contract: tooled
version: 1.0.0
title: A program takes the model
artifacts:
  model: {kind: model}
  tool: {kind: command}
falsifiers:
  - {id: TOOLED-001, claim: It is taken, check: command, on: {command: tool}, with: {exit_code: 0}}
"""
OTHERS = "contract: others\nversion: 1.0.0\ntitle: Rows\nartifacts: {rows: {kind: corpus}}\nfalsifiers: []\n"


def counts(**marks: int) -> dict[str, int]:
    """How many of each mark, the others none."""
    named = {name.replace("_", " "): times for name, times in marks.items()}
    return {"falsified": 0, "could not run": 0, "vacuous": 0, "inconclusive": 0, "held": 0} | named


@pytest.fixture
def runs(here, specimens) -> Path:
    """Three run folders: a good one, one whose weights are cut short, one with nothing but its record; and a workspace
    whose contract speaks of one model, which artifacts.yaml binds to the good one."""
    for name in ("good", "short", "bare"):
        folder = here / "runs" / name
        folder.mkdir(parents=True)
        shutil.copy(specimens["run"] / "run.yaml", folder)
        if name != "bare":
            shutil.copytree(specimens["trained"], folder / "finetuned")
    weights = here / "runs/short/finetuned/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    (here / "contracts").mkdir()
    (here / "contracts/usable.yaml").write_text(MODEL_ONLY)
    (here / "artifacts.yaml").write_text("model: runs/good/finetuned\ntokenizer: runs/good/finetuned/tokenizer.json\n")
    return here


def add(folder: Path, *contracts: str) -> None:
    """Put contracts beside the first."""
    for text in contracts:
        (folder / f"contracts/{text.split()[1]}.yaml").write_text(text)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def test_an_item_that_binds_nothing_of_a_contract_is_refused_and_not_judged_on_what_artifacts_yaml_binds(
    runs, contract
):
    done = contract("validate", "--many", "runs/*")
    assert (done.code, done.out) == (4, "")
    assert in_one_line(done.err).endswith(
        "contract: --many runs/*: runs/bare binds a run folder, which nothing here is judged by: usable (model); say "
        "ROLE=PATTERN with one of these roles (no contract of this workspace takes it)"
    )
    add(runs, OF_A_RUN)
    done = contract("validate", "usable", "--many", "runs/*")
    assert done.code == 4
    assert "name a contract that takes it: trained (run, trained)" in in_one_line(done.err)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("[{artifacts: {}}]", "item 1 should be a path, or a mapping"),
        ("[runs/good/finetuned, {run: ''}]", "item 2 should be a path, or a mapping"),
        ("['']", "item 1 should be a path, or a mapping"),
        ("[{artifacts: {rows: runs/good}}]", "runs/good binds role rows, which nothing here is judged by"),
        (
            "[{artifacts: {model: runs/good, model: runs/bare}}]",
            "the key 'model' stands twice: in line 1",
        ),
        ("[2024-13-45]", "2024-13-45: --artifact model=2024-13-45: there is no such file or folder"),
        ("[{name: [a], artifacts: {model: runs/good}}]", "a name and a path are texts, in quotes where"),
        ("[{artifacts: {model: }}]", "a name and a path are texts, in quotes where"),
        ("[" * 5000, "nested deeper than 32 mappings and lists"),
        (f"[{'n' * 300}]", "there is no such file or folder"),
        (f"[{{run: {'n' * 300}}}]", "there is no run folder"),
        ("# none yet", "expected a list of paths, or of mappings with run or artifacts"),
    ],
)
def test_a_manifest_whose_item_binds_nothing_is_refused(runs, contract, manifest, said):
    add(runs, OTHERS)
    (runs / "fleet.yaml").write_text(manifest)
    done = contract("validate", "usable", "--many", "fleet.yaml")
    assert (done.code, done.out) == (4, "")
    assert said in in_one_line(done.err)


def test_a_manifest_of_thousands_is_read_and_one_of_json_as_json(runs):
    add(runs, WITH_TOKENIZER)
    workspace = load_workspace(runs, load_catalogue().signatures)
    both = {"model": "runs/good/finetuned", "tokenizer": "runs/good/finetuned/tokenizer.json"}
    listed = [{"name": f"number {number} \U0001f600", "artifacts": both} for number in range(10_000)]
    for name in ("fleet.yaml", "fleet.json"):
        (runs / name).write_text(json.dumps(listed, ensure_ascii=name.endswith("json")))
        found = validation_fleet.items_of(name, workspace, workspace.contracts)
        assert [one.name for one in found] == [one["name"] for one in listed]
    (runs / "fleet.json").write_text('[{"artifacts": {"model": "runs/good", "model": "runs/bare"}}]')
    with pytest.raises(validation_fleet.FleetError, match="the key 'model' stands twice"):
        validation_fleet.items_of("fleet.json", workspace, workspace.contracts)


@pytest.mark.parametrize("asked", ["n" * 300 + ".yaml", "model=" + "n" * 300])
def test_a_name_too_long_for_the_file_system_is_none_that_is_there(runs, contract, asked):
    done = contract("validate", "--many", asked)
    assert (done.code, done.out) == (4, "")
    assert "nothing matches" in in_one_line(done.err)


def test_a_path_that_is_there_is_taken_as_it_stands_though_it_looks_like_a_pattern(runs, contract):
    shutil.copytree(runs / "runs/good/finetuned", runs / "odd/[x]")
    done = contract("validate", "--many", "model=odd/[x]")
    assert done.out.endswith("\n1 item: 1 held, 0 falsified, 0 inconclusive\n"), done.err
    assert done.code == 0


def test_contracts_of_which_an_item_binds_no_role_are_left_out_and_said_to_be(runs, contract):
    add(runs, OF_A_RUN, OTHERS)
    done = contract("validate", "--many", "model=runs/*/finetuned")
    assert done.code == 1
    assert "not judged by: others (2 of 2 items), trained (2 of 2 items), because" in done.out
    assert done.out.endswith("\n2 items: 1 held, 1 falsified, 0 inconclusive\n")
    assert "trained/" not in done.out
    done = contract("validate", "usable", "others", "--many", "model=runs/*/finetuned")
    assert (done.code, done.out) == (4, "")
    assert "no item binds a role of contract others (rows), which was named; leave it out" in in_one_line(done.err)


def test_a_role_that_all_items_share_comes_from_artifacts_yaml(runs, contract):
    add(runs, WITH_TOKENIZER)
    done = contract("validate", "paired", "--many", "runs/good/finetuned")
    assert done.out.endswith("\n1 item: 1 held, 0 falsified, 0 inconclusive\n"), done.err
    assert done.code == 0


def test_an_item_of_which_nothing_was_examined_is_no_pass_however_many_held(runs, contract):
    add(runs, OF_A_RUN)
    shutil.rmtree(runs / "runs/short")
    done = contract("validate", "trained", "--many", "runs/*")
    assert "inconclusive runs/bare\n  trained/FALSIFY-TRAINED-001: " in done.out
    assert "  nothing of it was examined: no falsifier came to a verdict on what it binds\n" in done.out
    assert done.out.endswith("\n2 items: 1 held, 0 falsified, 1 inconclusive\n")
    assert done.code == 3


@pytest.mark.parametrize(("arguments", "code"), [("", 3), (", '{model}'", 0)])
def test_a_command_says_something_of_an_item_only_if_it_reads_it(runs, contract, arguments, code):
    (runs / "contracts/usable.yaml").write_text(WITH_COMMAND)
    (runs / "artifacts.yaml").write_text(f"tool: {{command: ['true'{arguments}]}}\n")
    done = contract("validate", "--many", "model=runs/*", "--run-commands")
    assert done.code == code, done.err
    assert done.out.count("  nothing of it was examined: ") == (3 if code else 0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--output", "junit=report.xml"], "--many writes no --output"),
        (["--format", "sarif"], "--many sums up as text or json; --format sarif reports one validation"),
    ],
)
def test_reports_that_a_summary_has_no_form_for_are_refused_and_not_left_out_in_silence(runs, contract, asked, said):
    done = contract("validate", "--many", "model=runs/*/finetuned", *asked)
    assert (done.code, done.out) == (4, "")
    assert said in in_one_line(done.err)
    assert not (runs / "report.xml").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--executor", "ray", "--resources", "*=CPU:1"], "there is no resource CPU; write cpu, in lower case"),
        (["--executor", "ray", "--resources", "*=gpu:1.5"], "Ray gives one GPU in parts and several only whole"),
        (["--executor", "ray", "--resources", "*=cpu:0.00001"], "should read CHECK=NAME:AMOUNT"),
        (["--executor", "ray", "--resources", "zzz.*=gpu:1"], "--resources zzz.*: no installed check has such a name"),
        (["--resources", "weights.*=gpu:1"], "of a node of a cluster; add --executor ray"),
    ],
)
def test_resources_that_would_be_asked_for_in_vain_are_refused_before_anything_starts(runs, contract, asked, said):
    done = contract("validate", *asked)
    assert (done.code, done.out) == (4, "")
    assert said in in_one_line(done.err)


def test_a_manifest_lists_urls_too_and_an_item_is_not_called_by_their_secrets(runs):
    workspace = load_workspace(runs, load_catalogue().signatures)
    listed = [
        "https://key:secret@example.org/a.gguf",
        {"artifacts": {"model": "https://key:secret@example.org/b.gguf"}},
    ]
    (runs / "fleet.json").write_text(json.dumps(listed))
    found = validation_fleet.items_of("fleet.json", workspace, workspace.contracts)
    assert [one.name for one in found] == ["https://example.org/a.gguf", "https://example.org/b.gguf"]
    assert all(isinstance(one.artifacts["model"], RemotePath) for one in found)
    (runs / "fleet.json").write_text('["gopher://example.org/a.gguf"]')
    with pytest.raises(validation_fleet.FleetError, match=r"item 1: .*'gopher' is not read"):
        validation_fleet.items_of("fleet.json", workspace, workspace.contracts)


def told_of_many(runs: Path) -> tuple[list[validation_fleet.Item], list[Event]]:
    """All fine-tuned models, validated, and what happened meanwhile."""
    catalogue = load_catalogue()
    workspace = load_workspace(runs, catalogue.signatures)
    items = validation_fleet.items_of("model=runs/*/finetuned", workspace, workspace.contracts)
    heard: list[Event] = []
    kept = Cache(runs / "cache")
    list(validation_fleet.validate_many(workspace, catalogue, items, listeners=[heard.append], cache=kept))
    return list(items), heard


def test_what_is_planned_is_told_of_all_waves_together_and_that_it_is_over_at_the_end(runs, monkeypatch):
    monkeypatch.setattr(validation_fleet, "WAVE", 1)
    _, heard = told_of_many(runs)
    assert [one for one in heard if isinstance(one, Planned)] == [Planned(2, 0, later=2), Planned(2, 0)]
    assert heard[-1] == Finished(())


def test_what_happens_says_of_which_item(runs):
    items, heard = told_of_many(runs)
    assert {one.item for one in heard if isinstance(one, Started)} <= {one.name for one in items}
    assert "" not in {one.item for one in heard if isinstance(one, Started | Judged)}
    judged = [(one.item, one.judgement.falsifier) for one in heard if isinstance(one, Judged)]
    assert sorted(judged) == [(item.name, f"FALSIFY-USABLE-00{number}") for item in items for number in (1, 2)]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_interrupted_fleet_keeps_what_had_finished(runs, contract, monkeypatch, form):
    really = validation_fleet.validate_many

    def interrupted(*given: object, **named: object) -> Iterator[object]:
        yield next(really(*given, **named))
        raise KeyboardInterrupt

    monkeypatch.setattr(validation_fleet, "validate_many", interrupted)
    done = contract("validate", "--many", "model=runs/*/finetuned", "--format", form)
    assert done.code == 130
    assert done.err.endswith("contract: interrupted; what had finished is kept\n")
    if form == "text":
        assert done.out.endswith("\n2 items: 1 held, 0 falsified, 0 inconclusive, 1 not finished (interrupted)\n")
    else:
        found = json.loads(done.out)
        assert found["interrupted"]
        assert (found["counts"], found["unfinished"]) == (counts(held=1), ["runs/short/finetuned"])


@pytest.fixture
def fleet(shop):
    """Three models beside each other, the second with another hidden size claimed of it than it has."""
    models = shop.root / "run/models"
    models.mkdir()
    for name in ("a", "b"):
        shutil.copytree(shop.root / "run/finetuned", models / name)
    broken = models / "b/config.json"
    broken.write_text(broken.read_text().replace('"hidden_size": 56', '"hidden_size": 64'))
    return shop


def test_artifacts_by_pattern_are_judged_each_and_summed_up(fleet):
    done = fleet.contract("validate", "--many", "trained=run/models/*")
    assert done.returncode == 1, done.stderr
    assert "FALSIFIED run/models/b" in done.stdout
    assert "shop/FALSIFY-SHOP-003: " in done.stdout
    assert done.stdout.endswith("2 items: 1 held, 1 falsified, 0 inconclusive\n")
    again = json.loads(fleet.contract("validate", "--many", "trained=run/models/*", "--format", "json").stdout)
    assert again["counts"] == counts(held=1, falsified=1)
    assert [one["item"] for one in again["items"]] == ["run/models/a", "run/models/b"]
    assert again["falsifiers"]["shop/FALSIFY-SHOP-003"] == counts(held=1, falsified=1)
    assert all(judged["known"] for judged in again["items"][0]["contracts"][0]["judgements"])


def test_a_manifest_names_runs_and_artifacts(fleet):
    listed = ["run", {"name": "the second", "artifacts": {"trained": "run/models/b"}}]
    (fleet.root / "fleet.json").write_text(json.dumps(listed))
    done = fleet.contract("validate", "--many", "fleet.json", "--format", "json")
    found = {one["item"]: one["outcome"] for one in json.loads(done.stdout)["items"]}
    assert found == {"run": "held", "the second": "falsified"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--many", "nothing/*"], "nothing matches; expected run folders, models, or a manifest"),
        (["--many", "sold=run/models/*"], "no contract has a role 'sold'"),
        (["--many", "wrong.yaml"], "item 2 should be a path, or a mapping of name, run (a folder) and artifacts"),
        (["--many", "run", "--record"], "records nothing"),
        (["--many", "run", "--run", "run"], "--many names what is bound"),
        (["--executor", "ray", "--resources", "forward.*=gpu"], "should read CHECK=NAME:AMOUNT"),
    ],
)
def test_what_cannot_be_asked_is_told(fleet, asked, said):
    (fleet.root / "wrong.yaml").write_text("[run, {models: run}]")
    done = fleet.contract("validate", *asked)
    assert done.returncode == 4
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
