"""What a model's own tensors say: where they live, what they are made of, and what they held before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Residency:
    """Where a model's parameters are and in which type, read from the tensors and from nothing else."""

    device: str
    dtype: str
    parameters: int
    cuda: str | None


def residency(model: torch.nn.Module) -> Residency:
    """Read device, dtype and count of a model's parameters; a model in several places names all of them (cpu+cuda)."""
    import torch

    parameters = list(model.parameters())
    devices = sorted({parameter.device.type for parameter in parameters})
    dtypes = sorted({str(parameter.dtype).removeprefix("torch.") for parameter in parameters})
    cuda = torch.cuda.get_device_name() if "cuda" in devices else None
    return Residency("+".join(devices), "+".join(dtypes), sum(p.numel() for p in parameters), cuda)


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
