"""What a model's own tensors say: where they live, what they are made of, and what they held before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Residency:
    """Where a model's parameters are and in which type, read from the tensors and from nothing else.

    ``cuda`` names the GPUs; ``memory_bytes`` is what the driver says that this process holds there, None without a GPU
    or where it does not say.
    """

    devices: frozenset[str]
    dtypes: frozenset[str]
    parameters: int
    cuda: str | None
    memory_bytes: int | None


def residency(model: torch.nn.Module) -> Residency:
    """Read devices, dtypes and count of a model's parameters, and ask the driver what they hold."""
    parameters = list(model.parameters())
    cuda, memory_bytes = _on_gpus({parameter.device for parameter in parameters if parameter.device.type == "cuda"})
    return Residency(
        devices=frozenset(parameter.device.type for parameter in parameters),
        dtypes=frozenset(str(parameter.dtype).removeprefix("torch.") for parameter in parameters),
        parameters=sum(parameter.numel() for parameter in parameters),
        cuda=cuda,
        memory_bytes=memory_bytes,
    )


def _on_gpus(devices: set[torch.device]) -> tuple[str | None, int | None]:
    """The names of the GPUs, and the memory that this process holds on them."""
    if not devices:
        return None, None
    import torch

    from falsifiable.recorder.driver import memory_held

    torch.cuda.synchronize()  # what is still queued has not allocated yet
    properties = [torch.cuda.get_device_properties(device) for device in devices]
    names = "+".join(sorted({str(one.name) for one in properties}))
    return names, memory_held(frozenset(f"GPU-{one.uuid}" for one in properties))


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[str, int]:
    """The class of an optimiser, and how many tensors its state holds; a wrapper stands for what it wraps."""
    import torch

    inner = getattr(optimizer, "optimizer", optimizer)
    values = [value for state in inner.state.values() for value in state.values()]
    return type(inner).__name__, sum(isinstance(value, torch.Tensor) for value in values)


def tensor_fingerprints(model: torch.nn.Module, dtype: str) -> dict[str, Mapping[str, Any]]:
    """Per parameter, the BLAKE3 of its row-major little-endian bytes in ``dtype`` ("float32", ...), and its shape.

    In the dtype of the checkpoint that the model was loaded from, these are the digests of the bytes in that file: a
    weight that was not passed through cannot have the same one. Tied parameters appear once.
    """
    import torch

    return dict(_fingerprints(model, getattr(torch, dtype)))


def _fingerprints(model: torch.nn.Module, dtype: torch.dtype) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import torch
    from blake3 import blake3

    for name, parameter in model.named_parameters():
        stored = parameter.detach().to(device="cpu", dtype=dtype).contiguous()
        content = stored.reshape(-1).view(torch.uint8).numpy()
        yield name, {"blake3": blake3(content.data).hexdigest(), "shape": list(parameter.shape)}
