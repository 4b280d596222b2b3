"""Images in folders, tables and shards, as commands take them."""

import csv
import io
import json
import shutil
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imprint.estimator.classifier import ImprintingClassifier
from tests.cli.commands import FM, NAMES


def test_a_folder_of_splits_is_fitted_on_one_and_evaluated_on_the_other(imprint, workdir, caplog):
    for split, numbers in (("train", range(15)), ("val", range(15, 20))):
        for name in NAMES:
            folder = workdir / "halves" / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for i in numbers:
                shutil.copy(workdir / "photos" / name / f"{name}{i}.png", folder)
    facts = json.loads(imprint(f"fit halves -o halves.safetensors {FM} --preset qi --json"))
    assert facts["samples"] == 45 and facts["classes"] == list(NAMES)
    assert "halves is divided into splits; only halves/train is used" in caplog.text
    evaluated = json.loads(imprint("evaluate halves.safetensors halves --device cpu --json"))
    assert (evaluated["samples"], evaluated["seen"]) == (15, 0)
    assert "only halves/val is used" in caplog.text
    rows = imprint("predict halves.safetensors halves --device cpu").splitlines()
    assert len(rows) == 1 + 15 and rows[1].startswith("val/one/one15.png,")
    tested = imprint(f"embed halves -o halves.h5 --split test {FM} --json")
    assert json.loads(tested)["samples"] == 15
    command = "explain halves.safetensors halves -o why.png --top 1 --device cpu --json"
    caplog.clear()
    why = json.loads(imprint(command).splitlines()[0])
    assert (workdir / "halves" / why["nearest"][0]["id"]).is_file()
    assert caplog.text.count("is divided into splits") == 1
    shutil.move(workdir / "halves" / "train", workdir / "halves" / "training")
    error = imprint("evaluate halves.safetensors halves/val/one --device cpu", code=2)
    assert "no class folders" in error


def test_labels_that_are_not_used_may_be_empty_and_whole_floats_are_integers(imprint, workdir):
    labels = np.arange(60) % 3
    rows = [f"photos/{name}/{name}{i}.png" for name in NAMES for i in range(20)]
    table = pd.DataFrame({"path": rows, "label": labels.astype(float)})
    table.to_parquet(workdir / "numbers.parquet")
    facts = json.loads(
        imprint(f"fit numbers.parquet -o numbers.safetensors {FM} --gen mean --json")
    )
    assert facts["classes"] == ["0", "1", "2"]
    table["label"] = table["label"].where(labels > 0)
    table.to_csv(workdir / "unlabelled.csv", index=False)
    assert len(imprint("predict numbers.safetensors unlabelled.csv").splitlines()) == 1 + 60
    error = imprint("evaluate numbers.safetensors unlabelled.csv", code=2)
    assert "path or label is empty" in error


def test_folders_next_to_images_are_not_classes(imprint, workdir):
    (workdir / "mixed").mkdir()
    (workdir / "mixed" / "sub").symlink_to(workdir / "photos" / "one")
    (workdir / "mixed" / ".hidden.png").write_bytes(b"no image")
    (workdir / "mixed" / "__MACOSX").mkdir()
    (workdir / "mixed" / "__MACOSX" / "0.png").write_bytes(b"no image")
    for i in range(2):
        Image.new("L", (8, 8)).save(workdir / f"mixed/{i}.png")
    samples = json.loads(imprint(f"embed mixed -o mixed.h5 {FM} --json"))["samples"]
    assert samples == 2 + 20  # links are followed
    error = imprint("fit mixed.h5 -o l.safetensors", code=2)
    assert "has no classes" in error and "one folder per class" in error
    assert "mixed/0.png is one image" in imprint(f"fit mixed/0.png -o l.safetensors {FM}", code=2)


@pytest.fixture
def listed(workdir):
    """Tables of the photographs, and the same in a shard of WebDataset; the first 15 of a class are for training."""
    rows = [
        {
            "path": f"photos/{name}/{name}{i}.png",
            "label": name,
            "split": "train" if i < 15 else "test",
        }
        for name in NAMES
        for i in range(20)
    ]
    table = pd.DataFrame(rows)
    table.to_csv(workdir / "divided.csv", index=False)
    table.drop(columns="split").to_csv(workdir / "photos.csv", index=False)
    table.drop(columns="split").to_parquet(workdir / "photos.parquet")
    table[["path"]].to_csv(workdir / "paths.csv", index=False)
    with tarfile.open(workdir / "photos.tar", "w") as archive:
        for row in rows:
            image = workdir / row["path"]
            archive.add(image, image.name)
            label = tarfile.TarInfo(f"{image.stem}.cls")
            label.size = len(row["label"])
            archive.addfile(label, io.BytesIO(row["label"].encode()))


@pytest.mark.parametrize("source", ["photos.csv", "photos.parquet", "photos.tar"])
def test_tables_and_shards_are_as_good_as_folders(imprint, workdir, embedded, listed, source):
    imprint(f"fit {source} -o of-list.safetensors {FM} --preset qi")
    imprint("fit photos.h5 -o of-folder.safetensors --preset qi")
    heads = [
        ImprintingClassifier.load(workdir / f"of-{kind}.safetensors") for kind in ("list", "folder")
    ]
    assert heads[0].classes_.tolist() == list(NAMES)
    np.testing.assert_allclose(heads[0].proxies_, heads[1].proxies_, rtol=1e-5, atol=1e-6)
    rows = list(
        csv.DictReader(imprint(f"predict of-list.safetensors {source} --device cpu").splitlines())
    )
    assert len(rows) == 60
    assert rows[0]["id"].endswith("one0.png")


def test_images_without_labels_are_predicted_and_other_files_beside_them_do_not_matter(
    imprint, workdir
):
    imprint(f"fit photos -o own.safetensors {FM} --preset qi")
    with tarfile.open(workdir / "bare.tar", "w") as archive:
        for path in sorted((workdir / "new").glob("*.png")):
            archive.add(path, path.name)
    assert len(imprint("predict own.safetensors bare.tar --device cpu").splitlines()) == 1 + 30
    assert json.loads(imprint(f"embed bare.tar -o bare.h5 {FM} --json"))["samples"] == 30
    assert "has no label" in imprint(f"fit bare.tar -o l.safetensors {FM}", code=2)
    (workdir / "copy").mkdir()
    (workdir / "copy" / "one").symlink_to(workdir / "photos" / "one")
    (workdir / "copy" / "two").symlink_to(workdir / "photos" / "two")
    (workdir / "copy" / "download.tar").write_bytes(b"")
    assert json.loads(imprint(f"embed copy -o copy.h5 {FM} --json"))["samples"] == 40


def test_a_divided_table_fits_on_one_part_and_predicts_and_evaluates_the_other(
    imprint, listed, caplog
):
    facts = json.loads(imprint(f"fit divided.csv -o divided.safetensors {FM} --preset qi --json"))
    assert facts["samples"] == 45
    assert "only its images for train are used" in caplog.text
    predicted = imprint("predict divided.safetensors divided.csv --device cpu").splitlines()
    assert len(predicted) == 1 + 15
    caplog.clear()
    evaluated = json.loads(imprint("evaluate divided.safetensors divided.csv --device cpu --json"))
    assert (evaluated["samples"], evaluated["seen"]) == (15, 0)
    assert "only its images for test are used" in caplog.text
    embedded = json.loads(imprint(f"embed divided.csv -o tested.h5 --split test {FM} --json"))
    assert embedded["samples"] == 15
    again = json.loads(imprint("evaluate divided.safetensors tested.h5 --json"))
    assert again["accuracy"] == evaluated["accuracy"]
    for source in ("photos", "photos.csv", "photos.tar"):
        error = imprint(f"embed {source} -o none.h5 --split test {FM}", code=2)
        assert f"{source} has no splits" in error


def test_a_table_without_labels_is_embedded_and_does_not_fit(imprint, workdir, listed):
    assert json.loads(imprint(f"embed paths.csv -o paths.h5 {FM} --json"))["samples"] == 60
    assert "has no column label" in imprint(f"fit paths.csv -o l.safetensors {FM}", code=2)
    (workdir / "gone.csv").write_text("path,label\nphotos/none.png,one\n")
    assert "photos/none.png does not exist" in imprint(f"embed gone.csv -o l.h5 {FM}", code=2)
