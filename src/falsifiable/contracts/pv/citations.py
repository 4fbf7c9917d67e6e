"""What stands under ``test:`` of a falsification test: the id of a pytest test, the name of a function, or prose."""

from __future__ import annotations

import re
from typing import NamedTuple

# Compiled when first used: most contracts name no test at all, and compiling takes as long as reading ten of them.
_NODE_ID = r"(?<![\w./-])(?P<file>[\w./-]+\.py)(?P<names>(?:::\w+)*)(?:\[[^\]]*\])?(?![\w:])"
_FUNCTION = r"(?<!\w)(?:[\w]+::)*(?P<name>(?:test|prop|falsify|proptest|verify)_\w+)(?!\w)"
_COMMANDS = ("cargo test ", "cargo nextest ", "cargo kani ", "pytest ", "python -m pytest ")


class NodeId(NamedTuple):
    """The id of a pytest test: a file relative to the workspace, and the classes and the function in it.

    Without ``names`` all tests of the file are meant. The parameters of a test, which only a run knows, are left out.
    """

    file: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "::".join((self.file, *self.names))


class Function(NamedTuple):
    """The bare name of a test function, in whatever file."""

    name: str


Citation = NodeId | Function


def cited(text: str) -> tuple[Citation, ...]:
    """The tests that ``text`` names; none where it is prose.

    A pytest id counts wherever it stands. The name of a function counts where it stands alone or in a command that runs
    tests: in a sentence such a word may be anything.
    """
    if ".py" in text:
        found = tuple(
            NodeId(one["file"].removeprefix("./"), tuple(one["names"].split("::")[1:]))
            for one in re.finditer(_NODE_ID, text)
        )
        if found:
            return found
    if "_" not in text:
        return ()
    text = text.strip()
    if text.startswith(_COMMANDS) or " " not in text:
        return tuple(Function(one["name"]) for one in re.finditer(_FUNCTION, text))
    return ()
