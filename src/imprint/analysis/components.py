"""Each GEN, NORM or AGG with the best of the other components, as tables and figures of one component show it.

The best is picked for each (FM, task) by median accuracy: on test data, which says what a component can reach, or, with
`select_on: validation`, on a part of the training samples, which says what one reaches who must choose without test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from imprint.analysis.gens import has_choice_of_k
from imprint.analysis.matrices import by_configuration, chosen_on
from imprint.analysis.selection import BEST_PRODUCT, natural, rule
from imprint.method.configuration import INNER_PRODUCT, MAX, MNN

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "GEN": ["gen"],
    "NORM": ["norm_pre", "norm_post", "norm_inf"],
    "AGG": ["agg", "distance", "weighting", "m"],
}
COMPANIONS = {
    "GEN": ["k", "NORM", "AGG"],
    "NORM": ["GEN and k", "AGG"],
    "AGG": ["GEN and k", "NORM"],
}


@dataclass(frozen=True, eq=False)
class Best:
    """Each entry of a component with the best of the others.

    accuracies: a row per (fm, task), a column per entry: the median accuracy (0..1) of the best, NaN where there is none.
    entries: a row per entry: the columns of the component, and `combinations`, how many of the others it was run with.
    """

    accuracies: pd.DataFrame
    entries: pd.DataFrame
    _criterion: pd.DataFrame
    _names: pd.DataFrame

    def companions(self, entry: str, companion: str, rows: pd.Index) -> list[tuple[str, int]]:
        """The values of a companion that were among the best with this entry, and on how many of the rows.

        Most frequent first. On a tie for the best each value that reaches it counts.
        """
        methods = self._names.index[self._names["entry"] == entry]
        medians = self._criterion.loc[rows, methods].to_numpy()
        reached = medians == np.fmax.reduce(medians, axis=1, initial=-np.inf)[:, None]
        values = self._names.loc[methods, companion].to_numpy()
        counts = [
            (value, int(reached[:, values == value].any(axis=1).sum()))
            for value in sorted(set(values), key=natural)
            if value
        ]
        return sorted([pair for pair in counts if pair[1]], key=lambda pair: -pair[1])


def best_of_others(scores: pd.DataFrame, component: str) -> Best:
    """Each GEN, NORM or AGG (the component) with the best of the others, k belonging to GEN.

    The nearest proxy is one entry, whether run as `max` with a distance or as `mnn` with m = 1.
    """
    import pandas as pd

    configurations, medians = by_configuration(scores)
    records = cast("list[dict[str, Any]]", configurations.to_dict("records"))
    named = [_names(configuration) for configuration in records]
    names = pd.DataFrame(named, columns=["k", "GEN", "GEN and k", "NORM", "AGG", *COLUMNS["AGG"]])
    names["entry"] = names[component]
    columns = COLUMNS[component]
    frame = names if component == "AGG" else configurations
    entries = frame[columns].set_index(pd.Index(names["entry"]))
    entries = entries[~entries.index.duplicated()].astype({"m": "Int64"} if "m" in columns else {})
    _, criterion = by_configuration(scores, chosen_on(scores))
    best = {
        entry: _of_best(medians[methods].to_numpy(), criterion[methods].to_numpy())
        for entry, methods in names.groupby("entry", sort=False).groups.items()
    }
    others = names.drop_duplicates(["entry", *COMPANIONS[component]])
    entries["combinations"] = others.groupby("entry").size()
    accuracies = pd.DataFrame(best, index=medians.index, columns=entries.index, dtype=float)
    return Best(accuracies, entries, criterion, names)


def _of_best(accuracies: np.ndarray, criterion: np.ndarray) -> np.ndarray:
    """(n,) in each row the accuracy of the method with the largest criterion; both (n, methods), NaN where missing."""
    known = ~np.isnan(criterion)
    best = np.where(known, criterion, -np.inf).argmax(axis=1)
    of_best: np.ndarray = accuracies[np.arange(len(best)), best]
    return np.where(known.any(axis=1), of_best, np.nan)


def gen_and_k(configuration: Mapping[str, Any]) -> str:
    """GEN with its k where there is a choice of it: "mean", "kmeans k=20"."""
    gen, k = configuration["gen"], configuration["k"]
    return f"{gen} k={k}" if has_choice_of_k(gen, [k]) else gen


def _names(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What tables call the fields of a configuration, and AGG under the one name of each rule."""
    gen, k = configuration["gen"], configuration["k"]
    agg = rule(configuration)
    fields: tuple[Any, ...] = tuple(configuration[name] for name in COLUMNS["AGG"])
    if agg in (BEST_PRODUCT, f"1-nn {INNER_PRODUCT}"):
        agg, fields = BEST_PRODUCT, (MAX, INNER_PRODUCT, None, None)
    elif agg.startswith("1-nn "):
        fields = (MNN, configuration["distance"], None, 1)
    return {
        "k": str(k) if has_choice_of_k(gen, [k]) else "",
        "GEN": gen,
        "GEN and k": gen_and_k(configuration),
        "NORM": "/".join(configuration[name] for name in COLUMNS["NORM"]),
        "AGG": agg,
        **dict(zip(COLUMNS["AGG"], fields, strict=True)),
    }
