"""What happened, kept so that it cannot be rewritten: names, claims, samples, decisions."""
