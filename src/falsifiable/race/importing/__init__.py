"""Somebody else's ledger, checked row by row before a number in it is believed."""
