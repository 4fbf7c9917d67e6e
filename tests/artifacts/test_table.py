"""Tables: rows with the line each begins in, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from falsifiable import ArtifactError, open_table
from falsifiable.artifacts import Limits, detect_kind


def written(folder: Path, text: str | bytes, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_json_lines_count_every_line_and_hold_the_rows(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, '{"a": 1}\n\n{"a": 2}\r\n{"a": 3}'))

    assert [(row.line, row.values["a"]) for row in table.rows] == [(1, 1), (3, 2), (4, 3)]
    assert table.format == "jsonl"


def test_an_array_knows_the_line_of_each_row_however_it_is_laid_out(tmp_path: Path) -> None:
    text = '\n[{"a": "]\\n,{"}, {"a": 2},\n {"a":\n 3}\n,\n\n{"a": [4, {}]}]\n'

    table = open_table(written(tmp_path, text, "rows.json"))

    assert [(row.line, row.values["a"]) for row in table.rows] == [(2, "]\n,{"), (2, 2), (3, 3), (7, [4, {}])]
    assert open_table(written(tmp_path, "[ ]")).rows == ()


def test_one_object_over_several_lines_is_a_table_of_one_row(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, '\n{\n "type": "object"\n}\n', "schema.json"))

    assert (table.format, [(row.line, dict(row.values)) for row in table.rows]) == ("object", [(2, {"type": "object"})])


@pytest.mark.parametrize(
    ("text", "said", "kind"),
    [
        ('{"a": 1}\n[1]\n', "line 2: the row is [1]", "unsound"),
        ('{"a": 1}\n{"a": NaN}\n', "line 2: NaN is not a JSON number", "unsound"),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', "line 2: the key 'a' stands twice", "unsound"),
        ('[{"a": 1},\n 7]', "line 2: the row is 7", "unsound"),
        ('[{"a": 1}', "not JSON", "unsound"),
        ('{"a": 1}\n{"a"', "line 2: not JSON", "unsound"),
        (b'{"a": "\xff"}', "not UTF-8", "unsound"),
        (b"\x00\x01", "no JSON object", "unreadable"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested deeper", "unsound"),
    ],
)
def test_what_is_no_row_is_named_by_its_line(tmp_path: Path, text: str | bytes, said: str, kind: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_table(written(tmp_path, text))

    assert said in str(caught.value)
    assert caught.value.kind == kind


@pytest.mark.parametrize("limits", [Limits(table_bytes=8), Limits(table_rows=1), Limits(json_containers=2)])
def test_a_table_beyond_a_limit_is_refused(tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_table(written(tmp_path, '{"a": 1}\n{"a": 2}\n{"a": 3}\n'), limits=limits)

    assert caught.value.kind == "unreadable"


def test_mutants_leave_the_table_and_change_the_digest(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "".join(json.dumps({"a": n}) + "\n" for n in range(3))))

    changed = table.with_row(1, lambda row: {**row, "a": 7})

    assert [row.values["a"] for row in changed.rows] == [0, 7, 2]
    assert [row.values["a"] for row in table.without_row(0).with_more({"a": 9}).rows] == [1, 2, 9]
    assert [row.values["a"] for row in table.rows] == [0, 1, 2]
    assert changed.digest.startswith("mutant:")
    assert len(table.digest) == 64


def test_a_file_of_json_lines_is_taken_for_a_table(tmp_path: Path) -> None:
    assert detect_kind(tmp_path / "corrections.jsonl") == "table"
