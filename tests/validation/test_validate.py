"""``falsifiable.validate``: the main job from a program, and the events it tells of."""

from __future__ import annotations

import pytest

from falsifiable import validate
from falsifiable.contracts import load_workspace
from falsifiable.validation import validate_workspace
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.events import Finished, Judged, Planned, Started


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
    assert {type(event) for event in heard[1:-1]} == {Started, Judged}
    assert isinstance(heard[-1], Finished)
    assert len(heard[-1].results[0].judgements) == sum(isinstance(event, Judged) for event in heard) == 3
