"""Write the run record while training: what was asked for, what actually happened, and what came out of it.

``RunRecorder`` is a context manager around a training script, ``TrainerRecorder`` a callback that tells it what the
Hugging Face Trainer does. The run folder gets ``run.yaml``, ``metrics.jsonl`` and ``step_zero.json``, which
``falsifiable.open_run`` reads back.
"""

from typing import TYPE_CHECKING, Any

from falsifiable.recorder.checkpoints import ProvablyBroken
from falsifiable.recorder.digests import digest_of, size_of
from falsifiable.recorder.environment import library_version
from falsifiable.recorder.record import METRICS, RECORD, STEP_ZERO, DataKind, EndReason, RunRecorder, leftovers

if TYPE_CHECKING:
    from falsifiable.recorder.trainer import TrainerRecorder

__all__ = [
    "METRICS",
    "RECORD",
    "STEP_ZERO",
    "DataKind",
    "EndReason",
    "ProvablyBroken",
    "RunRecorder",
    "TrainerRecorder",
    "digest_of",
    "leftovers",
    "library_version",
    "size_of",
]


def __getattr__(name: str) -> Any:
    """``TrainerRecorder`` on first use: it needs transformers, and nothing else here does."""
    if name == "TrainerRecorder":
        from falsifiable.recorder.trainer import TrainerRecorder

        return TrainerRecorder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
