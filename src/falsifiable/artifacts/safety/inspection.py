"""Whether a file or folder is safe to hand to programs that load it: told by content, whatever the names say.

Nothing is loaded, rendered or executed. The verdict is ``dangerous`` if loading would call something that runs
commands or code; ``suspicious`` for what is not known to be harmless, or cannot be looked into; else ``safe``, which
says that none of what is looked for was found.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.gguf.reader import read_gguf
from falsifiable.artifacts.formats.pytorch.zip_reader import END, LOCAL
from falsifiable.artifacts.formats.safetensors import is_safetensors, read_safetensors
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.safety.archives import keras_findings, loose_findings, packed_findings
from falsifiable.artifacts.safety.findings import Finding, SafetyReport, Verdict, severity, worst
from falsifiable.artifacts.safety.pickles import file_pickle_findings, starts_as_pickle
from falsifiable.artifacts.safety.texts import configuration_findings, template_findings
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.folders import boundary_of
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.sources.remote_path import RemotePath

__all__ = ["Finding", "SafetyReport", "Verdict", "inspect_safety"]

_START_BYTES = 512
_END_RECORD_BYTES = 22
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"\xfd7zXZ\0": "an xz file", b"BZh": "a bzip2 file",
    b"Rar!": "a RAR archive", b"\x28\xb5\x2f\xfd": "a zstd file", b"\x04\x22M\x18": "an LZ4 file",
    b"\x5d\0\0\x80\0": "an LZMA file",
}  # fmt: skip
_CODE_SUFFIXES = (".py", ".pyc", ".so", ".dll", ".pyd")


def inspect_safety(path: Path, limits: Limits = DEFAULT_LIMITS) -> SafetyReport:
    """Look at a file, or at every file of a folder, and report what loading them could do.

    Only starts, headers, pickles and texts are read, no tensor data. Never raises: what cannot be read is a finding.
    """
    if isinstance(path, RemotePath):
        found = [_not_looked(path.name, "it lies elsewhere", "only its headers are read; fetch it to look into it")]
        return SafetyReport(path, worst(found), tuple(found), 0)
    files = list(islice(_files(path, limits), limits.safety_files + 1)) if _is_folder(path) else [path]
    looked_at = files[: limits.safety_files]
    many = replace(
        limits, pickle_opcodes=max(limits.safety_pickle_opcodes, limits.pickle_opcodes // max(1, len(files)))
    )
    found = list(chain.from_iterable(_safely(path, one, many) for one in looked_at))
    if len(files) > len(looked_at):
        found.append(_not_looked(path.name, f"more than {limits.safety_files} files", "the others are not known"))
    found.sort(key=severity, reverse=True)
    shown = found[: limits.safety_findings]
    if len(found) > len(shown):
        last = f"and {len(found) - len(shown)} more findings"
        shown.append(Finding("not-looked-into", worst(found[len(shown) :]), path.name, None, last, "none is worse"))
    return SafetyReport(path, worst(found), tuple(shown), len(looked_at))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, a folder that may not be searched
        return False


def _files(folder: Path, limits: Limits, level: int = 0) -> Iterator[Path]:
    """Files of a folder and the links in it; folders behind links are not followed. One that cannot be listed is told
    when it is read as a file."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in ordered:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".git" and level < limits.safety_folder_levels:
                yield from _files(path, limits, level + 1)
        else:
            yield path


def _safely(root: Path, path: Path, limits: Limits) -> Iterable[Finding]:
    """All findings of one file; one that cannot be read is a finding itself."""
    file = path.relative_to(root).as_posix() if path != root else path.name
    found: list[Finding] = []
    try:
        if path != root and path.is_symlink():
            found += _link_findings(root, path, file)
            if found or path.is_dir():
                return found
        found.extend(_file_findings(path, file, limits))
    except (ArtifactError, OSError) as fault:
        message = fault.message if isinstance(fault, ArtifactError) else str(fault.strerror)
        found.append(_not_looked(file, message, "what it holds is not known"))
    return found


def _link_findings(root: Path, path: Path, file: str) -> Iterator[Finding]:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, up to Python 3.12
        yield _not_looked(file, "a loop of symbolic links", "it leads nowhere")
        return
    if not target.is_relative_to(boundary_of(root)):
        yield Finding(
            "symbolic-link", "suspicious", file, None, f"a symbolic link to {str(target)[:200]}",
            "it leads out of the folder, to files that were not shipped with it",
        )  # fmt: skip


def _file_findings(path: Path, file: str, limits: Limits) -> Iterator[Finding]:
    source = SourceFile(path)
    start = source.read(0, min(source.size, _START_BYTES))
    if path.suffix in _CODE_SUFFIXES:
        yield Finding("custom-code", "suspicious", file, None, f"a {path.suffix} file", "code that loaders may run")
    packed = packed_findings(source, start, file, limits)
    if start.startswith(LOCAL):
        yield from packed or ()
        return
    yield from _appended_zip(source, file, limits)
    surely = starts_as_pickle(start) and not is_safetensors(source)
    yield from file_pickle_findings(source, file, limits, surely=surely)  # any file may be one, whatever else it is
    if packed is not None:
        yield from packed
    elif start.startswith(b"\x89HDF"):
        yield from _keras(source, file, limits)
    elif not surely:
        yield from _plain_findings(source, start, file, limits)


def _plain_findings(source: SourceFile, start: bytes, file: str, limits: Limits) -> Iterator[Finding]:
    closed = next((name for magic, name in _CLOSED.items() if start.startswith(magic)), None)
    if closed is not None:
        yield _not_looked(file, closed, "it cannot be looked into, and some programs unpack it before loading")
    elif start.startswith(b"GGUF"):
        yield from _gguf(source, file, limits)
    elif start[8:9] == b"{":
        yield from _safetensors(source, file, limits)
    elif start[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        yield Finding("hidden-content", "suspicious", file, 0, "a web page", "something else was meant to be here")
    elif source.path.name.endswith(("config.json", "chat_template.json")) and start.lstrip()[:1] == b"{":
        yield from _configuration(source, file, limits)
    elif source.path.suffix in (".jinja", ".jinja2"):
        text = source.read(0, min(source.size, limits.chat_template_bytes)).decode("utf-8", "replace")
        yield from template_findings(text, file)


def _appended_zip(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    """An archive at the end of another file: loaders that look there see another file than this one."""
    tail_start = max(0, source.size - limits.safety_tail_bytes)
    tail = source.read(tail_start, source.size - tail_start)
    place = tail.rfind(END)
    while place >= 0:
        record = tail[place : place + _END_RECORD_BYTES]
        comment = int.from_bytes(record[20:22], "little")
        members, size = int.from_bytes(record[10:12], "little"), int.from_bytes(record[12:16], "little")
        fits = tail_start + place + _END_RECORD_BYTES + comment <= source.size and members and size < source.size
        if len(record) == _END_RECORD_BYTES and fits:
            yield Finding(
                "hidden-content", "suspicious", file, tail_start + place, "a zip archive behind other content",
                "programs that look for archives at the end of a file see another file than this one",
            )  # fmt: skip
            yield from loose_findings(source, file, limits)
            return
        place = tail.rfind(END, 0, place)


def _gguf(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    try:
        metadata = read_gguf(source, limits).metadata
    except ArtifactError as fault:
        yield from _trailing(fault, file)
        return
    for key, value in metadata.items():
        if key.startswith("tokenizer.chat_template") and isinstance(value, str):
            yield from template_findings(value, file)


def _safetensors(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    try:
        read_safetensors(source, limits)
    except ArtifactError as fault:
        yield from _trailing(fault, file)


def _trailing(fault: ArtifactError, file: str) -> Iterator[Finding]:
    if fault.expected == "the end of the file":
        yield Finding(
            "hidden-content", "suspicious", file, fault.offset, fault.message, "no reader of the format sees it"
        )


def _configuration(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    if source.size > limits.json_bytes:
        yield _not_looked(file, f"a configuration of {source.size} bytes", "it is larger than any")
        return
    fields = read_json(source.read(0, source.size), source.path, limits=limits)
    if isinstance(fields, dict):
        yield from configuration_findings(fields, file)


def _keras(source: SourceFile, file: str, limits: Limits) -> Iterator[Finding]:
    yield from keras_findings(source.read(0, min(source.size, limits.pickle_bytes)), file)


def _not_looked(file: str, what: str, why: str) -> Finding:
    return Finding("not-looked-into", "suspicious", file, None, what, why)
