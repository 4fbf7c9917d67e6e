"""Mutations of folders of files: what is missing, and what is too many.

No digest and no size of a file is mutated: only a comparison with a copy could notice, and those are left out of the
score.
"""

from __future__ import annotations

import hashlib
from random import Random

from falsifiable.artifacts import FileSet
from falsifiable.validation.mutations.mutation import Mutation, control, one_of

_OTHER_BYTES = hashlib.sha256(b"other bytes").hexdigest()


def _file(files: FileSet, random: Random) -> str:
    return one_of(random, files.sizes, "file in the folder")


def _missing(files: FileSet, random: Random) -> FileSet:
    return files.without_file(_file(files, random))


def _extra(files: FileSet, _: Random) -> FileSet:
    return files.with_file("left-over.bin", 16, _OTHER_BYTES)


_WHOLE = "The folder holds the files that were written, and no others"

FILES_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("file-missing", "files", "a file left out", _WHOLE, _missing),
    Mutation("file-extra", "files", "a file that nobody wrote", _WHOLE, _extra),
    control("files"),
)
