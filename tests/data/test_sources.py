import bz2
import json
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imprint.data import sources
from imprint.data.image_table import is_table
from imprint.data.images import Images
from imprint.errors import UserError


def save_image(path, value=0, size=(6, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, **options)


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    )


@pytest.fixture
def mnist(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, name, count in (("train", "train", 12), ("test", "t10k", 5)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        write_idx(tmp_path / f"data/MNIST/raw/{name}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"data/MNIST/raw/{name}-labels-idx1-ubyte", labels)
        arrays[split] = images, labels
    return {"name": "MNIST", "root": str(tmp_path / "data")}, arrays


def test_digits_are_all_there_once_and_divided_class_by_class(tmp_path):
    from sklearn.datasets import load_digits

    sources.prepare("sklearn", {"test_fraction": 0.25}, tmp_path)
    train, test = (sources.open_split(tmp_path, split) for split in ("train", "test"))
    images = np.concatenate([train.array, test.array])
    expected = np.rint(load_digits().images * 255 / 16).astype(np.uint8)
    assert images.max() == 255
    np.testing.assert_array_equal(
        *(np.unique(x.reshape(len(x), -1), axis=0) for x in (images, expected))
    )
    share = np.bincount(test.labels) / (np.bincount(train.labels) + np.bincount(test.labels))
    np.testing.assert_allclose(share, 0.25, atol=0.005)
    assert train.class_names == tuple("0123456789")


def test_preparing_again_gives_the_same_bytes(tmp_path):
    options = {"pretrain": 1, "train": 2, "test": 1}
    files = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        sources.prepare("glyphs", options, folder)
        files.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert files[0] == files[1]
    assert len(files[0]) == 2


def test_the_manifest_tells_what_there_is(tmp_path):
    import hashlib

    sources.prepare("glyphs", {"pretrain": 1, "train": 2, "test": 1}, tmp_path)
    manifest = sources.read_manifest(tmp_path)
    assert manifest["splits"] == {"pretrain": 100, "train": 200, "test": 100}
    data = (tmp_path / "images.h5").read_bytes()
    assert manifest["files"]["images.h5"] == {
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert len(manifest["class_names"]) == 100


def test_number_of_classes_is_known_without_data():
    assert sources.make("glyphs").class_count() == 100
    assert sources.make("sklearn", {"name": "digits"}).class_count() == 10
    cifar = sources.make("torchvision", {"name": "CIFAR100", "root": "/nowhere"})
    assert cifar.class_count() == 100
    assert sources.make("imagefolder", {"path": "/nowhere"}).class_count() is None


def test_classes_and_limit_choose_samples_but_renumber_nothing(tmp_path):
    sources.prepare("glyphs", {"pretrain": 1, "train": 12, "test": 1}, tmp_path)
    whole = sources.open_split(tmp_path, "train")
    some = sources.open_split(tmp_path, "train", classes=[7, 2], limit=5)
    more = sources.open_split(tmp_path, "train", classes=[2, 7], limit=9)
    np.testing.assert_array_equal(
        np.bincount(some.labels, minlength=9), [0, 0, 5, 0, 0, 0, 0, 5, 0]
    )
    assert some.class_names == whole.class_names
    assert some.ids == sorted(some.ids)
    assert set(some.ids) < set(more.ids) < set(whole.ids)
    position = whole.ids.index(some.ids[3])
    np.testing.assert_array_equal(some.array[3], whole.array[position])
    with pytest.raises(UserError, match=r"\[100\].*100"):
        sources.open_split(tmp_path, "train", classes=[100])


def test_torchvision_data_are_read_where_they_lie(mnist, tmp_path):
    options, arrays = mnist
    before = sorted(tmp_path.rglob("*"))
    sources.prepare("torchvision", options, tmp_path / "prepared")
    assert [path for path in sorted(tmp_path.rglob("*")) if "prepared" not in path.parts] == before
    for split in ("train", "test"):
        images = sources.open_split(tmp_path / "prepared", split)
        np.testing.assert_array_equal(images.array, arrays[split][0])
        np.testing.assert_array_equal(images.labels, arrays[split][1])
        assert images[1].mode == "L"
        assert images.ids[1] == f"{split}/00001"


def test_usps_counts_its_digits_from_zero(tmp_path):
    lines = [
        "1 " + " ".join(f"{i}:-1.0" for i in range(1, 257)),
        "10 " + " ".join(f"{i}:1" for i in range(1, 257)),
    ]
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(bz2.compress("\n".join(lines).encode()))
    sources.prepare("torchvision", {"name": "USPS", "root": str(tmp_path)}, tmp_path / "prepared")
    images = sources.open_split(tmp_path / "prepared", "test")
    assert images.labels.tolist() == [0, 9]
    assert images.array.shape == (2, 16, 16)
    assert images.array[0].max() == 0
    assert images.array[1].min() == 255


@pytest.mark.parametrize(
    ("name", "file"), [("MNIST", "t10k-labels-idx1-ubyte"), ("SVHN", "train_32x32.mat")]
)
def test_missing_data_are_named_with_their_place(name, file, tmp_path):
    with pytest.raises(UserError, match=file) as problem:
        sources.prepare(
            "torchvision", {"name": name, "root": str(tmp_path / "data")}, tmp_path / "prepared"
        )
    assert str(tmp_path / "data") in str(problem.value)
    assert not (tmp_path / "prepared/manifest.json").exists()


def test_damaged_data_are_named(mnist, tmp_path):
    file = tmp_path / "data/MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UserError, match="train-images-idx3-ubyte"):
        sources.prepare("torchvision", mnist[0], tmp_path / "prepared")


@pytest.mark.parametrize(
    ("file", "labels", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(3), "split train has .* images and 3 labels"),
        ("t10k-labels-idx1-ubyte", None, "split test has labels from 10 to 10, .* 0 to 9"),
    ],
)
def test_files_of_another_split_or_dataset_are_noticed(mnist, tmp_path, file, labels, message):
    options, arrays = mnist
    labels = np.full(len(arrays["test"][1]), 10) if labels is None else labels
    write_idx(tmp_path / f"data/MNIST/raw/{file}", labels.astype(np.uint8))
    with pytest.raises(UserError, match=message):
        sources.prepare("torchvision", options, tmp_path / "prepared")


def test_data_that_changed_after_preparing_are_noticed(mnist, tmp_path):
    options, arrays = mnist
    sources.prepare("torchvision", options, tmp_path / "prepared")
    raw = tmp_path / "data/MNIST/raw"
    write_idx(raw / "t10k-images-idx3-ubyte", arrays["test"][0][:3])
    write_idx(raw / "t10k-labels-idx1-ubyte", arrays["test"][1][:3])
    with pytest.raises(UserError, match="has 3 samples and had 5"):
        sources.open_split(tmp_path / "prepared", "test")


def test_image_folder_with_its_own_test_part(tmp_path):
    root = tmp_path / "pets"
    for path in ("train/cat/1.png", "train/cat/deep/2.jpg", "train/a dog/1.png", "test/cat/9.png"):
        save_image(root / path)
    (root / "train/cat/notes.txt").write_text("not an image")
    save_image(root / "train/cat/.hidden.png")
    save_image(root / "train/__MACOSX/cat/1.png")
    (root / "train/cat/Thumbs.db").write_bytes(b"left by a file manager")
    sources.prepare("imagefolder", {"path": str(root)}, tmp_path / "prepared")
    train = sources.open_split(tmp_path / "prepared", "train")
    assert train.class_names == ("a dog", "cat")
    assert train.ids == ["train/a dog/1.png", "train/cat/1.png", "train/cat/deep/2.jpg"]
    assert train.labels.tolist() == [0, 1, 1]
    assert train.array is None
    assert train[0].size == (6, 4)
    assert sources.open_split(tmp_path / "prepared", "test").ids == ["test/cat/9.png"]


def test_one_image_folder_is_divided_by_seed_in_every_class(tmp_path):
    for name in ("a", "b"):
        for i in range(10):
            save_image(tmp_path / f"all/{name}/{i}.png", i)
    chosen = []
    for seed in (0, 0, 1):
        options = {"path": str(tmp_path / "all"), "test_fraction": 0.3, "seed": seed}
        sources.prepare("imagefolder", options, tmp_path / "prepared")
        test = sources.open_split(tmp_path / "prepared", "test")
        train = sources.open_split(tmp_path / "prepared", "train")
        assert np.bincount(test.labels).tolist() == [3, 3]
        assert len(set(test.ids) | set(train.ids)) == 20
        chosen.append(test.ids)
    assert chosen[0] == chosen[1] != chosen[2]


def test_image_folder_mistakes_are_explained(tmp_path):
    save_image(tmp_path / "d/train/cat/1.png")
    save_image(tmp_path / "d/test/dog/1.png")
    with pytest.raises(UserError, match="dog"):
        sources.prepare("imagefolder", {"path": str(tmp_path / "d")}, tmp_path / "p")
    (tmp_path / "d/train/empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        sources.prepare("imagefolder", {"path": str(tmp_path / "d")}, tmp_path / "p")
    with pytest.raises(UserError, match="does not exist"):
        sources.prepare("imagefolder", {"path": str(tmp_path / "nowhere")}, tmp_path / "p")


def test_a_path_that_is_too_long_is_named_with_its_line(tmp_path):
    (tmp_path / "t.csv").write_text(f"path,label\n{'a' * 300}.png,1\n")
    with pytest.raises(UserError, match=r"t\.csv is not usable, 1 problem:\s+line 2: .* too long"):
        sources.prepare("csv", {"path": str(tmp_path / "t.csv")}, tmp_path / "p")


def test_table_of_paths(tmp_path):
    for i in range(4):
        save_image(tmp_path / f"images/{i}.png", i)
    rows = [
        "images/0.png,10,train",
        "images/1.png,9,train",
        "images/2.png,9,test",
        "images/3.png,10,test",
    ]
    (tmp_path / "t.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    sources.prepare("csv", {"path": str(tmp_path / "t.csv")}, tmp_path / "prepared")
    train = sources.open_split(tmp_path / "prepared", "train")
    assert train.class_names == ("9", "10")
    assert train.labels.tolist() == [1, 0]
    assert train[1].getpixel((0, 0)) == (1, 1, 1)


def test_table_mistakes_are_listed_at_once_with_their_lines(tmp_path):
    save_image(tmp_path / "0.png")
    (tmp_path / "t.csv").write_text(
        "path,label,split\n0.png,a,train\nno.png,a,test\n./0.png,a,test\n0.png,,test\n"
    )
    with pytest.raises(UserError, match="3 problems") as problem:
        sources.prepare("csv", {"path": str(tmp_path / "t.csv")}, tmp_path / "prepared")
    texts = ("line 3", "no.png", "line 4: ./0.png is in line 2 already", "line 5")
    assert all(text in str(problem.value) for text in texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n0.png,a\n", "no column path"),
        ("path,label,split,label\n0.png,a,train,b\n", "two columns label"),
        ("path,label,split\n", r"t\.csv has no rows"),
        ("path,label,split\n0.png,a,train\n", r"t\.csv: no images for test"),
        ("path,label,split\n0.png,a\n", "line 2: split '' is neither train nor test"),
        (
            "path,label\n0.png,gull, black-backed\n",
            "line 2: more cells than columns; put texts with",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, message):
    save_image(tmp_path / "0.png")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        sources.prepare("csv", {"path": str(tmp_path / "t.csv")}, tmp_path / "prepared")


@pytest.mark.parametrize("label", [["a", "b"], {"name": "a"}])
def test_an_image_in_a_parquet_table_has_one_label(tmp_path, label):
    pd.DataFrame({"path": ["0.png", "1.png"], "label": [label, label]}).to_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(UserError, match=r"row 1: label is .*, and not one text or number"):
        sources.prepare("csv", {"path": str(tmp_path / "t.parquet")}, tmp_path / "prepared")


def test_a_folder_is_no_table_and_a_table_no_folder(tmp_path):
    (tmp_path / "t.csv").write_text("path,label\n")
    with pytest.raises(UserError, match="is a folder; source imagefolder"):
        sources.prepare("csv", {"path": str(tmp_path)}, tmp_path / "prepared")
    with pytest.raises(UserError, match="is a file; source csv"):
        sources.prepare("imagefolder", {"path": str(tmp_path / "t.csv")}, tmp_path / "prepared")


def test_images_are_turned_as_their_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for split in ("train", "test"):
        save_image(tmp_path / f"d/{split}/a/1.jpg", size=(6, 4), exif=exif)
    sources.prepare("imagefolder", {"path": str(tmp_path / "d")}, tmp_path / "prepared")
    assert sources.open_split(tmp_path / "prepared", "train")[0].size == (4, 6)


def test_a_torchvision_dataset_of_image_files_with_its_own_test_part(tmp_path):
    top = tmp_path / "data/oxford-iiit-pet"
    for split, names in (
        ("trainval", ["Abyssinian_1", "pug_1", "Abyssinian_2"]),
        ("test", ["pug_2"]),
    ):
        lines = [f"{name} {2 if 'pug' in name else 1} 1 1" for name in names]
        (top / "annotations").mkdir(parents=True, exist_ok=True)
        (top / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
        for i, name in enumerate(names):
            save_image(top / "images" / f"{name}.jpg", 50 * i)
    options = {"name": "OxfordIIITPet", "root": str(tmp_path / "data")}
    sources.prepare("torchvision", options, tmp_path / "prepared")
    train = sources.open_split(tmp_path / "prepared", "train")
    assert train.ids[1] == "oxford-iiit-pet/images/pug_1.jpg"
    assert train.labels.tolist() == [0, 1, 0]
    assert train.class_names == ("Abyssinian", "Pug")
    assert train[2].getpixel((0, 0)) == (100, 100, 100)
    assert sources.open_split(tmp_path / "prepared", "test").labels.tolist() == [1]
    assert sources.make("torchvision", options).class_count() == 37


def test_a_torchvision_dataset_without_a_test_part_is_divided(tmp_path):
    for name in ("Forest", "River"):
        for i in range(10):
            save_image(tmp_path / f"eurosat/2750/{name}/{name}_{i}.jpg")
    sources.prepare(
        "torchvision", {"name": "EuroSAT", "root": str(tmp_path)}, tmp_path / "prepared"
    )
    train, test = (sources.open_split(tmp_path / "prepared", split) for split in ("train", "test"))
    assert np.bincount(test.labels).tolist() == [2, 2]
    assert len(set(train.ids) | set(test.ids)) == 20
    with pytest.raises(UserError, match=r"(?s)Dataset not found.*nowhere/eurosat/.*https://"):
        sources.prepare(
            "torchvision", {"name": "EuroSAT", "root": str(tmp_path / "nowhere")}, tmp_path / "p"
        )


def test_street_view_house_numbers_have_their_colours_last(tmp_path, monkeypatch):
    from torchvision import datasets

    class House:
        def __init__(self, root, split, download):
            self.data = np.arange(2 * 3 * 32 * 32).reshape(2, 3, 32, 32).astype(np.uint8)
            self.labels = np.array([0, 9])

        def __len__(self):
            return 2

    monkeypatch.setattr(datasets, "SVHN", House)
    for name in ("train_32x32.mat", "test_32x32.mat"):
        (tmp_path / name).write_bytes(b"")
    sources.prepare("torchvision", {"name": "SVHN", "root": str(tmp_path)}, tmp_path / "prepared")
    images = sources.open_split(tmp_path / "prepared", "test")
    np.testing.assert_array_equal(images.array[1, 4, 5], House("", "", "").data[1, :, 4, 5])
    assert images.class_names == tuple("0123456789")


def test_a_source_says_what_it_is():
    assert [n for n, entry in sources.SOURCES.items() if "pretrain" in entry.splits] == ["glyphs"]
    assert sources.make("torchvision", {"name": "MNIST"}).by_hand() is None
    assert "register" in sources.make("torchvision", {"name": "ImageNet"}).by_hand()
    with pytest.raises(UserError, match="Glyphs: a dataset of this source is not downloaded"):
        sources.fetch("glyphs", {}, "nowhere")


def test_a_class_of_few_images_has_some_on_either_side(tmp_path):
    for name, count in (("one", 1), ("two", 2), ("many", 8)):
        for i in range(count):
            save_image(tmp_path / f"all/{name}/{i}.png")
    sources.prepare(
        "imagefolder", {"path": str(tmp_path / "all"), "test_fraction": 0.9}, tmp_path / "p"
    )
    train, test = (sources.open_split(tmp_path / "p", split).labels for split in ("train", "test"))
    assert np.bincount(train, minlength=3).tolist() == [1, 1, 1]
    assert np.bincount(test, minlength=3).tolist() == [7, 0, 1]


def test_a_class_that_only_the_test_part_has_is_a_mistake(tmp_path):
    for i in range(3):
        save_image(tmp_path / f"{i}.png")
    (tmp_path / "t.csv").write_text("path,label,split\n0.png,a,train\n1.png,a,test\n2.png,b,test\n")
    with pytest.raises(UserError, match="no image in train of 1 class of the split test: b"):
        sources.prepare("csv", {"path": str(tmp_path / "t.csv")}, tmp_path / "p")


def test_unknown_names_are_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"'glyph'.*did you mean 'glyphs'"):
        sources.make("glyph")
    with pytest.raises(UserError, match=r"sizes.*pretrain"):
        sources.make("glyphs", {"sizes": 3})
    with pytest.raises(UserError, match="name"):
        sources.make("torchvision", {})
    with pytest.raises(UserError, match=r"'MNST'.*did you mean 'MNIST'"):
        sources.make("torchvision", {"name": "MNST"})
    with pytest.raises(UserError, match="not prepared"):
        sources.open_split(tmp_path, "train")
    sources.prepare("glyphs", {"pretrain": 1, "train": 1, "test": 1}, tmp_path)
    with pytest.raises(UserError, match=r"'val'.*test"):
        sources.open_split(tmp_path, "val")
    (tmp_path / "manifest.json").write_text(json.dumps({})[:1])
    with pytest.raises(UserError, match="damaged"):
        sources.open_split(tmp_path, "train")


def test_images_in_memory_are_bytes():
    for kind in (np.float32, np.int64):
        with pytest.raises(UserError, match=f"images are {kind.__name__}; they are uint8"):
            Images(np.zeros(2, int), ["a", "b"], ("c",), array=np.zeros((2, 8, 8), kind))


def test_a_link_to_nowhere_is_left_to_the_extraction(tmp_path):
    for i in range(4):
        save_image(tmp_path / f"d/a/{i}.png")
    (tmp_path / "d/a/gone.png").symlink_to("nowhere")
    sources.prepare("imagefolder", {"path": str(tmp_path / "d")}, tmp_path / "prepared")
    splits = [sources.open_split(tmp_path / "prepared", split) for split in ("train", "test")]
    assert sum(map(len, splits)) == 5


def test_packed_files_of_a_published_dataset_are_to_be_unpacked(tmp_path):
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").touch()
    with pytest.raises(UserError, match=r"unpack MNIST/raw/train-images-idx3-ubyte\.gz"):
        sources.prepare(
            "torchvision", {"name": "MNIST", "root": str(tmp_path)}, tmp_path / "prepared"
        )


def test_a_carriage_return_in_a_name_is_part_of_it(tmp_path):
    names = [f"a/{name}.png" for name in ("1\rx", "2\nx", "3,x", '4"x')]
    for number, name in enumerate(names):
        save_image(tmp_path / "d" / name, number)
    sources.prepare("imagefolder", {"path": str(tmp_path / "d")}, tmp_path / "p")
    splits = [sources.open_split(tmp_path / "p", split) for split in ("train", "test")]
    assert sorted(id for images in splits for id in images.ids) == names


def test_a_parquet_file_with_paths_beside_its_images_is_no_table(tmp_path):
    from pyarrow import Table, parquet

    paths = Table.from_pydict({"path": ["a.png"], "label": ["a"]})
    parquet.write_table(paths, tmp_path / "table.parquet")
    images = paths.append_column("image", [[{"bytes": b"", "path": "a.png"}]])
    parquet.write_table(images, tmp_path / "images.parquet")
    assert is_table(tmp_path / "table.parquet")
    assert not is_table(tmp_path / "images.parquet")
