"""The command that ranks heads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from imprint.cli.app import command, warnings_as_notes
from imprint.cli.options import (
    FitOptions,
    InputOptions,
    Json,
    Source,
    output_option,
    positive_ints,
    split,
)
from imprint.cli.output_files import require_table, text_output
from imprint.cli.tables import print_table, print_text
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.method_choice import MethodChoice
from imprint.formatting import size
from imprint.method.generate import GENERATORS
from imprint.method.presets import PRESETS

SHOWN = 10  # rows on the terminal
SMALLER = 0.5  # a level head with less than this share of the best head's bytes is suggested
COLUMNS = ("rank", "head", "accuracy", "balanced", "behind", "size", "fit", "predict")
# options of the FM that do not change the head
RUNNING = ("device", "batch_size")


@command(
    """
      imprint compare photos
      imprint compare photos --fm tf_efficientnet_lite0,resnet50.a1_in1k
      imprint compare photos.h5 --gen mean,kmeans --k 2,5,10,50 --output ranking.csv
    """
)
def compare(
    source: Source,
    gen: Annotated[
        str, typer.Option(metavar="GEN,...", help="GENs: how proxies are generated.")
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
        str,
        typer.Option(metavar="M,...", help="Numbers of neighbours that vote, in addition to max."),
    ] = "5",
    folds: Annotated[
        int, typer.Option(min=2, metavar="N", help="Number of folds of the cross-validation.")
    ] = 5,
    output: Annotated[Path | None, output_option(help="CSV file for the full table.")] = None,
    as_json: Json = False,
    *,
    fitting: FitOptions,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Find the best head for your images.

    Ranks named methods and a grid of methods by cross-validation, best first, and prints the command that saves the best
    head. Compares several FMs if --fm names them, separated by commas. References, such as a linear probe, are
    ranked too but are not imprinting.
    """
    from imprint.estimator import cross_validation
    from imprint.estimator.commands import embeddings_by_fm
    from imprint.estimator.inputs import check_classes
    from imprint.estimator.verdict import are_uneven, verdict

    grid = cross_validation.default_methods(
        split(gen), positive_ints("--k", k), split(norm), positive_ints("--m", m)
    )
    if output:
        require_table(output)

    def check_labels(names: Sequence[str], y: np.ndarray) -> None:
        check_classes(names, y)
        cross_validation.check_folds(y, folds)

    fms = split(fm.fm or "")
    embeddings = embeddings_by_fm(source, fms, fm, group=inputs.group, check=check_labels)
    with warnings_as_notes():
        table = cross_validation.compare_fms(
            embeddings,
            grid,
            folds=folds,
            seed=fitting.seed,
            ls_lambda=fitting.ls_lambda,
        )
    if len(fms) < 2:
        table = table.drop(columns="fm")
    if output:
        with text_output(output) as file:
            table.to_csv(file, index=False)
    if as_json:
        print(table.to_json(orient="records"))
        return
    rows: Any = table.astype(object).where(table.notna(), None).to_dict("records")
    first = next(iter(embeddings.values()))
    samples, classes, counts = len(first.x), len(first.class_names), np.bincount(first.y)
    columns = [name for name in COLUMNS if name != "balanced" or are_uneven(counts)]
    balanced = "balanced: mean over classes; " if "balanced" in columns else ""
    print_text(
        f"{samples:,} samples of {classes} classes, {folds} folds; head: the proxies of each class and, if several decide, how "
        f"many vote; *: a reference, not imprinting; accuracy in %; {balanced}behind: points "
        "below the best (95% interval of the two, without allowance for the choice of the best); size: of the weights; fit, "
        "predict: median time to fit, and to label 1,000 embeddings"
    )
    print()
    if len(fms) > 1:
        best_of_fms: dict[str, Any] = {}
        for row in rows:
            best_of_fms.setdefault(row["fm"], row)
        _print_ranking(list(best_of_fms.values()), columns=("fm", "head", "accuracy", "behind"))
        print(f"\nHeads on {rows[0]['fm']}")
    shown = [row for row in rows if row.get("fm") == rows[0].get("fm")]
    _print_ranking(shown[:SHOWN], columns=columns)
    if len(rows) > SHOWN:
        print(f"... and {len(rows) - SHOWN} more" + (f" in {output}" if output else " (--output)"))
    print()
    print_text(verdict(table, counts))
    for purpose, row in _worth_saving(rows, are_uneven(counts)):
        choice = replace(fm, fm=row.get("fm", fm.fm))
        print(f"\n{purpose}:\n  {_fit_command(source, (choice, inputs, fitting), row)}")


def _worth_saving(
    rows: list[dict[str, Any]], uneven: bool
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The heads that a user may want to save, the best last, each with what for; `uneven`: classes differ much in size."""
    heads = [row for row in rows if not row["reference"]] or rows
    best = heads[0]
    # by the interval of each head and the best, which is stricter than the test that the sentence reports
    level = [row for row in heads if row["high"] >= 0]
    smallest = min(level, key=lambda row: row["bytes"], default=best)
    if smallest["bytes"] < SMALLER * best["bytes"]:
        points = 100 * (best["accuracy"] - smallest["accuracy"])
        facts = f"{size(smallest['bytes'])}, {points:.1f} points below the best here"
        yield f"To save the smallest head that is level with the best ({facts})", smallest
    by_choice = PRESETS["auto"].label
    if by_choice != best["name"] and any(row["name"] == by_choice for row in level):
        chosen = {"fm": rows[0]["fm"]} if "fm" in rows[0] else {}
        yield "The head that `auto` chooses is level with the best. To save it", chosen
    balanced = max(heads, key=lambda row: float(row["balanced_accuracy"]))
    if uneven and balanced["balanced_accuracy"] > best["balanced_accuracy"]:
        yield "To save the best head with each class counted the same", balanced
    condition = " that is not a reference" if rows[0]["reference"] else ""
    yield f"To save the best head{condition}", best


def _print_ranking(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    cells = []
    for number, row in enumerate(rows):
        shown = {
            **row,
            "head": _head_in_words(row),
            "accuracy": f"{100 * row['accuracy']:.1f}",
            "balanced": f"{100 * row['balanced_accuracy']:.1f}",
            "behind": _behind(row) if number else "",
            "size": size(row["bytes"]),
            "fit": f"{row['fit_seconds']:.2f}s",
            "predict": f"{1000 * row['predict_seconds']:.1f}ms",
        }
        cells.append([shown[column] for column in columns])
    print_table(columns, cells, left=("fm", "head"))


def _head_in_words(row: Mapping[str, Any]) -> str:
    """The head of a row of the table, with an asterisk for a reference: `LDA*`."""
    from imprint.estimator.verdict import head_in_words

    return head_in_words(row).replace(" (reference)", "*")


def _behind(row: Mapping[str, Any]) -> str:
    """Points behind the best, and the interval."""
    points, low, high = (-100 * row[end] for end in ("difference", "high", "low"))
    return f"{points:z.1f} ({low:z.1f} to {high:z.1f})"


def _fit_command(source: Path, groups: Sequence[object], method: Mapping[str, Any]) -> str:
    """The `imprint fit` command for the head of a method, with all options that change the head."""
    options: dict[str, Any] = {}
    for group in groups:
        defaults = vars(type(group)())
        options |= {name: v for name, v in vars(group).items() if v != defaults[name]}
    options |= _method_options(method)
    if "gen" not in method or not GENERATORS.find(method["gen"]).needs_ls_lambda:
        options.pop("ls_lambda", None)
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
    """The options that name a method: its name or, without a name, its parts; none for `auto`."""
    if "gen" not in method:
        return {}
    for name, preset in PRESETS.items():
        parts = preset.configuration.columns()
        if all(method[part] == value for part, value in parts.items()):
            return {"method": name}
    return {name: method[name] for name in vars(MethodChoice()) if name in method}
