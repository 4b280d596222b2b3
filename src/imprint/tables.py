"""Tables of a study, found by name, with numbers rounded for reading.

A table is made from what a figure is drawn from (see `imprint.plots`): scores, collapse, presets; its presets also
carry `published`, the mean accuracy (%) in the paper, over 4 FMs x 12 tasks. It comes back as a frame of exact
numbers; `save` rounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.plots.selection import accuracy_over_k as over_k
from imprint.plots.selection import natural, rule
from imprint.statistics import PAIR, accuracy_matrix, compare
from imprint.store import atomic

if TYPE_CHECKING:
    import pandas as pd

    Presets = Mapping[str, Mapping[str, Any]]
    Make = Callable[[pd.DataFrame, pd.DataFrame, Presets], pd.DataFrame]


@dataclass(frozen=True)
class Entry:
    """A table as the report lists it; `make` takes scores, collapse and presets."""

    name: str
    title: str
    category: str
    make: Make


TABLES: dict[str, Entry] = {}


def table(name: str, *, title: str, category: str) -> Callable[[Make], Make]:
    """Register a function (scores, collapse, presets) -> DataFrame under a name."""

    def register(make: Make) -> Make:
        TABLES[name] = Entry(name, title, category, make)
        return make

    return register


def find(name: str) -> Entry:
    """The table of that name, or a `UserError` that lists the names there are."""
    if name not in TABLES:
        raise UserError(f"unknown table '{name}'; known: {', '.join(sorted(TABLES))}")
    return TABLES[name]


@table("published_methods", title="Published methods", category="Methods")
def published_methods(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per published method, best mean rank first; over the (FM, task) that all of them have.

    A method without any result comes last, with its published figure alone.
    """
    import pandas as pd

    result = compare(accuracy_matrix(scores, presets))
    order = [*result.summary.index, *(name for name in presets if name not in result.summary.index)]
    measured = result.summary.reindex(order)
    keys = ["label", "norm_pre", "gen", "k", "norm_post", "norm_inf", "published"]
    settings = pd.DataFrame([presets[name] for name in order], columns=keys, index=order)
    return pd.DataFrame(
        {
            "method": settings["label"],
            "NORMpre": settings["norm_pre"],
            "GEN": settings["gen"],
            "k": settings["k"].astype("Int64"),
            "NORMpost": settings["norm_post"],
            "NORMinf": settings["norm_inf"],
            "AGG": [rule(presets[name]) for name in order],
            "mean rank": measured["mean_rank"],
            "mean (%)": 100 * measured["mean"],
            "std (%)": 100 * measured["std"],
            "FM x task": [result.rows if name in result.summary.index else 0 for name in order],
            "published mean (%)": settings["published"].astype(float),
        }
    ).reset_index(drop=True)


@table("statistics", title="Published methods: tests", category="Methods")
def statistics(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Friedman's test, then each pair of published methods by Wilcoxon's signed-rank test with Holm's correction.

    The first row is Friedman's; its `note` says what was left out and what could not be tested.
    """
    import pandas as pd

    result = compare(accuracy_matrix(scores, {preset["label"]: preset for preset in presets.values()}))
    overall = {
        "test": "Friedman",
        "method": f"all {len(result.summary)}",
        "other": None,
        "statistic": result.friedman.statistic if result.friedman else None,
        "p": result.friedman.p if result.friedman else None,
        "FM x task": result.rows,
        "note": " ".join(result.notes),
    }
    pairs = [
        {
            "test": "Wilcoxon",
            "method": pair.first,
            "other": pair.second,
            "statistic": pair.statistic,
            "p": pair.p,
            "p_holm": pair.p_holm,
            "mean difference (points)": 100 * pair.mean_difference,
            "FM x task": result.rows,
        }
        for pair in result.pairwise
    ]
    columns = [
        "test",
        "method",
        "other",
        "statistic",
        "p",
        "p_holm",
        "mean difference (points)",
        "FM x task",
        "note",
    ]
    return pd.DataFrame([overall, *pairs], columns=columns)


METHOD = ["norm_pre", "gen", "k", "norm_post", "norm_inf", "agg", "distance", "weighting", "m"]


@table("configurations", title="All configurations", category="Methods")
def configurations(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """A row per configuration, best mean rank first; over the (FM, task) that all configurations have.

    Accuracies are medians over seeds and draws, as in the comparison of methods.
    """
    import numpy as np
    import pandas as pd

    names = {c: c.replace("norm_", "NORM") if c.startswith("norm_") else c for c in METHOD}
    names |= {"gen": "GEN", "agg": "AGG"}
    if scores.empty:
        return pd.DataFrame(
            columns=[*(names.get(c, c) for c in METHOD), "mean rank", "mean (%)", "std (%)", "FM x task"]
        )
    keys = scores[METHOD].astype(object)
    number = keys.where(keys.notna(), "").groupby(METHOD, sort=False).ngroup().to_numpy()
    pairs = scores[PAIR].astype(str).agg("/".join, axis=1).to_numpy()
    medians = pd.DataFrame({"pair": pairs, "method": number, "accuracy": scores["accuracy"].to_numpy()})
    matrix = medians.groupby(["pair", "method"])["accuracy"].median().unstack("method").dropna()
    ranks = matrix.rank(axis=1, ascending=False)
    first = np.unique(number, return_index=True)[1]
    table = scores[METHOD].iloc[first].astype(object).rename(columns=names).reset_index(drop=True)
    table["mean rank"] = ranks.mean().to_numpy()
    table["mean (%)"] = 100 * matrix.mean().to_numpy()
    table["std (%)"] = 100 * matrix.std(ddof=1).to_numpy()
    table["FM x task"] = len(matrix)
    return table.sort_values(
        ["mean rank", "mean (%)"], ascending=[True, False], ignore_index=True, kind="stable"
    )


@table("accuracy_over_k", title="Accuracy over the number of proxies", category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Mean, lowest and highest accuracy over seeds and draws by FM, task, GEN and k, and the NORM and AGG shown."""
    numbers, text = over_k(scores)
    numbers = numbers.sort_values(
        ["fm", "task", "gen", "k"], key=_natural_keys, kind="stable", ignore_index=True
    )
    return numbers.assign(configuration=numbers["norm"].where(numbers["norm"] != "", text))[
        ["fm", "task", "gen", "k", "mean", "low", "high", "runs", "configuration"]
    ].rename(columns={"mean": "mean (%)", "low": "lowest (%)", "high": "highest (%)"})


@table("neural_collapse", title="Neural collapse", category="Neural collapse")
def neural_collapse(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """NC1, its released variant, VCI, traces and ranks by FM and task: means over draws."""
    measures = ["classes", "samples", "nc1", "nc1_released", "vci", "trace_w", "trace_b", "rank_w", "rank_b"]
    groups = collapse.astype({"fm": str, "task": str}).groupby(PAIR)
    means = groups[measures].mean()
    means.insert(0, "draws", groups.size())
    means.insert(0, "d", groups["d"].first())
    return means.reset_index().sort_values(PAIR, key=_natural_keys, ignore_index=True)


def _natural_keys(column: pd.Series) -> pd.Series:
    """Names ordered with the numbers in them by value; numbers as they are."""
    if column.name not in (*PAIR, "gen"):
        return column
    position = {name: i for i, name in enumerate(sorted(column.unique(), key=natural))}
    return column.map(position)


DECIMALS = {"mean rank": 2, "statistic": 2, "nc1": 3, "nc1_released": 3, "vci": 3, "trace_w": 4, "trace_b": 4}


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as text: two decimals for % and points, three for NC1, two digits for p; nothing where missing."""
    return frame.apply(lambda column: column.map(lambda value: _text(value, str(column.name))))


def _text(value: Any, column: str) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if not isinstance(value, float):
        return str(value)
    if column in ("p", "p_holm"):
        return f"{value:.2g}"
    if column in DECIMALS or column.endswith(("(%)", "(points)")):
        return f"{value:.{DECIMALS.get(column, 2)}f}"
    return f"{value:.10g}" if value.is_integer() else f"{value:.1f}"


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><style>
body {{ font: 14px system-ui, sans-serif; margin: 1em; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.3em 0.7em; border-bottom: 1px solid #ddd; text-align: left; }}
th {{ position: sticky; top: 0; background: #f3f3f3; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style></head><body><table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></body></html>
"""


def save(frame: pd.DataFrame, stem: str | Path) -> tuple[Path, Path, Path]:
    """Write stem.csv, stem.md (a Markdown table) and stem.html (a page), with numbers rounded for reading."""
    text = readable(frame)
    stem = Path(stem)
    csv, markdown = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.md")
    with atomic(csv) as path:
        text.to_csv(path, index=False, lineterminator="\n")
    with atomic(markdown) as path:
        path.write_text(_markdown(text), encoding="utf-8")
    page = stem.with_name(f"{stem.name}.html")
    with atomic(page) as path:
        path.write_text(_html(text), encoding="utf-8")
    return csv, markdown, page


def _html(text: pd.DataFrame) -> str:
    def cell(value: str) -> str:
        number = value.replace(".", "").replace("-", "").replace("e", "").isdigit()
        return f'<td class="number">{value}</td>' if number else f"<td>{escape(value)}</td>"

    head = "".join(f"<th>{escape(str(column))}</th>" for column in text.columns)
    rows = ("".join(map(cell, row)) for row in text.to_numpy().tolist())
    return PAGE.format(head=head, body="\n".join(f"<tr>{row}</tr>" for row in rows))


def _markdown(text: pd.DataFrame) -> str:
    rows = [
        list(map(str, text.columns)),
        ["---"] * text.shape[1],
        *text.replace(r"\|", r"\\|", regex=True).to_numpy().tolist(),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
