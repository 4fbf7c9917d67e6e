"""How a run was launched: the processes that were asked for, and those that answered."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from falsifiable.recorder.environment import library_version

_LIBRARIES = ("torch", "transformers")


def requested_world_size() -> int:
    """How many processes the launcher was asked for, as ``torchrun`` tells each of them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def this_rank() -> int:
    """The number of this process among those that train together; 0 where it is alone."""
    distributed = _distributed()
    return int(os.environ.get("RANK", "0")) if distributed is None else int(distributed.get_rank())


def is_distributed() -> bool:
    """Whether this process has joined others through ``torch.distributed``."""
    return _distributed() is not None


def observed_ranks() -> list[dict[str, Any]]:
    """What every process says of itself: its rank, how many it believes there are, versions, and a sum over all.

    Each adds 1 to the sum by an all-reduce, so a group that does not reduce over all of its processes shows. Where
    processes train together all of them must call this.
    """
    distributed = _distributed()
    said: dict[str, Any] = {
        "rank": this_rank(),
        "world_size": 1 if distributed is None else int(distributed.get_world_size()),
        "python": platform.python_version(),
        **{library: library_version(library) for library in _LIBRARIES},
        "all_reduce": 1.0,
    }
    if distributed is None:
        return [said]
    import torch

    device = torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else "cpu"
    one = torch.ones((), device=device)
    distributed.all_reduce(one)
    answers: list[Any] = [None] * said["world_size"]
    distributed.all_gather_object(answers, {**said, "all_reduce": one.item()})
    return sorted(answers, key=lambda answer: int(answer["rank"]))


def _distributed() -> Any:
    """``torch.distributed`` if this process has joined a group. A loop without torch has joined none."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    return distributed if distributed is not None and _is_joined(distributed) else None


def _is_joined(distributed: Any) -> bool:
    return bool(distributed.is_available() and distributed.is_initialized())
