"""Pickles wherever they lie, looked at for what loading them would do; nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from falsifiable.artifacts.formats.pytorch.legacy import MAGIC_NUMBER, PICKLES
from falsifiable.artifacts.formats.pytorch.pickle_assessment import assess
from falsifiable.artifacts.formats.pytorch.pickle_machine import run_pickle
from falsifiable.artifacts.formats.pytorch.pickle_objects import PickleRun
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.safety.findings import Finding
from falsifiable.artifacts.sources.files import Readable

_MOST_PICKLES = 64  # in one file, one behind the other
_HIGHEST_PROTOCOL = 5
_MOST_NAMES = 32


def starts_as_pickle(start: bytes) -> bool:
    """Whether bytes begin with the PROTO opcode, as all pickles since protocol 2 do."""
    return len(start) >= 2 and start[0] == 0x80 and start[1] <= _HIGHEST_PROTOCOL


def file_pickle_findings(source: Readable, file: str, limits: Limits, *, surely: bool) -> Iterator[Finding]:
    """Findings in a file as an unpickler reads it from its start; only as much is read as that takes.

    ``surely`` says that it is a pickle and nothing else.
    """
    found: list[Finding] = []
    for size in (limits.read_block_bytes, limits.pickle_bytes):
        content = source.read(0, min(source.size, size))
        complete = source.size <= size
        if surely:
            found = list(pickle_findings(content, source.path, file, limits, complete=complete))
        else:
            found = list(hidden_pickle_findings(content, source.path, file, limits, total=source.size))
        if complete or not any(one.kind == "not-looked-into" for one in found):
            break
    yield from found


def pickle_findings(
    content: bytes, path: Path, file: str, limits: Limits, *, base_offset: int = 0, complete: bool = True
) -> Iterator[Finding]:
    """Findings in content that is one or more pickles; ``complete`` is False where more of it was not read."""
    position, first = 0, None
    for count in range(1, _MOST_PICKLES + 1):
        run = _run(content, path, position, base_offset, limits)
        yield from _names(run, file)
        if run.fault is not None:
            yield _broken(run, file, base_offset + len(content) if complete else None)
        if run.ending != "stop":
            return
        first = run.value if count == 1 else first
        position = run.end - base_offset
        if (first == MAGIC_NUMBER and count == PICKLES) or position == len(content):
            return  # what follows the pickles of a legacy checkpoint are its storages
        if not starts_as_pickle(content[position : position + 2]):
            break
    behind = list(_names(_run(content, path, position, base_offset, limits), file))
    if any(one.verdict == "dangerous" for one in behind):  # protocol 0 has no mark at its start
        yield from behind
    rest = f"{len(content) - position} bytes" if complete else "bytes"
    yield Finding(
        "hidden-content", "suspicious", file, base_offset + position, f"{rest} behind the pickle",
        "no unpickler reads them",
    )  # fmt: skip


def hidden_pickle_findings(
    content: bytes, path: Path, file: str, limits: Limits, *, base_offset: int = 0, total: int | None = None
) -> Iterator[Finding]:
    """Findings in content that is a pickle by chance only: told if it is whole and calls, or names something dangerous.

    Pickles of protocol 0 and 1 begin with any opcode, so that any bytes may be one. ``total`` says of how many bytes
    the content is the beginning. What is a pickle as far as it was read, and not read to its end, is told as such.
    """
    run = _run(content, path, 0, base_offset, limits)
    found = list(_names(run, file))
    total = base_offset + (len(content) if total is None else total)
    if any(one.verdict == "dangerous" for one in found) or (found and run.ending == "stop") or _goes_on(run, total):
        yield from found
        if run.fault is not None:
            yield _broken(run, file, total)


def _goes_on(run: PickleRun, total: int) -> bool:
    """Whether an unpickler that is given the bytes up to ``total`` may run further than this reader did."""
    return run.ending == "limit" or (run.ending == "cut" and run.wanted <= total)


def _run(content: bytes, path: Path, start: int, base_offset: int, limits: Limits) -> PickleRun:
    return run_pickle(content, path, start=start, base_offset=base_offset, persistent=_outside, limits=limits)


def _outside(identifier: object, _: int) -> object:
    """A legacy checkpoint names classes by persistent ids ``("module", class, file, source)``."""
    if isinstance(identifier, tuple) and len(identifier) > 1 and identifier[0] == "module":
        return identifier[1]
    return identifier


def _names(run: PickleRun, file: str) -> Iterator[Finding]:
    left = 0
    for index, one in enumerate(assess(run)):
        if index >= _MOST_NAMES and one.judgement != "dangerous":
            left += 1
            continue
        verb = "calls" if one.called else "names"
        verdict = "dangerous" if one.judgement == "dangerous" else "suspicious"
        yield Finding("pickle-call", verdict, file, one.offset, f"loading it {verb} {one.name[:200]}", one.why)  # type: ignore[arg-type]
    if left:
        yield Finding("pickle-call", "suspicious", file, None, f"and {left} more names", "not known to be harmless")


def _broken(run: PickleRun, file: str, total: int | None) -> Finding:
    """The finding on a run with a fault; ``total`` is where the bytes end, None where that is behind what was read."""
    fault = run.fault
    assert fault is not None  # noqa: S101 - the caller asked because there is one
    if total is None or _goes_on(run, total):
        return Finding(
            "not-looked-into",
            "suspicious",
            file,
            fault.offset,
            fault.message if run.ending == "limit" else "a pickle longer than is looked at",
            "its rest is unknown",
        )
    return Finding(
        "broken-pickle", "suspicious", file, fault.offset, fault.message,
        "an unpickler has already done what comes before the break, and scanners that need a whole pickle see nothing",
    )  # fmt: skip
