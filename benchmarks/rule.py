"""Share of the evaluation rule's wall time, from start to end of its process, that the engine takes.

    python -m benchmarks.rule [--train 60000]

Writes embeddings and proxies of the training and of 10,000 test samples to files and runs the rule's own script on them,
for `mnn` with the paper's AGG grid.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from snakemake.iocontainers import Namedlist

from benchmarks.data import TASK, synthetic, write
from benchmarks.engine import SEEDS, agg_scorings
from benchmarks.options import new_parser
from benchmarks.runs import ROOT
from imprint.data.pools import pool
from imprint.method.configuration import Configuration, parse_k
from imprint.store.embeddings import read_embeddings
from imprint.store.files import canonical
from imprint.store.proxies import write_proxies
from imprint.study.jobs.proxies import make_proxies

GENS = {"kmeans": ("1", "5", "20"), "mean": ("1",), "all": ("all",)}


def prepare(folder: Path, samples: int = 60_000) -> SimpleNamespace:
    """Write the input files of the job; return the object that Snakemake would pass to its script."""
    data = synthetic(samples)
    write(folder / "train.h5", data.x, data.y)
    write(folder / "test.h5", data.test_x, data.test_y)
    del data
    train = pool([read_embeddings(folder / "train.h5")])
    cells = []
    for gen, ks in GENS.items():
        norms = dict.fromkeys(("none", "l2"), list(SEEDS) if gen == "kmeans" else [None])
        spec = {**TASK, "gen": gen, "seeds": dict.fromkeys(ks, norms)}
        sets, _ = make_proxies(train, spec, threads=2)
        write_proxies(folder / f"{gen}.h5", sets, "{}")
        cells += [
            {**Configuration(pre, gen, parse_k(k), scoring).as_dict(), "seeds": list(SEEDS)}
            for pre, k in product(norms, ks)
            for scoring in agg_scorings(pre)
            if scoring.agg == "mnn"
        ]
    return SimpleNamespace(
        input=Namedlist(
            fromdict={
                "train": [str(folder / "train.h5")],
                "test": [str(folder / "test.h5")],
                "proxies": [str(folder / f"{gen}.h5") for gen in GENS],
            }
        ),
        output=Namedlist(fromdict={"scores": str(folder / "scores.parquet")}),
        params=Namedlist(
            fromdict={
                "spec": canonical({**TASK, "fm": "fm"}),
                "cells": canonical(cells),
                "gens": list(GENS),
                "components": [],
                "code": "",
                "component_codes": "{}",
                "blocks": str(folder / "scores.blocks"),
            }
        ),
        resources=Namedlist(fromdict={"device": "cpu"}),
        log=[str(folder / "log")],
        threads=2,
        rule="evaluate",
    )


RUN = """
import pickle, runpy, sys
runpy.run_path("workflow/scripts/evaluate.py", init_globals={"snakemake": pickle.load(open(sys.argv[1], "rb"))})
"""


def main() -> None:
    import pickle

    parser = new_parser(__doc__)
    parser.add_argument("--train", type=int, default=60_000, help="number of training samples")
    samples = parser.parse_args().train
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snakemake = prepare(folder, samples)
        (folder / "job").write_bytes(pickle.dumps(snakemake))
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", RUN, str(folder / "job")], check=True, cwd=ROOT)
        wall = time.perf_counter() - start
        log = (folder / "log").read_text()
    in_engine = re.search(r"([\d.]+) s in the engine", log)
    assert in_engine is not None, log
    engine = float(in_engine.group(1))
    print(log.splitlines()[0].split("INFO ")[1])
    print(
        f"wall time of the job's process {wall:.1f} s, of which the engine {100 * engine / wall:.0f}%"
    )


if __name__ == "__main__":
    main()
