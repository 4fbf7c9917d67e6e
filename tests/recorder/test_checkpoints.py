"""A recorder that judges checkpoints as they are saved stops a run that is provably broken, and says why."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from falsifiable.artifacts import open_run
from falsifiable.recorder import ProvablyBroken, RunRecorder
from falsifiable.samples import write_specimens

pytest.importorskip("safetensors")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint against which nothing is to be said."""
    return write_specimens(tmp_path_factory.mktemp("specimens"))["run"] / "finetuned"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))


def recorder(folder: Path, **options: Any) -> RunRecorder:
    asked = {"validate_checkpoints": True, "repository": folder.parent, **options}
    return RunRecorder(folder, command=[], seed=0, device="cpu", dtype="float32", data="d", steps=9, **asked)


def with_nan(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "down_proj" in name)
    weights[name][0, 3] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def without_a_tensor(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights[next(name for name in weights if "up_proj" in name)]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def torn(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-99])


def test_a_sound_checkpoint_lets_the_run_go_on(sound: Path, tmp_path: Path) -> None:
    with recorder(tmp_path / "run") as run:
        run.checkpoint(Path(shutil.copytree(sound, tmp_path / "run" / "step-3")), 3)
        run.log("finetune", 4, loss=1.0)
    opened = open_run(tmp_path / "run")
    assert opened.field("end_reason") == "completed"
    (saved,) = opened.field("checkpoints")
    assert saved["verdicts"] == {"held": 8}
    assert "falsified" not in saved


@pytest.mark.parametrize(
    ("breaks", "check"),
    [(with_nan, "weights.finite"), (without_a_tensor, "packaging.tensor-inventory"), (torn, "artifact.sound")],
    ids=["nan", "tensor missing", "torn"],
)
def test_a_broken_checkpoint_ends_the_run_there(
    breaks: Callable[[Path], None], check: str, sound: Path, tmp_path: Path
) -> None:
    def train() -> None:
        with recorder(tmp_path / "run") as run:
            run.checkpoint(Path(shutil.copytree(sound, tmp_path / "run" / "step-3")), 3)
            broken = Path(shutil.copytree(sound, tmp_path / "run" / "step-6"))
            breaks(broken)
            run.checkpoint(broken, 6)
            pytest.fail("the run went on")

    with pytest.raises(ProvablyBroken, match=check) as caught:
        train()
    opened = open_run(tmp_path / "run")
    assert opened.field("end_reason") == "failed"
    assert opened.field("error") == f"ProvablyBroken: {caught.value}"
    assert "of step 6 is falsified by" in str(caught.value)
    first, second = opened.field("checkpoints")
    assert "falsified" not in first
    assert check in {one["check"] for one in second["falsified"]}


def test_of_bare_weights_only_what_they_can_show_is_asked(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weights = torch.ones(4, 4)

    def train() -> None:
        with recorder(tmp_path / "run") as run:
            for step, value in ((1, 2.0), (2, float("inf"))):
                weights[1, 1] = value
                torch.save({"weight": weights}, tmp_path / "run" / f"step-{step}.pt")
                run.checkpoint(tmp_path / "run" / f"step-{step}.pt", step)

    with pytest.raises(ProvablyBroken, match=r"weights\.finite"):
        train()
    first, second = open_run(tmp_path / "run").field("checkpoints")
    assert first["verdicts"] == {"held": 2}
    assert [one["check"] for one in second["falsified"]] == ["weights.finite"]


CONTRACT = """\
contract: shop
version: 1.0.0
title: What this shop demands of a checkpoint
artifacts:
  model: {kind: model}
falsifiers:
  - {id: FALSIFY-SHOP-001, claim: it is as wide as ordered, check: field, on: {model: model},
     with: {path: hidden_size, criterion: {equals: 4096}}}
"""


def test_a_contract_of_the_workspace_can_be_asked_by_name(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "shop.yaml").write_text(CONTRACT)
    asked = recorder(tmp_path / "run", validate_checkpoints=["shop"])
    with pytest.raises(ProvablyBroken, match="hidden_size is 56, expected equal to 4096"), asked as run:
        run.checkpoint(Path(shutil.copytree(sound, tmp_path / "run" / "step-3")), 3)


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (CONTRACT.replace("contract: shop", "contract: other"), "no contract 'shop'.*there are other"),
        (CONTRACT.replace("kind: model}\n", "kind: model}\n  base: {kind: model}\n"), "must have exactly one"),
        (CONTRACT.replace("version", "verzion"), "cannot be validated: .*'version' is missing"),
    ],
)
def test_a_contract_that_cannot_be_asked_is_refused_before_training(contract: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "shop.yaml").write_text(contract)
    with pytest.raises(ValueError, match=said), recorder(tmp_path / "run", validate_checkpoints=["shop"]):
        pytest.fail("the training began")
    assert not (tmp_path / "run").exists()
