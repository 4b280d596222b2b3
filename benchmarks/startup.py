"""Processor time of commands on a few images, most of which is spent before the first image.

    python -m benchmarks.startup [--repeats 5]

Each command runs in its own process, on crops of the two photographs that come with scikit-learn, with the packaged FM.
Times are medians of user plus system time, in seconds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.options import new_parser

COMMANDS = {
    "help": "--help",
    "fit, 16 images": "fit photos -o head.safetensors",
    "fit, 16 embeddings": "fit photos.h5 -o head.safetensors",
    "predict, 1 image": "predict head.safetensors photos/flower/0.png",
    "predict, 16 images": "predict head.safetensors photos",
    "predict, 16 embeddings": "predict head.safetensors photos.h5",
    "evaluate, 16 images": "evaluate head.safetensors photos",
}


def write_photos(folder: Path) -> None:
    """Write eight crops of each photograph, one folder per photograph."""
    for name, photograph in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir(parents=True)
        for number, crop in enumerate(np.array_split(photograph, 8, axis=1)):
            Image.fromarray(crop).save(folder / name / f"{number}.png")


def processor_seconds(command: str, folder: Path) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "imprint", *command.split()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for each command."""
    parser = new_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photos(folder / "photos")
        processor_seconds("embed photos -o photos.h5", folder)
        for title, command in COMMANDS.items():
            times = [processor_seconds(command, folder) for _ in range(repeats)]
            print(f"{title:24}{np.median(times):6.2f} s", flush=True)


if __name__ == "__main__":
    main()
