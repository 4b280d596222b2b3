"""Cost of Snakemake itself: a dry run of the paper's study, and a run of a finished study.

    python -m benchmarks.scale [--finished FOLDER] [--rounds 3] [--times NUMBER]

The dry run of config/paper.yaml is made in an empty folder, so that all its jobs are planned. `--times` also plans it with that
many times its FMs, shows its `imprint status` and, for comparison, plans as many jobs that only touch a file: the cost of
Snakemake alone. With 4 it is the study for which version ce38a0d plans 20,168 jobs; bars 15 s and 20 s. `--finished` is a
working directory whose study (config.yaml) was run to its end, as by `make`: by default that of the repository. If it is not
finished, this is reported. Bars: at most 2,000 jobs, 60 s and 8 s.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.options import new_parser
from benchmarks.runs import ROOT, run

PAPER = ROOT / "config" / "paper.yaml"


# only files and their inputs
BARE = """
rule all:
    input: expand("second/{{i}}", i=range({jobs}))
rule first:
    output: "first/{{i}}"
    shell: "touch {{output}}"
rule second:
    input: "first/{{i}}"
    output: "second/{{i}}"
    shell: "touch {{output}}"
"""


def planned(study: Path, rounds: int) -> tuple[int, float]:
    """The number of jobs of a study without results, and the median seconds of its dry run."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [run(Path(folder), "--dry-run", "--config", f"study={study}") for _ in range(rounds)]
    jobs = int(re.findall(r"^total +(\d+)$", runs[0][1], re.MULTILINE)[0])
    return jobs, statistics.median(seconds for seconds, _ in runs)


def seconds_of_status(study: Path) -> float:
    """Seconds of `imprint status` of a study without results."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        show = [sys.executable, "-m", "imprint", "status", str(study)]
        subprocess.run(show, cwd=folder, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--finished", type=Path, default=ROOT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--times", type=int, help="also plan the study with this many times its FMs"
    )
    options = parser.parse_args()
    jobs, seconds = planned(PAPER, options.rounds)
    print(f"config/paper.yaml: {jobs:,} jobs (bar 2,000), dry run {seconds:.1f} s (bar 60)")
    if options.times:
        study = yaml.safe_load(PAPER.read_text())
        study["fms"] = {
            f"{name}-{number}" if number else name: fm
            for name, fm in study["fms"].items()
            for number in range(options.times)
        }
        with tempfile.TemporaryDirectory() as folder:
            several = Path(folder, "study.yaml")
            several.write_text(yaml.safe_dump(study))
            jobs, seconds = planned(several, 1)
            bare = Path(folder, "Snakefile")
            bare.write_text(BARE.format(jobs=jobs // 2))
            least, _ = run(Path(folder), "--dry-run", "-s", str(bare))
            of_status = seconds_of_status(several)
        print(
            f"{options.times} times its FMs: {jobs:,} jobs, dry run {seconds:.1f} s, imprint status {of_status:.1f} s (with 4, "
            f"bars 15 and 20); dry run of as many that touch a file {least:.1f} s"
        )
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
