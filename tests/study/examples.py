"""A small study that tests change, and the problems of one that cannot be used."""

import pytest
import yaml

from imprint.study.load import load
from imprint.study.read import ConfigError

BASE = {
    "seeds": [1, 2],
    "fms": {"net": {"source": "pretrained", "model": "test_resnet", "dataset": "glyphs"}},
    "datasets": {"glyphs": {"source": "glyphs"}, "digits": {"source": "sklearn", "name": "digits"}},
    "tasks": {"all": {"datasets": "digits"}, "short": {"datasets": "digits", "classes": [0, 1, 2]}},
    "experiments": {"main": {"gen": [{"name": "kmeans", "k": [1, 5]}, {"name": "mean"}]}},
}


def study(tmp_path, **sections):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**BASE, **sections}))
    return load([path])


def problems(tmp_path, **sections):
    with pytest.raises(ConfigError) as caught:
        study(tmp_path, **sections)
    return dict(caught.value.problems)


def experiment(**keys):
    return {"main": {"gen": [{"name": "mean"}], **keys}}
