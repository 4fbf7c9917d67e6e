"""Processes that train together and record how they were launched: ``FOLDER WORLD_SIZE``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import distributed

from falsifiable.recorder import RunRecorder


def rank(number: int, world_size: int, folder: Path) -> None:
    """What one of the processes does."""
    os.environ |= {"RANK": str(number), "WORLD_SIZE": str(world_size)}
    store = distributed.FileStore(str(folder / "store"), world_size)
    distributed.init_process_group("gloo", store=store, rank=number, world_size=world_size)
    recorder = RunRecorder(
        folder / "run", command=[], seed=0, device="cpu", dtype="float32", data="d", steps=1, repository=folder
    )
    with recorder:
        recorder.observe_launch()
        recorder.log("train", 0, loss=float(number))
    distributed.destroy_process_group()


def main() -> int:
    """Start them all; 0 if all ended well."""
    folder, world_size = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    children = []
    for number in range(world_size):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                rank(number, world_size, folder)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)


if __name__ == "__main__":
    sys.exit(main())
