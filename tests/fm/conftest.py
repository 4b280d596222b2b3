"""A small FM and images for it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from imprint.data.images import Images
from imprint.fm.embedder import Embedder
from imprint.fm.transforms import Transform


class Body(nn.Module):
    """A convolution and a pool; `before` may be set to do something before each batch."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 12, 5, stride=3)
        self.before = lambda x: None

    def forward(self, x):
        self.before(x)
        return self.conv(x).relu().mean((2, 3))


@pytest.fixture
def embedder():
    identity = {"source": "test", "model": "body"}
    body = Body()
    return Embedder(body, Transform((16, 16), (16, 16)), identity, fm_classifier=torch.ones(3, 12))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (700, 8, 8), dtype=np.uint8)
    labels = rng.integers(0, 3, len(array))
    return Images(labels, [f"train/{i:05d}" for i in range(len(array))], ("a", "b", "c"), array)


@pytest.fixture
def folder(tmp_path):
    """Twenty image files, class by class."""
    rng = np.random.default_rng(1)
    ids = [f"{i:02d}.png" for i in range(20)]
    (tmp_path / "files").mkdir()
    for name in ids:
        pixels = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((30, 40)).save(tmp_path / "files" / name)
    return Images(np.arange(20) // 8, ids, ("a", "b", "c"), folder=tmp_path / "files")
