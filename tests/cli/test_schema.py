"""``contract schema``: the JSON Schema that an editor checks contracts with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from falsifiable.contracts import shipped_contracts, shipped_schema
from falsifiable.contracts.nodes import plain
from falsifiable.contracts.yaml_reader import read_yaml
from falsifiable.validation.catalogue import load_catalogue

SHIPPED = {path.stem: path for path in sorted(shipped_contracts().rglob("*.yaml"))}


def document(name: str) -> Any:
    """A shipped contract as plain data, as YAML 1.2 has it."""
    return plain(read_yaml(SHIPPED[name]).root)


def faults(data: Any) -> list[str]:
    """What the shipped schema has against ``data``."""
    schema = json.loads(shipped_schema().read_text(encoding="utf-8"))
    return [one.message for one in Draft7Validator(schema).iter_errors(data)]


def test_the_path_that_is_printed_exists(contract):
    done = contract("schema")
    assert done.code == 0
    path = Path(done.out.removesuffix("\n"))
    assert path.is_absolute()
    assert path.is_file()


def test_the_committed_schema_is_that_of_the_checks_as_they_are(contract):
    printed = contract("schema", "--print").out
    assert printed == shipped_schema().read_text(encoding="utf-8"), "run: make schema"


def test_it_is_a_draft_07_schema():
    schema = json.loads(shipped_schema().read_text(encoding="utf-8"))
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_contract_is_accepted(name):
    assert faults(document(name)) == []


def test_a_misspelt_parameter_is_refused():
    data = document("grouped-query-forward")
    data["falsifiers"][0]["with"] = {"cosin": {"at_least": 0.999}}
    (fault,) = faults(data)
    assert "cosin" in fault


def described(schema: Any, trail: str = "") -> Iterator[tuple[str, Any]]:
    """Every schema of a key or of a check's name in ``schema``, by where it stands."""
    if isinstance(schema, dict):
        for key, one in schema.get("properties", {}).items():
            if "const" not in one and not one.get("doNotSuggest"):
                yield f"{trail}/{key}", one
        yield from ((f"{trail}/{one['const']}", one) for one in schema.get("anyOf", ()) if "const" in one)
    inside = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, one in inside:
        if key not in ("default", "enum"):
            yield from described(one, f"{trail}/{key}")


@pytest.mark.parametrize("file", ["contract", "artifacts", "ship", "race", "plan", "trust"])
def test_an_editor_has_a_description_to_show_for_everything(contract, file):
    schema = json.loads(contract("schema", "--of", file, "--print").out)
    found = dict(described(schema))
    assert found
    assert [where for where, one in found.items() if not one.get("description", "").strip()] == []


def test_every_check_and_every_parameter_is_in_it_with_its_type_and_default():
    falsifier = json.loads(shipped_schema().read_text(encoding="utf-8"))["definitions"]["falsifier"]
    names = [one["const"] for one in falsifier["properties"]["check"]["anyOf"]]
    taken = {one["if"]["properties"]["check"]["const"]: one["then"] for one in falsifier["allOf"] if "if" in one}
    signatures = load_catalogue().signatures
    assert names == list(taken) == sorted(signatures)
    for name, signature in signatures.items():
        parameters = taken[name]["properties"]["with"]["properties"]
        assert list(parameters) == list(signature.parameters)
        for key, one in signature.parameters.items():
            shown = parameters[key]
            assert {"type", "enum", "anyOf"} & set(shown), f"{name} {key} has no type"
            assert "is not documented" not in shown["description"], f"{name} {key}: write it into Args"
            if not one.required and one.default is not None:
                assert shown["default"] == json.loads(json.dumps(one.default))
                assert "by default" in shown["description"]


def test_it_can_be_written_to_a_file(contract, here):
    done = contract("schema", "--write", "of/mine/contract.schema.json")
    assert (done.code, done.out) == (0, "of/mine/contract.schema.json\n")
    assert (here / "of/mine/contract.schema.json").read_text() == contract("schema", "--print").out


def test_a_file_that_cannot_be_written_is_named(contract, here):
    (here / "file").touch()
    done = contract("schema", "--write", "file/schema.json")
    assert (done.code, done.err) == (
        2, "contract: file cannot be written: File exists; name another file after --write\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "key"),
    [("contract", "falsifiers"), ("ship", "deliverables"), ("race", "rungs"), ("plan", "budget"), ("trust", "signers")],
)
def test_each_file_that_people_write_has_a_schema(contract, file, key):
    schema = json.loads(contract("schema", "--of", file, "--print").out)
    assert key in schema["properties"]
    Draft7Validator.check_schema(schema)


def test_only_the_schema_of_contracts_lies_in_a_file(contract):
    done = contract("schema", "--of", "ship")
    assert (done.code, "printed with --print, or written with --write FILE" in done.err) == (4, True)
    assert json.loads(contract("schema", "--of", "artifacts", "--print").out)["title"] == "Falsifiable artifacts"
