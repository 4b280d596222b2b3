"""The jobs of the study on one task, one module a kind of file; rules fingerprint them by it."""
