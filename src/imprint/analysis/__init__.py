"""Scores in, conclusions out: frames, selections, ranks, tests, summary sentences."""
