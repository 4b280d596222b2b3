"""Tables of a study, found by name, with numbers rounded for reading.

A table is made from what a figure is drawn from (see `imprint.plots`): scores, collapse, presets; its presets also
carry `published`, the mean accuracy (%) in the paper, over 4 FMs x 12 tasks. It comes back as a frame of exact
numbers whose column `note` says in its first row what a reader must know; `save` rounds the numbers and sets the
note below the table. Importing this package is cheap: pandas is imported by what makes a table.
"""

from imprint.tables import choice, components, measures, methods
from imprint.tables.registry import TABLES, Entry, find, table
from imprint.tables.writing import save

__all__ = ["TABLES", "Entry", "choice", "components", "find", "measures", "methods", "save", "table"]
