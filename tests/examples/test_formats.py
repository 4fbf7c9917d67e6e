"""One model in five formats is one model: the same tensors, configuration and fingerprints, and the same verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from examples.formats import differences, save_in_five_formats
from falsifiable import Model, Verdict, open_model
from falsifiable.validation.catalogue import load_catalogue, resolve

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

pytestmark = pytest.mark.slow

REFERENCE = Path("runs/reference/finetuned")
# What a format has no place for, its checks cannot judge: weights alone hold no tokenizer, folders pad none.
SILENT = {
    "packaging.token-list-padded": {"folder", "sharded", "pytorch"},
    "vocabulary.embedded-complete": {"pytorch"},
    "vocabulary.special-tokens": {"pytorch"},
    "generation.greedy-stable": {"pytorch"},
    "generation.no-repetition": {"pytorch"},
    "artifact.readers-agree": {"apr"},
}
# These ask for another model: an encoder, one that chats or writes Python, or one that names its origin.
OF_OTHER_MODELS = {
    "architecture.refused-as-decoder",
    "packaging.provenance-named",
    "vocabulary.chat-template-renders",
    "generation.parses-as-python",
}
# These ask for a model that training changed and the tokenizer it was given, as the training saved them.
OF_TWO_CHECKPOINTS = {"initialization.every-tensor-moved", "checkpoint.differs", "vocabulary.passes-through"}
# Checks of these modules ask for an adapter, or for the one format that a client reads.
OF_ADAPTERS_AND_CLIENTS = ("adapter.", "client.")
# These ask for a GPU.
OF_A_GPU = {"attention.cuda-parity", "device.no-fallback"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Model]:
    """The fine-tuned reference model: as it was saved (``source``), and in each format."""
    if not REFERENCE.exists():
        pytest.skip("the reference run is not there; make validate trains it")
    places = save_in_five_formats(REFERENCE, tmp_path_factory.mktemp("formats"))
    return {"source": open_model(REFERENCE), **{form: open_model(path) for form, path in places.items()}}


@pytest.mark.parametrize("form", ["folder", "sharded", "gguf", "apr", "pytorch"])
def test_each_format_holds_the_same_model(saved, form):
    assert list(differences(saved[form], saved["source"])) == []


def test_a_difference_would_be_found(saved):
    model, source = saved["apr"], saved["source"]
    assert "rope_theta" in next(differences(model.with_config(rope_theta=5.0), source))
    assert "one only" in next(differences(model.without_tensor("final_norm"), source))
    doubled = model.with_tensor("layers.1.attention.key", lambda values: values * 2)
    assert "layers.1.attention.key holds other bytes" in list(differences(doubled, source))


def test_every_check_of_one_model_gives_the_same_verdict_on_each(saved):
    judged = {form: verdicts(model, saved["source"]) for form, model in saved.items() if form != "source"}
    for check in judged["folder"]:
        outcomes = {form: of_format[check].outcome for form, of_format in judged.items()}
        silent = {form for form, outcome in outcomes.items() if outcome == "inconclusive"}
        assert silent == SILENT.get(check, set()), {form: of_format[check].found for form, of_format in judged.items()}
        assert set(outcomes.values()) - {"inconclusive"} == {"held"}, outcomes


def test_what_is_left_out_or_silent_is_there():
    names = set(load_catalogue().signatures)
    assert names >= OF_OTHER_MODELS | OF_TWO_CHECKPOINTS | OF_A_GPU | set(SILENT)
    assert all(any(name.startswith(prefix) for name in names) for prefix in OF_ADAPTERS_AND_CLIENTS)


def verdicts(model: Model, source: Model) -> dict[str, Verdict]:
    """The verdict of every check that asks for models alone: ``source`` stands for the checkpoint it came from."""
    catalogue = load_catalogue().signatures
    return {
        name: resolve(signature)(*(source if role in ("checkpoint", "init") else model for role in signature.roles))
        for name, signature in catalogue.items()
        if set(signature.roles.values()) == {"model"}
        and not signature.optional_roles
        and not any(one.required for one in signature.parameters.values())
        and name not in OF_OTHER_MODELS | OF_TWO_CHECKPOINTS | OF_A_GPU
        and not name.startswith(OF_ADAPTERS_AND_CLIENTS)
    }
