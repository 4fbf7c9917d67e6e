"""What a race has shown: gates by quorum, phases and their expected gains, number formats."""
