"""Contracts in the ``pv`` dialect: read unmodified, judged as ``pv`` judges them, and for what it misses.

The dialect is that of paiml/provable-contracts: ``metadata``, ``equations``, ``proof_obligations``,
``falsification_tests``, ``kani_harnesses`` and ``qa_gate`` at the top of a file.
"""
