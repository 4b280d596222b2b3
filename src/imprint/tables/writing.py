"""Tables as files: CSV, Markdown, HTML and LaTeX, with numbers rounded for reading."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from imprint.store import atomic

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = {
    "mean rank": 2,
    "statistic": 2,
    "effect size": 2,
    "nc1": 3,
    "nc1_released": 3,
    "vci": 3,
    "trace_w": 4,
    "trace_b": 4,
}
PAGE_ROWS = 45  # of a LaTeX table that stays on one page

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><style>
body {{ font: 14px system-ui, sans-serif; margin: 1em; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.3em 0.7em; border-bottom: 1px solid #ddd; text-align: left; }}
th {{ position: sticky; top: 0; background: #f3f3f3; vertical-align: bottom; }}
td {{ white-space: nowrap; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
p {{ max-width: 60em; color: #555; }}
</style></head><body><table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table>{note}</body></html>
"""

TEX = str.maketrans(
    {
        **{c: f"\\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "*": "{*}",  # these two would belong to the line break before them
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
    if column in ("p", "p_holm"):
        return f"{value:.2g}"
    if column.endswith("(s)"):
        return np.format_float_positional(value, precision=3, fractional=False, trim="-")
    if column in DECIMALS or column.endswith(("(%)", "(points)")):
        return f"{value:.{DECIMALS.get(column, 2)}f}"
    return f"{value:.10g}" if value.is_integer() else f"{value:.1f}"


def save(frame: pd.DataFrame, stem: str | Path) -> tuple[Path, ...]:
    """Write stem.csv, stem.md, stem.html (a page) and stem.tex, with numbers rounded for reading.

    A column `note` stays a column in the CSV; in the others its text stands below the table. A text of several lines
    keeps them in HTML and LaTeX.
    """
    text = readable(frame)
    noted = [note for note in text["note"] if note] if "note" in text else []
    body = text.drop(columns="note", errors="ignore")
    body = body[(body != "").any(axis=1)]
    numeric = [dtype.kind in "iuf" for dtype in frame[body.columns].dtypes]
    stem = Path(stem)
    contents = {
        "csv": _one_line(text).to_csv(index=False, lineterminator="\n"),
        "md": _markdown(_one_line(body), noted),
        "html": _html(body, numeric, noted),
        "tex": _latex(body, numeric, noted),
    }
    made = []
    for kind, content in contents.items():
        made.append(stem.with_name(f"{stem.name}.{kind}"))
        with atomic(made[-1]) as path:
            path.write_text(content, encoding="utf-8")
    return tuple(made)


def _one_line(text: pd.DataFrame) -> pd.DataFrame:
    return text.replace("\n", "; ", regex=True)


def _html(text: pd.DataFrame, numeric: list[bool], notes: list[str]) -> str:
    looks = [' class="number"' * is_number for is_number in numeric]

    def row(tag: str, cells: Iterable[str]) -> str:
        inside = ("<br>".join(escape(cell).split("\n")) for cell in cells)
        return "".join(f"<{tag}{look}>{cell}</{tag}>" for look, cell in zip(looks, inside, strict=True))

    head = row("th", map(str, text.columns))
    body = "\n".join(f"<tr>{row('td', cells)}</tr>" for cells in text.to_numpy().tolist())
    return PAGE.format(head=head, body=body, note="".join(f"<p>Note: {escape(note)}</p>" for note in notes))


def _markdown(text: pd.DataFrame, notes: list[str]) -> str:
    rows = [
        list(map(str, text.columns)),
        ["---"] * text.shape[1],
        *text.replace(r"\|", r"\\|", regex=True).to_numpy().tolist(),
    ]
    below = "".join(f"\nNote: {note}\n" for note in notes)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + below


def _latex(text: pd.DataFrame, numeric: list[bool], notes: list[str]) -> str:
    """A table to \\input: `tabular` for a float, or `longtable`, which breaks over pages, if it has many rows.

    Headings and lists are stacked, so that it may fit the width of a page.
    """
    long = len(text) > PAGE_ROWS
    kind, packages = ("longtable", "booktabs, longtable") if long else ("tabular", "booktabs")
    sides = ["r" if is_number else "l" for is_number in numeric]
    headings = (
        _stack(wrap(str(column), 10, break_long_words=False), f"[b]{{@{{}}{side}@{{}}}}")
        for side, column in zip(sides, text.columns, strict=True)
    )
    rows = (
        [
            _tex_number(cell) if is_number else _stack(cell.split("\n"), "[t]{@{}l@{}}")
            for is_number, cell in zip(numeric, row, strict=True)
        ]
        for row in text.to_numpy().tolist()
    )
    lines = [
        f"% \\usepackage{{{packages}}}",
        f"\\begin{{{kind}}}{{{''.join(sides)}}}",
        r"\toprule",
        " & ".join(headings) + r" \\",
        r"\midrule",
        *[r"\endhead"] * long,
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        f"\\end{{{kind}}}",
        *(f"\\par\\smallskip{{\\footnotesize Note: {_tex(note)}\\par}}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _stack(lines: list[str], layout: str) -> str:
    """Lines above each other in one cell."""
    if len(lines) == 1:
        return _tex(lines[0])
    stacked = r" \\ ".join(map(_tex, lines))
    return rf"\begin{{tabular}}{layout}{stacked}\end{{tabular}}"


def _tex(text: str) -> str:
    return text.translate(TEX)


def _tex_number(text: str) -> str:
    """A number with a minus, not a hyphen."""
    return text.replace("-", "$-$", 1) if text.startswith("-") else text
