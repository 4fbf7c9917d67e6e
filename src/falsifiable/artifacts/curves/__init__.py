"""Loss curves: what many runs logged, in one tidy form."""
