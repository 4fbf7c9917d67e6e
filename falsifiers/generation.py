"""What a model generates: Python that parses and works, an end that is reached, no loops, the same answer twice."""

from __future__ import annotations

import ast
import codeop
import re
from collections.abc import Callable, Sequence
from typing import Any

from falsifiable import Criterion, Model, Verdict, falsifier
from falsifiers.functions import body_of, function_headers
from falsifiers.sampling import Client, Completion, Sampler, SamplingError, Settings, complete, scripted

_LEXEME = re.compile(r"\w+|[^\w\s]")
_FEWEST_LEXEMES = 8  # a text of fewer has too few runs of words to loop in
_RUN = 4  # words in a run
_INCOMPLETE_INPUT: int = codeop.PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]


@falsifier("generation.parses-as-python", needs="tensors", imports=("torch", "transformers", "tokenizers"))
def parses_as_python(
    coder: Model,
    *,
    client: Client = "transformers",
    prompts: tuple[str, ...] = (),
    samples: int = 100,
    errors: Criterion = Criterion(at_most=1),
    temperature: float = 0.2,
    tokens: int = 24,
    seed: int = 0,
    sampler: Callable[..., Any] = complete,
) -> Verdict:
    """Functions that the model was asked to complete are Python: ``ast.parse`` reads them.

    Every prompt is the head of another function and its docstring. The completion ends where its text returns to the
    left margin. One that the limit of tokens cut off loses its last line, which nobody finished, and may be incomplete
    (an open bracket, a block without a body); it may not be wrong. One without a whole line counts as an error.

    Args:
        client: who generates: transformers, or llama.cpp, which reads GGUF files.
        prompts: what is completed; where none is given, the heads of ``samples`` functions.
        samples: how many completions, at most 100.
        errors: what the number of those that do not parse must meet. AC-SHIP2-007 asks for at most 1 in 100.
        temperature: of the sampling; 0.2 is what code is usually sampled with.
        tokens: longest completion.
        seed: of the sampling.
        sampler: what generates, for counterexamples.
    """
    settings = Settings(client, tokens, temperature, seed)
    try:
        made = sampler(coder, prompts or function_headers(samples), settings)
    except SamplingError as error:
        return Verdict.inconclusive(f"nothing was generated: {error}")
    wrong = [(one, said) for one in made if (said := _syntax_error(one))]
    found = ""
    if wrong and not errors.holds(len(wrong)):
        worst, said = wrong[0]
        found = (
            f"{len(wrong)} of {len(made)} completions do not parse, expected {errors}; the first: {said} in "
            f"{worst.prompt + worst.text!r}; the model does not speak Python, or its tokenizer mangles white space"
        )
    return Verdict.of(
        errors.holds(len(wrong)), found=found, examined=(len(made), "completions"), syntax_errors=len(wrong)
    )


def _syntax_error(one: Completion) -> str:
    """What is wrong with the Python that ``one`` completes, or "" where nothing is."""
    body, ended = body_of(one)
    if ended:
        return _fault(one.prompt + body, 0)
    whole = body[: body.rfind("\n") + 1]
    if not whole.strip():
        return "not one whole line was written"
    said = _fault(one.prompt + whole, _INCOMPLETE_INPUT)
    return "" if said.startswith("incomplete input") else said


def _fault(source: str, flags: int) -> str:
    try:
        compile(source, "<completion>", "exec", flags=flags | ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nesting that the parser gives up on
        return f"{type(error).__name__}: {error}"
    return ""


@parses_as_python.counterexample
def a_language_of_braces(_coder: Model) -> dict[str, Any]:
    """A model that answers in another language."""
    return {"sampler": scripted(" {\n    return this.value;\n}")}


@parses_as_python.counterexample
def a_chatty_answer(_coder: Model) -> dict[str, Any]:
    """A model that explains instead of writing."""
    return {"sampler": scripted("\n    Sure! Here is the function that you asked for.")}


@parses_as_python.counterexample
def one_endless_line(_coder: Model) -> dict[str, Any]:
    """A model that never ends its first line."""
    return {"sampler": scripted(" and" * 24, stopped=False)}


@falsifier("generation.greedy-stable", needs="tensors", imports=("torch", "transformers", "tokenizers"))
def greedy_stable(
    model: Model,
    *,
    client: Client = "transformers",
    prompts: tuple[str, ...] = ("def fib(n):", "import os\n", "class Stack:\n"),
    tokens: int = 16,
    sampler: Callable[..., Any] = complete,
) -> Verdict:
    """Asked twice for its likeliest continuation, the model says the same, to the letter.

    Args:
        client: who generates: transformers, or llama.cpp, which reads GGUF files, in a new process each time.
        prompts: what is continued.
        tokens: longest continuation.
        sampler: what generates, for counterexamples.
    """
    settings = Settings(client, tokens)
    try:
        first, second = (sampler(model, prompts, settings) for _ in range(2))
    except SamplingError as error:
        return Verdict.inconclusive(f"nothing was generated: {error}")
    different = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
    found = ""
    if different:
        one, other = different[0]
        found = (
            f"to {one.prompt!r} it said {one.text!r}, then {other.text!r} ({len(different)} of {len(first)} differ); "
            "the client samples at temperature 0, or memory is read that nobody wrote"
        )
    return Verdict.of(not different, found=found, examined=(len(first), "prompts"), prompts_differing=len(different))


def _drifting(change: Callable[[str], str]) -> Sampler:
    """A model whose every second answer is another one."""
    calls: list[int] = []

    def sampler(_model: Model, prompts: Sequence[str], _settings: Settings) -> list[Completion]:
        calls.append(1)
        say = change if len(calls) % 2 == 0 else str
        return [Completion(prompt, say("\n    return 1"), True) for prompt in prompts]

    return sampler


@greedy_stable.counterexample
def another_last_letter(_model: Model) -> dict[str, Any]:
    """A second answer that differs in its last letter."""
    return {"sampler": _drifting(lambda text: text[:-1] + "2")}


@greedy_stable.counterexample
def a_shorter_second_answer(_model: Model) -> dict[str, Any]:
    """A second answer that ends one letter earlier."""
    return {"sampler": _drifting(lambda text: text[:-1])}


@falsifier("generation.stops", needs="tensors", imports=("torch", "transformers", "tokenizers"))
def stops(
    coder: Model,
    *,
    prompts: tuple[str, ...],
    client: Client = "transformers",
    tokens: int = 64,
    reached: Criterion = Criterion(at_least=1.0),
    sampler: Callable[..., Any] = complete,
) -> Verdict:
    """Asked something that has an end, the model reaches its stop token by itself.

    Args:
        prompts: what is asked, in the format that the model was trained to answer, its special tokens written out.
        client: who generates: transformers, or llama.cpp, which reads GGUF files.
        tokens: within how many tokens the end must come.
        reached: what the share of answers that end must meet.
        sampler: what generates, for counterexamples.
    """
    if not prompts:
        return Verdict.inconclusive("`prompts` is empty and nothing is asked; name at least one")
    try:
        made = sampler(coder, prompts, Settings(client, tokens))
    except SamplingError as error:
        return Verdict.inconclusive(f"nothing was generated: {error}")
    endless = [one for one in made if not one.stopped]
    share = (len(made) - len(endless)) / len(made)
    found = ""
    if endless:
        found = (
            f"{len(endless)} of {len(made)} answers did not end within {tokens} tokens, expected that a share "
            f"{reached} does; asked {endless[0].prompt!r}, it said {endless[0].text[-80:]!r} last; the stop token is "
            "not the one that was trained, or the prompt is not in the model's format"
        )
    return Verdict.of(reached.holds(share), found=found, examined=(len(made), "answers"), share_stopped=share)


@stops.counterexample
def no_answer_ends(_coder: Model) -> dict[str, Any]:
    """A model that goes on and on."""
    return {"sampler": scripted("and then " * 8, stopped=False)}


@stops.counterexample
def a_stop_token_that_is_text(_coder: Model) -> dict[str, Any]:
    """A stop token that comes out as letters, and after it the next turn."""
    return {"sampler": scripted("Hello!<|im_end|>\n<|im_start|>user\nHello!", stopped=False)}


@falsifier("generation.no-repetition", needs="tensors", imports=("torch", "transformers", "tokenizers"))
def no_repetition(
    export: Model,
    *,
    client: Client = "transformers",
    samples: int = 20,
    repeated: Criterion = Criterion(below=0.3),
    looping: Criterion = Criterion(at_most=0.1),
    temperature: float = 0.8,
    tokens: int = 64,
    seed: int = 0,
    sampler: Callable[..., Any] = complete,
) -> Verdict:
    """Sampled text does not run in circles: few completions say the same four words again and again.

    Words and punctuation are counted, four at a time; a completion's repeated share is that of the runs of four which
    it has said before. A model in the band that SHIP-TWO calls repetition (section 82.4) loops in most completions.

    Args:
        client: who generates: transformers, or llama.cpp, which reads GGUF files.
        samples: how many completions, at most 100.
        repeated: what the repeated share of a completion must meet; 0.3 is the bound of apr-qa's garbage oracle.
        looping: what the share of completions that miss it must meet; one in ten may, at this length, by chance.
        temperature: of the sampling; greedy text of small models loops by nature.
        tokens: length of a completion.
        seed: of the sampling.
        sampler: what generates, for counterexamples.
    """
    try:
        made = sampler(export, function_headers(samples), Settings(client, tokens, temperature, seed))
    except SamplingError as error:
        return Verdict.inconclusive(f"nothing was generated: {error}")
    shares = [(repeated_share(one.text), one) for one in made if len(_LEXEME.findall(one.text)) >= _FEWEST_LEXEMES]
    loops = [(share, one) for share, one in shares if not repeated.holds(share)]
    found = ""
    if loops:
        share, one = max(loops, key=lambda loop: loop[0])
        found = (
            f"{len(loops)} of {len(shares)} completions repeat themselves, expected a share {looping}; of the "
            f"worst, {share:.0%} of the runs of {_RUN} words: {one.text[-120:]!r}; the model is undertrained or "
            "damaged, or positions do not reach it"
        )
    share_looping, largest = len(loops) / max(1, len(shares)), max((share for share, _ in shares), default=None)
    return Verdict.of(
        looping.holds(share_looping), found=found, examined=(len(shares), "completions"),
        share_looping=share_looping, largest_repeated=largest,
    )  # fmt: skip


def repeated_share(text: str) -> float:
    """Which share of the runs of four words in ``text`` stood there before; 0 where there is no such run."""
    words = _LEXEME.findall(text)
    runs = [tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


@no_repetition.counterexample
def one_word_for_ever(_export: Model) -> dict[str, Any]:
    """A model stuck on one token."""
    return {"sampler": scripted(" self" * 64, stopped=False)}


@no_repetition.counterexample
def one_line_again_and_again(_export: Model) -> dict[str, Any]:
    """A model that writes the same statement until it is cut off."""
    return {"sampler": scripted("\n    fib += 1\n    fib *= 2" * 12, stopped=False)}
