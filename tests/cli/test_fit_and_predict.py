"""From images or embeddings to a head and to labels, as users type it."""

import csv
import json

import h5py
import numpy as np
import pytest

from imprint.estimator.classifier import ImprintingClassifier
from tests.cli.commands import FM, NAMES, write_arrays


def test_embeddings_of_a_folder_have_its_classes(embedded):
    assert embedded.class_names == NAMES
    assert embedded.x.shape == (60, 96)
    assert embedded.ids[0].startswith("one/")


def test_from_a_folder_to_labels(imprint, workdir):
    facts = json.loads(imprint(f"fit photos -o own.safetensors {FM} --k 3 --json"))
    assert facts["classes"] == list(NAMES) and facts["proxies"] == 9
    imprint("predict own.safetensors new -o labels.csv --device cpu")
    rows = list(csv.DictReader((workdir / "labels.csv").open()))
    assert len(rows) == 30
    assert (
        np.mean([row["id"].startswith(row["label"]) for row in rows]) > 0.5
    )  # the FM has random weights; chance is a third
    alone = json.loads(imprint(f"predict own.safetensors new/{rows[0]['id']} --json"))
    assert alone["label"] == rows[0]["label"] and alone["id"] == f"new/{rows[0]['id']}"
    for share in (0.05, 0.9):
        marked = imprint(f"predict own.safetensors new --reject {share}").splitlines()
        assert marked[0] == "id,label,score,familiarity,rejected"
        marked = list(csv.DictReader(marked))
        assert [row["label"] for row in marked] == [row["label"] for row in rows]
        familiar = [float(row["familiarity"]) <= share for row in marked]
        assert [row["rejected"] == "yes" for row in marked] == familiar
        assert (sum(familiar) > 15) == (share > 0.5)
    alone = json.loads(imprint(f"predict own.safetensors new/{rows[0]['id']} --reject 0.9 --json"))
    assert alone["label"] == rows[0]["label"] and alone["rejected"] == (alone["familiarity"] <= 0.9)


def test_without_a_model_named_imagenet_weights_of_a_package_are_taken(imprint):
    output = imprint("fit photos -o imagenet.safetensors --device cpu")
    assert "\n  imprint evaluate imagenet.safetensors FOLDER " in output
    assert "\n  imprint export imagenet.safetensors -o imagenet.onnx --with-fm " in output
    facts = json.loads(imprint("show imagenet.safetensors --json"))
    assert facts["fm"]["source"] == "package" and facts["fm"]["model"] == "tf_efficientnet_lite0"
    rows = list(
        csv.DictReader(imprint("predict imagenet.safetensors new --device cpu").splitlines())
    )
    assert np.mean([row["id"].startswith(row["label"]) for row in rows]) > 0.9
    again = json.loads(
        imprint("embed new -o new.h5 --fm tf_efficientnet_lite0 --device cpu --json")
    )
    assert again["dimensions"] == 1280


def test_an_image_has_one_id_alone_and_beside_others(imprint, workdir, embedded):
    """A shell's new/*.png may match one image or several."""
    imprint("fit photos.h5 -o ids.safetensors")
    one, other = sorted(f"new/{path.name}" for path in (workdir / "new").iterdir())[:2]
    for images in (one, f"{one} {other}"):
        output = imprint(f"predict ids.safetensors {images} {FM} --json")
        assert json.loads(output.splitlines()[0])["id"] == one
    assert f"\n{one}: " in imprint(f"explain ids.safetensors {one} {FM} -o why.png")


def test_a_head_predicts_as_the_estimator(imprint, embedded):
    imprint("fit photos.h5 -o e.safetensors --preset qi")
    by_name = np.array(embedded.class_names)[embedded.y]
    expected = ImprintingClassifier(method="qi").fit(embedded.x, by_name).predict(embedded.x)
    rows = [
        json.loads(line) for line in imprint("predict e.safetensors photos.h5 --json").splitlines()
    ]
    assert [row["label"] for row in rows] == expected.tolist()
    assert [row["id"] for row in rows] == embedded.ids.tolist()


def test_plain_arrays_with_labels_that_are_names(imprint, workdir, embedded):
    labels = np.array(embedded.class_names)[embedded.y]
    np.savez(workdir / "own.npz", embeddings=embedded.x, labels=labels)
    imprint("fit own.npz -o n.safetensors")
    with h5py.File(workdir / "unlabelled.h5", "w") as file:
        file["test/embeddings"] = embedded.x
    rows = imprint("predict n.safetensors unlabelled.h5 --group test").splitlines()[1:]
    assert len(rows) == 60
    assert (
        np.mean([row.split(",")[1] == label for row, label in zip(rows, labels, strict=True)]) > 0.8
    )


def test_what_to_do_next_suits_embeddings_of_an_unknown_fm(imprint, workdir, embedded):
    np.savez(workdir / "arrays.npz", embeddings=embedded.x, labels=embedded.y)
    output = imprint("fit arrays.npz -o arrays.safetensors --method whiten")
    assert "\n  imprint predict arrays.safetensors EMBEDDINGS " in output
    assert "--with-fm" not in output


def test_a_head_is_refused_on_other_embeddings(imprint, workdir, embedded):
    imprint("fit photos.h5 -o r.safetensors --preset qi")
    error = imprint("predict r.safetensors new --input-size 40 --device cpu", code=2)
    assert "made from embeddings of another kind" in error and "transform" in error
    np.savez(workdir / "narrow.npz", embeddings=embedded.x[:, :7])
    assert "7 values" in imprint("predict r.safetensors narrow.npz", code=2)


@pytest.mark.parametrize(
    ("replaced", "classes"),
    [
        ({"labels": np.arange(30) % 3 - 1}, ["-1", "0", "1"]),
        ({"labels": np.array([207, 281, 970])[np.arange(30) % 3]}, ["207", "281", "970"]),
        (
            {"labels": np.arange(30) % 3 + 1, "class_names": ["none", "a", "b", "c"]},
            ["a", "b", "c"],
        ),
        ({"labels": (np.arange(30) % 3).astype(float)}, ["0", "1", "2"]),
        ({"labels": np.arange(30) % 2 == 1}, ["False", "True"]),
        ({"labels": (np.arange(30) % 2 == 1).astype(object)}, ["False", "True"]),
        ({"labels": np.arange(30) % 2 == 1, "class_names": ["cat", "dog"]}, ["cat", "dog"]),
        ({"labels": np.array([b"a", b"b", b"c"])[np.arange(30) % 3]}, ["a", "b", "c"]),
    ],
)
def test_labels_of_ones_own_are_the_same_classes_to_all_commands(
    imprint, workdir, replaced, classes
):
    write_arrays(workdir, "own.npz", **replaced)
    assert (
        json.loads(imprint("fit own.npz -o l.safetensors --gen mean --json"))["classes"] == classes
    )
    assert f"30 samples of {len(classes)} classes" in imprint(
        "compare own.npz --gen mean --folds 2"
    )


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"labels": np.arange(30) / 2}, "neither names nor whole numbers of at most 64 bits"),
        ({"class_names": ["crane", "crane", "wren"]}, "a name occurs twice"),
        ({"class_names": ["a", "b"]}, "do not fit the 2 'class_names'"),
        ({"ids": np.arange(29)}, "30 embeddings and ids of shape (29,)"),
    ],
)
def test_labels_that_will_not_do_are_refused_by_all_commands(imprint, workdir, replaced, message):
    write_arrays(workdir, "own.npz", **replaced)
    for command in ("fit own.npz -o l.safetensors", "compare own.npz --folds 2"):
        assert message in imprint(command, code=2)


def test_an_fm_that_embeddings_do_not_need_is_reported_as_unused(imprint, embedded, caplog):
    imprint("fit photos.h5 -o noted.safetensors --preset qi")
    imprint(f"predict noted.safetensors photos.h5 {FM}")
    assert "photos.h5 holds embeddings, so the FM" in caplog.text
