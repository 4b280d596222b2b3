"""Random bit flips in every kind of file that imprint writes: which are noticed, which are harmless, and which are neither.

    python -m benchmarks.faults [--flips 100] [--seed 0]

Each file is written to a temporary folder, one random bit is flipped, and it is read as the program reads it.
A flip is noticed if a message names the file, and harmless if the values read are those that were written. For the files in
`cache/`, noticed means that a block is computed again. Bar: every flip is noticed or harmless. The exit code is 1 otherwise.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import new_parser
from imprint.errors import UserError

Value = Any


@dataclass(frozen=True)
class Kind:
    """A kind of file: a name, the path of an example, and a function that reads its values for comparison."""

    name: str
    path: Path
    read: Callable[[], Value]


def embeddings(folder: Path) -> Kind:
    from imprint.store.embeddings import read_embeddings
    from imprint.store.given_embeddings import adopt

    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x, names = rng.normal(size=(300, 16)).astype("f"), ["a", "b", "c"]
    np.savez(folder / "x.npz", embeddings=x, labels=y, class_names=names)
    path = folder / "embeddings.h5"
    adopt(folder / "x.npz", path)
    return Kind("embeddings", path, lambda: read_embeddings(path))


def proxies(folder: Path) -> Kind:
    from imprint.method.proxies import ProxySet
    from imprint.store.files import provenance_json
    from imprint.store.proxies import read_proxies, write_proxies

    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 16)).astype("f")
    labels = np.repeat(np.arange(3), 10)
    sets = {
        ("10", "none", 1, 0): ProxySet(labels, values=values, seconds=0.5),
        ("10", "l2", 1, 0): ProxySet(labels, samples=np.arange(30), seconds=0.25),
    }
    path = folder / "proxies.h5"
    write_proxies(path, sets, provenance_json(spec={"gen": "kmeans"}))
    return Kind("proxies", path, lambda: {key: vars(s) for key, s in read_proxies(path).items()})


def frame(folder: Path, name: str, column: str) -> Kind:
    import pandas as pd

    from imprint.store.files import provenance_json
    from imprint.store.frames import read_parquet, read_provenance, write_parquet

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"fm": pd.Categorical(["a", "b"] * 100), "seed": range(200), column: rng.random(200)}
    )
    path = folder / f"{name}.parquet"
    write_parquet(path, table, provenance_json(spec={"fm": "a"}))
    return Kind(
        name, path, lambda: (read_parquet(path).to_dict("list"), read_provenance(path)["spec"])
    )


def scores(folder: Path) -> Kind:
    return frame(folder, "scores", "accuracy")


def collapse(folder: Path) -> Kind:
    return frame(folder, "collapse", "nc1")


def head(folder: Path) -> Kind:
    from imprint import ImprintingClassifier
    from imprint.store.heads import read_head

    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    fitted = ImprintingClassifier(gen="kmeans", k=4, random_state=0)
    path = folder / "head.safetensors"
    fitted.fit(rng.normal(size=(60, 16)) + 3 * np.eye(16)[y], np.array(["a", "b", "c"])[y])
    fitted.save(path, fm={"model": "net"})
    return Kind("head", path, lambda: vars(read_head(path)))


def weights(folder: Path) -> Kind:
    import torch

    from imprint.fm.checkpoints import read_facts, read_state, save

    path = folder / "weights.safetensors"
    generator = torch.Generator().manual_seed(0)
    save(path, {"body": torch.randn(64, 32, generator=generator)}, {"model": "net"})

    def read() -> Value:
        return {name: t.numpy() for name, t in read_state(path).items()}, read_facts(path)

    return Kind("weights", path, read)


def images(folder: Path) -> Kind:
    from imprint.data import sources

    sources.prepare("glyphs", {"pretrain": 1, "train": 2, "test": 1}, folder / "glyphs")
    return Kind(
        "images.h5",
        folder / "glyphs/images.h5",
        lambda: vars(sources.open_split(folder / "glyphs", "train")),
    )


def manifest(folder: Path) -> Kind:
    from imprint.data import sources

    sources.prepare("glyphs", {"pretrain": 1, "train": 2, "test": 1}, folder / "described")
    described = folder / "described"
    return Kind("manifest", described / "manifest.json", lambda: sources.read_manifest(described))


def blocks(folder: Path) -> Kind:
    from imprint.store.block_cache import block_key, open_blocks

    path = folder / "cells.blocks"
    with open_blocks(path) as file:
        for number in range(50):
            file.put(block_key(number), json.dumps({"accuracy": number / 50}).encode() * 20)

    def read() -> Value:
        with open_blocks(path) as file:
            values = [file.get(block_key(number)) for number in range(50)]
        if None in values:
            raise UserError(f"{path}: a block is computed again")
        return values

    return Kind("finished work", path, read)


def class_fits(folder: Path) -> Kind:
    from imprint.method.generate.proxy_sets import Fit
    from imprint.store.class_fits import ClassFits, contents

    rng = np.random.default_rng(0)
    stored = ClassFits(folder / "cache" / "classes", "kmeans", "")
    runs = [(k, seed) for k in (1, 5, 20) for seed in (1, 2)]
    stored.write("a", {run: Fit(rng.normal(size=(run[0], 16)).astype("f"), 0.5) for run in runs})
    (content,) = contents(folder)

    def read() -> Value:
        fits = stored.read("a")
        if not fits:
            raise UserError(f"{content.path}: its class is fitted again")
        return fits

    return Kind("fits of a class", content.path, read)


KINDS = (
    embeddings, proxies, scores, collapse, head, weights, images, manifest, blocks, class_fits,
)  # fmt: skip


def equal(a: Value, b: Value) -> bool:
    """Whether two values are equal; arrays in them are compared by value."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return equal(vars(a), vars(b))
    return bool(a == b)


def outcome(kind: Kind, expected: Value) -> str:
    """The outcome of reading a file."""
    try:
        value = kind.read()
    except UserError as error:
        return "noticed" if kind.path.name in str(error) else "file not named"
    except Exception as error:
        return f"traceback ({type(error).__name__})"
    return "harmless" if equal(value, expected) else "WRONG"


def flipped(content: bytes, chance: random.Random) -> bytes:
    """The content of a file with one bit flipped."""
    position = chance.randrange(len(content))
    damaged = bytearray(content)
    damaged[position] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def attack(kind: Kind, flips: int, chance: random.Random) -> Counter[str]:
    """The outcomes of flips in one file."""
    content, expected = kind.path.read_bytes(), kind.read()
    counts: Counter[str] = Counter()
    for _ in range(flips):
        kind.path.write_bytes(flipped(content, chance))
        counts[outcome(kind, expected)] += 1
    kind.path.write_bytes(content)
    return counts


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    logging.getLogger("imprint").setLevel(logging.ERROR)
    bad = 0
    print(f"{'file':16}{'bytes':>9}{'noticed':>9}{'harmless':>10}  other")
    with tempfile.TemporaryDirectory() as folder:
        for make in KINDS:
            kind = make(Path(folder))
            counts = attack(kind, options.flips, chance)
            size = kind.path.stat().st_size
            other = {k: v for k, v in counts.items() if k not in ("noticed", "harmless")}
            bad += sum(other.values())
            print(
                f"{kind.name:16}{size:9,}{counts['noticed']:9}{counts['harmless']:10}  "
                + (", ".join(f"{count} {what}" for what, count in other.items()) or "none")
            )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
