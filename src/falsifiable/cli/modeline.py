"""The first line of a contract that tells editors its schema, and the copy of the schema that the line names.

The schema lies in the workspace, so that the line can name it by a relative path: a path into the installation would be
another one on every machine, and a URL would be asked for whenever a contract is opened.
"""

from __future__ import annotations

import os
from pathlib import Path

from falsifiable.cli.common import write_named
from falsifiable.contracts.places import CONTRACTS_FOLDER

SCHEMA_FILE = "contract.schema.json"


def schema_beside_contracts(root: Path) -> tuple[Path, str]:
    """The schema in ``contracts/`` of the workspace ``root``, and a line that says so where it was not there before."""
    from falsifiable.cli.schema import schema_text

    path = root / CONTRACTS_FOLDER / SCHEMA_FILE
    if path.exists():
        return path, ""
    write_named(path, schema_text("contract"), "--write of contract schema")
    return path, f"wrote {path}, by which editors complete, explain and check contracts"


def modeline(contract: Path, schema: Path) -> str:
    """The line, ending in a line break, by which the file ``contract`` names ``schema``.

    Empty where there is no schema, or where the way to it holds a space, at which the line would end.
    """
    if not schema.exists():
        return ""
    way = Path(os.path.relpath(schema, contract.parent)).as_posix()
    return "" if any(map(str.isspace, way)) else f"# yaml-language-server: $schema={way}\n"
