"""Rate of `extract` against the bare forward pass of the same model, and its memory by the number of images.

    python -m benchmarks.extraction [--fm package:tf_efficientnet_lite0] [--device cpu] [--precision float32] [--threads 2]
        [--count 256] [--rounds 5] [--memory 256 1024]
    python -m benchmarks.extraction --shards [--fm FM] [--count 256] [--rounds 5]
    python -m benchmarks.extraction --waiting [--fm FM] [--count 256] [--rounds 5]

The FM has its own transform. The forward pass starts from normalised, channels-last images on the device, with the batch size
of the extraction; it keeps the batch norms of the published model, which extraction folds into convolutions. Extraction reads
28 x 28 grey and 32 x 32 RGB images in memory, and JPEG files of 500 x 375, and writes its HDF5 file. Both run in turn, so that
other work on the machine affects both; the figure is the median of the ratios. Bar: 0.85.

`--shards` embeds images in memory as one job of two threads and as two concurrent jobs of one thread, each in its own process as
in the workflow. Bar: not slower.

`--waiting` embeds images in memory on two threads that wait as commands and jobs let them, and as GNU OpenMP does by default; alone
and beside a program that keeps a core busy. Bars: at most 1.1 alone, not slower beside the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

from benchmarks.clock import in_turn
from benchmarks.options import new_parser
from imprint.data.images import Images
from imprint.devices import choose_device
from imprint.fm import extract
from imprint.fm.compute import PRECISIONS, images_at_once, torch_settings
from imprint.fm.embedder import Embedder, TimmFeatures
from imprint.fm.extraction import Extraction
from imprint.fm.models import load
from imprint.fm.transforms import Transform


def in_memory(count: int, *shape: int) -> Images:
    """Random images of one class."""
    array = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Images(np.zeros(count, np.int64), [str(i) for i in range(count)], ("a",), array)


def photographs(folder: Path, count: int) -> Images:
    """JPEG files of 500 x 375 with structure at every scale, some 50 KB each: eight files under `count` names."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        layers = (
            np.asarray(
                Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize(
                    (500, 375)
                )
            )
            for side in (4, 16, 64, 256)
        )
        Image.fromarray(np.mean(list(layers), axis=0).astype(np.uint8)).save(
            folder / f"{i}.jpg", quality=90
        )
    for i in range(8, count):
        os.link(folder / f"{i % 8}.jpg", folder / f"{i}.jpg")
    return Images(
        np.zeros(count, np.int64), [f"{i}.jpg" for i in range(count)], ("a",), folder=folder
    )


def network(fm: str) -> Embedder:
    """The FM `source:model`, or with `untrained:MODEL` a timm network with random weights, which has the same rate."""
    source, _, model = fm.partition(":")
    if source != "untrained":
        return load(source, model)
    body = TimmFeatures(timm.create_model(model, num_classes=0).eval())
    transform = Transform((224, 224), (256, 256), "center", interpolation="bicubic")
    return Embedder(body, transform, {"source": source, "model": model})


def rates(
    fm: str, images: Images, options: argparse.Namespace, folder: Path
) -> tuple[list[float], list[float]]:
    """Images per second of extraction, and their ratio to those of the bare forward pass, for each round."""
    device = choose_device(options.device)
    dtype = PRECISIONS[options.precision]
    bare_model, embedder = network(fm), network(fm)
    bare_model.to(device, memory_format=torch.channels_last)
    height, width = embedder.transform.size
    batch = extract.BATCH[device.type]
    if device.type == "cpu":
        batch = min(batch, images_at_once(height, width))
    x = torch.randn(batch, 3, height, width).to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def bare() -> torch.Tensor:
        for first in range(0, len(images), batch):
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                out = bare_model(x[: len(images) - first])
        return out.cpu()  # waits for the device

    def whole() -> None:
        extraction = Extraction(embedder, images, folder / "e.h5", options.precision)
        extract.extract(extraction, device=options.device, threads=options.threads)

    with torch_settings(device, options.threads, False):
        bare()
        seconds_bare, seconds_whole = in_turn(bare, whole, options.rounds).T
    return (len(images) / seconds_whole).tolist(), (seconds_bare / seconds_whole).tolist()


MEMORY = """
import sys
from pathlib import Path
from benchmarks.clock import peak_gib
from benchmarks.extraction import network, photographs
from imprint.fm.extract import extract
from imprint.fm.extraction import Extraction
images = photographs(Path(sys.argv[1], "images"), int(sys.argv[2]))
fm = network(sys.argv[5])
extract(Extraction(fm, images, Path(sys.argv[1], "e.h5")), device=sys.argv[3], threads=int(sys.argv[4]))
print(1024 * peak_gib())
"""


def peak(count: int, options: argparse.Namespace) -> float:
    """Peak memory in MiB of a process that embeds `count` JPEG files."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-c",
            MEMORY,
            folder,
            str(count),
            options.device,
            str(options.threads),
            options.fm,
        ]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


SHARD = """
import sys
from pathlib import Path
from benchmarks.extraction import in_memory, network
from imprint.fm.extract import extract, extract_shard
from imprint.fm.extraction import Extraction
fm, images, folder, shard = network(sys.argv[1]), in_memory(int(sys.argv[2]), 28, 28), Path(sys.argv[3]), int(sys.argv[4])
if shard:
    extract_shard(Extraction(fm, images, folder / f"{shard}.rows"), shard, 2, device="cpu", threads=1)
else:
    extract(Extraction(fm, images, folder / "e.h5"), device="cpu", threads=2)
"""


def shard_seconds(options: argparse.Namespace, shards: tuple[int, ...]) -> float:
    """Seconds of these shards, run concurrently; shard 0 is the whole split."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-c", SHARD, options.fm, str(options.count), folder]
        jobs = [subprocess.Popen([*command, str(shard)]) for shard in shards]
        codes = [job.wait() for job in jobs]
        if any(codes):
            raise RuntimeError("a shard failed")
        return time.perf_counter() - start


def print_shards(options: argparse.Namespace) -> None:
    """Print the time of two shards over that of the whole split."""
    ratios = []
    for _ in range(options.rounds):
        whole, halves = (shard_seconds(options, shards) for shards in ((0,), (1, 2)))
        ratios.append(halves / whole)
        print(
            f"whole {whole:.1f} s, two shards {halves:.1f} s, ratio {halves / whole:.2f}",
            flush=True,
        )
    print(f"median {statistics.median(ratios):.2f}, at most 1")


WAITING = """
import sys, time
from pathlib import Path
from imprint.processor import wait_without_core
if int(sys.argv[4]):
    wait_without_core()
from benchmarks.extraction import in_memory, network
from imprint.fm.extract import extract
from imprint.fm.extraction import Extraction
fm, images, file = network(sys.argv[1]), in_memory(int(sys.argv[2]), 28, 28), Path(sys.argv[3], "e.h5")
extract(Extraction(fm, images.take(range(16)), file), device="cpu", threads=2)
start = time.perf_counter()
extract(Extraction(fm, images, file), device="cpu", threads=2)
print(time.perf_counter() - start)
"""


def waiting_seconds(options: argparse.Namespace, leaves_core: bool) -> float:
    """Seconds of an extraction whose waiting threads leave their cores, or spin as by default."""
    environment = dict(os.environ)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        environment.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", WAITING, options.fm, str(options.count), folder]
        command.append(str(int(leaves_core)))
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(run.stdout)


def print_waiting(options: argparse.Namespace) -> None:
    """Print the time of an extraction whose waiting threads leave their cores over that of one whose threads spin."""
    for beside in (False, True):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])] if beside else []
        try:
            seconds = [
                [waiting_seconds(options, leaves_core) for leaves_core in (True, False)]
                for _ in range(options.rounds)
            ]
        finally:
            for program in busy:
                program.kill()
        leaving, spinning = np.median(seconds, axis=0)
        ratio = statistics.median(ours / default for ours, default in seconds)
        where = "beside a busy program" if beside else "alone"
        print(f"{where}: {leaving:.1f} s, spinning {spinning:.1f} s, ratio {ratio:.2f}", flush=True)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument(
        "--fm",
        default="package:tf_efficientnet_lite0",
        help="source:model, or untrained:MODEL of timm",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, default=256, help="images per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--memory", type=int, nargs="*", default=[256, 1024], help="numbers of images"
    )
    parser.add_argument("--shards", action="store_true", help="time two shards against one job")
    parser.add_argument(
        "--waiting", action="store_true", help="time two ways in which threads wait"
    )
    options = parser.parse_args()
    if options.shards or options.waiting:
        for name in ("device", "precision", "threads", "memory"):
            if getattr(options, name) != parser.get_default(name):
                parser.error(f"--{name} has no effect with --shards or --waiting")
        (print_shards if options.shards else print_waiting)(options)
        return

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = {
            "28 x 28 in memory": in_memory(options.count, 28, 28),
            "32 x 32 x 3 in memory": in_memory(options.count, 32, 32, 3),
            "JPEG files of 500 x 375": photographs(folder / "images", options.count),
        }
        print(
            f"{options.fm}, {options.device}, {options.precision}, {options.threads} threads, {options.rounds} rounds"
        )
        for kind, images in kinds.items():
            absolute, relative = rates(options.fm, images, options, folder)
            print(
                f"{kind}: {statistics.median(absolute):.0f} images a second, {statistics.median(relative):.2f} of the bare "
                f"rate ({min(relative):.2f} to {max(relative):.2f})",
                flush=True,
            )
    for count in options.memory:
        print(f"{count} JPEG files: peak memory {peak(count, options):.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
