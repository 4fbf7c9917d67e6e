"""PyTorch checkpoints, read without executing them: the files that torch.save writes, and sabotaged ones."""

from __future__ import annotations

import argparse
import collections
import io
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.dtypes import ELEMENT_TYPES
from falsifiable.artifacts.formats.pytorch.reader import PytorchContents, is_pytorch, read_pytorch
from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.artifacts.safety.inspection import inspect_safety
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.tensors import read_values
from tests.artifacts.safety.evil_pickles import WAYS, Nested, broken, in_tar, plain, rezipped, saved, short

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.uint16: "U16",
    torch.uint32: "U32", torch.uint64: "U64", torch.bool: "BOOL", torch.complex64: "C64",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
both_formats = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def read(path: Path) -> PytorchContents:
    contents = read_pytorch(SourceFile(path))
    for verify in contents.checksums:
        verify()
    return contents


def values(contents: PytorchContents, name: str) -> numpy.ndarray:
    info = contents.tensors[name]
    return read_values(info, SourceFile(info.file))


def refusal(path: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        read_pytorch(SourceFile(path))
    return caught.value


# Tensors


@both_formats
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_are_those_of_torch(file, dtype, legacy):
    weight = torch.arange(-3, 3).reshape(2, 3).to(dtype)
    contents = read(saved({"weight": weight}, file, legacy=legacy))
    info = contents.tensors["weight"]
    assert (info.dtype, info.shape, info.strides) == (DTYPES[dtype], (2, 3), None)
    assert info.nbytes == ELEMENT_TYPES[info.dtype].bytes_of(6)
    wanted = weight.float() if dtype.itemsize <= 2 and dtype.is_floating_point else weight
    assert numpy.array_equal(values(contents, "weight"), wanted.numpy())


@both_formats
def test_views_keep_their_strides(file, legacy):
    whole = torch.arange(24.0).reshape(4, 6)
    views = {"transposed": whole.t(), "rows": whole[1:3], "column": whole[:, 2], "expanded": whole[0, :1].expand(3, 5)}
    contents = read(saved(views, file, legacy=legacy))
    assert {name: one.strides for name, one in contents.tensors.items()} == {
        "transposed": (1, 6), "rows": None, "column": (6,), "expanded": (0, 0),
    }  # fmt: skip
    for name, wanted in views.items():
        assert numpy.array_equal(values(contents, name), wanted.numpy()), name


@both_formats
def test_scalars_and_empty_tensors(file, legacy):
    state = {"scalar": torch.tensor(3.5), "none": torch.zeros(0, 4), "one": torch.ones(1, 1, 2)}
    contents = read(saved(state, file, legacy=legacy))
    assert {name: one.shape for name, one in contents.tensors.items()} == {
        "scalar": (), "none": (0, 4), "one": (1, 1, 2),
    }  # fmt: skip
    assert values(contents, "scalar") == 3.5


@both_formats
def test_tied_tensors_are_kept_once(file, legacy):
    embedding = torch.nn.Parameter(torch.ones(4, 2))
    state = {"embed.weight": embedding, "lm_head.weight": embedding, "part": embedding[:2]}
    contents = read(saved(state, file, legacy=legacy))
    assert list(contents.tensors) == ["embed.weight", "part"]
    assert contents.metadata["__shared__.lm_head.weight"] == "embed.weight"


def test_slices_of_one_storage_are_all_kept(file):
    fused = torch.arange(12.0).reshape(6, 2)
    contents = read(saved({"qkv": fused, "q": fused[:2], "overlap": fused[1:3]}, file))
    assert list(contents.tensors) == ["qkv", "q", "overlap"]
    assert values(contents, "overlap").tolist() == [[2, 3], [4, 5]]


@both_formats
def test_parameters_buffers_and_subclasses(file, legacy):
    state = torch.nn.BatchNorm1d(3).state_dict()
    state["own"] = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    state["own"].note = "an attribute makes torch save the state of the tensor too"
    contents = read(saved(state, file, legacy=legacy))
    assert set(contents.tensors) == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked", "own"}


def test_what_is_no_plain_tensor_is_named(file):
    state = {"dense": torch.ones(2), "sparse": torch.eye(2).to_sparse(), "wide": torch.ones(1, dtype=torch.complex128)}
    contents = read(saved(state, file))
    assert list(contents.tensors) == ["dense"]
    assert [one.split(":")[0] for one in contents.metadata["__unread__"]] == ["sparse", "wide"]


def test_a_module_saved_whole(file):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    model.register_buffer("temporary", torch.ones(1), persistent=False)
    contents = read(saved(model, file))
    assert set(contents.tensors) == set(model.state_dict())
    assert set(read(saved({"model": model, "epoch": 3}, file)).tensors) == set(model.state_dict())


# Which mapping is the model, and what stands beside it


def training_state(**more: object) -> dict[str, object]:
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    return {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
        "epoch": 7, "best": numpy.float64(0.25), "rng_state": torch.get_rng_state(), **more,
    }  # fmt: skip


@both_formats
def test_a_training_checkpoint(file, legacy):
    contents = read(saved(training_state(), file, legacy=legacy))
    assert set(contents.tensors) == {"weight", "bias"}
    metadata = contents.metadata
    assert (metadata["epoch"], metadata["best"], metadata["__state_dict__"]) == (7, 0.25, "model")
    assert metadata["optimizer"] == ["state", "param_groups"]
    assert metadata["scheduler.step_size"] == 2
    assert metadata["__parts__"] == ["optimizer", "rng", "scheduler", "step"]


@pytest.mark.parametrize("missing", ["optimizer", "scheduler", "rng_state", "epoch"])
def test_a_part_that_is_missing_or_empty_is_not_listed(file, missing):
    part = {"rng_state": "rng", "epoch": "step"}.get(missing, missing)
    state = training_state()
    del state[missing]
    assert part not in read(saved(state, file)).metadata["__parts__"]
    assert part not in read(saved({**state, missing: None}, file)).metadata["__parts__"]


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "module", "net"])
def test_the_key_of_the_model_is_said(file, key):
    contents = read(saved({key: {"w": torch.ones(1)}, "other": {"v": torch.ones(1)}}, file))
    assert (list(contents.tensors), contents.metadata["__state_dict__"]) == (["w"], key)


def test_several_networks_keep_their_names(file):
    state = {"G": {"w": torch.ones(1)}, "D": {"w": torch.ones(1)}, "optimizer": {"state": {0: torch.ones(1)}}}
    assert set(read(saved(state, file)).tensors) == {"G.w", "D.w"}


@pytest.mark.parametrize("beside", [{"torch_rng_state": torch.get_rng_state()}, {"step": torch.tensor(3)}])
def test_a_tensor_to_resume_from_is_not_taken_for_the_model(file, beside):
    assert set(read(saved({"params": {"w": torch.ones(2)}, **beside}, file)).tensors) == {"params.w"}


@pytest.mark.parametrize(
    "state", [{1: torch.ones(1), "1": torch.ones(2)}, {"model": {"a": {"b": torch.ones(1)}, "a.b": torch.ones(2)}}]
)
def test_two_tensors_of_one_name_are_refused(file, state):
    assert "two tensors are called" in refusal(saved(state, file)).message


def test_a_big_endian_number_keeps_its_value(file):
    value = numpy.array(3.5, dtype=">f8")[()]
    assert read(saved({"model": {"w": torch.ones(1)}, "best": value}, file)).metadata["best"] == 3.5


def test_an_optimizer_alone_is_all_there_is(file):
    state = {"optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}}}
    assert set(read(saved(state, file)).tensors) == {"optimizer.state.0.exp_avg"}


@pytest.mark.parametrize("key", ["config", "model_config", "hyper_parameters", "model_args"])
def test_a_configuration_is_lifted(file, key):
    fields = {"vocab_size": 320, "architectures": ["Qwen2ForCausalLM"], "epoch": 9, "torch_dtype": torch.bfloat16}
    metadata = read(saved({"model": {"w": torch.ones(1)}, key: fields, "epoch": 2}, file)).metadata
    assert (metadata["vocab_size"], metadata["architectures"]) == (320, ["Qwen2ForCausalLM"])
    assert (metadata["epoch"], metadata["torch_dtype"]) == (2, "bfloat16")
    assert (metadata["__config__"], metadata[f"{key}.epoch"]) == (key, 9)


def test_a_namespace_is_a_configuration_too(file):
    args = argparse.Namespace(lr=0.1, out=Path("runs/1"), layers=None)
    metadata = read(saved({"model": {"w": torch.ones(1)}, "args": args}, file)).metadata
    assert (metadata["lr"], metadata["args.out"], metadata["args.layers"]) == (0.1, "runs/1", None)


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["module.a", "module.b"], "module."),
        (["_orig_mod.module.a"], "_orig_mod.module."),
        (["module.a", "b"], None),
        (["model.a"], None),
    ],
)
def test_the_prefix_of_wrappers_is_said_and_kept(file, names, prefix):
    contents = read(saved({name: torch.full((1,), index) for index, name in enumerate(names)}, file))
    assert (list(contents.tensors), contents.metadata.get("__prefix__")) == (names, prefix)


@pytest.fixture
def callback(monkeypatch):
    """A class of a package that is only there while the checkpoint is written."""
    module = types.ModuleType("pytorch_lightning.callbacks")
    made = type("Early", (dict,), {"__module__": module.__name__, "__qualname__": "Early"})
    module.Early = made
    monkeypatch.setitem(sys.modules, "pytorch_lightning", types.ModuleType("pytorch_lightning"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return made


@both_formats
def test_unknown_classes_do_not_stop_the_reading(file, callback, legacy):
    state = {
        "state_dict": collections.OrderedDict({"model.w": torch.ones(2)}), "pytorch-lightning_version": "2.5",
        "callbacks": {"early": callback(patience=3)}, "hyper_parameters": {"lr": 1e-3}, "epoch": 1,
    }  # fmt: skip
    saved(state, file, legacy=legacy)
    sys.modules.pop("pytorch_lightning.callbacks")
    contents = read(file)
    assert list(contents.tensors) == ["model.w"]
    assert (contents.metadata["lr"], contents.metadata["__prefix__"]) == (1e-3, "model.")
    assert contents.metadata["callbacks.early"] == {"patience": 3}


# What is refused


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("by_protocol_0", "by_instance")])
def test_a_pickle_that_calls_something_is_refused_by_its_name(file, tmp_path, way):
    canary = tmp_path / "canary"
    saved({"w": torch.ones(1)}, file)
    payload = WAYS[way](f"touch {canary}")
    for content in (rezipped(file, {"data.pkl": payload}), rezipped(file, {"data.pkl": broken(payload)}), payload):
        file.write_bytes(content)
        fault = refusal(file)
        assert (fault.kind, "loading it would" in fault.message) == ("unsound", True)
        assert fault.offset is not None
    assert not canary.exists()


@both_formats
@pytest.mark.parametrize(
    ("function", "name"), [(os.system, "posix.system"), (eval, "__builtin__.eval"), (os.popen, "os.popen")]
)
def test_a_call_deep_in_a_real_checkpoint(file, tmp_path, function, name, legacy):
    canary = tmp_path / "canary"
    state = training_state(extra=[{"deep": Nested(function, f"touch {canary}")}])
    fault = refusal(saved(state, file, legacy=legacy))
    assert (fault.kind, name in fault.message) == ("unsound", True)
    assert not canary.exists()


def test_a_dangerous_name_that_is_not_called_is_refused_too(file):
    assert "look up posix.system" in refusal(saved({"w": torch.ones(1), "f": os.system}, file)).message


def test_a_flipped_bit_in_a_weight_is_found(file):
    saved({"w": torch.full((100,), 1.0)}, file)
    content = file.read_bytes()
    place = read(file).tensors["w"].offset
    file.write_bytes(content[: place + 3] + bytes([content[place + 3] ^ 0x40]) + content[place + 4 :])
    contents = read_pytorch(SourceFile(file))
    assert torch.load(file)["w"].isinf().any()  # torch loads it without a word
    with pytest.raises(ArtifactError, match=r"data/0 are not those that were saved"):
        contents.checksums[0]()


def test_a_changed_object_is_found(file):
    saved({"w": torch.ones(1), "epoch": 1}, file)
    file.write_bytes(file.read_bytes().replace(b"epochq", b"eposhq", 1))
    assert "CRC-32" in refusal(file).message


def tensor(offset="K\0", size="K\2\x85", stride="K\1\x85", elements=2, key="0", storage="torch\nFloatStorage") -> bytes:
    """``{"w": tensor}`` as torch.save writes it, with one thing changed."""
    identifier = b"(" + short("storage") + f"c{storage}\n".encode() + short(key) + short("cpu")
    persistent = identifier + b"J" + elements.to_bytes(4, "little", signed=True) + b"tQ"
    rest = (offset + size + stride).encode("latin-1")
    return b"\x80\x02}" + short("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + rest + b"\x89}tRs."


UNSOUND = {
    "view beyond its storage": (tensor(size="K\3\x85"), "reaches to byte 12 of a storage of 8"),
    "offset beyond the storage": (tensor(offset="K\2"), "reaches to byte 16"),
    "strides beyond the storage": (tensor(stride="K\4\x85"), "reaches to byte 20"),
    "negative stride": (tensor(stride="J\xff\xff\xff\xff\x85"), "stride (-1,)"),
    "negative offset": (tensor(offset="J\xff\xff\xff\xff"), "offset -1"),
    "negative size": (tensor(size="J\xff\xff\xff\xff\x85"), "size (-1,)"),
    "more strides than sizes": (tensor(stride="K\1K\1\x86"), "stride (1, 1)"),
    "size that is text": (tensor(size="U\1a\x85"), "rebuilt from other than"),
    "storage longer than its record": (tensor(elements=3), "expected 12 bytes, 3 elements"),
    "storage shorter than its record": (tensor(elements=1), "expected 4 bytes"),
    "negative storage": (tensor(elements=-1), "no storage"),
    "storage that is not there": (tensor(key="1"), "storage '1' is not in the file"),
    "storage outside the file": (tensor(key="../../etc/passwd"), "is not in the file"),
    "storage of an unknown class": (tensor(storage="torch\nOtherStorage"), "no storage"),
    "bytes behind the pickle": (tensor() + b"N.", "2 bytes after the end"),
    "name that is a path": (tensor().replace(short("w"), short("../w")), "is a path"),
    "broken pickle": (tensor()[:-1] + b"\xff", "unknown opcode"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_tensor_is_refused(file, case):
    content, said = UNSOUND[case]
    saved({"w": torch.ones(2)}, file)
    file.write_bytes(rezipped(file, {"data.pkl": content}))
    fault = refusal(file)
    assert (fault.kind, said in str(fault)) == ("unsound", True), str(fault)


def test_the_sabotaged_tensor_is_sound_without_sabotage(file):
    saved({"w": torch.ones(2)}, file)
    file.write_bytes(rezipped(file, {"data.pkl": tensor()}))
    assert values(read(file), "w").tolist() == [1, 1]


def test_a_tensor_that_expands_beyond_the_limit(file):
    fault = refusal(saved({"w": torch.ones(1).expand(2 * DEFAULT_LIMITS.expanded_elements)}, file))
    assert (fault.kind, "shows 1 elements as" in fault.message) == ("unreadable", True)


def test_objects_that_expand_beyond_the_limit(file):
    shared: list[object] = [1]
    for _ in range(40):
        shared = [shared] * 9
    assert "expand to more" in refusal(saved({"w": torch.ones(1), "x": shared}, file)).message


UNREADABLE = {
    "no object": (lambda path: zip_of({"a/other": b""}), "without a data.pkl"),
    "big-endian": (lambda path: rezipped(path, {"byteorder": b"big"}), "byte order is b'big'"),
    "no tensors": (lambda path: rezipped(path, {"data.pkl": plain({"epoch": 1})}), "holds no tensors"),
    "TorchScript": (lambda path: rezipped(path, {"constants.pkl": b"N."}), "TorchScript"),
    "tar": (lambda path: in_tar("pickle", b"N."), "tar archive"),
    "any pickle": (lambda path: plain([1, 2]), "torch.save did not write"),
    "cut archive": (lambda path: path.read_bytes()[:500], "without its end record"),
}  # fmt: skip


def zip_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_checkpoint_is_said(file, case):
    make, said = UNREADABLE[case]
    saved({"w": torch.ones(2)}, file)
    file.write_bytes(make(file))
    assert is_pytorch(SourceFile(file))
    fault = refusal(file)
    assert (fault.kind, said in fault.message) == ("unreadable", True), str(fault)


DEEP = b"N" + b"\x85" * 50_000
"""A tuple nested so deep that comparing, hashing or printing it would end Python."""
NESTED = {
    "encoding": b"c_codecs\nencode\nU\1a" + DEEP + b"\x86R",
    "called": DEEP + b")R",
    "arguments": b"ctorch\nSize\n" + DEEP + b"R",
    "key": b"}" + DEEP + b"Ns",
    "value": DEEP,
    "storage": b"(" + short("storage") + DEEP + DEEP + b"tQ",
    "storage id": DEEP + b"Q",
    "state": b"cargparse\nNamespace\n)\x81" + DEEP + b"b",
}


@pytest.mark.parametrize("place", NESTED)
def test_a_value_nested_without_end_does_no_harm(file, place):
    saved({"w": torch.ones(2)}, file)
    with_it = tensor()[:-1] + short("x") + NESTED[place] + b"s."
    file.write_bytes(rezipped(file, {"data.pkl": with_it}))
    if place.startswith("storage"):
        assert refusal(file).kind == "unsound"
    else:
        assert list(read(file).tensors) == ["w"]
    assert inspect_safety(file).verdict in ("safe", "suspicious")
    version = plain(0x1950A86A20F9469CFC6C) + b"\x80\x02" + NESTED[place] + b"."
    file.write_bytes(version + plain({}) + plain({}) + plain([]))
    assert refusal(file).kind == "unsound"


def test_a_real_torchscript_archive_is_refused_by_name(file):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    assert "a TorchScript archive" in refusal(file).message


def test_compressed_storages_are_refused(file):
    saved({"w": torch.zeros(100)}, file)
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)
    assert "or compressed there" in refusal(file).message


@pytest.mark.parametrize("end", [-1, -8, -40, -300])
def test_a_cut_legacy_file_is_unsound(file, end):
    saved({"w": torch.ones(20)}, file, legacy=True)
    file.write_bytes(file.read_bytes()[:end])
    assert refusal(file).kind == "unsound"


def test_bytes_behind_a_legacy_file_are_unsound(file):
    saved({"w": torch.ones(20)}, file, legacy=True)
    file.write_bytes(file.read_bytes() + b"more")
    assert "4 bytes after the last storage" in refusal(file).message


def test_a_legacy_storage_of_another_length_is_unsound(file):
    saved({"w": torch.ones(20)}, file, legacy=True)
    content = file.read_bytes()
    file.write_bytes(content[: -20 * 4 - 8] + (21).to_bytes(8, "little") + content[-20 * 4 :])
    assert "has 21 elements; expected 20" in str(refusal(file))


def test_pickle_can_be_imported_by_nobody_here(file, monkeypatch):
    """The reader never reaches an unpickler."""
    saved(training_state(), file)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    assert set(read(file).tensors) == {"weight", "bias"}


@both_formats
@given(st.data())
def test_any_changed_byte_gives_contents_or_one_error(tmp_path_factory, legacy, data):
    file = tmp_path_factory.mktemp("changed") / "checkpoint.pt"
    saved({"model": {"w": torch.arange(6.0).reshape(2, 3).t(), "b": torch.ones(2)}, "epoch": 1}, file, legacy=legacy)
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    try:
        contents = read(file)
    except ArtifactError:
        return
    for name, info in contents.tensors.items():
        assert values(contents, name).shape == info.shape
