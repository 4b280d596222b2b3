"""Summary of a comparison of heads, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imprint.estimator.wording import row_in_words

if TYPE_CHECKING:
    import pandas as pd


def verdict(table: pd.DataFrame) -> str:
    """Summarise a comparison of heads in a few sentences: the best, those level with it, those below it.

    table: from `compare_fms`. Reports the best method of each FM or, without the column `fm`, the named methods.
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
        if is_level(row):
            level.append(f"{name}, {points:z.1f} points below{between}" if several_fms else name)
        else:
            below.append(f"{name} by {points:.1f} points{between}")
    fm = f"{best['fm']} with " if several_fms else ""
    text = f"Best here: {fm}{head_in_words(best.to_dict())}, {100 * best['accuracy']:.1f}%."
    if level:
        text += f" Level with it, as far as these images tell: {'; '.join(level)}."
    if below:
        text += f" Below it: {'; '.join(below)}."
    return text


def is_level(row: Mapping[str, Any] | pd.Series) -> bool:
    """Whether the interval of a row's difference from the best includes 0."""
    return bool(row["high"] >= 0)


def head_in_words(row: Mapping[Any, Any]) -> str:
    """The head of a row: `5 whitened k-means centres`, `LDA (reference)`, `class means (Qi et al. 2018)`."""
    name = row["name"] if isinstance(row["name"], str) else ""
    if row["reference"] and name:
        return name
    published = f" ({name})" if name[-4:].isdigit() else ""
    return row_in_words(row) + published + (" (reference)" if row["reference"] else "")
