"""Time of a command in this version of the repository and in another one, in turn.

    python -m benchmarks.versions [--rounds 3] COMMIT COMMAND...
    python -m benchmarks.versions --rounds 1 HEAD~20 pytest
    python -m benchmarks.versions HEAD~20 python -m benchmarks.generation

Both versions are cloned without what is not committed, and `make .venv/ready` sets each up with the packages that it locks. The
command then runs in each clone, in alternating order, so that other work on the machine affects both. Its last lines are printed
after each run, and at the end the median seconds of both versions and the median of their ratios. A run that fails ends the
comparison.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.clock import alternated
from benchmarks.options import new_parser
from benchmarks.runs import ROOT

SHOWN = 12  # last lines of an output
OF_THIS_PROCESS = ("PYTHONPATH", "VIRTUAL_ENV")  # would lead to the packages of this version


def hash_of(commit: str) -> str:
    """The hash of a commit of this repository, as a name can mean another one in a clone; empty if there is none."""
    command = ["git", "rev-parse", "--quiet", "--verify", f"{commit}^{{commit}}"]
    return subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.strip()


def clone(commit: str, folder: Path) -> Path:
    """A clone of the repository at a commit, with its environment; returns its folder."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=folder, check=True)
    subprocess.run(["make", ".venv/ready"], cwd=folder, env=environment(folder), check=True)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The variables of a program that runs in a clone."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_THIS_PROCESS}
    return {**kept, "PATH": f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, command: list[str]) -> float:
    """Seconds of a command in a clone; prints its last lines."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    print(f"\n{folder.name}: {seconds:.1f} s")
    print("\n".join(done.stdout.splitlines()[-SHOWN:]), flush=True)
    if done.returncode:
        sys.exit(f"the command failed in the {folder.name} version")
    return seconds


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("commit", help="the other version")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no command to run in both versions")
    other_commit = hash_of(options.commit)
    if not other_commit:
        parser.error(f"no commit {options.commit!r} in {ROOT}")
    with tempfile.TemporaryDirectory() as name:
        other, this = (
            partial(run, clone(commit, Path(name, label)), options.command)
            for commit, label in ((other_commit, "other"), ("HEAD", "this"))
        )
        times = alternated(other, this, options.rounds)
    before, now = np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    print(f"\n{options.commit} {before:.1f} s, this version {now:.1f} s: {ratio:.2f}")


if __name__ == "__main__":
    main()
