"""The doctor finds what would stop a study, and says so in its exit code."""

import json
import os
import re
import sys

import numpy as np
import pytest
import timm
import yaml
from PIL import Image
from safetensors.torch import save_file

from imprint import cli
from imprint.data import sources
from imprint.errors import BAD, WARNING
from imprint.study.contents import record_contents
from imprint.study.doctor import examine
from imprint.study.load import load


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of digits by a network with random weights; `write` changes it."""
    monkeypatch.chdir(tmp_path)

    def write(state=None, **datasets):
        state = state or timm.create_model("test_resnet", num_classes=3).state_dict()
        save_file(state, tmp_path / "net.safetensors")
        config = {
            "datasets": {"digits": {"source": "sklearn", "name": "digits"}, **datasets},
            "fms": {
                "net": {
                    "source": "timm",
                    "model": "test_resnet",
                    "checkpoint": "net.safetensors",
                    "input_size": 32,
                }
            },
            "tasks": {name: {"datasets": name} for name in ("digits", *datasets)},
            "experiments": {"main": {"presets": ["qi"]}},
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    return write


def doctor(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["imprint", "doctor", "--json", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    output = capsys.readouterr()
    return caught.value.code, [json.loads(line) for line in output.out.splitlines()], output.err


def test_a_sound_study_passes_and_nothing_is_made(study, tmp_path, monkeypatch, capsys):
    study()
    code, findings, _ = doctor(monkeypatch, capsys)
    assert code == 0
    assert {f["level"] for f in findings} == {"ok"}
    assert any("embeddings of 96" in f["text"] for f in findings)
    assert any("1,797 images in about" in f["text"] for f in findings)
    rules = {f["subject"]: f["text"] for f in findings if f["subject"].startswith("rule ")}
    assert rules["rule proxies"].startswith("1 job, about ")
    assert rules["rule evaluate"].startswith("1 job, about ")
    assert not (tmp_path / "results").exists()


def test_results_on_a_disk_that_is_not_mounted_or_cannot_be_written_to_are_a_problem(
    study, tmp_path, monkeypatch
):
    study()
    (tmp_path / "results").symlink_to("unmounted")
    *_, finding = examine(load(["config.yaml"]))
    assert (finding.level, finding.subject) == (BAD, "results")
    assert f"results is a link to {tmp_path}/unmounted, which does not exist" in finding.text
    (tmp_path / "unmounted").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    *_, finding = examine(load(["config.yaml"]))
    assert (finding.level, finding.subject) == (BAD, "disk")
    assert finding.text == "results cannot be written to; give this user permission"
    *_, finding = examine(load(["config.yaml"]), lambda output: True)
    assert (finding.level, finding.subject) == (WARNING, "disk"), "a finished study can be read"


def test_times_are_for_the_cores_that_this_process_may_use(study, monkeypatch):
    """A cluster allows a job some of the cores of a node."""
    study()
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0}, raising=False)
    texts = [finding.text for finding in examine(load(["config.yaml"]))]
    assert any("on 1 thread, " in text for text in texts)
    assert any(text.endswith("on 1 core") for text in texts)


def test_an_fm_that_no_experiment_uses_is_named_and_not_loaded(study, tmp_path):
    study()
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    config["fms"]["spare"] = {"source": "timm", "model": "test_vit"}
    config["experiments"]["main"]["fms"] = "net"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    findings = list(examine(load(["config.yaml"])))
    assert [f.text for f in findings if f.subject == "fm spare"] == [
        "no experiment uses it, so it is not checked"
    ]


def test_images_that_changed_since_a_dataset_was_prepared_are_reported(study, tmp_path):
    for i, name in enumerate(["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"]):
        file = tmp_path / "photos" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), i, np.uint8)).save(file)
    study(photos={"source": "imagefolder", "path": "photos", "test_fraction": 0.3})
    prepared = tmp_path / "results/data/photos"
    manifest = sources.prepare("imagefolder", {"path": "photos", "test_fraction": 0.3}, prepared)
    record_contents(manifest)

    def told():
        findings = examine(load(["config.yaml"]))
        return next((f.level, f.text) for f in findings if f.subject == "dataset photos")

    assert told() == ("ok", "prepared")
    (tmp_path / "photos/a/2.png").unlink()
    assert told() == ("note", "changed since it was prepared; it will be prepared again")


def test_what_is_done_is_not_counted(study, tmp_path):
    study()
    for name in ("embeddings/net/digits/train.h5", "embeddings/net/digits/test.h5"):
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / name).touch()
    texts = [finding.text for finding in examine(load(["config.yaml"]))]
    assert "all 1,797 images are embedded" in texts
    assert not any("images/s" in text for text in texts)


def test_files_that_are_there_but_not_as_the_study_asks_for_are_to_do(
    study, tmp_path, monkeypatch, capsys
):
    study()
    scores = tmp_path / "results/scores/net/digits/full/max.parquet"
    scores.parent.mkdir(parents=True)
    scores.touch()
    _, findings, _ = doctor(monkeypatch, capsys)
    assert any(f["text"].startswith("1 job, about") for f in findings if "evaluate" in f["subject"])


def test_missing_data_are_a_problem_that_says_what_to_place_where(study, monkeypatch, capsys):
    study(mnist={"source": "torchvision", "name": "MNIST", "root": "nowhere"})
    code, findings, _ = doctor(monkeypatch, capsys)
    assert code == 1
    (problem,) = [f for f in findings if f["level"] == "PROBLEM"]
    assert problem["subject"] == "dataset mnist"
    assert "nowhere" in problem["text"]


def test_given_embeddings_of_a_dataset_that_is_not_on_disk_are_not_images(
    study, tmp_path, monkeypatch
):
    """The embeddings that one FM has of it are no images for the next."""
    study(mnist={"source": "torchvision", "name": "MNIST"})
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    for split in ("train", "test"):
        np.savez(f"{split}.npz", embeddings=np.ones((40, 3), "f"), labels=np.arange(40) % 10)
    given = {"source": "embeddings", "files": {"mnist": "{split}.npz"}}
    config["fms"] = {"given": given, **config["fms"]}
    config["tasks"] = {"mnist": {"datasets": "mnist"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    monkeypatch.setattr("imprint.study.doctor.refusal", lambda url: "cannot be reached")
    findings = list(examine(load(["config.yaml"])))
    assert [f.subject for f in findings if f.level == "PROBLEM"] == ["dataset mnist"]
    assert "mnist, train: 40 embeddings of 3 in train.npz" in [f.text for f in findings]
    assert not any("images/s" in f.text for f in findings)


@pytest.mark.parametrize(
    ("split", "change", "words"),
    [
        ("train", {"labels": np.full(40, 10)}, "label 10 is beyond the 10 classes"),
        ("train", {"embeddings": np.full((40, 3), np.nan, "f")}, "40 of 40 embeddings hold NaN"),
        ("test", {"labels": np.arange(39) % 10}, "not 40 integers"),
        ("test", {"ids": ["a"] * 40}, "'ids' are not 40 different names"),
        ("test", {"class_names": list("abcdefghij")}, "do not have the same classes"),
    ],
)
def test_given_embeddings_that_their_job_would_refuse_are_a_problem(
    tmp_path, monkeypatch, split, change, words
):
    monkeypatch.chdir(tmp_path)
    arrays = {"embeddings": np.ones((40, 3), "f"), "labels": np.arange(40) % 10}
    for name in ("train", "test"):
        np.savez(f"{name}.npz", **arrays | (change if name == split else {}))
    config = {
        "datasets": {"own": {"source": "embeddings", "class_count": 10}},
        "fms": {"given": {"source": "embeddings", "files": {"own": "{split}.npz"}}},
        "tasks": {"own": {"datasets": "own"}},
        "experiments": {"main": {"presets": ["qi"]}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (problem,) = [f for f in examine(load(["config.yaml"])) if f.level == "PROBLEM"]
    assert problem.subject == "fm given" and words in problem.text
    assert f"{split}.npz" in problem.text


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"datasets": ["narrow", "wide"]}, "embeddings of different sizes: 3 in .*, 4 in "),
        ({"datasets": "narrow", "classes": [0, 9]}, "there is no class 9; .* 0 to 1"),
    ],
)
def test_a_task_that_given_embeddings_do_not_make_is_a_problem(tmp_path, monkeypatch, task, words):
    monkeypatch.chdir(tmp_path)
    for name, width in (("narrow", 3), ("wide", 4)):
        for split in ("train", "test"):
            x = np.random.default_rng(0).normal(size=(40, width)).astype("f")
            np.savez(f"{name}-{split}.npz", embeddings=x, labels=np.arange(40) % 2)
    config = {
        "datasets": dict.fromkeys(("narrow", "wide"), {"source": "embeddings"}),
        "fms": {
            "given": {
                "source": "embeddings",
                "files": {name: f"{name}-{{split}}.npz" for name in ("narrow", "wide")},
            }
        },
        "tasks": {"task": task},
        "experiments": {"main": {"presets": ["qi"]}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (problem,) = [f for f in examine(load(["config.yaml"])) if f.level == "PROBLEM"]
    assert problem.subject == "fm given" and re.search(words, problem.text)


def test_devices_that_this_machine_lacks_are_a_problem(study, tmp_path):
    study()
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    config["compute"] = {"scoring_device": "cuda:99", "generation_device": "cuda:98"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    problems = [f for f in examine(load(["config.yaml"])) if f.level == "PROBLEM"]
    assert [f.subject for f in problems] == ["compute.generation_device", "compute.scoring_device"]
    assert "this machine has no device 'cuda:98'" in problems[0].text


def test_an_error_without_text_is_named_by_its_class(study, monkeypatch, capsys):
    def fails(**description):
        raise RuntimeError

    study()
    monkeypatch.setattr("imprint.fm.models.load", fails)
    code, findings, _ = doctor(monkeypatch, capsys)
    assert code == 1
    assert any("cannot be loaded: RuntimeError" in f["text"] for f in findings)


def test_weights_that_give_nan_are_a_problem(study, monkeypatch, capsys):
    state = timm.create_model("test_resnet", num_classes=3).state_dict()
    next(iter(state.values())).fill_(float("nan"))
    study(state)
    code, findings, _ = doctor(monkeypatch, capsys)
    assert code == 1
    assert any("NaN" in f["text"] for f in findings)


def test_weights_of_another_network_are_a_problem(study, monkeypatch, capsys):
    study(timm.create_model("test_vit", num_classes=3).state_dict())
    code, findings, _ = doctor(monkeypatch, capsys)
    assert code == 1
    assert any(f["subject"] == "fm net" and f["level"] == "PROBLEM" for f in findings)


def test_a_configuration_with_mistakes_ends_in_its_message(study, tmp_path, monkeypatch, capsys):
    (tmp_path / "config.yaml").write_text("fms: [")
    code, findings, output = doctor(monkeypatch, capsys)
    assert (code, findings) == (2, [])
    assert "invalid YAML" in output
