"""Figures are drawn again without computing anything, and those of one FM and task are made from what they need."""

import copy

import pandas as pd
import pytest
from PIL import Image

from tests.workflow.conftest import GIVEN, TINY

pytestmark = pytest.mark.xdist_group("workflow")


def with_experiment(base, **keys):
    config = copy.deepcopy(base)
    config["experiments"]["more"] = keys
    return config


def test_another_width_draws_figures_and_computes_nothing(done):
    planned = done.planned("--config", "figure_width=page")
    assert {planned.pop(name) for name in ("report", "workflow_report", "all")} == {1}
    assert planned and all(rule.startswith("figure_") for rule in planned)


def test_a_figure_that_cannot_be_filled_says_so_and_the_study_goes_on(finished):
    log = (finished.folder / "results/logs/figures/number-of-proxies/gain_over_nc1.log").read_text()
    assert (
        "WARNING experiment number-of-proxies, figure gain_over_nc1: nothing to show. No task with k-means at k = 1"
        in log
    )
    assert "nothing to show: No task" in (finished.folder / "said.txt").read_text()
    assert (finished.folder / "results/figures/number-of-proxies/gain_over_nc1.png").exists()


def test_figures_of_one_task_are_made_from_the_proxies_there_are(done):
    cell = {"task": "digits", "gen": "kmeans", "k": 3, "seed": 2}
    figures = ["training_images", "tsne", "confusion", "gallery"]
    done.configure(
        with_experiment(TINY, gen=[{"name": "kmeans", "k": [1, 3]}], figures=figures, cell=cell)
    )
    folder = done.folder / "results/figures/more/net/digits"
    wanted = [f"{folder}/{name}.png".removeprefix(f"{done.folder}/") for name in figures]
    planned = done.planned(*wanted)
    tables = dict.fromkeys(["samples", "tsne", "predictions"], 1)
    assert planned == tables | {f"figure_{name}": 1 for name in figures}
    done.snakemake(*wanted)
    for name in figures:
        with Image.open(folder / f"{name}.png") as image:
            assert image.width == 1020
    table, scores = pd.read_parquet(folder / "predictions.parquet"), done.scores()
    rows = scores[(scores["task"] == "digits") & (scores["gen"] == "kmeans") & (scores["k"] == 3)]
    assert rows.loc[rows["seed"] == 2, "accuracy"].tolist() == [
        (table["true"] == table["predicted"]).mean()
    ]
    # drawn again from what is there, without the embeddings
    assert set(done.planned("--config", "figure_width=page", "--", *wanted)) == {
        f"figure_{n}" for n in figures
    }


def test_a_gallery_of_given_embeddings_needs_no_images(given):
    experiment = {
        key: value for key, value in GIVEN["experiments"]["grid"].items() if key != "tables"
    }
    given.configure(with_experiment(GIVEN, **experiment, figures=["gallery"]))
    target = "results/figures/more/one/a/gallery.pdf"
    assert given.planned(target) == {"predictions": 1, "figure_gallery": 1}
    given.snakemake(target)
    assert (given.folder / target).stat().st_size > 1000
