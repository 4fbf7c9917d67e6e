"""Small ledgers of somebody else's kind, that tests write row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HONEST = (5.31, 4.42, 3.87, 3.52, 3.31, 3.27, 3.05, 2.98, 2.99, 2.81)
"""A measured curve: it falls, and it is not smooth."""


def queue_row(name: str, **changes: Any) -> dict[str, Any]:
    """A done run of 1000 steps that ended where HONEST ends; every value is a text, as such dumps have it."""
    seed = name.rpartition("seed")[2] if "seed" in name else "200"
    row = {"canon_name": name, "seed": seed, "steps_budget": "1000", "status": "done", "prune_reason": ""}
    return {**row, "final_bpb": str(HONEST[-1]), "final_step": "1000", "last_error": "", **changes}


def sample_rows(run: str, values: Sequence[float | None], *, seed: int = 200, every: int = 100) -> list[dict[str, Any]]:
    """Samples at every hundredth step."""
    return [{"run": run, "seed": seed, "step": n * every, "bpb": value} for n, value in enumerate(values, start=1)]


def written(
    folder: Path, queue: Iterable[Mapping[str, Any]], samples: Iterable[Mapping[str, Any]]
) -> tuple[Path, Path]:
    """Both files in ``folder``."""
    paths = folder / "queue.jsonl", folder / "samples.jsonl"
    for path, rows in zip(paths, (queue, samples), strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths
