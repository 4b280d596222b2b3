"""The paper's study (Westerhoff et al., TMLR 2025): config/paper.yaml has its runs, grid by grid."""

from collections import Counter
from pathlib import Path

import pytest

from imprint.method.presets import PRESETS, PUBLISHED
from imprint.study import selections
from imprint.study.load import load

ROOT = Path(__file__).parents[2]
PAPER = 405_063
THREE = ("mnist-all", "fashionmnist-all", "cifar10-all")
# runs in the paper, its experiments here, and the tasks among theirs (all by default)
GRIDS = {
    "GEN and NORM": (41_472, ["gen-and-norm"]),
    "GEN and NORM, kls": (864, ["gen-and-norm-kls"]),
    "AGG": (283_392, ["agg", "agg-k1"]),
    "AGG, kls": (17_136, ["agg-kls", "agg-kls-k1"]),
    "accuracy over k up to 100": (1_836, ["many-proxies"]),
    "few shots": (2_100, ["few-shot"]),
    "few shots, kls": (2_100, ["few-shot-kls"]),
    "CombiDigits": (360, ["neural-collapse"], ["combidigits"]),
    "CombiDigits, kls": (180, ["neural-collapse-kls"], ["combidigits"]),
    "ImageNet": (36_000, ["neural-collapse-imagenet"], ["imagenet"]),
    "ImageNet, kls": (18_000, ["neural-collapse-kls"], ["imagenet"]),
    "MNIST, FashionMNIST, CIFAR-10": (1_080, ["neural-collapse"], THREE),
    "MNIST, FashionMNIST, CIFAR-10, kls": (540, ["neural-collapse-kls"], THREE),
}
# k larger than the number of shots: the same run as k = shots, here a cell of its own
K_ABOVE_SHOTS = {"few shots": 240, "few shots, kls": 240}
# not a grid of the paper
OURS = {"published-methods": 720, "few-shot-all": 780}
# cells of the others once more, for a figure
AGAIN = {
    "agg-kmeans-20": 1_728,
    "many-proxies-of-resnet18-on-cifar10": 30,
    "combidigits-in-the-plane": 12,
    "neural-collapse-none": 18_720,
    "best-k": 0,
}


@pytest.fixture(scope="module")
def study():
    return load([ROOT / "config/paper.yaml"])


def runs_of(study, name):
    """Runs of an experiment by task or family, those included that it shares with others."""
    each = len(study.methods[name]) * len(set(study.experiment_seeds(name)))
    runs = Counter()
    for group in study.experiment_groups(name):
        task = study.tasks[group.task]
        runs[task.family] += each * len(task.draws)
    return runs


@pytest.mark.parametrize("grid", GRIDS)
def test_each_grid_has_the_runs_of_the_paper(study, grid):
    paper, experiments, *tasks = GRIDS[grid]
    runs = [
        count
        for name in experiments
        for task, count in runs_of(study, name).items()
        if not tasks or task in tasks[0]
    ]
    assert sum(runs) - K_ABOVE_SHOTS.get(grid, 0) == paper


@pytest.mark.parametrize("name", ["few-shot", "few-shot-kls"])
def test_few_shot_cells_with_k_above_the_shots_are_what_is_more_than_in_the_paper(study, name):
    shots = study.config.experiments[name].shots
    pairs = [(n, c.k.k) for n in shots for c in study.methods[name]]
    distinct = {(n, k if n == "full" else min(n, k)) for n, k in pairs}
    each = runs_of(study, name).total() // len(pairs)
    assert (len(pairs), len(distinct), each) == (39, 35, 4 * 3 * 5)


def test_the_grids_are_the_whole_study_and_sum_to_the_papers_total_but_for_three_runs(study):
    used = {name for _, experiments, *_ in GRIDS.values() for name in experiments}
    assert used | set(OURS) | set(AGAIN) == set(study.config.experiments)
    assert {name: runs_of(study, name).total() for name in OURS | AGAIN} == OURS | AGAIN
    assert sum(paper for paper, *_ in GRIDS.values()) == PAPER - 3
    everything = sum(runs_of(study, name).total() for name in study.config.experiments)
    assert everything == PAPER - 3 + sum(K_ABOVE_SHOTS.values()) + sum((OURS | AGAIN).values())


def test_runs_that_experiments_share_are_computed_once(study):
    pairs = 4 * 12 * 3  # FM, task and seed
    shared = {
        "published methods in the grids": 4 * pairs,
        "max with inner_product in AGG": 8 * 6 * pairs,
        "the same of kls": 3 * pairs,
        "k <= 20 with l2 throughout": 32 * 4 * 3 * 3,
        "k = 1, 2, 3, 5, 10 of three tasks under both NORMpre": 5 * 2 * 4 * 3 * 3,
        "the same k of kls": 5 * 4 * 3 * 3,
    }
    everything = sum(runs_of(study, name).total() for name in study.config.experiments)
    shared |= AGAIN
    assert study.runs() == everything - sum(shared.values()) == 397_428


def test_the_published_methods_are_in_the_grids_but_for_the_oracle(study):
    grids = {c for name in ("gen-and-norm", "agg", "agg-k1") for c in study.methods[name]}
    published = {name: preset for name, preset in PRESETS.items() if preset.published}
    missing = {name for name, preset in published.items() if preset.configuration not in grids}
    assert missing == {"oracle"}


def test_every_published_accuracy_is_of_a_method_that_is_run(study):
    run = {c for name in ("published-methods", "agg-kmeans-20") for c in study.methods[name]}
    assert set(PUBLISHED) <= run
    of_aggs = [PUBLISHED.get(c) for c in study.methods["agg-kmeans-20"]]
    assert len(of_aggs) == 12 and sorted({a for a in of_aggs if a}, reverse=True) == [
        91.06, 90.59, 90.12, 87.05, 84.23,
    ]  # fmt: skip


def test_the_whole_study_is_some_fourteen_hundred_jobs(study):
    # data, embeddings, tables and figures: about 150 more
    assert 1_200 < len(set(study.outputs_with_blocks())) < 1_500


def test_nc1_of_imagenet_is_that_of_the_validation_images_and_of_other_tasks_of_training_images(
    study,
):
    for name in ("neural-collapse", "best-k"):
        splits = {
            study.tasks[task].family: grid["nc1_split"]
            for grid in reversed(selections.selection(study, name))
            for _, task, _ in grid["groups"]
        }
        assert splits.pop("imagenet") == "test" and set(splits.values()) == {"train"}
