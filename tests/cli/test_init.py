"""``contract init``: from a folder with a model to a workspace in which ``contract validate`` runs at once."""

from __future__ import annotations

import shutil

import pytest


def test_a_gguf_file_becomes_a_workspace_that_holds(contract, here, specimens):
    shutil.copy(specimens["export"], here / "my model.gguf")
    done = contract("init")
    name = f"{here.name.replace('_', '-')}-usable"
    assert (done.code, done.out) == (
        0,
        f"wrote contracts/{name}.yaml and artifacts.yaml, which binds my model.gguf\n"
        "wrote contracts/contract.schema.json, by which editors complete, explain and check contracts\n"
        "Next: contract validate\n",
    )
    validated = contract("validate", "--strict")
    assert validated.code == 0, validated.out + validated.err
    assert "4 falsifiers: 4 held, 0 falsified, 0 inconclusive" in validated.out


def test_a_checkpoint_folder_can_be_the_workspace(contract, here, specimens):
    shutil.copytree(specimens["trained"], here / "checkpoint")
    assert contract("init", "checkpoint").out.endswith("Next: contract validate --root checkpoint\n")
    assert 'checkpoint-usable/model: "."' in (here / "checkpoint/artifacts.yaml").read_text()
    validated = contract("validate", "--root", "checkpoint", "--strict")
    assert validated.code == 0, validated.out + validated.err


def test_the_nearest_model_is_bound_and_the_others_are_named(contract, here, specimens):
    for name in ("deep/er/a.gguf", "b.gguf", ".hidden/c.gguf"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(specimens["export"], here / name)
    done = contract("init")
    assert "which binds b.gguf\nalso found: deep/er/a.gguf; bind another by changing artifacts.yaml\n" in done.out


@pytest.mark.parametrize("name", ["2024", "true", "con", "Modèle №1: gros", "№", "x" * 120])
def test_any_folder_name_makes_a_valid_contract(contract, here, specimens, name):
    (here / name).mkdir()
    shutil.copy(specimens["export"], here / name / "- [a]: #b.gguf")
    assert contract("init", name).code == 0
    done = contract("validate", "--no-run", "--root", name)
    assert (done.code, done.out) == (0, "1 contract with 4 falsifiers: valid\n"), done.err


def test_a_path_that_artifacts_yaml_cannot_hold_is_passed_over(contract, here, specimens):
    for name in ("a\\b.gguf", "a\nb.gguf", "c.gguf"):
        shutil.copy(specimens["export"], here / name)
    assert "which binds c.gguf\nwrote contracts/contract.schema.json" in contract("init").out


def test_the_contract_names_the_schema_beside_it(contract, here, specimens):
    shutil.copy(specimens["export"], here / "b.gguf")
    assert contract("init").code == 0
    (written,) = (here / "contracts").glob("*.yaml")
    assert written.read_text().startswith("# yaml-language-server: $schema=contract.schema.json\ncontract: ")
    assert (here / "contracts/contract.schema.json").read_text() == contract("schema", "--print").out


def test_a_schema_that_is_there_stays(contract, here, specimens):
    shutil.copy(specimens["export"], here / "b.gguf")
    (here / "contracts").mkdir()
    (here / "contracts/contract.schema.json").write_text("{}")
    assert "contract.schema.json" not in contract("init").out
    assert (here / "contracts/contract.schema.json").read_text() == "{}"


def test_nothing_is_overwritten(contract, here, specimens):
    shutil.copy(specimens["export"], here)
    assert contract("init").code == 0
    again = contract("init")
    assert (again.code, again.err) == (
        4,
        "contract: artifacts.yaml exists already; this folder is a workspace. Next: contract validate\n",
    )
    (here / "artifacts.yaml").unlink()
    third = contract("init")
    assert third.code == 4
    assert "-usable.yaml exists already; nothing was written. Next: contract validate" in third.err
    assert not (here / "artifacts.yaml").exists()


def test_without_a_model_it_says_where_it_looked_and_for_what(contract, here):
    done = contract("init")
    assert (done.code, done.err) == (
        3,
        f"contract: no .gguf file and no folder with config.json and safetensors, 4 levels deep in {here}; "
        "go to the folder that holds your model\n",
    )


def test_a_folder_that_cannot_be_written_is_named(contract, here, specimens):
    shutil.copy(specimens["export"], here)
    (here / "contracts").write_text("a file where a folder should be")
    done = contract("init")
    assert (done.code, done.err) == (
        2, "contract: contracts cannot be written: File exists; choose a folder that you may write to\n"
    )  # fmt: skip
