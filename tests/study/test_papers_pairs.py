"""Published accuracies stand only beside those of the paper's FMs and tasks."""

from pathlib import Path

import pytest

from imprint.study import selections
from imprint.study.load import load

PAPER = Path(__file__).parents[2] / "config" / "paper.yaml"


def of_paper(name, changes=None):
    """Whether an experiment of the paper's study, changed, has the paper's pairs."""
    return selections.settings(load([PAPER], changes or {}), name, ["of_paper"])["of_paper"]


@pytest.mark.parametrize("name", ["published-methods", "agg-kmeans-20", "gen-and-norm"])
def test_experiments_on_the_papers_pairs_have_published_accuracies(name):
    assert of_paper(name)


@pytest.mark.parametrize("name", ["few-shot", "neural-collapse", "many-proxies"])
def test_experiments_on_other_pairs_have_none(name):
    assert not of_paper(name)


@pytest.mark.parametrize(
    "changes",
    [
        {"fms": {"resnet50": {"weights": "IMAGENET1K_V2"}}},
        {"fms": {"swin_b": {"input_size": 96}}},
        {"datasets": {"mnist": {"limit": 100}}},
        {"tasks": {"cifar10-short": {"classes": [0, 1, 3]}}},
        {"experiments": {"published-methods": {"shots": [5]}}},
        {"experiments": {"published-methods": {"tasks": ["mnist-all"]}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_fms_or_data_takes_them_away(changes):
    assert not of_paper("published-methods", changes)


def test_a_checkpoint_may_hold_other_weights(tmp_path):
    (tmp_path / "mine.pth").touch()
    fms = {"resnet18": {"checkpoint": str(tmp_path / "mine.pth")}}
    assert not of_paper("published-methods", {"fms": fms})


def test_in_how_many_jobs_images_are_embedded_does_not_matter():
    fms = {"fms": {name: {"shards": 2} for name in ("resnet18", "vit_b_16")}}
    assert of_paper("published-methods", fms)
