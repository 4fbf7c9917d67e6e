"""Ways to cheat the gate: each is a change to commit, and the reason for which it must be refused.

Read from top to bottom the modules are a list of what the gate is for. What is new here was found by trying.
"""

from tests.gate.cheats import claims, evidence, history, own_job, points, signatures, typed
from tests.gate.cheats.register import CHEATS

__all__ = ["CHEATS", "claims", "evidence", "history", "own_job", "points", "signatures", "typed"]
