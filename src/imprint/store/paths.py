"""Paths of the files of a study; no other module defines them.

Functions take the folder of the results and names such as that of the FM; a rule passes wildcards in braces.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imprint.errors import UserError

DOWNLOADS = "downloads"
MANIFEST = "manifest.json"
LOGS = "logs"
REPORTS = "reports"
# folders below the results that jobs write to; other files are not theirs
FOLDERS = (
    DOWNLOADS,
    "data",
    "fms",
    "embeddings",
    "proxies",
    "scores",
    "collapse",
    "tables",
    "figures",
    "heads",
    REPORTS,
)
# meaning of the folders and the file name in the path of each kind of results
_NAMED_BY_PATH = {
    "embeddings": ("fm", "dataset", "split"),
    "proxies": ("fm", "task", "shots", "gen"),
    "scores": ("fm", "task", "shots", "agg"),
    "collapse": ("fm", "task"),
}


def downloads_folder(results: str | Path, dataset: str) -> Path:
    """The folder of a downloaded dataset."""
    return Path(results, DOWNLOADS, dataset)


def manifest_file(results: str | Path, dataset: str) -> Path:
    """The description of a prepared dataset."""
    return Path(results, "data", dataset, MANIFEST)


def weights_file(results: str | Path, fm: str) -> Path:
    """Weights of an FM that were downloaded or pre-trained."""
    return Path(results, "fms", f"{fm}.safetensors")


def embeddings_file(results: str | Path, fm: str, dataset: str, split: str) -> Path:
    """Embeddings of one split of one dataset by one FM."""
    return Path(results, "embeddings", fm, dataset, f"{split}.h5")


def shard_file(
    results: str | Path, fm: str, dataset: str, split: str, shard: int | str, shards: int | str
) -> Path:
    """Rows of one shard of a split, until they are joined."""
    return Path(results, "embeddings", fm, dataset, f"{split}.{shard}-of-{shards}.rows")


def _note(output: str | Path, kind: str) -> Path:
    """A note beside an output, in a hidden file."""
    return Path(output).with_name(f".{Path(output).name}.{kind}")


def measurements_note(output: str | Path) -> Path:
    """The note beside an output with the measurements of its job."""
    return _note(output, "measured")


def record_file(output: str | Path) -> Path:
    """The note beside the first output of a job that says what it was made from."""
    return _note(output, "record")


def results_id_file(results: str | Path) -> Path:
    """The file with the id of the results, which their working directory knows if all of them were made there."""
    return Path(results, LOGS, "id")


def shard_measurements(embeddings: str | Path) -> list[Path]:
    """The measurement notes of the shards of a file of embeddings; they stay when the shards are deleted."""
    path = Path(embeddings)
    pattern = measurements_note(shard_file("", "", "", glob.escape(path.stem), "*", "*")).name
    return sorted(path.parent.glob(pattern))


def proxies_file(results: str | Path, fm: str, task: str, shots: str, gen: str) -> Path:
    """Proxies of one GEN."""
    return Path(results, "proxies", fm, task, shots, f"{gen}.h5")


def scores_file(results: str | Path, fm: str, task: str, shots: str, agg: str) -> Path:
    """Scores of one AGG."""
    return Path(results, "scores", fm, task, shots, f"{agg}.parquet")


def collapse_file(results: str | Path, fm: str, task: str) -> Path:
    """Neural collapse of one FM and task."""
    return Path(results, "collapse", fm, f"{task}.parquet")


def figure_data_file(results: str | Path, experiment: str, fm: str, task: str, data: str) -> Path:
    """The data of figures of one FM and task."""
    return Path(results, "figures", experiment, fm, task, f"{data}.parquet")


def all_scores(results: str | Path) -> Path:
    """The scores of all cells of the study."""
    return Path(results, "scores.parquet")


def all_collapse(results: str | Path) -> Path:
    """Neural collapse of all FMs and tasks."""
    return Path(results, "collapse.parquet")


def all_fms(results: str | Path) -> Path:
    """Size and speed of all FMs of the study."""
    return Path(results, "fms.parquet")


def report_text(results: str | Path) -> Path:
    """The opening of the report, as reStructuredText."""
    return Path(results, "summary.rst")


def summary_file(results: str | Path) -> Path:
    """A summary of the study and its best methods, in a few lines."""
    return Path(results, "summary.txt")


def running_file(results: str | Path) -> Path:
    """The note that exists while a run is in progress."""
    return Path(results, LOGS, "running.json")


def report_file(results: str | Path) -> Path:
    """The report."""
    return Path(results, "report.html")


def experiment_report_file(results: str | Path, experiment: str) -> Path:
    """The report page of one experiment."""
    return Path(results, REPORTS, f"{experiment}.html")


def workflow_report_file(results: str | Path) -> Path:
    """Snakemake's own report: rules, run times, software."""
    return Path(results, "workflow-report.html")


def explorer_file(results: str | Path) -> Path:
    """The page on which all scores can be explored."""
    return Path(results, "explore.html")


def table_file(results: str | Path, experiment: str, table: str, suffix: str) -> Path:
    """A table of an experiment in one format."""
    return Path(results, "tables", experiment, f"{table}.{suffix}")


def figure_file(results: str | Path, experiment: str, figure: str, suffix: str) -> Path:
    """A figure of an experiment; one of a single FM and task is named `fm/task/figure`."""
    return Path(results, "figures", experiment, f"{figure}.{suffix}")


def head_file(
    results: str | Path, experiment: str, fm: str, task: str, shots: str, suffix: str
) -> Path:
    """The best head of one FM and task."""
    return Path(results, "heads", experiment, fm, task, f"{shots}.{suffix}")


def check_path(path: str | Path, provenance: Mapping[str, Any]) -> None:
    """Compare the provenance of a file with its path, to detect files that were moved or copied there.

    Parameters
    ----------
    path : path
        The file; a file outside the folders of results passes.
    provenance : mapping
        Its provenance; names that are not in it are not compared.

    Raises
    ------
    UserError
        If they differ.
    """
    parts = Path(path).with_suffix("").parts
    for kind, names in _NAMED_BY_PATH.items():
        if len(parts) <= len(names) or parts[-len(names) - 1] != kind:
            continue
        expected = dict(zip(names, parts[-len(names) :], strict=True))
        recorded = {**provenance, **(provenance.get("spec") or {})}
        for name, value in expected.items():
            if name in recorded and str(recorded[name]) != value:
                raise UserError(
                    f"{path} belongs to another {name}: {recorded[name]}, not {value}; it was moved or copied there. "
                    "Delete it and run again"
                )
