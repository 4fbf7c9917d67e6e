"""Cases 100 to 107: files that are none, that change, that may not be read; processes that die."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from falsifiable.artifacts import open_model
from tests.artifacts.formats.test_safetensors import ONE, safetensors
from tests.bad_inputs.confined import Done, unmeasured

NAMES = ("model.safetensors", "model.gguf", "tokenizer.json", "manifest.json", "run.yaml")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        one.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path itself may be too long for a socket
        os.close(folder)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(a_pipe, "a named pipe", marks=pytest.mark.bad_input(100)),
        pytest.param(a_socket, "a socket", marks=pytest.mark.bad_input(100)),
        pytest.param(a_device, "a character device", marks=pytest.mark.bad_input(100)),
        pytest.param(a_folder, "", marks=pytest.mark.bad_input(100)),
    ],
)
def test_what_is_no_file_is_refused_at_once(
    make: Callable[[Path], None], said: str, name: str, refused: Callable[..., Done], tmp_path: Path
) -> None:
    make(tmp_path / name)
    refused(tmp_path / name, 2, said)


@pytest.mark.bad_input(100)
@pytest.mark.parametrize("make", [a_pipe, a_device, a_folder])
@pytest.mark.parametrize("name", ["contracts/a.yaml", "artifacts.yaml"])
def test_a_contract_or_a_binding_that_is_no_file(
    make: Callable[[Path], None], name: str, confined: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "contracts").mkdir()
    make(tmp_path / name)
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert name in done.err


@pytest.mark.bad_input(101)
@pytest.mark.parametrize("target", ["nowhere", "model.gguf"], ids=["to nothing", "to itself"])
def test_a_link_that_leads_to_no_file_is_a_path_that_does_not_exist(
    target: str, confined: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "model.gguf").symlink_to(target)
    done = confined("inspect", "model.gguf")
    assert done.code in (2, 4)
    assert "model.gguf" in done.err


@pytest.mark.bad_input(101)
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_link_out_of_a_model_folder_is_refused(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(safetensors(ONE, bytes(8)))
    (folder / "tokenizer.json").write_text("{}")
    shutil.move(folder / name, tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    refused(folder, 1, "is a symbolic link out of the folder")


@pytest.mark.bad_input(102)
def test_a_file_that_changes_after_it_was_opened_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for change in (
        b"",
        safetensors(ONE, bytes(7)),
        safetensors(ONE, b"\xff" * 8),
        safetensors(ONE, bytes(8)) + b"more",
    ):
        path.write_bytes(safetensors(ONE, bytes(8)))
        model = open_model(path)
        time.sleep(0.02)  # the clock of a file system is that coarse
        path.write_bytes(change)
        for read in (lambda: model.digest, model.tensor("weight").numpy):  # noqa: B023 - called in this round
            with pytest.raises(Exception, match="changed while it was read"):
                read()


CHANGES = '''
    """Checks under which the file changes that they read."""
    from falsifiable import Model, Verdict, falsifier

    @falsifier("shop.rewritten")
    def rewritten(model: Model) -> Verdict:
        """Reads a tensor of a file that was rewritten after it was opened."""
        path = next(path for path in model.files if path.suffix == ".safetensors")
        path.write_bytes(path.read_bytes()[:-4])
        return Verdict.of(model.tensor("final_norm").numpy().all(), examined=1)

    @falsifier("shop.cut-under-the-map")
    def cut_under_the_map(model: Model) -> Verdict:
        """Reads mapped memory of a file that was cut after it was mapped."""
        values = model.tensor("final_norm").numpy()
        next(path for path in model.files if path.suffix == ".safetensors").write_bytes(b"")
        return Verdict.of(bool(values.sum() > 0), examined=1)
'''


def judged(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    return {one["falsifier"]: one for of in json.loads(done.stdout)["contracts"] for one in of["judgements"]}


def with_check(shop: Any, name: str) -> None:
    shop.plugin(CHANGES)
    contract = shop.root / "contracts/shop.yaml"
    claim = f"  - {{id: FALSIFY-SHOP-011, claim: C, check: {name}, on: {{model: trained}}}}\n"
    contract.write_text(contract.read_text() + claim)


@pytest.mark.bad_input(102)
def test_a_check_whose_file_was_rewritten_is_inconclusive_and_ends_2(shop: Any) -> None:
    with_check(shop, "shop.rewritten")
    done = shop.contract("validate", "--format", "json")
    verdict = judged(done)["FALSIFY-SHOP-011"]["verdict"]
    assert (done.returncode, verdict["outcome"]) == (2, "inconclusive"), done.stderr
    assert "changed while it was read" in verdict["found"]


@pytest.mark.bad_input(103)
def test_a_file_cut_under_the_memory_map_costs_one_verdict(shop: Any) -> None:
    with_check(shop, "shop.cut-under-the-map")
    done = shop.contract("validate", "--format", "json")
    one = judged(done)["FALSIFY-SHOP-011"]
    assert (done.returncode, one["cause"]) == (2, "crashed"), done.stderr
    assert "SIGBUS" in one["verdict"]["found"]


as_an_ordinary_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


@pytest.mark.bad_input(104)
@as_an_ordinary_user
def test_a_file_that_may_not_be_read_is_named(refused: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(ONE, bytes(8)))
    path.chmod(0)
    refused(path, 2, "permission denied")


def evidence_of(shop: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (shop.root / "spec/shop/evidence").iterdir()}


@pytest.mark.bad_input(104)
def test_a_disk_that_is_full_leaves_the_evidence_as_it_was(shop: Any) -> None:
    """A limit on the size of files is met at the same call as a full disk."""
    assert shop.contract("record").returncode == 0
    before, spec = evidence_of(shop), (shop.root / "spec/shop/spec.md").read_bytes()
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    full = subprocess.run(
        [sys.executable, "-m", "falsifiable", "record"],
        cwd=shop.root, env={**unmeasured(), **shop.environment}, capture_output=True, text=True, timeout=120,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
    )  # fmt: skip
    assert full.returncode == 2, full.stdout + full.stderr
    assert "Traceback" not in full.stderr
    assert "spec/shop/evidence" in full.stderr
    assert evidence_of(shop) == before
    assert (shop.root / "spec/shop/spec.md").read_bytes() == spec


@pytest.mark.bad_input(104)
def test_a_folder_that_cannot_be_made_is_named(shop: Any) -> None:
    (shop.root / "spec/shop/evidence").write_text("a file where the folder should be")
    done = shop.contract("record")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "spec/shop/evidence" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.bad_input(105)
def test_two_validations_at_once_find_the_same(shop: Any) -> None:
    command = [sys.executable, "-m", "falsifiable", "validate", "--format", "json"]
    environment = {**os.environ, **shop.environment}
    running = [
        subprocess.Popen(command, cwd=shop.root, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    found = [json.loads(one.communicate(timeout=120)[0]) for one in running]
    outcomes = [
        {one["falsifier"]: one["verdict"]["outcome"] for one in report["contracts"][0]["judgements"]}
        for report in found
    ]
    assert [one.returncode for one in running] == [0, 0]
    assert outcomes[0] == outcomes[1] == dict.fromkeys(outcomes[0], "held")


ENDLESS = '''
    """A check that never ends, and says which process runs it."""
    import os, pathlib, time
    from falsifiable import Verdict, falsifier

    @falsifier("shop.endless")
    def endless() -> Verdict:
        """Sleeps."""
        note = pathlib.Path("{note}")
        note.with_suffix(".new").write_text(str(os.getpid()))
        note.with_suffix(".new").rename(note)
        time.sleep(600)
        return Verdict.of(True, examined=1)
'''


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until and not condition():
        time.sleep(0.02)
    return condition()


@pytest.mark.bad_input(106)
def test_a_validation_told_to_end_ends_130_and_takes_its_workers_along(shop: Any) -> None:
    note = shop.root / "running"
    shop.plugin(ENDLESS.format(note=note))
    shop.add_falsifier("FALSIFY-SHOP-009", "shop.endless")
    running = subprocess.Popen(
        [sys.executable, "-m", "falsifiable", "validate"],
        cwd=shop.root, env={**os.environ, **shop.environment}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert wait_until(note.exists), "the check was never started"
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said.splitlines()[-1] == "contract: interrupted; what had finished is kept"
    assert wait_until(lambda: not is_alive(int(note.read_text()))), "the worker went on sleeping"
