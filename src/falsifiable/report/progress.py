"""Progress of a validation on stderr, only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from falsifiable.validation.events import Challenged, Event, Finished, Judged, Listener, Planned, Started


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Listener]:
    """A listener that draws a progress bar while it is in use; elsewhere than on a terminal it does nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def listen(event: Event) -> None:
            if isinstance(event, Planned):
                bar.update(task, total=event.falsifiers, completed=0)
            elif isinstance(event, Started):
                bar.update(task, description=event.falsifier)
            elif isinstance(event, Judged):
                bar.advance(task)
            elif isinstance(event, Challenged):
                bar.update(task, description=f"mutants for {event.falsifier}", advance=1)
            elif isinstance(event, Finished):
                bar.update(task, description="done")

        yield listen
