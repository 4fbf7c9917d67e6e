"""The specimens, which every test of a falsifier begins from."""

from __future__ import annotations

from typing import Any

import pytest

from falsifiable.samples import VARIANTS, specimen


@pytest.fixture(scope="session")
def specimens() -> dict[str, Any]:
    """The specimens by role: init, trained, export, encoder, tokenizer, run, corpus."""
    models = {name: specimen("model", name) for name in VARIANTS["model"]}
    return {**models, **{kind: specimen(kind) for kind in ("tokenizer", "run", "corpus")}}
