"""Summary of a comparison of heads, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.estimator.wording import row_in_words
from imprint.method.metrics import wilson_interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


# ratio of the largest to the smallest class from which the balanced accuracy is reported
UNEVEN = 2


def verdict(table: pd.DataFrame, counts: np.ndarray) -> str:
    """Summarise a comparison of heads in a few sentences: the best, those level with it, those below it.

    Parameters
    ----------
    table : DataFrame
        From `compare_fms`. The best method of each FM is reported or, without the column `fm`, the named methods.
    counts : ndarray of shape (C,)
        Number of samples of each class.
    """
    best = table.iloc[0]
    several_fms = "fm" in table
    reported = table[~table["fm"].duplicated()] if several_fms else table[table["name"].notna()]
    others = reported[reported.index != table.index[0]]
    level, below = [], []
    for _, row in others.iterrows():
        name = row["fm"] if several_fms else head_in_words(row.to_dict())
        points = -100 * row["difference"]
        between = f" ({-100 * row['high']:z.1f} to {-100 * row['low']:z.1f})" if several_fms else ""
        if row["level"]:
            level.append(f"{name}, {points:z.1f} points below{between}" if several_fms else name)
        else:
            below.append(f"{name} by {points:.1f} points{between}")
    text = f"Best here: {_with_fm(best)}, {100 * best['accuracy']:.1f}%."
    if level:
        text += f" Level with it, as far as these images tell: {'; '.join(level)}."
    if below:
        text += f" Below it: {'; '.join(below)}."
    return text + _about_guessing(table, counts)


def _about_guessing(table: pd.DataFrame, counts: np.ndarray) -> str:
    """Sentences on what guessing the largest class gives, and on classes of uneven sizes."""
    best, total = table.iloc[0], int(counts.sum())
    guessing, uneven = counts.max() / total, are_uneven(counts)
    share = f"always naming {'the largest' if uneven else 'one'} class is right in {100 * guessing:.1f}%"
    text = ""
    if wilson_interval(best["accuracy"], total)[0] <= guessing:
        text = f" The best is no better than guessing, as far as these images tell: {share}."
    elif uneven:
        text = f" Classes differ in size: {share}."
    if not uneven:
        return text
    balanced = table.iloc[table["balanced_accuracy"].argmax()]
    share = f"{100 * balanced['balanced_accuracy']:.1f}%"
    text += f" With each class counted the same, the best is {_with_fm(balanced)}, {share}"
    if balanced["balanced_accuracy"] > best["balanced_accuracy"]:
        text += f"; the one above has {100 * best['balanced_accuracy']:.1f}%"
    return f"{text}."


def are_uneven(counts: np.ndarray) -> bool:
    """Whether classes have such different sizes (C,) that accuracy depends mostly on the large ones."""
    return bool(counts.max() >= UNEVEN * counts.min())


def _with_fm(row: pd.Series) -> str:
    """The head of a row, after its FM if there are several."""
    fm = f"{row['fm']} with " if "fm" in row else ""
    return fm + head_in_words(row.to_dict())


def head_in_words(row: Mapping[Any, Any]) -> str:
    """The head of a row: `5 whitened k-means centres`, `LDA (reference)`, `class means (Qi et al. 2018)`."""
    name = row["name"] if isinstance(row["name"], str) else ""
    if row["reference"] and name:
        return name
    published = f" ({name})" if name[-4:].isdigit() else ""
    return row_in_words(row) + published + (" (reference)" if row["reference"] else "")
