"""The command that ranks heads."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from imprint.cli.app import command
from imprint.cli.options import (
    FitOptions,
    InputOptions,
    Json,
    Source,
    load_components,
    positive_ints,
    require_writable,
    split,
)
from imprint.cli.tables import print_table
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.method_choice import MethodChoice
from imprint.formatting import size
from imprint.method.presets import PRESETS

SHOWN = 10  # rows on the terminal
SMALLER = 0.5  # share of the best head's bytes from which on a smaller one is named
COLUMNS = (
    "rank",
    "gen",
    "k",
    "norm",
    "agg",
    "distance",
    "m",
    "accuracy",
    "behind",
    "size",
    "time",
    "reference",
)
# options of the FM that leave the head as it is
RUNNING = ("device", "batch_size")


@command(
    """
      imprint compare photos
      imprint compare photos.h5 --gen mean,kmeans --k 2,5,10,50 --output ranking.csv
    """
)
def compare(
    source: Source,
    gen: Annotated[
        str, typer.Option(metavar="GEN,...", help="Ways to generate proxies.")
    ] = "mean,kmeans,all,ls",
    k: Annotated[str, typer.Option(metavar="K,...", help="Proxies per class.")] = "2,5,10,20",
    norm: Annotated[
        str,
        typer.Option(
            metavar="NORM,...",
            help="Normalisation: none, l2, or whiten+l2 (of proxies, with l2 elsewhere).",
        ),
    ] = "l2,whiten+l2",
    m: Annotated[
        str, typer.Option(metavar="M,...", help="Neighbours that vote, beside max.")
    ] = "5",
    folds: Annotated[
        int, typer.Option(min=2, metavar="N", help="Parts of the cross-validation.")
    ] = 5,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the whole table to this CSV file.")
    ] = None,
    as_json: Json = False,
    *,
    fitting: FitOptions,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Find the best head for your images.

    Scores named methods and a grid of GEN, k, NORM and AGG by cross-validation, best first, and prints
    the command that saves the best. References, such as a linear probe, are ranked but not imprinting.
    """
    from imprint.estimator import cross_validation
    from imprint.estimator.inputs import read_labelled

    load_components(inputs.components)
    grid = cross_validation.default_methods(
        split(gen), positive_ints("--k", k), split(norm), positive_ints("--m", m)
    )
    if output:
        require_writable(output)
    embeddings = read_labelled(
        source, fm, group=inputs.group, check=lambda y: cross_validation.check_folds(y, folds)
    )
    table = cross_validation.compare_heads(
        embeddings.x,
        embeddings.y,
        grid,
        folds=folds,
        seed=fitting.seed,
        ls_lambda=fitting.ls_lambda,
        fm_classifier=embeddings.fm_classifier,
        threads=os.cpu_count() or 1,
    )
    if output:
        table.to_csv(output, index=False)
    if as_json:
        print(table.to_json(orient="records"))
        return
    rows: Any = table.astype(object).where(table.notna(), None).to_dict("records")
    samples, classes = len(embeddings.x), len(embeddings.class_names)
    print(
        f"{samples:,} samples of {classes} classes, {folds} folds; accuracy in %, behind: points below the first row "
        "(95% interval), size: of its weights, time: of a fit\n"
    )
    _print_ranking(rows[:SHOWN])
    if len(rows) > SHOWN:
        print(f"... and {len(rows) - SHOWN} more" + (f" in {output}" if output else " (--output)"))
    print(f"\n{cross_validation.verdict(table)}")
    heads = [row for row in rows if not row["reference"]] or rows
    groups = (fm, inputs, fitting)
    smallest = min((row for row in heads if row["high"] >= 0), key=lambda row: row["bytes"])
    if smallest["bytes"] < SMALLER * heads[0]["bytes"]:
        command = _fit_command(source, groups, smallest)
        print(
            f"\nThe smallest head that is level ({size(smallest['bytes'])}) is saved by:\n  {command}"
        )
    condition = " that is no reference" if rows[0]["reference"] else ""
    print(f"\nThe best{condition} is saved by:\n  {_fit_command(source, groups, heads[0])}")


def _print_ranking(rows: list[dict[str, Any]]) -> None:
    cells = []
    for number, row in enumerate(rows):
        norms = [row["norm_pre"], row["norm_post"], row["norm_inf"]]
        shown = {
            **row,
            "k": "all" if row["k"] is None else row["k"],
            "norm": norms[0] if len(set(norms)) == 1 else "/".join(norms),
            "m": "-" if row["m"] is None else row["m"],
            "accuracy": f"{100 * row['accuracy']:.1f}",
            "behind": _behind(row) if number else "",
            "size": size(row["bytes"]),
            "time": f"{row['seconds']:.2f}s",
            "reference": "yes" if row["reference"] else "",
        }
        cells.append([shown[column] for column in COLUMNS])
    print_table(COLUMNS, cells, left=("gen", "norm", "agg", "distance", "reference"))


def _behind(row: Mapping[str, Any]) -> str:
    """Points behind the best, and the interval."""
    low, high = (
        100 * abs(row[end]) if row[end] < 0 else -100 * row[end] for end in ("high", "low")
    )
    return f"{-100 * row['difference']:.1f} ({low:.1f} to {high:.1f})"


def _fit_command(source: Path, groups: Sequence[object], method: Mapping[str, Any]) -> str:
    """The command that makes the head of a method, with the options that change it."""
    options: dict[str, Any] = {}
    for group in groups:
        defaults = vars(type(group)())
        options |= {name: v for name, v in vars(group).items() if v != defaults[name]}
    options |= _method_options(method)
    words = ["imprint", "fit", str(source), "-o", "head.safetensors"]
    for name, value in options.items():
        if value is None or name in RUNNING:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if isinstance(value, tuple):
            words += map(str, value)
        elif value is not True:
            words.append(str(value))
    return shlex.join(words)


def _method_options(method: Mapping[str, Any]) -> dict[str, Any]:
    """The options that name a method: that of its name or, without one, those of its parts."""
    for name, preset in PRESETS.items():
        parts = preset.configuration.columns()
        if all(method[part] == value for part, value in parts.items()):
            return {"method": name}
    return {name: method[name] for name in vars(MethodChoice()) if name in method}
