"""Time and memory of the jobs of a task whose embeddings are larger than memory, and an estimate for a larger task.

    python -m benchmarks.beyond_memory [--samples 1000000] [--whole 10000000] [--classes 10] [--memory 8] [--folder DIR]

Draws embeddings of 1,024 values and writes them to DIR (4 GB for a million, and as much again while jobs run). Then it computes
proxies with each GEN and scores them with whitening, as the jobs of the workflow do, each in a process whose own memory is limited
to `--memory` GiB. A process's own memory does not include pages of files, which the operating system reclaims when other
processes need memory. `whole` is the time extrapolated in proportion to the samples.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.data import TASK, write_blocks
from benchmarks.options import new_parser

WIDTH, TEST = 1024, 10_000
METHODS = {  # GEN and k
    "mean": 1,
    "minibatch_kmeans": 20,
    "ridge": 1,
}
SEED = 1


def write(path: Path, samples: int, classes: int, seed: int) -> None:
    """Write an embeddings file, block by block."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(SEED).normal(size=(classes, WIDTH)).astype(np.float32) / 24
    labels = np.sort(np.arange(samples) % classes)
    blocks = (labels[top : top + 2**16] for top in range(0, samples, 2**16))
    write_blocks(
        path,
        WIDTH,
        labels,
        (rng.standard_normal((len(y), WIDTH), np.float32) + centres[y] for y in blocks),
    )


class Peak(threading.Thread):
    """Records the peak of this process's own memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        """Read the memory ten times a second."""
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.bytes = max(self.bytes, int(line.split()[1]) * 1024)
            time.sleep(0.1)


def job(folder: Path, gen: str, memory: float) -> None:
    """Do the work of the rules of proxies and scores for one GEN; print seconds of each part, the peak and the accuracy."""
    from imprint.data.pools import pool
    from imprint.method.configuration import Configuration, Fixed, Scoring
    from imprint.store.embeddings import read_embeddings
    from imprint.store.proxies import read_proxies, write_proxies
    from imprint.study.jobs.proxies import make_proxies
    from imprint.study.jobs.scores import score

    limit = int(memory * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    peak = Peak()
    peak.start()
    times = [time.perf_counter()]
    train = pool([read_embeddings(folder / "train.h5")])
    test = pool([read_embeddings(folder / "test.h5")], train)
    times.append(time.perf_counter())
    post = "none" if gen == "ridge" else "whiten+l2"
    method = Configuration(
        "l2", gen, Fixed(METHODS[gen]), Scoring(post, "l2", "max", "inner_product")
    )
    spec = {**TASK, "gen": gen, "seeds": {method.k.label: {"l2": [SEED]}}}
    sets, _ = make_proxies(train, spec, threads=os.cpu_count() or 1)
    write_proxies(folder / f"{gen}.h5", sets, "{}")
    times.append(time.perf_counter())
    cells = [{**method.as_dict(), "seeds": [SEED]}]
    proxies = {gen: read_proxies(folder / f"{gen}.h5")}
    frame, _, _ = score(train, test, proxies, {**TASK, "fm": "fm", "cells": cells})
    times.append(time.perf_counter())
    print(json.dumps([*np.diff(times), peak.bytes, float(frame["accuracy"].iloc[0])]))


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--whole", type=int, default=10_000_000, help="samples to extrapolate to")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--memory", type=float, default=8, help="GiB that a job may have")
    parser.add_argument(
        "--folder", type=Path, help="folder with enough disk space; default: TMPDIR"
    )
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job(options.folder, options.job, options.memory)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        write(folder / "train.h5", options.samples, options.classes, SEED + 1)
        # at least one of each class
        write(folder / "test.h5", max(TEST, options.classes), options.classes, SEED + 2)
        size = (folder / "train.h5").stat().st_size / 2**30
        print(
            f"{options.samples:,} x {WIDTH:,} in {options.classes:,} classes: {size:.1f} GiB on disk"
        )
        print(
            f"{'GEN':18}{'read':>9}{'proxies':>9}{'score':>9}{'whole':>10}{'memory':>10}{'accuracy':>10}"
        )
        for gen in METHODS:
            command = [
                sys.executable,
                "-m",
                "benchmarks.beyond_memory",
                "--job",
                gen,
                "--folder",
                name,
            ]
            command += ["--memory", str(options.memory)]
            out = subprocess.run(
                command, check=True, capture_output=True, text=True,
                env={**os.environ, "TMPDIR": name},
            ).stdout  # fmt: skip
            *parts, peak, accuracy = json.loads(out.splitlines()[-1])
            whole = sum(parts) * options.whole / options.samples
            cells = "".join(f"{seconds:7.0f} s" for seconds in parts)
            print(
                f"{gen:18}{cells}{whole / 60:6.0f} min{peak / 2**30:6.1f} GiB{accuracy:9.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
