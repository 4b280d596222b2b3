"""Each mistake in a configuration is told with its place and what would be right, all at once, before any job."""

import json

import h5py
import numpy as np
import pytest

from imprint.study.load import load
from imprint.study.read import ConfigError
from tests.study.examples import BASE, experiment, problems, study

DIGITS_0_1 = {**BASE["datasets"], "digits": {**BASE["datasets"]["digits"], "classes": [0, 1]}}


@pytest.mark.parametrize(
    ("sections", "path", "words"),
    [
        ({"sedes": [1]}, "sedes", "did you mean 'seeds'?"),
        ({"seeds": 3}, "seeds", "3 is a single number; give a list of seeds, such as [3]"),
        ({"seeds": [1, 2, 1]}, "seeds", "1 is given twice; the same seed gives the same run"),
        ({"tasks": {"t": {"datasets": "digits", "family": {"d": [1], "classes": 2}}}, "experiments": experiment(save_heads=True)}, "experiments.main.save_heads", "all of families"),
        ({"experiments": {}}, "experiments", "it is empty"),
        ({"experiments": {"main": {}}}, "experiments.main", "the grid is empty"),
        ({"experiments": {"main": {"gen": []}}}, "experiments.main", "the grid is empty"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": []}]}}}, "experiments.main.gen[0].k", "it is empty"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": 0}]}}}, "experiments.main.gen[0].k[0]", "0 is not a positive number"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": [5, -1]}]}}}, "experiments.main.gen[0].k[1]", "not a positive"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": "five"}]}}}, "experiments.main.gen[0].k[0]", "not a whole number"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": 2.5}]}}}, "experiments.main.gen[0].k[0]", "not a whole number"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": True}]}}}, "experiments.main.gen[0].k[0]", "not a whole number"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": 5, 20: None}]}}}, "experiments.main.gen[0][20]", "a list of values is written"),
        ({"experiments": {"main": {"gen": [{"name": "kmean", "k": 1}]}}}, "experiments.main.gen[0].name", "did you mean 'kmeans'?"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans"}]}}}, "experiments.main.gen[0].k", "it is missing"),
        ({"experiments": {"main": {"gen": [{"name": "kmeans", "k": [1, 5, 1]}]}}}, "experiments.main.gen[0].k[2]", "k '1' is given twice"),
        ({"experiments": {"main": {"gen": [{"name": "mean", "k": 3}]}}}, "experiments.main.gen[0].k", "no choice of k"),
        ({"experiments": experiment(agg=[{"name": "max", "m": 3}])}, "experiments.main.agg[0].m", "only mnn has m"),
        ({"experiments": experiment(agg=[{"name": "mnn"}])}, "experiments.main.agg[0].m", "it is missing"),
        ({"experiments": experiment(agg=[{"name": "max", "weighting": "distance"}])}, "experiments.main.agg[0].weighting", "max has no weighting; remove it, or use mnn or logsumexp"),
        ({"experiments": experiment(agg=[{"name": "mnn", "distance": "cosine", "m": 3, "weighting": ["exponential", "exponential(0.07)"]}])}, "experiments.main.agg[0].weighting", "exponential(0.07) is the same as exponential; remove one"),
        ({"experiments": experiment(agg=[])}, "experiments.main.agg", "it is empty"),
        ({"experiments": {"report": experiment()["main"]}}, "experiments.report", "runs a rule of the workflow"),
        ({"experiments": {"table_gen": experiment()["main"]}}, "experiments.table_gen", "another name"),
        ({"experiments": experiment(also=["mine"])}, "experiments.main.also[0]", "experiment 'mine' is not defined"),
        ({"experiments": experiment() | {"both": {"also": ["main"]}, "same": {"also": ["both"]}}}, "experiments.same.also[0]", "'both' only shows cells of others; name these here: main"),
        ({"experiments": experiment(also=["main"])}, "experiments.main.also", "shows its own cells without being named here"),
        ({"experiments": experiment() | {"both": {"also": ["main"], "figures": ["tsne"]}}}, "experiments.both.figures[0]", "own grid, which is empty"),
        ({"experiments": experiment() | {"both": {"also": ["main"], "save_heads": True}}}, "experiments.both.save_heads", "own grid, which is empty"),
        ({"experiments": experiment(norm_inf=["none"])}, "experiments.main.norm_inf", "the grid is empty"),
        ({"experiments": experiment(norm_pre=["none"], norm_post=["l2+whiten"], norm_inf=["none"])}, "experiments.main.norm_post", "l2+whiten is in no cell: norm_post l2+whiten learns from embeddings after l2, which is not applied"),
        ({"experiments": experiment(norm_pre=["none"], norm_post=["whiten"], norm_inf=["l2"])}, "experiments.main.norm_post", "whiten is in no cell: norm_post whiten learns after norm_pre none and is applied after norm_inf l2"),
        ({"experiments": experiment(norm_post=["quantil"])}, "experiments.main.norm_post[0]", "did you mean 'quantile"),
        ({"experiments": experiment(tasks=["al"])}, "experiments.main.tasks[0]", "did you mean 'all', or is that name mistyped?"),
        ({"experiments": experiment(tasks=["all", "all"])}, "experiments.main.tasks[1]", "given twice"),
        ({"experiments": experiment(fms=["nett"])}, "experiments.main.fms[0]", "did you mean 'net', or is that name mistyped?"),
        ({"experiments": experiment(figures=["accuracy"])}, "experiments.main.figures[0]", "unknown figure"),
        ({"experiments": experiment(presets=["quiche"])}, "experiments.main.presets[0]", "unknown preset"),
        ({"experiments": experiment(shots=["full", 5, "full"])}, "experiments.main.shots[2]", "shots 'full' is given twice"),
        ({"experiments": experiment(shots=["some"])}, "experiments.main.shots[0]", "some"),
        ({"experiments": experiment(shots=[1, 5], select_on="validation")}, "experiments.main.select_on", "take 1 out of shots"),
        ({"tasks": {"all": {"datasets": "digitz"}}}, "tasks.all.datasets[0]", "did you mean 'digits', or is that name mistyped?"),
        ({"tasks": {"all": {"datasets": "digits", "classes": [0, 10]}}}, "tasks.all.classes[1]", "'digits' has the classes 0 to 9"),
        ({"tasks": {"all": {"datasets": "digits", "classes": [3, 3]}}}, "tasks.all.classes[1]", "given twice"),
        ({"tasks": {"all": {"datasets": "digits", "label_map": {0: 0, 77: 1}}}}, "tasks.all.label_map", "no class 77"),
        ({"tasks": {"all": {"datasets": "digits", "label_map": {0: 0, 1: 2}}}}, "tasks.all.label_map", "without a gap"),
        ({"tasks": {"all": {"datasets": "digits", "classes": [1], "label_map": {0: 0}}}}, "tasks.all", "exclude each other"),
        ({"tasks": {"all": {"datasets": "digits", "family": {"d": [1, 2]}}}}, "tasks.all.family.d", "there are 10"),
        ({"datasets": DIGITS_0_1, "tasks": {"t": {"datasets": "digits", "classes": [1, 4]}}}, "tasks.t", "classes that 'digits' does not embed: 4; add them to datasets.digits.classes"),
        ({"datasets": DIGITS_0_1, "tasks": {"t": {"datasets": ["glyphs", "digits"]}}}, "tasks.t", "'digits' does not embed: 2, 3, 4, 5, 6, 7, 8, 9;"),
        ({"datasets": DIGITS_0_1, "tasks": {"t": {"datasets": "digits", "label_map": {0: 0, 1: 1, 9: 1}}}}, "tasks.t", "'digits' does not embed: 9;"),
        ({"datasets": DIGITS_0_1, "tasks": {"t": {"datasets": "digits", "family": {"d": 1, "classes": 5}}}}, "tasks.t", "'digits' does not embed: 2, 3,"),
        ({"tasks": {"a/b": {"datasets": "digits"}}}, "tasks.a/b", "not a valid name"),
        ({"tasks": [1]}, "tasks", "not a mapping"),
        ({"compute": {"device": "gpu"}}, "compute.device", "unknown device 'gpu'; known: auto, cpu, mps, cuda, cuda:0"),
        ({"datasets": {**BASE["datasets"], "x": {"source": "sklearn", "name": "digits", "test_fraction": 2}}}, "datasets.x.test_fraction", "out of range"),
        ({"fms": {"net": {"source": "timn", "model": "x"}}}, "fms.net", "did you mean 'timm'?"),
        ({"fms": {"net": {"model": "x"}}}, "fms.net", "'source' is missing"),
        ({"fms": {"net": {"source": "timm"}}}, "fms.net.model", "it is missing"),
        ({"fms": {"net": {"source": "pretrained", "model": "test_resnet", "dataset": "digits"}}}, "fms.net.dataset", "no split 'pretrain'"),
        ({"datasets": {**BASE["datasets"], "x": {"source": "torchvision", "name": "MNITS"}}}, "datasets.x.name", "MNITS"),
        ({"datasets": {"digits": {"source": "embeddings"}}, "fms": {"net": {"source": "embeddings", "files": {"digits": __file__}}}, "tasks": {"t": {"datasets": "digits", "family": {"d": [1], "classes": 2}}}}, "tasks.t.family", "give its class_count"),
        ({"datasets": {**BASE["datasets"], "x": {"source": "webdataset", "path": __file__}}, "tasks": {"t": {"datasets": "x", "family": {"d": [1]}}}}, "tasks.t.family", "the number of classes of 'x' is not known"),
        ({"datasets": {**BASE["datasets"], "x": {"source": "torchvision", "name": "ImageNet"}}}, "datasets.x.root", "image-net.org"),
        ({"datasets": {**BASE["datasets"], "x": {"source": "imagefolder", "path": "/no/where"}}}, "datasets.x.path", "there is no /no/where"),
        ({"fms": {"net": {"source": "timm", "model": "x", "checkpoint": "no.pth"}}}, "fms.net.checkpoint", "there is no file no.pth"),
        ({"fms": {"net": {"source": "timm", "model": "local-dir:nothere"}}}, "fms.net.model", "there is no folder 'nothere'"),
        ({"fms": {"net": {"source": "embeddings", "files": {"digits": "e.hdf"}}}}, "fms.net.files.digits", "e.hdf does not end in .npz, .h5 or .hdf5"),
        ({"fms": {"net": {"source": "embeddings", "files": {"digits": "no-{split}.npz"}}}}, "fms.net.files.digits", "there is no file no-"),
        ({"fms": {"net": {"source": "embeddings", "files": {"digits": "one.npz"}}}}, "fms.net.files.digits", "such as one-{split}.npz"),
        ({"fms": {"net": {"source": "embeddings", "files": {"glyphs": __file__}}}}, "fms.net.files", "none for dataset 'digits'"),
        (
            {"datasets": {**BASE["datasets"], "x": {"source": "embeddings"}}, "tasks": {"t": {"datasets": "x"}}},
            "experiments.main",
            "cannot embed dataset 'x'",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_would_be_right(tmp_path, sections, path, words):
    messages = problems(tmp_path, **sections)
    assert path in messages, messages
    assert words in messages[path], messages


def test_given_embeddings_have_one_size_and_what_a_norm_needs(tmp_path):
    sizes = {"train": 2, "test": 3}
    for split, size in sizes.items():
        np.savez(tmp_path / f"{split}.npz", embeddings=np.ones((4, size), "f"))
    fms = {"net": {"source": "embeddings", "files": {"digits": f"{tmp_path}/{{split}}.npz"}}}
    of_main = experiment(norm_post=["quantile_fm"])
    messages = problems(tmp_path, fms=fms, experiments=of_main)
    assert "/train.npz (train) and 3 values in " in messages["fms.net.files.digits"]
    assert "of FM 'net' has no 'classifier' (C, D)" in messages["experiments.main.norm_post"]

    weights = {"classifier": np.ones((5, 3), "f")}
    for split in sizes:
        np.savez(tmp_path / f"{split}.npz", embeddings=np.ones((4, 3), "f"), **weights)
    assert study(tmp_path, fms=fms, experiments=of_main).runs() > 0


def test_given_embeddings_are_by_one_fm(tmp_path):
    for split, model in (("train", "a"), ("test", "b")):
        with h5py.File(tmp_path / f"{split}.h5", "w") as file:
            file["embeddings"] = np.ones((4, 3), "f")
            file.attrs["provenance"] = json.dumps({"model": model, "weights_sha256": "1"})
    fms = {"net": {"source": "embeddings", "files": {"digits": f"{tmp_path}/{{split}}.h5"}}}
    message = problems(tmp_path, fms=fms)["fms.net.files"]
    assert message.endswith("test.h5 are by different FMs: model a, not b")


def test_a_gen_whose_package_is_missing_is_reported_before_any_job(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    messages = problems(tmp_path, experiments={"main": {"gen": [{"name": "pam", "k": 3}]}})
    assert "pip install kmedoids" in messages["experiments.main.gen[0].name"]


def test_a_task_without_classes_is_not_one_with_all(tmp_path):
    messages = problems(
        tmp_path, datasets=DIGITS_0_1, tasks={"all": {"datasets": "digits", "classes": []}}
    )
    assert set(messages) == {"tasks.all.classes"}


def test_all_mistakes_are_reported_at_once(tmp_path):
    messages = problems(
        tmp_path,
        typo=1,
        tasks={"all": {"datasets": "digitz"}, "short": {"datasets": "digits", "classs": [1]}},
        experiments={"main": {"gen": [{"name": "kmeans", "k": 0}], "tasks": ["none"]}},
    )
    assert set(messages) == {
        "typo", "tasks.all.datasets[0]", "tasks.short.classs", "experiments.main.gen[0].k[0]", "experiments.main.tasks[0]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file"),
        ("fms: [", "invalid YAML"),
        (
            "tasks:\n  a: {datasets: digits}\n  a: {datasets: digits}\n",
            "line 3: 'a' is here and in line 2",
        ),
        ("- 1\n", "must hold the keys of a study"),
        ("", "must hold the keys of a study"),
        ("seeds: [1]\n", "fms: it is missing"),
    ],
)
def test_an_unusable_file_is_named(tmp_path, text, words):
    path = tmp_path / "broken.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load([path])
    assert str(caught.value).startswith(f"{path} is not usable, ")
    assert words in str(caught.value)
