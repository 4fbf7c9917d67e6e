"""Write the run record while training: what was asked for, what actually happened, and what came out of it.

``RunRecorder`` is a context manager around a training script. It writes ``run.yaml``, ``metrics.jsonl`` and
``step_zero.json`` into the run folder, which ``falsifiable.open_run`` reads back.
"""

from falsifiable.recorder.digests import digest_of, size_of
from falsifiable.recorder.environment import library_version
from falsifiable.recorder.record import METRICS, RECORD, STEP_ZERO, EndReason, RunRecorder

__all__ = [
    "METRICS",
    "RECORD",
    "STEP_ZERO",
    "EndReason",
    "RunRecorder",
    "digest_of",
    "library_version",
    "size_of",
]
