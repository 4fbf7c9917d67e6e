"""``falsifiable.validate``: the main job from a program, and the events it tells of."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from falsifiable import validate
from falsifiable.artifacts import open_artifact
from falsifiable.contracts import load_workspace
from falsifiable.validation import Options, validate_workspace
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.events import ContractJudged, Finished, Judged, Planned, Started
from falsifiable.validation.executor import LocalExecutor
from falsifiable.validation.fleet import Item, validate_many


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))


def test_a_workspace_is_judged_and_every_falsifier_reported(shop):
    (result,) = validate(shop.root)
    assert [one.verdict.outcome for one in result.judgements] == ["held"] * 3
    assert all(one.proven for one in result.judgements)
    assert {one.provenance for judgement in result.judgements for one in judgement.artifacts} == {"recorded"}


def test_an_artifact_can_be_given(shop):
    weights = shop.root / "run/pretrained"
    (result,) = validate(shop.root, artifacts={"trained": weights})
    assert result.judgements[1].artifacts[0].path == "run/pretrained"


def test_faults_of_contracts_are_one_error_with_every_place(shop):
    shop.edit("contracts/shop.yaml", "check: weights.finite", "check: weights.finit")
    with pytest.raises(ValueError, match=r"contracts/shop\.yaml:16:12: error CONTRACT-CHECK-UNKNOWN"):
        validate(shop.root)


def test_events_tell_what_was_planned_started_judged_and_found(shop):
    catalogue = load_catalogue()
    heard = []
    validate_workspace(load_workspace(shop.root, catalogue.signatures), catalogue, listeners=[heard.append])
    assert heard[0] == Planned(falsifiers=3, known=0)
    assert {type(event) for event in heard[1:-1]} == {Started, Judged, ContractJudged}
    assert isinstance(heard[-1], Finished)
    assert len(heard[-1].results[0].judgements) == sum(isinstance(event, Judged) for event in heard) == 3


def test_two_contracts_that_make_one_claim_of_the_same_bytes_are_answered_by_one_job(shop):
    text = (shop.root / "contracts/shop.yaml").read_text()
    twin = text.replace("contract: shop", "contract: twin").replace("FALSIFY-SHOP", "FALSIFY-TWIN")
    (shop.root / "contracts/twin.yaml").write_text(twin)
    asked = []

    class Counting(LocalExecutor):
        def run(self, jobs, *, at_once=None):
            asked.extend(job.id for job in jobs if job.source_digest)
            return super().run(jobs, at_once=at_once)

    judged = validate(shop.root, executor=Counting())
    results = {one.contract: [judged.verdict for judged in one.judgements] for one in judged}
    assert asked == [f"shop/FALSIFY-SHOP-00{number}" for number in (1, 2, 3)]
    assert results["twin"] == results["shop"]
    assert {one.outcome for one in results["twin"]} == {"held"}


class Interrupted(LocalExecutor):
    """Is interrupted when all has been judged on real bytes, and specimens come next."""

    def run(self, jobs, *, at_once=None):
        if any(job.message.get("specimen") for job in jobs):
            raise KeyboardInterrupt
        return super().run(jobs, at_once=at_once)


def test_what_fell_before_an_interrupt_is_told_though_its_specimens_were_never_asked(shop):
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    catalogue = load_catalogue()
    workspace = load_workspace(shop.root, catalogue.signatures)
    heard = []
    with pytest.raises(KeyboardInterrupt):
        validate_workspace(workspace, catalogue, listeners=[heard.append], executor=Interrupted())
    assert heard[-1].interrupted
    (result,) = heard[-1].results
    assert sorted(one.verdict.outcome for one in result.judgements) == ["falsified", "held", "held"]
    assert not any(isinstance(one, ContractJudged) for one in heard)
    ours = Item("ours", artifacts={"trained": shop.root / "run/finetuned"})
    many = validate_many(workspace, catalogue, [ours], executor=Interrupted())
    assert {one.verdict.outcome for one in next(many).judgements} == {"falsified", "held"}
    with pytest.raises(KeyboardInterrupt):
        next(many)


TWO_COPIES = """\
contract: copies
version: 1.0.0
title: A model and its copy
artifacts:
  first: {kind: model}
  second: {kind: model}
falsifiers:
  - {id: COPIES-001, claim: It is whole, check: artifact.sound, on: {model: first}}
  - {id: COPIES-002, claim: It is whole, check: artifact.sound, on: {model: second}}
  - {id: COPIES-003, claim: Ids have rows, check: vocabulary.special-ids-inside, on: {model: first}}
  - {id: COPIES-004, claim: Ids have rows, check: vocabulary.special-ids-inside, on: {model: second}}
"""


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json"])
def test_what_is_wrong_with_a_file_is_said_of_each_of_its_copies_by_its_own_path(shop, broken):
    (shop.root / "contracts/shop.yaml").write_text(TWO_COPIES)
    for name in ("first", "second", "third"):
        shutil.copytree(shop.root / "run/finetuned", shop.root / name)
        content = (shop.root / name / broken).read_bytes()
        (shop.root / name / broken).write_bytes(content[: len(content) // 2])

    def fallen(second: str) -> list[str]:
        (shop.root / "artifacts.yaml").write_text(f"first: first\nsecond: {second}\n")
        (result,) = validate(shop.root)
        return [one.verdict.found.partition(": ")[0] for one in result.judgements if one.verdict.outcome == "falsified"]

    assert fallen("second") == [f"first/{broken}", f"second/{broken}"]
    assert fallen("third") == [f"first/{broken}", f"third/{broken}"]


def test_a_file_that_two_contracts_bind_to_one_role_is_opened_once_and_is_each_ones_own(shop, monkeypatch):
    text = (shop.root / "contracts/shop.yaml").read_text()
    twin = text.replace("contract: shop", "contract: twin").replace("FALSIFY-SHOP", "FALSIFY-TWIN")
    (shop.root / "contracts/twin.yaml").write_text(twin)
    opened = []

    def counted(kind, path, **options):
        opened.append(path.name)
        return open_artifact(kind, path, **options)

    monkeypatch.setattr("falsifiable.validation.bound.open_artifact", counted)
    results = validate(shop.root, options=Options(only_known=True))
    assert sorted(opened) == ["finetuned", "run", "tokenizer.json"]
    assert [one.contract for one in results] == ["shop", "twin"]
    assert len({one.run_id for one in results}) == 1


def test_an_executor_that_is_kept_serves_several_validations_and_can_be_taken_up_again(shop, monkeypatch):
    started = []
    popen = subprocess.Popen

    def counted(command, **options):
        if "fork_server" in str(command):
            started.append(command)
        return popen(command, **options)

    def outcomes() -> set[str]:
        results = validate(shop.root, executor=kept, options=Options(rehash=True))
        return {one.verdict.outcome for result in results for one in result.judgements}

    monkeypatch.setattr(subprocess, "Popen", counted)
    kept = LocalExecutor()
    with kept:
        assert outcomes() == {"held"}
        shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
        assert outcomes() == {"held", "falsified"}
        in_one_block = len(started)
    shop.edit("contracts/shop.yaml", "equals: 57", "equals: 58")
    assert outcomes() == {"held", "falsified"}
    assert in_one_block == 1
    assert len(started) == 2


SAFE = """\
contract: safe
version: 1.0.0
title: Loading the model runs nothing
spec: shop
artifacts:
  trained: {kind: model, description: the trained checkpoint}
falsifiers:
  - id: FALSIFY-SAFE-001
    claim: No file beside the weights is a pickle that calls anything
    check: safety.no-executable-pickle
    on: {model: trained}
    if_falsified: Loading the folder runs commands
"""


def test_a_file_put_beside_a_model_is_judged_although_the_model_stayed_what_it_was(shop, tmp_path):
    (shop.root / "contracts/safe.yaml").write_text(SAFE)

    elsewhere = shutil.copytree(shop.root / "run/finetuned", tmp_path / "elsewhere")

    def judged(**bound):
        (result,) = [one for one in validate(shop.root, **bound) if one.contract == "safe"]
        (judgement,) = result.judgements
        return judgement.artifacts[0].digest, judgement.verdict.outcome, judgement.known

    for folder, bound in ((shop.root / "run/finetuned", {}), (elsewhere, {"artifacts": {"trained": elsewhere}})):
        digest, outcome, _ = judged(**bound)
        assert outcome == "held"
        assert judged(**bound) == (digest, "held", True)
        (folder / "notes.bin").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
        assert judged(**bound) == (digest, "falsified", False)


def test_data_that_changed_beside_their_manifest_are_judged_anew(shop):
    (shop.root / "contracts/data.yaml").write_text(
        "contract: data\nversion: 1.0.0\ntitle: The data are those of the manifest\n"
        "artifacts:\n  corpus: {kind: corpus}\n"
        "falsifiers:\n  - id: DATA-001\n    claim: They are\n    check: corpus.digests-match\n"
        "    on: {corpus: corpus}\n"
    )
    shop.edit("artifacts.yaml", "tokenizer:", "corpus: run/corpus/manifest.json\ntokenizer:")
    assert outcome_of("data", validate(shop.root)) == "held"

    tokens = shop.root / "run/corpus/finetune.tokens"
    tokens.write_bytes(bytes(reversed(tokens.read_bytes())))

    assert outcome_of("data", validate(shop.root)) == "falsified"


@pytest.mark.parametrize(("sources", "after"), [("", "falsified"), (", sources: [artifacts.yaml]", "held")])
def test_a_command_without_sources_is_run_every_time(shop, sources, after):
    (shop.root / "contracts/tool.yaml").write_text(
        "contract: tool\nversion: 1.0.0\ntitle: The tool works\nartifacts:\n  tool: {kind: command}\n"
        "falsifiers:\n  - {id: TOOL-001, claim: It ends with 0, check: command, on: {command: tool}}\n"
    )
    shop.edit("artifacts.yaml", "run: run\n", f"run: run\ntool: {{command: [sh, tool.sh]{sources}}}\n")
    for code, outcome in ((0, "held"), (1, after)):
        (shop.root / "tool.sh").write_text(f"exit {code}\n")
        assert outcome_of("tool", validate(shop.root, options=Options(run_commands=True))) == outcome


def outcome_of(contract, results):
    return next(one.judgements[0].verdict.outcome for one in results if one.contract == contract)
