"""Accuracy by FM, task, GEN and k."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.analysis.gens import with_k_labels
from imprint.analysis.matrices import with_few_shots
from imprint.analysis.selection import accuracy_over_k as accuracies_over_k
from imprint.report.registry import Presets, table
from imprint.report.tables.layout import sorted_naturally

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"fm": "FM", "gen": "GEN"}
HEADINGS = {"mean": "mean (%)", "low": "lowest (%)", "high": "highest (%)"}


@table("accuracy_over_k", title="Accuracy over the number of proxies", category="Proxies per class")
def accuracy_over_k(scores: pd.DataFrame, collapse: pd.DataFrame, presets: Presets) -> pd.DataFrame:
    """Mean, lowest and highest accuracy over seeds and draws by FM, task, GEN and k, and the NORM and AGG shown."""
    rows, configuration = accuracies_over_k(scores)
    keys = ["fm", "task", "gen", "k"]
    rows = with_k_labels(sorted_naturally(rows, keys))
    others = rows["norm"] + with_few_shots(scores)
    rows["configuration"] = others.where(rows["norm"] != "", configuration)
    return rows[[*keys, *HEADINGS, "runs", "configuration"]].rename(columns=NAMES | HEADINGS)
