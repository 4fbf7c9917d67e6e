"""Progress of a validation on stderr: a bar on a terminal, plain lines in CI, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from falsifiable.report.manner import manner_of
from falsifiable.validation.events import Challenged, Event, Finished, Judged, Listener, Planned, Started


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Listener]:
    """A listener that shows progress while it is in use, as fits where stderr leads; ``quiet`` shows nothing."""
    manner = manner_of(sys.stderr, quiet=quiet)
    if manner == "nothing":
        yield lambda _: None
    elif manner == "lines":
        from falsifiable.report.progress_lines import ProgressLines, now_and_then

        lines = ProgressLines(sys.stderr)
        with now_and_then(lines.still_running):
            yield lines
    else:
        with _bar() as listener:
            yield listener


@contextmanager
def _bar() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # It is known to be a terminal; FORCE_COLOR= would make rich take it for none.
    with Progress(*columns, console=Console(stderr=True, force_terminal=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        planned = 0

        def listen(event: Event) -> None:
            nonlocal planned
            if isinstance(event, Planned):
                planned += event.falsifiers
                bar.update(task, total=planned + event.later)
            elif isinstance(event, Started):
                bar.update(task, description=event.falsifier)
            elif isinstance(event, Judged):
                bar.advance(task)
            elif isinstance(event, Challenged):
                bar.update(task, description=f"mutants for {event.falsifier}", advance=1)
            elif isinstance(event, Finished):
                bar.update(task, description="done")

        yield listen
