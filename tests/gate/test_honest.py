"""Changes that anybody may make: the gate lets them through, and says what it has to say."""

from __future__ import annotations


def test_nothing_changed(vault):
    code, decision = vault.gate()
    assert (code, decision["decision"], decision["blocks"]) == (0, "passed", []), decision
