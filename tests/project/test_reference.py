"""Agreement with real images, a real FM and the authors' released program, where the reference data are there."""

import gzip
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from imprint.data.pools import Pool
from imprint.method.collapse import collapse
from imprint.study.jobs.collapse import measure_collapse

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
pytestmark = pytest.mark.skipif(
    not REFERENCE.is_dir(),
    reason=f"no reference data in {REFERENCE}: parity with the released program is not checked",
)


@pytest.fixture(scope="module")
def data():
    with h5py.File(REFERENCE / "mnist_subset_resnet10t_embeddings.h5") as file:
        arrays = {
            f"{s}_{a}": file[s][b][:]
            for s in ("train", "test")
            for a, b in (("x", "embeddings"), ("y", "labels"))
        }
    return arrays | {name: arrays[name].astype(np.int64) for name in ("train_y", "test_y")}


def test_deterministic_configurations_agree_to_a_tenth_of_a_point(data):
    from benchmarks.parity import accuracies

    released = pd.read_csv(REFERENCE / "mnist_released_scores.csv", keep_default_na=False)
    fixed = released[
        released["gen"].isin(["mean", "all", "cov_max", "ls"])
        & (released["distance"] != "manhattan")
    ]
    table = pd.concat(accuracies(fixed, data, own_draws=True))
    assert len(table) > 120
    assert (table["ours"] - table["accuracy"]).abs().max() <= 0.1 + 1e-9


def test_nc1_is_that_of_the_released_program(data):
    released = json.loads((REFERENCE / "mnist_nc1_released.json").read_text())
    measured = collapse(data["train_x"], data["train_y"], 10)
    assert measured.nc1_released == pytest.approx(released["nc1"], rel=1e-4)
    assert measured.trace_b == pytest.approx(released["trace_b"], rel=1e-4)
    assert measured.nc1 < measured.nc1_released


def test_embeddings_of_mnist_are_the_reference_ones(tmp_path):
    from imprint.data import sources
    from imprint.fm import models
    from tests.fm.extraction import extract

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in (REFERENCE / "data/MNIST/raw").glob("*.gz"):
        with gzip.open(packed) as source, open(raw / packed.stem, "wb") as target:
            shutil.copyfileobj(source, target)
    sources.prepare("torchvision", {"name": "MNIST", "root": str(tmp_path)}, tmp_path / "prepared")
    images = sources.open_split(tmp_path / "prepared", "test").take(np.arange(500))
    net = models.load(
        "timm", "resnet10t", checkpoint=REFERENCE / "resnet10t_cifar100.safetensors", input_size=64, interpolation="bilinear",
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )  # fmt: skip
    extract(net, images, tmp_path / "test.h5")
    expected = np.load(REFERENCE / "mnist_test_first500_resnet10t.npy")
    with h5py.File(tmp_path / "test.h5") as file:
        embeddings = file["embeddings"][:][np.argsort(file["ids"].asstr()[:])]
    cosine = (
        (embeddings * expected).sum(axis=1)
        / np.linalg.norm(embeddings, axis=1)
        / np.linalg.norm(expected, axis=1)
    )
    assert cosine.min() >= 0.999


def test_nc1_of_cifar100_grows_with_d_and_is_higher_on_test_embeddings():
    """The FM's own classes, d of them in each new one: NC1 of training and of test embeddings, measured apart."""
    with h5py.File(REFERENCE / "cifar100_resnet10t_embeddings.h5") as file:
        train, test = (
            Pool(file[s]["embeddings"][:].astype(np.float32), file[s]["labels"][:].astype(int), 100)
            for s in ("train", "test")
        )
    orders = [np.random.default_rng(draw).permutation(100) for draw in range(3)]
    for d, expected in ((1, (0.33, 0.47)), (3, (1.41, 1.65)), (10, (5.28, 6.11))):
        draws = [[order[i : 10 * d : 10].tolist() for i in range(10)] for order in orders]
        spec = {"fm": "resnet10t", "task": f"own-d{d}", "family": "own", "d": d, "draws": draws}
        nc1 = measure_collapse(train, test, spec)[0].groupby("split", observed=True)["nc1"].mean()
        assert (nc1["train"], nc1["test"]) == pytest.approx(expected, abs=0.006)
