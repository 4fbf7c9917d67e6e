"""The gate's rules: pure functions of what two commits say, each giving its reasons to refuse."""
