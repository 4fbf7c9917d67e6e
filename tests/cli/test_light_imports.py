"""The static path imports no numerical library: it must be fast enough to run on every save."""

from __future__ import annotations

import os

import pytest

HEAVY = (
    "torch",
    "numpy",
    "transformers",
    "scipy",
    "jsonschema",
    "tokenizers",
    "gguf",
    "rich",
    "cryptography",
    "sqlite3",
    "sklearn",
    "optuna",
    "ray",
    "matplotlib",
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["validate", "--help"],
        ["validate", "--no-run"],
        ["validate", "--no-run", "--format", "sarif", "--output", "junit=report.xml"],
        ["schema"],
        ["schema", "--of", "report", "--print"],
        ["explain", "CONTRACT-UNKNOWN-KEY"],
        ["evidence", "--help"],
        ["evidence", "log"],
        ["race", "--help"],
        ["race", "run", "--help"],
        ["race", "backtest", "--help"],
    ],
)
def test_no_heavy_library_is_imported(shop, arguments, monkeypatch):
    for measured in [key for key in os.environ if key.startswith("COVERAGE_")]:
        monkeypatch.delenv(measured)  # what measures a process imports libraries of its own: SQLite
    shop.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    done = shop.contract(*arguments)
    nothing_recorded = arguments == ["evidence", "log"]
    assert done.returncode == (3 if nothing_recorded else 0), done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "falsifiable" in imported
    assert imported & set(HEAVY) == set()


WHAT_READS = ("yaml", "falsifiable.contracts.yaml_reader", "falsifiable.contracts.pv.parts")
WHAT_RUNS = (
    "click",
    "dataclasses",
    "falsifiable.artifacts",
    "falsifiable.contracts.workspace",
    "falsifiable.falsifier",
    "falsifiable.validation.catalogue",
    "falsifiable.validation.engine",
    "importlib.metadata",
    "tempfile",
)


def test_contracts_of_pv_are_checked_with_little_and_again_with_less(shop, monkeypatch, tmp_path):
    for measured in [key for key in os.environ if key.startswith("COVERAGE_")]:
        monkeypatch.delenv(measured)
    contract = shop.root / "kernels" / "softmax-v1.yaml"
    contract.parent.mkdir()
    contract.write_text("metadata: {version: 1.0.0, description: Softmax, references: [Bridle]}\nequations: {}\n")
    shop.environment |= {"PYTHONPROFILEIMPORTTIME": "1", "FALSIFIABLE_CACHE": str(tmp_path / "cache")}
    first, again = (shop.contract("validate", "kernels") for _ in range(2))
    assert first.stdout == again.stdout != ""
    imported = [{line.rpartition("|")[2].strip() for line in one.stderr.splitlines()} for one in (first, again)]
    assert set(WHAT_READS) <= imported[0]
    assert not set(WHAT_READS) & imported[1]
    for one in imported:
        assert not {*WHAT_RUNS, *HEAVY} & one
