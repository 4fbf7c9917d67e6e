"""Many runs at once: predict early, stop losers, promote leaders, judge by quorum."""
