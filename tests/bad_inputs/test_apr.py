"""Case 96: the structure of an APR file, through ``contract inspect`` in 512 MB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.artifacts.formats.test_apr import BROKEN
from tests.bad_inputs.confined import Done

CASES = (
    "empty", "magic only", "version 1", "variant APR1", "variant APR2", "other magic", "version 3", "encrypted",
    "compressed with LZ4", "metadata beyond the end", "index beyond the end", "data beyond the end",
    "tensor beyond the data", "2^32 - 1 tensors",
)  # fmt: skip
EXIT = {"unreadable": 2, "unsound": 1}


@pytest.mark.bad_input(96)
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_place_and_reason(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    content, kind, said = BROKEN[name]
    path = tmp_path / "model.apr"
    path.write_bytes(content)
    refused(path, EXIT[kind], said)
