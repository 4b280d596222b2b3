"""Measurements of speed, memory, accuracy and robustness.

`docs/contributing/tests.md` lists the commands: `python -m benchmarks.NAME --help`. The other modules are what they share.
"""
