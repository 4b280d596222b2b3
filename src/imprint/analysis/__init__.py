"""Analysis of scores: frames, selections, ranks, tests and summary sentences."""
