"""Golden files: what a person reads, kept as a file, compared to the letter but for what differs from run to run.

When a text was changed on purpose, write the files anew and read the difference: ``UPDATE_GOLDEN=1 pytest tests``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent

NORMALISERS = (
    ("sha256 of a file", re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    ("first digits of a sha256", re.compile(r"\([0-9a-f]{12}\)"), "(DIGEST)"),
    ("duration", re.compile(r"\b\d+(\.\d+)? ?s(econds)?\b"), "SECONDS"),
)
"""What is different on each run or machine: its name, how it is recognised, and what stands for it in the file."""


def normalised(text: str, *folders: Path) -> str:
    """``text`` with everything that NORMALISERS name, and each of ``folders``, replaced by a word."""
    for folder in folders:
        text = text.replace(str(folder), "FOLDER")
    for _, pattern, word in NORMALISERS:
        text = pattern.sub(word, text)
    return text


def assert_golden(name: str, text: str, *folders: Path) -> None:
    """Compare ``text`` with the golden file ``name``; written anew where ``UPDATE_GOLDEN`` is set."""
    path = FOLDER / name
    found = normalised(text, *folders)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{path} is not what is printed; see {__name__}"
