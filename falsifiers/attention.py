"""Grouped-query attention: as a formula, and in a forward pass through real weights."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from falsifiable import Criterion, Model, NotApplicable, Verdict, falsifier
from falsifiers.oracle import oracle_logits
from falsifiers.reference_decoder import UnfitError, grouped_query_attention, load_decoder, logits

if TYPE_CHECKING:
    import torch

_PROMPT_LENGTH = 24
_SAME = 1e-4  # largest difference between logits that one float32 computation gives for two batches


class _RefutedError(Exception):
    """Carries the words of a counterexample out of a Hypothesis property."""


@falsifier("attention.grouped-query-equals-repeated", level="algorithm", imports=("torch", "hypothesis"))
def grouped_query_equals_repeated(
    *,
    cosine: Criterion = Criterion(at_least=0.9999),
    examples: int = 60,
    attention: Callable[..., Any] = grouped_query_attention,
) -> Verdict:
    """Grouped-query attention gives what multi-head attention gives with every key and value head repeated.

    A property over generated numbers of heads, ratios (7:1 of Qwen2.5-0.5B included), lengths, head sizes and types.
    The other side is computed head by head in float64, with no grouping at all.

    Args:
        cosine: what the cosine of the two outputs must meet. 0.9999 is FALSIFY-APR-PRETRAIN-ARCH-004 of the reference
            contract; bfloat16 with its 8 significant bits stays above 0.99999.
        examples: how many cases are generated.
    """
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    seen: list[float] = []
    shrunk = ""

    @settings(max_examples=examples, derandomize=True, database=None, deadline=None, print_blob=False,
              report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
              phases=[Phase.generate, Phase.shrink])  # fmt: skip
    @given(
        shared=st.integers(1, 4), ratio=st.sampled_from([1, 2, 3, 4, 7, 8]), length=st.integers(1, 17),
        size=st.sampled_from([2, 4, 8, 32, 64]), dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
        seed=st.integers(0, 255),
    )  # fmt: skip
    def agrees(shared: int, ratio: int, length: int, size: int, dtype: str, seed: int) -> None:
        nonlocal shrunk
        close = _agreement(attention, shared, ratio, length, size, dtype, seed)
        seen.append(close)
        if not cosine.holds(close):
            shrunk = (
                f"{shared * ratio} query heads on {shared} key-value heads, length {length}, head_dim {size}, {dtype}, "
                f"seed {seed}: cosine {close:.6f}, expected {cosine}"
            )
            raise _RefutedError(shrunk)

    with hypothesis_leaves_no_trace(), contextlib.suppress(_RefutedError):
        agrees()
    cause = (
        "query heads read another head's keys (tiled instead of interleaved), or positions read what comes after them"
    )
    return Verdict.of(
        not shrunk,
        found=f"{shrunk}. Likely cause: {cause}",
        examined=(len(seen), "cases"),
        cosine=min(seen, default=None),
    )


@contextlib.contextmanager
def hypothesis_leaves_no_trace() -> Iterator[None]:
    """Hypothesis keeps notes in a folder of the working directory; a check writes nothing there."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory(prefix="falsifiable-hypothesis-") as home:
        set_hypothesis_home_dir(home)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def _agreement(
    attention: Callable[..., Any], shared: int, ratio: int, length: int, size: int, dtype: str, seed: int
) -> float:
    import torch

    generator = torch.Generator().manual_seed(seed)

    def random(heads: int) -> torch.Tensor:
        return torch.randn(2, heads, length, size, generator=generator).to(getattr(torch, dtype))

    query, key, value = random(shared * ratio), random(shared), random(shared)
    expected = _one_head_at_a_time(query, key.repeat_interleave(ratio, 1), value.repeat_interleave(ratio, 1))
    try:
        found = attention(query, key, value)
    except RuntimeError:
        return float("nan")
    if found.shape != expected.shape:
        return float("nan")
    return float(torch.cosine_similarity(found.double().flatten(), expected.flatten(), dim=0))


def _one_head_at_a_time(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Causal multi-head attention in float64: every position of every head by itself."""
    import torch

    result = torch.zeros(query.shape, dtype=torch.float64)
    for head in range(query.shape[1]):
        q, k, v = (one[:, head].double() for one in (query, key, value))
        for position in range(q.shape[1]):
            past = slice(position + 1)
            scores = torch.einsum("bd,btd->bt", q[:, position], k[:, past]) / q.shape[-1] ** 0.5
            result[:, head, position] = torch.einsum("bt,btd->bd", scores.softmax(-1), v[:, past])
    return result


def tiled(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Query head h reads key-value head h modulo their number: the order of other frameworks."""
    times = query.shape[1] // key.shape[1]
    return grouped_query_attention(query, key.repeat(1, times, 1, 1), value.repeat(1, times, 1, 1))


def _seeing_the_future(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Every position reads every other, as in an encoder."""
    times = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    return ((query @ key.transpose(-1, -2)) / query.shape[-1] ** 0.5).softmax(-1) @ value


def _unscaled(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Scores that are not divided by the root of the head size."""
    return grouped_query_attention(query * query.shape[-1] ** 0.5, key, value)


@grouped_query_equals_repeated.counterexample
def heads_tiled() -> dict[str, Any]:
    """Heads shared in another order."""
    return {"attention": tiled}


@grouped_query_equals_repeated.counterexample
def the_future_seen() -> dict[str, Any]:
    """No causal mask."""
    return {"attention": _seeing_the_future}


@grouped_query_equals_repeated.counterexample
def scores_not_scaled() -> dict[str, Any]:
    """No division by the root of the head size."""
    return {"attention": _unscaled}


@falsifier("attention.grouped-query-forward", needs="tensors", imports=("torch", "transformers"))
def grouped_query_forward(
    model: Model,
    *,
    cosine: Criterion = Criterion(at_least=0.999),
    attention: Callable[..., Any] = grouped_query_attention,
) -> Verdict:
    """A forward pass through these weights, by this project's own small decoder, agrees with ``transformers``.

    The logits at every position of a fixed prompt must be finite, differ from token to token and from position to
    position, not depend on later tokens, and point where those of ``transformers`` point with the same weights.

    Args:
        cosine: what the lowest cosine over the positions must meet. 0.999 is the reference contract's bound against
            the Hugging Face oracle; two correct float32 implementations come above 0.999999.
    """
    try:
        decoder = load_decoder(model)
    except UnfitError as error:
        return Verdict.inconclusive(f"{model.path}: no forward pass was made: {error}")
    prompt = fixed_prompt(decoder.weights["token_embedding"].shape[0])
    ours = logits(decoder, prompt, attention)
    found = _own_faults(ours) or _future_seen(ours, logits(decoder, _last_token_changed(prompt), attention))
    lowest = None
    if not found:
        import torch

        try:
            theirs = oracle_logits(model, decoder, prompt)
        except UnfitError as error:
            return Verdict.inconclusive(f"{model.path}: no forward pass was compared: {error}")
        cosines = torch.cosine_similarity(ours[0].double(), theirs[0].double(), dim=-1)
        lowest, position = float(cosines.min()), int(cosines.argmin())
        if not cosine.holds(lowest):
            found = (
                f"position {position}: cosine {lowest:.6f} with transformers on the same weights, expected {cosine}; "
                "heads are shared in another order, or rotary positions, norm or biases differ"
            )
    return Verdict.of(not found, found=found, examined=(prompt.shape[1], "positions"), cosine=lowest)


def fixed_prompt(rows: int, length: int = _PROMPT_LENGTH) -> torch.Tensor:
    """A fixed prompt [1, length] of ids spread over the vocabulary."""
    import torch

    return (torch.arange(1, length + 1) * 7919 % rows).unsqueeze(0)


def _last_token_changed(prompt: torch.Tensor) -> torch.Tensor:
    changed = prompt.clone()
    changed[0, -1] = prompt[0, 0]
    return changed


def _own_faults(found: torch.Tensor) -> str:
    import torch

    finite = torch.isfinite(found)
    if not finite.all():
        position, token = (int(one) for one in (~finite[0]).nonzero()[0])
        return f"position {position}: the logit of token {token} is {found[0, position, token]}; a weight is not finite"
    if float(found.std(-1).min()) == 0.0:
        return "the logits of a position are all equal: the output or the final norm is constant"
    if float(found.std(1).max()) == 0.0:
        return "the logits are the same at every position: the prompt has no influence"
    return ""


def _future_seen(first: torch.Tensor, other: torch.Tensor) -> str:
    """Words for logits that changed before the last position although only the last token did."""
    difference = (first - other)[0, :-1].abs().amax(-1)
    if float(difference.max()) <= _SAME * max(1.0, float(first.abs().max())):
        return ""
    return (
        f"position {int(difference.argmax())}: changing only the last token moves a logit by "
        f"{float(difference.max()):.4f}; attention reads positions that come later"
    )


@grouped_query_forward.counterexample
def forward_with_heads_tiled(model: Model) -> dict[str, Any]:
    """Query heads that read another key-value head than their own."""
    heads, shared = model.config.num_attention_heads, model.config.num_key_value_heads
    if heads is None or shared in (None, 1, heads):
        raise NotApplicable(f"{heads} query heads on {shared} key-value heads can be shared in one order only")
    return {"attention": tiled}


@grouped_query_forward.counterexample
def forward_that_sees_the_future(_model: Model) -> dict[str, Any]:
    """Attention without a causal mask."""
    return {"attention": _seeing_the_future}


@grouped_query_forward.counterexample
def forward_without_scaling(_model: Model) -> dict[str, Any]:
    """Scores that are not divided by the root of the head size."""
    return {"attention": _unscaled}


@grouped_query_forward.counterexample
def a_weight_that_is_not_a_number(model: Model) -> Model:
    """One NaN in the final norm."""
    return model.with_tensor("final_norm", _first_value_lost)


@grouped_query_forward.counterexample
def an_output_that_is_constant(model: Model) -> Model:
    """A final norm of zeros, so that every logit is zero."""
    return model.with_tensor("final_norm", lambda values: values * 0)


def _first_value_lost(values: Any) -> Any:
    changed = values.copy()
    changed.flat[0] = float("nan")
    return changed
