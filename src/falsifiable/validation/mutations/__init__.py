"""Generic mutations: faults that anyone could make in any kind of artifact.

A falsifier's own counterexamples prove that it can fail. These prove more: they were written without it in mind, so
that what survives them is what no claim guards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from falsifiable.contracts.model import Kind
from falsifiable.validation.mutations.adapters import ADAPTER_MUTATIONS
from falsifiable.validation.mutations.configurations import CONFIGURATION_MUTATIONS
from falsifiable.validation.mutations.curve_sets import CURVE_MUTATIONS
from falsifiable.validation.mutations.file_sets import FILES_MUTATIONS
from falsifiable.validation.mutations.manifests import CORPUS_MUTATIONS
from falsifiable.validation.mutations.mutation import Mutation, control, mutant_of
from falsifiable.validation.mutations.races import RACE_MUTATIONS
from falsifiable.validation.mutations.records import RUN_MUTATIONS
from falsifiable.validation.mutations.tables import TABLE_MUTATIONS
from falsifiable.validation.mutations.vocabularies import CARRIED_TOKENIZER_MUTATIONS, TOKENIZER_MUTATIONS
from falsifiable.validation.mutations.weights import WEIGHT_MUTATIONS

MUTATIONS: Mapping[Kind, Mapping[str, Mutation]] = {
    "model": {
        one.name: one
        for one in (
            *CONFIGURATION_MUTATIONS, *CARRIED_TOKENIZER_MUTATIONS, *WEIGHT_MUTATIONS, *ADAPTER_MUTATIONS,
            control("model"),
        )
    },
    "tokenizer": {one.name: one for one in TOKENIZER_MUTATIONS},
    "run": {one.name: one for one in RUN_MUTATIONS},
    "corpus": {one.name: one for one in CORPUS_MUTATIONS},
    "table": {one.name: one for one in TABLE_MUTATIONS},
    "files": {one.name: one for one in FILES_MUTATIONS},
    "curves": {one.name: one for one in CURVE_MUTATIONS},
    "race": {one.name: one for one in RACE_MUTATIONS},
    "command": {},
}  # fmt: skip
"""Kind of artifact -> name -> mutation. A command is no artifact in memory: nothing of it is mutated."""


@cache
def digest_of_mutators() -> str:
    """sha256 over the modules of this package: mutants made by other code are other mutants."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


__all__ = ["MUTATIONS", "Mutation", "digest_of_mutators", "mutant_of"]
