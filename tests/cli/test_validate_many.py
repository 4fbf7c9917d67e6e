"""``contract validate --many``: run folders and artifacts by pattern or manifest, judged in one plan and summed up."""

from __future__ import annotations

import json
import shutil

import pytest


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
    assert again["counts"] == {"held": 1, "falsified": 1, "inconclusive": 0}
    assert [one["item"] for one in again["items"]] == ["run/models/a", "run/models/b"]
    assert again["falsifiers"]["shop/FALSIFY-SHOP-003"] == {"held": 1, "falsified": 1, "inconclusive": 0}
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
