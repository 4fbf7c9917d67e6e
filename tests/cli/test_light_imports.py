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
    shop.contract("validate", "--no-run")  # the catalogue of checks is read once and kept
    shop.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    done = shop.contract(*arguments)
    nothing_recorded = arguments == ["evidence", "log"]
    assert done.returncode == (3 if nothing_recorded else 0), done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "falsifiable" in imported
    assert imported & set(HEAVY) == set()
