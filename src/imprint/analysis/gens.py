"""The GENs in a frame of scores: whether they have a choice of k, and whether they and their NORMs see all classes.

A frame may also hold GENs from a user's file. This file is not loaded for the analysis, so their rows decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.method.configuration import Auto
from imprint.method.generate import GENERATORS
from imprint.method.normalize import chain

if TYPE_CHECKING:
    import pandas as pd

KMEANS = "kmeans"
# GENs whose proxies are those of another GEN with k = 1
SAME_WITH_ONE = {"mean": KMEANS, "ls": "kls"}


def gens_without_k(frame: pd.DataFrame) -> list[str]:
    """The GENs without a choice of k in a frame with columns gen and k.

    For GENs of the library their properties decide; any other GEN is included if its only k is 1 or missing.
    """
    without = []
    for gen, ks in frame.groupby("gen", observed=True, sort=False)["k"]:
        if not has_choice_of_k(str(gen), ks):
            without.append(str(gen))
    order = list(GENERATORS)
    return sorted(without, key=lambda gen: order.index(gen) if gen in order else len(order))


def has_choice_of_k(gen: str, ks: Iterable[Any] = ()) -> bool:
    """Whether a GEN has a choice of k; `ks` are those that it was run with."""
    import pandas as pd

    if gen in GENERATORS:
        return GENERATORS[gen].takes_k
    distinct = {None if pd.isna(k) else k for k in ks}
    return not (len(distinct) == 1 and distinct <= {None, 1})


def gens_of_all_classes() -> tuple[str, ...]:
    """The GENs of the library whose proxies depend on the samples of all classes: least squares."""
    return GENERATORS.names(sees_all_classes=True)


def sees_all_classes(gen: str, norms: Iterable[str]) -> bool | None:
    """Whether a GEN or a NORM is fitted to the samples of all classes, or a NORM sees all proxies; None if one is not registered."""
    try:
        steps = [step.entry for norm in norms for step in chain(norm).steps]
        generator = GENERATORS.find(gen)
    except UserError:
        return None
    return generator.sees_all_classes or any(step.fitted or step.proxies for step in steps)


def gens_made_at_once(frame: pd.DataFrame) -> list[str]:
    """The GENs of a frame (columns gen and k) that make several k at once, so that no k has a time of its own."""
    distinct = frame.groupby("gen", observed=True)["k"].nunique()
    several = [str(gen) for gen, count in distinct.items() if count > 1]
    return [gen for gen in several if gen in GENERATORS and GENERATORS[gen].at_once]


def k_in_words(gen: str, k: Any) -> str:
    """The number of proxies per class, as in sentences: "k = 20", "k = auto", "all samples".

    It is empty for a GEN that is not registered and has no k: such a GEN may take all samples.
    """
    import pandas as pd

    if gen not in GENERATORS:
        return "" if pd.isna(k) else f"k = {k}"
    if GENERATORS[gen].chooses_method:
        return f"k = {Auto.label}"
    only = GENERATORS[gen].only_k
    if only is not None and only.column is None:
        return "all samples"
    return f"k = {Auto.label if pd.isna(k) else k}"


def with_k_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows (columns gen and k) with k as tables write it: a number, "auto", or empty for a GEN without a choice of k."""
    ks = frame["k"].astype(object).where(frame["k"].notna(), Auto.label).astype(str)
    return frame.assign(k=ks.mask(frame["gen"].isin(gens_without_k(frame)), ""))


def shown_gen(gens: pd.Series) -> str:
    """The GEN that a figure of one GEN shows: k-means if it was run, else the one with most rows."""
    if gens.empty or (gens == KMEANS).any():
        return KMEANS
    return str(gens.mode().iloc[0])
