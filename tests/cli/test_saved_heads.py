"""What comes after `imprint fit`: evaluate, predict, add, remove and export, as users type them."""

import csv
import json
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from imprint import cli
from imprint.estimator.classifier import ImprintingClassifier

NAMES = np.array(["crow", "magpie", "owl"])


def birds(per_class, classes, seed):
    """Embeddings around a direction of their own for each class, labels, and ids."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(classes, per_class)
    number = {name: i for i, name in enumerate(NAMES)}
    x = rng.normal(scale=0.2, size=(len(labels), 8)).astype("float32")
    x[np.arange(len(x)), [number[name] for name in labels]] += 1
    return {"embeddings": x, "labels": labels}


@pytest.fixture
def imprint(tmp_path, monkeypatch, capsys):
    """Run a command where embeddings of birds lie; returns its output, or its errors where `code` is not 0."""
    monkeypatch.chdir(tmp_path)
    np.savez("train.npz", **birds(12, NAMES[:2], 0))
    np.savez("test.npz", **birds(20, NAMES[:2], 1))
    np.savez("owls.npz", **birds(12, NAMES[2:], 2))
    np.savez("all.npz", **birds(20, NAMES, 3))

    def run(command, code=0):
        with pytest.raises(SystemExit) as ended:
            cli.main(shlex.split(command))
        output = capsys.readouterr()
        assert ended.value.code == code, output.err
        return output.err if code else output.out

    run("fit train.npz -o birds.safetensors")
    return run


def test_an_evaluation_counts_what_the_head_predicts(imprint):
    facts = json.loads(imprint("evaluate birds.safetensors test.npz --json"))
    data = np.load("test.npz")
    predicted = ImprintingClassifier.load("birds.safetensors").predict(data["embeddings"])
    right = predicted == data["labels"]
    assert facts["accuracy"] == right.mean() and facts["samples"] == 40
    assert facts["accuracy_low"] < facts["accuracy"] <= facts["accuracy_high"]
    recall = {entry["name"]: entry["recall"] for entry in facts["classes"]}
    assert recall == {name: right[data["labels"] == name].mean() for name in NAMES[:2]}
    assert sum(entry["count"] for entry in facts["confusions"]) == (~right).sum()
    printed = imprint("evaluate birds.safetensors test.npz")
    assert "on 40 samples" in printed and "magpie" in printed


def test_classes_that_the_head_does_not_know_are_left_out(imprint, capsys):
    facts = json.loads(imprint("evaluate birds.safetensors all.npz --json"))
    assert facts["samples"] == 40 and facts["unknown"] == {"owl": 20}
    message = imprint("evaluate birds.safetensors owls.npz", code=2)
    assert "knows none of the classes owl" in message and "crow, magpie" in message


def test_a_class_comes_and_goes_without_the_old_images(imprint):
    added = json.loads(imprint("add birds.safetensors owls.npz -o three.safetensors --json"))
    assert added["added"] == ["owl"] and added["classes"] == NAMES.tolist()
    assert json.loads(imprint("evaluate three.safetensors all.npz --json"))["accuracy"] > 0.9
    imprint("remove three.safetensors owl")
    data = np.load("test.npz")["embeddings"]
    before, after = (ImprintingClassifier.load(f"{n}.safetensors") for n in ("birds", "three"))
    np.testing.assert_allclose(after.class_scores(data), before.class_scores(data), atol=1e-6)
    assert "took in 12 samples; added owl" in imprint(
        "add birds.safetensors owls.npz -o c.safetensors"
    )
    message = imprint("remove birds.safetensors penguin", code=2)
    assert "has no class penguin; its classes are crow, magpie" in message


@pytest.mark.parametrize("command", ["fit owls.npz -o owls.safetensors", "compare owls.npz"])
def test_one_class_alone_is_refused(imprint, command):
    assert "all samples are of one class; a head tells at least two apart" in imprint(
        command, code=2
    )


def test_the_best_labels_and_their_probabilities(imprint):
    imprint("add birds.safetensors owls.npz")
    command = "predict birds.safetensors all.npz --top 3 --proba"
    rows = list(csv.DictReader(imprint(command).splitlines()))
    chances = np.array([[float(row[f"probability{s}"]) for s in ("", "_2", "_3")] for row in rows])
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-4)
    assert (np.diff(chances, axis=1) <= 0).all()
    assert {row["label"] for row in rows} == set(NAMES)
    line = json.loads(imprint(f"{command} --json").splitlines()[0])
    assert [entry["label"] for entry in line["top"]] == [
        rows[0][f"label{s}"] for s in ("", "_2", "_3")
    ]
    imprint("fit train.npz -o qi.safetensors --preset qi")
    assert "probability" in imprint("predict qi.safetensors all.npz --proba")
    data = np.load("train.npz")
    head = ImprintingClassifier(method="qi").fit(data["embeddings"], data["labels"])
    head.save("plain.safetensors", {"fm": "train"})
    assert "gives no probabilities" in imprint("predict plain.safetensors all.npz --proba", code=2)
    message = imprint("predict plain.safetensors all.npz --reject 0.05", code=2)
    assert "no training samples were held out" in message


def test_an_exported_program_predicts_as_the_head(imprint):
    imprint("export birds.safetensors -o birds.pt2 --to torch")
    files = {"classes": ""}
    program = torch.export.load("birds.pt2", extra_files=files).module()
    assert json.loads(files["classes"]) == ["crow", "magpie"]
    data = np.load("test.npz")["embeddings"]
    head = ImprintingClassifier.load("birds.safetensors")
    best = program(torch.from_numpy(data)).numpy().argmax(axis=1)
    assert (np.array(json.loads(files["classes"]))[best] == head.predict(data)).all()
    imprint("export birds.safetensors -o birds.onnx")
    assert "is a .pt2 file" in imprint("export birds.safetensors -o x.onnx --to torch", code=2)


def test_several_images_and_folders_are_labelled_at_once(imprint, tmp_path):
    for folder in ("light", "dark", "new/more"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(6):
        Image.new("RGB", (16, 16), (200 + i, 220, 240)).save(tmp_path / f"light/{i}.png")
        Image.new("RGB", (16, 16), (10 + i, 20, 30)).save(tmp_path / f"dark/{i}.png")
    Image.new("RGB", (16, 16), (215, 225, 245)).save(tmp_path / "new/more/bright.png")
    (tmp_path / "photos").mkdir()
    for folder in ("light", "dark"):
        (tmp_path / folder).rename(tmp_path / "photos" / folder)
    imprint("fit photos -o tones.safetensors --device cpu --preset qi")
    output = imprint("predict tones.safetensors new photos/dark/3.png --device cpu")
    rows = {row["id"]: row["label"] for row in csv.DictReader(output.splitlines())}
    assert rows == {"new/more/bright.png": "light", "photos/dark/3.png": "dark"}
    message = imprint("predict tones.safetensors new all.npz", code=2)
    assert "all.npz can only be given alone" in message
