"""``contract cache``: what need not be computed twice, and where it lies."""

from __future__ import annotations

import json

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode

MEBIBYTE = 1 << 20


@click.group()
def command() -> None:
    """Show or empty the cache of digests, fingerprints and verdicts.

    It lies in $FALSIFIABLE_CACHE, else in the user's cache folder. Emptying it costs time and nothing else.
    """


@command.command()
@format_option
@traceback_option
def info(form: str) -> None:
    """Show what the cache holds, and how much it may."""
    from falsifiable.validation.cache import MOST_BYTES, ROOMS, Cache

    cache = Cache()
    held = cache.contents()
    if form == "json":
        rooms = {room: one._asdict() for room, one in held.items()}
        click.echo(json.dumps({"folder": str(cache.folder), "most_bytes": MOST_BYTES, "rooms": rooms}, indent=2))
        return
    click.echo(cache.folder)
    for room, one in held.items():
        click.echo(f"  {room:<13}{one.entries:>8} files {one.bytes / MEBIBYTE:>9.1f} MiB  {ROOMS[room]}")
    total = sum(one.bytes for one in held.values())
    click.echo(f"  {'all':<13}{sum(one.entries for one in held.values()):>8} files {total / MEBIBYTE:>9.1f} MiB  "
               f"of at most {MOST_BYTES // MEBIBYTE} MiB; beyond that the oldest go first")  # fmt: skip


@command.command()
@traceback_option
def clear() -> None:
    """Remove everything the cache holds.

    Exit codes: 0 it is empty, 2 something in it could not be removed.
    """
    from falsifiable.validation.cache import Cache

    cache = Cache()
    click.echo(f"{cache.folder}: {cache.clear()} files removed")
    if left := sum(room.entries for room in cache.contents().values()):
        raise Failure(f"{cache.folder}: {left} files could not be removed; is it yours?", ExitCode.COULD_NOT_RUN)
