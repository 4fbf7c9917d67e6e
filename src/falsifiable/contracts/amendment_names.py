"""How the file of an amendment is called: when it was written, what about, and eight digits that no two share."""

from __future__ import annotations

import re
import unicodedata

_NAME = re.compile(r"([0-9]{8}T[0-9]{6}Z)-[a-z0-9]+(?:-[a-z0-9]+)*-[0-9a-f]{8}\.md")
_LONGEST_SLUG_CHARACTERS = 60


def file_name(title: str, created: str, salt: str) -> str:
    """The name of a new amendment: ``20261121T175000Z-the-trainer-takes-5f3a09c2.md``.

    Args:
        title: what it is about.
        created: a time such as 2026-11-21T17:50:00Z.
        salt: eight hexadecimal digits by chance: two people may write the same title in the same second.
    """
    return f"{compact(created)}-{_slug(title)}-{salt}.md"


def file_name_fault(name: str, created: str | None) -> str:
    """What is wrong with the file name of an amendment ``created`` then (None: not known); "" where nothing is."""
    matched = _NAME.fullmatch(name)
    if matched is None:
        return "this is no name of an amendment, so it is not read as one"
    if created is not None and matched[1] != compact(created):
        return f"the name says {matched[1]}, but the amendment was created {created}"
    return ""


def compact(created: str) -> str:
    """``created`` as file names have it: 2026-11-21T17:50:00Z is 20261121T175000Z."""
    return created.replace("-", "").replace(":", "")


def _slug(title: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", ascii_only))
    return words[:_LONGEST_SLUG_CHARACTERS].strip("-") or "amendment"
