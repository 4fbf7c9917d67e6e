"""Real llama.cpp, in a process of its own, because some broken files end the process that loads them.

Nothing of falsifiable is imported here, so that the process starts quickly.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CANDIDATES = 2  # per position: the token taken and the next best
_MOST_AT_ONCE = 32  # prompts that are decoded together where their answers are sampled
_LEAST_CONTEXT = 256
_LOG_SECONDS = 0.2  # its log is written by a thread of its own, which an end of the process would cut short
# What llama.cpp says of a file that it does not load, the most telling first.
_REFUSALS = (
    re.compile(r"(GGML_ASSERT\(.+|unsupported types: .+)"),
    re.compile(r"gguf_init_from_\w+: (.+)"),
    re.compile(r"error loading model: (.+)"),
    re.compile(r"(SPM vocabulary, but newline token not found)"),
)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a client generated: text, and where asked for token ids and the logarithms of their best probabilities.

    ``stopped`` says that it ended by a stop token, and not at the limit of tokens; ``refusal`` is the client's own
    message where it generated nothing because it does not take the file.
    """

    text: str = ""
    tokens: tuple[int, ...] = ()
    best: tuple[tuple[float, ...], ...] = ()
    prompt_tokens: int = 0
    refusal: str = ""
    stopped: bool = False

    @property
    def finite(self) -> bool:
        """Whether every probability of a token taken is a number."""
        return all(math.isfinite(each[0]) for each in self.best)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are sampled: at a temperature of 0 the likeliest token is always taken, and the seed has no say."""

    tokens: int
    temperature: float
    seed: int
    threads: int = 1
    timeout_seconds: float = 280.0  # below the limit that a validation sets itself, so that it is told why


def serve_llama_cpp() -> None:
    """Answer the request on stdin with llama.cpp and print what came out as JSON. Runs alone in its process."""
    import xllamacpp

    given = json.load(sys.stdin)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = given["path"]
    parameters.n_parallel = given["at_once"]
    parameters.n_ctx = given["at_once"] * max(_LEAST_CONTEXT, given["context"])
    parameters.n_gpu_layers = 0
    parameters.warmup = parameters.fit_params = False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = given["threads"]
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError:
        time.sleep(_LOG_SECONDS)
        raise
    answer = server.handle_completions(given["request"])
    sys.stdout.write(json.dumps({"answers": answer if isinstance(answer, list) else [answer]}) + "\n")
    sys.stdout.flush()


def generate_with_llama_cpp(path: Path, prompt: str | list[int], tokens: int, timeout_seconds: float) -> Generated:
    """What llama.cpp generates greedily from the file, on one thread, or why it does not.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    request = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "top_k": 1, "n_probs": CANDIDATES}
    answers = _served(path, request, timeout_seconds, context=_length(prompt) + tokens)
    return Generated(refusal=answers) if isinstance(answers, str) else answers[0]


def sample_with_llama_cpp(path: Path, prompts: Sequence[str], how: Sampling) -> list[Generated] | str:
    """What llama.cpp goes on with after every prompt, in their order, or why it does not.

    Every filter of llama.cpp is off, so that it is the model's own distribution that is sampled.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    plain = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0, "cache_prompt": False}
    asked = {"temperature": how.temperature, "seed": how.seed, "n_predict": how.tokens}
    # One at a time where answers must not depend on what else is decoded in the same batch.
    at_once = 1 if how.temperature == 0 else min(_MOST_AT_ONCE, len(prompts))
    answers = _served(
        path, {"prompt": list(prompts), **plain, **asked}, how.timeout_seconds,
        context=max(map(_length, prompts)) + how.tokens, at_once=at_once, threads=how.threads,
    )  # fmt: skip
    if not isinstance(answers, str) and len(answers) != len(prompts):
        return f"it answered {len(answers)} of {len(prompts)} prompts"
    return answers


def _length(prompt: str | list[int]) -> int:
    """The most tokens that a prompt can be: one for each byte, and what a tokenizer puts around them."""
    return len(prompt.encode() if isinstance(prompt, str) else prompt) + 8


def _served(
    path: Path, request: dict[str, Any], seconds: float, *, context: int, at_once: int = 1, threads: int = 1
) -> list[Generated] | str:
    """What llama.cpp answers to a request, in the order of its prompts, or its own words where it does not."""
    given = {"path": str(path), "request": request, "context": context, "at_once": at_once, "threads": threads}
    done = subprocess.run(
        [sys.executable, "-c", f"from {serve_llama_cpp.__module__} import serve_llama_cpp as serve; serve()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "GGML_NO_BACKTRACE": "1"},
        input=json.dumps(given), capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"answers": ')]
    answers = json.loads(lines[-1])["answers"] if lines else []
    choices = [(choice, one.get("usage", {})) for one in answers for choice in one.get("choices", ())]
    if not choices:
        return _refusal(done.stderr, answers[0] if answers else {}, done.returncode)
    choices.sort(key=lambda choice: int(choice[0]["index"]))
    return [_generated(choice, usage) for choice, usage in choices]


def _generated(choice: Any, usage: Any) -> Generated:
    content = (choice.get("logprobs") or {}).get("content") or []
    return Generated(
        text=choice["text"],
        tokens=tuple(one["id"] for one in content),
        best=tuple(_probabilities(one) for one in content),
        prompt_tokens=usage.get("prompt_tokens", 0),
        stopped=choice["finish_reason"] == "stop",
    )


def _probabilities(position: Any) -> tuple[float, ...]:
    """The logarithms of the probabilities of the token taken and of the next best; JSON has null for NaN."""
    taken = [position["logprob"], *(one["logprob"] for one in position["top_logprobs"] if one["id"] != position["id"])]
    return tuple(math.nan if one is None else float(one) for one in taken)


def _refusal(stderr: str, answer: Any, code: int) -> str:
    for pattern in _REFUSALS:
        if found := pattern.search(stderr):
            return " ".join(found[1].split())
    said = (answer.get("error") or {}).get("message")
    last = (stderr.strip().splitlines() or ["nothing"])[-1]
    return str(said) if said else f"exit code {code}, the last line is {last[:200]!r}"
