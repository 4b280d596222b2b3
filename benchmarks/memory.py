"""Peak memory of a scoring job with every sample as a proxy, at D = 2,048.

    python -m benchmarks.memory [--train 60000] [--width 2048]

The job reads its embeddings and proxies from files, as in the workflow, and scores the whole AGG grid on them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.clock import peak_gib
from benchmarks.data import TASK, synthetic, write
from benchmarks.options import new_parser


def job(folder: Path) -> None:
    """Do the work of the evaluation rule; print the peak memory of this process."""
    from benchmarks.engine import agg_scorings
    from imprint.data.pools import pool
    from imprint.method.configuration import Configuration, Every
    from imprint.store.embeddings import read_embeddings
    from imprint.study.jobs.proxies import make_proxies
    from imprint.study.jobs.scores import score

    train, test = (pool([read_embeddings(folder / f"{split}.h5")]) for split in ("train", "test"))
    proxies, _ = make_proxies(
        train, {**TASK, "gen": "all", "seeds": {"all": {"none": [None], "l2": [None]}}}
    )
    cells = [
        {**Configuration(pre, "all", Every(), scoring).as_dict(), "seeds": [1]}
        for pre in ("none", "l2")
        for scoring in agg_scorings(pre)
    ]
    score(train, test, {"all": proxies}, {**TASK, "fm": "fm", "cells": cells})
    print(
        f"{len(train.x):,} x {train.x.shape[1]:,} proxies, {len(cells)} configurations: peak {peak_gib():.2f} GiB"
    )
    print(f"the embeddings alone are {(train.x.nbytes + test.x.nbytes) / 2**30:.2f} GiB")


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--train", type=int, default=60_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job(arguments.job)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = synthetic(arguments.train, arguments.test, arguments.width)
        write(Path(folder, "train.h5"), data.x, data.y)
        write(Path(folder, "test.h5"), data.test_x, data.test_y)
        del data
        subprocess.run([sys.executable, "-m", "benchmarks.memory", "--job", folder], check=True)


if __name__ == "__main__":
    main()
