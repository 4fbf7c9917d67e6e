"""The pages that people wrote: tutorial, how-to, explanation, troubleshooting."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode

FOLDER = "docs"
FOLDERS = ("", "how-to", "explanation")
"""Where pages lie; other folders hold what the site is built with and what a page works on."""

WELCOME = "index.md"
"""The first page of the site: it leads to the others and says nothing that they do not."""

_COMMENT = re.compile(r"^<!--.*?-->\n+", re.DOTALL | re.MULTILINE)


def shipped_guides() -> Path:
    """The folder of the pages that come with the package, in a wheel as in a checkout.

    Raises:
        Failure: the installation is incomplete.
    """
    package = Path(str(resources.files("falsifiable")))
    for folder in (package / "shipped" / FOLDER, package.parent.parent / FOLDER):
        if folder.is_dir():
            return folder
    raise Failure(
        f"no pages beside {package}; reinstall: pip install --force-reinstall falsifiable", ExitCode.COULD_NOT_RUN
    )


def guides() -> dict[str, Path]:
    """Every page by the id that ``contract explain`` takes: ``docs/`` and its path without ``.md``."""
    folder = shipped_guides()
    found = [page for below in FOLDERS for page in sorted((folder / below).glob("*.md")) if page.name != WELCOME]
    return {f"{FOLDER}/{page.relative_to(folder).with_suffix('').as_posix()}": page for page in found}


def title_of(page: Path) -> str:
    """The heading of a page."""
    with page.open(encoding="utf-8") as lines:
        return next((line[2:].strip() for line in lines if line.startswith("# ")), page.stem)


def text_of(page: Path) -> str:
    """A page as a person reads it in a terminal: without the comments that tests read."""
    return _COMMENT.sub("", page.read_text(encoding="utf-8")).rstrip("\n")
