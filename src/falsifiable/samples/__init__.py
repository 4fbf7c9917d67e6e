"""Specimens: a small, deterministic artifact of every kind, coherent with each other, to try falsifiers on.

They are what counterexamples and algorithm-level verdicts run on where nothing is bound, so that a check can be proven
able to fail on any machine. Nothing is downloaded and nothing but numpy is needed to make them.
"""

from __future__ import annotations

from falsifiable.samples.formats import write_gguf, write_safetensors
from falsifiable.samples.specimens import VARIANTS, digest_of_makers, specimen, write_specimens

__all__ = ["VARIANTS", "digest_of_makers", "specimen", "write_gguf", "write_safetensors", "write_specimens"]
