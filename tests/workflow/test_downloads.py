"""Downloads as jobs of their own, from a server that the test runs: shared, resumed, and never again without need."""

import gzip
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.server import serving
from tests.workflow.conftest import Study

pytestmark = pytest.mark.xdist_group("downloads")

SPLITS = {"train": 60, "t10k": 40}
ARCHIVES = [f"{part}-{kind}-ubyte.gz" for part in SPLITS for kind in ("images-idx3", "labels-idx1")]
FOLDER = "results/downloads/mnist"
MANIFEST = "results/data/mnist/manifest.json"
EMBEDDINGS = [f"results/embeddings/net/mnist/{split}.h5" for split in ("train", "test")]
STUDY = {
    "datasets": {"mnist": {"source": "torchvision", "name": "MNIST", "limit": 2}},
    "fms": {"net": {"source": "timm", "model": "test_resnet", "checkpoint": "net.safetensors", "input_size": 32}},
    "tasks": {"digits": {"datasets": "mnist"}},
    "experiments": {"methods": {"presets": ["qi"]}},
}  # fmt: skip

# in the jobs' processes, MNIST comes from the server
REDIRECT = """
import imprint.data.retries
from torchvision.datasets import MNIST
MNIST.mirrors, MNIST.resources = [{address!r}], {archives!r}
imprint.data.retries.PAUSES = (0, 0)
"""


@dataclass
class Server:
    folder: Path
    address: str
    archives: list
    asked: list


@pytest.fixture
def server(tmp_path):
    """MNIST on a server, with images of the test's own."""
    folder = tmp_path / "server"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, n in SPLITS.items():
        y = np.arange(n) % 10
        x = rng.integers(0, 256, (n, 28, 28))
        for kind, array in (("images-idx3", x), ("labels-idx1", y)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(
                size.to_bytes(4, "big") for size in array.shape
            )
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(
                gzip.compress(head + array.astype("uint8").tobytes())
            )
    archives = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest()) for name in ARCHIVES]
    with serving(folder) as (address, asked):
        yield Server(folder, f"{address}/", archives, asked)


@dataclass
class Downloading(Study):
    """A working directory whose jobs find MNIST on the server."""

    cache: str = ""

    def environment(self):
        return {
            **super().environment(),
            "PYTHONPATH": str(self.folder / "redirect"),
            "SNAKEMAKE_OUTPUT_CACHE": self.cache,
        }


def checkout(folder, server, cache=""):
    import timm
    import torch
    from safetensors.torch import save_file

    (folder / "redirect").mkdir(parents=True)
    (folder / "redirect/sitecustomize.py").write_text(
        REDIRECT.format(address=server.address, archives=server.archives)
    )
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), folder / "net.safetensors")
    study = Downloading(folder, str(cache))
    study.configure(STUDY)
    return study


def test_what_is_deleted_is_fetched_again_only_when_something_needs_it(server, tmp_path):
    study = checkout(tmp_path / "one", server)
    study.snakemake(*EMBEDDINGS)
    assert set(server.asked) == set(ARCHIVES)
    assert (study.folder / FOLDER / "MNIST/raw/train-images-idx3-ubyte").exists()
    assert study.planned(*EMBEDDINGS) == {}

    shutil.rmtree(study.folder / FOLDER)
    assert study.planned(*EMBEDDINGS) == {}, "the images are not needed any more"
    (study.folder / EMBEDDINGS[1]).unlink()
    assert study.planned(*EMBEDDINGS) == {"download": 1, "dataset": 1, "embed": 2}
    server.asked.clear()
    study.snakemake(*EMBEDDINGS)
    assert set(server.asked) == set(ARCHIVES)
    assert study.planned(*EMBEDDINGS) == {}


def test_a_second_working_directory_downloads_nothing(server, tmp_path):
    (tmp_path / "cache").mkdir()
    first = checkout(tmp_path / "first", server, tmp_path / "cache")
    first.snakemake(MANIFEST)
    assert set(server.asked) == set(ARCHIVES)
    server.asked.clear()
    second = checkout(tmp_path / "second", server, tmp_path / "cache")
    second.snakemake(*EMBEDDINGS)
    assert not server.asked
    assert (second.folder / FOLDER / "MNIST").is_symlink()
    for study in (first, second):
        study.snakemake(*EMBEDDINGS)
        assert study.planned(*EMBEDDINGS) == {}
    assert (first.folder / EMBEDDINGS[0]).resolve() == (second.folder / EMBEDDINGS[0]).resolve()

    other = checkout(tmp_path / "other", server, tmp_path / "cache")
    other.configure(STUDY | {"datasets": {"mnist": {**STUDY["datasets"]["mnist"], "name": "USPS"}}})
    output = other.snakemake(MANIFEST, succeeds=False)
    assert "dataset USPS could not be downloaded" in output, (
        "another dataset under the same name is not shared"
    )


def test_a_download_that_broke_off_goes_on_and_no_network_says_what_to_do(server, tmp_path):
    study = checkout(tmp_path / "one", server)
    missing = server.folder / ARCHIVES[-1]
    content = missing.read_bytes()
    missing.unlink()
    output = study.snakemake(MANIFEST, succeeds=False)
    assert "dataset MNIST could not be downloaded" in output
    assert "give their folder as `root`" in output
    assert "root/MNIST/raw/train-images-idx3-ubyte" in output
    assert "Traceback" not in output
    assert not (study.folder / FOLDER).exists()

    missing.write_bytes(content)
    server.asked.clear()
    study.snakemake(MANIFEST)
    assert set(server.asked) == {ARCHIVES[-1]}
    assert not list((study.folder / FOLDER).parent.glob(".*.part"))

    # one that was damaged since can be had again
    (study.folder / MANIFEST).unlink()
    (study.folder / FOLDER / "MNIST/raw/train-images-idx3-ubyte").write_bytes(b"")
    output = study.snakemake(MANIFEST, succeeds=False)
    assert f"delete {FOLDER} to download it again" in output
    shutil.rmtree(study.folder / FOLDER)
    study.snakemake(MANIFEST)

    # a wrong file on the server is no dataset
    other = checkout(tmp_path / "two", server)
    missing.write_bytes(content[:-20])
    output = other.snakemake(MANIFEST, succeeds=False)
    assert "could not be downloaded" in output
    assert not (other.folder / FOLDER).exists()
