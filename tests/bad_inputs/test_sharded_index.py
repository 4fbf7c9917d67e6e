"""Cases 51 to 55: a model in shards, through ``contract inspect`` in 512 MB."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from tests.artifacts.formats.test_huggingface import BROKEN, INDEX, SHARDS, sharded_folder  # noqa: F401 - a fixture
from tests.bad_inputs.confined import Done

CASES: Mapping[int, tuple[str, ...]] = {
    51: ("shard above the folder", "shard at an absolute path", "shard at a Windows path", "shard with NUL",
         "shard links out of the folder", "shard without a name"),
    52: ("shard missing", "shard left over"),
    53: ("tensor absent", "tensor misplaced", "tensor in two shards", "tensor not in the index",
         "tensor in another shard"),
    54: ("total size wrong",),
    55: ("index with NaN", "index with a duplicate", "index nested deep", "index with a long number"),
}  # fmt: skip
EXIT = {"unreadable": 2, "unsound": 1}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(case)) for case, names in CASES.items() for name in names]
)
def test_it_is_refused_with_place_and_reason(
    name: str,
    refused: Callable[..., Done],
    sharded_folder: Path,  # noqa: F811
) -> None:
    damage, kind, said = BROKEN[name]
    damage(sharded_folder)
    refused(sharded_folder, EXIT[kind], said)


@pytest.mark.bad_input(52)
def test_a_tensor_named_twice_in_the_index(refused: Callable[..., Done], sharded_folder: Path) -> None:  # noqa: F811
    (sharded_folder / INDEX).write_text(f'{{"weight_map": {{"a": "{SHARDS[0]}", "a": "{SHARDS[1]}"}}}}')
    refused(sharded_folder, 2, "the key 'a' stands twice")


@pytest.mark.bad_input(54)
def test_shards_of_several_dtypes_are_shown_as_such(
    confined: Callable[..., Done],
    sharded_folder: Path,  # noqa: F811
) -> None:
    """Mixed element types are how quantised and half-precision checkpoints are stored: shown, and no fault."""
    save_file({"b": numpy.ones(8, dtype=numpy.float16)}, sharded_folder / SHARDS[1], metadata={"format": "pt"})
    done = confined("inspect", sharded_folder, "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["dtypes"] == {"F32": 1, "F16": 1}


@pytest.mark.bad_input(51)
def test_no_shard_is_opened_before_all_names_are_checked(
    refused: Callable[..., Done],
    sharded_folder: Path,  # noqa: F811
) -> None:
    (sharded_folder / SHARDS[0]).write_bytes(b"not even a header")
    (sharded_folder / INDEX).write_text(json.dumps({"weight_map": {"a": SHARDS[0], "b": "../../etc/passwd"}}))
    refused(sharded_folder, 1, "names the shard '../../etc/passwd'")
