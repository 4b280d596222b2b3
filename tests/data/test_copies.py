"""Test images that are training images too are known by the content of their files."""

import numpy as np

from imprint.data import sources
from imprint.data.copies import copies, in_words
from imprint.data.images import Images


def images(folder, *ids):
    return Images(np.zeros(len(ids), np.int64), list(ids), ("a",), folder=folder)


def test_files_with_the_same_content_are_copies_whatever_their_names(tmp_path):
    for name, content in (("a", "one"), ("b", "two"), ("c", "two"), ("d", "six"), ("e", "three")):
        (tmp_path / name).write_text(content)
    (tmp_path / "link").symlink_to(tmp_path / "e")
    train, test = images(tmp_path, "a", "b", "e"), images(tmp_path, "c", "d", "link", "missing")
    assert copies(train, test) == [("c", "b"), ("link", "e")]
    assert in_words(train, test) == (
        "2 of 4 test images are training images too: c (train: b), link (train: e)"
    )
    assert in_words(train, images(tmp_path, "d")) == ""


def test_images_in_memory_are_not_compared():
    array = np.zeros((1, 2, 2), np.uint8)
    in_memory = Images(np.zeros(1, np.int64), ["a"], ("a",), array=array)
    assert copies(in_memory, in_memory) == []


def test_a_prepared_dataset_has_a_note(tmp_path):
    for split, name in (("train", "0"), ("train", "1"), ("test", "0")):
        folder = tmp_path / "images" / split / "cat"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_text(name)
    options = {"path": str(tmp_path / "images")}
    sources.prepare("imagefolder", options, tmp_path / "prepared")
    note = sources.read_manifest(tmp_path / "prepared")[sources.COPIES]
    assert note == (
        "1 of 1 test images are training images too: test/cat/0.png (train: train/cat/0.png)"
    )
    (tmp_path / "images/test/cat/0.png").write_text("2")
    sources.prepare("imagefolder", options, tmp_path / "prepared")
    assert sources.COPIES not in sources.read_manifest(tmp_path / "prepared")
