"""Sabotages of the first chunk of a window that a second one took up, as ``chunks.yaml`` describes them."""

from __future__ import annotations

from pathlib import Path

from tests.sabotage.run_folder import Sabotages, rewrite_record

SABOTAGES = Sabotages()
sabotage = SABOTAGES.register


@sabotage
def chunk_on_other_data(run: Path) -> None:
    rewrite_record(run, lambda record: record["datasets"]["train"].update(sha256="0" * 64))


@sabotage
def window_that_ended_earlier(run: Path) -> None:
    rewrite_record(run, lambda record: record["window"].update(last_step=record["window"]["last_step"] - 1))
