"""Semantic versions of contracts and specs, and how far a change moves them."""

from __future__ import annotations

import re
from enum import IntEnum

from falsifiable.contracts.model import SEMANTIC_VERSION


class Bump(IntEnum):
    """How far a version moves: the higher, the more a reader of the earlier one has to look at again."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @classmethod
    def of(cls, word: str) -> Bump:
        """The bump that a lower-case ``word`` names. Raises ValueError with the words there are."""
        if word not in {one.word for one in cls}:
            raise ValueError(f"{word!r} is no bump of a version; there are {', '.join(one.word for one in cls)}")
        return cls[word.upper()]

    @property
    def word(self) -> str:
        """``none``, ``patch``, ``minor`` or ``major``; ``Bump.of(bump.word) is bump``."""
        return self.name.lower()


def semantic_order(version: str) -> tuple[int, int, int]:
    """``version`` as the numbers it is ordered by: 1.9.0 stands before 1.10.0.

    Raises:
        ValueError: it is not three whole numbers joined by dots.
    """
    if not re.fullmatch(SEMANTIC_VERSION, version):
        raise ValueError(f"{version!r} is no version: expected three whole numbers joined by dots, such as 1.10.0")
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def bumped(version: str, bump: Bump) -> str:
    """The version after ``version``: 1.4.2 becomes 1.4.3, 1.5.0 or 2.0.0. Raises ValueError for one that is none."""
    major, minor, patch = semantic_order(version)
    following = {
        Bump.NONE: (major, minor, patch),
        Bump.PATCH: (major, minor, patch + 1),
        Bump.MINOR: (major, minor + 1, 0),
        Bump.MAJOR: (major + 1, 0, 0),
    }
    return ".".join(map(str, following[bump]))
