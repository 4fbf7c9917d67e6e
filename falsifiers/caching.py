"""Generation from a cache of keys and values computes what one pass over the whole text computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from falsifiable import Model, Verdict, falsifier
from falsifiers.attention import fixed_prompt
from falsifiers.oracle import cached_oracle_logits
from falsifiers.reference_decoder import Decoder, UnfitError, load_decoder, logits

if TYPE_CHECKING:
    import torch


@falsifier("attention.kv-cache-equals-no-cache", needs="tensors", imports=("torch", "transformers"))
def kv_cache_equals_no_cache(
    model: Model,
    *,
    within: float = 1e-3,
    positions: int = 16,
    decode: Callable[..., Any] = cached_oracle_logits,
) -> Verdict:
    """Token by token on a cache, these weights give at every position the logits of one pass without a cache.

    The cached side is that of ``transformers``, as it generates; the other is this project's decoder, which has no
    cache. One position says nothing: at the first there is no cache yet.

    Args:
        within: largest difference of two logits, as a share of the largest logit. Two float32 implementations that add
            up in another order differ by less than 1e-5; a cache that loses a position moves logits by tenths.
        positions: how many tokens are decoded; at least 2.
    """
    import torch

    if positions < 2:
        return Verdict.inconclusive(f"positions is {positions}; at the first position there is nothing in a cache yet")
    try:
        decoder = load_decoder(model)
        prompt = fixed_prompt(decoder.weights["token_embedding"].shape[0], positions)
        whole, cached = logits(decoder, prompt), decode(model, decoder, prompt)
    except UnfitError as error:
        return Verdict.inconclusive(f"{model.path}: no forward pass was made: {error}")
    if not whole.isfinite().all():
        return Verdict.inconclusive(f"{model.path}: logits without a cache are not finite; see weights.finite")
    share = ((whole - cached).abs().amax(-1) / whole.abs().max())[0]
    share = torch.where(share.isfinite(), share, torch.full_like(share, float("inf")))
    wrong = (share > within).nonzero().flatten().tolist()
    at = wrong[0] if wrong else 0
    return Verdict.of(
        not wrong,
        found=f"position {at}: with the cache a logit differs by {float(share[at]):.4g} of the largest, expected at "
        f"most {within:g} ({len(wrong)} of {positions} positions); the cache loses or repeats a position, or cached "
        "keys are turned by the angle of another one",
        examined=(positions, "positions"),
        largest_difference=(float(share.max()), "share of the largest logit"),
    )


@kv_cache_equals_no_cache.counterexample
def a_cache_that_forgets(_model: Model) -> dict[str, Any]:
    """Every token decoded as if it were the first."""
    return {"decode": _each_token_alone}


@kv_cache_equals_no_cache.counterexample
def positions_that_stand_still(_model: Model) -> dict[str, Any]:
    """Keys kept, and every new token turned by the angle of the first position."""
    return {"decode": _always_at_the_first_position}


@kv_cache_equals_no_cache.counterexample
def a_cache_of_another_text(_model: Model) -> dict[str, Any]:
    """A cache that still holds a token of the text before."""
    return {"decode": _after_another_text}


def _each_token_alone(_model: Model, decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat([logits(decoder, one) for one in ids.split(1, dim=1)], dim=1)


def _always_at_the_first_position(model: Model, decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
    return cached_oracle_logits(model, decoder, ids, position_ids=ids[:, :1] * 0)


def _after_another_text(model: Model, decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
    import torch

    return cached_oracle_logits(model, decoder, torch.cat((ids[:, -1:], ids), dim=1))[:, 1:]
