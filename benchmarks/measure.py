"""One measurement, in a fresh process: prepare, start the clock, do the work, stop the clock.

A piece of work is named ``module:function``. The function gets the file to measure and a tiny file of the same kind,
does what the clock must not see (imports, compilation, one run over the tiny file) and returns what it must see. What
the work returns is kept, so that a row can tell that both sides found the same; where telling takes time the work
returns a function, which is called after the clock has stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_REPEAT_SECONDS = 0.05
_MOST_CALLS = 25
_SAMPLE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Work:
    """What one side of a row does: ``name`` is ``module:function``; ``tiny`` is empty where nothing is to be warmed."""

    name: str
    path: str
    tiny: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one process measured.

    ``seconds`` is the median of ``calls`` calls; ``result`` is what the work returned. ``read_bytes`` is what the
    process and those it started took in through read calls. ``cached_share`` is how much of the file was in the page
    cache before the clock started, 0 to 1; None for a folder. On request: ``anonymous_bytes``, the highest amount of
    memory seen that backs no file (RssAnon, sampled every two milliseconds while the work ran), the interpreter and its
    libraries included; ``resident_bytes``, the highest that backs anything (VmHWM), mapped files included.
    """

    seconds: float
    calls: int
    result: Any
    read_bytes: int
    anonymous_bytes: int | None = None
    resident_bytes: int | None = None
    cached_share: float | None = None


def prepared(work: Callable[[str], Any], path: str, tiny: str) -> Callable[[], Any]:
    """``work`` over ``path``, once it has been done to ``tiny`` (unless empty): everything paid once is paid there."""
    if tiny:
        work(tiny)
    return partial(work, path)


def measured(
    work: Work, *, cold: bool = False, memory: bool = False, once: bool = False, limit_seconds: float = 900.0
) -> Measurement:
    """Measure ``work`` in a process of its own.

    With ``cold`` the file is dropped from the page cache first; with ``memory`` memory is watched, which may cost time.
    Unless one of them or ``once`` is asked for, a call that takes less than 50 ms is repeated.

    Raises:
        RuntimeError: the work failed; the message holds what the process said.
    """
    order = json.dumps({"work": asdict(work), "cold": cold, "memory": memory, "once": once or cold or memory})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", order],
        cwd=ROOT, capture_output=True, text=True, timeout=limit_seconds, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{work.name} on {work.path} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def _measure(work: Work, *, cold: bool, memory: bool, once: bool) -> Measurement:
    module, _, function = work.name.partition(":")
    run: Callable[[], Any] = getattr(importlib.import_module(f"benchmarks.{module}"), function)(work.path, work.tiny)
    if cold:
        _drop_from_cache(work.path)
    cached = _cached_share(work.path)
    watch = _Watch() if memory else contextlib.nullcontext()
    before = _bytes_read()
    with watch:
        seconds, result = _timed(run)
    first_read = _bytes_read() - before
    times = [seconds]
    while not once and sum(times) < _REPEAT_SECONDS and len(times) < _MOST_CALLS:
        times.append(_timed(run)[0])
    return Measurement(
        seconds=statistics.median(times),
        calls=len(times),
        result=result() if callable(result) else result,
        anonymous_bytes=watch.highest if isinstance(watch, _Watch) else None,
        resident_bytes=_status_bytes("VmHWM") if memory else None,
        read_bytes=first_read,
        cached_share=cached,
    )


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


class _Watch:
    """Samples the memory that backs no file while the work runs."""

    def __init__(self) -> None:
        self.highest = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from what is resident now
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.highest = max(self.highest, _status_bytes("RssAnon"))
        self.highest = max(self.highest, _status_bytes("RssAnon"))


def _status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _bytes_read() -> int:
    """What this process took in through read calls, with the processes that it started and that have ended."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


# The page cache


def _drop_from_cache(path: str) -> None:
    """Ask for a file to leave the page cache; whether it did is for :func:`_cached_share` to tell."""
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())  # pages not yet written cannot be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _cached_share(path: str) -> float | None:
    """How much of a file is in the page cache, 0 to 1, as mincore tells it; None for a folder."""
    if not Path(path).is_file():
        return None
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Private and writable because ctypes takes no address of a read-only buffer; nothing is written.
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    pages = -(-size // mmap.PAGESIZE)
    resident = (ctypes.c_ubyte * pages)()
    first = ctypes.c_char.from_buffer(mapped)
    library = ctypes.CDLL(None, use_errno=True)
    failed = library.mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size), resident)
    del first
    mapped.close()
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "mincore")
    return sum(page & 1 for page in resident) / pages


def warm(path: str) -> None:
    """Read a file once, so that it lies in the page cache."""
    with Path(path).open("rb", buffering=0) as file:
        for _ in _blocks(file):
            pass


def _blocks(file: Any) -> Iterator[int]:
    buffer = memoryview(bytearray(2**20))
    while count := file.readinto(buffer):
        yield count


if __name__ == "__main__":
    _order = json.loads(sys.argv[1])
    _found = _measure(Work(**_order.pop("work")), **_order)
    print("\n" + json.dumps(asdict(_found)))  # a library may have printed while it worked; the last line is ours
