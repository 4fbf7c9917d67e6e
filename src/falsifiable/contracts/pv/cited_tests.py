"""The tests of a workspace, found without importing or running any: does a cited one exist?"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from falsifiable.contracts.diagnostics import suggestion
from falsifiable.contracts.regular_files import TooLargeError, read_regular

_LARGEST_SOURCE_BYTES = 4 * 1024 * 1024
_MOST_SOURCES = 5_000
"""Files of source looked through for a bare name; in a larger workspace a name that is not found is not reported."""
NOT_OURS = frozenset({"target", "node_modules", "site-packages", "__pycache__", "venv", "build", "dist"})
"""Names of folders that hold what was made or installed."""
_COMMENT = re.compile(rb"//[^\n]*|#(?!!?\[)[^\n]*")
"""To the end of the line, of Rust or of Python; what begins with ``#[`` is an attribute of Rust."""
_DEFINED = re.compile(
    rb"""(?mx) (?: ^ | [{};\]] ) \s*
    (?: (?: pub (?:\s*\([^)]*\))? | default | const | async | unsafe | extern (?:\s*"[^"\n]*")? ) \s+ )*
    (?: def | fn ) \s+ (\w+)"""
)
"""A function, in whatever block or macro, where a statement can begin: in the middle of a sentence it is none."""

_Body = Sequence[ast.stmt]
_UNKNOWABLE = "*"


class CitedTests:
    """Answers for the tests below ``root``; every file is read at most once, and only if something cites it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modules: dict[str, ast.Module | str] = {}
        self._functions: frozenset[str] | None = None
        self._all_seen = True

    def missing(self, file: str, names: Sequence[str]) -> str:
        """What is not there of a test, in words; the empty text where it exists or only a run could tell."""
        module = self._module(file)
        if isinstance(module, str):
            return module
        body: _Body = module.body
        inherits = False
        for depth, name in enumerate(names):
            defined = dict(_definitions(body))
            if name not in defined:
                if inherits or _UNKNOWABLE in defined:
                    return ""
                where = "::".join((file, *names[:depth]))
                return f"{where} defines no {name}; {suggestion(name, defined, 'it defines')}"
            found = defined[name]
            if not isinstance(found, ast.ClassDef):
                rest = names[depth + 1 :]
                is_function = isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
                return f"{name} is a function and holds no {rest[0]}" if rest and is_function else ""
            body, inherits = found.body, _inherits(found)
        return ""

    def defines(self, function: str) -> bool:
        """Whether some .py or .rs file defines a function of this name, or there are too many files to say."""
        if self._functions is None:
            self._functions = frozenset(self._search())
        return function in self._functions or not self._all_seen

    def _module(self, file: str) -> ast.Module | str:
        if file not in self._modules:
            self._modules[file] = self._parsed(file)
        return self._modules[file]

    def _parsed(self, file: str) -> ast.Module | str:
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            return f"{file} lies outside the workspace"
        try:
            return ast.parse(read_regular(self._root / path, _LARGEST_SOURCE_BYTES))
        except FileNotFoundError:
            return f"there is no file {file}"
        except (OSError, TooLargeError) as error:
            return f"{file} cannot be read: {error}"
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"{file} is no Python that can be read: {error}"

    def _search(self) -> Iterator[str]:
        for number, path in enumerate(sources_below(self._root)):
            if number == _MOST_SOURCES:
                self._all_seen = False
                return
            try:
                source = read_regular(path, _LARGEST_SOURCE_BYTES)
            except (OSError, TooLargeError):
                continue
            yield from (name.decode("ascii", "replace") for name in _DEFINED.findall(_COMMENT.sub(b"", source)))


def sources_below(root: Path) -> Iterator[Path]:
    """Every .py and .rs file in and below ``root`` that is neither hidden, nor made, nor installed."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in NOT_OURS)
        yield from (Path(folder, one) for one in sorted(files) if one.endswith((".py", ".rs")))


def _definitions(body: _Body) -> Iterator[tuple[str, ast.stmt]]:
    """Each name that ``body`` defines, imports or assigns, with what does; ``*`` where it imports all of a module.

    Both ways of an ``if`` and of a ``try`` count: which one is taken, only a run knows.
    """
    for one in body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield one.name, one
        elif isinstance(one, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name, one) for alias in one.names)
        elif isinstance(one, ast.Assign):
            yield from ((target.id, one) for target in one.targets if isinstance(target, ast.Name))
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            yield one.target.id, one
        elif isinstance(one, ast.If | ast.Try | ast.With):
            for inner in ("body", "orelse", "finalbody"):
                yield from _definitions(getattr(one, inner, ()))
            for handler in getattr(one, "handlers", ()):
                yield from _definitions(handler.body)


def _inherits(found: ast.ClassDef) -> bool:
    """Whether a class may have tests that do not stand in it."""
    return any(not (isinstance(base, ast.Name) and base.id == "object") for base in found.bases)
