"""ImageNet is read from its archives as from its folders, the classes asked for alone, and is never downloaded."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from imprint.data import sources
from imprint.errors import UserError

SYNSETS = ("n01443537", "n01440764", "n02980441")  # goldfish 1, tench 0, castle 483


def tar_of(path, members):
    """An uncompressed archive of {name: bytes}; returns its bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def jpeg(value):
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "jpeg")
    return buffer.getvalue()


@pytest.fixture
def imagenet(tmp_path):
    """Three classes of ImageNet in its archives, and the same unpacked; two images a class and split."""
    from scipy.io import savemat

    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    packed.mkdir()
    train, val, truth = {}, {}, []
    for c, synset in enumerate(SYNSETS):
        images = {f"{synset}_{i}.JPEG": jpeg(40 * c + 10 * i) for i in range(2)}
        train[f"{synset}.tar"] = tar_of(tmp_path / "inner.tar", images)
        for i in range(2):
            number = len(truth) + 1
            name = f"ILSVRC2012_val_{number:08d}.JPEG"
            truth.append(c + 1)
            val[name] = jpeg(40 * c + 10 * i + 5)
            images[f"../../val/{synset}/{name}"] = val[name]
        for name, content in images.items():
            (unpacked / "train" / synset).mkdir(parents=True, exist_ok=True)
            (unpacked / "val" / synset).mkdir(parents=True, exist_ok=True)
            (unpacked / "train" / synset / name).write_bytes(content)
    tar_of(packed / "ILSVRC2012_img_train.tar", train)
    tar_of(packed / "ILSVRC2012_img_val.tar", val)
    meta = np.array(
        [(i + 1, synset, "words") for i, synset in enumerate(SYNSETS)],
        dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")],
    )
    savemat(tmp_path / "meta.mat", {"synsets": meta})
    kit = "ILSVRC2012_devkit_t12/data"
    tar_of(
        packed / "ILSVRC2012_devkit_t12.tar.gz",
        {
            f"{kit}/meta.mat": (tmp_path / "meta.mat").read_bytes(),
            f"{kit}/ILSVRC2012_validation_ground_truth.txt": "\n".join(map(str, truth)).encode(),
        },
    )
    return packed, unpacked


def test_imagenet_is_read_inside_its_archives_as_when_unpacked(imagenet, tmp_path):
    splits = []
    for i, root in enumerate(imagenet):
        before = sorted(tmp_path.rglob("*.JPEG"))
        sources.prepare("torchvision", {"name": "ImageNet", "root": str(root)}, tmp_path / f"p{i}")
        assert sorted(tmp_path.rglob("*.JPEG")) == before, "nothing is unpacked"
        splits.append(
            [sources.open_split(tmp_path / f"p{i}", split) for split in ("train", "test")]
        )
    for packed, unpacked in zip(*splits, strict=True):
        assert packed.ids == unpacked.ids
        assert packed.labels.tolist() == unpacked.labels.tolist() == [0, 0, 1, 1, 483, 483]
        for a, b in zip(packed, unpacked, strict=True):
            np.testing.assert_array_equal(a, b)
    train, test = splits[0]
    assert train.ids[2] == "train/n01443537/n01443537_0.JPEG"
    assert test.ids[0] == "val/n01440764/ILSVRC2012_val_00000003.JPEG"
    assert train.class_names[483] == "castle (n02980441)"
    assert (
        len(train.class_names)
        == sources.make("torchvision", {"name": "ImageNet"}).class_count()
        == 1000
    )
    assert np.asarray(test[5]).mean() == pytest.approx(95, abs=2)


def test_of_imagenet_only_the_classes_asked_for_are_there(imagenet, tmp_path):
    sources.prepare("torchvision", {"name": "ImageNet", "root": str(imagenet[0])}, tmp_path / "p")
    some = sources.open_split(tmp_path / "p", "train", classes=[483, 0], limit=1)
    assert some.labels.tolist() == [0, 483]
    assert len(some.positions) == 2
    with pytest.raises(UserError, match=r"'train'.*no images of the classes \[7\]"):
        sources.open_split(tmp_path / "p", "train", classes=[7, 0])


def test_imagenet_that_is_missing_or_damaged_is_explained(imagenet, tmp_path):
    options = {"name": "ImageNet", "root": str(tmp_path / "nowhere")}
    with pytest.raises(
        UserError, match=r"(?s)nowhere/train.*img_train\.tar.*devkit.*https://image-net\.org"
    ):
        sources.prepare("torchvision", options, tmp_path / "p")
    root = imagenet[0]
    options = {"name": "ImageNet", "root": str(root)}
    sources.prepare("torchvision", options, tmp_path / "p")
    whole = (root / "ILSVRC2012_img_train.tar").read_bytes()
    (root / "ILSVRC2012_img_train.tar").write_bytes(whole[:9000])
    with pytest.raises(UserError, match="cut off"):
        sources.open_split(tmp_path / "p", "train")
    with pytest.raises(UserError, match=r"img_train\.tar cannot be read .*beyond the end"):
        sources.prepare("torchvision", options, tmp_path / "p")
    (root / "ILSVRC2012_img_train.tar").write_bytes(whole)
    (root / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"devkit_t12\.tar\.gz is not a development kit"):
        sources.prepare("torchvision", options, tmp_path / "p")
    (root / "ILSVRC2012_devkit_t12.tar.gz").unlink()
    with pytest.raises(UserError, match=r"devkit_t12\.tar\.gz is missing"):
        sources.prepare("torchvision", options, tmp_path / "p")


def test_imagenet_is_not_downloaded(tmp_path):
    with pytest.raises(UserError, match=r"image-net\.org.*as `root`"):
        sources.fetch("torchvision", {"name": "ImageNet"}, tmp_path / "p")
