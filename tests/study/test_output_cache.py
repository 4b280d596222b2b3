"""What tells a shared output from others: the content of images, wherever they lie, and of weights."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from imprint.data import sources
from imprint.errors import UserError
from imprint.study.contents import contents, have_changed, record_contents
from imprint.study.output_cache import FOLDER, origin, output_cache


def folder_of_images(root):
    for name in ("cat", "dog"):
        for i in range(4):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), 30 * i).save(root / name / f"{i}.bmp")
    return {"path": str(root)}


def table_of_images(root):
    folder_of_images(root)
    rows = [f"{name}/{i}.bmp,{name}" for name in ("cat", "dog") for i in range(4)]
    (root / "table.csv").write_text("\n".join(["path,label", *rows]))
    return {"path": str(root / "table.csv")}


def usps(root):
    import bz2

    root.mkdir()
    for name in ("usps.bz2", "usps.t.bz2"):
        line = "3 " + " ".join(f"{i + 1}:0.5" for i in range(256))
        (root / name).write_bytes(bz2.compress(f"{line}\n{line}\n".encode()))
    return {"name": "USPS", "root": str(root)}


def mnist_m(root):
    top = root / "MNIST-M"
    for split in ("train", "test"):
        (top / f"mnist_m_{split}").mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(top / f"mnist_m_{split}/0.png")
        (top / f"mnist_m_{split}_labels.txt").write_text("0.png 5\n")
    return {"root": str(root)}


@pytest.mark.parametrize(
    ("source", "make", "count"),
    [
        ("imagefolder", folder_of_images, 8),
        ("csv", table_of_images, 8),
        ("torchvision", usps, 2),
        ("mnist_m", mnist_m, 4),
    ],
)
def test_every_file_of_a_dataset_counts_by_its_content(tmp_path, source, make, count):
    place, prepared = tmp_path / "place", tmp_path / "prepared"
    sources.prepare(source, make(place), prepared)
    manifest = str(prepared / "manifest.json")
    read = [path for path in sources.files_of(prepared) if place in path.parents]
    assert len(read) == count
    first = contents(manifest)
    for path in read:
        times, whole = path.stat(), path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert contents(manifest) != first, path
        path.write_bytes(whole)
        assert contents(manifest) == first, "a new time alone is no other content"


def test_content_is_read_once(tmp_path, monkeypatch):
    sources.prepare("imagefolder", folder_of_images(tmp_path / "images"), tmp_path / "prepared")
    manifest = str(tmp_path / "prepared/manifest.json")
    first = contents(manifest)
    monkeypatch.setattr("imprint.study.contents.sha256_of", lambda path: pytest.fail("read again"))
    assert contents(manifest) == first


def test_the_same_images_elsewhere_have_the_same_content(tmp_path):
    for name in "ab":
        sources.prepare(
            "imagefolder", folder_of_images(tmp_path / name), tmp_path / f"prepared-{name}"
        )
    assert contents(f"{tmp_path}/prepared-a/manifest.json") == contents(
        f"{tmp_path}/prepared-b/manifest.json"
    )


def test_imagenet_is_identified_by_the_sizes_of_its_images(tmp_path):
    """A copy with the images made smaller has the same names."""
    keys = set()
    for side in (8, 9):
        root = tmp_path / str(side)
        for split in ("train", "val"):
            (root / split / "n01440764").mkdir(parents=True)
            image = Image.fromarray(
                np.arange(3 * side * side, dtype=np.uint8).reshape(side, side, 3)
            )
            image.save(root / split / "n01440764" / "1.JPEG")
        sources.prepare("torchvision", {"name": "ImageNet", "root": str(root)}, root / "prepared")
        keys.add(contents(f"{root}/prepared/manifest.json"))
    assert len(keys) == 2


def test_an_origin_has_wildcards_images_weights_and_software(tmp_path):
    sources.prepare("glyphs", {"pretrain": 1, "train": 1, "test": 1}, tmp_path)
    (tmp_path / "w").write_bytes(b"weights")
    files = {"manifest": str(tmp_path / "manifest.json"), "weights": str(tmp_path / "w")}
    about = json.loads(origin({"fm": "net"}, **files))
    assert about["wildcards"] == {"fm": "net"}
    assert len(about["images"]) == len(about["weights"]) == 64
    assert about["software"]["torch"]
    assert about["processor"] is None
    assert json.loads(origin({}, **files, trains=True))["processor"]
    assert json.loads(origin({}, **{**files, "weights": None}))["weights"] is None
    for lacking in ("manifest", "weights"):
        with pytest.raises(FileNotFoundError):
            origin({}, **{**files, lacking: "none"})


def test_a_cache_must_be_a_folder_that_can_be_written_to(tmp_path, monkeypatch):
    assert not output_cache({})
    assert not output_cache({FOLDER: ""})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    environment = {FOLDER: "cache"}
    assert output_cache(environment)
    assert environment == {FOLDER: str(tmp_path / "cache")}, "outputs are links, from any folder"
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        with pytest.raises(UserError, match=f"{FOLDER} is '{name}'"):
            output_cache({FOLDER: name})
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="can write to"):
        output_cache({FOLDER: "cache"})


def test_images_changed_in_their_place_are_seen_whatever_the_time_says(tmp_path):
    place, prepared = tmp_path / "place", tmp_path / "prepared"
    sources.prepare("imagefolder", folder_of_images(place), prepared)
    manifest = prepared / "manifest.json"
    record_contents(manifest)
    assert not have_changed(manifest)
    image = place / "cat/1.bmp"
    times, whole = image.stat(), image.read_bytes()
    image.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert have_changed(manifest)
    image.write_bytes(whole)
    assert not have_changed(manifest), "a new time alone is no other content"
    image.unlink()
    assert have_changed(manifest)


def test_entries_of_the_cache_are_closed_to_others(tmp_path):
    entry = tmp_path / "entry.h5"
    entry.touch()
    entry.chmod(0o666)
    output_cache({FOLDER: str(tmp_path)})
    assert entry.stat().st_mode & 0o777 == 0o664
