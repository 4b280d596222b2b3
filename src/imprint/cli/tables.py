"""Print tables and paragraphs, formatted for a terminal and plain elsewhere."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, left: Collection[str] = ()
) -> None:
    """Print rows below column headings.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of sequences
        Cells, printed with `str`.
    left : collection of str
        Left-aligned columns; the others are right-aligned.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in [list(columns), *cells]:
            aligned = [
                cell.ljust(width) if column in left else cell.rjust(width)
                for column, cell, width in zip(columns, row, widths, strict=True)
            ]
            print("  ".join(aligned).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for column in columns:
        if column in left:
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, justify="right", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(table)


def note(text: str) -> None:
    """Print a remark to stderr, apart from the results."""
    print(f"note: {text}", file=sys.stderr)


def print_text(text: str) -> None:
    """Print a paragraph, wrapped between words on a terminal, as one line elsewhere."""
    if sys.stdout.isatty():
        text = textwrap.fill(
            text,
            shutil.get_terminal_size().columns,
            break_long_words=False,
            break_on_hyphens=False,
        )
    print(text)
