"""What each consumer of a model file needs of it: one declared set of requirements per consumer, judged in one run.

A checkpoint that trains can still be of no use to anybody, and the tools that refuse it each name one reason and stop.
Here every requirement of a consumer is looked at, and what is wrong is told in the consumer's own words. The sets stand
in ``consumer_llama_cpp``, ``consumer_folders`` (transformers, MLX) and ``consumer_aprender``.
"""

from __future__ import annotations

from typing import Literal

from falsifiable import Model, NotApplicable, Verdict, falsifier
from falsifiers.consumer_aprender import APRENDER
from falsifiers.consumer_folders import MLX, TRANSFORMERS
from falsifiers.consumer_llama_cpp import LLAMA_CPP
from falsifiers.requirements import Consumer, Fault

CONSUMERS: dict[str, Consumer] = {one.name: one for one in (LLAMA_CPP, TRANSFORMERS, APRENDER, MLX)}
_MOST_TOLD = 8


@falsifier("packaging.usable-by", needs="fingerprints")
def usable_by(model: Model, *, consumer: Literal["llama.cpp", "transformers", "aprender", "mlx"]) -> Verdict:
    """A consumer can use the file: everything that it needs is there, and nothing is wrong that it takes in silence.

    Every unmet requirement is told at once, with the words in which the consumer would refuse the file, or with what it
    does without a word: a default in place of what was trained, random weights, a text that never ends. The messages of
    llama.cpp and transformers are compared with the real ones by the tests; those of aprender are quoted from the
    record of SHIP-TWO (sections 81 and 82), those of MLX from its source (mlx-lm: utils, models/qwen2, models/llama;
    mlx: Module.load_weights), and neither of these two is run here.

    Which sizes and tensors are needed is known for Llama, Mistral and Qwen2; for other families the verdict is
    inconclusive unless something else is wrong. How wide an integer was stored in GGUF is not seen here:
    llama.cpp reads 32 bits and refuses a file that keeps a size in 64.

    Args:
        consumer: who is to use the file; each reads formats of its own (GGUF, a Hugging Face folder, APR).
    """
    needs = CONSUMERS[consumer]
    if model.format not in needs.formats:
        return Verdict.of(
            False,
            found=f"{consumer} reads {' or '.join(needs.formats)}, {model.path.name} is {model.format}: "
            f'it says "{needs.other_format}"',
            examined=(1, "requirements"),
            unmet=1,
        )
    faults = [fault for requirement in needs.requirements for fault in requirement.faults(model)]
    if not faults and not needs.knows(model):
        return Verdict.inconclusive(
            f"{model.path}: which sizes and tensors {consumer} needs of architecture {model.architecture.stored} is "
            "not known here; bind a Llama, Mistral or Qwen2 model"
        )
    return Verdict.of(
        not faults,
        found=f"{consumer} cannot use {model.path.name}: {_in_words(faults)}",
        examined=(len(needs.requirements), "requirements"),
        unmet=len(faults),
        refusals=sum(bool(fault.said) for fault in faults),
    )


def _in_words(faults: list[Fault]) -> str:
    """What it refuses first, then what it takes in silence."""
    told = [str(fault) for fault in sorted(faults, key=lambda fault: not fault.said)]
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return "; ".join(f"({place}) {one}" for place, one in enumerate(told[:_MOST_TOLD], 1)) + more


@usable_by.counterexample
def a_tensor_left_out(model: Model) -> Model:
    """A file without its final norm: one consumer refuses it, another fills in what it would have been at the start."""
    return model.without_tensor("final_norm")


@usable_by.counterexample
def a_size_left_out(model: Model) -> Model:
    """A file that does not say into how many key-value heads its keys are divided."""
    key = model.config.sources.get("num_key_value_heads")
    if key is None:
        raise NotApplicable("the model states no number of key-value heads")
    return model.without_metadata(key.removeprefix("config.json:"))


@usable_by.counterexample
def no_tokenizer(model: Model) -> Model:
    """A file without its tokenizer."""
    return model.with_tokenizer(None)


@usable_by.counterexample
def one_weight_lost(model: Model) -> Model:
    """A NaN in the final norm, which every consumer loads."""
    return model.with_tensor("final_norm", lambda values: values * float("nan"))
