"""Models that lie elsewhere: what is asked of the server, and every way in which it can answer wrongly.

The server is a real one (tests/range_server.py), on this machine.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable import ArtifactError, open_model, open_tokenizer
from falsifiable.artifacts import DEFAULT_LIMITS
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.remote import Memory, RemoteFile, remote_digest
from falsifiable.artifacts.sources.remote_path import RemotePath, place_of
from falsifiable.contracts.urls import url_fault, without_secrets
from falsifiable.samples import write_specimens
from tests.range_server import Served, serving

GGUF = "run/export/model.gguf"
FOLDER = "run/finetuned"
BLOCK = 65_536


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("specimens")
    write_specimens(folder)
    return folder


@pytest.fixture
def served(specimens: Path) -> Iterator[Served]:
    """The specimens behind HTTP."""
    with serving(specimens) as one:
        yield one


@pytest.fixture
def big(tmp_path: Path) -> Iterator[tuple[Served, RemoteFile]]:
    """A file of five and a half blocks, open at the other end of HTTP."""
    (tmp_path / "big.bin").write_bytes(os.urandom(5 * BLOCK + BLOCK // 2))
    with serving(tmp_path) as served:
        yield served, RemoteFile(remote(f"{served.url}/big.bin"))


def remote(url: str, **options: Any) -> RemotePath:
    return RemotePath.of(url, Memory(**options))


# What is read


@pytest.mark.parametrize("place", [GGUF, FOLDER])
def test_a_remote_model_is_the_local_one(place: str, specimens: Path, served: Served) -> None:
    here, there = open_model(specimens / place), open_model(f"{served.url}/{place}")
    assert there.metadata == here.metadata
    assert there.config == here.config
    assert list(there.tensors) == list(here.tensors)
    assert [file.name for file in there.files] == [file.name for file in here.files]
    assert there.tokenizer is not None
    assert here.tokenizer is not None
    assert list(there.tokenizer.tokens) == list(here.tokenizer.tokens)
    assert there.tokenizer.eos_token_id == here.tokenizer.eos_token_id
    name = "layers.0.attention.query"
    assert numpy.array_equal(there.tensor(name).numpy(), here.tensor(name).numpy())
    assert there.fingerprints == here.fingerprints
    assert there.digest == here.digest


def test_a_tensor_costs_its_own_bytes_and_only_when_it_is_asked_for(served: Served) -> None:
    model = open_model(f"{served.url}/{FOLDER}")
    weights = f"{FOLDER}/model.safetensors"
    assert served.ranges_of(weights) == [f"bytes=0-{BLOCK - 1}"]
    info = model.tensors["model.embed_tokens.weight"]
    model.tensor(info.name).numpy()
    assert served.ranges_of(weights)[1:] == [f"bytes={info.offset}-{info.offset + info.nbytes - 1}"]


def test_a_folder_is_asked_for_what_it_may_hold_and_nothing_twice(served: Served) -> None:
    model = open_model(f"{served.url}/{FOLDER}")
    assert model.tokenizer is not None
    _ = open_tokenizer(model.path).size, open_model(model.path).config
    names = [name for name, _ in served.asked]
    assert len(names) == len(set(names))


def test_what_was_read_is_not_asked_for_again(big: tuple[Served, RemoteFile]) -> None:
    served, file = big
    first = file.read(BLOCK - 10, 30)
    assert served.asked[1:] == [("big.bin", f"bytes={BLOCK}-{3 * BLOCK - 1}")]  # straight on: twice as much
    assert file.read(BLOCK - 10, 30) == first
    assert (
        RemoteFile(file.path).read(2 * BLOCK, BLOCK) == (served.folder / "big.bin").read_bytes()[2 * BLOCK : 3 * BLOCK]
    )
    assert len(served.asked) == 2


def test_another_process_finds_what_was_read_in_the_shared_folder(served: Served) -> None:
    memory = Memory.shared()
    open_model(place_of(f"{served.url}/{GGUF}", memory))
    asked = len(served.asked)
    handed_over = pickle.loads(pickle.dumps(memory.folder))
    assert open_model(place_of(f"{served.url}/{GGUF}", Memory(handed_over))).config.hidden_size == 56
    assert len(served.asked) == asked
    assert memory.folder is not None
    assert memory.folder.stat().st_mode & 0o077 == 0
    folder = memory.folder
    del memory
    assert not folder.exists()


def test_a_full_memory_forgets_and_reads_on(big: tuple[Served, RemoteFile]) -> None:
    served, _ = big
    limits = replace(DEFAULT_LIMITS, remote_bytes=2 * BLOCK)
    file = RemoteFile(remote(f"{served.url}/big.bin", limits=limits))
    content = b"".join(file.read(at, BLOCK) for at in range(0, 5 * BLOCK, BLOCK))
    assert content == (served.folder / "big.bin").read_bytes()[: 5 * BLOCK]


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A file whose name must be quoted in a URL."""
    path = tmp_path_factory.mktemp("ranged") / "some name, #1?.bin"
    path.write_bytes(os.urandom(6 * BLOCK + 17))
    with serving(path.parent) as served:
        yield served, path


@settings(deadline=None, max_examples=40)
@given(ranges=st.lists(st.tuples(st.integers(0, 5 * BLOCK), st.integers(0, BLOCK)), min_size=1, max_size=4))
def test_any_ranges_in_any_order_are_those_of_the_file(
    ranges: list[tuple[int, int]], ranged: tuple[Served, Path]
) -> None:
    served, path = ranged
    here, there = SourceFile(path), RemoteFile(remote(served.url) / path.name)
    for offset, count in ranges:
        assert there.read(offset, count) == here.read(offset, count)
        if count:
            assert bytes(there.view(offset, count)) == here.read(offset, count)


# What is refused

UNFIT = {
    "no ranges": "the server ignores byte ranges and would send the whole file, 360448 bytes",
    "another part": "the server sends another part than was asked for",
    "gzip": "the server sends the file compressed, so that no byte of it has a place",
    "short": "the server's answer was cut off",
    "cut": "the server's answer was cut off",
    "long": "the server sends more than it announced",
    "status 401": "the server wants a login (HTTP 401)",
    "status 403": "permission denied (HTTP 403)",
    "status 404": "no such file",
    "status 429": "the server asks for fewer requests (HTTP 429)",
    "status 500": "the server answered with HTTP status 500",
    "redirect file:///etc/passwd": "is redirected to what is no http URL, or for ever",
    "redirect /big.bin": "is redirected to what is no http URL, or for ever",
}


@pytest.mark.parametrize("fault", UNFIT)
def test_an_answer_that_is_not_what_was_asked_for_is_one_error(fault: str, big: tuple[Served, RemoteFile]) -> None:
    served, file = big
    served.fault, before = fault, served.bytes_sent
    with pytest.raises(ArtifactError) as refused:
        RemoteFile(remote(f"{served.url}/big.bin"))
    assert str(refused.value).startswith(f"{served.url}/big.bin: ")
    assert UNFIT[fault] in str(refused.value)
    assert refused.value.kind == "unreadable"
    assert refused.value.hint or refused.value.expected
    with pytest.raises(ArtifactError, match=r"big\.bin"):
        file.read(3 * BLOCK, 10)
    assert served.bytes_sent - before < 4 * 2**20


def test_a_server_that_does_not_answer_is_not_waited_for(big: tuple[Served, RemoteFile]) -> None:
    served, _ = big
    served.fault = "silence"
    with pytest.raises(ArtifactError, match=r"no full answer within 0\.2 seconds"):
        RemoteFile(remote(f"{served.url}/big.bin", seconds=0.2))
    assert len(served.asked) == 2  # one of the fixture, one that was not tried again


def test_nobody_listens() -> None:
    with pytest.raises(ArtifactError, match="no connection to the server"):
        open_model("http://127.0.0.1:9/model.gguf")


def test_no_tls_where_it_was_asked_for(served: Served) -> None:
    with pytest.raises(ArtifactError, match=r"TLS|no connection|cannot be read"):
        open_model(served.url.replace("http:", "https:") + f"/{GGUF}")


@pytest.mark.parametrize("tags", [('"1"', '"2"'), ('W/"1"', 'W/"2"'), (None, '"1"')])
def test_a_file_that_changes_while_it_is_read(tags: tuple[str | None, str], big: tuple[Served, RemoteFile]) -> None:
    served, _ = big
    served.etag = tags[0]
    file = RemoteFile(remote(f"{served.url}/big.bin"))
    served.etag = tags[1]
    with pytest.raises(ArtifactError, match="the file changed while it was read"):
        file.read(3 * BLOCK, 10)
    with pytest.raises(ArtifactError, match="the file changed while it was read"):
        file.view(10, 10)


def test_a_file_that_grows_while_it_is_read(big: tuple[Served, RemoteFile]) -> None:
    served, file = big
    served.fault = "another size"
    with pytest.raises(ArtifactError, match="the file changed while it was read"):
        file.read(3 * BLOCK, 10)


def test_a_weak_tag_is_asked_for_again(big: tuple[Served, RemoteFile]) -> None:
    served, strong = big
    strong.verify_unchanged()
    assert len(served.asked) == 1
    served.etag = None
    weak = RemoteFile(remote(f"{served.url}/big.bin"))
    weak.verify_unchanged()
    served.etag = '"other"'
    with pytest.raises(ArtifactError, match="changed"):
        weak.verify_unchanged()


def test_a_range_outside_the_file_is_asked_of_nobody(big: tuple[Served, RemoteFile]) -> None:
    served, file = big
    for offset, count in ((-1, 1), (0, file.size + 1), (file.size, 1)):
        with pytest.raises(ArtifactError, match="bytes were asked of a file of"):
            file.read(offset, count)
        with pytest.raises(ArtifactError, match="bytes were asked of a file of"):
            file.view(offset, count)
    assert len(served.asked) == 1


def test_all_of_a_large_file_is_not_fetched_for_its_digest(big: tuple[Served, RemoteFile]) -> None:
    served, whole = big
    limited = RemoteFile(remote(f"{served.url}/big.bin", limits=replace(DEFAULT_LIMITS, remote_bytes=BLOCK)))
    with pytest.raises(ArtifactError, match=r"would have to be fetched; expected at most 65536 bytes\. Fetch the file"):
        limited.sha256()
    assert len(served.asked) == 2
    assert whole.known_sha256 is None
    assert whole.sha256() == hashlib.sha256((served.folder / "big.bin").read_bytes()).hexdigest()


def test_a_file_no_larger_than_was_asked_for_needs_no_ranges(served: Served) -> None:
    served.fault = "no ranges"
    config = RemoteFile(remote(f"{served.url}/{FOLDER}/config.json"))
    assert config.read(0, config.size) == (served.folder / FOLDER / "config.json").read_bytes()


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").touch()
    with serving(tmp_path) as served, pytest.raises(ArtifactError, match="empty"):
        open_model(f"{served.url}/empty.gguf")


# Addresses


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("simplecache::https://example.org/a.gguf", "a chain of protocols"),
        ("zip://a.gguf::https://example.org/a.zip", "a chain of protocols"),
        ("https://example.org/a.gguf::https://example.org/b", "a chain of protocols"),
        ("github://main/a.gguf", "the protocol 'github'"),
        ("local:///etc/passwd", "the protocol 'local'"),
        ("reference://a", "the protocol 'reference'"),
        ("dask://a", "the protocol 'dask'"),
        ("memory://a.gguf", "the protocol 'memory'"),
        ("ftp://example.org/a.gguf", "the protocol 'ftp'"),
        ("https:///a.gguf", "a URL without a host"),
        ("https:/example.org/a.gguf", "a URL without '://'"),
        ("https://[::1/a.gguf", "a chain of protocols"),
        ("https://example.org:port/a.gguf", "a URL whose host cannot be read"),
        ("https://example.org/../a.gguf", "a path that climbs out with '..'"),
        ("https://example.org/a b.gguf", "a URL with a backslash, a space or an invisible character"),
        ("https://example.org/a\\b.gguf", "a URL with a backslash, a space or an invisible character"),
    ],
)
def test_addresses_that_are_not_read(url: str, said: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        open_model(url)
    assert f"{said}" in str(refused.value)
    assert str(refused.value).startswith(url)


def test_a_file_url_is_a_local_path(specimens: Path) -> None:
    model = open_model((specimens / GGUF).as_uri())
    assert model.path == specimens / GGUF


@pytest.mark.parametrize("protocol", ["s3", "gs", "az", "hf"])
def test_a_store_whose_package_is_not_installed_names_it(protocol: str) -> None:
    package = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}[protocol]
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError:
        with pytest.raises(
            ArtifactError, match=rf"nothing here reads {protocol}://\. Install it: pip install {package}"
        ):
            open_model(f"{protocol}://somebody/model/model.safetensors")
    else:
        pytest.skip(f"{package} is installed")


SECRET = "hunter2"


def test_no_message_holds_a_key(served: Served) -> None:
    with_key = served.url.replace("http://", f"http://user:{SECRET}@") + f"/{GGUF}?token={SECRET}#{SECRET}"
    model = open_model(with_key)
    said = [repr(model), str(model.path), repr(model.path), str(model.path.parent / "x"), *map(str, model.files)]
    said += [remote_digest(place_of(with_key), model.files)]  # type: ignore[arg-type]
    for fault in UNFIT:
        served.fault = fault
        with pytest.raises(ArtifactError) as refused:
            open_model(with_key)
        said += ["".join(traceback.format_exception(refused.value))]
    assert not [one for one in said if SECRET in one]
    assert all(asked for _, asked in served.asked)


@pytest.mark.parametrize("start", ["https://", "https:/", "http:/", "s3://"])
def test_a_key_is_left_out_of_what_is_only_meant_as_an_address(start: str) -> None:
    assert without_secrets(f"no {start}user:{SECRET}@host/x?key={SECRET} there") == f"no {start}host/x there"


@given(st.text(max_size=60), st.sampled_from(["https://", "s3://", "zip://a::http://", ""]))
def test_any_text_is_an_address_or_a_reason(text: str, start: str) -> None:
    url = start + text
    said = url_fault(url)
    assert said or isinstance(place_of(url), RemotePath)
    assert without_secrets(without_secrets(url)) == without_secrets(url)


def test_a_place_names_joins_and_compares_like_a_path() -> None:
    folder = place_of("https://example.org/models/one%20more")
    assert str(folder) == "https://example.org/models/one%20more"
    assert folder.name == "one more"
    assert folder.is_dir()
    file = folder / "a b#1?.gguf"
    assert str(file) == "https://example.org/models/one%20more/a%20b%231%3F.gguf"
    assert not file.is_dir()
    assert file.name == "a b#1?.gguf"
    assert file.parent == place_of("https://example.org/models/one%20more/")
    assert file.with_name("c.gguf") == folder / "c.gguf"
    assert {file: 1}[folder / "a b#1?.gguf"] == 1
    assert file != Path(str(file))
    assert pickle.loads(pickle.dumps(file)) == file
    assert pickle.loads(pickle.dumps(ArtifactError(file, "said"))).place == str(file)


def test_a_place_is_never_a_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoy = tmp_path / "http:" / "127.0.0.1:9" / "model.gguf"
    decoy.parent.mkdir(parents=True)
    decoy.write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    place = place_of("http://127.0.0.1:9/model.gguf")
    for use in (open, os.stat, os.listdir, lambda path: path.read_bytes(), lambda path: path.open()):
        with pytest.raises(FileNotFoundError, match="lies elsewhere"):
            use(place)


# What stands for a digest


def test_the_digest_of_what_was_not_read_whole_is_no_sha256(served: Served) -> None:
    place = place_of(f"{served.url}/{FOLDER}?key=1")
    assert isinstance(place, RemotePath)
    files = open_model(place).files
    digest = remote_digest(place, files)
    assert digest == remote_digest(place, reversed(files))
    assert digest.startswith(f"remote:{served.url}/{FOLDER}#")
    served.etag = '"2"'
    again = place_of(f"{served.url}/{FOLDER}")
    assert isinstance(again, RemotePath)
    assert remote_digest(again, open_model(again).files) != digest
    for weak in (None, 'W/"1"'):
        served.etag = weak
        place = place_of(f"{served.url}/{GGUF}")
        assert isinstance(place, RemotePath)
        assert remote_digest(place, [place]) != remote_digest(place, [place])


# Object stores: the file system of fsspec that keeps everything in memory, in the place of a store


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """A store whose objects have tags."""

    protocol = "gs"
    store: dict[str, Any] = {}  # noqa: RUF012 - as in the class above
    tag = "1"

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        return {**super().info(path, **options), "etag": self.tag}


@pytest.fixture
def bucket(specimens: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "gs", Bucket)
    system = fsspec.filesystem("gs")
    for file in (specimens / FOLDER).iterdir():
        system.pipe_file(f"gs://bucket/model/{file.name}", file.read_bytes())
    yield Bucket
    Bucket.store.clear()


def test_a_folder_in_a_store(bucket: type[Bucket], specimens: Path) -> None:
    model = open_model("gs://bucket/model")
    assert model.config.hidden_size == 56
    assert model.digest == open_model(specimens / FOLDER).digest
    with pytest.raises(ArtifactError, match="no such file"):
        open_model("gs://bucket/none.gguf")


def test_a_store_that_is_written_to_meanwhile(bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_model("gs://bucket/model")
    monkeypatch.setattr(Bucket, "tag", "2")
    with pytest.raises(ArtifactError, match="changed"):
        model.tensor("token_embedding").numpy()


def test_a_folder_in_a_store_is_listed(bucket: type[Bucket]) -> None:
    fsspec.filesystem("gs").pipe_file("gs://bucket/empty/readme.txt", b"nothing")
    with pytest.raises(ArtifactError, match=r"the folder holds readme\.txt"):
        open_model("gs://bucket/empty")
