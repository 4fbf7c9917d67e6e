"""Contracts as tests of pytest: collection, judging once for all processes, and how a verdict reads.

The plugin that pytest loads is ``pytest_falsifiable``; it imports this room when contracts are asked for.
"""
