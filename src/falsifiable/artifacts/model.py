"""A model, whatever its format: one interface, so that a falsifier is written once.

A model is frozen. Its mutations return another model that shares everything with the first except what was changed;
they read nothing, copy nothing large and write nothing, and are what counterexamples are made of.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from falsifiable.artifacts.adapter_config import AdapterConfig
from falsifiable.artifacts.architecture import Architecture, family_named
from falsifiable.artifacts.config import ModelConfig
from falsifiable.artifacts.contents import Contents, Format, with_canonical_names
from falsifiable.artifacts.conventions import Conventions, conventions_of
from falsifiable.artifacts.dtypes import ELEMENT_TYPES
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.fingerprints.fingerprint import Fingerprint, fingerprint_of_values, fingerprint_of_zeros
from falsifiable.artifacts.fingerprints.scan import Place, Scan, fingerprint_of_stored, place_of, scan_model_files
from falsifiable.artifacts.formats.gguf.rotary_order import heads_to_reorder
from falsifiable.artifacts.identity import mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.artifacts.naming import stored_name
from falsifiable.artifacts.sources.files import Source
from falsifiable.artifacts.tensors import (
    NOT_IN_A_FILE,
    Tensor,
    TensorInfo,
    permuted,
    read_values,
    unpermuted,
    verify_booleans,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

    Change = Callable[[NDArray[Any]], NDArray[Any]]

_MOST_NAMES_COMPARED = 5_000


@dataclass(frozen=True, slots=True)
class _EmbeddedTokenizer:
    """The tokenizer is the one in the model's files."""


_FROM_FILES = _EmbeddedTokenizer()


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A model file or folder, opened by :func:`falsifiable.open_model`; only its headers have been read.

    ``metadata`` is as stored: all key-values of a GGUF file; the top-level fields of config.json, those of
    generation_config.json under ``generation_config.``, and the text in safetensors headers under ``__metadata__.``;
    the JSON metadata of an APR file; the fields of adapter_config.json.
    ``tensors`` maps stored names.
    """

    kind: ClassVar[str] = "model"

    path: Path
    format: Format
    metadata: Mapping[str, object]
    tensors: Mapping[str, TensorInfo]
    _contents: Contents
    _changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    _tokenizer: Tokenizer | _EmbeddedTokenizer | None = _FROM_FILES
    _mutations: tuple[str, ...] = ()
    _original: Model | None = None

    @classmethod
    def of(cls, contents: Contents) -> Model:
        """The model in files that have been opened."""
        tensors = _named(contents.tensors, contents.format, contents.metadata)
        return cls(contents.path, contents.format, MappingProxyType(dict(contents.metadata)), tensors, contents)

    def __repr__(self) -> str:
        changed = "".join(f", {one}" for one in self._mutations)
        return f"<Model {str(self.path)!r}, {self.format}, {len(self.tensors)} tensors{changed}>"

    # What the model says about itself

    @property
    def files(self) -> tuple[Path, ...]:
        """The files the model consists of: those its digest covers."""
        return tuple(source.path for source in self._contents.sources)

    @cached_property
    def architecture(self) -> Architecture:
        """What the model is, as stored and as a family."""
        return self._conventions.architecture(self.metadata)

    @cached_property
    def config(self) -> ModelConfig:
        """The declared shape under canonical names; what is not declared is None."""
        return self._conventions.config(self.metadata)

    def config_key(self, name: str) -> str | None:
        """The stored key that holds, or would hold, a canonical field; None where the format has no key for it."""
        try:
            return self._conventions.config_keys(name, self.metadata)[0]
        except ValueError:
            return None

    def special_id_key(self, name: str) -> str | None:
        """The stored key of the id of the token ``bos``, ``eos``, ``pad`` or ``unk``; None where there is none."""
        return self._conventions.special_id_key(name)

    @property
    def embeds_tokenizer(self) -> bool:
        """Whether the format keeps the tokenizer in the file of the weights, and not beside it."""
        return self._conventions.embedded_tokenizer is not None

    @property
    def _conventions(self) -> Conventions:
        return conventions_of(self.format)

    @cached_property
    def canonical_names(self) -> Mapping[str, str]:
        """Canonical name -> stored name, of the tensors that have a canonical name."""
        return MappingProxyType({info.canonical: name for name, info in self.tensors.items() if info.canonical})

    @property
    def embedding_rows(self) -> int | None:
        """Rows of the token embedding: the ids that the model can look up. None if it has no such tensor."""
        stored = self.canonical_names.get("token_embedding")
        shape = () if stored is None else self.tensors[stored].shape
        return shape[0] if shape else None

    @property
    def parameters(self) -> int:
        """Elements of all stored tensors; an output tensor counts as the embedding if config.json says it is tied."""
        total = sum(info.elements for info in self.tensors.values())
        if self.config.tie_word_embeddings and "token_embedding" in self.canonical_names:
            output = self.canonical_names.get("output")
            total -= 0 if output is None else self.tensors[output].elements
        return total

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer embedded in the file, or that of the folder, special ids included; None if there is none."""
        if not isinstance(self._tokenizer, _EmbeddedTokenizer):
            return self._tokenizer
        if self._conventions.embedded_tokenizer is not None:
            return self._conventions.embedded_tokenizer(self.metadata, self.path)
        from falsifiable.artifacts.tokenizers.folder import holds_tokenizer
        from falsifiable.artifacts.tokenizers.tokenizer import open_tokenizer

        names = {source.relative for source in self._contents.sources}
        return open_tokenizer(self.path) if holds_tokenizer(names) else None

    # Identity

    @cached_property
    def digest(self) -> str:
        """The sha256 of the file in hexadecimal; of a folder, over its sorted lines ``<sha256>  <relative/path>``.

        The digest of a mutant is a text that no file has, ``mutant:<base>+<mutation>``; no file is read for it.
        """
        if not self._mutations:
            return self._contents.digest()
        return reduce(mutant_digest, self._mutations, self._contents.digest_if_known() or self.path.name)

    @property
    def file_digests(self) -> Mapping[str, str]:
        """Relative path -> sha256 of each file, as they are on disk."""
        return self._contents.file_digests()

    def verify_checksums(self) -> None:
        """Read all bytes that the format keeps checksums of, and all booleans.

        Raises ArtifactError (unsound) where a checksum is wrong or a boolean is neither 0 nor 1.
        """
        for verify in self._contents.checksums:
            verify()
        for info in self.tensors.values():
            if info.dtype == "BOOL" and info.offset != NOT_IN_A_FILE:
                verify_booleans(info, self._source_of[info.file], DEFAULT_LIMITS.read_block_bytes)

    @cached_property
    def fingerprints(self) -> Mapping[str, Fingerprint]:
        """Stored name -> what the tensor holds, from one pass over all tensor data that is not known yet."""
        original, known = self._original or self, (self._original or self)._read_fingerprints
        unread = [info for info in self.tensors.values() if self._is_as_stored(info) and place_of(info) not in known]
        found = scan_model_files(unread, original._contents.sources).fingerprints
        known.update({place_of(info): found[info.name] for info in unread})
        return MappingProxyType({name: self.fingerprint(name) for name in self.tensors})

    def scan(self) -> Scan:
        """The fingerprints of all stored tensors and the sha256 of all files, from one pass over every byte.

        The model and its files remember both: :attr:`fingerprints` and :attr:`digest` read nothing after it. A mutant
        scans the files that it was made from.
        """
        original = self._original or self
        scanned = scan_model_files(original.tensors.values(), original._contents.sources, sha256=True)
        original._read_fingerprints.update(
            {place_of(info): scanned.fingerprints[name] for name, info in original.tensors.items()}
        )
        return scanned

    def fingerprint(self, name: str) -> Fingerprint:
        """What one tensor holds; only its own data is read. ``name`` is canonical or stored."""
        info = self._info(name)
        if self._is_as_stored(info):
            return (self._original or self)._stored_fingerprint(info)
        if info.offset == NOT_IN_A_FILE and info.name not in self._changes:
            return fingerprint_of_zeros(info.elements)
        return fingerprint_of_values(self._values_in_stored_order(info), info.dtype)

    def _is_as_stored(self, info: TensorInfo) -> bool:
        """Whether a file holds the tensor's values as they are."""
        return info.name not in self._changes and info.offset != NOT_IN_A_FILE

    def _stored_fingerprint(self, info: TensorInfo) -> Fingerprint:
        """The fingerprint of bytes in a file; the unmutated model remembers it for all its mutants."""
        place = place_of(info)
        if place not in self._read_fingerprints:
            self._read_fingerprints[place] = fingerprint_of_stored(info, self._source_of[info.file])
        return self._read_fingerprints[place]

    @cached_property
    def _read_fingerprints(self) -> dict[Place, Fingerprint]:
        known = self._contents.known.fingerprints
        return {place_of(info): known[name] for name, info in self.tensors.items() if name in known}

    # Tensors

    def has_tensor(self, name: str) -> bool:
        """Whether there is a tensor of this stored or canonical name."""
        return name in self.tensors or name in self.canonical_names

    def usual_name(self, canonical: str) -> str:
        """What files of this format usually call a tensor, or the canonical name itself where none is known."""
        return stored_name(canonical, self._conventions.dialect(self.tensors)) or canonical

    @property
    def is_mutant(self) -> bool:
        """Whether a mutation made it, so that the files hold something else."""
        return bool(self._mutations)

    def stored_bytes(self, name: str) -> bytes | None:
        """The bytes of a tensor as its file holds them; None where a mutation added or changed it."""
        info = self._info(name)
        return self._source_of[info.file].read(info.offset, info.nbytes) if self._is_as_stored(info) else None

    def as_stored(self, name: str) -> NDArray[Any]:
        """A tensor's values in the order of rows that the file keeps them in, mutations included.

        :meth:`tensor` gives the order of Hugging Face instead, which differs for queries and keys of some GGUF files.
        """
        return self._values_in_stored_order(self._info(name))

    def tensor(self, name: str) -> Tensor:
        """A tensor by its stored or canonical name; an ArtifactError names the nearest names if there is none."""
        info = self._info(name)
        return Tensor(info, lambda: self._values(info))

    @cached_property
    def updates(self) -> Mapping[str, Tensor]:
        """What an adapter adds to the weights of its base model; empty for what is no adapter.

        The name of the base tensor (canonical, or stored where it has no canonical name) -> the product of the two
        low-rank tensors times its scale, in float32 and in the orientation of the base tensor. A product is made when
        its values are asked for, each time anew. Whole tensors that an adapter brings along are among :attr:`tensors`
        only. Raises ArtifactError for an adapter whose effect is no sum, such as DoRA, and names it.
        """
        if self._conventions.updates is None:
            return MappingProxyType({})
        return self._conventions.updates(self.metadata, self.tensors, self.tensor)

    @property
    def adapter(self) -> AdapterConfig | None:
        """What an adapter says of itself: its base model, its rank, what it adapts. None for what is no adapter."""
        return None if self._conventions.adapter is None else self._conventions.adapter(self.metadata)

    @property
    def low_rank_pairs(self) -> Mapping[str, tuple[str, str]]:
        """Adapted module -> the stored names of its two factors, the one next to the input first; unlike
        :attr:`updates` without asking whether their shapes fit. The second factor of a fresh adapter is zero."""
        from falsifiable.artifacts.formats.low_rank import factor_names

        return MappingProxyType(factor_names(self.tensors))

    def _info(self, name: str) -> TensorInfo:
        found = self.tensors.get(name) or self.tensors.get(self.canonical_names.get(name, ""))
        if found is not None:
            return found
        names = [*self.canonical_names, *self.tensors][:_MOST_NAMES_COMPARED]
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        raise ArtifactError(
            self.path,
            f"no tensor {name!r} among {len(self.tensors)}",
            hint=f"The nearest names are {', '.join(nearest)}" if nearest else None,
            kind="unsound",
        )

    def _values(self, info: TensorInfo) -> NDArray[Any]:
        """Values in Hugging Face order, with what mutations made of them."""
        import numpy

        values = read_values(info, self._source_of.get(info.file, self._contents.sources[0]))
        heads = heads_to_reorder(info, self.architecture, self.config, self.metadata)
        if heads is not None:
            values = unpermuted(values, heads)
        for change in self._changes.get(info.name, ()):
            changed = numpy.asarray(change(numpy.array(values)))
            if changed.shape != info.shape:
                raise ValueError(
                    f"with_tensor({info.name!r}) gave shape {changed.shape}, the tensor has {info.shape}; "
                    "with_extra_tensor declares one of another shape"
                )
            values = changed
        return values

    def _values_in_stored_order(self, info: TensorInfo) -> NDArray[Any]:
        heads = heads_to_reorder(info, self.architecture, self.config, self.metadata)
        values = self._values(info)
        return values if heads is None else permuted(values, heads)

    @cached_property
    def _source_of(self) -> Mapping[Path, Source]:
        return {source.path: source for source in self._contents.sources}

    # Mutations

    def with_metadata(self, values: Mapping[str, object] | None = None, /, **named: object) -> Model:
        """The model with these stored keys set: ``with_metadata({"general.name": "x"})``."""
        added = {**(values or {}), **named}
        label = f"with_metadata({', '.join(added)})"
        return self._mutated(label, metadata=MappingProxyType({**self.metadata, **added}))

    def without_metadata(self, key: str) -> Model:
        """The model without a stored key; removing an absent key is a ValueError, for it would change nothing."""
        if key not in self.metadata:
            raise ValueError(f"{self.path} has no metadata {key!r} to remove")
        kept = {name: value for name, value in self.metadata.items() if name != key}
        return self._mutated(f"without_metadata({key})", metadata=MappingProxyType(kept))

    def with_config(self, **fields: int | float | bool | None) -> Model:
        """The model with canonical configuration fields changed under every key that states them; None removes.

        Raises ValueError for a field that this format has no key for.
        """
        metadata = dict(self.metadata)
        for name, value in fields.items():
            for key in self._conventions.config_keys(name, metadata):
                _set(metadata, key, value)
        label = f"with_config({', '.join(f'{name}={value}' for name, value in fields.items())})"
        return self._mutated(label, metadata=MappingProxyType(metadata))

    def with_architecture(self, stored: str) -> Model:
        """The model under another architecture name, everything else (the prefix of GGUF keys too) as it was.

        Raises ValueError for an adapter, which names no architecture.
        """
        if not self._conventions.architecture_keys:
            raise ValueError(f"an adapter cannot be called {stored!r}: it names no architecture, only its base model")
        key = self._conventions.architecture_keys[0]
        metadata = MappingProxyType({**self.metadata, key: self._conventions.architecture_value(stored)})
        return self._mutated(f"with_architecture({stored})", metadata=metadata)

    def with_family(self, name: str) -> Model:
        """The model under the usual architecture name that its format has for a family, such as ``bert``.

        Raises ValueError for a family that is not known, or that the format has no name for.
        """
        family = family_named(name)
        stored = None if family is None else self._conventions.family_name(family)
        if stored is None:
            raise ValueError(f"{self.path}: there is no name for the family {name!r} in this format")
        return self.with_architecture(stored)

    def without_architecture(self) -> Model:
        """The model with no key left that says what it is."""
        kept = {key: value for key, value in self.metadata.items() if key not in self._conventions.architecture_keys}
        return self._mutated("without_architecture()", metadata=MappingProxyType(kept))

    def with_tensor(self, name: str, function: Change) -> Model:
        """The model with a tensor's values put through ``function``, which gets a copy of them, as :meth:`Tensor.numpy`
        gives them, and returns an array of the same shape. It runs when the values are asked for."""
        stored = self._info(name).name
        changes = {**self._changes, stored: (*self._changes.get(stored, ()), function)}
        called = getattr(function, "__name__", type(function).__name__)
        return self._mutated(f"with_tensor({stored}, {called})", _changes=MappingProxyType(changes))

    def without_tensor(self, name: str) -> Model:
        """The model without a tensor."""
        stored = self._info(name).name
        kept = {one: info for one, info in self.tensors.items() if one != stored}
        changes = {one: change for one, change in self._changes.items() if one != stored}
        return self._mutated(f"without_tensor({stored})", tensors=self._named(kept), _changes=changes)

    def renamed_tensor(self, old: str, new: str) -> Model:
        """The model with one tensor (stored or canonical name) stored as ``new``, in the same place."""
        stored = self._info(old).name
        if new != stored and new in self.tensors:
            raise ValueError(f"{self.path} already has a tensor {new!r}")
        names = {one: new if one == stored else one for one in self.tensors}
        tensors = {names[one]: replace(info, name=names[one]) for one, info in self.tensors.items()}
        changes = {names[one]: change for one, change in self._changes.items()}
        return self._mutated(f"renamed_tensor({stored}, {new})", tensors=self._named(tensors), _changes=changes)

    def with_extra_tensor(self, name: str, shape: tuple[int, ...], dtype: str = "F32") -> Model:
        """The model with a tensor of zeros added under a stored name; one of that name is replaced."""
        stored = self.canonical_names.get(name, name)
        kind = ELEMENT_TYPES.get(dtype)
        nbytes = None if kind is None else kind.bytes_of(math.prod(shape))
        if nbytes is None:
            raise ValueError(f"a tensor of shape {shape} cannot be of type {dtype!r}")
        info = TensorInfo(stored, None, tuple(shape), dtype, self.path, NOT_IN_A_FILE, nbytes)
        changes = {one: change for one, change in self._changes.items() if one != stored}
        label = f"with_extra_tensor({stored}, {'x'.join(map(str, shape))}, {dtype})"
        return self._mutated(label, tensors=self._named({**self.tensors, stored: info}), _changes=changes)

    def with_dtype(self, name: str, dtype: str) -> Model:
        """The model whose header declares a tensor's bytes, as they are, to be of another type of the same width.

        Raises ValueError for a type that would take another number of bytes.
        """
        info = self._info(name)
        kind = ELEMENT_TYPES.get(dtype)
        if kind is None or kind.bytes_of(info.elements) != info.nbytes:
            raise ValueError(f"the {info.nbytes} bytes of {info.name!r} cannot be of type {dtype!r}")
        tensors = {**self.tensors, info.name: replace(info, dtype=dtype)}
        return self._mutated(f"with_dtype({info.name}, {dtype})", tensors=self._named(tensors))

    def with_names_exchanged(self, one: str, other: str) -> Model:
        """The model in which two tensors (stored or canonical names) go by each other's name."""
        first, second = self._info(one).name, self._info(other).name
        names = {first: second, second: first}
        tensors = {name: replace(self.tensors[names.get(name, name)], name=name) for name in self.tensors}
        changes = {names.get(name, name): change for name, change in self._changes.items()}
        label = f"with_names_exchanged({first}, {second})"
        return self._mutated(label, tensors=self._named(tensors), _changes=changes)

    def rewritten(self) -> Model:
        """The same content in other bytes, as another writer would lay it out: the digest differs and nothing else."""
        return self._mutated("rewritten()")

    def with_tokenizer(self, tokenizer: Tokenizer | None) -> Model:
        """The model with another tokenizer, or without one; metadata that embeds one follows."""
        metadata = self.metadata
        if self._conventions.with_embedded_tokenizer is not None:
            metadata = MappingProxyType(dict(self._conventions.with_embedded_tokenizer(metadata, tokenizer)))
        label = "with_tokenizer(None)" if tokenizer is None else f"with_tokenizer({tokenizer.digest})"
        return self._mutated(label, metadata=metadata, _tokenizer=tokenizer)

    def _named(self, tensors: Mapping[str, TensorInfo]) -> Mapping[str, TensorInfo]:
        return _named(tensors, self.format, self.metadata)

    def _mutated(self, label: str, **changes: Any) -> Model:
        return replace(self, _mutations=(*self._mutations, label), _original=self._original or self, **changes)


def _named(
    tensors: Mapping[str, TensorInfo], model_format: Format, metadata: Mapping[str, object]
) -> Mapping[str, TensorInfo]:
    """Tensors told their canonical names, which they have under the prefix of a wrapper too."""
    prefix = metadata.get("__prefix__", "")
    dialect = conventions_of(model_format).dialect(tensors)
    return with_canonical_names(tensors, dialect, prefix if isinstance(prefix, str) else "")


def _set(metadata: dict[str, object], key: str, value: object) -> None:
    """Set a key, or ``outer.inner`` where ``outer`` is a mapping; None removes it."""
    outer, _, inner = key.partition(".")
    nested = metadata.get(outer)
    if inner and isinstance(nested, Mapping):
        changed: dict[str, object] = dict(nested)
        _set(changed, inner, value)
        metadata[outer] = changed
    elif value is None:
        metadata.pop(key, None)
    else:
        metadata[key] = value
