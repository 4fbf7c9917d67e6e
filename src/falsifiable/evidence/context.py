"""Where and with what code a judgement was made: commit, trees, environment. No host name, no user name, no clock."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from falsifiable.evidence.git import Repository

NAMED_LIBRARIES = ("falsifiable", "numpy", "torch", "transformers", "tokenizers", "safetensors", "gguf", "hypothesis")
"""The libraries whose versions a statement names where they are installed: what verdicts are computed with."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a verdict was computed with: Python, operating system and processor kind, library versions."""

    python: str
    platform: str
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What a statement says about the judging side.

    ``commit`` is None where the judging code stands in no commit; ``trees`` maps the judging trees that exist (``src``,
    ``falsifiers``, ``contracts``) to their git ids; ``dirty`` means uncommitted changes in them. ``semantics`` is the
    number under which readers and SDK give the same bytes the same meaning.
    """

    commit: str | None
    trees: Mapping[str, str]
    dirty: bool
    environment: Environment
    semantics: int

    def marked(self, commit: str) -> str:
        """The commit, as it is written somewhere, with a word on changes that were not in it."""
        return f"{commit} with uncommitted changes" if self.dirty else commit


def context_of(repository: Repository, *, semantics: int, environment: Environment | None = None) -> Context:
    """The context of a judgement made now in the workspace that ``repository`` belongs to."""
    return Context(
        commit=repository.head,
        trees=repository.trees,
        dirty=repository.dirty,
        environment=environment or describe_environment(),
        semantics=semantics,
    )


def describe_environment(libraries: Iterable[str] = NAMED_LIBRARIES) -> Environment:
    """This machine's environment as far as it bears on a verdict; nothing is imported to find out."""
    versions = {name: found for name in libraries if (found := _installed(name))}
    return Environment(platform.python_version(), f"{platform.system()} {platform.machine()}", versions)


def _installed(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
