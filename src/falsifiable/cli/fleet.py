"""What ``contract validate`` shares with a cluster and with many artifacts: ``--executor`` and ``--many``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Asked, exit_code, machines_told, validation_arguments
from falsifiable.cli.exit_codes import ExitCode, combined

if TYPE_CHECKING:
    from falsifiable.contracts import Workspace
    from falsifiable.report.fleet import Fleet
    from falsifiable.validation import Options
    from falsifiable.validation.catalogue import Catalogue
    from falsifiable.validation.executor import Executor
    from falsifiable.validation.fleet import ItemResult

_OF_ANY_NODE = ("cpu", "gpu", "memory")
"""Resources that Ray knows of by itself; others are called as the nodes were told."""
FORMS = ("text", "json")
"""In which a summary of many is printed."""


@dataclass(frozen=True, slots=True)
class Where:
    """On which machines falsifiers run, and what they take of a node: pattern of checks -> resource -> how much."""

    executor: str = "local"
    resources: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def on_cluster(self) -> bool:
        """Whether a Ray cluster runs them."""
        return self.executor == "ray"

    def check(self, catalogue: Catalogue) -> None:
        """Raise UsageError for resources that nothing would be asked for."""
        if self.resources and not self.on_cluster:
            raise click.UsageError("--resources says what checks take of a node of a cluster; add --executor ray")
        for pattern in self.resources:
            if not any(fnmatchcase(name, pattern) for name in catalogue.signatures):
                raise click.UsageError(
                    f"--resources {pattern}: no installed check has such a name; contract explain lists those there are"
                )

    def told(self, options: Options) -> Options:
        """The same options, knowing where the falsifiers will run."""
        return replace(options, on_cluster=self.on_cluster, resources=self.resources)

    def machines(self, *, debug: bool) -> Executor | None:
        """The executor; None for this machine. Raises Failure where Ray is not installed."""
        if not self.on_cluster:
            return None
        if find_spec("ray") is None:
            raise Failure("--executor ray: Ray is not installed; install it with pip install 'falsifiable[ray]'")
        from falsifiable.validation.ray_executor import RayExecutor

        return RayExecutor(quiet=not debug)


many_option = click.option(
    "--many",
    metavar="[ROLE=]GLOB|MANIFEST",
    help="Validate every run folder or artifact that matches, or that a YAML or JSON list names, and sum up.",
)


def executor_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--executor`` and ``--resources``."""
    function = click.option(
        "--resources",
        multiple=True,
        metavar="CHECK=NAME:AMOUNT,...",
        callback=_resources,
        help="With ray: what checks (a name or pattern) take of a node, such as 'forward.*=gpu:1,cpu:4'.",
    )(function)
    return click.option(
        "--executor",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where falsifiers run: in processes of this machine, or on the Ray cluster that RAY_ADDRESS names.",
    )(function)


def _resources(ctx: click.Context, param: click.Parameter, given: Iterable[str]) -> dict[str, dict[str, float]]:
    found = {}
    for one in given:
        pattern, _, amounts = one.partition("=")
        try:
            parts = [part.split(":") for part in amounts.split(",")]
            found[pattern] = {name.strip(): float(amount) for name, amount in parts}
        except ValueError:
            found[pattern] = {}
        sensible = all(name and (most == 0 or 1e-4 <= most < 1e18) for name, most in found[pattern].items())
        if not pattern or not found[pattern] or not sensible:
            raise click.BadParameter(f"{one!r} should read CHECK=NAME:AMOUNT, such as 'forward.*=gpu:1'", ctx, param)
        if misspelt := [name for name in found[pattern] if name not in _OF_ANY_NODE and name.lower() in _OF_ANY_NODE]:
            said = f"{one!r}: there is no resource {misspelt[0]}; write {misspelt[0].lower()}, in lower case"
            raise click.BadParameter(said, ctx, param)
        if (gpus := found[pattern].get("gpu", 0.0)) > 1 and not gpus.is_integer():
            raise click.BadParameter(f"{one!r}: Ray gives one GPU in parts and several only whole", ctx, param)
    return found


def validate_fleet(
    asked: Asked, many: str, where: Where, workspace: Workspace, catalogue: Catalogue,
    *, strict: bool, record: bool, form: str, outputs: Collection[Path] = (),
) -> ExitCode:  # fmt: skip
    """``contract validate --many``: print the summary; the exit code of all items together."""
    from falsifiable.report.fleet import Fleet
    from falsifiable.report.progress import progress
    from falsifiable.validation.fleet import FleetError, ItemBindings, items_of, validate_many

    _check_usage(asked, form, outputs, record=record)
    arguments = validation_arguments(asked, workspace)
    arguments["options"] = where.told(arguments["options"])
    del arguments["run"], arguments["artifacts"]
    contracts = arguments["contracts"]
    try:
        items = items_of(many, workspace, contracts, named=bool(asked.contracts))
    except FleetError as error:
        raise Failure(str(error)) from error
    left_out = ItemBindings(contracts).left_out(items)
    found: list[ItemResult] = []
    try:
        with progress(quiet=asked.quiet) as listener, machines_told():
            arguments |= {"listeners": [listener], "executor": where.machines(debug=asked.debug)}
            for one in validate_many(workspace, catalogue, items, **arguments):
                found.append(one)  # noqa: PERF402 - what had been found when it was interrupted is kept
    except KeyboardInterrupt:
        judged = {one.item.name for one in found}
        unfinished = [one.name for one in items if one.name not in judged]
        _print(Fleet(found, left_out, unfinished, interrupted=True), form, quiet=asked.quiet)
        raise
    _print(Fleet(found, left_out), form, quiet=asked.quiet)
    return combined(_code(one, strict=strict) for one in found)


def _check_usage(asked: Asked, form: str, outputs: Collection[Path], *, record: bool) -> None:
    """Raise UsageError for what a summary of many cannot do, before anything is judged."""
    if record:
        raise click.UsageError("--many sums up and records nothing; record an item by --run or --artifact")
    if asked.run is not None or asked.artifacts:
        raise click.UsageError("--many names what is bound; leave out --run and --artifact, or use a manifest")
    if outputs:
        raise click.UsageError(
            "--many writes no --output, whose formats report one validation; redirect --format json to a file"
        )
    if form not in FORMS:
        raise click.UsageError(
            f"--many sums up as {' or '.join(FORMS)}; --format {form} reports one validation, by --run or --artifact"
        )


def _print(fleet: Fleet, form: str, *, quiet: bool) -> None:
    from falsifiable.report.fleet import fleet_as_json, print_fleet
    from falsifiable.report.text import json_text

    if form == "json":
        sys.stdout.write(json_text(fleet_as_json(fleet)))
    else:
        print_fleet(fleet, sys.stdout, only_faults=quiet)


def _code(found: ItemResult, *, strict: bool) -> ExitCode:
    """The exit code of one item: that specimens were examined says nothing of it."""
    code = exit_code(found.results, strict=strict)
    return code if found.examined else combined([code, ExitCode.NOTHING_EXAMINED])
