"""FM sources are one class each, and are listed without torch."""

import subprocess
import sys

import pytest

from imprint.errors import UserError
from imprint.fm import models
from imprint.fm.registry import FM_SOURCES, FMSource, fm_source


@pytest.fixture
def mine():
    """A developer's source, registered for the test."""

    @fm_source("mine")
    class Mine(FMSource):
        def load(self, changes):
            return self.model, self.checkpoint, dict(changes)

    yield Mine
    FM_SOURCES.remove("mine")


def test_a_source_is_one_class(mine):
    assert models.load("mine", "net", checkpoint="w.pth", input_size=32, mean=None) == (
        "net",
        "w.pth",
        {"input_size": 32},
    )
    with pytest.raises(UserError, match="'mine' needs a model name"):
        models.load("mine")
    with pytest.raises(UserError, match="no published weights"):
        models.fetch("w.safetensors", "mine", "net")
    with pytest.raises(TypeError, match="crop"):
        models.load("mine", "net", crop=3)


def test_a_source_says_what_it_is():
    assert FM_SOURCES.names(needs_model_name=False) == ("pretrained",)
    torchvision = FM_SOURCES["torchvision"]
    assert torchvision.options({"model": "resnet18.IMAGENET1K_V1"}) == {
        "model": "resnet18",
        "weights": torchvision.default_weights,
    }
    assert FM_SOURCES["timm"].options({"model": "resnet18.tv_in1k"})["model"] == "resnet18.tv_in1k"
    with pytest.raises(UserError, match="did you mean 'timm'"):
        models.load("tim", "resnet18")


def test_sources_are_listed_without_the_libraries_they_need():
    """The Snakefile reads both registries in every job of a cluster."""
    heavy = (
        "torch",
        "torchvision",
        "timm",
        "sklearn",
        "pandas",
        "scipy",
        "matplotlib",
        "h5py",
        "pooch",
        "filelock",
    )
    code = (
        "import sys; from imprint.data.sources import SOURCES; from imprint.fm.models import FM_SOURCES;"
        f"print([name for name in {heavy} if name in sys.modules], 'torchvision' in SOURCES, 'timm' in FM_SOURCES)"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True True\n"
