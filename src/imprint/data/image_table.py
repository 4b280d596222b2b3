"""Datasets of the user's own images: a table of paths and labels, CSV or Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.data.divided import UserSource, numbers_of, require_trained
from imprint.data.image_files import FileSource, Row, divided
from imprint.data.registry import source
from imprint.errors import UserError
from imprint.formatting import LISTED, count, label_text, listed

PARQUET = ".parquet"


@source("csv")
@dataclass(frozen=True)
class ImageTable(UserSource, FileSource):
    """A CSV or Parquet table at `path` with the columns path, label and, if it has a test split, split (train, test).

    Paths are relative to the table's folder. Classes are in the order of their names; if all names are integers, in
    numeric order.
    """

    def top(self) -> Path:
        """The table's folder."""
        return Path(self.path).parent

    def named(self) -> str:
        """The table in messages."""
        return self.path

    def class_names(self) -> Sequence[str] | None:
        """The different labels; see `Source.class_names`."""
        labels = [row.get("label") for _, row in read_table(self.path)[1]]
        return numbers_of(np.array(labels))[1] if labels and all(labels) else None

    def rows(self) -> tuple[list[Row], Sequence[str]]:
        """One row per image, in the order of the table; see `FileSource.rows`."""
        columns, table = self.checked()
        paths = [row["path"] for row in table]
        labels = [row["label"] for row in table]
        _, names = numbers_of(np.array(labels))
        if "split" not in columns:
            return divided(paths, labels, self.test_fraction, self.seed), names
        rows = [(row["path"], row["label"], row["split"]) for row in table]
        trained = {label for _, label, split in rows if split == "train"}
        untrained = sorted({label for _, label, _ in rows} - trained)
        require_trained(f"dataset table {self.path}", untrained)
        return rows, names

    def checked(
        self, needed: Sequence[str] = ("path", "label"), *, labelled: bool = True
    ) -> tuple[Sequence[str], list[dict[str, str]]]:
        """The columns and rows of the table.

        Parameters
        ----------
        needed : sequence of str
            Columns that the table must have.
        labelled : bool, default=True
            Whether the labels are used; if not, they may be empty.

        Raises
        ------
        UserError
            If the table cannot be read, lacks a column, or has a row that is not usable.
        """
        columns, table = read_table(self.path)
        missing = [name for name in needed if name not in columns]
        if missing:
            semicolons = len(columns) == 1 and ";" in columns[0]
            hint = ". Its columns are separated by semicolons; use commas" if semicolons else ""
            raise UserError(
                f"dataset table {self.path} has no column {' and '.join(missing)}; its first line has: "
                f"{', '.join(columns)}; it needs {' and '.join(needed)}, and may have split{hint}"
            )
        if repeated := {name for name in columns if columns.count(name) > 1} & {*needed, "split"}:
            raise UserError(f"dataset table {self.path} has two columns {listed(repeated)}")
        if not table:
            raise UserError(f"dataset table {self.path} has no rows")
        self._check(table, [name for name in columns if labelled or name != "label"])
        return columns, [row for _, row in table]

    def _check(self, table: list[tuple[int, dict[str, str]]], columns: Sequence[str]) -> None:
        problems: list[str] = []
        first_lines: dict[str, int] = {}
        beside_table = False
        for line, row in table:
            path = row["path"]
            if None in row:  # cells beyond the header
                problems.append(
                    f"line {line}: more cells than columns; put texts with commas in quotes"
                )
            elif not path or ("label" in columns and not row["label"].strip()):
                problems.append(f"line {line}: path or label is empty")
            elif (file := os.path.normpath(path)) in first_lines:
                problems.append(f"line {line}: {path} is in line {first_lines[file]} already")
            elif problem := file_problem(self.top() / path):
                problems.append(f"line {line}: {self.top() / path} {problem}")
                beside_table = beside_table or not Path(path).is_absolute()
            elif "split" in columns and row["split"] not in self.splits:
                problems.append(f"line {line}: split '{row['split']}' is neither train nor test")
            if path:
                first_lines.setdefault(os.path.normpath(path), line)
        if problems:
            more = f"\n  and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
            lines = "\n  ".join(problems[:LISTED])
            hint = f"\n  paths are relative to {self.top()}" if beside_table else ""
            raise UserError(
                f"dataset table {self.path} is not usable, {count(len(problems), 'problem')}:\n  {lines}{more}{hint}"
            )


def file_problem(path: Path) -> str:
    """Why a path is no file; empty if it is one."""
    try:
        return "" if path.is_file() else "is not a file" if path.exists() else "does not exist"
    except (OSError, ValueError) as error:  # such as a name that is too long
        return f"cannot be a file ({error})"


Table = tuple[Sequence[str], list[tuple[int, dict[str, str]]]]


def is_table(path: Path) -> bool:
    """Whether a file is a table of paths: a .csv file, or a Parquet file with a column `path` and no images."""
    suffix = path.suffix.lower()
    try:
        return suffix == ".csv" or (
            suffix == PARQUET and "path" in columns_of(path) and not _has_images(path)
        )
    except UserError:
        return False


def _has_images(path: Path) -> bool:
    """Whether a Parquet file has a column of images as Hugging Face's `datasets` store them."""
    import pyarrow
    from pyarrow import parquet

    types = parquet.read_schema(path).types
    return any(
        pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 for kind in types
    )


def read_table(path: str | Path) -> Table:
    """The columns of a table, and its rows, each with its line number (CSV) or row number (Parquet).

    Raises
    ------
    UserError
        If it cannot be read.
    """
    try:
        if Path(path).suffix.lower() == PARQUET:
            return _read_parquet(path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            return reader.fieldnames or [], [(reader.line_num, row) for row in reader]
    except IsADirectoryError:
        raise UserError(
            f"dataset table {path} is a folder; source imagefolder reads folders"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"dataset table {path} cannot be read: it is not UTF-8; save it as UTF-8"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"dataset table {path} cannot be read: {error}") from error


def _read_parquet(path: str | Path) -> Table:
    from pyarrow import parquet

    names = columns_of(path)
    used = [name for name in ("path", "label", "split") if name in names]
    rows = parquet.read_table(path, columns=used).to_pylist()
    for number, row in enumerate(rows, start=1):
        if wrong := [name for name, value in row.items() if isinstance(value, list | dict)]:
            raise UserError(
                f"dataset table {path}, row {number}: {wrong[0]} is {row[wrong[0]]}, and not one text or number"
            )
    texts = [{k: label_text(v) or "" for k, v in row.items()} for row in rows]
    return names, list(enumerate(texts, start=1))


def columns_of(path: str | Path) -> list[str]:
    """The column names of a Parquet file; a `UserError` if it cannot be read as one."""
    import pyarrow
    from pyarrow import parquet

    try:
        names: list[str] = parquet.read_schema(path).names
    except (OSError, pyarrow.ArrowException) as error:
        raise UserError(f"{path} is not a readable Parquet file: {error}") from error
    return names
