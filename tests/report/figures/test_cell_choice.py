"""Which cell of an experiment a figure of one FM and task shows: the best by default, or one that the configuration names."""

import re

import pytest
import yaml

from imprint.study import shown
from imprint.study.load import load
from imprint.study.problems import ConfigError

BASE = {
    "seeds": [1, 2],
    "fms": {
        n: {"source": "pretrained", "model": "test_resnet", "dataset": "glyphs"}
        for n in ("net", "other")
    },
    "datasets": {"glyphs": {"source": "glyphs"}, "digits": {"source": "sklearn", "name": "digits"}},
    "tasks": {
        "digits": {"datasets": "digits"},
        "glyphs": {"datasets": "glyphs", "family": {"d": [1, 2], "draws": 3}},
    },
}


def study(tmp_path, cell, **keys):
    experiment = {
        "shots": [5, "full"],
        "gen": [{"name": "kmeans", "k": [1, 5, "auto"]}, {"name": "all"}],
        "figures": ["confusion"],
        "cell": cell,
        **keys,
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**BASE, "experiments": {"main": experiment}}))
    return load([path])


def test_by_default_each_fm_and_plain_task_has_its_figure_with_most_shots(tmp_path):
    assert shown.groups(study(tmp_path, {}), "main") == [
        ("net", "digits", "full"),
        ("other", "digits", "full"),
    ]
    families = study(tmp_path, {"fm": "net"}, tasks=["glyphs"])
    assert shown.groups(families, "main") == [
        ("net", "glyphs-d1", "full"),
        ("net", "glyphs-d2", "full"),
    ]


def test_a_cell_is_named_by_any_of_its_axes(tmp_path):
    one_cell = study(
        tmp_path,
        {
            "fm": "net",
            "task": "glyphs-d2",
            "shots": 5,
            "draw": 2,
            "gen": "kmeans",
            "k": 5,
            "seed": 2,
        },
    )
    assert shown.groups(one_cell, "main") == [("net", "glyphs-d2", "5")]
    assert shown.gens(one_cell, "main") == ["kmeans"]
    spec = shown.cell(one_cell, "main", "net", "glyphs-d2")
    assert spec["seeds"] == [2] and spec["draw"] == 2
    assert spec["draw_groups"] == one_cell.tasks["glyphs-d2"].draws[2]
    assert shown.gens(study(tmp_path, {"k": "auto"}), "main") == ["kmeans"]
    assert shown.gens(study(tmp_path, {"gen": "all"}), "main") == ["all"]


@pytest.mark.parametrize(
    ("cell", "key", "message"),
    [
        ({"fm": "nett"}, "cell.fm", "unknown fm of the experiment 'nett'; known: net, other"),
        ({"task": "glyphs"}, "cell.task", "known: digits, glyphs-d1, glyphs-d2"),
        ({"shots": 7}, "cell.shots", "known: 5, full"),
        ({"seed": 99}, "cell.seed", "unknown seed of the experiment '99'; known: 1, 2"),
        ({"gen": "kmeans", "k": 7}, "cell", "the experiment has no method with gen kmeans, k 7"),
        (
            {"task": "glyphs-d1", "draw": 3},
            "cell.draw",
            "there is no draw 3; they are counted from 0, and there are 3",
        ),
        ({"draw": 1}, "cell.draw", "there is no draw 1"),
        ({"genn": "kmeans"}, "cell.genn", "unknown key"),
    ],
)
def test_a_cell_outside_the_experiment_is_reported(tmp_path, cell, key, message):
    with pytest.raises(ConfigError) as error:
        study(tmp_path, cell)
    problems = dict(error.value.problems)
    assert re.search(re.escape(message), problems[f"experiments.main.{key}"]), problems
