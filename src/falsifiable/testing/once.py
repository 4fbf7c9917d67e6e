"""What is worked out once for all processes of a test run: the first that needs it does it, the others wait.

The processes of pytest-xdist share a folder for it. A worker that dies at it leaves nothing behind, and the next one
does it; without a folder (one process, or workers on other machines) each does it for itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falsifiable.evidence import write_atomically
from falsifiable.evidence.lock import exclusive


def worked_out_once(shared: Path | None, name: str, work_out: Callable[[], Any]) -> Any:
    """What ``work_out`` returns (JSON data), from whichever process asked for ``name`` first.

    Args:
        shared: the folder of the test run, or None.
        name: says completely what is asked, so that processes that ask the same share one answer.
        work_out: takes as long as it takes; what it raises is passed on, and the next process tries again.
    """
    if shared is None or not shared.is_dir():
        return work_out()
    kept = shared / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
    with exclusive(shared):
        if kept.is_file():
            return json.loads(kept.read_text(encoding="utf-8"))
        found = work_out()
        write_atomically(kept, json.dumps(found).encode())
        return found
