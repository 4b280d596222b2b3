"""Figures and tables as the report shows them, read from their files."""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imprint.analysis.natural_order import natural
from imprint.report.drawing.saving import EMPTY

PIXELS = 1.6  # pixels of a PNG for each pixel of the page
LONGEST = 30  # most characters of a cell on one line


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes
    ----------
    source : str
        The PNG as a data URL.
    width, height : int
        Pixels on the page.
    empty : str or None
        The reason why it shows nothing, if so.
    """

    source: str
    width: int
    height: int
    empty: str | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Its heading.
    kind : str
        `number`, where all cells are numbers or empty, `long` (texts that take several lines) or `text`.
    cells : list of str
        Its cells.
    order : list of int
        The rank of each cell when the table is sorted by it: numbers by value, texts whatever their case, and empty ones last.
    """

    name: str
    kind: str
    cells: list[str]
    order: list[int]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    columns : list of Column
        The leading columns first; empty columns are left out.
    rows : int
        Number of rows.
    notes : list of str
        Notes below the table; for a table without rows, the reason.
    """

    columns: list[Column]
    rows: int
    notes: list[str]


def read_picture(path: str | Path) -> Picture:
    """Read a PNG that `imprint.report.drawing.saving` wrote."""
    from PIL import Image

    with Image.open(path) as image:
        width, height = (round(pixels / PIXELS) for pixels in image.size)
        empty = image.info.get(EMPTY)
    return Picture(embedded(path, "image/png"), width, height, empty)


def embedded(path: str | Path, kind: str) -> str:
    """A file as a data URL."""
    return f"data:{kind};base64,{b64encode(Path(path).read_bytes()).decode()}"


def read_table(path: str | Path, leading: Sequence[str] = ()) -> Grid:
    """Read a CSV that `imprint.report.tables.writing` wrote; its column `note` becomes notes.

    Parameters
    ----------
    path : path
        The CSV.
    leading : sequence of str
        Columns to show first.

    Notes
    -----
    A column with the same value in all rows, if there are several and the column does not lead, becomes a note.
    """
    with open(path, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    notes = [line.pop("note") for line in lines if line.get("note")]
    rows = [line for line in lines if any(line.values())]
    names = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    names.sort(key=lambda name: leading.index(name) if name in leading else len(leading))
    columns = [_column(name, [row[name] for row in rows]) for name in names]
    constant = [column for column in columns if _is_constant(column, leading)]
    if constant and len(constant) < len(columns):
        columns = [column for column in columns if column not in constant]
        same = "; ".join(f"{column.name}: {column.cells[0]}" for column in constant)
        notes.insert(0, f"The same in all rows: {same}.")
    return Grid(columns, len(rows), notes)


def _is_constant(column: Column, leading: Sequence[str]) -> bool:
    return len(column.cells) > 1 and len(set(column.cells)) == 1 and column.name not in leading


def _column(name: str, cells: list[str]) -> Column:
    if all(map(_is_number, filter(None, cells))):
        kind = "number"
    else:
        kind = "long" if max(map(len, cells)) > LONGEST else "text"

    def key(cell: str) -> tuple[bool, float | list[tuple[int, str]]]:
        return not cell, natural(cell.casefold()) if kind != "number" else float(cell or 0)

    ranks = {cell: rank for rank, cell in enumerate(sorted(set(cells), key=key))}
    return Column(name, kind, cells, [ranks[cell] for cell in cells])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Item:
    """A figure or table with its caption.

    Attributes
    ----------
    anchor, title : str
        Its id on the page, and its heading.
    caption : str
        What it shows and how to read it, as HTML.
    files : dict of str to str
        Addresses of its files, by format.
    picture : Picture or None
        The picture of a figure.
    table : Grid or None
        The cells of a table.
    """

    anchor: str
    title: str
    caption: str
    files: dict[str, str]
    picture: Picture | None = None
    table: Grid | None = None

    @property
    def empty(self) -> str | None:
        """The reason why there is nothing to show, or None."""
        if self.picture is not None:
            return self.picture.empty
        assert self.table is not None
        return None if self.table.rows else " ".join(self.table.notes) or "It has no rows."


@dataclass(frozen=True)
class Section:
    """An experiment.

    Attributes
    ----------
    anchor, title : str
        Its id on the page, and its heading.
    about : str or None
        The question of the experiment.
    items : list of Item
        Its figures and tables.
    """

    anchor: str
    title: str
    about: str | None
    items: list[Item]
