"""What a model says to a prompt, through ``transformers`` or through llama.cpp."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from falsifiable import Model
from falsifiers.client_files import UnwritableError, as_files
from falsifiers.codec import RefusedTokenizerError, UnfitTokenizerError, running
from falsifiers.llama_cpp import Sampling, sample_with_llama_cpp
from falsifiers.oracle import oracle
from falsifiers.reference_decoder import UnfitError, load_decoder

Client = Literal["transformers", "llama.cpp"]

_AT_ONCE = 32  # prompts that are decoded together where their answers are sampled


class SamplingError(Exception):
    """Nothing could be generated; the message says what is missing or what the client said."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to generate: with temperature 0 the likeliest token is always taken, and the seed has no say."""

    client: Client = "transformers"
    tokens: int = 32
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said to ``prompt``; ``stopped`` where it ended by a stop token, and not at the limit of tokens."""

    prompt: str
    text: str
    stopped: bool


Sampler = Callable[[Model, Sequence[str], Settings], list[Completion]]


def complete(model: Model, prompts: Sequence[str], settings: Settings) -> list[Completion]:
    """One completion of every prompt, in their order. Special tokens in a prompt are read as such.

    Raises:
        SamplingError: the client is not installed, cannot run this model, or failed.
    """
    if settings.client == "llama.cpp":
        return _by_llama_cpp(model, prompts, settings)
    return _by_transformers(model, prompts, settings)


def _by_transformers(model: Model, prompts: Sequence[str], settings: Settings) -> list[Completion]:
    import torch

    if model.tokenizer is None:
        raise SamplingError(f"{model.path}: has no tokenizer, so that no prompt can be read")
    try:
        library, end = running(model.tokenizer), _end_ids(model)
        network = oracle(model, load_decoder(model))
    except (UnfitTokenizerError, RefusedTokenizerError, UnfitError) as error:
        raise SamplingError(f"{model.path}: {error}") from error
    torch.manual_seed(settings.seed)
    found = []
    for start in range(0, len(prompts), _AT_ONCE):
        some = list(prompts[start : start + _AT_ONCE])
        answers = _generate(network, [library.encode(one).ids for one in some], end, settings)
        for prompt, ids in zip(some, answers, strict=True):
            stop = next((at for at, token in enumerate(ids) if token in end), None)
            found.append(Completion(prompt, library.decode(ids[:stop], skip_special_tokens=False), stop is not None))
    return found


def _generate(network: Any, encoded: list[list[int]], end: list[int], settings: Settings) -> list[list[int]]:
    """The ids that follow each of ``encoded``, which are padded on the left to be decoded together."""
    import torch

    length = max(len(one) for one in encoded)
    if not all(encoded):
        raise SamplingError("a prompt has no token")
    rows = [[0] * (length - len(one)) + one for one in encoded]
    seen = [[0] * (length - len(one)) + [1] * len(one) for one in encoded]
    device = next(network.parameters()).device
    chosen = {"do_sample": False} if settings.temperature == 0 else {"do_sample": True, "top_k": 0}
    with torch.no_grad():
        made = network.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(seen, device=device),
            max_new_tokens=settings.tokens,
            temperature=settings.temperature or None,
            eos_token_id=end or None,
            pad_token_id=end[0] if end else 0,
            **chosen,
        )
    ids: list[list[int]] = made[:, length:].tolist()
    return ids


def _end_ids(model: Model) -> list[int]:
    """Every id that ends a sequence, as generation_config.json, the metadata or the tokenizer name it."""
    key = model.special_id_key("eos")
    named = [model.metadata.get("generation_config.eos_token_id"), model.metadata.get(key) if key else None]
    named.append(getattr(model.tokenizer, "eos_token_id", None))
    ids = [one for value in named for one in (value if isinstance(value, (list, tuple)) else (value,))]
    return [one for one in dict.fromkeys(ids) if isinstance(one, int) and one < (model.embedding_rows or 0)]


def _by_llama_cpp(model: Model, prompts: Sequence[str], settings: Settings) -> list[Completion]:
    if model.format != "gguf":
        raise SamplingError(f"{model.path}: llama.cpp reads GGUF files, this is {model.format}")
    how = Sampling(settings.tokens, settings.temperature, settings.seed, _threads())
    try:
        with as_files(model) as path:
            made = sample_with_llama_cpp(path, prompts, how)
    except UnwritableError as error:
        raise SamplingError(f"{model.path}: {error}") from error
    except subprocess.TimeoutExpired:
        raise SamplingError(f"{model.path}: llama.cpp was ended after {how.timeout_seconds:g} s") from None
    if isinstance(made, str):
        raise SamplingError(f"{model.path}: llama.cpp generated nothing: {made}")
    return [Completion(prompt, one.text, one.stopped) for prompt, one in zip(prompts, made, strict=True)]


def _threads() -> int:
    """As many threads as torch would take, which a validation of several falsifiers at once keeps at its share."""
    import torch

    return int(torch.get_num_threads())


def scripted(*texts: str, stopped: bool = True) -> Sampler:
    """A model that says the given texts in turn, whatever it is asked."""

    def sampler(_model: Model, prompts: Sequence[str], _settings: Settings) -> list[Completion]:
        return [Completion(prompt, texts[at % len(texts)], stopped) for at, prompt in enumerate(prompts)]

    return sampler
