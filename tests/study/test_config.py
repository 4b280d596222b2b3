"""What a study may say, and what becomes of it."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from imprint.method.configuration import Fixed
from imprint.method.presets import PRESETS
from imprint.study import inputs, page, selections, specs
from imprint.study.load import load
from imprint.study.read import ConfigError, read_yaml
from imprint.study.schema import schema
from tests.study.examples import BASE, experiment, problems, study

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.json"


def test_the_default_study_and_the_examples_are_usable(monkeypatch, tmp_path):
    (tmp_path / "net.safetensors").touch()
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    for name in ("MNIST", "IMAGES", "CLOTHING", "SIGNS", "FLOWERS"):
        monkeypatch.setenv(f"IMPRINT_{name}", str(tmp_path))
    monkeypatch.setenv("IMPRINT_CHECKPOINT", str(tmp_path / "net.safetensors"))
    (tmp_path / "cifar100.h5").touch()
    monkeypatch.setenv("IMPRINT_CIFAR100", str(tmp_path / "cifar100.h5"))
    for path in [ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")]:
        assert load([path]).runs() > 0


def test_the_schema_file_is_that_of_the_models():
    """Of the library's own components: a process of its own, as other tests register more."""
    command = [sys.executable, "-m", "imprint.study.schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(SCHEMA.read_text()) == json.loads(printed), "run `make schema`"


def test_the_schema_accepts_the_configurations_of_the_project_and_refuses_empty_lists():
    checks = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for path in [ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")]:
        content = yaml.safe_load(path.read_text())
        assert [error.message for error in checks.iter_errors(content)] == [], path
    checks.validate(BASE)
    for sections in (
        {"tasks": {"all": {"datasets": []}}},
        {"seeds": []},
        {"seeds": 3},  # could mean how many
        {"experiments": experiment(shots=[])},
    ):
        assert not checks.is_valid({**BASE, **sections}), sections


def test_every_key_is_described():
    def objects(node):
        if isinstance(node, dict):
            yield node
            for value in node.values():
                yield from objects(value)
        elif isinstance(node, list):
            for value in node:
                yield from objects(value)

    for node in objects(schema()):
        for key, value in node.get("properties", {}).items():
            if not (isinstance(value, dict) and "properties" in value):
                assert "description" in value, key


def test_a_grid_is_every_combination_once(tmp_path):
    loaded = study(tmp_path)
    assert loaded.groups == [("net", "all", "full"), ("net", "short", "full")]
    cells = loaded.cells(loaded.groups[0]).seeds
    assert {(c.gen, c.k) for c in cells} == {
        ("kmeans", Fixed(1)),
        ("kmeans", Fixed(5)),
        ("mean", Fixed(1)),
    }
    assert set(cells.values()) == {(1, 2)}
    assert loaded.runs() == 2 * 3 * 2


def test_cells_shared_by_experiments_stand_once_with_the_seeds_of_both(tmp_path):
    second = {"gen": [{"name": "mean"}], "seeds": [2, 3], "tasks": "all"}
    loaded = study(tmp_path, experiments={**BASE["experiments"], "again": second})
    cells = {
        c.gen: seeds
        for c, seeds in loaded.cells(("net", "all", "full")).seeds.items()
        if c.gen == "mean"
    }
    assert cells == {"mean": (1, 2, 3)}
    assert loaded.runs() == 2 * 3 * 2 + 1


def test_order_and_layout_of_the_configuration_change_no_job(tmp_path):
    first = study(tmp_path)
    turned = {
        "experiments": {
            "main": {
                "agg": [{"name": "max"}],
                "gen": [{"name": "mean"}, {"name": "kmeans", "k": [5, 1]}],
            }
        },
        "tasks": dict(reversed(BASE["tasks"].items())),
    }
    second = study(tmp_path, **turned)
    for group in first.groups:
        assert specs.evaluation(first, group) == specs.evaluation(second, group)
        assert first.cells(group).text == second.cells(group).text
        assert specs.proxies(first, group, "kmeans") == specs.proxies(second, group, "kmeans")


def test_the_order_of_the_datasets_of_a_task_changes_its_jobs(tmp_path):
    """It decides the labels; Snakemake compares the inputs of a job as a set."""
    first, second = (
        study(tmp_path, tasks={"two": {"datasets": names}})
        for names in (["digits", "glyphs"], ["glyphs", "digits"])
    )
    group = first.groups[0]
    assert specs.proxies(first, group, "kmeans") != specs.proxies(second, group, "kmeans")
    assert specs.evaluation(first, group) != specs.evaluation(second, group)
    assert specs.collapse(first, group.fm, "two") != specs.collapse(second, group.fm, "two")


def test_a_slash_at_the_end_of_the_results_changes_no_path(tmp_path):
    assert study(tmp_path, results="res/").config.results == "res"


def test_the_papers_norm_grid_has_nine_combinations(tmp_path):
    loaded = study(
        tmp_path,
        experiments=experiment(
            norm_pre=["none", "l2"], norm_post=["none", "l2", "quantile"], norm_inf=["none", "l2"]
        ),
    )
    assert len(loaded.cells(loaded.groups[0]).seeds) == 9


def test_the_papers_agg_grid_has_246_configurations_for_a_proxy_file(tmp_path):
    distances = ["euclidean", "cosine"]  # with manhattan and mahalanobis twice as many
    agg = [
        {"name": "max"},
        {
            "name": "mnn",
            "distance": distances,
            "m": [1, 3, 5, 20, 50],
            "weighting": ["uniform", "distance"],
        },
    ]
    norms = dict.fromkeys(("norm_pre", "norm_post", "norm_inf"), ["none", "l2"])
    loaded = study(tmp_path, experiments=experiment(agg=agg, **norms))
    assert len(loaded.cells(loaded.groups[0]).seeds) == 6 * (1 + 2 * 10)


def test_presets_with_a_published_figure_are_the_published_methods(tmp_path):
    presets = [name for name, preset in PRESETS.items() if preset.published]
    loaded = study(tmp_path, experiments={"main": {"presets": presets}})
    cells = loaded.cells(loaded.groups[0]).seeds
    assert len(cells) == 5
    assert {c.gen for c in cells} == {"mean", "kmeans", "ls"}
    assert list(loaded.cells(loaded.groups[0]).by_agg) == ["max", "mnn"]


def test_the_draws_of_a_family_are_the_papers(tmp_path):
    """100 of 1000 classes by Python's random seeded with 420; each draw a shuffle in place; stride 10."""
    tasks = {"in": {"datasets": "glyphs", "family": {"d": [1, 3, 10], "draws": 2}}}
    loaded = study(tmp_path, tasks=tasks)
    generator = random.Random(420)
    order = generator.sample(range(100), 100)
    assert random.Random(420).sample(range(1000), 100)[:5] == [26, 689, 800, 373, 279]
    for draw in range(2):
        generator.shuffle(order)
        assert loaded.tasks["in-d3"].draws[draw][2] == tuple(order[20:23])
        assert loaded.tasks["in-d1"].draws[draw] == tuple((order[10 * j],) for j in range(10))
        assert sorted(c for group in loaded.tasks["in-d10"].draws[draw] for c in group) == list(
            range(100)
        )


def test_a_figure_can_show_a_task_of_a_family_with_the_longest_name(tmp_path):
    name = "x" * 100
    tasks = {name: {"datasets": "glyphs", "family": {"d": [3], "draws": 2}}}
    loaded = study(tmp_path, tasks=tasks, experiments=experiment(cell={"task": f"{name}-d3"}))
    assert list(loaded.tasks) == [f"{name}-d3"]


def test_only_the_classes_that_tasks_use_are_embedded_where_asked_for(tmp_path):
    datasets = {**BASE["datasets"], "digits": {**BASE["datasets"]["digits"], "classes": "needed"}}
    tasks = {
        "a": {"datasets": ["glyphs", "digits"], "classes": [3, 101]},
        "b": {"datasets": "digits", "classes": [7, 8]},
    }
    few = study(tmp_path, datasets=datasets, tasks=tasks)
    assert specs.subset(few, "digits")["classes"] == [1, 7, 8]
    tasks["c"] = {"datasets": "digits"}
    all_classes = study(tmp_path, datasets=datasets, tasks=tasks)
    assert specs.subset(all_classes, "digits")["classes"] is None


def test_a_task_may_use_the_classes_that_its_datasets_embed(tmp_path):
    datasets = {**BASE["datasets"], "digits": {**BASE["datasets"]["digits"], "classes": [3, 5]}}
    tasks = {
        "a": {"datasets": "digits", "classes": [5, 3]},
        "b": {"datasets": ["glyphs", "digits"], "label_map": {0: 0, 105: 1}},
        "c": {"datasets": "glyphs", "family": {"d": [1], "draws": 1}},
    }
    own = study(tmp_path, datasets=datasets, tasks=tasks)
    assert specs.subset(own, "digits")["classes"] == [3, 5]


def test_the_report_names_what_the_experiments_use(tmp_path):
    fms = {**BASE["fms"], "spare": {"source": "timm", "model": "test_vit"}}
    own = study(tmp_path, fms=fms, experiments=experiment(fms="net"))
    assert page.overview(own) == {"fms": "net", "tasks": "all, short", "datasets": "digits"}


def test_embeddings_depend_on_the_pooling_of_an_fm_but_not_on_its_shards(tmp_path):
    def embedding(**keys):
        fms = {"net": {**BASE["fms"]["net"], **keys}}
        return specs.embedding(study(tmp_path, fms=fms), "net")

    assert embedding(shards=4) == embedding(pooling="pooled") == embedding()
    assert embedding(pooling="class_token") == {**embedding(), "pooling": "class_token"}


def test_wrong_shards_and_poolings_are_reported_with_the_valid_values(tmp_path):
    fms = {
        "few": {**BASE["fms"]["net"], "shards": 0},
        "other": {**BASE["fms"]["net"], "pooling": "class_tokens"},
        "vision": {"source": "torchvision", "model": "vit_b_16", "pooling": "class_token"},
    }
    told = problems(tmp_path, fms=fms)
    assert "0" in told["fms.few.shards"]
    assert "class_token+patches" in told["fms.other.pooling"]
    assert "unknown key" in told["fms.vision.pooling"]


def test_label_map_unites_classes(tmp_path):
    tasks = {"two": {"datasets": ["digits", "glyphs"], "label_map": {0: 0, 10: 0, 3: 1}}}
    assert study(tmp_path, tasks=tasks).tasks["two"].draws == (((0, 10), (3,)),)


def test_kls_asks_kmeans_for_its_clusters(tmp_path):
    loaded = study(
        tmp_path,
        experiments={"main": {"gen": [{"name": "kls", "k": 3}], "norm_pre": ["none", "l2"]}},
    )
    assert specs.proxies(loaded, loaded.groups[0], "kmeans")["seeds"] == {
        "3": {"l2": [1, 2], "none": [1, 2]}
    }
    assert specs.proxies(loaded, loaded.groups[0], "kls")["ls_lambda"] == 0.05


def test_a_mapping_can_start_from_another(tmp_path):
    (tmp_path / "a.yaml").write_text("one: &one {x: 1, y: 2}\ntwo:\n  <<: *one\n  y: 3\n")
    assert read_yaml(tmp_path / "a.yaml").content["two"] == {"x": 1, "y": 3}


def test_k_can_be_chosen_by_the_task(tmp_path):
    loaded = study(tmp_path, experiments={"main": {"gen": [{"name": "kmeans", "k": [3, "auto"]}]}})
    assert loaded.cells(loaded.groups[0]).gens == ["kmeans"]
    assert list(specs.proxies(loaded, loaded.groups[0], "kmeans")["seeds"]) == ["3", "auto"]
    with pytest.raises(ConfigError, match=r"gen\[0\]\.k: kls cannot choose k"):
        study(tmp_path, experiments={"main": {"gen": [{"name": "kls", "k": "auto"}]}})
    with pytest.raises(ConfigError, match="'many' is"):
        study(tmp_path, experiments={"main": {"gen": [{"name": "kmeans", "k": "many"}]}})


def test_own_images_are_the_same_until_one_comes_or_goes(tmp_path):
    images = tmp_path / "images" / "cat"
    images.mkdir(parents=True)
    (images / "1.png").write_bytes(b"x")
    datasets = {
        **BASE["datasets"],
        "own": {"source": "imagefolder", "path": str(tmp_path / "images")},
    }
    first = specs.preparation(study(tmp_path, datasets=datasets), "own")
    assert specs.preparation(study(tmp_path, datasets=datasets), "own") == first
    (images / "2.png").write_bytes(b"x")
    second = specs.preparation(study(tmp_path, datasets=datasets), "own")
    assert second != first

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (images / "linked").symlink_to(elsewhere)
    (images / "nowhere.png").symlink_to(tmp_path / "nothing")
    third = specs.preparation(study(tmp_path, datasets=datasets), "own")
    (elsewhere / "3.png").write_bytes(b"x")
    assert second != third != specs.preparation(study(tmp_path, datasets=datasets), "own"), (
        "links are followed, as by the job"
    )

    (tmp_path / "table.csv").write_text("path,label\nelsewhere/3.png,cat\nnone.png,dog\n")
    datasets = {**BASE["datasets"], "own": {"source": "csv", "path": str(tmp_path / "table.csv")}}
    first = specs.preparation(study(tmp_path, datasets=datasets), "own")
    assert specs.preparation(study(tmp_path, datasets=datasets), "own") == first
    (elsewhere / "3.png").write_bytes(b"another")
    assert specs.preparation(study(tmp_path, datasets=datasets), "own") != first


def test_links_to_a_folder_above_are_read_once(tmp_path):
    own = {"source": "imagefolder", "path": str(tmp_path / "photos")}
    datasets = {**BASE["datasets"], "own": own}
    for name in "abcdefgh":
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.png").write_bytes(b"1")
    first = specs.preparation(study(tmp_path, datasets=datasets), "own")
    for name in "abcdefgh":
        (tmp_path / "photos" / name / "all").symlink_to("..")
    assert specs.preparation(study(tmp_path, datasets=datasets), "own") == first


def test_variables_of_the_environment_are_read(tmp_path, monkeypatch):
    datasets = {
        **BASE["datasets"],
        "mnist": {"source": "torchvision", "name": "MNIST", "root": "${PLACE:-here}/x"},
    }
    assert study(tmp_path, datasets=datasets).config.datasets["mnist"].root == "here/x"
    monkeypatch.setenv("PLACE", "/there")
    assert study(tmp_path, datasets=datasets).config.datasets["mnist"].root == "/there/x"
    datasets["mnist"]["root"] = "${NOWHERE:-}"
    unplaced = study(tmp_path, datasets=datasets)
    assert [n for n, entry in unplaced.config.datasets.items() if entry.is_downloaded] == ["mnist"]
    assert inputs.roots(unplaced.config)["mnist"] == "results/downloads/mnist"
    datasets["mnist"]["root"] = "${NOWHERE}"
    assert "NOWHERE is not set" in problems(tmp_path, datasets=datasets)["datasets.mnist.root"]


def test_later_files_and_overrides_extend_earlier_ones(tmp_path):
    base, extra = tmp_path / "base.yaml", tmp_path / "extra.yaml"
    base.write_text(yaml.safe_dump(BASE))
    extra.write_text("seeds: [5]\ntasks: {odd: {datasets: digits, classes: [1, 3]}}\n")
    loaded = load([base, extra], {"results": "elsewhere"})
    assert loaded.config.seeds == (5,)
    assert set(loaded.tasks) == {"all", "short", "odd"}
    assert loaded.config.results == "elsewhere"


def test_an_experiment_may_show_the_grids_of_others(tmp_path):
    extra = {
        "several": {"gen": [{"name": "kmeans", "k": 2}], "also": ["main"]},
        "shown": {"also": ["main"]},
    }
    alone, both = study(tmp_path), study(tmp_path, experiments={**BASE["experiments"], **extra})
    assert both.runs() == alone.runs() + 2 * 2
    several, main = selections.selection(both, "several")
    empty, also = selections.selection(both, "shown")
    assert [main] == selections.selection(both, "main") == [also]
    assert {c["k"] for c in several["configurations"]} == {"2"}
    assert both.experiment_groups("shown") == empty["groups"] == []
