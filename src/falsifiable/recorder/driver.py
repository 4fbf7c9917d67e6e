"""What the driver of a GPU says about this process: not what a flag or the framework believes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

_MEBIBYTE = 2**20
_QUERY = ("--query-compute-apps=gpu_uuid,pid,used_memory", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class _Use:
    """The memory of one GPU that one process holds; bytes are None where the driver does not tell them."""

    gpu: str
    pid: int
    memory_bytes: int | None


def memory_held(gpus: frozenset[str]) -> int | None:
    """Bytes that the driver counts for this process on the GPUs with these ids; None where it does not say.

    ``gpus`` are the GPUs on which this process is known to hold tensors. In a container the driver may know it by
    another number; a GPU on which it lists one process alone then lists this one.
    """
    listed = _listed()
    return None if listed is None else _attributed(_parsed(listed), gpus, os.getpid())


def _listed() -> str | None:
    try:
        answer = subprocess.run(["nvidia-smi", *_QUERY], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


def _parsed(listed: str) -> list[_Use]:
    """The lines ``GPU-…, 4711, 2048`` (mebibytes, or ``[N/A]``); anything else is passed over."""
    uses = []
    for line in listed.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[1].isdigit():
            uses.append(_Use(parts[0], int(parts[1]), int(parts[2]) * _MEBIBYTE if parts[2].isdigit() else None))
    return uses


def _attributed(uses: list[_Use], gpus: frozenset[str], pid: int) -> int | None:
    held: list[int | None] = []
    for gpu in sorted(gpus):
        there = [use for use in uses if use.gpu == gpu]
        ours = [use for use in there if use.pid == pid] or (there if len(there) == 1 else [])
        held.append(ours[0].memory_bytes if ours else None)
    known = [one for one in held if one is not None]
    return sum(known) if known and len(known) == len(held) else None
