"""Reading every byte: content hash and statistics of all tensors."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison import (
    GB,
    Line,
    Row,
    Setting,
    Side,
    Table,
    bytes_text,
    compared,
    in_turn,
)
from benchmarks.measure import ROOT, prepared

SCANNED_BYTES = 2 * GB
WARMING_BYTES = GB // 10
MEMORY_CEILING_BYTES = 300 * 10**6
_BLOCK_BYTES = 2**20
_OURS = "rows_scan:falsifiable_scan"


# The works


def falsifiable_scan(path: str, tiny: str) -> Callable[[], int]:
    """Our fingerprints of every tensor; returns how many tensors are finite."""
    from falsifiable import open_model

    def work(one: str) -> int:
        return sum(fingerprint.finite for fingerprint in open_model(one).fingerprints.values())

    return prepared(work, path, tiny)


def falsifiable_scan_with_sha256(path: str, tiny: str) -> Callable[[], str]:
    """The same, and the sha256 of the file, as a subject or a pin demands it."""
    from falsifiable import open_model

    def work(one: str) -> str:
        model = open_model(one)
        model.scan()
        return model.digest

    return prepared(work, path, tiny)


def torch_loop(path: str, tiny: str) -> Callable[[], int]:
    """The usual loop: load a tensor, see that it is finite, hash its bytes."""
    import torch
    from safetensors import safe_open

    def work(one: str) -> int:
        finite = 0
        with safe_open(one, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                tensor = file.get_tensor(name)
                finite += bool(tensor.isfinite().all())
                hashlib.sha256(tensor.view(torch.uint8).numpy()).hexdigest()
        return finite

    return prepared(work, path, tiny)


def blake3_whole(path: str, tiny: str) -> Callable[[], None]:
    """BLAKE3 of the mapped file on two threads."""
    from blake3 import blake3

    def work(one: str) -> None:
        blake3(max_threads=2).update_mmap(one).hexdigest()

    return prepared(work, path, tiny)


def blake3_per_tensor(path: str, tiny: str) -> Callable[[], None]:
    """BLAKE3 of every tensor of the mapped file, each on two threads."""
    from blake3 import blake3

    def work(one: str) -> None:
        with Path(one).open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        (length,) = struct.unpack("<Q", mapped[:8])
        for entry in json.loads(bytes(mapped[8 : 8 + length])).values():
            begin, end = entry["data_offsets"]
            blake3(mapped[8 + length + begin : 8 + length + end], max_threads=2).hexdigest()

    return prepared(work, path, tiny)


def hashlib_sha256(path: str, tiny: str) -> Callable[[], str]:
    """The sha256 of the file by Python's hashlib, which is OpenSSL's."""

    def work(one: str) -> str:
        with Path(one).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return prepared(work, path, tiny)


def coreutils_sha256(path: str, tiny: str) -> Callable[[], str]:
    """The sha256 of the file by the command that everybody has."""

    def work(one: str) -> str:
        return subprocess.run(["sha256sum", one], check=True, capture_output=True, text=True).stdout.split()[0]

    return prepared(work, path, tiny)


def plain_read(path: str, tiny: str) -> Callable[[], None]:
    """Every byte into one buffer of 1 MiB."""

    def work(one: str) -> None:
        buffer = bytearray(_BLOCK_BYTES)
        descriptor = os.open(one, os.O_RDONLY)
        while os.readv(descriptor, [buffer]):
            pass
        os.close(descriptor)

    return prepared(work, path, tiny)


def torch_loop_process(path: str, tiny: str) -> Callable[[], None]:
    """A program that does nothing but :func:`torch_loop`, from its start to its end."""
    del tiny
    return partial(_in_a_program, "torch_loop", path)


def falsifiable_scan_process(path: str, tiny: str) -> Callable[[], None]:
    """A program that does nothing but :func:`falsifiable_scan`, from its start to its end, compiled before."""
    return prepared(partial(_in_a_program, "falsifiable_scan"), path, tiny)


def _in_a_program(work: str, path: str) -> None:
    program = f"import sys; from benchmarks import rows_scan; rows_scan.{work}(sys.argv[1], '')()"
    subprocess.run([sys.executable, "-c", program, path], check=True, cwd=ROOT)


# The rows


def warming(setting: Setting) -> Path:
    """What a scan is warmed with: large enough for whatever a reader only loads for large files."""
    return setting.files.safetensors(WARMING_BYTES)


def _scanned(setting: Setting, name: str, title: str, peer: Side, ours: str = _OURS, **options: Any) -> Line:
    path = setting.files.safetensors(SCANNED_BYTES)
    return compared(setting, name, title, path, peer, ours, tiny=warming(setting), rate=True, **options)


def scan_loop(setting: Setting) -> Line:
    """Against what people write."""
    peer = Side("torch: load, isfinite, sha256 per tensor", "rows_scan:torch_loop")
    return _scanned(setting, "scan-loop", "full scan", peer, target=15.0)


def scan_loop_process(setting: Setting) -> Line:
    """The same with what the clock does not see elsewhere: starting Python, importing torch or numba."""
    peer = Side("torch: load, isfinite, sha256 per tensor", "rows_scan:torch_loop_process")
    ours = "rows_scan:falsifiable_scan_process"
    return _scanned(setting, "scan-loop-process", "full scan by a program of its own, start included", peer, ours)


def scan_blake3(setting: Setting) -> Line:
    """Against hashing alone, the whole file at once."""
    peer = Side("blake3 of the file, two threads (hash alone)", "rows_scan:blake3_whole")
    return _scanned(setting, "scan-blake3", "full scan", peer, target=0.4)


def scan_blake3_per_tensor(setting: Setting) -> Line:
    """Against hashing alone, tensor by tensor."""
    peer = Side("blake3 per tensor, two threads (hash alone)", "rows_scan:blake3_per_tensor")
    return _scanned(setting, "scan-blake3-per-tensor", "full scan", peer, target=0.4)


def scan_sha256(setting: Setting) -> Line:
    """Where sha256 is demanded: subjects of evidence, pins."""
    peer = Side("hashlib.sha256 of the file (hash alone)", "rows_scan:hashlib_sha256")
    title = "full scan and sha256 of the file"
    return _scanned(setting, "scan-sha256", title, peer, "rows_scan:falsifiable_scan_with_sha256", target=0.8)


def scan_sha256sum(setting: Setting) -> Line:
    """The same beside the command."""
    peer = Side("sha256sum (hash alone)", "rows_scan:coreutils_sha256")
    title = "full scan and sha256 of the file"
    return _scanned(setting, "scan-sha256sum", title, peer, "rows_scan:falsifiable_scan_with_sha256", target=0.8)


def scan_cold(setting: Setting) -> Line:
    """With nothing in the page cache, the disk should be what takes the time."""
    peer = Side("a plain read", "rows_scan:plain_read")
    return _scanned(setting, "scan-cold", "full scan, cold page cache", peer, target=0.85, cold=True)


def scan_memory(setting: Setting) -> Table:
    """The ceiling: what a scan takes beside the mapped file."""
    path, tiny = setting.files.safetensors(SCANNED_BYTES), warming(setting)
    sides = (
        Side("a plain read", "rows_scan:plain_read"),
        Side("falsifiable, full scan", _OURS),
        Side("falsifiable, full scan and sha256 of the file", "rows_scan:falsifiable_scan_with_sha256"),
    )
    rounds = in_turn(setting, path, sides, tiny=tiny, memory=True, same_job=False)
    anonymous = [[one[side].anonymous_bytes or 0 for one in rounds] for side in range(len(sides))]
    resident = [[one[side].resident_bytes or 0 for one in rounds] for side in range(len(sides))]
    highest = max(max(of_side) for of_side in anonymous[1:])
    return Table(
        name="scan-memory",
        title=f"Peak memory of reading {bytes_text(path.stat().st_size)} of weights, the highest of all rounds",
        header=("what", "beside mapped files (RssAnon)", "with mapped files (VmHWM)"),
        rows=tuple(
            (side.label, bytes_text(max(beside)), bytes_text(max(whole)))
            for side, beside, whole in zip(sides, anonymous, resident, strict=True)
        ),
        target=f"under {bytes_text(MEMORY_CEILING_BYTES)} beside mapped files, interpreter and libraries included",
        met=highest < MEMORY_CEILING_BYTES,
    )


ROWS = (
    Row("scan-loop", scan_loop, needs=("torch", "safetensors"), most_rounds=3),
    Row("scan-loop-process", scan_loop_process, needs=("torch", "safetensors"), most_rounds=3),
    Row("scan-blake3", scan_blake3, needs=("blake3",)),
    Row("scan-blake3-per-tensor", scan_blake3_per_tensor, needs=("blake3",)),
    Row("scan-sha256", scan_sha256),
    Row("scan-sha256sum", scan_sha256sum),
    Row("scan-cold", scan_cold),
    Row("scan-memory", scan_memory),
)
