"""The command that compares two studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imprint.cli.app import command
from imprint.cli.options import Json, output_option
from imprint.cli.output_files import require_table, text_output
from imprint.cli.tables import print_table
from imprint.errors import UserError
from imprint.formatting import count

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 15  # rows of each table that are printed

StudyScores = Annotated[
    Path,
    typer.Argument(
        help="The results folder of a study, or its scores.parquet.", show_default=False
    ),
]


@command(
    examples="""
    imprint diff before/results after/results
    imprint diff before/results after/results -o differences.csv
    imprint diff results results --fm-a resnet18 --fm-b resnet50
    """
)
def diff(
    a: StudyScores,
    b: StudyScores,
    fm_a: Annotated[
        str | None,
        typer.Option(
            "--fm-a", metavar="NAME", help="Compare only this FM of A, with the FM --fm-b of B."
        ),
    ] = None,
    fm_b: Annotated[
        str | None,
        typer.Option("--fm-b", metavar="NAME", help="The FM of B that --fm-a is compared with."),
    ] = None,
    output: Annotated[
        Path | None, output_option(metavar="FILE", help="Write every run to this CSV file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the scores of two finished studies.

    Pairs the runs of A and B that have the same FM, task, shots, draw, seed and configuration. Prints how many scores
    are equal and how much the others differ (accuracy of B - A, in points): in total, and by FM, task and method. With
    --fm-a and --fm-b the FMs may have different names.
    """
    from imprint.analysis.study_differences import BY, paired_runs, summaries, summary

    if (fm_a is None) != (fm_b is None):
        raise UserError("--fm-a and --fm-b go together: name the FM of A and the FM of B")
    if output:
        require_table(output)
    scores = [_scores(a, fm_a), _scores(b, fm_b)]
    if fm_a:
        scores = [rows.assign(fm=f"{fm_a} and {fm_b}") for rows in scores]
    runs = paired_runs(*scores)
    total = summary(runs)
    by = {column: summaries(runs, column) for column in BY}
    if output:
        with text_output(output) as file:
            runs.to_csv(file, index=False)
    if as_json:
        print(json.dumps({"a": str(a), "b": str(b), **total, "by": by}))
        return
    _print_total(total)
    for column, rows in by.items():
        _print_rows(column, rows)


def _scores(path: Path, fm: str | None) -> pd.DataFrame:
    """The scores of a study, or of one of its FMs."""
    import pyarrow  # noqa: F401  (if it is missing, `main` names its extra; the error of pandas does not tell)

    from imprint.analysis.matrices import is_value
    from imprint.analysis.study_differences import RUN
    from imprint.registry import unknown
    from imprint.store.frames import read_parquet
    from imprint.store.paths import all_scores

    file = all_scores(path) if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise UserError(
            f"{path} holds no finished study: it has no {file.name}; name the results folder of a finished study"
        )
    if file.exists() and file.suffix != ".parquet":
        raise UserError(f"{file} is neither a folder of results nor a Parquet file of scores")
    scores = read_parquet(file)
    missing = [name for name in (*RUN, "accuracy") if name not in scores]
    if missing:
        raise UserError(f"{file} holds no scores of a study: it has no column {', '.join(missing)}")
    if fm is None:
        return scores
    fms = sorted(map(str, scores["fm"].unique()))
    if fm not in fms:
        raise UserError(f"{file}: {unknown('FM', fm, fms)}")
    return scores[is_value(scores["fm"], fm)]


def _print_total(total: dict[str, Any]) -> None:
    print(
        f"{count(total['pairs'], 'run is', 'runs are')} in both studies, {total['only_a']:,} only in A, {total['only_b']:,} only in B."
    )
    if not total["pairs"]:
        print("Nothing to compare: runs pair by FM, task, shots, draw, seed and configuration.")
        return
    print(
        f"{count(total['equal'], 'score is', 'scores are')} equal. Accuracy of B - A in points: mean {_points(total['mean'])}, median "
        f"{_points(total['median'])}, largest {_points(total['largest'])}."
    )


def _print_rows(column: str, rows: list[dict[str, Any]]) -> None:
    names = ["pairs", "equal", "only_a", "only_b"]
    points = ["mean", "median", "largest"]
    headings = [column, "pairs", "equal", "only A", "only B", *points]
    cells = [
        [row[column], *(f"{row[n]:,}" for n in names), *(_points(row[n]) for n in points)]
        for row in rows[:SHOWN]
    ]
    print()
    print_table(headings, cells, left=(column,))
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more (--json lists all)")


def _points(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2) + 0:+.2f}"  # -0.00 becomes +0.00
