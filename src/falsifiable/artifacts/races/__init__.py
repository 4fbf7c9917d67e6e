"""Races: the ledger that a race of many runs leaves behind, read without trusting it."""
