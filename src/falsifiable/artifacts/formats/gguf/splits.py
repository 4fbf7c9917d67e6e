"""A model split over several GGUF files, as ``llama-gguf-split`` and the ``gguf`` package write them.

The parts are called ``STEM-00001-of-00003.gguf`` and so on. Every part states ``split.no`` (from 0), ``split.count``
and ``split.tensors.count`` (of all parts together); the first one holds the metadata of the model and may hold no
tensor (llama.cpp, tools/gguf-split; ``llama_split_path`` in src/llama.cpp). Opening any part opens the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.gguf.reader import GgufHeader, read_gguf
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.tensors import TensorInfo

_NAME = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf", re.DOTALL)
_NUMBER, _COUNT, _TENSORS = "split.no", "split.count", "split.tensors.count"
_PREFIX = "split."
_MOST_NAMED = 5  # file names in one message


@dataclass(frozen=True, slots=True)
class SplitContents:
    """All parts of a model: ``sources`` in their order, ``metadata`` of the first, ``tensors`` of all."""

    sources: tuple[Source, ...]
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]


@dataclass(frozen=True, slots=True)
class _Part:
    source: Source
    header: GgufHeader


def is_split(header: GgufHeader) -> bool:
    """Whether a header is that of one part of several; a split into one part is a whole model."""
    return header.metadata.get(_COUNT, 1) not in (0, 1)


def read_split(
    opened: Source,
    header: GgufHeader,
    open_sibling: Callable[[str], Source],
    limits: Limits = DEFAULT_LIMITS,
) -> SplitContents:
    """The whole model that ``opened``, whichever part it is, belongs to.

    Args:
        opened: one part; ``header`` is what :func:`read_gguf` found in it.
        open_sibling: opens a file of this name beside it, and raises ArtifactError where there is none.
        limits: of every part, and of the number of parts and tensors.

    Raises:
        ArtifactError: ``unreadable`` where a part is absent, goes by another name or is of another split, so that the
            model is not all there; ``unsound`` where the parts contradict one another.
    """
    names = _names(opened, header, limits)
    sources = _opened(opened, names, open_sibling)
    parts = [_Part(one, header if one is opened else read_gguf(one, limits)) for one in sources]
    _check_numbers(parts)
    tensors = _joined(parts, limits)
    _check_metadata(parts)
    return SplitContents(tuple(one.source for one in parts), parts[0].header.metadata, tensors)


def _names(opened: Source, header: GgufHeader, limits: Limits) -> list[str]:
    """The names of all parts, which the name of one and its key-values must agree on."""
    count, number = header.metadata[_COUNT], header.metadata.get(_NUMBER)
    if type(count) is not int or not 1 < count <= limits.model_shards:
        raise _unreadable(opened, f"{_COUNT} is {count!r:.80}", f"a number of parts of 2 to {limits.model_shards}")
    if type(number) is not int or not 0 <= number < count:
        raise _unreadable(opened, f"{_NUMBER} is {number!r:.80}", f"the number of a part, 0 to {count - 1}")
    ending = f"-{number + 1:05d}-of-{count:05d}.gguf"
    named = _NAME.fullmatch(opened.path.name)
    if named is None or not opened.path.name.endswith(ending):
        raise ArtifactError(
            opened.path,
            f"is part {number + 1} of {count} of a model, and its name says otherwise",
            expected=f"a name that ends with {ending}",
            hint="Rename the parts as they were written: the others are found by their names",
        )
    return [f"{named['stem']}-{part:05d}-of-{count:05d}.gguf" for part in range(1, count + 1)]


def _opened(opened: Source, names: list[str], open_sibling: Callable[[str], Source]) -> list[Source]:
    sources, absent = [], []
    for name in names:
        try:
            sources.append(opened if name == opened.path.name else open_sibling(name))
        except ArtifactError as fault:
            absent.append(f"{name}: {fault.message}")
    if absent:
        listed = "; ".join(absent[:_MOST_NAMED])
        more = f"; and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
        raise ArtifactError(
            opened.path,
            f"{len(absent)} of {len(names)} parts of the model cannot be opened: {listed}{more}",
            expected="all parts in one folder",
            hint="Fetch the missing parts, or join the whole set: llama-gguf-split --merge FIRST_PART JOINED.gguf",
        )
    return sources


def _check_numbers(parts: list[_Part]) -> None:
    """Every part must state its own place and the same counts."""
    wrong = []
    tensors = parts[0].header.metadata.get(_TENSORS)
    for place, one in enumerate(parts):
        told = tuple(one.header.metadata.get(key) for key in (_NUMBER, _COUNT, _TENSORS))
        if told != (place, len(parts), tensors):
            shown = ", ".join(
                f"{key} {value!r:.40}" for key, value in zip((_NUMBER, _COUNT, _TENSORS), told, strict=True)
            )
            wrong.append(f"{one.source.path.name} states {shown}")
    if wrong:
        raise ArtifactError(
            parts[0].source.path,
            f"the parts are not of one split: {'; '.join(wrong[:_MOST_NAMED])}",
            expected=f"{_NUMBER} from 0 to {len(parts) - 1} in the order of names, {_COUNT} {len(parts)} and "
            f"{_TENSORS} {tensors!r:.40} in every part",
            hint="Files of another split, or renamed ones, lie among them; fetch the set again",
        )


def _joined(parts: list[_Part], limits: Limits) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for one in parts:
        for name, info in one.header.tensors.items():
            if name in tensors:
                raise _unsound(one, f"the tensor {name!r} is in {tensors[name].file.name} too")
            tensors[name] = info
        if len(tensors) > limits.model_tensors:
            raise _unreadable(one.source, f"{len(tensors)} tensors in all parts", f"at most {limits.model_tensors}")
    stated = parts[0].header.metadata.get(_TENSORS)
    if stated is not None and (type(stated) is not int or stated != len(tensors)):
        raise ArtifactError(
            parts[0].source.path,
            f"the {len(parts)} parts hold {len(tensors)} tensors",
            expected=f"{stated!r:.40}, their {_TENSORS}",
            hint="A part was replaced by one of another split; fetch the set again",
        )
    return tensors


def _check_metadata(parts: list[_Part]) -> None:
    """A later part may repeat what the first one says, and must say nothing else."""
    first = parts[0].header.metadata
    for one in parts[1:]:
        for key, value in one.header.metadata.items():
            if key.startswith(_PREFIX):
                continue
            if key not in first:
                raise _unsound(one, f"states {key!r}, which {parts[0].source.path.name} does not", "only split.* keys")
            if not _same(value, first[key]):
                raise _unsound(one, f"states another {key!r} than {parts[0].source.path.name}: {value!r:.80}")


def _same(mine: object, theirs: object) -> bool:
    return type(mine) is type(theirs) and (mine == theirs or (mine != mine and theirs != theirs))


def _unreadable(source: Source, message: str, expected: str) -> ArtifactError:
    return ArtifactError(source.path, message, expected=expected)


def _unsound(part: _Part, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(part.source.path, message, expected=expected, kind="unsound")
