from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.builders import a_repository, commit_all

SPEC = """# The ship

Written by people.

<!-- contract:version -->
<!-- /contract:version -->

<!-- contract:scoreboard -->
<!-- /contract:scoreboard -->

<!-- contract:missing -->
<!-- /contract:missing -->
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A committed workspace with one contract and a spec whose regions were never written."""
    a_repository(tmp_path)
    (tmp_path / "spec" / "ship").mkdir(parents=True)
    (tmp_path / "spec" / "ship" / "spec.md").write_text(SPEC)
    commit_all(tmp_path, "specify")
    return tmp_path
