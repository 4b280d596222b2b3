"""SIGKILL at random moments of one study, then a run to its end: are the scores those of an undisturbed run?

    python -m benchmarks.study_kills [--config config.yaml] [--kills 30] [--seed 0]

Snakemake and all its jobs are killed at a random moment between 2 and 20 seconds after their start, then started again. Bar: equal
scores after that many kills. The exit code is 1 if the study ends before.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.options import new_parser
from benchmarks.printing import print_bar
from benchmarks.runs import ROOT, command


def started(folder: Path) -> subprocess.Popen:
    """Start a run in `folder`, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        command(os.cpu_count() or 1),
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def unlock(folder: Path) -> None:
    """Remove the lock of a killed run, as a user would."""
    subprocess.run([*command(1), "--unlock"], cwd=folder, capture_output=True, check=True)


def finished(folder: Path) -> float:
    """Seconds of a run to its end."""
    start = time.monotonic()
    if started(folder).wait():
        raise RuntimeError(f"the run in {folder} failed; see {folder}/results/logs")
    return time.monotonic() - start


def scores(folder: Path) -> pd.DataFrame:
    """All scores, without the time of generation."""
    return pd.read_parquet(folder / "results" / "scores.parquet").drop(columns="seconds")


def main() -> int:
    parser = new_parser(__doc__)
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        whole, killed = Path(name) / "whole", Path(name) / "killed"
        for folder in (whole, killed):
            folder.mkdir()
            shutil.copy(options.config, folder / "config.yaml")
        seconds = finished(whole)
        print(f"undisturbed: {seconds:.0f} s, {len(scores(whole)):,} scores", flush=True)
        kills, begun = 0, time.monotonic()
        while kills < options.kills and not (killed / "results" / "report.html").exists():
            running = started(killed)
            try:
                running.wait(timeout=rng.uniform(2, 20))
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                kills += 1
                unlock(killed)
            else:
                if running.returncode:
                    raise RuntimeError(
                        f"a run after {kills} kills failed; see {killed}/results/logs"
                    )
        finished(killed)
        pd.testing.assert_frame_equal(scores(killed), scores(whole))
        print(f"{time.monotonic() - begun:.0f} s in all: the scores are equal")
        print_bar(kills == options.kills, f"{kills} kills, at least {options.kills}")
    return int(kills < options.kills)


if __name__ == "__main__":
    sys.exit(main())
