"""What is kept of contracts of ``pv``: a cached verdict is the one that reading comes to, whatever the cache holds."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import Diagnostic
from falsifiable.contracts.places import contract_paths
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.pv.reader import pv_file
from falsifiable.contracts.yaml_reader import read_yaml
from falsifiable.validation import lint_cache
from falsifiable.validation.cache import Cache
from falsifiable.validation.lint_cache import LintCache

SOFTMAX = """\
metadata:
  version: "1.0.0"
  description: Softmax
  references: [Bridle (1990), docs/softmax.md]
  depends_on: [exp-v1]
equations: {softmax: {formula: exp(x) / sum(exp(x))}}
proof_obligations:
  - {id: SM-INV-001, type: invariant, property: sums to 1, lean: {theorem: T, module: P.Softmax, status: proved}}
falsification_tests:
  - {id: FALSIFY-SM-001, rule: sum, prediction: sums to 1, test: test_softmax.py::test_sum, if_fails: no maximum}
  - {id: FALSIFY-SM-002, rule: order, prediction: stays, test: test_order, if_fails: an index, status: DISCHARGED}
kani_harnesses: [{id: KANI-SM-001, obligation: SM-INV-001, bound: 8}]
qa_gate: {id: F-SM-001, name: Softmax}
verification_summary: {total_obligations: 2}
"""
EXP = SOFTMAX.replace("depends_on: [exp-v1]", "depends_on: [softmax-v1]")
OURS = "contract: ours\nversion: 1.0.0\ntitle: A claim of ours\nartifacts: {}\nfalsifiers: []\n"
TEXTS = (SOFTMAX, EXP, SOFTMAX.replace("SM-", "EX-"), OURS, "metadata: [\n", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with two contracts, and a cache beside them."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "softmax-v1.yaml").write_text(SOFTMAX)
    (tmp_path / "contracts" / "exp-v1.yaml").write_text(EXP)
    return tmp_path


def cached(folder: Path) -> list[Diagnostic]:
    """All that is reported of the contracts in ``folder``, read through the cache beside them."""
    known = LintCache(Cache(folder / "cache"))
    files = [file for path in contract_paths(folder / "contracts") if (file := known.read(path)) is not None]
    known.keep()
    return [one for file in check_pv(files, folder) for one in file.diagnostics]


def uncached(folder: Path) -> list[Diagnostic]:
    """The same without a cache."""
    read = ((path, read_yaml(path, shown=path.as_posix())) for path in contract_paths(folder / "contracts"))
    files = [pv_file(file, path) for path, file in read if file.root is None or speaks_pv(file.root)]
    return [one for file in check_pv(files, folder) for one in file.diagnostics]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A contract in which some places were overwritten."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(0, 3))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        text = (
            text[:at]
            + draw(st.sampled_from(["", "x", "\n", ": ", "[", "'", "- ", "&a ", "status: DONE\n"]))
            + (text[at + length :])
        )
    return text.encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a.yaml", "b.yaml", "c/d.yaml"]), mutated(), st.booleans()), max_size=6))
def test_cached_is_uncached_whatever_changes(steps: list[tuple[str, bytes, bool]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "contracts" / "c").mkdir(parents=True)
        for file, data, written in steps:
            (folder / "contracts" / file).write_bytes(data)
            if written:
                (folder / "test_softmax.py").write_text("def test_sum(): ...\n\n\ndef test_order(): ...\n")
            else:
                (folder / "test_softmax.py").unlink(missing_ok=True)
            assert cached(folder) == cached(folder) == uncached(folder)


def test_what_has_not_changed_is_not_read_as_yaml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cached(folder)
    monkeypatch.setattr(lint_cache, "_looked_at", None)  # reading would fail
    assert cached(folder) == before


def test_other_code_of_ours_reads_everything_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(folder)
    monkeypatch.setattr(lint_cache, "_code_digest", lambda: "other")
    monkeypatch.setattr(lint_cache, "_looked_at", lambda source, shown: None)
    assert cached(folder) == []


def test_what_a_file_leans_on_is_looked_at_anew(folder: Path) -> None:
    before = {one.rule for one in cached(folder)}
    assert {"PV-TEST-UNKNOWN", "PV-TEST-ABSENT", "PV-REFERENCE-UNKNOWN", "PV-STATUS-TYPED"} <= before
    (folder / "test_softmax.py").write_text("def test_sum(): ...\n\n\ndef test_order(): ...\n")
    (folder / "docs").mkdir()
    (folder / "docs" / "softmax.md").write_text("")
    (folder / "P").mkdir()
    (folder / "P" / "Softmax.lean").write_text("")
    after = cached(folder)
    assert {"PV-TEST-UNKNOWN", "PV-TEST-ABSENT", "PV-REFERENCE-UNKNOWN"}.isdisjoint(one.rule for one in after)
    assert after == uncached(folder)


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / lint_cache.ROOM).rglob("*.json"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"PV-", b"PW-", 1),
        lambda data: b"[" * 100_000,
        lambda data: data[:64] + b"\n{}",
    ],
)
def test_a_damaged_entry_is_none(folder: Path, damage) -> None:
    before = cached(folder)
    (entry,) = kept(folder)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert entry.read_bytes() != whole
    assert cached(folder) == before
    assert entry.read_bytes() == whole


@pytest.mark.parametrize("refusal", ["a file in its place", "a name that cannot be a folder"])
def test_a_folder_that_cannot_be_written_to_forgets(folder: Path, refusal: str) -> None:
    before = uncached(folder)
    if refusal == "a file in its place":
        (folder / "cache").write_text("")
    else:
        (folder / "cache").symlink_to("/dev/null/cache")
    assert cached(folder) == cached(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_read_and_not_written(folder: Path) -> None:
    before = cached(folder)
    (folder / "contracts" / "exp-v1.yaml").write_text(SOFTMAX)
    for parent in kept(folder)[0].parents[:2]:
        parent.chmod(0o500)
    assert cached(folder) == uncached(folder) != before


def test_files_that_are_gone_are_forgotten(folder: Path) -> None:
    cached(folder)
    (folder / "contracts" / "exp-v1.yaml").unlink()
    (folder / "contracts" / "softmax-v1.yaml").write_text(EXP)
    cached(folder)
    (entry,) = kept(folder)
    assert b"exp-v1.yaml" not in entry.read_bytes()


def test_what_was_kept_is_trimmed_like_the_rest_of_the_cache(folder: Path) -> None:
    abandoned = folder / "cache" / lint_cache.ROOM / "00" / "tmp1-2-3"
    abandoned.parent.mkdir(parents=True)
    abandoned.write_text("")
    os.utime(abandoned, (0, 0))
    cached(folder)
    assert not abandoned.exists()


def _crowd(folder: Path) -> list[Diagnostic]:
    found: list[list[Diagnostic]] = [cached(folder) for _ in range(8)]
    assert all(one == found[0] for one in found)
    return found[0]


def test_many_processes_may_keep_the_same_folder(folder: Path) -> None:
    expected = uncached(folder)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_crowd, [folder] * 4) == [expected] * 4
    assert not [one for one in (folder / "cache").rglob("*") if one.name.startswith("tmp")]


def _reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """How many files of contracts are read, the first time and the second."""
    read: list[Path] = []
    of = lint_cache.read_regular
    monkeypatch.setattr(lint_cache, "read_regular", lambda path, most: read.append(path) or of(path, most))
    for _ in range(2):
        read.clear()
        cached(folder)
        yield len(read)


@pytest.mark.parametrize("count", [1, 10, 40])
def test_each_file_is_read_once(folder: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2, count):
        (folder / "contracts" / f"softmax-v{number}.yaml").write_text(SOFTMAX.replace("SM-", f"SM{number}-"))
    expected = len(contract_paths(folder / "contracts"))
    assert list(_reads(folder, monkeypatch)) == [expected, expected]
