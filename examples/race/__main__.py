"""``python -m examples.race FOLDER``: the smoke race on this machine, from one command.

The corpus is the standard library of the running interpreter, another one on every machine. Its digests are therefore
written into the copy of ``race.yaml`` that is run, so that every run is claimed for these bytes and no others.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from examples.race.corpus import read_bytes

RACE = Path(__file__).parent / "race.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the race file with its corpus, and run it with ``contract race run``; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0].startswith("-"):
        print("usage: python -m examples.race FOLDER [OPTIONS OF contract race run]", file=sys.stderr)
        return 4
    from falsifiable.cli import run

    folder = Path(given[0])
    return run(["race", "run", str(write_race(folder)), "--output", str(folder), "--probe", *given[1:]])


def write_race(folder: Path, template: Path = RACE) -> Path:
    """The race file with the corpus of this machine in it, beside the folder's other files."""
    corpus = read_bytes(None)
    train, validation = corpus.digests
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "race.yaml"
    pinned = [
        f"name: {corpus.name}", f"train_sha256: {train}", f"validation_sha256: {validation}",
        f"train_tokens: {len(corpus.train)}", f"validation_tokens: {len(corpus.validation)}",
    ]  # fmt: skip
    text = "\n".join(["", "corpus:", *(f"  {line}" for line in pinned), ""])
    target.write_text(template.read_text(encoding="utf-8") + text, encoding="utf-8")
    return target


if __name__ == "__main__":
    sys.exit(main())
