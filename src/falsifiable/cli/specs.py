"""Which spec a verb is about: the one that was named, or the only one there is."""

from __future__ import annotations

import click

from falsifiable.cli import Failure
from falsifiable.contracts import Workspace, suggestion
from falsifiable.spec import specs_in

spec_option = click.option("--spec", metavar="SPEC", help="Which spec; not needed where there is only one.")


def known_specs(workspace: Workspace) -> tuple[str, ...]:
    """Every spec of the workspace, and those that are no more than a ``spec.md`` so far."""
    contracts = () if workspace.shipped else workspace.contracts
    written = (path.parent.name for path in workspace.root.glob("spec/*/spec.md"))
    return tuple(sorted({*specs_in(workspace.root, contracts), *written}))


def chosen_spec(workspace: Workspace, name: str | None) -> str:
    """The spec called ``name``, or the only one. Raises Failure that names those there are."""
    known = known_specs(workspace)
    if name is None and len(known) == 1:
        return known[0]
    if name in known:
        return name
    if not known:
        raise Failure("there is no spec yet: a contract names its spec, as in 'spec: ship-two'")
    if name is None:
        raise Failure(f"say which spec: --spec SPEC; there are {', '.join(known)}")
    raise Failure(f"there is no spec {name!r}; {suggestion(name, known, 'specs')}")
