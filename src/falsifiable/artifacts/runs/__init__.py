"""What a training run left behind: our own records, and the logs of other trainers."""
