"""A ring of processes that train one adapter together: each on its own batches, with the mean of all gradients.

The recorder asks every member how large it believes the ring to be, which versions it runs, and what the sum of a one
from every member is. Only where all of them agree is the ring live.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextmanager
def announced(size: int) -> Iterator[None]:
    """Tell whoever asks, as a launcher does, how many processes were asked for."""
    before = os.environ.get("WORLD_SIZE")
    os.environ["WORLD_SIZE"] = str(size)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WORLD_SIZE"]
        else:
            os.environ["WORLD_SIZE"] = before


@contextmanager
def launched(size: int, rendezvous: Path, member: Callable[[int], None]) -> Iterator[None]:
    """Start members 1 to ``size`` - 1, each running ``member(rank)`` in its own process, and join them as member 0.

    ``member`` must be picklable. Members that are left when the context ends are ended with it.
    """
    from multiprocessing import get_context

    processes = [get_context("spawn").Process(target=member, args=(rank,), daemon=True) for rank in range(1, size)]
    for process in processes:
        process.start()
    try:
        with joined(0, size, rendezvous):
            yield
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.terminate()


@contextmanager
def joined(rank: int, size: int, rendezvous: Path) -> Iterator[None]:
    """Be a member of the ring that meets at the file ``rendezvous``."""
    import torch.distributed as distributed

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all members are on this machine
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous.resolve()}", rank=rank, world_size=size)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def average_gradients(model: torch.nn.Module) -> None:
    """From now on, make every gradient of ``model`` the mean over all members as soon as it is there."""
    import torch.distributed as distributed

    size = distributed.get_world_size()

    def average(parameter: torch.Tensor) -> None:
        distributed.all_reduce(parameter.grad)
        parameter.grad.div_(size)

    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(average)
