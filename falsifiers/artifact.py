"""The bytes themselves: a bound artifact is whole, and every tensor lies inside its file."""

from __future__ import annotations

import math
from collections.abc import Iterator

from falsifiable import ArtifactError, Model, Verdict, falsifier

# Bits per value of the types whose values are stored one by one; quantised types store blocks and are checked by range.
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@falsifier("artifact.sound")
def sound(model: Model) -> Verdict:
    """Every tensor's bytes lie inside the file, are as many as its shape and type need, and belong to no other tensor.

    Where the format keeps a checksum of the bytes (APR does), they are read, and must give it. A file that breaks the
    rules of its own format while being opened (cut off, an offset past the end) is falsified under this name before any
    check runs; this check asks the same of what the header declares.
    """
    if not model.tensors:
        return Verdict.inconclusive(f"{model.path}: declares no tensor; expected a model with weights")
    found = next(_faults(model), "") or _wrong_checksum(model)
    return Verdict.of(
        not found,
        found=found,
        examined=(len(model.tensors), "tensors"),
        files=len(model.files),
        tensor_bytes=(sum(info.nbytes for info in model.tensors.values()), "B"),
    )


def _wrong_checksum(model: Model) -> str:
    """What is wrong with the bytes by the format's own checksums, all bytes read; empty where nothing is."""
    try:
        model.verify_checksums()
    except ArtifactError as error:
        if error.kind != "unsound":
            raise
        return str(error)
    return ""


def _faults(model: Model) -> Iterator[str]:
    sizes = {path: path.stat().st_size for path in model.files}
    ends: dict[object, tuple[int, str]] = {}
    for name, info in sorted(model.tensors.items(), key=lambda item: (str(item[1].file), item[1].offset)):
        needed = math.prod(info.shape) * _BYTES[info.dtype] if info.dtype in _BYTES else info.nbytes
        if needed != info.nbytes:
            yield (
                f"tensor {name}: {info.nbytes} bytes for shape {list(info.shape)} of {info.dtype}, expected {needed}; "
                "the header contradicts itself"
            )
        size = sizes.get(info.file, 0)
        if info.offset < 0:
            yield f"tensor {name}: the header declares it and no file holds it"
        elif info.offset + info.nbytes > size:
            yield (
                f"tensor {name}: bytes {info.offset} to {info.offset + info.nbytes} of {info.file.name}, which has "
                f"{size}; the file was cut off while it was written or downloaded"
            )
        end, before = ends.get(info.file, (0, ""))
        if info.nbytes and info.offset < end:
            yield f"tensor {name}: starts at byte {info.offset}, inside tensor {before}, which ends at {end}"
        ends[info.file] = max((end, before), (info.offset + info.nbytes, name))


@sound.counterexample
def a_tensor_beyond_the_end(model: Model) -> Model:
    """A tensor that the header declares and the file does not hold."""
    return model.with_extra_tensor("layers.999.attention.query.weight", (4096, 4096), "F32")
