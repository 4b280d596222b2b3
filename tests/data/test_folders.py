"""What of a folder of images is read: links, pipes, devices, names, and where its classes lie."""

import os

import pytest

from imprint.data.folders import (
    LeftOut,
    folder_of_classes,
    search_each,
    split_folders,
    subfolders,
)
from imprint.data.image_folder import ImageFolder
from imprint.errors import UserError


def touch(top, *names):
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()


def names_below(top, *elsewhere):
    left_out = LeftOut()
    (images,) = search_each([top], elsewhere, left_out)
    return {path.relative_to(top).as_posix() for path in images}, left_out


def test_images_are_found_at_any_depth_by_their_names(tmp_path):
    touch(tmp_path, "a.JPG", "deep/er/b.heic", "deep/c.avif", "notes.txt", "deep/d.eps")
    touch(tmp_path, "__MACOSX/x.png", ".DS_Store", ".hidden/y.png", "._a.JPG", "Thumbs.db")
    names, left_out = names_below(tmp_path)
    assert names == {"a.JPG", "deep/er/b.heic", "deep/c.avif"}
    assert len(left_out.others) == 2


def test_a_folder_is_read_once_however_many_links_lead_to_it(tmp_path):
    touch(tmp_path, "cats/a.png", "dogs/b.png", "elsewhere/c.png")
    (tmp_path / "cats" / "loop").symlink_to("..")
    (tmp_path / "cats" / "itself").symlink_to("itself")
    (tmp_path / "cats" / "sisters").symlink_to("../dogs")
    (tmp_path / "cats" / "more").symlink_to("../elsewhere")
    (tmp_path / "cats" / "again").symlink_to("../elsewhere")
    names, left_out = names_below(tmp_path / "cats", tmp_path, tmp_path / "dogs")
    assert names in ({"a.png", "more/c.png"}, {"a.png", "again/c.png"})
    assert {path.name for path in left_out.repeated} - {"more", "again"} == {"loop", "sisters"}


def test_pipes_and_devices_are_left_out_and_named(tmp_path, caplog):
    touch(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "endless.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to("nowhere")
    names, left_out = names_below(tmp_path)
    assert names == {"a.png", "gone.png"}  # reading says that the second is not there
    left_out.note(tmp_path)
    assert "pipe.png" in caplog.text and "endless.png" in caplog.text


def test_names_that_are_not_utf8_are_named_with_the_remedy(tmp_path):
    touch(tmp_path, "a.png", os.fsdecode(b"caf\xe9/b.png"))
    with pytest.raises(UserError, match=r"caf\\xe9/b\.png; rename .*convmv"):
        names_below(tmp_path)


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        (["cats/a.png", "dogs/b.png"], None),
        (["photos/cats/a.png", "photos/dogs/b.png"], "photos"),
        (["photos/photos/cats/a.png", "photos/photos/dogs/b.png"], "photos/photos"),
        (["photos/train/cats/a.png", "photos/test/cats/b.png"], "photos/train"),
        (["train/cats/a.png", "val/cats/b.png"], "train"),
        (["cats/a.png"], None),
        (["cats/2025/a.png"], None),
    ],
)
def test_classes_are_looked_for_below_a_single_folder(tmp_path, files, classes):
    touch(tmp_path, *files)
    assert folder_of_classes(tmp_path) == (classes and tmp_path / classes)
    assert subfolders(tmp_path) == sorted({name.partition("/")[0] for name in files})


@pytest.mark.parametrize(
    ("folders", "test"),
    [
        (("train", "test", "val"), "test"),
        (("train", "val"), "val"),
        (("train", "test", "valid"), "test"),
        (("train",), None),
        (("test", "val"), None),
        (("train", "test", "bus"), None),
    ],
)
def test_a_folder_has_splits_if_all_its_folders_are_splits(tmp_path, folders, test):
    touch(tmp_path, *(f"{name}/cats/a.png" for name in folders))
    expected = {"train": tmp_path / "train", "test": tmp_path / test} if test else {}
    assert split_folders(tmp_path) == expected


def test_folders_themselves_are_read_before_links_to_them(tmp_path):
    touch(tmp_path, "a/own.png", "b/sub/x.png", "elsewhere/y.png")
    (tmp_path / "a" / "link").symlink_to("../b/sub")
    (tmp_path / "a" / "one").symlink_to("../elsewhere")
    (tmp_path / "b" / "two").symlink_to("../elsewhere")
    left_out = LeftOut()
    read = search_each([tmp_path / "a", tmp_path / "b"], [tmp_path], left_out)
    names = [{path.relative_to(tmp_path).as_posix() for path in images} for images in read]
    assert names == [{"a/own.png", "a/one/y.png"}, {"b/sub/x.png"}]
    assert {path.name for path in left_out.repeated} == {"link", "two"}


def test_one_folder_is_not_two_classes(tmp_path):
    touch(tmp_path, "a/x.png")
    (tmp_path / "alias").symlink_to("a")
    with pytest.raises(UserError, match=r"a and .*alias are the same folder"):
        search_each([tmp_path / "a", tmp_path / "alias"], [tmp_path], LeftOut())


@pytest.mark.parametrize("folders", [("Train", "Test"), ("train",), ("train", "valid")])
def test_folders_of_splits_are_not_classes(tmp_path, folders):
    touch(
        tmp_path, *(f"{folder}/{name}/{i}.png" for folder in folders for name in "ab" for i in "12")
    )
    with pytest.raises(UserError, match=r"names of splits.*folders train and test"):
        ImageFolder(str(tmp_path)).scan()


def test_folders_beside_those_of_splits_are_left_out_and_named(tmp_path, caplog):
    touch(tmp_path, "train/cats/a.png", "test/cats/b.png", "extra/c.png", "valid/cats/d.png")
    rows, _ = ImageFolder(str(tmp_path)).rows()
    assert [row[0] for row in rows] == ["train/cats/a.png", "test/cats/b.png"]
    assert "folders beside train and test are left out: extra, valid" in caplog.text


def test_a_class_without_training_images_is_named_with_its_folder(tmp_path):
    touch(tmp_path, "train/cats/a.png", "val/cats/b.png", "val/dogs/c.png")
    with pytest.raises(UserError, match="no image in train of 1 class of val/: dogs"):
        ImageFolder(str(tmp_path)).rows()
