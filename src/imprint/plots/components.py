"""What the tables and figures of one component show: each GEN, NORM or AGG with the best of the other components.

The best is picked for each (FM, task) by median accuracy on test data, as the paper does: what a component can
reach, not what would be reached by one who must choose without the test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.plots.selection import natural, rule
from imprint.statistics import ONE_K, by_configuration

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "GEN": ["gen"],
    "NORM": ["norm_pre", "norm_post", "norm_inf"],
    "AGG": ["agg", "distance", "weighting", "m"],
}
COMPANIONS = {"GEN": ["k", "NORM", "AGG"], "NORM": ["GEN and k", "AGG"], "AGG": ["GEN and k", "NORM"]}


@dataclass(frozen=True, eq=False)
class Best:
    """Each entry of a component with the best of the others.

    accuracies: a row per (fm, task), a column per entry: the highest median accuracy (0..1), NaN where there is none.
    entries: a row per entry: the columns of the component, and `combinations`, how many of the others it was run with.
    """

    accuracies: pd.DataFrame
    entries: pd.DataFrame
    _medians: pd.DataFrame
    _names: pd.DataFrame

    def companions(self, entry: str, companion: str, rows: pd.Index) -> list[tuple[str, int]]:
        """The values of a companion that were among the best with this entry, and on how many of the rows.

        Most frequent first. On a tie for the best each value that reaches it counts.
        """
        own = self._names.index[self._names["entry"] == entry]
        medians = self._medians.loc[rows, own].to_numpy()
        reached = medians == np.fmax.reduce(medians, axis=1, initial=-np.inf)[:, None]
        values = self._names.loc[own, companion].to_numpy()
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
    named = [_names(configuration) for configuration in configurations.to_dict("records")]
    names = pd.DataFrame(named, columns=["k", "GEN", "GEN and k", "NORM", "AGG", *COLUMNS["AGG"]])
    names["entry"] = names[component]
    columns = COLUMNS[component]
    parts = names if component == "AGG" else configurations
    entries = parts[columns].set_index(pd.Index(names["entry"]))
    entries = entries[~entries.index.duplicated()].astype({"m": "Int64"} if "m" in columns else {})
    best = {
        entry: np.fmax.reduce(medians[own].to_numpy(), axis=1)
        for entry, own in names.groupby("entry", sort=False).groups.items()
    }
    others = names.drop_duplicates(["entry", *COMPANIONS[component]])
    entries["combinations"] = others.groupby("entry").size()
    accuracies = pd.DataFrame(best, index=medians.index, columns=entries.index, dtype=float)
    return Best(accuracies, entries, medians, names)


def gen_and_k(configuration: Mapping[str, Any]) -> str:
    """GEN with its k where there is a choice of it: "mean", "kmeans k=20"."""
    gen = configuration["gen"]
    return gen if gen in ONE_K else f"{gen} k={configuration['k']}"


def _names(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What tables call the parts of a configuration, and AGG under the one name of each rule."""
    norms = [configuration[name] for name in COLUMNS["NORM"]]
    agg = rule(configuration)
    one_nearest = agg.startswith("1-nn ")
    if agg == "1-nn inner_product":
        agg = "max"
    if agg == "max":
        parts = ("max", "inner_product", None, None)
    elif one_nearest:
        parts = ("mnn", configuration["distance"], None, 1)
    else:
        parts = tuple(configuration[name] for name in COLUMNS["AGG"])
    return {
        "k": "" if configuration["gen"] in ONE_K else str(configuration["k"]),
        "GEN": configuration["gen"],
        "GEN and k": gen_and_k(configuration),
        "NORM": "/".join(norms),
        "AGG": agg,
        **dict(zip(COLUMNS["AGG"], parts, strict=True)),
    }
