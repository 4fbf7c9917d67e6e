"""A digest of a falsifier's source that changes when its meaning may have, and not when its layout does.

It covers the check, its counterexamples and every helper of the same distribution that they reach, as ``ast.unparse``
prints them with docstrings removed: comments, layout and documentation do not count. The SDK and the readers enter as
one number, :data:`falsifiable.falsifier.SEMANTICS`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from falsifiable.falsifier import SEMANTICS

Place = tuple[str, str]
"""A module and a name defined in it."""


@dataclass(frozen=True)
class Module:
    """A parsed module.

    ``definitions`` maps a name to every top-level statement that makes or changes it. ``imported`` maps a name to the
    module of the same distribution it comes from and its name there (None: the module itself), ``foreign`` to where
    else it comes from.
    """

    name: str
    definitions: Mapping[str, tuple[ast.stmt, ...]]
    imported: Mapping[str, tuple[str, str | None]]
    foreign: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Distribution:
    """All modules of one plugin: dotted name -> parsed module."""

    modules: Mapping[str, Module]


def parse_distribution(files: Mapping[str, Path]) -> Distribution:
    """Parse ``files`` (dotted module name -> path). Raises SyntaxError and OSError."""
    return Distribution({name: _parse(name, path, files) for name, path in files.items()})


def source_digest(distribution: Distribution, functions: Iterable[Place]) -> str:
    """The sha256 (hex) of everything that ``functions``, a check and its counterexamples, rest on.

    Raises KeyError for a function that is not defined in the distribution.
    """
    reached = _reach(distribution, list(functions))
    text = "\n".join([f"semantics {SEMANTICS}", *sorted(reached.values())])
    return hashlib.sha256(text.encode()).hexdigest()


def _parse(name: str, path: Path, files: Mapping[str, Path]) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    definitions: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for defined in _names_defined(statement):
            definitions.setdefault(defined, []).append(statement)
    imported: dict[str, tuple[str, str | None]] = {}
    foreign: dict[str, str] = {}
    for node in ast.walk(tree):
        for bound, module, attribute in _imports(node, name):
            if module in files and attribute is not None and f"{module}.{attribute}" in files:
                imported[bound] = (f"{module}.{attribute}", None)
            elif module in files:
                imported[bound] = (module, attribute)
            else:
                foreign[bound] = f"{bound} = {module}" + (f".{attribute}" if attribute else "")
    return Module(name, {key: tuple(value) for key, value in definitions.items()}, imported, foreign)


def _imports(node: ast.AST, importer: str) -> Iterator[tuple[str, str, str | None]]:
    """(bound name, module, attribute or None) for an import statement anywhere in the module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname or alias.name.partition(".")[0]), alias.name, None
    elif isinstance(node, ast.ImportFrom):
        package = importer.rsplit(".", node.level)[0] if node.level else ""
        module = ".".join(part for part in (package, node.module) if part)
        for alias in node.names:
            yield (alias.asname or alias.name), module, alias.name


def _names_defined(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement makes or may change.

    A statement that is no definition (``LIMITS.update(...)``, ``LIMIT += 1``, what stands under an ``if``) belongs to
    every name it mentions.
    """
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return set()
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    mentioned = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    defined = {node.name for node in ast.walk(statement) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return mentioned | defined


def _reach(distribution: Distribution, roots: list[Place]) -> dict[Place, str]:
    """Every definition that ``roots`` reach, as normalised text."""
    for module_name, name in roots:
        if name not in distribution.modules[module_name].definitions:
            raise KeyError(f"{module_name}.{name}")
    reached: dict[Place, str] = {}
    waiting = list(roots)
    while waiting:
        place = waiting.pop()
        if place in reached:
            continue
        module = distribution.modules[place[0]]
        statements = module.definitions.get(place[1], ())
        reached[place] = "\n".join(_normalised(statement) for statement in statements)
        names = {used for statement in statements for used in _names_used(statement)} | {place[1]}
        for used in names:
            waiting += _where(distribution, module, used)
            if used in module.foreign:
                reached.setdefault((place[0], f"{used} from elsewhere"), module.foreign[used])
    return reached


def _where(distribution: Distribution, module: Module, name: str) -> list[Place]:
    """Where a name that ``module`` uses is defined; a module used as a whole is all of its definitions."""
    if name in module.definitions:
        return [(module.name, name)]
    if name not in module.imported:
        return []
    target, there = module.imported[name]
    if there is not None:
        return [(target, there)]
    return [(target, defined) for defined in distribution.modules[target].definitions]


def _names_used(statement: ast.stmt) -> Iterator[str]:
    """Every name read in the statement."""
    return (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))


def _normalised(statement: ast.stmt) -> str:
    copy = ast.parse(ast.unparse(statement))
    for node in ast.walk(copy):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(copy)
