"""``contract record`` and ``status``: statuses are earned by evidence, and go when what they rest on changes."""

from __future__ import annotations

import json
import os

import pytest

CHECK = '''
    """One check of our own, so that a test can change its source."""
    from falsifiable import Model, Verdict, falsifier

    LEAST = 10

    @falsifier("shop.large-enough")
    def large_enough(model: Model) -> Verdict:
        """The model has more than ten parameters."""
        return Verdict.of(model.parameters > LEAST, parameters=model.parameters)

    @large_enough.counterexample
    def empty(model):
        for name in list(model.tensors):
            model = model.without_tensor(name)
        return model
'''


@pytest.fixture
def recorded(shop):
    """A shop whose evidence is recorded and committed."""
    shop.plugin(CHECK)
    path = shop.root / "contracts/shop.yaml"
    path.write_text(
        path.read_text()
        + "  - {id: FALSIFY-SHOP-004, claim: It is large, check: shop.large-enough, on: {model: trained}}\n"
    )
    shop.commit("a check of our own")
    done = shop.contract("record")
    assert done.returncode == 0, done.stdout + done.stderr
    shop.commit("the evidence")
    return shop


def statuses(shop) -> dict[str, dict]:
    done = shop.contract("status", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {one["falsifier"]: one for one in json.loads(done.stdout)[0]["falsifiers"]}


def test_a_recorded_validation_earns_integration_and_the_spec_says_so(recorded):
    assert {one["recorded"]["status"] for one in statuses(recorded).values()} == {"INTEGRATION"}
    spec = (recorded.root / "spec/shop/spec.md").read_text()
    assert "FALSIFY-SHOP-004" in spec
    assert spec.endswith("Prose that nobody touches.\n")
    check = recorded.contract("record", "--check")
    assert check.returncode == 0, check.stdout


def test_recording_twice_writes_nothing_new(recorded):
    before = recorded.git("status", "--porcelain")
    assert "nothing new to record for shop" in recorded.contract("record").stdout
    assert recorded.git("status", "--porcelain") == before == ""


def test_an_orphan_earns_partial_at_most(recorded):
    weights = (recorded.root / "run/finetuned").rename(recorded.root / "elsewhere")
    done = recorded.contract(
        "validate", "--artifact", f"trained={weights}", "--artifact", f"tokenizer={weights}/tokenizer.json"
    )
    assert done.returncode == 0
    recorded.edit("artifacts.yaml", "run/finetuned", "elsewhere")
    recorded.edit("artifacts.yaml", "run: run\n", "")
    assert statuses(recorded)["FALSIFY-SHOP-002"]["local"]["status"] == "PARTIAL"


def test_a_status_edited_by_hand_is_named(recorded):
    recorded.edit("spec/shop/spec.md", "INTEGRATION", "DISCHARGED")
    done = recorded.contract("record", "--check")
    assert done.returncode == 1
    assert "edited by hand" in done.stdout
    assert "DISCHARGED" in done.stdout


def test_an_edited_evidence_file_is_named_with_what_it_demotes(recorded):
    evidence = next((recorded.root / "spec/shop/evidence").glob("*.json"))
    evidence.write_text(evidence.read_text().replace('"outcome":"held"', '"outcome":"HELD"', 1))
    done = recorded.contract("record", "--check")
    assert done.returncode == 1
    assert f"{evidence.name}" in done.stdout
    assert "was edited or cut" in done.stdout
    assert "PROPOSED" in done.stdout


def test_a_changed_source_demotes_what_it_judged_and_no_other(recorded):
    recorded.plugin(CHECK.replace("LEAST = 10", "LEAST = 11"))
    done = recorded.contract("record", "--check")
    assert done.returncode == 1
    assert "the source of check shop.large-enough changed" in done.stdout
    assert "FALSIFY-SHOP-004 from INTEGRATION to PROPOSED" in done.stdout
    shown = {name: one["recorded"]["shown"] for name, one in statuses(recorded).items()}
    assert shown["FALSIFY-SHOP-004"] == "PROPOSED (stale: INTEGRATION)"
    assert shown["FALSIFY-SHOP-001"] == "INTEGRATION"


def test_a_comment_in_a_falsifier_changes_nothing(recorded):
    recorded.plugin(CHECK.replace("LEAST = 10", "LEAST = 10  # enough for a test"))
    assert recorded.contract("record", "--check").returncode == 0


def test_a_changed_threshold_is_named_with_what_it_demotes(recorded):
    recorded.edit("contracts/shop.yaml", "{equals: 56}", "{at_most: 56}")
    done = recorded.contract("record", "--check")
    assert done.returncode == 1
    assert "claim FALSIFY-SHOP-003 changed: its `with` was" in done.stdout
    assert "FALSIFY-SHOP-003 from INTEGRATION to PROPOSED" in done.stdout


def test_other_bytes_are_judged_afresh_and_shown_beside_what_is_recorded(recorded):
    run = recorded.root / "run/run.yaml"
    run.write_text(run.read_text().replace("dirty:", "dirty :", 1))
    before = recorded.contract("validate", "--format", "json")
    assert all(one["known"] for one in json.loads(before.stdout)["contracts"][0]["judgements"])

    config = recorded.root / "run/finetuned/config.json"
    config.write_text(config.read_text().replace('"hidden_size": 56', '"hidden_size": 57'))
    done = recorded.contract("validate", "--format", "json")
    assert done.returncode == 1
    fresh = {one["falsifier"] for one in json.loads(done.stdout)["contracts"][0]["judgements"] if not one["known"]}
    assert fresh == {f"FALSIFY-SHOP-00{number}" for number in (1, 2, 3, 4)}, "all rest on the trained model"
    found = statuses(recorded)["FALSIFY-SHOP-003"]
    assert (found["recorded"]["status"], found["local"]["status"]) == ("INTEGRATION", "FALSIFIED")
    assert any("other bytes than were recorded" in one for one in found["differences"])


def test_uncommitted_contracts_cap_at_partial(shop):
    shop.edit("contracts/shop.yaml", "title: What", "title: All that")
    assert shop.contract("record").returncode == 0
    assert {one["recorded"]["status"] for one in statuses(shop).values()} == {"PARTIAL"}


def test_on_a_branch_the_regions_are_left_alone(shop):
    shop.git("checkout", "--quiet", "-b", "topic")
    before = (shop.root / "spec/shop/spec.md").read_bytes()
    assert shop.contract("record").returncode == 0
    assert (shop.root / "spec/shop/spec.md").read_bytes() == before
    assert list((shop.root / "spec/shop/evidence").glob("*.json"))


def test_what_is_recorded_is_read_again(shop):
    assert shop.contract("validate").returncode == 0
    weights = shop.root / "run/finetuned/model.safetensors"
    before = weights.stat()
    with weights.open("r+b") as file:
        file.seek(-64, os.SEEK_END)
        file.write(b"\xff" * 64)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = shop.contract("record")
    assert done.returncode == 1, "the bytes are others, and hold NaN, though the file looks unchanged"


def test_a_metric_that_only_stands_in_the_record_discharges_nothing(shop):
    path = shop.root / "contracts/shop.yaml"
    metric = "check: metric, on: {run: run}, with: {series: val_loss, criterion: {below: 9}}"
    path.write_text(
        path.read_text()
        + f"  - {{id: FALSIFY-SHOP-005, claim: The loss is low, {metric}}}\n"
        + "discharge:\n  run: {device: cpu, val_loss: {below: 9}}\n"
    )
    shop.commit("conditions")
    done = shop.contract("validate", "--format", "json")
    observed = {one["name"]: one for one in json.loads(done.stdout)["contracts"][0]["discharge"]}
    assert (observed["device"]["source"], observed["device"]["met"]) == ("record", True)
    assert (observed["val_loss"]["source"], observed["val_loss"]["met"]) == ("stated", False)


def test_an_uncommitted_command_earns_no_integration(shop):
    path = shop.root / "contracts/shop.yaml"
    path.write_text(
        path.read_text().replace("  run: {kind: run}\n", "  run: {kind: run}\n  refuses: {kind: command}\n")
        + "  - {id: FALSIFY-SHOP-006, claim: No, check: command, on: {command: refuses}, with: {exit_code: 1}}\n"
    )
    shop.edit("artifacts.yaml", "run: run\n", "run: run\nrefuses: {command: [sh, tool.sh], sources: [tool.sh]}\n")
    (shop.root / "tool.sh").write_text("exit 1\n")
    shop.commit("a command")
    assert shop.contract("record", "--run-commands").returncode == 0
    assert statuses(shop)["FALSIFY-SHOP-006"]["recorded"]["status"] == "INTEGRATION"
    (shop.root / "tool.sh").write_text("exit 1 # or so\n")
    assert shop.contract("validate", "--run-commands").returncode == 0
    status = json.loads(shop.contract("status", "--run-commands", "--format", "json").stdout)
    assert status[0]["falsifiers"][-1]["local"]["status"] == "PARTIAL"
