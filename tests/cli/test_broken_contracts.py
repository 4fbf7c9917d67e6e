"""Every broken contract ends the command with 4, its place and its rule, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.cli import run
from tests.contracts.test_broken_contracts import BROKEN

OF_NO_SHIPPED_CHECK = {"missing parameter"}
"""What can only be shown with a check that exists in the tests of the contracts room."""


@pytest.mark.parametrize("name", sorted(set(BROKEN) - OF_NO_SHIPPED_CHECK))
def test_it_ends_4_and_names_file_line_and_column(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = BROKEN[name]
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/broken.yaml").write_bytes(broken.raw)
    monkeypatch.chdir(tmp_path)
    code = run(["validate"])
    printed = capsys.readouterr()
    faulty = any(f" error {broken.rule}" in line for line in printed.err.splitlines())
    warned = any(f" warning {broken.rule}" in line for line in printed.err.splitlines())
    assert faulty or warned, printed.err
    assert f"contracts/broken.yaml:{broken.place}:" in printed.err
    assert "Traceback" not in printed.err
    if faulty:
        assert (code, printed.out) == (4, "")
