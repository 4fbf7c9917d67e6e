"""``docs/failures.md`` maps every documented failure to what catches it; nothing in that table may be made up."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CLAIM = re.compile(r"`([A-Z0-9]+(?:-[A-Z0-9]+)+)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
SABOTAGE = re.compile(r"`([a-z_]+)/([a-z0-9-]+)`")

ROWS = [
    [cell.strip() for cell in line.strip("|\n ").split(" | ")]
    for line in (ROOT / "docs" / "failures.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| failure")
]
CONTRACTS = [yaml.safe_load(path.read_text()) for path in (ROOT / "contracts").glob("*/*.yaml")]
# Every contract also claims of each file bound to it that it is whole, under an id made of the role.
CLAIMS = {one["id"] for contract in CONTRACTS for one in contract["falsifiers"]} | {
    f"ARTIFACT-SOUND-{role.upper()}" for contract in CONTRACTS for role in contract["artifacts"]
}
SABOTAGES = {
    path.stem: yaml.safe_load(path.read_text())["sabotages"] for path in (ROOT / "tests" / "sabotage").glob("*.yaml")
}


def named(row: list[str]) -> str:
    return row[0][:60]


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_row_has_a_source_a_claim_and_a_proof(row: list[str]) -> None:
    failure, source, caught_by, proof = row

    assert failure
    assert source
    assert CLAIM.findall(caught_by) or TEST.findall(proof), "neither a claim nor a test of the tool itself"
    assert SABOTAGE.findall(proof) or TEST.findall(proof), "nothing proves that it is caught"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_every_claim_stands_in_a_contract(row: list[str]) -> None:
    assert set(CLAIM.findall(row[2])) <= CLAIMS


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_every_sabotage_makes_one_of_the_claims_fall(row: list[str]) -> None:
    for table, name in SABOTAGE.findall(row[3]):
        assert name in SABOTAGES[table]
        assert set(SABOTAGES[table][name]["falsified"]) & set(CLAIM.findall(row[2])), f"{table}/{name}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_every_test_is_there(row: list[str]) -> None:
    for path, name in TEST.findall(row[3]):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
