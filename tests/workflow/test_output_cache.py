"""Working directories with one $SNAKEMAKE_OUTPUT_CACHE share pre-training and embeddings, and never a wrong one."""

import copy
import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.workflow.conftest import Study

pytestmark = pytest.mark.xdist_group("output_cache")

TIMM = {"source": "timm", "model": "test_resnet", "input_size": 32}
STUDY = {
    "seeds": [1],
    "datasets": {
        "glyphs": {"source": "glyphs", "pretrain": 4, "train": 1, "test": 1},
        "digits": {"source": "sklearn", "name": "digits", "limit": 3},
        "own": {"source": "imagefolder", "path": "images", "test_fraction": 0.5},
    },
    "fms": {
        "trained": {
            "source": "pretrained",
            "model": "test_resnet",
            "dataset": "glyphs",
            "epochs": 1,
        },
        "given": {**TIMM, "checkpoint": "given.safetensors"},
        "local": {**TIMM, "model": "local-dir:local"},
        "fixed": {**TIMM, "checkpoint": "fixed.safetensors"},
    },
    "tasks": {"digits": {"datasets": "digits"}, "own": {"datasets": "own"}},
    "experiments": {"digits": {"fms": "trained", "tasks": "digits", "presets": ["qi"]}},
}
FMS = tuple(STUDY["fms"])
ON_DIGITS = {fm: f"results/embeddings/{fm}/digits/test.h5" for fm in FMS}
OWN = "results/embeddings/fixed/own/test.h5"
ALL = ["results/scores.parquet", *ON_DIGITS.values(), OWN]


@dataclass
class Sharing(Study):
    """A working directory that shares its outputs through a folder."""

    cache: Path

    def environment(self):
        return {**super().environment(), "SNAKEMAKE_OUTPUT_CACHE": str(self.cache)}


def checkout(folder, cache, config=STUDY, weights=1):
    """A working directory with its own images, and weights drawn from a seed (but for `fixed`)."""
    import timm
    import torch
    from safetensors.torch import save_file

    (folder / "local").mkdir(parents=True)
    for path, seed in (("given", weights), ("local/model", 10 + weights), ("fixed", 0)):
        torch.manual_seed(seed)
        model = timm.create_model("test_resnet", num_classes=2)
        save_file(model.state_dict(), folder / f"{path}.safetensors")
    about = {
        "architecture": "test_resnet",
        "num_classes": 2,
        "pretrained_cfg": {"input_size": [3, 32, 32]},
    }
    (folder / "local/config.json").write_text(json.dumps(about))
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"images/{name}/{i}.bmp")
    study = Sharing(folder, cache)
    study.configure(config)
    return study


def embeddings(study):
    """Path of every file of embeddings, by (FM, dataset, split)."""
    root = study.folder / "results/embeddings"
    return {path.relative_to(root).with_suffix("").parts: path for path in root.rglob("*.h5")}


def extracted(study):
    """(FM, dataset, split) of the embeddings that were extracted here: only such jobs write to their log."""
    logs = study.folder / "results/logs/embed"
    return {
        p.relative_to(logs).with_suffix("").parts for p in logs.rglob("*.log") if p.stat().st_size
    }


def would_take(study, target):
    """Whether a file would come from the cache, where all that it is made from is there."""
    output = study.snakemake("--dry-run", target)
    ((name, how),) = re.findall(
        r"Output file (\S+) will be (obtained from|written to) global", output
    )
    assert name == target
    return how == "obtained from"


def read(path):
    with h5py.File(path) as file:
        return file["embeddings"][:], json.loads(file.attrs["provenance"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The working directory of a finished study, which filled a cache."""
    place = tmp_path_factory.mktemp("shared")
    (place / "cache").mkdir()
    first = checkout(place / "first", place / "cache")
    first.snakemake(*ALL)
    return first


def test_a_second_working_directory_trains_and_extracts_nothing(shared, tmp_path):
    start = time.time()
    second = checkout(tmp_path / "second", shared.cache)
    output = second.snakemake(*ALL)
    assert len(extracted(shared)) == len(embeddings(second)) == 6
    assert not extracted(second)
    assert not (second.folder / "results/logs/pretrain/trained.log").read_text()
    for path in (*embeddings(second).values(), second.folder / "results/fms/trained.safetensors"):
        assert path.is_symlink()
        assert path.stat().st_mtime < start, "the target of the link is of the first run"
        assert f"{path.relative_to(second.folder)} from cache" in output
    for key, path in embeddings(second).items():
        provenance = read(path)[1]
        assert key == (provenance["fm"], provenance["dataset"], provenance["split"])
    pd.testing.assert_frame_equal(second.scores(), shared.scores())

    for study in (shared, second):
        assert study.planned(*ALL) == {}
    assert Study(second.folder).planned(*ALL) == {}, (
        "without the cache, the outputs that are there are kept"
    )


def test_published_weights_are_downloaded_once(shared, tmp_path, monkeypatch):
    """The second working directory has no network, and nothing in the folder where the hub's client keeps weights."""
    import torch
    from torchvision.models import ShuffleNet_V2_X0_5_Weights, shufflenet_v2_x0_5

    kept = tmp_path / "torch/hub/checkpoints"
    kept.mkdir(parents=True)
    torch.save(
        shufflenet_v2_x0_5().state_dict(),
        kept / ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.url.rpartition("/")[2],
    )
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    config = copy.deepcopy(STUDY)
    config["fms"]["published"] = {
        "source": "torchvision",
        "model": "shufflenet_v2_x0_5",
        "input_size": 32,
    }
    config["experiments"]["published"] = {"fms": "published", "tasks": "digits", "presets": ["qi"]}
    weights, target = (
        "results/fms/published.safetensors",
        "results/embeddings/published/digits/test.h5",
    )
    first = checkout(tmp_path / "first", shared.cache, config)
    first.snakemake(weights)
    shutil.rmtree(tmp_path / "torch")
    second = checkout(tmp_path / "second", shared.cache, config)
    second.snakemake(target)
    assert (second.folder / weights).resolve() == (first.folder / weights).resolve()
    assert extracted(second) == {("published", "digits", "test")}
    first.snakemake(target)
    assert not extracted(first)


def test_what_is_deleted_from_the_cache_is_computed_again(shared, tmp_path):
    target = ON_DIGITS["fixed"]
    second = checkout(tmp_path / "second", shared.cache)
    second.snakemake(target)
    content = read(second.folder / target)[0]
    (second.folder / target).resolve().unlink()
    second.snakemake(target)
    assert extracted(second) == {("fixed", "digits", "test")}
    np.testing.assert_array_equal(read(second.folder / target)[0], content)


def test_other_fms_under_the_same_names_get_their_own_files(shared, tmp_path):
    """A seed, the weights in a file, those in a folder: nothing else differs, not even a path."""
    config = copy.deepcopy(STUDY)
    config["fms"]["trained"]["seed"] = 1
    second = checkout(tmp_path / "second", shared.cache, config, weights=2)
    second.snakemake(*ON_DIGITS.values())
    assert extracted(second) == {(fm, "digits", "test") for fm in FMS if fm != "fixed"}
    paths = [
        read(study.folder / target) for study in (shared, second) for target in ON_DIGITS.values()
    ]
    assert len({x.tobytes() for x, _ in paths}) == 2 * 3 + 1, "only `fixed` is the same FM"
    assert len({provenance["weights_sha256"] for _, provenance in paths}) == 2 * 3 + 1


def test_weights_of_one_recipe_are_identified_by_content(shared, tmp_path):
    """As when another processor trained them before there was a cache."""
    target, weights = ON_DIGITS["trained"], "results/fms/trained.safetensors"
    second = checkout(tmp_path / "second", shared.cache)
    second.snakemake(weights, "results/data/digits/manifest.json")
    assert would_take(second, target)
    path = second.folder / weights
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not would_take(second, target)


def test_images_are_identified_by_content(shared, tmp_path):
    """One image differs, before or after the dataset is prepared, but not its name, its size or its time."""
    second = checkout(tmp_path / "second", shared.cache)
    with h5py.File(shared.folder / OWN) as file:
        path = second.folder / "images" / file["ids"].asstr()[0]
    image, times = path.read_bytes(), path.stat()

    def write(content):
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    write(image[:-1] + bytes([image[-1] ^ 64]))
    second.snakemake("results/data/own/manifest.json")
    assert not would_take(second, OWN)
    write(image)
    assert would_take(second, OWN)
    write(image[:-1] + bytes([image[-1] ^ 128]))
    assert not would_take(second, OWN)
    second.snakemake(OWN)
    differs = (read(second.folder / OWN)[0] != read(shared.folder / OWN)[0]).any(axis=1)
    assert differs.tolist() == [True, False, False, False]


def test_another_transform_precision_or_choice_of_images_is_another_file(shared, tmp_path):
    target = ON_DIGITS["fixed"]
    second = checkout(tmp_path / "second", shared.cache)
    second.snakemake("results/data/digits/manifest.json")
    assert would_take(second, target)
    changes = [
        ("fms", "fixed", {"input_size": 24}),
        ("fms", "fixed", {"mean": [0.1, 0.2, 0.3]}),
        ("fms", "fixed", {"precision": "bf16"}),
        ("fms", "fixed", {"dtype": "float16"}),
        ("datasets", "digits", {"limit": 2}),
        ("datasets", "digits", {"classes": [0, 1]}),
    ]
    for section, name, change in changes:
        config = copy.deepcopy(STUDY)
        config[section][name] |= change
        if classes := change.get("classes"):
            config["tasks"]["digits"]["classes"] = classes
        second.configure(config)
        assert not would_take(second, target), change


def test_without_the_variable_nothing_is_reported_or_shared(empty):
    output = empty.snakemake("results/fms/net.safetensors")
    assert "cache" not in output.lower()
    assert not [path for path in (empty.folder / "results").rglob("*") if path.is_symlink()]


def test_a_missing_cache_is_reported_before_any_job(empty):
    output = Sharing(empty.folder, "nowhere").snakemake(succeeds=False)
    assert (
        "SNAKEMAKE_OUTPUT_CACHE is 'nowhere', which is not a folder that you can write to" in output
    )
    assert "Traceback" not in output
    assert not (empty.folder / "results").exists()
