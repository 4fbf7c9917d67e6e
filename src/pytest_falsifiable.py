"""The pytest plugin: contracts collected as tests with ``pytest --contracts``, and artifacts as fixtures.

It lies outside the package and imports nothing of it until somebody asks: pytest loads plugins before it measures
coverage, and a test run that has nothing to do with contracts should not pay for them. What it does when asked is in
``falsifiable.testing``.

    pytest --contracts                                     # the tests, and every contract of the workspace
    pytest --contracts contracts/shop.yaml -m family_weights
    pytest contracts/shop.yaml::FALSIFY-SHOP-001
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from falsifiable.artifacts import Model, Run, Tokenizer
    from falsifiable.testing.collection import ContractCollector, PvCollector

PROFILE = "falsifiable"
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
        "--contracts-run", metavar="FOLDER", type=Path, help="Bind all roles to this run folder (its run.yaml)"
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
        "--contracts-time-limit", metavar="SECONDS", type=float, default=300.0, help="Seconds for one falsifier"
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
    if asked_for(config):
        from falsifiable.testing.session import prepare

        prepare(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ContractCollector | PvCollector | None:
    """The falsifiers of a contract file: any of the workspace where contracts are asked for, else one that is named."""
    if file_path.suffix != ".yaml":
        return None
    if not asked_for(parent.config) and not (
        "contracts" in file_path.parent.parts and parent.session.isinitpath(file_path)
    ):
        return None
    from falsifiable.testing.collection import collector_of

    return collector_of(file_path, parent)


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
