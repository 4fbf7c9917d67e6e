"""What the sabotages of every table are made of: a register, and changes of the files that every run folder has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from falsifiable.recorder import digest_of, size_of

Fields = dict[str, Any]
Sabotage = Callable[[Path], None]


class Sabotages(dict[str, Sabotage]):
    """What is done to the copy of a run folder, by the name of its row."""

    def register(self, change: Sabotage) -> Sabotage:
        """Take up a sabotage under its name with dashes."""
        self[change.__name__.replace("_", "-")] = change
        return change


def rewrite_record(run: Path, change: Callable[[Fields], object]) -> None:
    """Write run.yaml again, changed in place by ``change``."""
    path = run / "run.yaml"
    record = yaml.safe_load(path.read_text())
    change(record)
    path.write_text(yaml.safe_dump(record, sort_keys=False))


def rewrite_log(run: Path, change: Callable[[list[Fields]], list[Fields]]) -> None:
    """Write metrics.jsonl again with other rows."""
    path = run / "metrics.jsonl"
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rewrite_json(path: Path, change: Callable[[Fields], object]) -> None:
    """Write a JSON file again, changed in place by ``change``."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2))


def seal(run: Path) -> None:
    """Make run.yaml name the bytes that are there now, as one would who wants to hide a change."""

    def named_anew(record: Fields) -> None:
        for artifact in record["artifacts"].values():
            path = run / artifact["path"]
            artifact.update(sha256=digest_of(path), size=size_of(path))
        record["init"]["sha256"] = record["artifacts"]["init"]["sha256"]

    rewrite_record(run, named_anew)
