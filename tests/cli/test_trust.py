"""How far to trust a head, as users ask it: rejected shares, pictures of confusions, explanations, images added twice."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import imprint as library
from tests.cli.commands import FM, write_weights

GREYS = {"dark": 20, "light": 220, "middling": 120}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with train/ and test/, images of three greys, two of the test images in the wrong class, and weights."""
    root = tmp_path_factory.mktemp("trust")
    random = np.random.default_rng(0)
    for split, classes in (("train", ("dark", "light")), ("test", GREYS)):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for i in range(12):
                shade = GREYS["light" if (split, name, i) == ("test", "dark", 0) else name]
                pixels = np.clip(shade + random.integers(-15, 15, (24, 24)), 0, 255).astype(
                    np.uint8
                )
                Image.fromarray(pixels).save(root / split / name / f"{name}{i}.png")
    write_weights(root)
    return root


@pytest.fixture
def imprint(photos, monkeypatch, run):
    """Run a command beside the images."""
    monkeypatch.chdir(photos)

    if not (photos / "head.safetensors").exists():
        run(f"embed train -o train.h5 {FM}")
        run("fit train.h5 -o head.safetensors --preset qi")
    return run


def test_coverage_is_reported_with_its_error(imprint):
    facts = json.loads(imprint("evaluate head.safetensors test --device cpu --json"))
    assert facts["unknown"] == {"middling": 12} and facts["samples"] == 24
    nothing, *shares = facts["coverage"]
    assert nothing == {
        "reject": 0,
        "kept": 1,
        "error": 1 - facts["accuracy"],
        "unknown_kept": 1,
    }
    assert [entry["reject"] for entry in shares] == [0.05, 0.1, 0.2, 0.5]
    assert sorted((entry["kept"] for entry in shares), reverse=True) == [e["kept"] for e in shares]
    rows = imprint("predict head.safetensors test --device cpu --reject 0.5").splitlines()[1:]
    kept = [row for row in rows if row.endswith(",no")]
    known = [row for row in kept if not row.startswith("middling")]
    assert len(known) / 24 == shares[-1]["kept"]
    assert (len(kept) - len(known)) / 12 == shares[-1]["unknown_kept"]
    printed = imprint("evaluate head.safetensors test --device cpu")
    assert "the share of its samples with its label (recall)" in printed
    assert "known images kept" in printed and "unknown kept" in printed


def test_pictures_of_confusions_and_of_coverage(imprint, photos):
    imprint(
        "evaluate head.safetensors test --device cpu --picture confused.png --curve coverage.pdf"
    )
    assert Image.open(photos / "confused.png").width == 2100  # 7 inches
    assert (photos / "coverage.pdf").read_bytes().startswith(b"%PDF")
    message = imprint("evaluate head.safetensors test --picture confused.doc", code=2)
    assert "confused.doc: a picture is a .png, .pdf or .svg file" in message
    output = imprint("evaluate head.safetensors train.h5 --picture none.png")
    assert "accuracy 100.0%" in output
    assert not (photos / "none.png").exists(), "nothing is confused"


@pytest.mark.parametrize("train", ["", "--train train.h5", "--train train"])
def test_labels_are_explained_by_images_of_their_class(imprint, photos, train):
    command = f"explain head.safetensors test/dark/dark3.png {train} --top 2 --device cpu"
    (why,) = map(json.loads, imprint(f"{command} --json -o why.png").splitlines())
    assert (
        why["id"] == "test/dark/dark3.png" and why["label"] == "dark" and why["probability"] > 0.5
    )
    first, second = why["nearest"]
    assert first["label"] == "dark" and (photos / "train" / first["id"]).is_file()
    assert first["similarity"] >= second["similarity"]
    assert Image.open(photos / "why.png").width == 2100
    assert first["id"] in imprint(command)


def test_a_training_image_is_its_own_nearest(imprint):
    (why, _) = library.explain(
        "head.safetensors", ["train/light/light4.png", "test/dark/dark1.png"], train="train.h5"
    )
    assert why.label == "light" and why.nearest[0].id == "light/light4.png"
    assert why.nearest[0].similarity == pytest.approx(1, abs=1e-4)


def test_copies_of_a_training_image_are_shown_once(imprint, photos):
    for name in ("dark/dark1.png", "dark/copy.png", "light/copy.png"):
        (photos / "copies" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / "train/dark/dark1.png", photos / "copies" / name)
    shutil.copy(photos / "train/dark/dark2.png", photos / "copies/dark")
    (why,) = library.explain("head.safetensors", "train/dark/dark1.png", train="copies")
    assert [near.id for near in why.nearest[2:]] == ["dark/dark2.png"]
    assert sorted(near.label for near in why.nearest[:2]) == ["dark", "light"]


def test_training_images_that_have_moved_are_named(imprint, photos):
    shutil.move(photos / "train", photos / "elsewhere")
    command = "explain head.safetensors test/dark/dark3.png -o why.png --device cpu"
    try:
        message = imprint(command, code=2)
        assert "train/" in message and "no longer exists; name the folder" in message
        imprint(f"{command} --images elsewhere")
        assert "nowhere is not a folder" in imprint(f"{command} --images nowhere", code=2)
    finally:
        shutil.move(photos / "elsewhere", photos / "train")


def test_images_that_a_head_was_made_from_are_counted(imprint):
    for folder, seen in (("train", 24), ("test", 0)):
        evaluation = json.loads(imprint(f"evaluate head.safetensors {folder} --device cpu --json"))
        assert evaluation["seen"] == seen


def test_images_that_are_added_twice_count_once(imprint, photos):
    before = (photos / "head.safetensors").read_bytes()
    text = imprint("add head.safetensors train --device cpu")
    assert "took in 0 samples" in text and "replaced" not in text
    assert (photos / "head.safetensors").read_bytes() == before
    added = imprint("add head.safetensors test -o more.safetensors --device cpu --json")
    assert json.loads(added)["samples"] == 36
    assert "took in 0 samples" in imprint("add more.safetensors test")
    imprint("remove more.safetensors middling")
    assert json.loads(imprint("add more.safetensors test --json"))["samples"] == 12


def test_images_of_an_added_folder_are_found_again(imprint, photos):
    """Both folders have images of one name: each is shown from its own."""
    other = photos / "other" / "grey" / "dark0.png"
    other.parent.mkdir(parents=True)
    for i in range(3):
        name = f"middling{i}.png"
        shutil.copy(photos / "test" / "middling" / name, other.with_name(f"dark{i}.png"))
    imprint("add head.safetensors other -o grey.safetensors --device cpu")
    command = (
        "explain grey.safetensors other/grey/dark1.png -o grey.png --top 1 --device cpu --json"
    )
    nearest = json.loads(imprint(command))["nearest"][0]
    assert nearest["label"] == "grey" and nearest["id"].startswith("../other/grey/dark")
    assert (photos / "train" / nearest["id"]).is_file()
