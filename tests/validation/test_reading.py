"""Bytes are read once: by the first validation, and by none after it until they change or are asked for again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy
import pytest

from falsifiable import open_model, validate
from falsifiable.validation import Options
from falsifiable.validation.cache import Cache, file_identity

WEIGHTS = "run/finetuned/model.safetensors"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))


def break_a_weight_unseen(path: Path) -> None:
    """Make the first value of the file's last tensor a NaN, its size, time and inode left as they were."""
    seen = path.stat()
    last = max(open_model(path).tensors.values(), key=lambda info: info.offset)
    with path.open("r+b") as file:
        file.seek(last.offset)
        file.write(numpy.float32("nan").tobytes())
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def add_checks_of_every_weight(shop, count: int) -> None:
    added = "".join(
        f"  - {{id: FALSIFY-SHOP-{100 + number}, claim: Its weights are numbers {number}, "
        f"check: weights.not-degenerate, on: {{model: trained}}}}\n"
        for number in range(count)
    )
    contract = shop.root / "contracts/shop.yaml"
    contract.write_text(contract.read_text() + added)


def verdicts(shop, **options) -> dict[str, str]:
    (result,) = validate(shop.root, options=Options(**options))
    return {one.falsifier: one.verdict.outcome for one in result.judgements}


def test_the_first_validation_reads_a_model_and_keeps_digests_and_fingerprints(shop):
    verdicts(shop)
    cache = Cache()
    assert cache.known_file_digest(file_identity(shop.root / WEIGHTS)) == open_model(shop.root / WEIGHTS).digest
    assert cache.contents()["fingerprints"].entries == 1


def test_further_falsifiers_of_unchanged_bytes_read_none_of_them(shop):
    assert set(verdicts(shop).values()) == {"held"}
    break_a_weight_unseen(shop.root / WEIGHTS)
    add_checks_of_every_weight(shop, 20)
    judged = verdicts(shop)
    assert len(judged) == 23
    assert set(judged.values()) == {"held"}, "a falsifier read the tensors again"


def test_asked_to_rehash_it_reads_again_and_finds_what_changed(shop):
    verdicts(shop)
    break_a_weight_unseen(shop.root / WEIGHTS)
    assert verdicts(shop)["FALSIFY-SHOP-002"] == "held"
    assert verdicts(shop, rehash=True)["FALSIFY-SHOP-002"] == "falsified"


def test_a_copy_under_another_name_is_read_but_its_verdicts_are_known(shop):
    verdicts(shop)
    (shop.root / "run/finetuned").rename(shop.root / "run/moved")
    shop.edit("artifacts.yaml", "trained: run/finetuned", "trained: run/moved")
    shop.edit("artifacts.yaml", "run/finetuned/tokenizer.json", "run/moved/tokenizer.json")
    (result,) = validate(shop.root)
    assert [one.known for one in result.judgements] == [True, True, True]


OF_ANOTHER_VERSION = (
    "[", "[]", "3", '{"a": 3}', '{"reports": 3}', '{"reports": []}', '{"reports": [{"verdict": {}, "cause": ""}]}',
)  # fmt: skip


@pytest.mark.parametrize("room", ["fingerprints", "verdicts", "checks"])
def test_an_entry_that_another_version_wrote_is_as_good_as_none(shop, room):
    judged = verdicts(shop)
    for kept in OF_ANOTHER_VERSION:
        if room == "fingerprints":
            shutil.rmtree(Cache().folder / "verdicts")
        for entry in (Cache().folder / room).rglob("*.json"):
            entry.write_text(kept)
        assert verdicts(shop) == judged, kept
        assert not [entry for entry in (Cache().folder / room).rglob("*.json") if entry.read_text() == kept], kept


def test_a_file_that_is_a_link_keeps_its_own_name(shop):
    """The files of a Hugging Face cache are links to blobs whose names say nothing of what they are."""
    folder, blobs = shop.root / "hub/snapshots/abc", shop.root / "hub/blobs"
    folder.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted((shop.root / "run/finetuned").iterdir())):
        shutil.copy(file, blobs / str(number))
        (folder / file.name).symlink_to(Path("../../blobs", str(number)))
    shop.edit("artifacts.yaml", "run/finetuned", "hub/snapshots/abc")
    contract = shop.root / "contracts/shop.yaml"
    contract.write_text(
        f"{contract.read_text()}  - {{id: FALSIFY-SHOP-004, claim: Its tokens are those of the library, "
        "check: vocabulary.readers-agree, on: {tokenizer: tokenizer}}\n"
    )
    (result,) = validate(shop.root)
    assert [one.verdict.outcome for one in result.judgements] == ["held"] * 4
    assert result.judgements[3].artifacts[0].path == "hub/snapshots/abc/tokenizer.json"
    (other,) = validate(shop.root, artifacts={"trained": folder / "model.safetensors"})
    assert other.judgements[1].verdict.outcome == "held"
    assert other.judgements[1].artifacts[0].path == "hub/snapshots/abc/model.safetensors"


def test_a_model_that_breaks_while_it_is_read_leaves_nothing_in_the_cache(shop):
    weights = shop.root / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    judged = verdicts(shop)
    assert judged["ARTIFACT-SOUND-TRAINED"] == "falsified"
    assert Cache().contents()["fingerprints"].entries == 0
