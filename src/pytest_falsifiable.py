"""The pytest plugin: contracts collected as tests with ``pytest --contracts``, and artifacts as fixtures.

It lies outside the package and imports nothing of it until somebody asks: pytest loads plugins before it measures
coverage, and a test run that has nothing to do with contracts should not pay for them. What it does when asked is in
``falsifiable.testing``.

    pytest --contracts                                     # the tests, and every contract of the workspace
    pytest --contracts contracts/shop.yaml -m family_weights
    pytest contracts/shop.yaml::FALSIFY-SHOP-001
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from falsifiable.artifacts import Model, Run, Tokenizer
    from falsifiable.testing.collection import ContractCollector, PvCollector

PROFILE = "falsifiable"
TIME_LIMIT = 300.0
MARKERS = (
    "contracts: a falsifier of a contract",
    "family_NAME: a falsifier whose check is called NAME.something, with _ for - (such as family_weights)",
    *(
        f"status_{name}: a falsifier that stands at {name.upper()} by the recorded evidence"
        for name in ("proposed", "partial", "integration", "discharged", "falsified", "stale")
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what can be asked for."""
    group = parser.getgroup("contracts", "claims about models, put to the test (falsifiable)")
    group.addoption(
        "--contracts", action="store_true", help="Also put the contracts of the workspace (contracts/**/*.yaml) to test"
    )
    group.addoption(
        "--contracts-run",
        metavar="FOLDER",
        type=Path,
        help="Judge this run: the roles of each contract that has a run among its artifacts are bound by its run.yaml",
    )
    group.addoption(
        "--contracts-artifact",
        metavar="ROLE=PATH",
        action="append",
        default=[],
        help="Bind one role (or CONTRACT/ROLE) to a file, a folder or a URL; may be repeated",
    )
    group.addoption(
        "--contracts-commands", action="store_true", help="Allow the commands that artifacts.yaml names to be run"
    )
    group.addoption(
        "--contracts-strict", action="store_true", help="Fail what stays inconclusive instead of skipping it"
    )
    group.addoption(
        "--contracts-time-limit", metavar="SECONDS", type=float, default=TIME_LIMIT, help="Seconds for one falsifier"
    )
    parser.addini("contracts", "collect contracts as if --contracts were given", type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Announce the markers, and prepare what was asked for; first, because Hypothesis loads its profile here too."""
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    if config.getoption("--hypothesis-profile", default=None) == PROFILE:
        from falsifiable.testing.profile import register_profile

        register_profile()
    if asked_for(config) or _options_given(config) or any(_among_contracts(one) for one in _named(config)):
        from falsifiable.testing.session import prepare

        prepare(config)


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where contracts are asked for, none is passed over because its folder is called ``build``."""
    if "contracts" not in collection_path.parts or not asked_for(config):
        return None
    from falsifiable.testing.reach import is_ignored

    return is_ignored(collection_path, config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ContractCollector | PvCollector | None:
    """The falsifiers of a contract file: any of the workspace where contracts are asked for, else one that is named."""
    if file_path.suffix != ".yaml":
        return None
    if not asked_for(parent.config) and not _named_contract(file_path, parent):
        return None
    from falsifiable.testing.collection import collector_of

    return collector_of(file_path, parent)


def _named_contract(path: Path, parent: pytest.Collector) -> bool:
    """Whether ``path`` was named and is meant as a contract: a YAML file of anything else is for another plugin."""
    named = parent.session.isinitpath(path) or path in _named(parent.config)  # pytest forgets one in a named folder
    if not _among_contracts(path) or not named:
        return False
    from falsifiable.testing.reach import is_contract

    return is_contract(path)


def _among_contracts(path: Path) -> bool:
    return path.suffix == ".yaml" and "contracts" in path.parent.parts


def _named(config: pytest.Config) -> list[Path]:
    """The full paths of what is to be tested."""
    folder = config.invocation_params.dir
    return [Path(os.path.abspath(folder / one.partition("::")[0])) for one in config.args]  # noqa: PTH100 - as pytest


def _options_given(config: pytest.Config) -> bool:
    """Whether a setting of contracts was given; it is then checked, be it for the fixtures alone."""
    return bool(
        config.getoption("--contracts-run")
        or config.getoption("--contracts-artifact")
        or config.getoption("--contracts-time-limit") != TIME_LIMIT
    )


def asked_for(config: pytest.Config) -> bool:
    """Whether contracts are to be collected wherever they are found."""
    return bool(config.getoption("--contracts") or config.getini("contracts"))


def _bound(request: pytest.FixtureRequest, kind: Any) -> Any:
    from falsifiable.testing.fixtures import bound_artifact

    return bound_artifact(request.config, kind, getattr(request, "param", None))


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Model:
    """The bound model, opened: role model, trained or export, or the one given by indirect parametrisation."""
    opened: Model = _bound(request, "model")
    return opened


@pytest.fixture(scope="session")
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """The bound tokenizer, opened: role tokenizer, or the one given by indirect parametrisation."""
    opened: Tokenizer = _bound(request, "tokenizer")
    return opened


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Run:
    """The record of the bound run, opened: role run, or the one given by indirect parametrisation."""
    opened: Run = _bound(request, "run")
    return opened
