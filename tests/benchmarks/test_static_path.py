"""The page about reading contracts is measured and written; what is fast is for a machine that does nothing else."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from benchmarks import static_path
from benchmarks.static_path import main, pv_schema, varied
from falsifiable.contracts.pv.reader import read_pv

EXP = """\
metadata: {version: "1.0", description: exp, references: [Bridle (1990)]}
equations: {exp: {formula: exp(x)}}
proof_obligations: [{type: invariant, property: it is positive, tolerance: 0.1}]
falsification_tests: [{id: FALSIFY-EXP-001, rule: sign, prediction: it is positive, if_fails: an overflow}]
kani_harnesses: [{id: KANI-EXP-001, obligation: EXP-INV-001, bound: 8, strategy: exhaustive}]
qa_gate: {id: F-EXP-001, name: exp}
"""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in ("exp", "log"):
        (folder / f"{name}-v1.yaml").write_text(EXP.replace("EXP", name.upper()))
    return folder


def test_the_page_is_written(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(static_path, "PAGE", tmp_path / "STATIC.md")
    assert main(["--samples", str(samples), "--rounds", "1", "--largest", "10", "--write"]) == 0
    written = (tmp_path / "STATIC.md").read_text()
    assert "| first | " in written
    assert "| 10 | " in written
    assert written.strip() == capsys.readouterr().out.strip()


def test_without_the_samples_it_says_which_it_wants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--samples", str(tmp_path / "absent")]) == 2
    assert "--samples" in capsys.readouterr().err


def test_no_two_contracts_that_are_made_have_one_id(samples: Path, tmp_path: Path) -> None:
    made = [read_pv(path) for path in sorted(varied(samples, tmp_path, 7).iterdir())]
    ids = [name for one in made for name, _, _ in one.lint.ids]
    assert len(made) == 7
    assert len(set(ids)) == len(ids) == 14
    assert all(one.sound for one in made)


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        (("", ""), True),
        (("bound: 8", "bound: eight"), False),
        (("exhaustive", "guess"), False),
        (("equations: ", "equation: "), False),
        (("rule: sign, ", ""), False),
        (("tolerance: 0.1", "tolerance: null"), True),
    ],
)
def test_the_peer_is_given_the_shape_that_our_reader_knows(change: tuple[str, str], valid: bool) -> None:
    text = EXP.replace(*change) if change[0] else EXP
    judged = jsonschema.Draft7Validator(pv_schema()).is_valid(yaml.safe_load(text))
    assert judged == read_pv(text.encode()).sound == valid
