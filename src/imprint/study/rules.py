"""Names of the workflow's rules, which no experiment may have: `snakemake NAME` runs the one or the other."""

from __future__ import annotations

from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES

RULES = (
    "adopt",
    "all",
    "collapse",
    "collapses",
    "dataset",
    "download",
    "embed",
    "embed_shard",
    "evaluate",
    "experiment_report",
    "explorer",
    "fms",
    "head",
    "predictions",
    "pretrain",
    "proxies",
    "report",
    "samples",
    "scores",
    "study",
    "summary",
    "tsne",
    "weights",
    "workflow_report",
)


def rule_names() -> set[str]:
    """All names of rules; each figure and table has one of its own."""
    figures, tables = (f"figure_{name}" for name in FIGURES), (f"table_{name}" for name in TABLES)
    return {*RULES, *figures, *tables}
