"""Tables as files: CSV, Markdown, HTML and LaTeX, with numbers rounded for reading."""

from __future__ import annotations

from collections.abc import Hashable
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from imprint.store.files import write_text

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler
    from pandas.io.formats.style_render import CSSDict

DECIMALS = {
    "mean rank": 2,
    "mean rank of kept": 2,
    "parameters (M)": 2,
    "paper: statistic": 2,
    "paper: effect size": 2,
    "nc1": 3,
    "nc1_released": 3,
    "vci": 3,
    "trace_w": 4,
    "trace_b": 4,
}
PAGE_ROWS = 45  # most rows of a LaTeX table on one page

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><style>
body {{ font: 14px system-ui, sans-serif; margin: 1em; color: #222; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.3em 0.7em; border-bottom: 1px solid #ddd; text-align: left; }}
thead tr {{ background: #f3f3f3; vertical-align: bottom; }}
td {{ white-space: nowrap; }}
p {{ max-width: 60em; color: #555; }}
</style></head><body>
{table}{notes}</body></html>
"""

TEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "*": "{*}",  # a line break would read these two as its arguments
        "[": "{[}",
    }
)


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text: two decimals for % and points, three for NC1, two digits for p; nothing where missing."""
    return frame.apply(lambda column: column.map(lambda value: _text(value, str(column.name))))


def _text(value: Any, column: str) -> str:
    import numpy as np
    import pandas as pd

    if pd.isna(value):
        return ""
    if not isinstance(value, float):
        return str(value)
    if column.rpartition(": ")[2] in ("p", "p_holm"):
        return f"{value:.2g}"
    if column.endswith(("(s)", "(ms)")):
        return np.format_float_positional(value, precision=3, fractional=False, trim="-")
    if column in DECIMALS or column.endswith(("(%)", "(points)")):
        return f"{value:.{DECIMALS.get(column, 2)}f}"
    return f"{value:.10g}" if value.is_integer() else f"{value:.1f}"


def save(frame: pd.DataFrame, stem: str | Path) -> tuple[Path, ...]:
    """Write stem.csv, stem.md, stem.html (a page) and stem.tex, with numbers rounded for reading.

    A column `note` stays a column in the CSV; in the others its text is below the table. Lines of a cell stay lines in
    HTML and LaTeX, and are joined by semicolons elsewhere.
    """
    text = readable(frame)
    notes = [note for note in text["note"] if note] if "note" in text else []
    body = text.drop(columns="note", errors="ignore")
    body = body[(body != "").any(axis=1)]
    numbers = [name for name in body if frame[name].dtype.kind in "iuf"]
    contents = {
        "csv": _one_line(text).to_csv(index=False, lineterminator="\n"),
        "md": _markdown(body, numbers, notes),
        "html": _html(body, numbers, notes),
        "tex": _latex(body, numbers, notes),
    }
    stem = Path(stem)
    paths = []
    for suffix, content in contents.items():
        paths.append(stem.with_name(f"{stem.name}.{suffix}"))
        write_text(paths[-1], content)
    return tuple(paths)


def _one_line(text: pd.DataFrame) -> pd.DataFrame:
    return text.replace("\n", "; ", regex=True)


def _markdown(text: pd.DataFrame, numbers: list[Hashable], notes: list[str]) -> str:
    """The table as Markdown; tabulate does not escape `|`, and parses texts as numbers by default."""
    table = _one_line(text).replace(r"\|", r"\\|", regex=True)
    sides = ["right" if name in numbers else "left" for name in text]
    lines = table.to_markdown(index=False, disable_numparse=True, colalign=sides)
    return "".join([lines, "\n", *(f"\nNote: {note}\n" for note in notes)])


def _styler(text: pd.DataFrame) -> Styler:
    from pandas.io.formats.style import Styler

    # a fixed uuid, so that the same table gives the same bytes
    return Styler(text, uuid="table", cell_ids=False).hide(axis="index")


def _html(text: pd.DataFrame, numbers: list[Hashable], notes: list[str]) -> str:
    to_the_right: CSSDict = {"selector": "", "props": "text-align: right"}
    right = {name: [to_the_right] for name in numbers}
    styler = _styler(text).set_table_styles(right).set_sticky(axis="columns")
    styler = styler.format(lambda cell: escape(str(cell)).replace("\n", "<br>"))
    styler = styler.format_index(escape="html", axis="columns")
    below = "".join(f"<p>Note: {escape(note)}</p>\n" for note in notes)
    return PAGE.format(table=styler.to_html(), notes=below)


def _latex(text: pd.DataFrame, numbers: list[Hashable], notes: list[str]) -> str:
    r"""A table to \input: `tabular` for a float, or `longtable`, which breaks over pages, if it has many rows.

    Headings and lists are stacked so that the table can fit the page width. Text is escaped here, since pandas leaves
    < > |, which are other characters in the default font encoding, and * and [, which at the start of a row are read as
    arguments of the line break before it.
    """

    def heading(name: object) -> str:
        side = "r" if name in numbers else "l"
        return _stack(wrap(str(name), 10, break_long_words=False), f"[b]{{@{{}}{side}@{{}}}}")

    def cell(lines: object) -> str:
        return _stack(str(lines).split("\n"), "[t]{@{}l@{}}")

    long = len(text) > PAGE_ROWS
    others = [name for name in text if name not in numbers]
    styler = _styler(text).format_index(heading, axis="columns")
    styler = styler.format(_tex_number, subset=numbers).format(cell, subset=others)
    table = styler.to_latex(
        hrules=True,
        column_format="".join("r" if name in numbers else "l" for name in text),
        environment="longtable" if long else None,
    )
    packages = "booktabs, longtable" if long else "booktabs"
    below = (f"\\par\\smallskip{{\\footnotesize Note: {_tex(note)}\\par}}\n" for note in notes)
    return "".join([f"% \\usepackage{{{packages}}}\n", table, *below])


def _stack(lines: list[str], layout: str) -> str:
    """Lines above each other in one cell."""
    if len(lines) == 1:
        return _tex(lines[0])
    stacked = r" \\ ".join(map(_tex, lines))
    return rf"\begin{{tabular}}{layout}{stacked}\end{{tabular}}"


def _tex(text: str) -> str:
    return text.translate(TEX)


def _tex_number(number: object) -> str:
    """A number with a minus, not a hyphen, also in its exponent."""
    return str(number).replace("-", "$-$")
