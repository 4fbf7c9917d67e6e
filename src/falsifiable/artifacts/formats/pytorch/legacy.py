"""PyTorch checkpoints from before the zip format: five pickles in a row, then the bytes of each storage.

The pickles are a magic number, the protocol version 1001, the writer's word sizes, the object, and the storage keys in
the order of their data; each storage is its count of elements in 8 bytes, then the elements (torch 2.13,
``serialization.py``, ``_legacy_save``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.pickle_machine import Persistent, run_pickle
from falsifiable.artifacts.formats.pytorch.pickle_objects import PickleRun
from falsifiable.artifacts.formats.pytorch.storages import Place, Storage
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.files import Source

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # torch/serialization.py, MAGIC_NUMBER
_PROTOCOL_VERSION = 1001
_COUNT_BYTES = 8
_OBJECT = 3  # which of the pickles is the object
PICKLES = 5


@dataclass(frozen=True, slots=True)
class LegacyPickles:
    """The pickles of a legacy file, as many as could be read: the last may have a fault."""

    runs: tuple[PickleRun, ...]

    @property
    def is_checkpoint(self) -> bool:
        """Whether the first pickle is the magic number that torch.save wrote."""
        return bool(self.runs) and self.runs[0].value == MAGIC_NUMBER


def run_pickles(source: Source, persistent: Persistent, limits: Limits) -> LegacyPickles:
    """Run the pickles at the start of a file without executing them; a file that holds one pickle gives one."""
    ahead = min(source.size, limits.read_block_bytes)
    while True:
        content = source.read(0, ahead)
        runs = _runs(source, content, persistent, limits)
        cut = runs[-1].ending == "cut" and ahead < min(source.size, limits.pickle_bytes)
        if not cut:
            return LegacyPickles(tuple(runs))
        ahead = min(source.size, limits.pickle_bytes, 8 * ahead)


def _runs(source: Source, content: bytes, persistent: Persistent, limits: Limits) -> list[PickleRun]:
    runs: list[PickleRun] = []
    position = 0
    while len(runs) < PICKLES:
        run = run_pickle(content, source.path, start=position, persistent=persistent, limits=limits)
        runs.append(run)
        position = run.end
        if run.fault is not None or runs[0].value != MAGIC_NUMBER:
            break
    return runs


def legacy_object(source: Source, pickles: LegacyPickles) -> object:
    """The object of a legacy file whose pickles are whole. Raises ArtifactError."""
    for run in pickles.runs:
        if run.fault is not None:
            raise run.fault
    version, system = pickles.runs[1].value, pickles.runs[2].value
    if version != _PROTOCOL_VERSION:
        raise ArtifactError(
            source.path,
            f"a legacy checkpoint of version {version if isinstance(version, int) else type(version).__name__}",
            expected=str(_PROTOCOL_VERSION),
            kind="unsound",
        )
    if isinstance(system, dict) and system.get("little_endian") is False:
        raise ArtifactError(source.path, "was written on a big-endian machine", expected="little-endian values")
    return pickles.runs[_OBJECT].value


def legacy_places(source: Source, pickles: LegacyPickles, storages: Mapping[str, Storage]) -> dict[str, Place]:
    """Storage key -> where its bytes lie. Raises ArtifactError where storages are cut or other bytes follow."""
    last = pickles.runs[-1]
    keys = last.value
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise ArtifactError(source.path, "the list of storages is no list of keys", offset=last.end, kind="unsound")
    places: dict[str, Place] = {}
    position = last.end
    for key in map(str, keys):
        storage = storages.get(key)
        if storage is None or key in places:
            what = "is not used by the object" if storage is None else "is listed twice"
            raise ArtifactError(source.path, f"storage {key[:40]!r} {what}", offset=position, kind="unsound")
        if position + _COUNT_BYTES > source.size:
            raise _cut(source, key, position + _COUNT_BYTES)
        elements = int.from_bytes(source.read(position, _COUNT_BYTES), "little", signed=True)
        if elements != storage.elements:
            raise ArtifactError(
                source.path,
                f"storage {key} has {elements} elements",
                offset=position,
                expected=f"{storage.elements}, as the object says",
                kind="unsound",
            )
        position += _COUNT_BYTES
        if position + storage.nbytes > source.size:
            raise _cut(source, key, position + storage.nbytes)
        places[key] = Place(position, storage.nbytes)
        position += storage.nbytes
    if position != source.size:
        raise ArtifactError(
            source.path,
            f"{source.size - position} bytes after the last storage",
            offset=position,
            expected="the end of the file",
            kind="unsound",
        )
    return places


def _cut(source: Source, key: str, needed: int) -> ArtifactError:
    return ArtifactError(
        source.path,
        f"missing at least {needed - source.size} bytes: storage {key} ends at {needed}, the file at {source.size}",
        offset=source.size,
        hint="The file was cut while it was written or downloaded",
        kind="unsound",
    )
