"""The specimens in the libraries that real models are used with: they load, run, and lose what they say they lose."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable.artifacts import Corpus
from falsifiable.samples import specimen, write_specimens
from falsifiable.samples.records import INITIAL_VALIDATION_LOSS, TRAINED_VALIDATION_LOSS


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_specimens(tmp_path_factory.mktemp("specimens"))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    opened = specimen("corpus")
    assert isinstance(opened, Corpus)
    return opened


@pytest.fixture(scope="module")
def loaded(paths: dict[str, Path]) -> dict[str, Any]:
    """The two checkpoints, loaded with every weight taken from the file."""
    import torch
    from transformers import AutoModelForCausalLM

    models = {}
    for name in ("init", "trained"):
        models[name], report = AutoModelForCausalLM.from_pretrained(
            paths[name], dtype=torch.float32, output_loading_info=True
        )
        assert not any(report.values())
    return models


@pytest.mark.parametrize(("name", "pinned"), [("init", INITIAL_VALIDATION_LOSS), ("trained", TRAINED_VALIDATION_LOSS)])
def test_the_recorded_loss_is_the_real_one(name: str, pinned: float, loaded: dict[str, Any], corpus: Corpus) -> None:
    import torch

    rule = corpus.evaluation
    assert rule is not None
    wanted = rule.sequences * rule.sequence_length
    ids = torch.from_numpy(corpus.token_ids("validation")[:wanted].astype(numpy.int64))
    sequences = ids.view(rule.sequences, rule.sequence_length)
    with torch.no_grad():
        loss = loaded[name](input_ids=sequences, labels=sequences).loss.item()
    assert loss == pytest.approx(pinned, abs=1e-4)


def test_training_is_worth_it() -> None:
    assert TRAINED_VALIDATION_LOSS < INITIAL_VALIDATION_LOSS < math.log(320) - 1


def test_what_attention_sees_matters(loaded: dict[str, Any]) -> None:
    """Exchanging query heads must change the output, or no check could notice that they were exchanged."""
    import torch

    ids = torch.arange(2, 66).view(1, 64)
    with torch.no_grad():
        whole = loaded["init"](input_ids=ids).logits
        projection = loaded["init"].model.layers[0].self_attn.q_proj
        kept = projection.weight.clone()
        projection.weight.copy_(kept.view(7, 8, 56).flip(0).reshape(56, 56))
        exchanged = loaded["init"](input_ids=ids).logits
        projection.weight.copy_(kept)
    assert torch.isfinite(whole).all()
    assert whole.std(dim=1).mean() > 0.1  # it varies over positions
    cosine = torch.nn.functional.cosine_similarity(whole.flatten(), exchanged.flatten(), dim=0)
    assert cosine < 0.99


def test_the_tokenizer_splits_the_corpus_as_the_stored_tokens_say(paths: dict[str, Path], corpus: Corpus) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    backend = Tokenizer.from_file(str(paths["tokenizer"]))
    assert backend.get_vocab_size() == 300
    assert AutoTokenizer.from_pretrained(paths["trained"]).eos_token_id == 0
    for split in corpus.splits.values():
        text = corpus.text(split.name).encode()
        ids: list[int] = []
        for file in split.files:
            ids += [*backend.encode(text[: file.bytes].decode()).ids, 0]
            text = text[file.bytes :]
        assert corpus.token_ids(split.name).tolist() == ids


def test_every_text_comes_back_from_its_tokens(paths: dict[str, Path]) -> None:
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(paths["tokenizer"]))
    for text in ("def f(x):\n    return x + 1\n", "größer 🙂"):
        assert backend.decode(backend.encode(text).ids) == text


def test_the_export_is_read_by_gguf(paths: dict[str, Path]) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(paths["export"])
    assert reader.fields["general.architecture"].contents() == "qwen2"
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 320
    assert len(reader.tensors) == 26


def test_the_encoder_is_an_encoder_to_transformers(paths: dict[str, Path]) -> None:
    from transformers import AutoModel

    encoder, report = AutoModel.from_pretrained(paths["encoder"], output_loading_info=True)
    assert type(encoder).__name__ == "BertModel"
    assert not any(report.values())
