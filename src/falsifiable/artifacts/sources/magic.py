"""What a file is, by its first bytes: names for the things that are found in the place of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownStart:
    """What a file beginning with ``magic`` is, and what to do about it."""

    magic: bytes
    description: str
    hint: str | None = None


_SAFETENSORS_HINT = "Save the model as safetensors: model.save_pretrained(folder)"
_APR_HINT = "Save or convert the model again with a current aprender, which writes version 2"

_STARTS = (
    KnownStart(b"version https://git-lfs", "a git-LFS pointer, not the file it points to", "Run git lfs pull"),
    KnownStart(b"GGUF", "a GGUF file"),
    *(KnownStart(magic, "a GGML file from before GGUF", "Convert the original model again, to GGUF")
      for magic in (b"GGML", b"lmgg", b"fmgg", b"tjgg", b"algg")),
    KnownStart(b"APR\0", "an APR file, version 2"),
    KnownStart(b"APRN", "an APR file, version 1 (MessagePack metadata)", _APR_HINT),
    *(KnownStart(magic, f"an APR file of the variant {magic.decode()}, which aprender names and does not read",
                 _APR_HINT)
      for magic in (b"APR1", b"APR2")),
    KnownStart(b"PK\x03\x04", "a zip archive (a PyTorch checkpoint is one)", _SAFETENSORS_HINT),
    KnownStart(b"PK\x05\x06", "an empty zip archive", "The checkpoint was not written to its end; save it again"),
    KnownStart(b"\x80\x02", "a Python pickle (an old PyTorch checkpoint is one)", _SAFETENSORS_HINT),
    KnownStart(b"\x80\x03", "a Python pickle", _SAFETENSORS_HINT),
    KnownStart(b"\x80\x04", "a Python pickle", _SAFETENSORS_HINT),
    KnownStart(b"\x80\x05", "a Python pickle", _SAFETENSORS_HINT),
    KnownStart(b"\x89HDF", "an HDF5 file (Keras weights are one)", _SAFETENSORS_HINT),
    KnownStart(b"\x1f\x8b", "a gzip archive", "Unpack it first"),
    KnownStart(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first"),
    KnownStart(b"<!doctype", "an HTML page", "The download returned a web page; check the address and the login"),
    KnownStart(b"<html", "an HTML page", "The download returned a web page; check the address and the login"),
    KnownStart(b"{", "a JSON text", "Give the folder that holds it, or the weights"),
)  # fmt: skip


def describe_start(start: bytes) -> KnownStart | None:
    """What the first bytes of a file say it is, or None if that is not known."""
    lowered = start[:32].lstrip().lower()
    for known in _STARTS:
        if start.startswith(known.magic) or (known.magic.startswith(b"<") and lowered.startswith(known.magic)):
            return known
    return None
