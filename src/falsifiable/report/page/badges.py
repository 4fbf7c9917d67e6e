"""Words that stand in for colours: every badge says in letters what its colour says."""

from __future__ import annotations

from falsifiable.report.page.markup import Element, element

_TONES = {
    "held": "good", "discharged": "good", "reached": "good", "integration": "good", "refuted": "good", "met": "good",
    "killed": "good", "signed": "good", "current": "good", "done": "good", "promote": "good",
    "falsified": "bad", "survived": "bad", "not met": "bad", "vacuous": "bad", "stop": "bad", "stopped": "bad",
    "could not run": "bad",
    "partial": "fair", "inconclusive": "fair", "held for review": "fair", "hold": "fair", "unproven": "fair",
    "stale": "fair",
}  # fmt: skip


def badge(word: str, said: str | None = None) -> Element:
    """``said`` (else ``word``) in the tone that ``word`` has: good, fair, bad, or none."""
    return element("span", said or word, class_=f"badge {_TONES.get(word.casefold(), 'plain')}")


def anchor(kind: str, name: str) -> str:
    """The id of a thing on the page: letters, digits and hyphens, and never the same for two names."""
    return f"{kind}-{''.join(one if one.isascii() and one.isalnum() else f'-{ord(one):x}-' for one in name)}"
