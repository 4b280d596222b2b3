"""The output of the README's commands on its photographs.

    python -m benchmarks.readme FOLDER

FOLDER is filled with scans of handwritten digits that come with scikit-learn: photos/ has 20 of each of five, test-photos/ 10
others, photos-of-nine/ 20 nines, and new-photos/ three digits and a piece of a photograph. The commands run there one after
another.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from benchmarks.options import new_parser
from benchmarks.runs import ROOT

README = ROOT / "README.md"
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
KNOWN = ("two", "four", "five", "seven", "eight")


def write_photographs(folder: Path) -> None:
    """The images, as JPEG of 96 x 96 pixels."""
    digits = load_digits()

    def write(number: int, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray((255 * digits.images[number] / 16).astype(np.uint8))
        image.resize((96, 96), Image.Resampling.BICUBIC).save(path)

    random = np.random.default_rng(0)  # digits of one writer are adjacent
    rows = {
        word: random.permutation(np.flatnonzero(digits.target == i)) for i, word in enumerate(WORDS)
    }
    for word in KNOWN:
        for i, row in enumerate(rows[word][:30]):
            part = "photos" if i < 20 else "test-photos"
            write(row, folder / part / word / f"{i:02}.jpg")
    for i, row in enumerate(rows["nine"][:20]):
        write(row, folder / "photos-of-nine" / "nine" / f"{i:02}.jpg")
    for name, word in {"a": "seven", "b": "eight", "c": "nine"}.items():
        write(rows[word][40], folder / "new-photos" / f"{name}.jpg")
    temple = Image.fromarray(load_sample_images().images[0])
    temple.crop((0, 0, 400, 400)).save(folder / "new-photos" / "d.jpg")


def commands(readme: Path) -> Iterator[str]:
    """The commands of a shell session in a text."""
    for block in re.findall(r"^```\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE):
        yield from re.findall(r"^\$ (imprint .*)$", block, re.MULTILINE)


def main() -> None:
    """Print each command with its output."""
    parser = new_parser(__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write_photographs(folder)
    for command in commands(README):
        print(f"\n$ {command}", flush=True)
        words = command.replace("imprint", f"{sys.executable} -m imprint", 1)
        subprocess.run(words, shell=True, cwd=folder, check=True, stderr=sys.stdout)


if __name__ == "__main__":
    main()
