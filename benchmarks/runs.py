"""Runs of the workflow in separate folders."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
# without bytecode, as some containers are set, every start of Python takes a second longer
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# seeds, data and FM of a study that takes seconds
SMALL = {
    "seeds": [1, 2],
    "datasets": {
        "glyphs": {"source": "glyphs", "pretrain": 6, "train": 6, "test": 3},
        "digits": {"source": "sklearn", "name": "digits", "limit": 12},
    },
    "fms": {
        "net": {"source": "pretrained", "model": "test_resnet", "dataset": "glyphs", "epochs": 1}
    },
}


def command(cores: int, *arguments: str) -> list[str]:
    """The command that starts Snakemake on the workflow of this checkout."""
    start = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    return [*start, "--cores", str(cores), *arguments]


def configure(folder: Path, study: dict[str, Any]) -> None:
    """Write a study to the configuration file of a working directory."""
    (folder / "config.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def run(folder: Path, *arguments: str) -> tuple[float, str]:
    """Seconds of a run in `folder` on two cores, to its end, and its output."""
    start = time.perf_counter()
    done = subprocess.run(
        command(2, *arguments), cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    output = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(output[-3000:])
    return seconds, output
