"""The estimate counts the samples that a study embeds and the jobs that are not finished."""

import numpy as np
import pytest
import yaml

from imprint.study import estimate
from imprint.study.load import load


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Ten new classes of two ImageNet classes each, drawn from 100; one FM, and every sample is a proxy."""
    monkeypatch.chdir(tmp_path)
    family = {"d": [2], "classes": 10, "draws": 1, "sample": 100, "seed": 420}
    config = {
        "datasets": {
            "imagenet": {
                "source": "torchvision",
                "name": "ImageNet",
                "root": "imagenet",
                "classes": "needed",
            }
        },
        "fms": {"net": {"source": "torchvision", "model": "resnet18"}},
        "tasks": {"two": {"datasets": "imagenet", "family": family}},
        "experiments": {
            "main": {
                "gen": [{"name": "all"}],
                **{norm: ["none"] for norm in ("norm_pre", "norm_post", "norm_inf")},
                "agg": [{"name": "max"}],
            }
        },
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return load(["config.yaml"])


def costs(study, per_class=13):
    """Of 20 embedded classes, as the family draws them."""
    counts = {"imagenet": {"train": 20 * per_class, "test": 20 * 5}}
    return estimate.costs(study, study.groups, counts, {"net": 512})


def test_samples_are_those_of_the_classes_that_are_embedded(study):
    proxies = costs(study)["proxies"]
    assert (proxies.jobs, proxies.done) == (1, 0)
    assert proxies.size == 2 * 20 * 13 * 8, "a row number of each sample, in the file and its block"


def test_fits_that_tasks_may_share_are_stored_thrice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        "datasets": {"mnist": {"source": "torchvision", "name": "MNIST", "root": "data"}},
        "fms": {"net": {"source": "torchvision", "model": "resnet18"}},
        "tasks": {"all": {"datasets": "mnist"}},
        "experiments": {"main": {"gen": [{"name": "kmeans", "k": 5}], "seeds": [1, 2]}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    study = load(["config.yaml"])
    counts = {"mnist": {"train": 600, "test": 100}}
    proxies = estimate.costs(study, study.groups, counts, {"net": 512})["proxies"]
    file = 2 * 5 * 10 * (4 * 512 + 8)
    assert proxies.size == 3 * file, "the file, its blocks, and the fits of classes"


def test_finished_jobs_cost_nothing(study, tmp_path):
    scores = tmp_path / "results/scores/net/two-d2/full/max.parquet"
    proxies = tmp_path / "results/proxies/net/two-d2/full/all.h5"
    proxies.parent.mkdir(parents=True)
    proxies.touch()
    cost = costs(study)
    assert (cost["proxies"].jobs, cost["proxies"].done, cost["proxies"].seconds) == (0, 1, 0)
    assert cost["evaluate"].jobs == 1
    proxies.unlink()
    scores.parent.mkdir(parents=True)
    scores.touch()
    cost = costs(study)
    assert cost["proxies"].jobs == cost["evaluate"].jobs == 0, "proxies that no scores need"
    assert cost["proxies"].seconds == cost["evaluate"].size == 0


@pytest.fixture
def seconds(tmp_path, monkeypatch):
    """Seconds of each job on MNIST without its start, by rule, GEN or AGG, and task, for an experiment of the test."""
    monkeypatch.chdir(tmp_path)
    plain = {norm: ["none"] for norm in ("norm_pre", "norm_post", "norm_inf")}

    def of(gen, agg="max", tasks=("all",), train=60_000, **scoring):
        config = {
            "datasets": {"mnist": {"source": "torchvision", "name": "MNIST", "root": "data"}},
            "fms": {"net": {"source": "torchvision", "model": "resnet18", "ls_lambda": 0.1}},
            "tasks": {
                "all": {"datasets": "mnist"},
                "even": {"datasets": "mnist", "classes": [0, 2, 4]},
            },
            "experiments": {
                "main": {
                    "tasks": list(tasks),
                    "gen": [gen],
                    **plain,
                    "agg": [{"name": agg, **scoring}],
                }
            },
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        study = load(["config.yaml"])
        counts = {"mnist": {"train": train, "test": 10_000}}
        jobs = list(estimate.jobs(study, study.groups, counts, {"net": 512}, rate=1e11))
        least = min(job.seconds for job in jobs)
        return {(job.rule, job.name, job.group.task): job.seconds - least for job in jobs}

    return of


def test_work_that_k_share_is_counted_once(seconds):
    one, two, six = (
        seconds({"name": "kmedoids", "k": k})["proxies", "kmedoids", "all"]
        for k in (1, [1, 2], [1, 2, 3, 5, 10, 20])
    )
    assert one < six < 2 * one
    np.testing.assert_allclose(six - one, 5 * (two - one), rtol=0.02)


def test_k_means_takes_fewer_rounds_on_few_samples(seconds):
    kmeans = {"name": "kmeans", "k": 20}
    many, few = (seconds(kmeans, train=n)["proxies", "kmeans", "all"] for n in (60_000, 10_000))
    assert many > 1.5 * 6 * few


def test_a_class_that_tasks_have_in_common_is_fitted_once(seconds):
    kmeans = {"name": "kmeans", "k": 5}
    both = seconds(kmeans, tasks=("all", "even"))
    alone = seconds(kmeans, tasks=("even",))
    assert both["proxies", "kmeans", "even"] < 0.1 * alone["proxies", "kmeans", "even"]
    assert both["proxies", "kmeans", "all"] > 3 * alone["proxies", "kmeans", "even"]


def test_clusters_that_a_gen_starts_from_and_collapse_are_jobs_too(seconds):
    jobs = seconds({"name": "kls", "k": 5})
    assert set(jobs) == {
        ("proxies", "kmeans", "all"),
        ("proxies", "kls", "all"),
        ("evaluate", "max", "all"),
        ("collapse", "", "all"),
    }


def test_scoring_costs_what_its_distance_does(seconds):
    every = {"name": "all"}
    product, manhattan, mahalanobis = (
        seconds(every, "mnn", m=[5], distance=[distance])["evaluate", "mnn", "all"]
        for distance in ("euclidean", "manhattan", "mahalanobis")
    )
    assert product < mahalanobis < manhattan
    both = seconds(every, "mnn", m=[5], distance=["euclidean", "cosine"])
    assert both["evaluate", "mnn", "all"] < 1.5 * product, "they share the product"
