"""Paths that stand inside files: they may point to their own folder and no further."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from falsifiable.artifacts.errors import ArtifactError

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")


def confined_path(folder: Path, relative: object, document: Path, where: str) -> Path:
    """``folder / relative``, which must be a relative path that stays inside ``folder``, symbolic links included.

    Args:
        folder: the folder that paths of ``document`` are relative to.
        relative: what stands in the document; anything but a text is refused.
        document: the file that names the path, for the message.
        where: the key under which it stands, for the message.

    Raises:
        ArtifactError: of kind ``unsound``; nothing has been opened then.
    """
    expected = "a relative path inside the folder, with / between names"
    if not isinstance(relative, str):
        raise ArtifactError(document, f"{where} is {relative!r}", expected=expected, kind="unsound")
    if _may_leave(relative) or not (folder / relative).resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(
            document, f"{where} is {relative!r}, which may lie outside the folder", expected=expected, kind="unsound"
        )
    return folder / relative


def _may_leave(relative: str) -> bool:
    path = PurePosixPath(relative)
    return (
        not relative
        or "\0" in relative
        or "\\" in relative
        or relative.startswith("~")
        or _WINDOWS_DRIVE.match(relative) is not None
        or path.is_absolute()
        or ".." in path.parts
    )
