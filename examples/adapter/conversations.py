"""Conversations about real code: a function is asked for by its signature and docstring, and answered by its source.

Every real row is text of one file of the standard library, unindented and otherwise verbatim, and names that file. One
row in ten asks for and gives a function that nobody wrote, and is marked as synthetic.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

from examples.pretrain.corpus import FINETUNE, VALIDATION, Corpus, SourceFile

TRAIN, VALID = "train", "valid"
# The base model was fine-tuned on the first of these and judged on the second.
_FILES_OF = {TRAIN: FINETUNE, VALID: VALIDATION}
_MOST_ROWS = {TRAIN: 450, VALID: 90}
_ROWS_PER_SYNTHETIC_ROW = 9
_LONGEST_COPY = 128  # characters in a row; functions of the standard library were copied from module to module
_MOST_CHARACTERS = 1_200  # of an answer: about three hundred tokens

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversations:
    """The rows of both splits, and the files that real rows were taken from, by the id that a row names."""

    rows: Mapping[str, tuple[Row, ...]]
    sources: Mapping[str, SourceFile] = field(default_factory=dict)


def conversations_about(corpus: Corpus) -> Conversations:
    """Rows about the functions of a corpus; the same rows in the same order on every machine with these files."""
    sources: dict[str, SourceFile] = {}
    rows: dict[str, tuple[Row, ...]] = {}
    learnt: set[str] = set()
    for split, files in _FILES_OF.items():
        found = [(row, file) for file in corpus.splits[files] for row in _rows_of(file)]
        new = [pair for pair in found if learnt.isdisjoint(_pieces(pair[0]))]  # no row is judged that was learnt
        chosen = sorted(new, key=lambda pair: _hash(pair[0]))[: _MOST_ROWS[split]]
        learnt.update(piece for row, _ in chosen for piece in _pieces(row))
        sources |= {row["source"]: file for row, file in chosen}
        real = [row for row, _ in chosen]
        synthetic = [_made_up(split, number) for number in range(len(real) // _ROWS_PER_SYNTHETIC_ROW)]
        rows[split] = tuple(sorted([*real, *synthetic], key=_hash))
    return Conversations(rows, dict(sorted(sources.items())))


def _rows_of(file: SourceFile) -> Iterator[Row]:
    """A row for every function of a file that has a docstring and is short enough."""
    try:
        tree = ast.parse(file.text)
    except SyntaxError:  # a file for another version, or one that a test keeps broken
        return
    lines = file.text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[0], ast.Expr) and ast.get_docstring(node):
            source = dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
            request = "\n".join(source.split("\n")[: (node.body[0].end_lineno or node.lineno) - node.lineno + 1])
            if len(source) <= _MOST_CHARACTERS and request != source:
                yield {**_messages(request, source), "kind": "real", "source": _source_id(file)}


def _pieces(row: Row) -> Iterator[str]:
    """Every piece of an answer that is so long that it stands in two functions only where one was copied."""
    answer: str = row["messages"][-1]["content"]
    return (answer[at : at + _LONGEST_COPY] for at in range(len(answer) - _LONGEST_COPY + 1))


def _made_up(split: str, number: int) -> Row:
    """A function that nobody wrote, and nobody needs."""
    summand = 2 * number + (split == VALID) + 2  # odd in one split and even in the other, so that none is in both
    request = f'def add_{summand}(value):\n    "Return value plus {summand}."'
    return {**_messages(request, f"{request}\n    return value + {summand}"), "kind": "synthetic"}


def _messages(request: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": request}, {"role": "assistant", "content": answer}]}


def _source_id(file: SourceFile) -> str:
    return file.path.removesuffix(".py").replace("/", ".")


def _hash(row: Row) -> str:
    return hashlib.sha256("\0".join(message["content"] for message in row["messages"]).encode()).hexdigest()
