"""The nearest of many spellings: what ``difflib.get_close_matches`` finds, in a fraction of its time.

A contract that leans on ten others which are not there compares each name with those of all that are.
"""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of ``names`` most like ``word``, by difflib's ratio (0 to 1); None where all are below ``cutoff``.

    Of two that are equally like it the later one in the order of the alphabet is taken, as difflib does.
    """
    candidates = []
    for name in names:
        both = len(word) + len(name)
        if both and 2.0 * min(len(word), len(name)) / both < cutoff:
            continue
        rest = name
        for letter in word:
            rest = rest.replace(letter, "", 1)
        at_most = 2.0 * (len(name) - len(rest)) / both if both else 1.0
        if at_most >= cutoff:
            candidates.append((at_most, name))
    return _most_alike(word, candidates, cutoff) if candidates else None


def _most_alike(word: str, candidates: list[tuple[float, str]], cutoff: float) -> str | None:
    """The best of names with a bound of their ratio each; once the bounds are below the best, the rest is not tried."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher()
    matcher.set_seq2(word)
    best: tuple[float, str] | None = None
    for at_most, name in sorted(candidates, reverse=True):
        if best is not None and at_most < best[0]:
            break
        matcher.set_seq1(name)
        ratio = matcher.ratio()
        if ratio >= cutoff and (best is None or (ratio, name) > best):
            best = (ratio, name)
    return best[1] if best else None
