"""Amendments as their authors write them, for the tests of every room that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHYS = ("It has no tokens.", "None were written.", "None were asked for.", "Nobody read it.", "No test did.")


def amendment_text(
    title: str = "Exports are read before they are published",
    *,
    created: str = "2026-11-21T17:50:00Z",
    bump: str = "minor",
    contracts: Mapping[str, str] | None = None,
    finding: str = "The export holds no tokenizer.",
    whys: Sequence[str] = WHYS,
    net_effect: str = "Two checks more run before a release.",
    lessons: Sequence[str] = (),
    supersedes: Sequence[int] = (),
    evidence: Sequence[str] = (),
    body: str = "",
) -> str:
    """The text of an amendment file; texts of several lines become blocks."""
    lines = ["---", f'amendment: "{title}"', f"created: {created}", f"bump: {bump}"]
    lines += ["contracts:", *(f"  {name}: {word}" for name, word in contracts.items())] if contracts else []
    lines += ["finding: |", *_indented(finding, 2), "five_whys:"]
    for why in whys:
        lines += ["  - |", *_indented(why, 4)]
    lines += ["evidence:", *(f'  - "{one}"' for one in evidence)] if evidence else []
    lines += ["net_effect: |", *_indented(net_effect, 2)]
    for number, lesson in enumerate(lessons):
        lines += [*(["lessons:"] if number == 0 else []), "  - |", *_indented(lesson, 4)]
    lines += [f"supersedes: [{', '.join(map(str, supersedes))}]"] if supersedes else []
    return "\n".join([*lines, "---", *(["", body] if body else []), ""])


def amendment_name(
    created: str = "2026-11-21T17:50:00Z", salt: str = "5f3a09c2", slug: str = "exports-are-read"
) -> str:
    """The name of such a file."""
    return f"{created.replace('-', '').replace(':', '')}-{slug}-{salt}.md"


def _indented(text: str, width: int) -> list[str]:
    return [f"{' ' * width}{line}".rstrip() for line in text.split("\n")]
