"""Where bytes come from: files here and elsewhere, opened once, and what all readers of them share."""
