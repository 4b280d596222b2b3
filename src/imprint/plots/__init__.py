"""Figures of a study, found by name.

Most figures are drawn from three things:
scores: a row per cell (a configuration on one task), draw and seed: fm, task, family, d, draw, shots, norm_pre, gen,
    k, norm_post, norm_inf, agg, distance, weighting, m, seed, accuracy (0..1), and more that is not drawn.
collapse: a row per fm, task and draw: fm, task, family, d, draw, nc1, and more that is not drawn.
presets: published methods by name, each a mapping with label, norm_pre, gen, k, norm_post, norm_inf, agg, distance,
    weighting, m.
Figures of one FM and task (`Entry.data` is not `scores`) are drawn from a table that a job of its own made, from what it
says of itself, and from images: see `imprint.grid.tsne` and `imprint.grid.predictions`.

`FIGURES` maps each name to its entry (title and category for the report, `draw`). Importing this package is
cheap: matplotlib and pandas are imported by what draws.
"""

from imprint.plots import collapse, comparison, few_shot, over_d, over_k, predictions, tsne
from imprint.plots.registry import FIGURES, Entry, figure, find
from imprint.plots.style import save

__all__ = [
    "FIGURES",
    "Entry",
    "collapse",
    "comparison",
    "few_shot",
    "figure",
    "find",
    "over_d",
    "over_k",
    "predictions",
    "save",
    "tsne",
]
