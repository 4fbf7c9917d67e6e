"""A digest of a falsifier's source that changes when its meaning may have, and not when its layout does.

It covers the check, its counterexamples and every helper of the same distribution that they reach, as ``ast.unparse``
prints them with docstrings removed: comments, layout and documentation do not count. The SDK and the readers enter as
one number, :data:`falsifiable.falsifier.SEMANTICS`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from falsifiable.falsifier import SEMANTICS


@dataclass(frozen=True)
class Module:
    """A parsed module: its top-level definitions, and the names it imports from its own distribution."""

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
    return Distribution({name: _parse(name, path.read_text(encoding="utf-8"), files) for name, path in files.items()})


def source_digests(distribution: Distribution) -> dict[str, str]:
    """Check name -> sha256 (hex) of everything that check's meaning rests on."""
    digests = {}
    for module in distribution.modules.values():
        for check, function in _declared_checks(module):
            roots = [(module.name, name) for name in (function, *_counterexamples(module, function))]
            reached = _reach(distribution, roots)
            text = "\n".join([f"semantics {SEMANTICS}", *sorted(reached.values())])
            digests[check] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def _parse(name: str, text: str, files: Mapping[str, Path]) -> Module:
    tree = ast.parse(text)
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


def _names_defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _declared_checks(module: Module) -> Iterator[tuple[str, str]]:
    """(check name, function name) for every ``@falsifier("...")`` in the module."""
    for name, statements in module.definitions.items():
        for statement in statements:
            for decorator in getattr(statement, "decorator_list", []):
                if (
                    isinstance(decorator, ast.Call)
                    and getattr(decorator.func, "id", getattr(decorator.func, "attr", "")) == "falsifier"
                    and decorator.args
                    and isinstance(decorator.args[0], ast.Constant)
                ):
                    yield str(decorator.args[0].value), name


def _counterexamples(module: Module, function: str) -> Iterator[str]:
    for name, statements in module.definitions.items():
        for statement in statements:
            if any(
                isinstance(decorator, ast.Attribute)
                and decorator.attr == "counterexample"
                and getattr(decorator.value, "id", "") == function
                for decorator in getattr(statement, "decorator_list", [])
            ):
                yield name


def _reach(distribution: Distribution, roots: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Every definition that ``roots`` reach, as normalised text."""
    reached: dict[tuple[str, str], str] = {}
    waiting = list(roots)
    while waiting:
        module_name, name = waiting.pop()
        module = distribution.modules[module_name]
        if (module_name, name) in reached:
            continue
        statements = module.definitions.get(name, ())
        reached[module_name, name] = "\n".join(_normalised(statement) for statement in statements)
        for statement in statements:
            for used, attribute in _names_used(statement):
                if used in module.definitions:
                    waiting.append((module_name, used))
                elif used in module.imported:
                    target, imported_name = module.imported[used]
                    waiting.append((target, imported_name or attribute))
                elif used in module.foreign:
                    reached[module_name, used] = module.foreign[used]
    return reached


def _names_used(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """(name, attribute taken of it or "") for every name read in the statement."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.Name):
            yield node.id, ""


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
