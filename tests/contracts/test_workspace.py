"""A folder of contracts and what their roles are bound to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from falsifiable.contracts import CheckSignature, find_root, load_workspace, shipped_contracts, shipped_schema
from falsifiable.contracts import workspace as workspace_module
from falsifiable.contracts.workspace import no_contract

Signatures = Mapping[str, CheckSignature]


@pytest.fixture
def root(tmp_path: Path, base: str) -> Path:
    """A workspace with two contracts, of which the second declares a command."""
    folder = tmp_path / "contracts" / "ship"
    folder.mkdir(parents=True)
    (folder / "b.yaml").write_text(base, encoding="utf-8")
    (folder / "a.yaml").write_text(
        base.replace("example", "trainer").replace("FALSIFY", "TRAIN").replace("artifact.sound", "command.exits")
        .replace("{artifact: export}", "{command: trainer}")
        .replace("export: {kind: model}", "trainer: {kind: command}"),
        encoding="utf-8",
    )  # fmt: skip
    return tmp_path


def test_contracts_are_found_in_order_and_roles_are_bound(root: Path, signatures: Signatures) -> None:
    (root / "artifacts.yaml").write_text(
        "export: out/model.gguf\n"
        "example/export: {path: out/other.gguf, sha256: " + "f" * 64 + "}\n"
        "trainer: {command: [python, train.py, '--init={export}', '{output}'], sources: [train.py]}\n",
        encoding="utf-8",
    )
    workspace = load_workspace(root, signatures)
    assert workspace.diagnostics == ()
    assert not workspace.shipped
    assert [file.path for file in workspace.files] == ["contracts/ship/a.yaml", "contracts/ship/b.yaml"]
    assert [one.contract for one in workspace.contracts] == ["trainer", "example"]
    contract = workspace.contract("example")
    assert contract is not None
    assert contract.path == root / "contracts/ship/b.yaml"
    assert workspace.contract("nothing") is None
    bound = workspace.binding("example", "export")
    assert bound is not None
    assert (bound.path, bound.sha256, bound.line) == ("out/other.gguf", "f" * 64, 2)
    assert (bound.role, bound.contract) == ("export", "example")
    general = workspace.binding("another", "export")
    assert general is not None
    assert (general.path, general.contract) == ("out/model.gguf", None)
    command = workspace.binding("trainer", "trainer")
    assert command is not None
    assert (command.command[:2], command.sources) == (("python", "train.py"), ("train.py",))
    assert workspace.binding("example", "nothing") is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("export: ../../etc/passwd", "1:9: error ARTIFACTS-PATH: export: a path that climbs out with '..'"),
        ("export: a/../../b", "1:9: error ARTIFACTS-PATH: export: a path that climbs out"),
        ("export: /etc/passwd", "1:9: error ARTIFACTS-PATH: export: an absolute path"),
        ("export: ~/model.gguf", "1:9: error ARTIFACTS-PATH: export: an absolute path"),
        ("export: 'C:\\model.gguf'", "1:9: error ARTIFACTS-PATH: export: an absolute path"),
        ("export: '\\\\host\\model'", "1:9: error ARTIFACTS-PATH: export: a backslash"),
        ('export: "a\\0b"', "1:9: error ARTIFACTS-PATH: export: a NUL character in the path: 'a\\x00b'"),
        ("export: ''", "1:9: error ARTIFACTS-PATH: export: an empty path"),
        ("trainer: {command: [a], sources: [x, ../y]}", "1:38: error ARTIFACTS-PATH: trainer: a path that climbs"),
        ("export: {path: /a}", "1:16: error ARTIFACTS-PATH: export: an absolute path"),
        ("export: {pth: a}", "1:10: error ARTIFACTS-UNKNOWN-KEY: unknown key 'pth' in this binding; did"),
        ("export: {path: a, command: [b]}", "1:1: error ARTIFACTS-ENTRY: export: both a path and a command"),
        ("export: {}", "1:1: error ARTIFACTS-ENTRY: export: neither a path nor a command"),
        ("trainer: {command: []}", "1:1: error ARTIFACTS-ENTRY: trainer: an empty command"),
        ("export: {path: a, sources: [b]}", "1:1: error ARTIFACTS-ENTRY: export: sources beside a path"),
        ("trainer: {command: [a], sha256: " + "f" * 64 + "}", "1:1: error ARTIFACTS-ENTRY: trainer: a sha256 beside"),
        ("trainer: {command: python train.py}", "1:20: error ARTIFACTS-TYPE: command: expected a list"),
        ("export: [a]", "1:9: error ARTIFACTS-TYPE: export: expected a text or a mapping, got a list"),
        ("export: 1.10", "1:9: error ARTIFACTS-TYPE: export: expected a text, got the number 1.10; quote it"),
        ("export: {path: a, sha256: abc}", "1:27: error ARTIFACTS-VALUE: sha256: expected 64 lower-case"),
        ("Export: a", "1:1: error ARTIFACTS-VALUE: key of the file: expected a role such as init"),
        ("a/b/c: a", "1:1: error ARTIFACTS-VALUE: key of the file: expected a role"),
        ("exprt: a", "1:1: warning ARTIFACTS-ROLE-UNKNOWN: no contract declares the role 'exprt'; did"),
        ("exampel/export: a", "1:1: warning ARTIFACTS-ROLE-UNKNOWN: no contract declares the role 'exampel/export'"),
        ("trainer: train.py", "1:1: error ARTIFACTS-KIND: trainer is bound to a path, but the contract trainer"),
        ("export: {command: [a]}", "1:1: error ARTIFACTS-KIND: export is bound to a command, but the contract"),
        ("trainer: {command: [a, '{exprt}']}", "1:24: error ARTIFACTS-PLACEHOLDER: trainer: '{exprt}' stands for no"),
        ("- a", "1:1: error YAML-NOT-A-MAPPING: expected a mapping"),
    ],
)  # fmt: skip
def test_broken_bindings(line: str, says: str, root: Path, signatures: Signatures) -> None:
    (root / "artifacts.yaml").write_text(line + "\n", encoding="utf-8")
    workspace = load_workspace(root, signatures)
    (said,) = map(str, workspace.diagnostics)
    assert said.startswith(f"artifacts.yaml:{says}")
    assert bool(workspace.bindings) == ("warning" in said)
    assert bool(workspace.errors) == ("error" in said)


def test_sound_bindings_survive_beside_broken_ones(root: Path, signatures: Signatures) -> None:
    (root / "artifacts.yaml").write_text("export: a\ntrainer: {command: 1}\n", encoding="utf-8")
    assert list(load_workspace(root, signatures).bindings) == ["export"]


def test_hundreds_of_broken_bindings_are_cut_short(root: Path, signatures: Signatures) -> None:
    (root / "artifacts.yaml").write_text("".join(f"r{n}: a\n" for n in range(500)), encoding="utf-8")
    rules = [one.rule for one in load_workspace(root, signatures).diagnostics]
    assert rules == ["ARTIFACTS-ROLE-UNKNOWN"] * 100 + ["YAML-MANY-FAULTS"]


def test_nothing_need_be_bound(root: Path, signatures: Signatures) -> None:
    (root / "artifacts.yaml").write_text("# export: out/model.gguf\n", encoding="utf-8")
    workspace = load_workspace(root, signatures)
    assert (workspace.bindings, workspace.diagnostics) == ({}, ())


def test_roles_of_a_broken_contract_are_still_known(root: Path, signatures: Signatures) -> None:
    broken = root / "contracts/ship/b.yaml"
    broken.write_text(broken.read_text("utf-8").replace("title", "titel"), encoding="utf-8")
    (root / "artifacts.yaml").write_text("export: a\n", encoding="utf-8")
    rules = {one.rule for one in load_workspace(root, signatures).diagnostics}
    assert rules == {"CONTRACT-UNKNOWN-KEY", "CONTRACT-MISSING-KEY"}


def test_a_file_that_is_passed_over_is_named(root: Path, signatures: Signatures) -> None:
    (root / "contracts/ship/c.yml").write_text("contract: c\n", encoding="utf-8")
    (said,) = map(str, load_workspace(root, signatures).diagnostics)
    assert (
        said == "contracts/ship/c.yml:1:1: warning CONTRACT-FILE-SUFFIX: a .yml file is not read; rename it to c.yaml"
    )
    (root / "contracts/ship/c.yml").rename(root / "contracts/ship/c.YAML")
    (said,) = map(str, load_workspace(root, signatures).diagnostics)
    assert "c.YAML:1:1: warning CONTRACT-FILE-SUFFIX: a .YAML file is not read; rename it to c.yaml" in said


def test_a_file_that_is_no_contract_is_a_warning() -> None:
    assert str(no_contract("mkdocs.yml")).startswith("mkdocs.yml:1:1: warning CONTRACT-FILE-NEITHER: ")


def test_the_root_is_the_nearest_folder_with_contracts_or_bindings(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    deep = root / "src" / "package" / "contracts"  # a Python package of that name is no workspace
    deep.mkdir(parents=True)
    assert find_root(deep) == root.resolve()
    (root / "src" / "artifacts.yaml").write_text("# nothing\n", encoding="utf-8")
    assert find_root(deep) == (root / "src").resolve()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert find_root(elsewhere) == elsewhere.resolve()


def test_without_contracts_the_shipped_ones_are_used(
    tmp_path: Path, signatures: Signatures, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "a.yaml").write_text(base, encoding="utf-8")
    monkeypatch.setattr(workspace_module, "shipped_contracts", lambda: shipped)
    empty = tmp_path / "empty"
    empty.mkdir()
    workspace = load_workspace(empty, signatures)
    assert workspace.shipped
    assert [file.path for file in workspace.files] == [(shipped / "a.yaml").as_posix()]
    assert not load_workspace(empty, signatures, shipped).shipped


def test_the_shipped_contracts_are_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped_contracts().is_dir()
    assert shipped_schema().parent == shipped_contracts()
    package = tmp_path / "site-packages" / "falsifiable"
    monkeypatch.setattr("importlib.resources.files", lambda _: package)
    with pytest.raises(FileNotFoundError, match="reinstall"):
        shipped_contracts()
    (package / "shipped" / "contracts").mkdir(parents=True)
    assert shipped_contracts() == package / "shipped" / "contracts"


def test_faults_stay_in_the_order_of_files(root: Path, signatures: Signatures, faults: Callable[..., object]) -> None:
    for path in (root / "contracts").rglob("*.yaml"):
        path.write_text(path.read_text("utf-8") + "extra: 1\n", encoding="utf-8")
    paths = [one.path for one in load_workspace(root, signatures).diagnostics]
    assert paths == ["contracts/ship/a.yaml", "contracts/ship/b.yaml"]
