"""Rankings of the entries of one component of a method: of GENs, NORMs or AGGs.

An entry is run with many companions, that is, choices of the other components: a GEN with several k, NORM and AGG. `rank_by`
of the experiment says which configuration represents an entry:

configuration
    One configuration for all (FM, task), as in the paper. Every configuration is ranked within each (FM, task), and the one
    of each entry with the best mean rank is kept.
best_companions
    The best configuration on each (FM, task), so that companions may change from one (FM, task) to the next.

Either is chosen on the test data that also score it or, with `select_on: validation`, on a part of the training samples.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from imprint.analysis.gens import with_k_labels
from imprint.analysis.hypothesis_tests import DIGITS
from imprint.analysis.matrices import NORM, chosen_on, with_criterion
from imprint.analysis.natural_order import natural
from imprint.analysis.ranking import are_enough, merged, merged_note, ranks
from imprint.analysis.selection import BEST_PRODUCT, agg_in_words
from imprint.method.configuration import INNER_PRODUCT, MAX, MNN
from imprint.method.score_names import VALIDATION

if TYPE_CHECKING:
    import pandas as pd

BY_CONFIGURATION, BY_COMPANIONS = RANK_BY = ("configuration", "best_companions")
COLUMNS = {
    "GEN": ["gen"],
    "NORM": NORM,
    "AGG": ["agg", "distance", "weighting", "m"],
}
COMPANIONS = {
    "GEN": ["k", "NORM", "AGG"],
    "NORM": ["GEN and k", "AGG"],
    "AGG": ["GEN and k", "NORM"],
}


@dataclass(frozen=True, eq=False)
class KeptConfigurations:
    """Each entry of a component, represented by the configuration that is kept for it.

    accuracies: a row per (fm, task) of the ranking, a column per entry, best mean rank first: the median accuracy (0..1)
    of its configuration on test data.
    entries: a row per entry in that order: the columns of the component; `mean_rank` of its configuration among all, on test
    data; `configurations`, the number of those ranked for it and its equals; and the companions that are kept.
    configurations: a row per entry: all fields of its configuration.
    equal: for an entry, those with equal accuracies on every (FM, task); they have no row of their own.
    ranked: number of ranked configurations.
    notes: what was left out, in sentences.
    """

    accuracies: pd.DataFrame
    entries: pd.DataFrame
    configurations: pd.DataFrame
    equal: Mapping[str, tuple[str, ...]]
    ranked: int
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class BestCompanions:
    """Each entry of a component with its best companions on each (FM, task).

    accuracies: a row per (fm, task), a column per entry: the median accuracy (0..1) with the best companions, NaN where the
    entry was not run.
    entries: a row per entry: the columns of the component, and `combinations`, the number of companions it was run with.
    """

    accuracies: pd.DataFrame
    entries: pd.DataFrame
    _criterion: pd.DataFrame
    _names: pd.DataFrame

    def companions(self, entry: str, companion: str, rows: pd.Index) -> list[tuple[str, float]]:
        """The values of a companion that were best with this entry, each with the number of rows, most frequent first.

        If several values tie on a row, each gets an equal share of it.
        """
        methods = self._names.index[self._names["entry"] == entry]
        medians = self._criterion.loc[rows, methods].to_numpy()
        best = np.fmax.reduce(medians, axis=1, initial=-np.inf)[:, None]
        values = self._names.loc[methods, companion].to_numpy()
        distinct = sorted(filter(None, set(values)), key=natural)
        reached = [(medians[:, values == value] == best).any(axis=1) for value in distinct]
        shares = np.array(reached) / np.maximum(np.sum(reached, axis=0), 1)
        counts = [
            (value, float(share.sum())) for value, share in zip(distinct, shares, strict=True)
        ]
        return sorted([pair for pair in counts if pair[1]], key=lambda pair: -round(pair[1], 9))


def kept_configurations(scores: pd.DataFrame, component: str) -> KeptConfigurations:
    """Each GEN, NORM or AGG (the component), represented by its configuration with the best mean rank; k belongs to GEN.

    Notes
    -----
    Ranks are comparable only over the same (FM, task) and configurations. An entry counts as run on the (FM, task) of its
    configuration with the most of them. An entry that was run on less than half as many as another is left out. The
    ranking is over the (FM, task) of all other entries, and of the configurations that were run on all of these.

    Ties in mean rank go to the configuration with the higher mean accuracy, then to the first in the scores.
    """
    import pandas as pd

    configurations, medians, criterion = with_criterion(scores)
    names = _names_of(configurations, component)
    run = medians.notna().to_numpy(bool).T  # a row per configuration
    known = run & criterion.notna().to_numpy(bool).T
    counts = pd.Series(known.sum(axis=1), names.index)
    most = counts.groupby(names["entry"], sort=False).max()
    enough = are_enough(most)
    considered: np.ndarray = names["entry"].map(enough).astype(bool).to_numpy()
    fullest = counts[considered].groupby(names["entry"][considered], sort=False).idxmax()
    pairs = np.logical_and.reduce(known[fullest], axis=0, initial=len(fullest) > 0)
    unscored = np.logical_and.reduce(run[fullest], axis=0, initial=len(fullest) > 0) & ~pairs
    ranked: np.ndarray = considered & known[:, pairs].all(axis=1)

    chosen = criterion.loc[pairs].loc[:, ranked].round(DIGITS)
    scored = medians.loc[pairs].loc[:, ranked]
    order = pd.DataFrame({"rank": ranks(chosen).mean(), "mean": -chosen.mean()})
    order = order.assign(entry=names["entry"]).sort_values(["rank", "mean"], kind="stable")
    kept = order[~order["entry"].duplicated()]
    mean_rank, accuracy = ranks(scored).mean()[kept.index], scored.round(DIGITS).mean()[kept.index]
    best_first = np.lexsort((-accuracy.to_numpy(), mean_rank.to_numpy()))
    methods = kept.index[best_first]
    labels = pd.Index(names.loc[methods, "entry"])
    accuracies, equal = merged(scored[methods].set_axis(labels, axis="columns"))
    methods = methods[labels.isin(accuracies.columns)]
    labels = accuracies.columns

    entries = names.loc[methods, COLUMNS[component]]
    entries = entries.join(names.loc[methods, COMPANIONS[component]]).set_index(labels)
    entries["mean_rank"] = mean_rank[methods].to_numpy()
    counted = order["entry"].value_counts()
    entries["configurations"] = [
        counted[[entry, *equal.get(entry, ())]].sum() for entry in entries.index
    ]
    return KeptConfigurations(
        accuracies=accuracies,
        entries=entries,
        configurations=configurations.loc[methods].set_index(labels),
        equal=equal,
        ranked=int(ranked.sum()),
        notes=(
            *_few_pairs(most, enough, chosen_on(scores) == VALIDATION),
            *_left_out(component, pairs, unscored, considered, ranked),
            *merged_note(equal),
        ),
    )


def _few_pairs(most: pd.Series, enough: pd.Series, on_validation: bool) -> Iterator[str]:
    if not enough.all():
        few = ", ".join(f"{entry} ({most[entry]})" for entry in most.index[~enough])
        lacking = "with accuracies on validation samples" if on_validation else "run"
        yield f"Left out, {lacking} on less than half of the (FM, task): {few}."


def _left_out(
    component: str,
    pairs: np.ndarray,
    unscored: np.ndarray,
    considered: np.ndarray,
    ranked: np.ndarray,
) -> Iterator[str]:
    """What a ranking leaves out; `unscored`: (FM, task) that were run, but lack accuracies on validation samples."""
    if missing := int((~pairs & ~unscored).sum()):
        yield f"{missing} (FM, task) left out, where some {component} was not run."
    if missing := int(unscored.sum()):
        yield f"{missing} (FM, task) left out, where some {component} has no accuracy on validation samples."
    if lacking := int((considered & ~ranked).sum()):
        yield (
            f"{lacking} of {int(considered.sum())} configurations left out, which lack some of the "
            "(FM, task)."
        )


def best_of_others(scores: pd.DataFrame, component: str) -> BestCompanions:
    """Each GEN, NORM or AGG (the component) with its best companions on each (FM, task); k belongs to GEN.

    The nearest-proxy rule is one entry, whether run as `max` with a distance or as `mnn` with m = 1.
    """
    import pandas as pd

    configurations, medians, criterion = with_criterion(scores)
    names = _names_of(configurations, component)
    entries = names[COLUMNS[component]].set_index(pd.Index(names["entry"]))
    entries = entries[~entries.index.duplicated()]
    best = {
        entry: _accuracy_of_best(medians[methods].to_numpy(), criterion[methods].to_numpy())
        for entry, methods in names.groupby("entry", sort=False).groups.items()
    }
    others = names.drop_duplicates(["entry", *COMPANIONS[component]])
    entries["combinations"] = others.groupby("entry").size()
    accuracies = pd.DataFrame(best, index=medians.index, columns=entries.index, dtype=float)
    return BestCompanions(accuracies, entries, criterion, names)


def _accuracy_of_best(accuracies: np.ndarray, criterion: np.ndarray) -> np.ndarray:
    """(n,) accuracy of the method with the largest criterion in each row; inputs are (n, methods), NaN where missing."""
    known = ~np.isnan(criterion)
    best = np.where(known, criterion, -np.inf).argmax(axis=1)
    of_best: np.ndarray = accuracies[np.arange(len(best)), best]
    return np.where(known.any(axis=1), of_best, np.nan)


def _names_of(configurations: pd.DataFrame, component: str) -> pd.DataFrame:
    """A row per configuration: its choices as tables write them, and the entry of the component that it belongs to."""
    import pandas as pd

    records = cast("list[dict[str, Any]]", with_k_labels(configurations).to_dict("records"))
    columns = ["k", "GEN", "GEN and k", "NORM", "AGG", *itertools.chain(*COLUMNS.values())]
    names = pd.DataFrame([_names(configuration) for configuration in records], columns=columns)
    return names.astype({"m": "Int64"}).assign(entry=names[component])


def _names(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration, whose k is a label, as tables write them, with one name for each rule of AGG."""
    gen, k = configuration["gen"], configuration["k"]
    agg = agg_in_words(configuration)
    fields: tuple[Any, ...] = tuple(configuration[name] for name in COLUMNS["AGG"])
    if agg in (BEST_PRODUCT, f"1-nn {INNER_PRODUCT}"):
        agg, fields = BEST_PRODUCT, (MAX, INNER_PRODUCT, None, None)
    elif agg.startswith("1-nn "):
        fields = (MNN, configuration["distance"], None, 1)
    return {
        "k": k,
        "GEN": gen,
        "GEN and k": f"{gen} k={k}" if k else gen,
        "NORM": "/".join(configuration[name] for name in COLUMNS["NORM"]),
        "AGG": agg,
        **{name: configuration[name] for name in (*COLUMNS["GEN"], *COLUMNS["NORM"])},
        **dict(zip(COLUMNS["AGG"], fields, strict=True)),
    }
