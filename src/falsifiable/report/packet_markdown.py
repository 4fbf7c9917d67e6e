"""A promotion packet as Markdown: for a person, and for wherever Markdown is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from falsifiable.report.text import clean
from falsifiable.status.words import shown_value


def as_markdown(packet: Mapping[str, Any]) -> str:
    """The packet, section by section, in the order of its data."""
    run = packet["run"]
    parts = [
        f"# Promotion packet of run {_shown(run['run_id'])}\n",
        _release(packet["release"]),
        "## Run\n\n" + _table(("what", "value"), _identity(run)),
        "## Data\n\n" + _rows(packet["datasets"]),
        "## Metrics\n\n" + _rows(packet["metrics"]),
        "## Reproduction\n\n" + _block(packet["reproduction"]["commands"]),
        "## Source\n\n" + _table(("what", "value"), _flat(packet["source"])),
        "## References\n\n" + _list(packet["references"]),
        "## Figures\n\n" + "\n".join(map(_figure, packet["figures"])) if packet["figures"] else "## Figures\n\nNone.\n",
        "## Files\n\n" + _rows(packet["artifacts"]),
        "## Evidence\n\n" + _rows(packet["evidence"]),
        "## Statuses\n\n" + _rows(packet["statuses"]),
        "## Open questions\n\n" + _list(packet["open_questions"]),
    ]
    return "\n".join(parts)


def _release(release: Mapping[str, Any]) -> str:
    said = f"Release status: **{release['status']}**.\n"
    if release["missing"]:
        said += "\nIt stays a candidate for want of:\n\n" + _list(release["missing"])
    if release["falsified"]:
        said += "\nFalsified: " + ", ".join(map(_shown, release["falsified"])) + "\n"
    return said


def _identity(run: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _flat({name: value for name, value in run.items() if name not in ("environment", "architecture")})
    for name in ("architecture", "environment"):
        if isinstance(run[name], Mapping):
            yield name, ", ".join(f"{key} {value}" for key, value in run[name].items() if value is not None)


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value; of a mapping, its parts side by side."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield name, ", ".join(f"{key} {part}" for key, part in value.items())
        else:
            yield name, value


def _figure(figure: Mapping[str, Any]) -> str:
    heading = f"### {_shown(figure['name'])} ({figure['unit']})\n\n"
    values = [value for _, value in figure["points"] if isinstance(value, int | float)]
    most = max(values, default=0.0)
    rows = [(step, value, _bar(value, most)) for step, value in figure["points"]]
    return heading + _table(("step", "value", ""), rows)


def _bar(value: Any, most: float) -> str:
    """A value as a bar, so that a falling loss can be seen in a text."""
    share = value / most if isinstance(value, int | float) and most > 0 else 0.0
    return "█" * max(0, round(share * 30))


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    return _table(tuple(rows[0]), (tuple(row.values()) for row in rows)) if rows else "None.\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *(_line(list(map(_shown, row))) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _block(lines: Sequence[str]) -> str:
    """Commands as indented code, which no text in them can end."""
    return "".join(f"    {clean(line)}\n" for line in lines) or "None.\n"


def _list(items: Sequence[Any]) -> str:
    return "".join(f"- {_shown(one)}\n" for one in items) or "None.\n"


def _shown(value: Any) -> str:
    """A value in a cell: on one line, with nothing that Markdown would take for its own."""
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return shown_value(value)
    text = clean(", ".join(map(str, value)) if isinstance(value, list) else str(value))
    for mark in "\\`|<>[]*":
        text = text.replace(mark, f"\\{mark}")
    return text
