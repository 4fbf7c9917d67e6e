"""Finished curves named on the command line, read for the verbs that learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from falsifiable.artifacts.curves.curve import Curve


def read_finished(paths: Sequence[Path]) -> list[Curve]:
    """The curves in all ``paths``. Raises Failure where one cannot be read."""
    from falsifiable.artifacts import ArtifactError, open_curves

    found: list[Curve] = []
    for path in paths:
        try:
            found += open_curves(path).curves
        except ArtifactError as error:
            raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    return found
