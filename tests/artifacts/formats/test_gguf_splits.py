"""Models split over several GGUF files, laid out as llama-gguf-split and the gguf package do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable.artifacts import ArtifactError, open_model
from falsifiable.artifacts.formats.gguf.reader import read_gguf
from falsifiable.artifacts.formats.gguf.splits import SplitContents, is_split, read_split
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.samples.formats import write_gguf

PARTS: tuple[tuple[str, ...], ...] = ((), ("token_embd.weight", "blk.0.ffn_up.weight"), ("output.weight",))
MODEL = {"general.architecture": "llama", "llama.block_count": 1}


def name_of(part: int, parts: int = 3, stem: str = "model") -> str:
    return f"{stem}-{part:05d}-of-{parts:05d}.gguf"


def values_of(name: str) -> Any:
    return numpy.full((4, 8), len(name), dtype=numpy.float32)


def write_part(
    folder: Path, number: int, tensors: Sequence[str], fields: Mapping[str, object] | None = None, count: int = 3
) -> Path:
    """Part ``number`` (from 0) with ``fields`` beside or instead of what such a part states."""
    split = {"split.no": number, "split.count": count, "split.tensors.count": sum(map(len, PARTS))}
    stated = {**(MODEL if number == 0 else {}), **split, **(fields or {})}
    return write_gguf(folder / name_of(number + 1, count), stated, {name: values_of(name) for name in tensors})


@pytest.fixture
def split(tmp_path: Path) -> list[Path]:
    return [write_part(tmp_path, number, tensors) for number, tensors in enumerate(PARTS)]


def read(path: Path, limits: Limits = DEFAULT_LIMITS) -> SplitContents:
    source = SourceFile(path)
    return read_split(source, read_gguf(source, limits), lambda name: SourceFile(path.parent / name), limits)


def test_any_part_opens_the_whole(split: list[Path]) -> None:
    for opened in split:
        whole = read(opened)
        assert [source.path for source in whole.sources] == split
        assert list(whole.tensors) == [name for part in PARTS for name in part]
        assert whole.tensors["output.weight"].file == split[2]
        assert whole.metadata["llama.block_count"] == 1
        assert whole.metadata["split.no"] == 0


def test_tensors_lie_in_the_part_that_they_name(split: list[Path]) -> None:
    whole = read(split[0])
    by_path = {source.path: source for source in whole.sources}
    for name, info in whole.tensors.items():
        assert by_path[info.file].read(info.offset, info.nbytes) == values_of(name).tobytes()


def test_a_model_opened_by_any_part_is_the_same_model(split: list[Path]) -> None:
    models = [open_model(path) for path in split]
    for model in models:
        assert model.files == tuple(split)
        assert model.digest == models[0].digest
        assert sorted(model.file_digests) == [path.name for path in split]
        numpy.testing.assert_array_equal(model.tensor("output").numpy(), values_of("output.weight"))
        assert {one.mean for one in model.fingerprints.values()} == {float(len(name)) for name in model.tensors}


def test_parts_that_the_gguf_package_wrote(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama", split_max_tensors=2, small_first_shard=True)
    writer.add_block_count(7)
    writer.add_token_list(["a", "b"])
    for index in range(5):
        writer.add_tensor(f"blk.{index}.w", numpy.full((4, 8), index, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 4
    whole = read(paths[-1])
    assert whole.metadata["llama.block_count"] == 7
    assert whole.metadata["tokenizer.ggml.tokens"] == ["a", "b"]
    assert [len(read_gguf(source).tensors) for source in whole.sources] == [0, 2, 2, 1]
    assert sorted(whole.tensors) == [f"blk.{index}.w" for index in range(5)]


@pytest.mark.parametrize("fields", [{}, {"split.count": 1}, {"split.count": 0, "split.no": 0}])
def test_a_whole_model_is_no_split(fields: dict[str, object], tmp_path: Path) -> None:
    assert not is_split(read_gguf(SourceFile(write_gguf(tmp_path / "model.gguf", {**MODEL, **fields}, {}))))


def test_a_part_is_told_by_what_it_states(split: list[Path]) -> None:
    assert all(is_split(read_gguf(SourceFile(path))) for path in split)


def test_absent_parts_are_listed(split: list[Path]) -> None:
    split[0].unlink()
    split[2].unlink()
    with pytest.raises(ArtifactError) as caught:
        read(split[1])
    assert caught.value.kind == "unreadable"
    assert "2 of 3 parts of the model cannot be opened" in caught.value.message
    assert f"{split[0].name}: no such file; {split[2].name}: no such file" in caught.value.message
    assert "llama-gguf-split --merge" in str(caught.value)


def test_many_absent_parts_are_counted(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"29 of 30 parts .* and 24 more"):
        read(write_part(tmp_path, 0, [], count=30))


# What is written over a sound split, as arguments of ``write_part``; the kind of the error; what it says.
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "another number": (
        {"number": 1, "tensors": PARTS[1], "fields": {"split.no": 2}}, "unreadable",
        "model-00002-of-00003.gguf states split.no 2, split.count 3, split.tensors.count 3"),
    "another count": ({"number": 1, "tensors": PARTS[1], "fields": {"split.count": 4}}, "unreadable", "split.count 4"),
    "another number of tensors": (
        {"number": 2, "tensors": PARTS[2], "fields": {"split.tensors.count": 4}}, "unreadable",
        "model-00003-of-00003.gguf states split.no 2, split.count 3, split.tensors.count 4"),
    "a tensor too few": (
        {"number": 1, "tensors": PARTS[1][:1]}, "unreadable", "3 parts hold 2 tensors; expected 3"),
    "a tensor twice": (
        {"number": 2, "tensors": ("token_embd.weight",)}, "unsound",
        "'token_embd.weight' is in model-00002-of-00003.gguf too"),
    "a key that the first part lacks": (
        {"number": 1, "tensors": PARTS[1], "fields": {"general.name": "x"}}, "unsound", "states 'general.name', which"),
    "another value": (
        {"number": 1, "tensors": PARTS[1], "fields": {"llama.block_count": 2}}, "unsound",
        "states another 'llama.block_count' than model-00001-of-00003.gguf: 2"),
    "another type": (
        {"number": 1, "tensors": PARTS[1], "fields": {"llama.block_count": True}}, "unsound", "another 'llama.block_"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_parts_that_do_not_belong_together_are_refused(case: str, split: list[Path]) -> None:
    part, kind, said = BROKEN[case]
    write_part(split[0].parent, **part)
    with pytest.raises(ArtifactError) as caught:
        read(split[0])
    assert caught.value.kind == kind
    assert said in str(caught.value)


def test_a_later_part_may_repeat_the_first(split: list[Path]) -> None:
    """As files whose alignment is not 32 must, for it says where their own tensors lie."""
    write_part(split[0].parent, 1, PARTS[1], {"general.architecture": "llama"})
    assert len(read(split[1]).tensors) == 3


@pytest.mark.parametrize("name", ["first.gguf", "model-00002-of-00003.gguf", "model-00001-of-00004.gguf"])
def test_a_renamed_part_is_refused_with_the_name_it_should_have(name: str, tmp_path: Path) -> None:
    renamed = write_part(tmp_path, 0, []).rename(tmp_path / name)
    with pytest.raises(ArtifactError, match=r"is part 1 of 3 .*expected a name that ends with -00001-of-00003.gguf"):
        read(renamed)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"split.count": 70_000}, "split.count is 70000"),
        ({"split.count": -1}, "split.count is -1"),
        ({"split.count": "three"}, "split.count is 'three'"),
        ({"split.no": 3}, "split.no is 3"),
        ({"split.no": False}, "split.no is False"),
    ],
)
def test_counts_that_no_split_has_are_refused(fields: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=said) as caught:
        read(write_part(tmp_path, 0, [], fields))
    assert caught.value.kind == "unreadable"


def test_a_cut_part_is_refused_by_its_own_name(split: list[Path]) -> None:
    content = split[1].read_bytes()
    split[1].write_bytes(content[:-32])
    with pytest.raises(ArtifactError, match="missing 32 bytes") as caught:
        read(split[0])
    assert (caught.value.path, caught.value.kind) == (split[1], "unsound")


def test_too_many_tensors_in_all_are_refused(split: list[Path]) -> None:
    with pytest.raises(ArtifactError, match="3 tensors in all parts; expected at most 2"):
        read(split[0], Limits(model_tensors=2))


def test_siblings_are_asked_for_by_their_bare_names(split: list[Path]) -> None:
    asked: list[str] = []

    def open_sibling(folder: Path, name: str) -> SourceFile:
        asked.append(name)
        return SourceFile(folder / name)

    source = SourceFile(split[1])
    read_split(source, read_gguf(source), partial(open_sibling, split[0].parent))
    assert asked == [name_of(1), name_of(3)]
