"""What comes after `imprint fit`: evaluate, predict, add, remove and export, as users type them."""

import csv
import json
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from imprint import cli
from imprint.estimator.classifier import ImprintingClassifier
from imprint.method.aggregations import AGGREGATIONS

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
def imprint(tmp_path, monkeypatch, run):
    """Run a command where embeddings of birds lie."""
    monkeypatch.chdir(tmp_path)
    np.savez("train.npz", **birds(12, NAMES[:2], 0))
    np.savez("test.npz", **birds(20, NAMES[:2], 1))
    np.savez("owls.npz", **birds(12, NAMES[2:], 2))
    np.savez("all.npz", **birds(20, NAMES, 3))

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


@pytest.mark.parametrize(
    "command",
    [
        "predict birds.safetensors test.npz",
        "predict birds.safetensors test.npz --proba --top 2",
        "predict birds.safetensors test.npz --reject 0.05 --json",
        "evaluate birds.safetensors all.npz",
    ],
)
def test_results_do_not_depend_on_how_many_scores_are_held_at_a_time(imprint, monkeypatch, command):
    whole = imprint(command)
    monkeypatch.setattr("imprint.method.large_arrays.MOST_SCORES", 6)  # of three samples
    assert imprint(command) == whole and len(whole.splitlines()) >= 10


def test_a_head_that_was_fitted_to_a_frame_takes_embeddings_of_files(imprint):
    data = np.load("train.npz")
    frame = pd.DataFrame(data["embeddings"]).rename(columns=str)
    head = ImprintingClassifier(method="qi").fit(frame, data["labels"])
    head.save("framed.safetensors", fm={"model": "net", "weights_sha256": "0", "transform": "none"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "accuracy" in imprint("evaluate framed.safetensors test.npz")


def test_classes_that_the_head_does_not_know_are_left_out(imprint):
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


def test_show_counts_the_samples_that_are_there(imprint):
    before = json.loads(imprint("show birds.safetensors --json"))
    assert before["samples"] == 24 and "samples_of_removed_classes" not in before
    imprint("add birds.safetensors owls.npz")
    imprint("remove birds.safetensors crow")
    after = json.loads(imprint("show birds.safetensors --json"))
    assert after["samples"] == sum(after["class_counts"]) == 24
    assert after["samples_of_removed_classes"] == 12
    assert "\n  method: whitened class means (mean, NORM " in imprint("show birds.safetensors")


@pytest.mark.parametrize("name", ["birds.onnx", "birds.pt2"])
def test_show_says_what_an_export_holds(imprint, tmp_path, name):
    told = json.loads(imprint(f"export birds.safetensors -o {name} --json"))
    facts = json.loads(imprint(f"show {name} --json"))
    assert (facts["input"], facts["outputs"]) == (told["input"], told["outputs"])
    assert facts["kind"].startswith("head exported to") and facts["classes"] == 2
    assert facts["class_names"] == ["crow", "magpie"]
    (tmp_path / f"other-{name}").write_bytes(b"no such file")
    message = imprint(f"show other-{name}", code=2)
    assert "is not a readable" in message or "was not written by imprint export" in message


def test_programs_of_other_software_are_reported_as_such(imprint, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.pt2", "w") as archive:
        archive.writestr("archive/version", "0")
    assert "was not written by imprint export" in imprint("show other.pt2", code=2)


@pytest.mark.parametrize("command", ["fit owls.npz -o owls.safetensors", "compare owls.npz"])
def test_one_class_alone_is_refused(imprint, command):
    assert "one class, 'owl'; a head needs at least two" in imprint(command, code=2)


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
    assert "--reject: plain.safetensors cannot tell what fits its classes" in message
    assert "probability=True" not in message  # the command has no such words


def test_an_exported_program_predicts_as_the_head(imprint):
    printed = imprint("export birds.safetensors -o birds.pt2")
    assert "checked in torch" in printed and "equal labels" in printed
    files = {"classes": ""}
    program = torch.export.load("birds.pt2", extra_files=files).module()
    assert json.loads(files["classes"]) == ["crow", "magpie"]
    data = np.load("test.npz")["embeddings"]
    head = ImprintingClassifier.load("birds.safetensors")
    outputs = program(torch.from_numpy(data))
    np.testing.assert_allclose(outputs["scores"], head.class_scores(data), atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], head.predict_proba(data), atol=1e-4)


def test_an_export_says_what_it_checked_and_what_it_could_not(imprint, monkeypatch):
    facts = json.loads(imprint("export birds.safetensors -o birds.onnx --check test.npz --json"))
    assert facts["check"]["samples"] == facts["check"]["equal_labels"] == 40
    assert facts["check"]["largest_difference"] < 1e-4
    assert facts["outputs"] == "scores (N, C), as predict gives them; probabilities (N, C)"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    unchecked = imprint("export birds.safetensors -o birds.onnx")
    assert "not checked" in unchecked and "pip install onnxruntime" in unchecked


def test_what_cannot_be_exported_says_so_in_the_words_of_the_command(imprint):
    wrong = imprint("export birds.safetensors -o x.onnx --to torch", code=2)
    assert "x.onnx: a head is exported in the form torch to a .pt2 file" in wrong
    assert "exported to a .onnx or .pt2 file" in imprint(
        "export birds.safetensors -o x.bin", code=2
    )
    imprint("fit train.npz -o votes.safetensors --agg mnn --m 3 --distance euclidean")
    message = imprint("export votes.safetensors -o votes.onnx", code=2)
    assert "votes of 3 neighbours cannot be exported; fit it with agg max" in message
    message = imprint("export birds.safetensors -o birds.onnx --with-fm", code=2)
    assert "embeddings of 'train'" in message and "name the FM as fm (--fm)" in message


def test_the_fm_and_the_head_in_one_file_label_photographs(imprint, tmp_path):
    import onnxruntime

    pixels = {"flower": 1, "temple": 0}
    for name, number in pixels.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        photograph = load_sample_images().images[number]
        for i, part in enumerate(np.array_split(photograph[:, :600], 5, axis=1)):
            Image.fromarray(part).save(tmp_path / f"photos/{name}/{i}.jpg")
    imprint("fit photos -o photos.safetensors --device cpu")
    facts = json.loads(imprint("export photos.safetensors -o photos.onnx --with-fm --json"))
    assert facts["check"]["kind"] == "crops of photographs"
    assert facts["check"]["equal_labels"] == facts["check"]["samples"] == 16
    assert {file.name for file in tmp_path.glob("*.onnx*")} == {"photos.onnx"}

    # what a deployer does, with nothing of imprint: follow the preparation that the file describes
    session = onnxruntime.InferenceSession("photos.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert "shorter side has 256 pixels (bicubic" in facts["preparation"]
    image = Image.open("photos/flower/2.jpg").resize((256, 910), Image.Resampling.BICUBIC)
    image = image.crop((16, 343, 240, 567))
    x = (np.asarray(image, np.float32) / 255).transpose(2, 0, 1)[None]
    scores, probabilities = session.run(["scores", "probabilities"], {"images": x})
    row = json.loads(imprint("predict photos.safetensors photos/flower/2.jpg --json"))
    assert json.loads(facts["classes"])[scores[0].argmax()] == row["label"] == "flower"
    assert str(tmp_path) not in str(facts)  # where the photographs lie is not given away
    assert abs(scores.max() - row["score"]) < 1e-4
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)


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


def test_a_change_does_not_undo_one_made_meanwhile(imprint, monkeypatch):
    from imprint.estimator import inputs

    read_labelled = inputs.read_labelled

    def read_slowly(*arguments, **options):
        monkeypatch.setattr(inputs, "read_labelled", read_labelled)
        imprint("add birds.safetensors owls.npz")
        return read_labelled(*arguments, **options)

    np.savez("jays.npz", **{**birds(12, NAMES[2:], 4), "labels": ["jay"] * 12})
    monkeypatch.setattr(inputs, "read_labelled", read_slowly)
    error = imprint("add birds.safetensors jays.npz", code=2)
    assert "birds.safetensors was changed by another command" in error
    assert "added jay" in imprint("add birds.safetensors jays.npz")
    assert set(ImprintingClassifier.load("birds.safetensors").classes_) == {*NAMES, "jay"}


def test_images_of_an_added_class_are_rejected_as_those_of_one_fit(imprint):
    imprint("add birds.safetensors owls.npz")
    rows = imprint("predict birds.safetensors all.npz --reject 0.2 --json").splitlines()
    rejected = np.array([json.loads(row)["rejected"] for row in rows])
    owls = np.load("all.npz")["labels"] == "owl"
    assert rejected[owls].mean() < 0.4 and rejected[~owls].mean() < 0.4
    assert ImprintingClassifier.load("birds.safetensors").familiarity_.samples == 36


def test_a_head_of_too_many_images_says_that_its_limits_are_of_before(imprint, monkeypatch, caplog):
    monkeypatch.setattr("imprint.estimator.training_samples.MOST_VALUES", 24 * 8)
    more = "add birds.safetensors owls.npz -o more.safetensors --json"
    assert json.loads(imprint(more))["limits_current"] is False
    assert imprint("predict more.safetensors all.npz --reject 0.2").count("\n") == 61
    caplog.clear()
    imprint("evaluate more.safetensors all.npz")
    assert "rejection limits of more.safetensors were measured before" in caplog.text


def test_a_head_of_python_with_labels_that_are_numbers_goes_on(imprint):
    data, owls = np.load("train.npz"), np.load("owls.npz")["embeddings"]
    numbers = np.repeat([0.0, 1], 12)
    for name, method in (("means", {"method": "whiten"}), ("samples", {"gen": "all"})):
        head = ImprintingClassifier(**method).fit(data["embeddings"], numbers)
        head.save(f"{name}.safetensors", {"fm": "train"})
        np.savez("numbers.npz", embeddings=owls, labels=np.repeat([1, 7], 6))
        added = json.loads(imprint(f"add {name}.safetensors numbers.npz --json"))
        assert added["added"] == [7] and added["classes"] == [0, 1, 7]
        facts = json.loads(imprint(f"evaluate {name}.safetensors numbers.npz --json"))
        assert [entry["name"] for entry in facts["classes"]] == ["0", "1", "7"]
        message = imprint(f"add {name}.safetensors train.npz", code=2)
        assert "the labels of this head are float64 (0.0, 1.0, 7.0), which crow, magpie" in message
        assert "removed 7" in imprint(f"remove {name}.safetensors 7")


def test_a_head_of_one_class_can_be_exported(imprint):
    imprint("remove birds.safetensors crow")
    assert "equal labels" in imprint("export birds.safetensors -o birds.pt2")


@pytest.mark.parametrize(
    ("method", "add", "export"),
    [
        ("--method probe", False, True),
        ("--method knn", True, False),
        ("--gen mean --norm-pre center --norm-inf center", False, True),
        ("--gen mean --distance manhattan", True, False),
        ("--method whiten", True, True),
    ],
)
def test_only_commands_that_work_are_suggested(imprint, method, add, export):
    printed = imprint(f"fit train.npz -o next.safetensors {method}")
    assert "imprint evaluate next.safetensors" in printed
    assert ("imprint add" in printed, "imprint export" in printed) == (add, export)
    imprint("add next.safetensors owls.npz -o more.safetensors", code=0 if add else 2)
    imprint("export next.safetensors -o next.pt2", code=0 if export else 2)


def test_a_new_class_named_nearly_as_a_known_one_is_noted(imprint, caplog):
    np.savez("crows.npz", **{**birds(12, NAMES[2:], 2), "labels": np.repeat(["Crow", "owl"], 6)})
    imprint("add birds.safetensors crows.npz")
    assert "'crow' and 'Crow' are two classes, though" in caplog.text
    assert caplog.text.count("two classes") == 1


def test_tiny_scores_keep_their_digits(imprint):
    data = np.load("train.npz")
    np.savez("tiny.npz", embeddings=data["embeddings"] * 1e-5, labels=data["labels"])
    none = "--norm-pre none --norm-post none --norm-inf none"
    imprint(f"fit tiny.npz -o tiny.safetensors --gen mean {none}")
    row = json.loads(imprint("predict tiny.safetensors tiny.npz --json").splitlines()[0])
    cells = imprint("predict tiny.safetensors tiny.npz").splitlines()[1].split(",")
    assert row["score"] == float(cells[2]) and 0 < row["score"] < 1e-8


def test_mean_f1_is_that_of_classes_with_samples(imprint):
    data = np.load("test.npz")
    np.savez("crows.npz", embeddings=data["embeddings"][:20], labels=data["labels"][:20])
    facts = json.loads(imprint("evaluate birds.safetensors crows.npz --json"))
    crow, magpie = facts["classes"]
    assert magpie["f1"] is None and facts["macro_f1"] == crow["f1"]


AGG = """
from imprint.method.aggregations import aggregation, best_of_classes


@aggregation("mine")
def mine(similarities, labels, classes):
    return {} * best_of_classes(similarities, labels, classes)
"""


def test_a_head_of_a_users_agg_is_shown_without_its_file_and_a_change_of_that_is_a_note(
    imprint, tmp_path, capsys
):
    for folder, factor in (("before", 1), ("after", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(AGG.format(factor))
    try:
        imprint("fit train.npz -o own.safetensors --components before/mine.py --agg mine")
        AGGREGATIONS.remove("mine")
        assert "k-means centres per class, mine by inner_product (" in imprint(
            "show own.safetensors"
        )
        for command in (
            "predict {} test.npz",
            "evaluate {} test.npz",
            "explain {} test.npz",
            "explain {} absent.npz",
        ):
            words = command.format("own.safetensors").split()
            with pytest.raises(SystemExit):
                cli.main([*words, "--components", "after/mine.py"])
            note, *others = capsys.readouterr().err.splitlines()
            assert note.startswith("note: the file of AGG mine has changed since own.safetensors")
            assert len(others) == ("absent" in command), "an error comes after the note"
    finally:
        if "mine" in AGGREGATIONS:
            AGGREGATIONS.remove("mine")
