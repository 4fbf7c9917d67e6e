"""Generic mutations: each changes exactly what it names, and whoever only compares copies proves nothing with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable import NotApplicable
from falsifiable.artifacts.identity import is_mutant
from falsifiable.samples import specimen
from falsifiable.validation.mutation_results import ArtifactResult, ContractScore, MutationReport, MutationResult
from falsifiable.validation.mutations import MUTATIONS, Mutation, mutant_of
from falsifiable.validation.mutations.configurations import CONFIGURATION_MUTATIONS
from falsifiable.validation.mutations.vocabularies import CARRIED_TOKENIZER_MUTATIONS
from falsifiable.validation.mutations.weights import WEIGHT_MUTATIONS

SPECIMENS = [
    ("model", "trained"), ("model", "export"), ("model", "safetensors"), ("tokenizer", "tokenizer"),
    ("tokenizer", "embedded"), ("run", "run"), ("run", "adapter-run"), ("corpus", "corpus"), ("corpus", "rows"),
    ("model", "adapter"), ("table", "corrections"), ("files", "original"),
    ("curves", "curves"), ("race", "race"),
]  # fmt: skip

seeds = st.text(max_size=5)
specimens = st.sampled_from(SPECIMENS)


def parts_of(artifact: Any) -> dict[str, Any]:
    """What an artifact consists of, apart from its digest."""
    if artifact.kind == "model":
        tensors = {name: (one.shape, one.dtype) for name, one in artifact.tensors.items()}
        content = {name: (one.blake3, one.nonfinite) for name, one in artifact.fingerprints.items()}
        tokenizer = None if artifact.tokenizer is None else parts_of(artifact.tokenizer)
        metadata = dict(artifact.metadata)
        return {"metadata": metadata, "tensors": tensors, "content": content, "tokenizer": tokenizer}
    if artifact.kind == "tokenizer":
        names = ("type", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "pre", "chat_template")
        lists = {"tokens": list(artifact.tokens), "merges": list(artifact.merges)}
        return {name: getattr(artifact, name) for name in names} | lists
    if artifact.kind == "run":
        log = {"rows": list(artifact.rows), "torn": artifact.torn}
        return {"record": dict(artifact.record), "log": log, "step zero": artifact.state_at_step_zero}
    if artifact.kind == "table":
        return {"rows": [dict(row.values) for row in artifact.rows]}
    if artifact.kind == "curves":
        return {"curves": [repr(one) for one in artifact.curves]}
    if artifact.kind == "race":
        return {"events": [one.details for one in artifact.events], "tables": repr(artifact.tables)}
    if artifact.kind == "files":
        return {"files": dict(artifact.file_digests)}
    chats = [name for name, split in artifact.splits.items() if split.format == "chat"]
    rows = {name: [dict(row.values) for row in artifact.records(name)] for name in chats}
    parts = {"splits": dict(artifact.splits), "evaluation": artifact.evaluation}
    return {**parts, "rows": rows, "sources": dict(artifact.origins)}


def changed_parts(mutation: Mutation, artifact: Any, seed: str) -> set[str]:
    """The parts in which a mutant differs; none where the mutation does not apply."""
    try:
        mutant = mutant_of(mutation, artifact, seed)
    except NotApplicable:
        return set()
    before, after = parts_of(artifact), parts_of(mutant)
    return {name for name in before if before[name] != after[name]}


@settings(deadline=None, max_examples=150)
@given(place=specimens, seed=seeds, data=st.data())
def test_a_mutant_has_another_digest_and_the_same_seed_gives_the_same_mutant(place, seed, data):
    artifact = specimen(*place)
    mutation = data.draw(st.sampled_from(list(MUTATIONS[artifact.kind].values())))
    try:
        mutant, again = (mutant_of(mutation, artifact, seed) for _ in range(2))
    except NotApplicable:
        return

    assert is_mutant(mutant.digest)
    assert mutant.digest != artifact.digest
    assert parts_of(mutant) == parts_of(again)


@settings(deadline=None, max_examples=150)
@given(place=specimens, seed=seeds, data=st.data())
def test_every_mutation_changes_something_but_the_harmless_one(place, seed, data):
    artifact = specimen(*place)
    mutation = data.draw(st.sampled_from(list(MUTATIONS[artifact.kind].values())))
    try:
        mutant_of(mutation, artifact, seed)
    except NotApplicable:
        return

    assert bool(changed_parts(mutation, artifact, seed)) is not mutation.harmless


@pytest.mark.parametrize("mutation", WEIGHT_MUTATIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("variant", ["trained", "export"])
def test_a_mutation_of_values_changes_one_tensor_and_nothing_else(mutation, variant):
    model = specimen("model", variant)
    mutant = mutant_of(mutation, model, "seed")

    differing = [name for name in model.tensors if mutant.fingerprint(name).blake3 != model.fingerprint(name).blake3]
    assert len(differing) == 1
    assert changed_parts(mutation, model, "seed") == {"content"}


@pytest.mark.parametrize("mutation", CONFIGURATION_MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_of_the_metadata_leaves_the_values_alone(mutation):
    about_tensors = mutation.name.startswith(("tensor", "layer", "dtype"))
    changed = changed_parts(mutation, specimen("model", "trained"), "seed")

    allowed = {"tensors", "content"} if about_tensors else {"metadata", "tokenizer"}
    assert changed
    assert changed <= allowed


@pytest.mark.parametrize("mutation", CARRIED_TOKENIZER_MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_of_a_carried_tokenizer_leaves_the_model_alone(mutation):
    assert changed_parts(mutation, specimen("model", "trained"), "seed") <= {"tokenizer"}


@pytest.mark.parametrize("mutation", MUTATIONS["run"].values(), ids=lambda one: one.name)
def test_a_mutation_of_a_run_changes_its_record_or_its_log(mutation):
    runs = [specimen("run", "run"), specimen("run", "adapter-run")]  # only the second trained an adapter, on two ranks
    changes = [changed_parts(mutation, run, "seed") for run in runs]

    assert max(map(len, changes)) == (0 if mutation.harmless else 1)


def test_an_encoder_is_there_to_be_refused_and_is_not_mutated():
    for mutation in MUTATIONS["model"].values():
        if not mutation.harmless:
            with pytest.raises(NotApplicable, match="encoder"):
                mutant_of(mutation, specimen("model", "encoder"), "seed")


def test_each_mutation_names_the_claim_that_somebody_must_hold():
    for of_kind in MUTATIONS.values():
        assert all(one.guards and one.describes for one in of_kind.values())
        assert sum(one.harmless for one in of_kind.values()) == (1 if of_kind else 0)


# The score


def report(*mutations: MutationResult) -> MutationReport:
    artifact = ArtifactResult("export", "model", ("shop/export",), mutations)
    return MutationReport((artifact,), (ContractScore("shop", 0, len(mutations)),), {})


def result(fate: str, accepted: str = "") -> MutationResult:
    return MutationResult("row-zeroed", "a row of zeros", "a claim", {"shop/F-1": fate}, {}, accepted)  # type: ignore[dict-item]


@pytest.mark.parametrize("fate", ["survived", "inconclusive", "not asked"])
def test_only_a_falsified_verdict_kills(fate):
    assert report(result("killed")).killed == 1
    assert report(result(fate)).killed == 0


def test_an_explained_survivor_is_still_a_survivor():
    explained = report(result("killed"), result("survived", "nobody could tell"))

    assert len(explained.survivors) == 1
    assert explained.unexplained == ()
    assert explained.reaches(0.5)
    assert not explained.reaches(0.51)


def test_what_a_falsifier_kills_alone_is_what_no_other_of_its_contract_kills():
    both = MutationResult("a", "", "", {"shop/F-1": "killed", "shop/F-2": "killed", "mill/F-3": "killed"})
    first = MutationResult("b", "", "", {"shop/F-1": "killed", "shop/F-2": "survived", "mill/F-3": "inconclusive"})

    assert report(both, first).kills() == {"shop/F-1": (2, 1), "shop/F-2": (1, 0), "mill/F-3": (1, 1)}


def test_over_nothing_no_share_is_reached():
    assert not MutationReport((), (), {}).reaches(0.0)
