"""Live checks: a real client is given the file, and must generate text from it.

llama.cpp runs in a process of its own, because some broken files end the process that loads them. What it says on
stderr when it refuses a file is quoted.
"""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falsifiable import Model, NotApplicable, Verdict, falsifier
from falsifiers.client_files import UnwritableError, as_files
from falsifiers.llama_cpp import Generated, generate_with_llama_cpp
from falsifiers.transformers_client import LoadedFolder, load_folder

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = "def fib(n):"


@falsifier("client.llama-cpp-generates", imports=("xllamacpp", "numpy", "gguf"))
def llama_cpp_generates(
    model: Model, *, prompt: str = PROMPT, tokens: int = 16, timeout_seconds: float = 120.0
) -> Verdict:
    """Real llama.cpp loads the file and generates text from a prompt, with probabilities that are numbers.

    It runs in a process of its own on one thread of the CPU. Where it refuses the file or ends the process, its own
    message is quoted; a file with NaN weights loads and generates nothing.

    Args:
        prompt: the text to go on from.
        tokens: how many tokens to generate at most.
        timeout_seconds: after how many seconds it is ended and the verdict inconclusive.
    """
    if model.format != "gguf":
        return Verdict.inconclusive(f"{model.path}: is {model.format}, llama.cpp reads GGUF; bind the export")
    try:
        with as_files(model) as path:
            made = generate_with_llama_cpp(path, prompt, tokens, timeout_seconds)
    except UnwritableError as error:
        return Verdict.inconclusive(f"{model.path}: {error}")
    except subprocess.TimeoutExpired:
        return Verdict.inconclusive(f"{model.path}: llama.cpp was ended after {timeout_seconds:g} s without an answer")
    return _judged(made, "llama.cpp", model, prompt)


def _judged(made: Generated, client: str, model: Model, prompt: str) -> Verdict:
    found = ""
    if made.refusal:
        found = f'{client} does not load {model.path.name}: it says "{made.refusal}"'
    elif not made.finite:
        found = f"{client} loads {model.path.name}, and a probability after {prompt!r} is no number; a weight is NaN"
    elif not made.text:
        found = f"{client} loads {model.path.name} and generates an empty text from {prompt!r}"
    return Verdict.of(
        not found,
        found=found,
        examined=(max(1, len(made.tokens)), "tokens"),
        tokens=len(made.tokens),
        prompt_tokens=made.prompt_tokens,
        text=made.text[:80],
    )


@llama_cpp_generates.counterexample
def the_class_name(model: Model) -> Model:
    """A file that carries the Hugging Face class name, which llama.cpp does not know."""
    if model.format != "gguf":
        raise NotApplicable("only a GGUF file is given to llama.cpp")
    return model.with_architecture("LlamaForCausalLM")


@llama_cpp_generates.counterexample
def a_norm_lost(model: Model) -> Model:
    """A final norm of NaN, which llama.cpp loads in silence."""
    return model.with_tensor("final_norm", lambda values: values * float("nan"))


@falsifier("client.transformers-generates", imports=("torch", "transformers", "safetensors", "numpy"))
def transformers_generates(model: Model, *, prompt: str = PROMPT, tokens: int = 16) -> Verdict:
    """Real ``transformers`` loads the folder, fills nothing in, and generates text from a prompt.

    It is loaded as a user would, by AutoModelForCausalLM and AutoTokenizer, offline and without code from the folder. A
    tensor that is missing it fills with random numbers and says so in a table; that refutes the claim too.

    Args:
        prompt: the text to go on from.
        tokens: how many tokens to generate at most.
    """
    if model.format != "huggingface":
        return Verdict.inconclusive(f"{model.path}: is {model.format}, bind the Hugging Face folder")
    try:
        with as_files(model) as path:
            client = load_folder(path)
            filled = "" if isinstance(client, str) else client.filled
            made = Generated(refusal=client) if isinstance(client, str) else client.generate(prompt, tokens)
    except UnwritableError as error:
        return Verdict.inconclusive(f"{model.path}: {error}")
    if filled:
        found = f"transformers loads {model.path.name} and makes up what is missing: {filled}"
        return Verdict.of(False, found=found, examined=(1, "models"))
    return _judged(made, "transformers", model, prompt)


@transformers_generates.counterexample
def a_tensor_missing(model: Model) -> Model:
    """A folder without its final norm, which transformers makes up."""
    return model.without_tensor("final_norm")


@transformers_generates.counterexample
def a_wider_feed_forward_block(model: Model) -> Model:
    """A configuration that the tensors do not fit."""
    if model.config.intermediate_size is None:
        raise NotApplicable("the model states no intermediate_size")
    return model.with_config(intermediate_size=model.config.intermediate_size + 1)


@falsifier("client.greedy-tokens-agree", imports=("xllamacpp", "torch", "transformers", "safetensors", "numpy", "gguf"))
def greedy_tokens_agree(
    export: Model,
    checkpoint: Model,
    *,
    prompt: str = PROMPT,
    tokens: int = 32,
    near_tie: float = 5e-3,
    probability: float = 1.0,
    timeout_seconds: float = 120.0,
) -> Verdict:
    """llama.cpp on the export takes the same greedy tokens as ``transformers`` on the checkpoint.

    Each reads the prompt with the tokenizer of its own files. A difference is allowed only where the two best logits of
    one of the two are closer than ``near_tie``: F16 rounding moves logits by up to 3.3e-4 and BF16 by 3.4e-3 on a small
    model (measured with the exporter of llama.cpp), so what is closer together than 5e-3 may change places. After such
    a near tie both go on from the token of ``transformers``.

    Args:
        prompt: the text to go on from.
        tokens: how many tokens to compare.
        near_tie: largest distance between the two best logits at which another token is accepted.
        probability: largest difference of the probabilities that the two give a token both take; 1 asks nothing, 1e-3
            is what AC-SHIP2-009 and GATE-SHIP-006 ask of the first token.
        timeout_seconds: after how many seconds llama.cpp is ended and the verdict inconclusive.
    """
    if (export.format, checkpoint.format) != ("gguf", "huggingface"):
        return Verdict.inconclusive(
            f"needs a GGUF export and the Hugging Face folder it came from, found {export.format} and "
            f"{checkpoint.format}"
        )
    try:
        with as_files(checkpoint) as folder, as_files(export) as file:
            theirs = load_folder(folder)
            if isinstance(theirs, str):
                return Verdict.inconclusive(f"{checkpoint.path}: transformers does not load it: {theirs}")
            if theirs.filled:
                return Verdict.inconclusive(f"{checkpoint.path}: transformers makes up what it lacks: {theirs.filled}")
            expected = theirs.generate(prompt, tokens)
            if expected.refusal or not expected.tokens or not expected.finite:
                return Verdict.inconclusive(f"{checkpoint.path}: transformers generates nothing from {prompt!r}")
            found = _Comparison(theirs, file, prompt, expected, near_tie, timeout_seconds).run()
            if not found.said and not found.apart <= probability:
                found.said = (
                    f"after {prompt!r} both take the same tokens, but token {found.apart_at} with probabilities "
                    f"{found.apart:.3g} apart, expected at most {probability:g}; the export holds coarser weights, or "
                    "another scale of the logits"
                )
    except UnwritableError as error:
        return Verdict.inconclusive(str(error))
    except subprocess.TimeoutExpired:
        return Verdict.inconclusive(f"{export.path}: llama.cpp was ended after {timeout_seconds:g} s without an answer")
    return Verdict.of(
        not found.said,
        found=found.said,
        examined=(len(expected.tokens), "tokens"),
        tokens_compared=found.compared,
        near_ties=found.near_ties,
        largest_logprob_difference=found.largest,
        largest_probability_difference=found.apart,
    )


@dataclass(slots=True)
class _Found:
    """How far two clients went together, and in words where they parted."""

    said: str = ""
    compared: int = 0
    near_ties: int = 0
    largest: float = 0.0
    apart: float = 0.0
    apart_at: int = 0


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Greedy tokens of ``transformers`` (``expected``), and the file that llama.cpp must take the same from."""

    theirs: LoadedFolder
    file: Path
    prompt: str
    expected: Generated
    near_tie: float
    timeout_seconds: float

    def run(self) -> _Found:
        found, ids = _Found(), self.theirs.ids(self.prompt)
        start: str | list[int] = self.prompt
        while not found.said and found.compared < len(self.expected.tokens):
            left = len(self.expected.tokens) - found.compared
            made = generate_with_llama_cpp(self.file, start, left, self.timeout_seconds)
            if made.refusal:
                found.said = f'llama.cpp does not load {self.file.name}: it says "{made.refusal}"'
            elif made.prompt_tokens != len(ids) + found.compared:
                found.said = (
                    f"llama.cpp reads {self.prompt!r} as {made.prompt_tokens - found.compared} tokens, transformers as "
                    f"{len(ids)}; the tokenizer in the export splits text otherwise"
                )
            else:
                self._compare(made, found)
            start = ids + list(self.expected.tokens[: found.compared])
        return found

    def _compare(self, made: Generated, found: _Found) -> None:
        """Go on until the two part; past a near tie by one token of ``transformers``."""
        begin = found.compared
        for place, taken in enumerate(self.expected.tokens[begin:]):
            here = begin + place
            ours = made.best[place] if place < len(made.best) else ()
            if place < len(made.tokens) and made.tokens[place] == taken:
                found.compared += 1
                theirs = self.expected.best[here]
                found.largest = max(found.largest, abs(ours[0] - theirs[0]))
                apart = abs(math.exp(ours[0]) - math.exp(theirs[0]))
                if apart > found.apart:
                    found.apart, found.apart_at = apart, here
                continue
            gap = min(_gap(self.expected.best[here]), _gap(ours))
            if gap < self.near_tie:
                found.near_ties += 1
                found.compared += 1
            else:
                got = repr(made.tokens[place]) if place < len(made.tokens) else "the end of the text"
                found.said = (
                    f"token {here} after {self.prompt!r}: llama.cpp takes {got}, transformers {taken} "
                    f"({self.theirs.tokenizer.decode([taken])!r}); the two best logits are {gap:.3g} apart, expected "
                    f"less than {self.near_tie:g} where the clients differ. The export holds other weights, another "
                    "rotary base or order of heads, or another tokenizer"
                )
            return


def _gap(best: tuple[float, ...]) -> float:
    """Distance between the two best logits; infinite where they are not known."""
    return best[0] - best[1] if len(best) > 1 and all(math.isfinite(one) for one in best) else math.inf


@greedy_tokens_agree.counterexample
def another_order_of_rows(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """An export of which the rows of every query projection are turned round: the same numbers in another order."""
    names = [name for name in export.canonical_names if name.endswith(("attention.query", "attention.output"))]
    if not names:
        raise NotApplicable("the export has no attention")
    for name in names:
        export = export.with_tensor(name, lambda values: values[::-1].copy())
    return export, checkpoint


@greedy_tokens_agree.counterexample
def an_embedding_of_other_tokens(export: Model, checkpoint: Model) -> tuple[Model, Model]:
    """An export of which every token has the embedding of its neighbour."""
    return export.with_tensor("token_embedding", _moved_by_one), checkpoint


def _moved_by_one(values: Any) -> Any:
    import numpy as np

    return np.roll(values, 1, axis=0)
