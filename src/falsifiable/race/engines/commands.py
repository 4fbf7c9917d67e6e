"""The command of one run: the template of ``race.yaml``, filled in."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SETTINGS = "{settings}"
_PLACE = re.compile(r"\{([a-z_]+)\}")


class CommandError(ValueError):
    """The template of a command names something that a run does not have."""


def command_of(
    template: Sequence[str], *, name: str, seed: int, steps: int, folder: Path, config: Mapping[str, Any], **more: Any
) -> tuple[str, ...]:
    """The program and arguments of a run. No shell reads them, so that nothing in them is more than text.

    ``{name}``, ``{seed}``, ``{steps}``, ``{folder}`` and ``{python}`` (the running interpreter) stand for what they
    say, ``{hidden_size}`` for the setting of that name in ``config``. An argument that is ``{settings}`` alone becomes
    one option per setting: ``--hidden-size 512``.

    Raises:
        CommandError: the template is empty or names something else.
    """
    if not template:
        raise CommandError("command is empty; expected the program that trains one run, and its arguments")
    known = dict(config) | {"name": name, "seed": seed, "steps": steps, "folder": folder, "python": sys.executable}
    known |= more
    filled: list[str] = []
    for argument in template:
        filled += _options(config) if argument == SETTINGS else [_filled(argument, known)]
    return tuple(filled)


def _options(config: Mapping[str, Any]) -> list[str]:
    return [part for name, value in config.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def _filled(argument: str, known: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            names = ", ".join(sorted({*known, "settings"}))
            raise CommandError(f"command: {argument!r} names {{{found[1]}}}; a run has {names}")
        return str(known[found[1]])

    return _PLACE.sub(value, argument)
