"""Worked examples: a reference run made here, and real models made by others."""
