"""Whether the code that a model writes works: problems with tests of their own, each attempt run in isolation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from falsifiable import Criterion, Model, NotApplicable, Table, Verdict, falsifier
from falsifiers.functions import body_of
from falsifiers.isolation import run_isolated
from falsifiers.sampling import Client, Completion, SamplingError, Settings, complete, scripted


@falsifier("generation.pass-at-k", needs="tensors", imports=("torch", "transformers", "tokenizers"))
def pass_at_k(
    coder: Model,
    problems: Table,
    *,
    rate: Criterion,
    k: int = 1,
    samples: int = 4,
    client: Client = "transformers",
    temperature: float = 0.2,
    tokens: int = 48,
    seed: int = 0,
    seconds: float = 5.0,
    sampler: Callable[..., Any] = complete,
) -> Verdict:
    """Of k attempts at a problem, one passes the problem's own test: the mean of an unbiased estimate per problem.

    A problem is a row of three texts, as HumanEval has them: ``prompt`` (imports and the head of a function), ``test``
    (which defines ``check(candidate)``) and ``entry_point`` (the function's name). The program that is run is the whole
    prompt, its imports included, the completion up to where it returns to the left margin, and the test. SHIP-TWO lost
    six points for weeks because imports were dropped (RC3, sections 69 to 71). Every program runs in an isolated
    process without network, in an empty folder.

    Args:
        rate: what the mean over the problems must meet.
        k: attempts of which one must pass.
        samples: attempts made per problem, at least k; the estimate is 1 - C(n - c, k) / C(n, k), c of n passing.
        client: who generates: transformers, or llama.cpp, which reads GGUF files.
        temperature: of the sampling.
        tokens: longest completion.
        seed: of the first attempt; every further one has the next.
        seconds: after which a program is stopped, and has not passed.
        sampler: what generates, for counterexamples.
    """
    rows = [(row.line, row.values) for row in problems.rows]
    fault = next((line for line, row in rows if not _is_problem(row)), None)
    if not 1 <= k <= samples or not rows or fault is not None:
        why = f"line {fault} has not the texts prompt, test and entry_point" if fault else "there is no problem"
        return Verdict.inconclusive(f"{problems.path}: {why}, or k = {k} is not between 1 and samples = {samples}")
    prompts = [row["prompt"] for _, row in rows]
    try:
        made = [sampler(coder, prompts, Settings(client, tokens, temperature, seed + n)) for n in range(samples)]
    except SamplingError as error:
        return Verdict.inconclusive(f"nothing was generated: {error}")
    ends = {
        (at, n): run_isolated(program(row, made[n][at]), seconds=seconds)
        for at, (_, row) in enumerate(rows)
        for n in range(samples)
    }
    passed = [sum(ends[at, n].finished for n in range(samples)) for at in range(len(rows))]
    mean = sum(unbiased(samples, count, k) for count in passed) / len(rows)
    failing = next(((at, n) for (at, n), end in ends.items() if not end.finished), None)
    found = ""
    if failing is not None:
        at, n = failing
        found = (
            f"pass@{k} is {mean:.3f} over {len(rows)} problems, expected {rate}; line {rows[at][0]}, attempt {n + 1}: "
            f"{ends[failing].said} in {body_of(made[n][at])[0]!r}"
        )
    return Verdict.of(
        rate.holds(mean), found=found, examined=(len(ends), "programs"), pass_at_k=mean, k=k,
        problems_solved=sum(count > 0 for count in passed),
    )  # fmt: skip


def _is_problem(row: Any) -> bool:
    return all(isinstance(row.get(key), str) and row[key].strip() for key in ("prompt", "test", "entry_point"))


def program(row: Any, one: Completion) -> str:
    """What is run to see whether ``one`` solves the problem ``row``."""
    return f"{row['prompt']}{body_of(one)[0]}\n\n{row['test']}\n\ncheck({row['entry_point']})\n"


def unbiased(samples: int, passed: int, k: int) -> float:
    """The probability that one of ``k`` attempts drawn from ``samples``, of which ``passed`` passed, is among those."""
    return 1 - math.comb(samples - passed, k) / math.comb(samples, k)


@pass_at_k.counterexample
def an_empty_body(_coder: Model, _problems: Table, *, rate: Criterion) -> dict[str, Any]:
    """A model that writes nothing."""
    _refuse_zero(rate)
    return {"sampler": scripted("")}


@pass_at_k.counterexample
def the_process_is_left(_coder: Model, _problems: Table, *, rate: Criterion) -> dict[str, Any]:
    """Code that leaves with exit code 0 before the test is reached."""
    _refuse_zero(rate)
    return {"sampler": scripted("\n    import os\n    os._exit(0)")}


def _refuse_zero(rate: Criterion) -> None:
    if rate.holds(0.0):
        raise NotApplicable(f"a model that solves nothing meets {rate}")
