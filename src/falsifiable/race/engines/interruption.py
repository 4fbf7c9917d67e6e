"""Being asked to end (Ctrl-C, SIGTERM) while processes run: noticed between two looks at them, never in the middle.

An exception at an arbitrary place could lose a process that was just started, or break off a write to the ledger.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While it is entered, signals are counted instead of raised. Outside the main thread it counts nothing.

    Attributes:
        times: how often the process was asked to end: once is gracefully, twice is at once.
    """

    def __init__(self) -> None:
        self.times = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.times += 1
