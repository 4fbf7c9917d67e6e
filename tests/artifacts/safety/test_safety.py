"""Whether files are safe to load: what calls something is named, what is harmless is not accused, nothing runs."""

from __future__ import annotations

import argparse
import collections
import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import save_file

from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.artifacts.safety.inspection import SafetyReport, inspect_safety
from falsifiable.samples import write_specimens
from tests.artifacts.safety.evil_pickles import (
    WAYS,
    Nested,
    broken,
    by_protocol_0,
    by_reduce,
    in_tar,
    plain,
    rezipped,
    saved,
    short,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The specimens: a run with a checkpoint, an export and a tokenizer."""
    folder = tmp_path_factory.mktemp("specimens")
    write_specimens(folder)
    return folder / "run"


@pytest.fixture
def canary(tmp_path: Path):
    """A file that payloads would create; it must not be there when the test ends."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.fixture
def payload(canary: Path) -> bytes:
    return by_reduce(f"touch {canary}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "model"


def looked_at(path: Path, content: bytes) -> SafetyReport:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return inspect_safety(path)


def kinds(report: SafetyReport) -> list[str]:
    return [one.kind for one in report.findings]


# What is safe


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_training_checkpoint_is_safe(tmp_path, legacy):
    model = torch.nn.Linear(2, 2)
    state = {
        "model": collections.OrderedDict(model.state_dict()), "whole": model, "args": argparse.Namespace(out=Path("a")),
        "optimizer": torch.optim.SGD(model.parameters()).state_dict(), "rng": torch.get_rng_state(),
        "numpy": numpy.random.default_rng(0).bit_generator.state, "array": numpy.zeros(3), "best": numpy.float32(1),
        "dtype": torch.bfloat16, "counts": collections.Counter("ab"), "names": {"a"}, "raw": b"\xff",
        "generator": numpy.random.default_rng(0), "range": range(3), "activation": torch.nn.functional.relu,
    }  # fmt: skip
    report = inspect_safety(saved(state, tmp_path / "a.pt", legacy=legacy))
    assert (report.verdict, report.findings, report.files) == ("safe", (), 1)


def test_a_run_folder_is_safe(run):
    report = inspect_safety(run)
    assert (report.verdict, report.findings) == ("safe", ())
    assert report.files > 10


def test_a_chat_template_that_formats_is_safe(file):
    template = (
        "{# import #}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content | trim }}{% endfor %}import __x__"
    )
    assert looked_at(file.with_suffix(".jinja"), template.encode()).verdict == "safe"


# Pickles, whatever the name


@pytest.mark.parametrize("name", ["model.safetensors", "notes.txt", "model", "model.gguf", "config.json", "a.pth"])
@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_is_found_by_content(file, canary, way, name):
    report = looked_at(file.with_name(name), WAYS[way](f"touch {canary}"))
    assert report.verdict == "dangerous"
    worst = report.findings[0]
    assert (worst.kind, worst.file) == ("pickle-call", name)
    assert worst.offset is not None


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_before_a_break_is_named(file, canary, way):
    report = looked_at(file, broken(WAYS[way](f"touch {canary}")))
    assert report.verdict == "dangerous"
    assert "broken-pickle" in kinds(report)


def test_the_finding_says_which_call_and_where(file, payload):
    finding = looked_at(file, payload).findings[0]
    assert (finding.what, finding.offset) == ("loading it calls os.system", 2)
    assert "operating system" in finding.why


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_call_in_a_real_checkpoint(tmp_path, canary, legacy):
    state = {"w": torch.ones(2), "deep": [{"x": Nested(eval, f"open({str(canary)!r}, 'w')")}]}
    report = inspect_safety(saved(state, tmp_path / "a.pt", legacy=legacy))
    assert (report.verdict, report.findings[0].what) == ("dangerous", "loading it calls __builtin__.eval")


def test_a_second_pickle_behind_the_first(file, payload):
    assert looked_at(file, plain([1]) + payload).verdict == "dangerous"


def test_unknown_classes_are_suspicious(file):
    made = b"\x80\x02cthe_trainer.callbacks\nEarly\n)\x81."
    report = looked_at(file, made)
    assert (report.verdict, report.findings[0].what) == ("suspicious", "loading it calls the_trainer.callbacks.Early")


def test_state_set_on_a_class_is_suspicious(file):
    report = looked_at(file, b"\x80\x02ctorch\nTensor\n}" + short("numpy") + b"Nsb.")
    assert (report.verdict, "attributes of a class" in report.findings[0].why) == ("suspicious", True)


def test_bytes_behind_a_pickle_are_suspicious(file):
    assert kinds(looked_at(file, plain([1]) + b"#!/bin/sh")) == ["hidden-content"]


def test_a_whole_pickle_without_names_is_safe(file):
    assert looked_at(file, plain({"a": [1, 2.5, "x"]})).verdict == "safe"


@pytest.mark.parametrize(
    "prefix", [b"", b"GGUF\x03\0\0\0\x010", b"I0x10\n0", b"ckeyword\nkwlist\n(e0", b"S'" + b"a" * 2**21 + b"'\n0"]
)
def test_a_pickle_without_a_mark_is_found(file, canary, prefix):
    content = prefix + by_protocol_0(f"touch {canary}")
    assert looked_at(file, content).verdict == "dangerous"


@pytest.mark.parametrize("content", [b"N0" * 600_000, b"S'" + b"a" * (33 * 2**20) + b"'\n."], ids=["opcodes", "bytes"])
def test_a_pickle_longer_than_is_looked_at_is_not_safe(file, content):
    assert kinds(looked_at(file, content)) == ["not-looked-into"]


def test_a_frame_that_hides_a_call_from_readers_of_bytes(file):
    """An unpickler of a file, as torch.load has one, loses the rest of a frame and runs what is text to others."""
    called: list[str] = []

    class Recording(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            called.append(f"{module}.{name}")
            return print

    call = b"0cos\nsystem\n)R0N.".ljust(ord("N"), b"N")
    content = b"\x80\x04\x95\2\0\0\0\0\0\0\0MabC" + bytes([len(call)]) + call + b"0."
    Recording(io.BytesIO(content)).load()
    assert called == ["os.system"]
    assert looked_at(file, content).verdict == "suspicious"


def test_a_string_that_ends_behind_the_file_is_no_pickle(file):
    assert looked_at(file, b"X\xff\xff\xff\x7f" + bytes(2**21)).verdict == "safe"


def test_a_pickle_of_protocol_0_behind_another(file, canary):
    assert looked_at(file, plain(1) + by_protocol_0(f"touch {canary}")).verdict == "dangerous"


def test_a_header_length_that_reads_like_a_pickle(file):
    start = b'{"__metadata__":{"a":"'
    header = start + b"x" * (0x280 - len(start) - 3) + b'"}}'
    assert looked_at(file, len(header).to_bytes(8, "little") + header).verdict == "safe"


# Archives


def damaged(content: bytes, at: bytes, offset: int) -> bytes:
    place = content.index(at) + offset
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.fixture
def evil_zip(tmp_path, payload) -> bytes:
    return rezipped(saved({"w": torch.ones(2)}, tmp_path / "good.pt"), {"data.pkl": payload})


ALTERED = {
    "as it is": lambda content: content,
    "wrong CRC in both headers": lambda content: damaged(damaged(content, b"PK\x03\x04", 14), b"PK\x01\x02", 16),
    "wrong CRC in one header": lambda content: damaged(content, b"PK\x03\x04", 14),
    "flag bits in one header": lambda content: damaged(content, b"PK\x03\x04", 6),
    "flag bits in both headers": lambda content: damaged(damaged(content, b"PK\x03\x04", 6), b"PK\x01\x02", 8),
    "another name in the directory": lambda content: damaged(content, b"PK\x01\x02", 46),
    "no directory": lambda content: content[: content.index(b"PK\x01\x02")],
    "prefix junk": lambda content: b"#!/bin/sh\n" + content,
    "trailing junk": lambda content: content + b"junk",
}  # fmt: skip


@pytest.mark.parametrize("case", ALTERED)
def test_a_zip_that_scanners_cannot_open_is_looked_into(file, evil_zip, case):
    if case == "prefix junk":
        assert "hidden-content" in kinds(looked_at(file, ALTERED[case](evil_zip)))
    report = looked_at(file, ALTERED[case](evil_zip))
    assert report.verdict == "dangerous"
    assert any("os.system" in one.what and "data.pkl" in one.file for one in report.findings)


def test_a_compressed_pickle_is_looked_into(file, payload):
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/data.pkl", payload)
        made.writestr("a/other", payload)
    report = inspect_safety(file)
    assert {one.file for one in report.findings} == {"model:a/data.pkl", "model:a/other"}


def test_a_pickle_in_a_tar_archive(file, payload):
    report = looked_at(file, in_tar("weights/model.bin", payload))
    assert (report.verdict, report.findings[0].file) == ("dangerous", "model:weights/model.bin")


def test_a_pickle_in_a_gzip_file(file, payload):
    assert looked_at(file, gzip.compress(payload)).verdict == "dangerous"


def test_a_gzip_bomb_is_not_unpacked(file):
    assert kinds(looked_at(file, gzip.compress(bytes(64 * 2**20)))) == ["not-looked-into"]


def in_zip(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def in_array(payload: bytes) -> bytes:
    """A NumPy file whose pickle of objects was replaced."""
    out = io.BytesIO()
    numpy.save(out, numpy.array([None]), allow_pickle=True)
    header, _, _ = out.getvalue().partition(b"\x80")
    return header + payload


PACKED = {
    "zip in zip": lambda payload: in_zip("model.zip", in_zip("a/data.pkl", payload)),
    "checkpoint in a deflated archive": lambda payload: in_zip("m/a.pt", in_zip("a/data.pkl", payload), 8),
    "checkpoint in a tar archive": lambda payload: in_tar("weights.ckpt", in_zip("a/data.pkl", payload)),
    "compressed tar archive": lambda payload: gzip.compress(in_tar("weights", payload)),
    "second gzip member": lambda payload: gzip.compress(b"") + gzip.compress(payload),
    "over two gzip members": lambda payload: gzip.compress(payload[:5]) + gzip.compress(payload[5:]),
    "zlib": lambda payload: zlib.compress(payload),
    "array of objects": in_array,
    "arrays": lambda payload: in_zip("a.npy", in_array(payload)),
    "another way to say objects": lambda payload: in_array(payload).replace(b"'|O'", b"'O' "),
}  # fmt: skip


@pytest.mark.parametrize("case", PACKED)
def test_a_packed_pickle_is_looked_into(file, payload, case):
    report = looked_at(file, PACKED[case](payload))
    assert (report.verdict, report.findings[0].what) == ("dangerous", "loading it calls os.system")


@pytest.mark.parametrize("case", PACKED)
def test_a_packed_pickle_of_values_is_safe(file, case):
    accused = ["hidden-content"] if "tar archive" in case and "compressed" not in case else []
    assert kinds(looked_at(file, PACKED[case](plain([1, 2.5])))) == accused


def test_arrays_of_numbers_are_safe(file):
    for array in (numpy.arange(5.0), numpy.array(["a"]), numpy.array([0x0280], "<u2")):
        out = io.BytesIO()
        numpy.save(out, array)
        assert looked_at(file, out.getvalue()).verdict == "safe"


def test_archives_in_one_another_end_somewhere(file, payload):
    for _ in range(8):
        payload = in_zip("a.zip", payload)
    assert kinds(looked_at(file, payload)) == ["not-looked-into"]


def test_a_tar_archive_that_is_a_pickle(file, canary):
    evil, archive = by_protocol_0(f"touch {canary}"), in_tar("x" * 99, b"")
    assert len(evil) < 257
    assert looked_at(file, evil + archive[len(evil) :]).verdict == "dangerous"


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\0", b"Rar!\x1a\x07", b"BZh9", b"\x04\x22M\x18"])
def test_what_cannot_be_unpacked_is_suspicious(file, magic):
    report = looked_at(file, magic + bytes(100))
    assert (report.verdict, kinds(report)) == ("suspicious", ["not-looked-into"])


def test_code_in_an_archive(file):
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a/code/model.py", "pass")
    assert kinds(inspect_safety(file)) == ["custom-code"]


# Files that are two things


def test_a_zip_behind_safetensors(tmp_path, evil_zip):
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.ones(2)}, path)
    assert inspect_safety(path).verdict == "safe"
    path.write_bytes(path.read_bytes() + evil_zip)
    report = inspect_safety(path)
    assert report.verdict == "dangerous"
    assert kinds(report).count("hidden-content") == 2  # the archive, and bytes that no tensor covers


def test_a_zip_inside_the_last_tensor(tmp_path, evil_zip):
    path = tmp_path / "model.safetensors"
    save_file({"w": torch.frombuffer(bytearray(evil_zip), dtype=torch.uint8)}, path)
    assert inspect_safety(path).verdict == "dangerous"


def test_a_zip_behind_gguf(run, file, evil_zip):
    export = next(run.rglob("*.gguf"))
    report = looked_at(file.with_suffix(".gguf"), export.read_bytes() + evil_zip)
    assert (report.verdict, "hidden-content" in kinds(report)) == ("dangerous", True)


def test_a_web_page_in_the_place_of_weights(file):
    assert kinds(looked_at(file, b"<!DOCTYPE html><html></html>")) == ["hidden-content"]


def test_a_keras_lambda_layer(file):
    content = b"\x89HDF\r\n\x1a\n" + bytes(200) + b'{"class_name": "Lambda", "config": {}}'
    report = looked_at(file.with_suffix(".h5"), content)
    assert (report.verdict, kinds(report)) == ("suspicious", ["custom-code"])


# Folders


def test_code_that_a_folder_asks_to_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_x.XModel"}}))
    (tmp_path / "modeling_x.py").write_text("pass\n")
    report = inspect_safety(tmp_path)
    assert report.verdict == "suspicious"
    assert {(one.kind, one.file) for one in report.findings} == {
        ("custom-code", "config.json"), ("custom-code", "modeling_x.py"),
    }  # fmt: skip


TEMPLATES = {
    "special attribute": ("{{ ''.__class__.__mro__ }}", "dangerous"),
    "as a key": ("{{ x['__globals__'] }}", "dangerous"),
    "with an escape": (r"{{ x|attr('\x5f\x5fclass\x5f\x5f') }}", "dangerous"),
    "in a statement": ("{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}", "dangerous"),
    "block without end": ("{{ x.__init__", "dangerous"),
    "put together": ("{{ x['_' ~ '_class_' ~ '_'] }}", "suspicious"),
    "of letters by number": ("{{ x['%c%cclass' | format(95, 95)] }}", "suspicious"),
    "a key with an underscore": ("{{ m['tool_calls'] }}", "safe"),
    "attr filter": ("{{ x | attr(y) }}", "suspicious"),
    "import": ("{% import 'x' as y %}", "suspicious"),
    "plain": ("{{ messages[0]['content'] }}", "safe"),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_chat_templates_are_read_and_not_rendered(tmp_path, case):
    template, verdict = TEMPLATES[case]
    for name, content in {
        "chat_template.jinja": template,
        "tokenizer_config.json": json.dumps({"chat_template": template}),
        "chat_template.json": json.dumps({"chat_template": [{"name": "default", "template": template}]}),
    }.items():
        (tmp_path / name).write_text(content)
        assert inspect_safety(tmp_path / name).verdict == verdict, name


def test_a_chat_template_in_gguf(file):
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    key = text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ x.__class__ }}")
    architecture = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + architecture + key
    report = looked_at(file, content + bytes(-len(content) % 32))
    assert (report.verdict, kinds(report)) == ("dangerous", ["chat-template"])


def test_a_template_of_braces_takes_no_time(file):
    assert looked_at(file.with_suffix(".jinja"), b"{{" * 2**19).verdict == "safe"


def test_a_link_out_of_the_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "weights.bin").symlink_to(tmp_path / "secret")
    (folder / "inside.txt").write_text("x")
    (folder / "alias.txt").symlink_to("inside.txt")
    (folder / "endless").symlink_to("endless")
    report = inspect_safety(folder)
    assert [(one.kind, one.file) for one in report.findings] == [
        ("not-looked-into", "endless"), ("symbolic-link", "weights.bin"),
    ]  # fmt: skip


def test_the_cache_of_the_hub_links_to_its_blobs(tmp_path):
    snapshot = tmp_path / "models--x" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--x" / "blobs").mkdir()
    (tmp_path / "models--x" / "blobs" / "d1").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/d1")
    assert inspect_safety(snapshot).verdict == "safe"


def test_more_files_than_the_limit(tmp_path):
    for index in range(4):
        (tmp_path / str(index)).write_text("x")
    report = inspect_safety(tmp_path, replace(DEFAULT_LIMITS, safety_files=3))
    assert (report.files, kinds(report)) == (3, ["not-looked-into"])


def test_more_findings_than_the_limit_keep_the_worst(tmp_path, payload):
    for index in range(5):
        (tmp_path / f"{index}.py").write_text("pass")
    (tmp_path / "z").write_bytes(payload)
    report = inspect_safety(tmp_path, replace(DEFAULT_LIMITS, safety_findings=2))
    assert (report.verdict, kinds(report)) == ("dangerous", ["pickle-call", "custom-code", "not-looked-into"])
    assert report.findings[-1].what == "and 4 more findings"


def test_a_file_that_is_not_there_is_a_finding(tmp_path):
    report = inspect_safety(tmp_path / "absent")
    assert (report.verdict, report.findings[0].what) == ("suspicious", "no such file")


def test_a_name_too_long_is_a_finding(tmp_path):
    report = inspect_safety(tmp_path / ("x" * 300))
    assert (report.verdict, report.findings[0].what) == ("suspicious", "a name too long for the file system")


def test_a_folder_that_cannot_be_listed_is_a_finding(tmp_path, monkeypatch):
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("falsifiable.artifacts.safety.inspection.os.scandir", refuse)
    assert inspect_safety(tmp_path).verdict == "suspicious"


BY_NAME = {
    "pathlib": ["Path.touch", "PosixPath.write_text"], "torch": ["save", "from_file", "FloatStorage.from_file"],
    "torch.storage": ["UntypedStorage.from_file"], "numpy": ["savez", "ndarray.tofile"],
    "uuid": ["_get_command_stdout"], "concurrent.futures": ["ThreadPoolExecutor"], "weakref": ["finalize"],
    "torch.jit.unsupported_tensor_ops": ["execWrapper"], "pandas": ["read_pickle"], "jinja2": ["Template.render"],
}  # fmt: skip


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in BY_NAME.items() for name in names])
def test_other_names_are_dangerous_too(file, module, name):
    content = b"\x80\x04" + short(module) + short(name) + b"\x93)R."
    assert looked_at(file, content).verdict == "dangerous"


def test_a_method_of_an_object_that_reaches_files_is_dangerous(file, canary):
    made = b"cpathlib\nPosixPath\n" + short(str(canary)) + b"\x85R"
    content = b"\x80\x02c__builtin__\ngetattr\n" + made + short("touch") + b"\x86R)R."
    assert looked_at(file, content).verdict == "dangerous"


def test_an_archive_of_many_pickles_is_not_looked_into_for_ever(file):
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for index in range(5):
            made.writestr(f"a/{index}.pkl", plain(index))
    assert inspect_safety(file).verdict == "safe"
    found = inspect_safety(file, replace(DEFAULT_LIMITS, safety_archive_pickles=3)).findings
    assert [(one.kind, one.file) for one in found] == [("not-looked-into", f"model:a/{index}.pkl") for index in (3, 4)]


def test_an_archive_that_would_inflate_too_far_is_told(file):
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/data.pkl", b"N0" * 2**22)
    assert "inflates 8161 bytes to 8388608" in inspect_safety(file).findings[0].what
