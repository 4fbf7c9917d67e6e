"""Which artifact a role is bound to: artifacts.yaml, then a run, then options, the last winning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.contracts import Binding, load_workspace
from falsifiable.contracts.model import ArtifactDeclaration
from falsifiable.contracts.signature import CheckSignature
from falsifiable.samples import write_specimens
from falsifiable.validation.binding import BindingError, bind, check_options, filled_command

CONTRACT = """\
contract: shop
version: 1.0.0
title: What the shop sells
artifacts:
  run: {kind: run}
  trained: {kind: model}
  sign: {kind: tokenizer}
  trainer: {kind: command}
falsifiers: []
"""
OTHER = """\
contract: stall
version: 1.0.0
title: A contract without a run
artifacts:
  trained: {kind: model}
falsifiers: []
"""
ARTIFACTS = """\
run: somewhere
trained: models/of-all
shop/trained: models/of-the-shop
trainer: {command: [python, -m, trainer, --init, "{trained}", --output, "{output}"]}
"""


@pytest.fixture
def workspace(tmp_path: Path):
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/shop.yaml").write_text(CONTRACT)
    (tmp_path / "contracts/stall.yaml").write_text(OTHER)
    (tmp_path / "artifacts.yaml").write_text(ARTIFACTS)
    write_specimens(tmp_path)
    signatures: dict[str, CheckSignature] = {}
    loaded = load_workspace(tmp_path, signatures)
    assert not loaded.errors
    return loaded


def test_the_contracts_own_binding_wins(workspace):
    shop, stall = workspace.contract("shop"), workspace.contract("stall")
    assert bind(workspace, shop)["trained"].path == workspace.root / "models/of-the-shop"
    assert bind(workspace, stall)["trained"].path == workspace.root / "models/of-all"


def test_a_role_that_nothing_names_is_unbound_and_says_how_to_bind_it(workspace):
    role = bind(workspace, workspace.contract("shop"))["sign"]
    assert role.path is None
    assert role.unbound == "role sign is not bound; name it in artifacts.yaml, or pass --artifact sign=PATH"


def test_a_run_replaces_all_files_so_that_two_runs_never_mix(workspace):
    run = workspace.root / "run"
    roles = bind(workspace, workspace.contract("shop"), run=run)
    assert roles["run"].path == run
    assert roles["trained"].path == run / "finetuned"
    assert "names no artifact sign" in roles["sign"].unbound


def test_a_contract_without_a_run_keeps_its_bindings(workspace):
    stall = workspace.contract("stall")
    assert bind(workspace, stall, run=workspace.root / "run") == bind(workspace, stall)


def test_a_record_that_cannot_be_read_leaves_roles_unbound_with_the_reason(workspace, tmp_path):
    roles = bind(workspace, workspace.contract("shop"), run=tmp_path / "nowhere")
    assert "the run record could not be read" in roles["trained"].unbound


def test_a_second_run_is_only_compared_with_where_it_is_named(workspace, tmp_path):
    """What artifacts.yaml says of a second run was said of the first one there, not of the run given."""
    shop = workspace.contract("shop")
    compared = replace(shop, artifacts={**shop.artifacts, "again": ArtifactDeclaration("run")})
    known = replace(workspace, bindings={**workspace.bindings, "again": Binding("again", "again")})
    roles = bind(known, compared, run=workspace.root / "run")
    assert roles["run"].path == workspace.root / "run"
    assert roles["again"].path is None
    assert roles["again"].unbound.endswith("is to be compared with a second run; pass --artifact again=FOLDER")
    assert bind(known, compared, run=workspace.root / "run", options={"again": tmp_path})["again"].path == tmp_path


def test_options_win_and_may_be_limited_to_a_contract(workspace, tmp_path):
    options = {"stall/trained": tmp_path, "sign": tmp_path}
    shop = bind(workspace, workspace.contract("shop"), run=workspace.root / "run", options=options)
    assert shop["sign"].path == tmp_path
    assert shop["trained"].path != tmp_path
    assert bind(workspace, workspace.contract("stall"), options=options)["trained"].path == tmp_path


def test_an_option_for_no_role_or_no_file_is_refused(workspace, tmp_path):
    with pytest.raises(BindingError, match="no contract has a role 'trainde'"):
        check_options(workspace, {"trainde": tmp_path})
    with pytest.raises(BindingError, match="there is no such file or folder"):
        check_options(workspace, {"trained": tmp_path / "nowhere"})


def test_a_command_is_filled_with_what_is_bound(workspace):
    shop = workspace.contract("shop")
    roles = bind(workspace, shop, run=workspace.root / "run")
    assert filled_command(roles["trainer"], roles)[4] == str(workspace.root / "run/finetuned")
    assert filled_command(roles["trainer"], roles)[-1] == "{output}", "a fresh folder, when it runs"


def test_a_command_that_needs_an_absent_file_is_unbound(workspace):
    role = bind(workspace, workspace.contract("shop"))["trainer"]
    assert role.command == ()
    assert "which is absent" in role.unbound
