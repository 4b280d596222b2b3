"""Time and memory of the summary, tables and figures of the paper's whole study, with made-up accuracies: about 400,000 rows.

    python -m benchmarks.presentation [--config config/paper.yaml]

Each is made in its own process, one after another, as in the workflow's jobs: start, read, select, draw, save.
Besides those that the experiments request, every other figure is made from the largest experiment that has its data.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clock import peak_gib
from benchmarks.options import new_parser
from benchmarks.runs import ROOT
from imprint.analysis.differences import JOINT
from imprint.analysis.frames import collect, compact, rows_of
from imprint.method.configuration import FIELDS
from imprint.method.presets import preset_rows
from imprint.method.score_names import TEST_SPLIT, TRAINING_SPLIT
from imprint.report.drawing.saving import save as save_figure
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from imprint.report.tables.writing import save as save_table
from imprint.store.frames import read_parquet, write_parquet
from imprint.study import selections
from imprint.study.grid import Group, Study
from imprint.study.load import load

WHOLE = "all"  # scores of the whole study
SETTINGS = sorted(
    {name for entry in (*FIGURES.values(), *TABLES.values()) for name in entry.settings}
)


def scores_of(study: Study) -> pd.DataFrame:
    """One row per run of the study; the accuracy grows with k and shots, falls with d, and has noise."""
    rng, frames = np.random.default_rng(0), []
    for fm, name, shots in study.groups:
        task = study.tasks[name]
        rows = [
            (draw, *configuration.columns().values(), seed)
            for configuration, seeds in study.cells(Group(fm, name, shots)).seeds.items()
            for draw in range(len(task.draws))
            for seed in seeds
        ]
        frame = pd.DataFrame(rows, columns=["draw", *FIELDS, "seed"])
        k = frame["k"].fillna(100).astype(float)
        lost = (
            0.02 * (task.d or 3) / np.minimum(k, task.d or 8)
            + 0.1 / (2000 if shots == "full" else int(shots)) ** 0.5
        )
        accuracy = np.clip(0.97 - lost + rng.normal(0, 0.005, len(frame)), 0, 1)
        measures = ("accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy", "macro_f1")
        head = {
            "fm": fm,
            "task": name,
            "family": task.family,
            "d": task.d,
            "datasets": JOINT.join(task.datasets),
            "draw": frame.pop("draw"),
            "shots": shots,
        }
        end = {**dict.fromkeys(measures, accuracy), "proxies": 10, "seconds": 0.1}
        frames.append(compact(pd.DataFrame({**head, **frame, **end})))
    return collect(frames)


def collapse_of(study: Study) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        {"fm": fm, "task": name, "family": task.family, "d": task.d, "draw": draw, "split": split, "nc1": 0.4 * (task.d or 4) * rng.uniform(0.8, 1.2)}
        for fm, name in study.fm_tasks()
        for task in [study.tasks[name]]
        for draw in range(len(task.draws))
        for split in (TRAINING_SPLIT, TEST_SPLIT)
    ]  # fmt: skip
    measures = dict.fromkeys(("nc1_released", "vci", "trace_w", "trace_b"), 0.5)
    return compact(
        pd.DataFrame(rows).assign(
            classes=10, samples=1000, test_samples=1000, rank_w=9, rank_b=9, **measures
        )
    )


def fms_of(scores: pd.DataFrame) -> pd.DataFrame:
    names = scores["fm"].unique().astype(str)
    constant = {
        "model": "resnet18",
        "input_size": "224x224",
        "precision": "float32",
        "device": "cpu",
    }
    numbers = {"dimensions": 512, "parameters": 11_000_000, "images_per_second": 40.0, "threads": 2}
    return pd.DataFrame({"fm": names, **constant, **numbers})


def job(folder: Path, kind: str, name: str, experiment: str) -> None:
    """Do the work of one job; print its peak memory."""
    scores, collapse = (
        read_parquet(folder / f"{table}.parquet") for table in (experiment, "collapse")
    )
    if kind == "summary":
        from imprint.analysis import summary

        summary.lines(scores, collapse, preset_rows())
    else:
        selection, settings = json.loads((folder / "experiments.json").read_text())[experiment]
        scores, collapse = rows_of(scores, selection), rows_of(collapse, selection)
        stem = folder / f"{experiment}-{name}"
        entry = (FIGURES if kind == "figure" else TABLES)[name]
        inputs = [scores, collapse, preset_rows(), *([fms_of(scores)] if entry.needs_fms else [])]
        settings = {key: settings[key] for key in entry.settings}
        if kind == "figure":
            save_figure(FIGURES[name].draw(*inputs, **settings), stem)
        else:
            save_table(TABLES[name].make(*inputs, **settings), stem)
    print(1024 * peak_gib())


def _in_files(study: Study, scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of the score files that the jobs of each experiment read: those of its FMs, tasks and shots."""
    keys = ["fm", "task", "shots"]
    of_rows = pd.MultiIndex.from_frame(scores[keys].astype(str))
    for name, experiment in study.config.experiments.items():
        groups = [g for each in (name, *experiment.also) for g in study.experiment_groups(each)]
        yield name, scores[of_rows.isin([tuple(map(str, group)) for group in groups])]


def filling(
    figure: str, by_experiment: dict[str, pd.DataFrame], collapse: pd.DataFrame
) -> list[str]:
    """The experiments that have the data of a figure, those with most rows first."""
    filled = []
    for name in sorted(by_experiment, key=lambda name: -len(by_experiment[name])):
        missing: list[str] = []
        fms = [fms_of(by_experiment[name])] if FIGURES[figure].needs_fms else []
        FIGURES[figure].draw(
            by_experiment[name], collapse, preset_rows(), *fms, missing=missing.append
        )
        filled += [] if missing else [name]
    return filled


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--config", default=str(ROOT / "config/paper.yaml"))
    parser.add_argument(
        "--job", nargs=4, metavar=("FOLDER", "KIND", "NAME", "EXPERIMENT"), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    if options.job:
        job(Path(options.job[0]), *options.job[1:])
        return
    study = load([options.config])
    experiments = study.config.experiments
    jobs = [("summary", "summary", WHOLE)]
    jobs += [("table", table, name) for name, e in experiments.items() for table in e.tables]
    jobs += [("figure", figure, name) for name, e in experiments.items() for figure in e.figures]
    jobs = [
        (kind, what, name)
        for kind, what, name in jobs
        if kind != "figure" or not FIGURES[what].shows_one_task
    ]
    with tempfile.TemporaryDirectory() as folder:
        scores, collapse = scores_of(study), collapse_of(study)
        by_experiment = {
            name: rows_of(scores, selections.selection(study, name)) for name in experiments
        }
        asked = {what for _, what, _ in jobs}
        for figure in (f for f in FIGURES.names(shows_one_task=False) if f not in asked):
            jobs += [
                ("figure", figure, name) for name in filling(figure, by_experiment, collapse)[:1]
            ]
        write_parquet(Path(folder, f"{WHOLE}.parquet"), scores, "{}")
        write_parquet(Path(folder, "collapse.parquet"), collapse, "{}")
        for name, rows in _in_files(study, scores):
            write_parquet(Path(folder, f"{name}.parquet"), rows, "{}")
        choices = {
            name: [selections.selection(study, name), selections.settings(study, name, SETTINGS)]
            for name in experiments
        }
        Path(folder, "experiments.json").write_text(json.dumps(choices))
        print(f"{len(scores):,} rows")
        total = peak = 0.0
        for one in jobs:
            start = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.presentation", "--job", folder, *one]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, memory = time.perf_counter() - start, float(output)
            total, peak = total + seconds, max(peak, memory)
            print(
                f"{one[0]:8} {one[1]:26} {one[2]:24} {len(by_experiment.get(one[2], scores)):8,} rows {seconds:6.1f} s {memory:6.0f} MB"
            )
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = children.ru_utime + children.ru_stime
        print(
            f"{len(jobs)} jobs one after another: {total:.0f} s, {used:.0f} s of processor, at most {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
