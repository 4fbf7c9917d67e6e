"""The runs of a race as a table: plain text of a fixed width, and on a terminal a table that is drawn anew."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from falsifiable.race.predicting.prediction import Prediction
from falsifiable.report.race.status import RaceStatus, RunStatus
from falsifiable.report.text import clean, counted

if TYPE_CHECKING:
    from rich.table import Table

HEAD = ("run", "recipe", "seed", "step", "value", "predicted", "state", "action", "reason")
_RIGHT = frozenset({"seed", "step", "value"})
_WIDEST = {"run": 44, "recipe": 20, "state": 18}
_FEWEST_FOR_REASON = 24
_STYLES = {"stop": "red", "promote": "bold green", "hold": "bold yellow", "keep": ""}
_SECONDS = 2.0


def status_text(status: RaceStatus, width: int) -> str:
    """The race as plain text of at most ``width`` columns: a headline, the runs, and what is wrong with the ledger.

    Where the reasons do not fit beside the other columns they stand below each run.
    """
    rows = [cells(one) for one in status.runs]
    widths = [max(_width(cell) for cell in column) for column in zip(HEAD, *rows, strict=True)]
    left = width - sum(widths[:-1]) - 2 * len(widths[:-1])
    beside = left >= min(widths[-1], _FEWEST_FOR_REASON)
    widths[-1] = max(min(widths[-1], left), 0)
    lines = [headline(status), ""]
    for row in (HEAD, *rows):
        shown = row if beside else row[:-1]
        lines.append("  ".join(_padded(*one) for one in zip(shown, widths, HEAD, strict=False)).rstrip())
        if not beside and row is not HEAD and row[-1]:
            lines.append("    " + _cut(row[-1], width - 4))
    lines += [f"ledger: {clean(fault)}" for fault in status.faults]
    return "\n".join(lines) + "\n"


def headline(status: RaceStatus) -> str:
    """``smoke: 21 runs (11 running, 10 stopped), rung 1 decided at step 500; values in bits_per_byte``."""
    standings = ", ".join(f"{number} {name}" for name, number in status.counted().items())
    rungs = status.rungs
    last = max(rungs, default=None)
    decided = "no rung decided yet" if last is None else f"rung {last} decided at step {rungs[last]}"
    runs = counted(len(status.runs), "run") + (f" ({standings})" if standings else "")
    return f"{clean(status.name)}: {runs}, {decided}; values in {clean(status.unit)}"


def cells(one: RunStatus) -> tuple[str, ...]:
    """The cells of one run, in the order of ``HEAD``, safe to print."""
    return (
        _shown(one.run, "run"),
        _shown(one.recipe, "recipe"),
        "" if one.seed is None else str(one.seed),
        f"{'-' if one.step is None else one.step}/{'?' if one.steps is None else one.steps}",
        "" if one.value is None else number(one.value),
        "" if one.prediction is None else interval(one.prediction),
        _shown(one.status if one.decision is None else one.decision.state, "state"),
        clean(one.action if one.is_live else one.status),
        clean(one.reason),
    )


def interval(predicted: Prediction) -> str:
    """``3.2500 [3.1000, 3.4000]``: what is predicted, and the interval that is to hold it."""
    return f"{number(predicted.value)} [{number(predicted.low)}, {number(predicted.high)}]"


def number(value: float) -> str:
    """A value with four digits after the point, as logs of losses have them."""
    return f"{value:.4f}" if math.isfinite(value) else str(value)


def _shown(text: str, column: str) -> str:
    return _cut(clean(text), _WIDEST[column])


def _width(text: str) -> int:
    """Columns that a terminal needs: two for a wide letter, none for a mark on the letter before."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    return text + "…" if width > 0 else ""


def _padded(text: str, width: int, column: str) -> str:
    text = _cut(text, width)
    space = " " * (width - _width(text))
    return space + text if column in _RIGHT else text + space


def status_table(status: RaceStatus) -> Table:
    """The race as a table for a terminal; nothing in a name is taken for markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(headline(status)), title_justify="left", expand=False, box=None, pad_edge=False)
    for name in HEAD:
        ratio = 1 if name == "reason" else None
        justify = "right" if name in _RIGHT else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", ratio=ratio)  # type: ignore[arg-type]
    for one in status.runs:
        table.add_row(*(Text(cell) for cell in cells(one)), style=_STYLES.get(one.action, ""))
    for fault in status.faults:
        table.add_row(Text("ledger"), *[Text("")] * (len(HEAD) - 2), Text(clean(fault)), style="red")
    return table


def follow(
    read: Callable[[], RaceStatus],
    out: TextIO,
    width: int,
    *,
    wait: Callable[[float], None] = time.sleep,
    seconds: float = _SECONDS,
) -> RaceStatus:
    """Show a race until it is over, and return how it stood then.

    On a terminal one table is drawn over and over; elsewhere the text is written whenever it has changed.

    Args:
        read: how the race stands now.
        out: where to show it.
        width: of plain text, in columns.
        wait: what passes ``seconds`` between two looks.
        seconds: between two looks.
    """
    if out.isatty():
        return _follow_on_terminal(read, out, wait, seconds)
    shown = ""
    while True:
        status = read()
        text = status_text(status, width)
        if text != shown:
            out.write(text if not shown else "\n" + text)
            out.flush()
            shown = text
        if status.is_over:
            return status
        wait(seconds)


def _follow_on_terminal(
    read: Callable[[], RaceStatus], out: TextIO, wait: Callable[[float], None], seconds: float
) -> RaceStatus:
    from rich.console import Console
    from rich.live import Live

    status = read()
    with Live(status_table(status), console=Console(file=out), auto_refresh=False) as live:
        while not status.is_over:
            wait(seconds)
            status = read()
            live.update(status_table(status), refresh=True)
    return status


def print_status(status: RaceStatus, out: TextIO, width: int) -> None:
    """The race as it stands: a table on a terminal, plain text elsewhere."""
    if not out.isatty():
        out.write(status_text(status, width))
        return
    from rich.console import Console

    Console(file=out).print(status_table(status))
