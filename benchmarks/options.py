"""Command lines of benchmarks."""

from __future__ import annotations

import argparse


def new_parser(text: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins with this text, the docstring of a benchmark, as it is."""
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
