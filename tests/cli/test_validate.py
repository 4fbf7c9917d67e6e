"""``contract validate``: what a person sees, and the exit code a program reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MISBEHAVING = '''
    """Checks that crash, hang and eat memory, and one that behaves."""
    import ctypes, time
    from falsifiable import Verdict, falsifier

    @falsifier("shop.segfault")
    def segfault() -> Verdict:
        """Reads address zero."""
        ctypes.string_at(0)
        return Verdict.of(True, examined=1)

    @falsifier("shop.sleep")
    def sleep() -> Verdict:
        """Never ends."""
        time.sleep(600)
        return Verdict.of(True, examined=1)

    @falsifier("shop.allocate")
    def allocate() -> Verdict:
        """Allocates without end."""
        kept = []
        while True:
            kept.append(bytearray(1 << 24))
'''


def outcomes(done) -> dict[str, str]:
    """Falsifier -> outcome, from a JSON report."""
    contracts = json.loads(done.stdout)["contracts"]
    return {one["falsifier"]: one["verdict"]["outcome"] for contract in contracts for one in contract["judgements"]}


def test_what_holds_ends_0_and_is_known_the_second_time(shop):
    first, second = shop.contract("validate"), shop.contract("validate")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert "3 falsifiers: 3 held, 0 falsified, 0 inconclusive; 3 judged now" in first.stdout
    assert "0 judged now" in second.stdout


def test_what_is_falsified_ends_1_and_says_what_where_and_why(shop):
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    done = shop.contract("validate")
    assert done.returncode == 1
    assert done.stdout.startswith("FALSIFIED FALSIFY-SHOP-003 (shop, check field)")
    assert "equal to 57" in done.stdout
    assert "trained = run/finetuned" in done.stdout
    assert "next:     contract explain field" in done.stdout


def test_an_absent_artifact_is_inconclusive_and_only_strict_minds(shop):
    shop.edit("artifacts.yaml", "run/finetuned\n", "run/not-there\n")
    done = shop.contract("validate", "--format", "json")
    assert set(outcomes(done).values()) == {"inconclusive"}
    assert "run/not-there does not exist" in done.stdout
    assert done.returncode == 0
    assert shop.contract("validate", "--strict").returncode == 3


def test_bytes_of_no_known_format_end_2(shop):
    (shop.root / "weights.bin").write_bytes(b"\x01\x02\x03\x04" * 100)
    done = shop.contract("validate", "--artifact", "trained=weights.bin")
    assert done.returncode == 2
    assert "weights.bin" in done.stdout


def test_a_cut_file_is_falsified_and_what_rests_on_it_is_inconclusive(shop):
    weights = shop.root / "run/finetuned/model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    done = shop.contract("validate", "--format", "json")
    assert done.returncode == 1
    assert outcomes(done) == {
        "FALSIFY-SHOP-001": "inconclusive",
        "FALSIFY-SHOP-002": "inconclusive",
        "FALSIFY-SHOP-003": "inconclusive",
        "ARTIFACT-SOUND-TRAINED": "falsified",
    }


def test_a_pinned_role_accepts_no_other_bytes(shop):
    shop.edit(
        "artifacts.yaml",
        "tokenizer: run/finetuned/tokenizer.json",
        f"tokenizer: {{path: run/finetuned/tokenizer.json, sha256: {'ab' * 32}}}",
    )
    done = shop.contract("validate")
    assert done.returncode == 2
    assert "artifacts.yaml pins the role tokenizer" in done.stdout


@pytest.mark.bad_input(103)
def test_a_crash_a_hang_and_a_flood_leave_the_others_alone(shop):
    shop.plugin(MISBEHAVING)
    for number, name in enumerate(("segfault", "sleep", "allocate"), start=11):
        shop.add_falsifier(f"FALSIFY-SHOP-{number:03}", f"shop.{name}")
    done = shop.contract("validate", "--time-limit", "10", "--memory-limit", "512", "--format", "json")
    assert done.returncode == 2, done.stderr
    found = {one["falsifier"]: one for one in json.loads(done.stdout)["contracts"][0]["judgements"]}
    assert [found[f"FALSIFY-SHOP-{number:03}"]["verdict"]["outcome"] for number in (1, 2, 3)] == ["held"] * 3
    assert [found[f"FALSIFY-SHOP-{number:03}"]["cause"] for number in (11, 12, 13)] == ["crashed", "time", "memory"]
    assert "SIGSEGV" in found["FALSIFY-SHOP-011"]["verdict"]["found"]
    assert "time limit of 10 seconds" in found["FALSIFY-SHOP-012"]["verdict"]["found"]
    assert "memory limit of 512 MiB" in found["FALSIFY-SHOP-013"]["verdict"]["found"]


def test_a_broken_contract_ends_4_with_its_place_and_nothing_runs(shop):
    shop.edit("contracts/shop.yaml", "check: weights.finite", "check: weights.finit")
    done = shop.contract("validate")
    assert done.returncode == 4
    assert done.stdout == ""
    assert "contracts/shop.yaml:16:12: error CONTRACT-CHECK-UNKNOWN" in done.stderr
    assert "weights.finite" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--artifact", "trainde=run"], "no contract has a role 'trainde'"),
        (["--artifact", "trained=nowhere"], "there is no such file or folder"),
        (["--artifact", "trained"], "should read ROLE=PATH"),
        (["--run", "nowhere"], "does not exist"),
        (["shpo"], "there is no contract 'shpo'"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_ends_4_and_says_what_is_accepted(shop, arguments, said):
    done = shop.contract("validate", *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.bad_input(29, 88)
def test_nothing_to_examine_ends_3(shop):
    shop.edit("contracts/shop.yaml", "check: field", "check: metric")
    shop.edit(
        "contracts/shop.yaml",
        "on: {model: trained}\n    with: {path: hidden_size, criterion: {equals: 56}}",
        "on: {run: run}\n    with: {series: no_such_column, criterion: {below: 1}}",
    )
    contract = shop.root / "contracts/shop.yaml"
    head, _, last = contract.read_text().partition("  - id: FALSIFY-SHOP-001")
    contract.write_text(head + "  - id: FALSIFY-SHOP-003" + last.split("  - id: FALSIFY-SHOP-003")[1])
    assert shop.contract("validate").returncode == 3


def test_the_console_script_and_the_module_exit_alike(shop):
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    assert shop.contract("validate", module=False).returncode == shop.contract("validate", module=True).returncode == 1


@pytest.mark.parametrize("limit", [["--time-limit", "nan"], ["--time-limit", "0"], ["--memory-limit", "-1"]])
def test_a_limit_that_limits_nothing_is_wrong_usage(shop, limit):
    done = shop.contract("validate", *limit)
    assert done.returncode == 4
    assert limit[0] in done.stderr


def test_naming_a_contract_that_is_not_there_is_wrong_usage_even_when_nothing_is_run(shop):
    assert shop.contract("validate", "--no-run", "shpo").returncode == 4


NEIGHBOURS = '''
    """One check that returns what is no number, beside one that takes its time."""
    import decimal, time
    from falsifiable import Verdict, falsifier

    @falsifier("shop.slow")
    def slow() -> Verdict:
        """Holds after a while."""
        time.sleep(1)
        return Verdict.of(True, examined=1)

    @falsifier("shop.odd")
    def odd() -> Verdict:
        """Measures in a type that JSON has no word for."""
        return Verdict.of(True, loss=decimal.Decimal(1))
'''


def test_a_broken_check_leaves_its_neighbours_alone(shop):
    shop.plugin(NEIGHBOURS)
    shop.add_falsifier("FALSIFY-SHOP-011", "shop.slow")
    shop.add_falsifier("FALSIFY-SHOP-012", "shop.odd")
    found = {
        one["falsifier"]: one
        for one in json.loads(shop.contract("validate", "--format", "json").stdout)["contracts"][0]["judgements"]
    }
    assert found["FALSIFY-SHOP-011"]["verdict"]["outcome"] == "held"
    assert "measurement loss is a Decimal" in found["FALSIFY-SHOP-012"]["verdict"]["found"]


def test_a_plugin_cannot_take_the_place_of_a_shipped_check(shop):
    shop.plugin(NEIGHBOURS.replace("shop.slow", "weights.finite"))
    shop.add_falsifier("FALSIFY-SHOP-012", "shop.odd")
    done = shop.contract("validate")
    assert done.returncode == 4
    assert "it defines weights.finite, which falsifiers defines already" in done.stderr


SPAWNS = '''
    """A check that starts a program in a session of its own, and leaves it running."""
    import subprocess
    from falsifiable import Verdict, falsifier

    @falsifier("shop.leaves")
    def leaves() -> Verdict:
        """Leaves a child."""
        subprocess.Popen(["sleep", "86399"], process_group=0)
        return Verdict.of(True, examined=1)
'''


def test_no_program_outlives_the_worker_that_started_it(shop):
    shop.plugin(SPAWNS)
    shop.add_falsifier("FALSIFY-SHOP-011", "shop.leaves")
    assert shop.contract("validate").returncode == 0
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"86399" in one for one in running)
