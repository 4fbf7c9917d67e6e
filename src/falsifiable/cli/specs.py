"""Which spec a verb is about: the one that was named, or the only one there is."""

from __future__ import annotations

from difflib import get_close_matches

from falsifiable.cli import Failure
from falsifiable.contracts import Workspace, spec_of

KEPT = ("spec.md", "amendments", "evidence")
"""What makes a folder under spec/ that of a spec, though no contract names it."""


def known_specs(workspace: Workspace) -> tuple[str, ...]:
    """Every spec that a contract of the workspace names, or that has a folder under ``spec/``."""
    named = set() if workspace.shipped else {spec_of(one) for one in workspace.contracts}
    folders = {one.parent.name for name in KEPT for one in workspace.root.glob(f"spec/*/{name}")}
    return tuple(sorted(named | folders))


def chosen_spec(workspace: Workspace, name: str | None) -> str:
    """The spec called ``name``, or the only one. Raises Failure that names those there are."""
    known = known_specs(workspace)
    if name is None and len(known) == 1:
        return known[0]
    if name in known:
        return name
    listed = ", ".join(known) or "none: a contract names its spec, as in 'spec: ship-two'"
    if name is None:
        raise Failure(f"say which spec: --spec NAME; there are {listed}")
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise Failure(f"there is no spec {name!r}; {hint}there are {listed}")
