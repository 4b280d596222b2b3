"""Tables of a study. `TABLES` holds them by name; each is one function, in a module of its own or with others of its kind.

A table is made from the same data as a figure (see `imprint.report.figures`): scores, collapse and presets, and some tables also
from FMs. `published` of a preset is the mean accuracy (%) in the paper, over 4 FMs x 12 tasks. A table is a frame of unrounded
numbers, with remarks for the reader in the first row of its column `note`. `imprint.report.tables.writing` rounds the numbers and
writes the note below the table.

Importing this package is cheap: pandas is imported by the functions that make a table.
"""

from imprint.report.registry import TABLES, table
from imprint.report.tables import (  # noqa: F401  (each registers its tables)
    accuracy_over_k,
    choice_of_k,
    component_ranking,
    configurations,
    fms,
    neural_collapse,
    published_methods,
    runtime,
    statistics,
)

__all__ = ["TABLES", "table"]
