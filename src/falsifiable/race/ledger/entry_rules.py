"""What a claim may not ask for, whatever its id: another seed than its name says, a narrow GF16, a proxy as metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.race.errors import LMetricNonBpb, Lr9GfTooSmall, NameContradicts, RaceError
from falsifiable.race.ledger.names import CanonName, parse_canon

MIN_GF16_WIDTH = 256
"""Rule L-R9 of the reference race: GF16 from this width on, itself included; no rule for other number formats."""
PRIMARY_METRIC = "bpb"
"""Rule L-METRIC of the reference race: models trained on embeddings log a proxy beside it, which ranks nothing."""


def check_width(number_format: str, width: int, minimum: int = MIN_GF16_WIDTH) -> None:
    """Refuse a GF16 run narrower than ``minimum``. Raises Lr9GfTooSmall."""
    if number_format == "GF16" and width < minimum:
        raise Lr9GfTooSmall(width, minimum)


def check_metric(model: str, metric: str, wanted: str = PRIMARY_METRIC) -> None:
    """Refuse a primary metric that is a proxy. Raises LMetricNonBpb."""
    if metric != wanted:
        raise LMetricNonBpb(model, metric)


def check_entry(name: str, seed: int, config: Mapping[str, Any]) -> None:
    """Refuse what is asked for under a canon name; a name that is none says nothing of any rule.

    Raises NameContradicts, Lr9GfTooSmall or LMetricNonBpb.
    """
    canon = _canon(name)
    if canon is None:
        return
    if canon.seed not in (None, seed):
        raise NameContradicts(name, "seed", str(canon.seed), str(seed))
    if isinstance(width := config.get("hidden_size"), int):
        check_width(canon.number_format, width)
    if isinstance(metric := config.get("primary_metric"), str):
        check_metric(canon.model, metric)


def _canon(name: str) -> CanonName | None:
    try:
        return parse_canon(name)
    except RaceError:
        return None
