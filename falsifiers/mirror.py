"""A mirror is the original: the same files, of the same sizes, with the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable import FileSet, NotApplicable, Verdict, falsifier

_NAMED = 5


@falsifier("mirror.is-the-original", compares_copies=True)
def is_the_original(original: FileSet, mirror: FileSet) -> Verdict:
    """Both folders hold the same files with the same sizes and sha256; a copy that broke off is found and named."""
    faults = list(_faults(original, mirror))
    more = f", and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return Verdict.of(
        not faults,
        found="; ".join(faults[:_NAMED])
        + f"{more}. Copy again from {original.path.name}, and compare before it is used",
        examined=(len(original.sizes), "files"),
        differing_files=len(faults),
        size=(sum(original.sizes.values()), "bytes"),
    )


def _faults(original: FileSet, mirror: FileSet) -> Iterator[str]:
    for name, size in original.sizes.items():
        found = mirror.sizes.get(name)
        if found is None:
            yield f"{name} is not in the mirror"
        elif found < size:
            yield f"{name} has {found} of {size} bytes in the mirror: the copy broke off"
        elif found > size:
            yield f"{name} has {found} bytes in the mirror and {size} in the original: it is another file"
        elif mirror.file_digests[name] != original.file_digests[name]:
            here, there = original.file_digests[name][:12], mirror.file_digests[name][:12]
            yield f"{name} has sha256 {there} in the mirror and {here} in the original, both of {size} bytes"
    yield from (f"{name} is in the mirror alone" for name in mirror.sizes if name not in original.sizes)


@is_the_original.counterexample
def a_file_not_copied(original: FileSet, mirror: FileSet) -> tuple[FileSet, FileSet]:
    """A mirror that lacks the last file."""
    return original, mirror.without_file(_some_file(mirror))


@is_the_original.counterexample
def a_copy_that_broke_off(original: FileSet, mirror: FileSet) -> tuple[FileSet, FileSet]:
    """A mirror whose last file is a byte short."""
    name = _some_file(mirror)
    return original, mirror.with_file(name, original.sizes[name] - 1, "0" * 64)


@is_the_original.counterexample
def other_bytes_of_the_same_size(original: FileSet, mirror: FileSet) -> tuple[FileSet, FileSet]:
    """A mirror that is of an earlier save."""
    name = _some_file(mirror)
    return original, mirror.with_file(name, original.sizes[name], "0" * 64)


@is_the_original.counterexample
def a_file_too_many(original: FileSet, mirror: FileSet) -> tuple[FileSet, FileSet]:
    """A mirror that two runs were copied into."""
    return original, mirror.with_file("left-over-of-another-run", 1, "0" * 64)


def _some_file(files: FileSet) -> str:
    """The last file that holds anything."""
    name = next((name for name, size in reversed(list(files.sizes.items())) if size), None)
    if name is None:
        raise NotApplicable("the folder holds nothing but empty files")
    return name
