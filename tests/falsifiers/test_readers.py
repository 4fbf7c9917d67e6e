"""Where falsifiable and the libraries that consume a file must agree, and what is said where they do not."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falsifiable import ArtifactError, Model, NotApplicable, Verdict, open_model, open_tokenizer
from falsifiable.artifacts.contents import Contents
from falsifiable.artifacts.formats.pytorch.reader import read_pytorch
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.samples.formats import write_gguf, write_safetensors
from falsifiers.readers import readers_agree, tokenizer_readers_agree

for library in ("gguf", "safetensors", "tokenizers"):
    pytest.importorskip(library)

ROWS = numpy.arange(32, dtype=numpy.float32).reshape(4, 8)


# Files as they should be


@pytest.mark.parametrize("role", ["export", "trained", "safetensors", "encoder"])
def test_readers_agree_on_every_format(specimens: dict[str, Any], role: str) -> None:
    verdict = readers_agree(specimens[role])
    assert verdict.outcome == "held", verdict.found
    assert verdict.examined > len(specimens[role].tensors)


@pytest.mark.parametrize("role", ["export", "trained", "safetensors", "encoder"])
@pytest.mark.parametrize("name", readers_agree.counterexamples)
def test_what_is_changed_in_memory_is_a_difference(specimens: dict[str, Any], role: str, name: str) -> None:
    try:
        mutant = readers_agree.mutate(name, {"model": specimens[role]}, {})["model"]
    except NotApplicable as reason:
        pytest.skip(str(reason))
    verdict = readers_agree(mutant)
    assert verdict.outcome == "falsified", name
    assert "do not understand the same file" in verdict.found


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_elements_of_every_width(dtype: str, tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "model.safetensors", {"b": ROWS.astype(dtype), "a": ROWS[:1].astype(dtype)})
    assert readers_agree(open_model(path)).outcome == "held"


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2"])
def test_elements_that_numpy_does_not_have(dtype: str, tmp_path: Path) -> None:
    width = 2 if dtype == "BF16" else 1
    header = {"a": {"dtype": dtype, "shape": [4], "data_offsets": [0, 4 * width]},
              "b": {"dtype": dtype, "shape": [2, 1], "data_offsets": [4 * width, 6 * width]}}  # fmt: skip
    path = safetensors_of(tmp_path, json.dumps(header).encode(), bytes(range(1, 6 * width + 1)))
    model = open_model(path)
    assert readers_agree(model).outcome == "held"
    verdict = readers_agree(model.with_tensor("b", lambda values: values + 1))
    assert verdict.found.startswith("tensor b: its bytes are others for falsifiable")


@pytest.mark.parametrize("kind", ["Q4_0", "Q8_0", "Q6_K", "BF16", "F64", "I32"])
def test_elements_of_gguf(kind: str, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    number, values = gguf.GGMLQuantizationType[kind], numpy.linspace(-1, 1, 1024, dtype=numpy.float32).reshape(4, 256)
    if kind == "Q6_K":  # the package reads it and does not write it
        writer.add_tensor("w", numpy.ones((4, 210), dtype=numpy.uint8), raw_dtype=number)
    elif kind in ("F64", "I32"):
        writer.add_tensor("w", values.astype({"F64": "float64", "I32": "int32"}[kind]))
    else:
        writer.add_tensor("w", gguf.quants.quantize(values, number), raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert readers_agree(open_model(tmp_path / "model.gguf")).outcome == "held"


def checkpoint(path: Path, content: object) -> Model:
    """A checkpoint that torch saved, opened."""
    torch = pytest.importorskip("torch")
    torch.save(content, path)
    source = SourceFile(path)
    found = read_pytorch(source)
    return Model.of(Contents(path, "pytorch", (source,), found.metadata, found.tensors))


@pytest.mark.parametrize("layout", ["bare", "beside an optimizer", "under a key"])
def test_a_checkpoint_of_torch(layout: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"a.weight": whole, "a.turned": whole.T, "b": whole[1:].bfloat16(), "n": torch.arange(3)}
    beside = {"optimizer": {"state": {"0": {"step": torch.ones(2)}}}}
    content = {"bare": state, "beside an optimizer": {**beside, **state}, "under a key": {**beside, "model": state}}
    model = checkpoint(tmp_path / "model.pt", content[layout])
    verdict = readers_agree(model)
    assert verdict.outcome == "held", verdict.found
    refuted = 0
    for name in readers_agree.counterexamples:
        try:
            mutant = readers_agree.mutate(name, {"model": model}, {})["model"]
        except NotApplicable:
            continue
        assert readers_agree(mutant).outcome == "falsified", name
        refuted += 1
    assert refuted == 5, "the five about tensors; torch tells no metadata, and no tokenizer is in the file"


def test_a_checkpoint_that_torch_refuses_says_nothing_of_the_readers(tmp_path: Path) -> None:
    """Classes that ``weights_only`` does not know are common in sound checkpoints."""
    torch = pytest.importorskip("torch")
    verdict = readers_agree(checkpoint(tmp_path / "model.pt", {"w": torch.ones(2), "when": date(2024, 1, 1)}))
    assert verdict.outcome == "inconclusive"
    assert "torch.load(weights_only=True) refuses model.pt" in verdict.found


def test_a_model_in_several_gguf_files(tmp_path: Path) -> None:
    for number, names in enumerate(("", "ab", "c")):
        fields: dict[str, object] = {"split.no": number, "split.count": 3, "split.tensors.count": 3}
        if number == 0:
            fields |= {"general.architecture": "llama"}
        write_gguf(tmp_path / f"m-{number + 1:05d}-of-00003.gguf", fields, dict.fromkeys(names, ROWS))
    model = open_model(tmp_path / "m-00002-of-00003.gguf")
    verdict = readers_agree(model)
    assert verdict.outcome == "held", verdict.found
    assert verdict.examined == 3 + 4
    assert readers_agree(model.without_tensor("c")).found.startswith("tensor c is found by gguf and not by falsifiable")


def test_a_tokenizer_in_its_folder(specimens: dict[str, Any]) -> None:
    folder = open_tokenizer(specimens["trained"].path)
    assert tokenizer_readers_agree(folder).outcome == "held"
    verdict = tokenizer_readers_agree(folder.with_eos_token_id(7))
    assert verdict.found.startswith("eos_token_id: 7 for falsifiable, 0 for the library")


def test_an_embedded_tokenizer_is_left_to_the_check_of_its_model(specimens: dict[str, Any]) -> None:
    verdict = tokenizer_readers_agree(specimens["export"].tokenizer)
    assert verdict.outcome == "inconclusive"
    assert "artifact.readers-agree" in verdict.found


# Messages


def test_the_first_difference_is_told_and_the_others_counted(specimens: dict[str, Any]) -> None:
    model = specimens["export"].with_metadata({"qwen2.block_count": 3, "general.made_up": True})
    block_count = specimens["export"].metadata["qwen2.block_count"]
    assert readers_agree(model).found == (
        f"qwen2.block_count is 3 for falsifiable, {block_count} for the library (2 differences in all); "
        "gguf and falsifiable do not understand the same file"
    )


def test_a_number_of_another_type_is_another_value(specimens: dict[str, Any]) -> None:
    key, export = "qwen2.block_count", specimens["export"]
    assert readers_agree(export.with_metadata({key: float(export.metadata[key])})).outcome == "falsified"
    assert readers_agree(export.with_metadata({key: export.metadata[key]})).outcome == "held"


def test_a_list_is_compared_item_by_item(specimens: dict[str, Any]) -> None:
    export = specimens["export"]
    types = list(export.metadata["tokenizer.ggml.token_type"])
    assert readers_agree(export.with_metadata({"tokenizer.ggml.token_type": types})).outcome == "held"
    changed = readers_agree(export.with_metadata({"tokenizer.ggml.token_type": [*types[:-1], types[-1] + 1]}))
    assert changed.found.startswith("tokenizer.ggml.token_type is a list of ")


# Files that the two understand differently


def safetensors_of(folder: Path, header: bytes, data: bytes = bytes(4)) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def gguf_of(folder: Path, tensors: int, *content: bytes, entries: int = 0) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + b"".join(content)
    path = folder / "model.gguf"
    path.write_bytes(head + (bytes(-len(head) % 32) + bytes(32) if tensors else b""))
    return path


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


ENTRY = b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
# Models that one of the two refuses, or takes for something else: name -> (how to write it, what the verdict says of it
# as long as falsifiable accepts it).
TWO_MEANINGS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a key that gguf keeps for itself": (
        lambda folder: gguf_of(folder, 0, text("GGUF.version"), struct.pack("<II", 4, 3), entries=1),
        "gguf.GGUFReader refuses model.gguf, which falsifiable accepts: 'Duplicate GGUF.version"),
    "a BF16 tensor without dimensions": (
        lambda folder: gguf_of(folder, 1, text("w"), struct.pack("<IIQ", 0, 30, 0)),
        "gguf.GGUFReader refuses model.gguf, which falsifiable accepts"),
    "half a surrogate pair": (
        lambda folder: safetensors_of(folder, b'{"__metadata__":{"k":"\\udc00"},' + ENTRY + b"}"),
        "safetensors refuses model.safetensors, which falsifiable accepts"),
    "a size of minus zero": (
        lambda folder: safetensors_of(
            folder, b'{"z":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]},' + ENTRY + b"}"),
        "safetensors refuses model.safetensors, which falsifiable accepts"),
}  # fmt: skip
# Models that a sloppier reader would take for something else than the library does; falsifiable opens none of them.
REFUSED: dict[str, Callable[[Path], Path]] = {
    "a tensor twice": lambda folder: safetensors_of(folder, b"{" + ENTRY + b"," + ENTRY + b"}"),
    "a key of the metadata twice": lambda folder: safetensors_of(
        folder, b'{"__metadata__":{"k":"1","k":"2"},' + ENTRY + b"}"
    ),
    "an alignment that is no uint32": lambda folder: gguf_of(
        folder, 0, text("general.alignment"), struct.pack("<IQ", 10, 32), entries=1
    ),
    "overlapping tensors": lambda folder: gguf_of(
        folder, 2, *(text(name) + struct.pack("<IQIQ", 1, 8, 0, 0) for name in "ab")
    ),
    "a tensor of no elements": lambda folder: gguf_of(folder, 1, text("w"), struct.pack("<IQIQ", 1, 0, 0, 0)),
}


def judged(path: Path) -> Verdict | None:
    """The verdict on a model, or None where falsifiable itself refuses it."""
    try:
        return readers_agree(open_model(path))
    except ArtifactError:
        return None


@pytest.mark.parametrize("case", TWO_MEANINGS)
def test_a_model_of_two_meanings_is_never_held(case: str, tmp_path: Path) -> None:
    write, said = TWO_MEANINGS[case]
    verdict = judged(write(tmp_path))
    assert verdict is None or (verdict.outcome, verdict.found[: len(said)]) == ("falsified", said)


@pytest.mark.parametrize("case", REFUSED)
def test_a_model_that_loaders_differ_on_is_not_opened(case: str, tmp_path: Path) -> None:
    assert judged(REFUSED[case](tmp_path)) is None


def added(token_id: int, content: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": content, "special": True, **flags}


# The library gives an added token the next free id, or the one its text has already, whatever the file says.
TWO_TOKENIZERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an added token beyond the next free id": (
        lambda stored: stored["added_tokens"].append(added(900, "<new>")), "901 tokens for falsifiable, 301 for"),
    "an added token that is one of the vocabulary": (
        lambda stored: stored["added_tokens"].append(added(300, list(stored["model"]["vocab"])[50])), "301 tokens for"),
    "two added tokens of one text": (
        lambda stored: stored["added_tokens"].append(added(300, stored["added_tokens"][0]["content"])), "301 tokens"),
    "a token that is half a surrogate pair": (
        lambda stored: stored["model"]["vocab"].update({"\ud800": 300}), "tokenizers refuses tokenizer.json"),
    "a merge of tokens that do not exist": (
        lambda stored: stored["model"]["merges"].append(["zqzq", "zq"]), "tokenizers refuses tokenizer.json"),
}  # fmt: skip


@pytest.mark.parametrize("case", TWO_TOKENIZERS)
def test_a_tokenizer_of_two_meanings_is_never_held(case: str, specimens: dict[str, Any], tmp_path: Path) -> None:
    change, said = TWO_TOKENIZERS[case]
    stored = json.loads(specimens["tokenizer"].path.read_text())
    change(stored)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(stored))
    try:
        verdict = tokenizer_readers_agree(open_tokenizer(path))
    except ArtifactError:
        return  # refused by falsifiable as well, which settles it
    assert verdict.outcome == "falsified"
    assert verdict.found.startswith(said)


# Any file that falsifiable opens: gguf understands the same, or says that it cannot read it.

scalars = st.one_of(
    st.booleans(), st.integers(0, 2**32 - 1), st.integers(-(2**31), -1), st.floats(width=32), st.text(max_size=9)
)
lists = st.one_of(
    st.lists(st.text(max_size=9), max_size=4),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=4),
    st.lists(st.floats(width=32), min_size=1, max_size=4),
)
keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    lambda key: not key.startswith(("tokenizer.", "GGUF.", "general.alignment"))
)
shapes = st.lists(st.integers(1, 3), max_size=4).map(tuple)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(keys, scalars | lists, max_size=6),
    tensors=st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), shapes, max_size=3),
    half=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 2000), st.integers(0, 255)),
)
def test_gguf_and_falsifiable_understand_every_file_alike(
    fields: dict[str, Any],
    tensors: dict[str, tuple[int, ...]],
    half: bool,
    damage: tuple[int, int] | None,
    tmp_path: Path,
) -> None:
    dtype = numpy.float16 if half else numpy.float32
    values = {name: numpy.full(shape, place + 0.5, dtype=dtype) for place, (name, shape) in enumerate(tensors.items())}
    path = write_gguf(tmp_path / "model.gguf", fields, values)
    if damage is not None:
        content = bytearray(path.read_bytes())
        content[damage[0] % len(content)] = damage[1]
        path.write_bytes(content)
    verdict = judged(path)
    if damage is None and (fields or tensors):
        assert verdict is not None
        assert verdict.outcome == "held", verdict.found
    elif verdict is not None:
        assert verdict.outcome != "falsified" or "refuses model.gguf" in verdict.found
