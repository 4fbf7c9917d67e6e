"""The doors to the specimens: opened artifacts by kind, or all their files in a folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from falsifiable.samples.adapters import write_adapter_run, write_continued_run, write_text_rows
from falsifiable.samples.coder import write_coder
from falsifiable.samples.corrections import write_corrections
from falsifiable.samples.models import write_encoder
from falsifiable.samples.precisions import write_precisions
from falsifiable.samples.races import LAST_LINE, write_race
from falsifiable.samples.records import token_ids, write_run, write_second_run
from falsifiable.samples.weights import initial_weights, trained_weights

if TYPE_CHECKING:
    from falsifiable.artifacts import Command, Corpus, Curves, FileSet, Model, Race, Run, Table, Tokenizer
    from falsifiable.contracts.model import Kind

    Specimen = Model | Tokenizer | Run | Corpus | Command | Table | FileSet | Curves | Race

# Kind -> the variants there are, the one that "" stands for first. A command also takes the id of a falsifier.
VARIANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "model": (
            "trained",
            "init",
            "export",
            "safetensors",
            "encoder",
            "coder",
            "coder-checkpoint",
            "base",
            "adapter",
            "initial",
            "earlier",
            "twin",
            "continued",
            "bf16",
            "fp8e4m3",
            "fp8e5m2",
            "dlfloat",
            "gf16",
        ),
        "tokenizer": ("tokenizer", "embedded"),
        "run": ("run", "again", "gpu-run", "adapter-run", "continued-run"),
        "corpus": ("corpus", "conversations", "rows"),
        "command": ("refuses", "accepts", "evaluates-again"),
        "table": ("corrections", "schema", "problems"),
        "files": ("original", "mirror"),
        "curves": ("curves",),
        "race": ("race",),
    }
)
_PLACES = {
    "init": "run/pretrained",
    "trained": "run/finetuned",
    "export": "run/export/model.gguf",
    "safetensors": "run/finetuned/model.safetensors",
    "encoder": "encoder",
    "tokenizer": "run/finetuned/tokenizer.json",
    "run": "run",
    "again": "again",
    "corpus": "run/corpus/manifest.json",
    "conversations": "lane/corpus/manifest.json",
    "corrections": "lane/corrections.jsonl",
    "schema": "lane/corrections.schema.json",
    "original": "lane/checkpoint",
    "mirror": "lane/mirror",
    "coder": "coder/model.gguf",
    "coder-checkpoint": "coder/checkpoint",
    "problems": "coder/problems.jsonl",
    "adapter-run": "adapter",
    "continued-run": "continued",
    "base": "adapter/base",
    "adapter": "adapter/adapter",
    "initial": "adapter/initial",
    "earlier": "adapter/checkpoints/0000008",
    "continued": "continued/adapter",
    "twin": "adapter/twin",
    "rows": "adapter/corpus/manifest.json",
    "text-rows": "text-rows",
    "curves": "race/ledger.sqlite",
    "race": "race/ledger.sqlite",
    "bf16": "precisions/bf16.safetensors",
    "fp8e4m3": "precisions/fp8e4m3.safetensors",
    "fp8e5m2": "precisions/fp8e5m2.safetensors",
    "dlfloat": "precisions/dlfloat.safetensors",
    "gf16": "precisions/gf16.safetensors",
}
_GPU_MEMORY_BYTES = 1 << 29  # about what a process with a context and a small model takes
_DEFAULT_FALSIFIER = "FALSIFY-SPECIMEN-001"
_REFUSING = "import sys; sys.exit('{} refused: the specimen accepts nothing')"
_ACCEPTING = "import pathlib, sys; pathlib.Path(sys.argv[1], 'model.safetensors').write_text('made')"


def specimen(kind: Kind, *variants: str, cache: Path | None = None) -> Specimen:
    """The specimen of a kind, opened.

    Args:
        kind: a kind of artifact, such as ``model``, ``run`` or ``race``.
        variants: names to look for in ``VARIANTS[kind]``, such as the roles of a contract. The first that is there
            counts, else the kind's first variant. For a command, the id of a falsifier is a variant too: the specimen
            names it on stderr as it refuses.
        cache: a folder that processes share, in which specimens lie under the digest of the code that makes them.
            Without one, or where it cannot be written to, they lie in a temporary folder of this process, which is
            removed when the process ends in an orderly way (and not by ``os._exit``).

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in VARIANTS:
        raise ValueError(f"there is no specimen of kind {kind!r}; the kinds are {', '.join(VARIANTS)}")
    known = [one for one in variants if one in VARIANTS[kind] or (kind == "command" and one.startswith("FALSIFY-"))]
    return _opened(kind, (known or VARIANTS[kind])[0], _folder_in(cache))


def write_specimens(folder: Path) -> dict[str, Path]:
    """Write every specimen below ``folder``, unless they are there already, and return role -> path.

    The roles are ``init``, ``trained``, ``export``, ``safetensors``, ``encoder``, ``tokenizer``, ``run``, ``again`` (a
    second run of what ``run`` is), ``corpus``, ``conversations``, ``corrections``, ``schema``, ``original`` and
    ``mirror``; and of a window that trained an adapter, ``adapter-run`` and ``continued-run``, ``base``, ``adapter``,
    ``initial``, ``earlier``, ``twin``, ``continued``, ``rows``, and ``text-rows``, which its trainer refuses; and
    ``race`` and ``curves``, both the ledger of a race; and ``trained`` rounded to the formats ``bf16``, ``fp8e4m3``,
    ``fp8e5m2``, ``dlfloat`` and ``gf16`` (with a bias of 15).
    The bytes are the same on every machine. Two processes may write to one folder at once.
    """
    if not (folder / "run").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_all_at_once(folder)
    return {role: folder / place for role, place in _PLACES.items()}


def _write_all_at_once(folder: Path) -> None:
    """Write beside, sync and rename: whoever sees a specimen sees all of it; who comes second drops theirs."""
    beside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    try:
        write_run(beside / "run")
        write_encoder(beside / "encoder")
        write_coder(beside / "coder")
        write_corrections(beside / "lane")
        write_second_run(beside / "again", beside / "run")
        write_adapter_run(beside / "adapter")
        write_continued_run(beside / "continued", beside / "adapter")
        write_text_rows(beside / "text-rows")
        write_race(beside / "race")
        write_precisions(beside / "precisions", trained_weights(initial_weights(token_ids("pretrain"))))
        _sync(beside)
        for name in sorted((one.name for one in beside.iterdir()), key=lambda one: (one == "run", one)):
            # The run last: its presence says that all is there.
            try:
                (beside / name).rename(folder / name)
            except OSError:
                if not (folder / name).exists():
                    raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have every file below ``folder`` on the disk before its presence says so: a power cut could leave it empty."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


@functools.cache
def _opened(kind: Kind, variant: str, folder: Path) -> Specimen:
    paths = write_specimens(folder)
    open_it: Mapping[str, Callable[[], Specimen]] = {
        "model": lambda: _open_model(paths[variant]),
        "tokenizer": lambda: _open_tokenizer(variant, paths),
        "run": lambda: _open_run(variant, paths),
        "corpus": lambda: _open_corpus(paths[variant]),
        "command": lambda: _command(variant, folder),
        "table": lambda: _open_table(paths[variant]),
        "files": lambda: _open_files(paths[variant]),
        "curves": lambda: _open_curves(paths[variant]),
        "race": lambda: _open_race(paths[variant]),
    }
    return open_it[kind]()


def _open_model(path: Path) -> Model:
    from falsifiable.artifacts import open_model

    return open_model(path)


def _open_tokenizer(variant: str, paths: Mapping[str, Path]) -> Tokenizer:
    from falsifiable.artifacts import open_tokenizer

    if variant == "tokenizer":
        return open_tokenizer(paths["tokenizer"])
    embedded = _open_model(paths["export"]).tokenizer
    if embedded is None:
        raise ValueError(f"{paths['export']}: the specimen has lost its tokenizer")
    return embedded


def _open_run(variant: str, paths: Mapping[str, Path]) -> Run:
    from falsifiable.artifacts import open_run

    if variant in paths:
        return open_run(paths[variant])
    device = {"requested": "cuda", "actual": "cuda", "memory_bytes": _GPU_MEMORY_BYTES}
    return open_run(paths["run"]).with_field("device", device).with_field("environment.cuda", "specimen GPU")


def _open_corpus(path: Path) -> Corpus:
    from falsifiable.artifacts import open_corpus

    return open_corpus(path)


def _open_table(path: Path) -> Table:
    from falsifiable.artifacts import open_table

    return open_table(path)


def _open_files(path: Path) -> FileSet:
    from falsifiable.artifacts import open_files

    return open_files(path)


def _open_curves(path: Path) -> Curves:
    from falsifiable.artifacts import open_curves

    return open_curves(path)


def _open_race(path: Path) -> Race:
    from falsifiable.artifacts import open_race

    return open_race(path)


def _command(variant: str, folder: Path) -> Command:
    from falsifiable.artifacts import Command

    if variant == "accepts":
        return Command(("python", "-c", _ACCEPTING, "{output}"), folder=folder)
    if variant == "evaluates-again":
        return Command(("python", "-c", f"print('{LAST_LINE}')"), folder=folder)
    names = _DEFAULT_FALSIFIER if variant == "refuses" else variant
    return Command(("python", "-c", _REFUSING.format(names), "{output}"), folder=folder)


@functools.cache
def _folder_in(cache: Path | None) -> Path:
    if cache is not None:
        folder = cache / digest_of_makers()[:16]
        with contextlib.suppress(OSError):
            write_specimens(folder)
            return folder
    return _process_folder().path


def digest_of_makers() -> str:
    """sha256 over the modules of this package: specimens made by other code are other specimens."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


class _ProcessFolder:
    """A temporary folder that the process which made it removes, and no process that was forked from it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="falsifiable-specimens-"))
        weakref.finalize(self, _remove_if_ours, self.path, os.getpid())


def _remove_if_ours(path: Path, maker: int) -> None:
    if os.getpid() == maker:
        shutil.rmtree(path, ignore_errors=True)


@functools.cache
def _process_folder() -> _ProcessFolder:
    return _ProcessFolder()
