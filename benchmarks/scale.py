"""What Snakemake itself costs: a dry run of the paper's study, and a run of a finished study.

    python -m benchmarks.scale [--finished .] [--rounds 3]

The dry run of config/paper.yaml is made in an empty folder, so that all its jobs are planned. `--finished` is a working directory
whose study (config.yaml) was run to its end, as `make` leaves it; it is said if there is something to do. Bars: at most 2,000
jobs, 60 s and 8 s.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from pathlib import Path

from benchmarks.runs import ROOT, run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--finished", type=Path, default=ROOT)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    paper = f"study={ROOT / 'config' / 'paper.yaml'}"
    with tempfile.TemporaryDirectory() as folder:
        runs = [run(Path(folder), "--dry-run", "--config", paper) for _ in range(options.rounds)]
    jobs = int(re.findall(r"^total +(\d+)$", runs[0][1], re.MULTILINE)[0])
    seconds = statistics.median(seconds for seconds, _ in runs)
    print(f"config/paper.yaml: {jobs:,} jobs (bar 2,000), dry run {seconds:.1f} s (bar 60)")
    if not (options.finished / "results" / "report.html").exists():
        print(f"no finished study in {options.finished}; `make` makes one")
        return
    if "Nothing to be done" not in run(options.finished, "--dry-run")[1]:
        print(f"the study in {options.finished} is not finished; `make` finishes it")
        return
    seconds = statistics.median(run(options.finished)[0] for _ in range(options.rounds))
    print(f"a run of the finished study: {seconds:.1f} s (bar 8)")


if __name__ == "__main__":
    main()
