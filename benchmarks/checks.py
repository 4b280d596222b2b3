"""Cost of the checksums of files: a scoring job, and an edit of a finished study, with and without them.

    python -m benchmarks.checks [--rounds 5]

Without checksums, files are neither sealed when written nor compared with their seal when read. Both variants run in turn, in
alternating order; the figure is the median of the ratios. Bar: 1.03.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import increment, rule
from benchmarks.clock import alternated
from benchmarks.data import synthetic, write
from benchmarks.options import new_parser
from benchmarks.runs import ROOT, configure, run

# Python runs a file of this name when it starts
WITHOUT = """
from imprint.store import seals
seals.seal = seals.check_seal = lambda *_, **__: None
"""


def with_path(folder: Path | None) -> None:
    """Put this folder, if there is one, first in the module path of new processes."""
    places = [str(folder)] if folder else []
    os.environ["PYTHONPATH"] = os.pathsep.join([*places, str(ROOT / "src"), str(ROOT)])


def compared(what: str, measured: Callable[[], float], without: Path, rounds: int) -> None:
    """Print the median seconds with and without checksums, and the median of their ratios."""

    def seconds(folder: Path | None) -> float:
        with_path(folder)
        return measured()

    pairs = alternated(lambda: seconds(None), lambda: seconds(without), rounds)
    (with_checks, least), ratio = np.median(pairs, axis=0), np.median(pairs[:, 0] / pairs[:, 1])
    print(
        f"{what}: {with_checks:.2f} s, without {least:.2f} s, ratio {ratio:.3f}, at most 1.03",
        flush=True,
    )


def scoring_job(folder: Path) -> Callable[[], float]:
    """Seconds of the job of `benchmarks.rule`."""
    folder.mkdir()
    (folder / "job").write_bytes(pickle.dumps(rule.prepare(folder)))

    def measured() -> float:
        (folder / "scores.blocks").unlink(missing_ok=True)
        start = time.perf_counter()
        command = [sys.executable, "-c", rule.RUN, str(folder / "job")]
        subprocess.run(command, check=True, cwd=ROOT)
        return time.perf_counter() - start

    return measured


def edit(folder: Path) -> Callable[[], float]:
    """Seconds of the edit of `benchmarks.increment`."""
    finished = folder / "finished"
    finished.mkdir(parents=True)
    data = synthetic()
    write(finished / "train.h5", data.x, data.y)
    write(finished / "test.h5", data.test_x, data.test_y)
    configure(finished, increment.config(increment.KS))
    run(finished, "study")

    def measured() -> float:
        edited = folder / "edited"
        shutil.rmtree(edited, ignore_errors=True)
        shutil.copytree(finished, edited)
        run(edited, "study")  # the first run in a new folder checks all files again
        configure(edited, increment.config([*increment.KS, increment.NEW]))
        return run(edited, "study")[0]

    return measured


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without = folder / "without"
        without.mkdir()
        (without / "sitecustomize.py").write_text(WITHOUT)
        with_path(None)
        compared("a scoring job", scoring_job(folder / "rule"), without, options.rounds)
        compared("an edit of a finished study", edit(folder / "edit"), without, options.rounds)


if __name__ == "__main__":
    main()
