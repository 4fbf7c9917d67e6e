"""``contract limits``: how much of a file the readers accept."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from falsifiable.cli.common import format_option, traceback_option


@click.command()
@format_option
@traceback_option
def command(form: str) -> None:
    """Show every limit that artifacts and contracts are read under; the name of each ends in its unit.

    A file beyond a limit is refused unread, with the limit in the message.
    """
    from falsifiable.artifacts.limits import DEFAULT_LIMITS
    from falsifiable.contracts.limits import DEFAULT_LIMITS as CONTRACT_LIMITS

    limits = {"artifacts": asdict(DEFAULT_LIMITS), "contracts": CONTRACT_LIMITS._asdict()}
    if form == "json":
        click.echo(json.dumps(limits, indent=2))
        return
    for room, bounds in limits.items():
        click.echo(room)
        for name, bound in bounds.items():
            click.echo(f"  {name:<36}{bound:>14,}")
