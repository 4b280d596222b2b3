"""Speed, memory and parity, each a command: `python -m benchmarks.NAME --help`."""
