"""What the fork server may do before it forks: import, and nothing that would keep its workers from using a GPU."""

from __future__ import annotations

import subprocess
import sys

import pytest

from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.fork_server import LOADED_LATE

WATCHED = """
import importlib, sys
import torch
asked = []
for name in ("is_available", "device_count", "current_device", "_lazy_init"):
    setattr(torch.cuda, name, lambda *_, name=name: asked.append(name) or 0)
for module in sys.argv[1:]:
    importlib.import_module(module)
assert not torch.cuda.is_initialized()
print(" ".join(asked))
"""


def test_no_library_that_a_falsifier_names_asks_for_a_gpu_while_it_is_imported() -> None:
    pytest.importorskip("torch")
    named = {module for one in load_catalogue().signatures.values() for module in one.imports}
    late = {part for parts in LOADED_LATE.values() for part in parts}
    modules = sorted((named | late) - {"torch"})
    assert "transformers" in modules
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *modules], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.split() == []
