"""Tables and bars as benchmarks print them."""

from __future__ import annotations


def print_header(names: list[str]) -> None:
    print_row(names)
    print_row(["---"] * len(names))


def print_row(values: list[str]) -> None:
    print(f"| {' | '.join(values)} |", flush=True)


def print_bar(reached: bool, text: str) -> None:
    print(f"- {'ok' if reached else 'MISSED'}: {text}", flush=True)
