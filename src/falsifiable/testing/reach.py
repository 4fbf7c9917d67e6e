"""Where a test run looks for contracts: what was named, whose workspace it is about, what pytest passes over."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from falsifiable.contracts.limits import DEFAULT_LIMITS
from falsifiable.contracts.places import ARTIFACTS_FILE, CONTRACT_SUFFIX, CONTRACTS_FOLDER, contract_paths, root_above
from falsifiable.contracts.pv.dialect import speaks_pv
from falsifiable.contracts.yaml_reader import read_yaml

_TOP = re.compile(rb"^[\"']?(contract|falsifiers)[\"']?\s*:", re.MULTILINE)
"""How a contract of ours begins, in a file that is no YAML."""

_ENVIRONMENT = ("pyvenv.cfg", "conda-meta/history")
"""By which files pytest knows a virtual environment."""


def named_paths(config: pytest.Config) -> tuple[Path, ...]:
    """What was named on the command line, without what stands behind ``::``; nothing where pytest chose."""
    return tuple(one for one in arguments(config) if one.exists()) if names_given(config) else ()


def arguments(config: pytest.Config) -> list[Path]:
    """What pytest starts from, named or not, each ``in_workspace``."""
    return [in_workspace(config.invocation_params.dir / one.partition("::")[0]) for one in config.args]


def in_workspace(path: Path) -> Path:
    """The full path, with the links down to the workspace around it resolved, and those below it kept.

    Two ways to a file of one workspace become one, and a folder ``contracts`` that is a link to that of another
    workspace stays in the one that links to it: there ``contract validate`` judges it, by other bindings.
    """
    written = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
    root = root_above(written)
    return root.resolve() / written.relative_to(root)


def names_given(config: pytest.Config) -> bool:
    """Whether somebody named what is to be tested, be it a module by ``--pyargs``."""
    return config.args_source is pytest.Config.ArgsSource.ARGS


def home(config: pytest.Config, named: tuple[Path, ...]) -> Path:
    """The workspace of a test run: that around the working directory, else around what was named, else pytest's root.

    Where none of them is in a workspace, the working directory.
    """
    here = config.invocation_params.dir
    roots = (root_above(one) for one in (in_workspace(here), *named, in_workspace(config.rootpath)))
    return next((one for one in roots if is_workspace(one)), here.resolve())


def is_workspace(root: Path) -> bool:
    """Whether ``root`` holds what makes a workspace of it."""
    return (root / ARTIFACTS_FILE).is_file() or has_contracts(root)


def has_contracts(root: Path) -> bool:
    """Whether ``root`` has contracts of its own."""
    return bool(contract_paths(root / CONTRACTS_FOLDER))


def is_contract(path: Path) -> bool:
    """Whether a YAML file that lies among contracts is meant as one, in our words or those of ``pv``."""
    root = read_yaml(path, shown=path.name).root
    if root is None:
        with path.open("rb") as file:
            return bool(_TOP.search(file.read(DEFAULT_LIMITS.max_contract_bytes)))
    return not {"contract", "falsifiers"}.isdisjoint(entry.key for entry in root.entries) or speaks_pv(root)


def is_ignored(path: Path, config: pytest.Config) -> bool | None:
    """What pytest is to do with ``path`` among contracts: False to look into it, True to leave it, None as it likes.

    What it passes over by habit (``norecursedirs``, such as ``build``, virtual environments and ``__pycache__``) is
    judged by ``contract validate``: left out here, it would go green unseen. ``--ignore`` was asked for, and stays.
    A folder that is a link is judged where it leads, if that is among the contracts, and not twice; pytest does not ask
    about one that was named.
    """
    folder = root_above(path.parent) / CONTRACTS_FOLDER
    if not path.is_relative_to(folder) or _told_to_ignore(path, config):
        return None
    if path.is_dir() and path.is_symlink() and path != folder:
        return True
    depth = len(path.relative_to(folder).parts)
    folders = [path, *path.parents][0 if path.is_dir() else 1 : depth + 1]
    if not any(_passed_over(one, config) for one in folders):
        return None
    return not path.is_dir() and path.suffix != CONTRACT_SUFFIX


def _told_to_ignore(path: Path, config: pytest.Config) -> bool:
    here = config.invocation_params.dir
    paths = [Path(os.path.abspath(here / one)) for one in config.getoption("ignore") or ()]  # noqa: PTH100 - links stay
    globs = [os.path.abspath(here / one) for one in config.getoption("ignore_glob") or ()]  # noqa: PTH100
    return path in paths or any(fnmatch(str(path), one) for one in globs)


def _passed_over(folder: Path, config: pytest.Config) -> bool:
    """Whether pytest passes over ``folder`` by habit."""
    if folder.name == "__pycache__" or any(_matches(folder, one) for one in config.getini("norecursedirs")):
        return True
    return not config.getoption("collect_in_virtualenv") and any((folder / one).is_file() for one in _ENVIRONMENT)


def _matches(path: Path, pattern: str) -> bool:
    """Whether a pattern of ``norecursedirs`` means ``path``: by its name or, where the pattern has a ``/``, its end."""
    if os.sep not in pattern:
        return fnmatch(path.name, pattern)
    return fnmatch(str(path), pattern if Path(pattern).is_absolute() else f"*{os.sep}{pattern}")
