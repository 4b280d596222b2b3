"""Cost of adding one k to a finished study, against computing only its new cells.

    python -m benchmarks.increment [--embeddings FOLDER] [--rounds 3]

60,000 training and 10,000 test embeddings of 512 values in 10 classes, or train.h5 and test.h5 of FOLDER; k-means with
k = 1, 5 and 20, mean and all, under both NORMpre, max and m nearest neighbours, three seeds. After the study is finished,
k = 10 is added, and `snakemake study` is timed. A run with nothing to do is timed as well: Snakemake's start. The new cells alone
are the proxies of k = 10 and their scores, computed in one process that reads the embeddings; it is timed from its start, and
without its imports. Each round starts from the finished study and times everything again. Bar: the edit takes no more than 1.3
times the new cells and the start together.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.options import new_parser
from benchmarks.runs import configure, run

KS = [1, 5, 20]
NEW = 10
GRID = {
    "norm_pre": ["none", "l2"],
    "norm_post": ["none", "l2"],
    "norm_inf": ["none", "l2"],
    "agg": [{"name": "max"}, {"name": "mnn", "distance": ["euclidean", "cosine"], "m": [1, 3, 5]}],
    "tables": ["configurations"],
}

CELLS = """
import json, sys, time
from imprint.method import kernels
from imprint.store.embeddings import read_embeddings
from imprint.study import specs
from imprint.study.grid import Group
from imprint.study.load import load
from imprint.data.pools import pool
from imprint.study.jobs.proxies import make_proxies
from imprint.study.jobs.scores import score
import scipy.linalg, sklearn.cluster, threadpoolctl
start = time.perf_counter()
study = load(["config.yaml"])
group, gen, k = Group("fm", "task", "full"), "kmeans", sys.argv[1]
train, test = (pool([read_embeddings(f"results/embeddings/fm/data/{split}.h5")]) for split in ("train", "test"))
spec = specs.proxies(study, group, gen)
sets, _ = make_proxies(train, {**spec, "seeds": {k: spec["seeds"][k]}}, threads=2)
cells = 0
for agg in ("max", "mnn"):
    asked = json.loads(study.cells(group).by_agg[agg].text)
    of_k = [cell for cell in asked if (cell["gen"], cell["k"]) == (gen, k)]
    spec = {**specs.evaluation(study, group), "cells": of_k}
    cells += len(score(train, test, {gen: sets}, spec)[0])
print(cells, time.perf_counter() - start)
"""


def config(ks: list[int]) -> dict:
    """The study with these numbers of clusters."""
    gen = [{"name": "kmeans", "k": ks}, {"name": "mean"}, {"name": "all"}]
    return {
        "seeds": [1, 2, 3],
        "datasets": {"data": {"source": "embeddings", "class_count": 10}},
        "fms": {"fm": {"source": "embeddings", "files": {"data": "{split}.h5"}}},
        "tasks": {"task": {"datasets": "data"}},
        "experiments": {"grid": {"gen": gen, **GRID}},
    }


def snakemake(folder: Path) -> float:
    """Seconds of a run to its end."""
    return run(folder, "study")[0]


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        finished, folder = Path(name) / "finished", Path(name) / "edited"
        finished.mkdir()
        if options.embeddings:
            for split in ("train", "test"):
                shutil.copy(options.embeddings / f"{split}.h5", finished)
        else:
            from benchmarks.data import synthetic, write

            data = synthetic()
            write(finished / "train.h5", data.x, data.y)
            write(finished / "test.h5", data.test_x, data.test_y)
        configure(finished, config(KS))
        print(f"the whole study, once: {snakemake(finished):.1f} s", flush=True)
        ratios, bare = [], []
        for _ in range(options.rounds):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(finished, folder)
            start = snakemake(folder)
            configure(folder, config([*KS, NEW]))
            began = time.perf_counter()
            alone = subprocess.run(
                [sys.executable, "-c", CELLS, str(NEW)],
                cwd=folder, capture_output=True, text=True, check=True,
            )  # fmt: skip
            process = time.perf_counter() - began
            count, cells = alone.stdout.split()
            edit = snakemake(folder)
            ratios.append(edit / (process + start))
            bare.append(edit / (float(cells) + start))
            print(
                f"{count} new cells alone {process:.1f} s, {float(cells):.1f} s without imports; Snakemake's start {start:.1f} s; "
                f"the edit {edit:.1f} s: {ratios[-1]:.2f}, {bare[-1]:.2f}",
                flush=True,
            )
        print(
            f"median {statistics.median(ratios):.2f}, without imports {statistics.median(bare):.2f}; bar 1.3"
        )


if __name__ == "__main__":
    main()
