"""Figures of a study. `FIGURES` holds them by name; each is one function, in a module of its own or with others of its kind.

A figure of an experiment is drawn from:

scores
    A row per cell (a method on one task), draw and seed: fm, task, family, d, draw, shots, norm_pre, gen, k,
    norm_post, norm_inf, agg, distance, weighting, m, seed, accuracy (0 to 1), proxies (of all classes), seconds (of generation), and columns
    that are not drawn.
collapse
    A row per fm, task and draw: fm, task, family, d, draw, split, nc1, test_samples, training_samples, and columns that are
    not drawn.
presets
    The named methods: `imprint.method.presets.preset_rows`.
fms, for figures with `needs_fms`
    A row per FM: fm, model, dimensions, parameters, images_per_second, device, threads: `imprint.study.jobs.fms`.

A figure of one FM and task is drawn from the table that its entry names, from the description in the file of this table,
with fm and task added, and from images: `imprint.study.jobs.tsne`, `predictions` and `samples` make these tables.

Importing this package is cheap: matplotlib and pandas are imported by the functions that draw.
"""

from imprint.report.figures import (  # noqa: F401  (each registers its figures)
    accuracy_over_k,
    accuracy_over_k_by_d,
    best_k_over_d,
    confusion,
    critical_difference,
    few_shot,
    fms,
    gain_over_nc1,
    gallery,
    generation_time,
    nc1_over_d,
    published_methods,
    training_images,
    tsne,
)
from imprint.report.registry import FIGURES, figure

__all__ = ["FIGURES", "figure"]
