"""What a comparison of heads says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def verdict(table: pd.DataFrame) -> str:
    """What a comparison of heads says, in a few sentences: the best, which are level with it, which are not.

    table: of `compare_heads`, whose named methods are told, or of `compare_fms`: each FM with its best method.
    """
    best = table.iloc[0]
    several_fms = "fm" in table
    told = table[~table["fm"].duplicated()] if several_fms else table[table["name"].notna()]
    others = told[told.index != table.index[0]]
    names = [row["fm"] if several_fms else row["name"] for _, row in others.iterrows()]
    is_level = (others["high"] >= 0).tolist()
    level = [name for name, near in zip(names, is_level, strict=True) if near]
    below = [
        f"{name} by {-100 * points:.1f} points"
        for name, near, points in zip(names, is_level, others["difference"], strict=True)
        if not near
    ]
    fm = f"{best['fm']} with " if several_fms else ""
    text = f"Best here: {fm}{_in_words(best)}, {100 * best['accuracy']:.1f}%."
    if level:
        text += f" Level with it, as far as these images tell: {', '.join(level)}."
    if below:
        text += f" Below it: {', '.join(below)}."
    return text


def _in_words(row: pd.Series) -> str:
    if row["name"] is not None and row["name"] == row["name"]:
        return str(row["name"])
    norms = "/".join(row[f"norm_{step}"] for step in ("pre", "post", "inf"))
    k = "" if row["k"] is None or row["k"] != row["k"] else f" k={row['k']}"
    return f"{row['gen']}{k}, NORM {norms}, {row['agg']} {row['distance']}"
