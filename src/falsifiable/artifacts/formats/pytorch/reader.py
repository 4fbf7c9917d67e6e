"""PyTorch checkpoints, read without executing pickle code: the zip files of ``torch.save`` and those from before.

A checkpoint that names a dangerous function is refused, whether it would be called or not. What is merely unknown
(classes of a trainer) is kept inert, and the tensors beside it are read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.legacy import legacy_object, legacy_places, run_pickles
from falsifiable.artifacts.formats.pytorch.metadata import checkpoint_metadata, parts_of, wrapper_prefix
from falsifiable.artifacts.formats.pytorch.pickle_assessment import Assessment, assess
from falsifiable.artifacts.formats.pytorch.pickle_machine import run_pickle
from falsifiable.artifacts.formats.pytorch.pickle_objects import PickleRun
from falsifiable.artifacts.formats.pytorch.state import Found, StateFinder, fields_of
from falsifiable.artifacts.formats.pytorch.storages import Place, Storage, Unread, located, storage_of
from falsifiable.artifacts.formats.pytorch.zip_reader import (
    LOCAL,
    ZipMember,
    read_member,
    read_unverified,
    read_zip,
    verify_member,
)
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.naming import tensor_name_fault
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.sources.magic import describe_start
from falsifiable.artifacts.tensors import TensorInfo

TAR_MAGIC = b"ustar"
TAR_MAGIC_OFFSET = 257
_PICKLE_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_OBJECT = "data.pkl"
_BYTE_ORDERS = (b"little", b"little\n")
_SAVE_AGAIN = "Load it where it was made and save its state_dict again with torch.save, or as safetensors"


@dataclass(frozen=True, slots=True)
class PytorchContents:
    """What a checkpoint holds; ``checksums`` read all storages and raise ArtifactError where a bit has changed.

    ``metadata`` is what stands beside the weights under dotted keys, and what was found about them:
    ``__state_dict__`` (the key they stand under; empty for the top level), ``__config__`` (the key whose fields were
    lifted to the top), ``__parts__`` (which of optimizer, scheduler, rng, scaler, ema and step are there),
    ``__prefix__`` (what wrappers put before every name), ``__shared__.NAME`` (the name kept for the same bytes) and
    ``__unread__`` (tensors whose values are not plain bytes, and why).
    """

    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]
    checksums: tuple[Callable[[], None], ...] = ()


def is_pytorch(source: Source) -> bool:
    """Whether a file begins as a checkpoint does: a zip archive, a pickle or a tar archive."""
    start = source.read(0, min(source.size, TAR_MAGIC_OFFSET + len(TAR_MAGIC)))
    return start[:4] == LOCAL or start[:2] in _PICKLE_PROTOCOLS or start[TAR_MAGIC_OFFSET:] == TAR_MAGIC


def read_pytorch(source: Source, limits: Limits = DEFAULT_LIMITS) -> PytorchContents:
    """The tensors and metadata of an open checkpoint; no tensor data is read and nothing is executed.

    Raises ArtifactError: ``unsound`` for a dangerous function, a broken pickle, an inconsistent archive or a tensor
    outside its storage; ``unreadable`` for TorchScript, tar files, big-endian values and what holds no tensors.
    """
    start = source.read(0, min(source.size, TAR_MAGIC_OFFSET + len(TAR_MAGIC)))
    if start[TAR_MAGIC_OFFSET:] == TAR_MAGIC:
        raise ArtifactError(source.path, "a tar archive, as PyTorch saved before version 0.2", hint=_SAVE_AGAIN)
    if start[:4] == LOCAL:
        return _read_zip(source, limits)
    if start[:2] not in _PICKLE_PROTOCOLS:
        known = describe_start(start)
        found = known.description if known else f"begins with {start[:4].hex(' ') or 'nothing: the file is empty'}"
        hint = known.hint if known else None
        raise ArtifactError(source.path, found, offset=0, expected="a checkpoint of torch.save", hint=hint)
    return _read_legacy(source, limits)


def refuse_dangerous(run: PickleRun, source: Source) -> None:
    """Raise ArtifactError (unsound) for the first dangerous function that a pickle names or reaches."""
    for one in assess(run):
        if one.judgement == "dangerous":
            raise _dangerous(source, one)


def _dangerous(source: Source, found: Assessment) -> ArtifactError:
    return ArtifactError(
        source.path,
        f"loading it would {'call' if found.called else 'look up'} {found.name[:200]}: {found.why}",
        offset=found.offset,
        expected="a checkpoint that holds data only",
        hint="Do not load it. Whoever made it can save the weights as safetensors",
        kind="unsound",
    )


def _read_zip(source: Source, limits: Limits) -> PytorchContents:
    members = read_zip(source, limits)
    root = _root(source, members)
    member = members[f"{root}/{_OBJECT}"]
    content = _object_bytes(source, member, limits)
    run = run_pickle(
        content, source.path, base_offset=member.offset, persistent=partial(storage_of, source.path), limits=limits
    )
    refuse_dangerous(run, source)
    read_member(source, member, limits)  # the checksum, once it is known that there is nothing worse to say
    _check_byte_order(source, members.get(f"{root}/byteorder"), limits)
    if run.fault is not None:
        raise run.fault
    if run.end != member.offset + member.size:
        rest = member.offset + member.size - run.end
        raise ArtifactError(source.path, f"{rest} bytes after the end of the pickle", offset=run.end, kind="unsound")
    prefix = f"{root}/data/"
    stored = {name.removeprefix(prefix): one for name, one in members.items() if name.startswith(prefix)}
    places = {key: Place(one.offset, one.size) for key, one in stored.items() if not one.deflated}
    contents = _contents(source, run.value, places, limits)
    return PytorchContents(contents.metadata, contents.tensors, (partial(_verify, source, stored, limits),))


def _object_bytes(source: Source, member: ZipMember, limits: Limits) -> bytes:
    if member.size > limits.pickle_bytes:
        raise ArtifactError(
            source.path,
            f"{member.name} has {member.size} bytes",
            offset=member.offset,
            expected=f"at most {limits.pickle_bytes}",
        )
    return read_unverified(source, member, limits)


def _root(source: Source, members: Mapping[str, ZipMember]) -> str:
    """The one folder that all members of a checkpoint lie in."""
    roots = [name.removesuffix(f"/{_OBJECT}") for name in members if name.endswith(f"/{_OBJECT}")]
    roots = [root for root in roots if "/" not in root]
    if len(roots) > 1:
        raise ArtifactError(source.path, f"holds {len(roots)} objects: {', '.join(roots)[:80]}", kind="unsound")
    if not roots:
        found = ", ".join(list(members)[:3])
        raise ArtifactError(
            source.path,
            f"a zip archive without a {_OBJECT}; it holds {found[:200]!a}",
            expected="a checkpoint written by torch.save",
        )
    root = roots[0]
    if f"{root}/constants.pkl" in members:
        raise ArtifactError(
            source.path,
            "a TorchScript archive: a program, with code beside its tensors",
            expected="a checkpoint written by torch.save",
            hint="Save its weights: torch.save(torch.jit.load(path).state_dict(), other)",
        )
    return root


def _check_byte_order(source: Source, member: ZipMember | None, limits: Limits) -> None:
    order = b"little" if member is None else read_member(source, member, limits)  # absent before torch 2.1
    if order not in _BYTE_ORDERS:
        raise ArtifactError(
            source.path, f"its byte order is {order[:20]!r}", expected="little-endian values", hint=_SAVE_AGAIN
        )


def _verify(source: Source, stored: Mapping[str, ZipMember], limits: Limits) -> None:
    for member in stored.values():
        if not member.deflated:
            verify_member(source, member, limits)


def _read_legacy(source: Source, limits: Limits) -> PytorchContents:
    storages: dict[str, Storage] = {}

    def persistent(identifier: object, offset: int) -> object:
        found = storage_of(source.path, identifier, offset)
        if isinstance(found, Storage):
            storages.setdefault(found.key, found)
        return found

    pickles = run_pickles(source, persistent, limits)
    for run in pickles.runs:
        refuse_dangerous(run, source)
    if not pickles.is_checkpoint:
        if pickles.runs[0].fault is not None:
            raise pickles.runs[0].fault
        raise ArtifactError(
            source.path, "a Python pickle that torch.save did not write", expected="a checkpoint", hint=_SAVE_AGAIN
        )
    top = legacy_object(source, pickles)
    return _contents(source, top, legacy_places(source, pickles, storages), limits)


def _contents(source: Source, value: object, places: Mapping[str, Place], limits: Limits) -> PytorchContents:
    finder = StateFinder(source.path, limits)
    top = fields_of(value)
    module = isinstance(top, Mapping) and "_parameters" in top and "_modules" in top
    if top is None or module:
        top, (key, found) = {}, ("", finder.of_module(value))
    else:
        key, found = finder.state(top)
    if not found:
        raise ArtifactError(source.path, "holds no tensors", expected="a state_dict, or a mapping that holds one")
    tensors, shared, unread = _located(source, found, places, limits)
    lightning = "pytorch-lightning_version" in top
    rest = {name: one for name, one in top.items() if key or name not in found}
    metadata = {
        **checkpoint_metadata(finder, rest, key),
        "__state_dict__": key,
        "__parts__": parts_of(top),
        **({"__prefix__": prefix} if (prefix := wrapper_prefix(found, lightning=lightning)) else {}),
        **({"__unread__": unread} if unread else {}),
        **{f"__shared__.{name}": kept for name, kept in shared.items()},
    }
    return PytorchContents(metadata, tensors)


def _located(
    source: Source, found: Found, places: Mapping[str, Place], limits: Limits
) -> tuple[dict[str, TensorInfo], dict[str, str], list[str]]:
    """The tensors by name; name -> kept name of those on the same bytes; those that cannot be read, and why."""
    _check_names(source, found, limits)
    tensors: dict[str, TensorInfo] = {}
    shared: dict[str, str] = {}
    unread: list[str] = []
    first: dict[tuple[object, ...], str] = {}
    for name, one in found.items():
        if isinstance(one, Unread):
            unread.append(f"{name}: {one.why}")
            continue
        place = places.get(one.storage.key) or _no_storage(source, name, one.storage)
        info = located(name, one, place, source.path, limits)
        same = (info.offset, info.nbytes, info.dtype, info.shape, info.strides)
        kept = first.setdefault(same, name) if info.nbytes else name
        if kept == name:
            tensors[name] = info
        else:
            shared[name] = kept
    return tensors, shared, unread


def _no_storage(source: Source, name: str, storage: Storage) -> Place:
    if not storage.elements:
        return Place(0, 0)
    raise ArtifactError(
        source.path,
        f"tensor {name!r}: storage {storage.key[:40]!r} is not in the file, or compressed there",
        offset=storage.offset,
        expected="a stored record data/KEY",
        hint="Archives that were packed again cannot be mapped; save with torch.save",
        kind="unsound",
    )


def _check_names(source: Source, names: Iterable[str], limits: Limits) -> None:
    normal_forms: dict[str, str] = {}
    for count, name in enumerate(names, 1):
        if count > limits.model_tensors:
            raise ArtifactError(source.path, f"more than {limits.model_tensors} tensors")
        fault = tensor_name_fault(name, limits.tensor_name_bytes)
        if fault is not None:
            raise ArtifactError(source.path, f"tensor name {name[:80]!a} {fault}", kind="unsound")
        twin = normal_forms.setdefault(unicodedata.normalize("NFC", name), name)
        if twin != name:
            raise ArtifactError(
                source.path, f"two tensor names that look the same: {twin!a} and {name!a}", kind="unsound"
            )
