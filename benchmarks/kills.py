"""SIGKILL at random moments of one extraction, then a run to its end: is the file the same, and how much work was repeated?

    python -m benchmarks.kills [--kills 20] [--images 4000] [--seed 0]

A subprocess embeds random images by timm's test_resnet (random weights), 256 images per chunk, and counts the images
that its model sees. The kills are spread at random over the work: a run is killed within 20 ms after the count of all
runs so far has passed the next of the random numbers drawn between 0 and the number of images. After the last kill one
run continues to the end. Bar: the same embeddings, labels and ids, and no more than one chunk of extra work per kill.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py

from benchmarks.options import new_parser

CHUNK = 256

EXTRACTION = """
import os, sys
from pathlib import Path
import numpy as np, timm, torch
from imprint.data.images import Images
from imprint.fm.extract import extract
from imprint.fm.extraction import Extraction
from imprint.fm.embedder import Embedder, TimmFeatures
from imprint.fm.transforms import Transform

output, seen, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(0)
model = timm.create_model("test_resnet", num_classes=0)
embedder = Embedder(TimmFeatures(model), Transform((32, 32), (32, 32)), {"source": "timm", "model": "test_resnet"})
rng = np.random.default_rng(0)
array = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
images = Images(rng.integers(0, 10, count), [f"train/{i:05d}" for i in range(count)], tuple("0123456789"), array)

log = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
body = embedder.body.forward
def counted(x):
    os.write(log, b"." * len(x))  # before the work is done: what a kill cuts off counts in full
    return body(x)
embedder.body.forward = counted
print("ready", flush=True)
extract(Extraction(embedder, images, output), device="cpu", threads=1)
"""


def start(output: Path, seen: Path, count: int) -> subprocess.Popen:
    """Start an extraction in its own process, and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", EXTRACTION, str(output), str(seen), str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("the extraction did not start")
    return process


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def data(path: Path) -> dict[str, bytes]:
    """The bytes of a file's datasets."""
    with h5py.File(path) as file:
        return {
            "embeddings": file["embeddings"][:].tobytes(),
            "labels": file["labels"][:].tobytes(),
            "ids": "\n".join(file["ids"].asstr()[:]).encode(),
        }


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, killed, seen = folder / "whole.h5", folder / "killed.h5", folder / "seen"
        begun = time.monotonic()
        if start(whole, folder / "once", options.images).wait() != 0:
            raise RuntimeError("the undisturbed run failed")
        seconds = time.monotonic() - begun

        kills = 0
        for moment in sorted(rng.randrange(options.images) for _ in range(options.kills)):
            process = start(killed, seen, options.images)
            while process.poll() is None and size(seen) <= moment:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            if killed.exists():
                break
        if not killed.exists() and start(killed, seen, options.images).wait() != 0:
            raise RuntimeError("the last run failed")

        extra = (size(seen) - options.images) / CHUNK
        known = (whole, killed, seen, folder / "once")
        left = sorted(path.name for path in folder.iterdir() if path not in known)
        print(
            f"{options.images} images, {-(-options.images // CHUNK)} chunks of {CHUNK}; undisturbed {seconds:.1f} s"
        )
        print(f"{kills} kills; extra work {extra:.1f} chunks, bar {kills}")
        for key, value in data(whole).items():
            print(f"{key}: {'identical' if data(killed)[key] == value else 'DIFFERENT'}")
        print(
            f"whole files: {'identical' if whole.read_bytes() == killed.read_bytes() else 'different'}"
        )
        print(f"left behind: {', '.join(left) or 'nothing'}")


if __name__ == "__main__":
    main()
