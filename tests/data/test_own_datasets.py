"""Images in datasets of Hugging Face and in WebDataset shards: the same as in the files that they were made of."""

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from imprint.data import sources
from imprint.data.image_formats import UnreadableImage
from imprint.errors import UserError

NAMES = ("ant", "bee", "cat")


def pictures(count, seed=0):
    """Random images, as PNG files, and their labels."""
    rng = np.random.default_rng(seed)
    images = [
        Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)) for _ in range(count)
    ]
    return images, np.arange(count) % len(NAMES)


def png(image):
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def shards(folder, images, labels, sizes, label):
    """Shards of these sizes; `label` makes the name and content of the file of a label."""
    first = 0
    for number, size in enumerate(sizes):
        files = {}
        for i in range(first, first + size):
            suffix, content = label(int(labels[i]))
            files[f"{i:04d}.{suffix}"] = content
            files[f"{i:04d}.png"] = png(images[i])
        tar(folder / f"{number:03d}.tar", files)
        first += size


def saved(path, images, labels):
    import datasets

    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "picture": datasets.Image(),
            "kind": datasets.ClassLabel(names=list(NAMES)),
        }
    )
    columns = {"id": list(range(len(images))), "picture": images, "kind": labels.tolist()}
    return datasets.Dataset.from_dict(columns, features=features)


def by_save_to_disk(folder):
    import datasets

    train, test = pictures(9), pictures(6, seed=1)
    splits = {"train": saved(folder, *train), "validation": saved(folder, *test)}
    datasets.DatasetDict(splits).save_to_disk(str(folder / "d"))
    return "huggingface", folder / "d", train, test


def by_parquet(folder):
    train, test = pictures(9), pictures(6, seed=1)
    (folder / "d" / "data").mkdir(parents=True)
    saved(folder, *train).to_parquet(str(folder / "d/data/train-00000-of-00001.parquet"))
    saved(folder, *test).to_parquet(str(folder / "d/data/test-00000-of-00001.parquet"))
    return "huggingface", folder / "d", train, test


def by_webdataset(folder):
    train, test = pictures(9), pictures(6, seed=1)
    shards(folder / "d/train", *train, (4, 5), lambda y: ("cls", str(y).encode()))
    shards(folder / "d/test", *test, (6,), lambda y: ("json", json.dumps({"label": y}).encode()))
    (folder / "d/classnames.txt").write_text("\n".join(NAMES) + "\n")
    return "webdataset", folder / "d", train, test


@pytest.mark.parametrize("make", [by_save_to_disk, by_parquet, by_webdataset])
def test_divided_data_keep_splits_images_and_class_names(tmp_path, make):
    source, path, *splits = make(tmp_path)
    sources.prepare(source, {"path": str(path)}, tmp_path / "p")
    manifest = sources.read_manifest(tmp_path / "p")
    assert manifest["splits"] == {"train": 9, "test": 6}
    assert manifest["class_names"] == list(NAMES)
    for name, (images, labels) in zip(("train", "test"), splits, strict=True):
        split = sources.open_split(tmp_path / "p", name)
        np.testing.assert_array_equal(split.labels, labels)
        assert len(set(split.ids)) == len(images)
        with ThreadPoolExecutor(3) as pool:
            read = list(pool.map(split.__getitem__, range(len(images))))
        for expected, image in zip(images, read, strict=True):
            np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
        some = split.by_class().take([2, 4])
        number = np.argsort(labels, kind="stable")[4]
        np.testing.assert_array_equal(np.asarray(some[1]), np.asarray(images[number]))
        assert str(path) in some.path(1)
        some.prefetch([0, 1])
    assert all(file.is_file() for file in sources.files_of(tmp_path / "p"))


def whole_by_save_to_disk(folder):
    images, labels = pictures(12)
    saved(folder, images, labels).save_to_disk(str(folder / "d"))
    return "huggingface", folder / "d"


def whole_by_parquet(folder):
    import pandas as pd

    images, labels = pictures(12)
    content = [{"bytes": png(image), "path": None} for image in images]
    frame = pd.DataFrame({"image": content, "label": [NAMES[label] for label in labels]})
    frame.to_parquet(folder / "d.parquet")
    return "huggingface", folder / "d.parquet"


def whole_by_webdataset(folder):
    shards(folder, *pictures(12), (12,), lambda y: ("cls", NAMES[y].encode()))
    return "webdataset", folder / "000.tar"


@pytest.mark.parametrize("make", [whole_by_save_to_disk, whole_by_parquet, whole_by_webdataset])
def test_whole_data_are_divided(tmp_path, make):
    source, path = make(tmp_path)
    sources.prepare(source, {"path": str(path), "test_fraction": 0.25}, tmp_path / "p")
    parts = [sources.open_split(tmp_path / "p", name) for name in ("train", "test")]
    assert [len(part) for part in parts] == [9, 3]
    assert parts[0].class_names == NAMES
    assert not set(parts[0].ids) & set(parts[1].ids)
    images, labels = pictures(12)
    label_of = {
        np.asarray(image).tobytes(): label for image, label in zip(images, labels, strict=True)
    }
    for part in parts:
        for i in range(len(part)):
            assert label_of[np.asarray(part[i]).tobytes()] == part.labels[i]
    with pytest.raises(UserError, match="test_fraction 1 is not between"):
        sources.prepare(source, {"path": str(path), "test_fraction": 1}, tmp_path / "p")


def without_labels(folder):
    tar(folder / "d/0.tar", {"a.png": png(pictures(1)[0][0])})


def compressed(folder):
    (folder / "d").mkdir()
    with tarfile.open(folder / "d/0.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"))


def too_few_names(folder):
    shards(folder / "d", *pictures(3), (3,), lambda y: ("cls", str(y).encode()))
    (folder / "d/classnames.txt").write_text("one\ntwo\n")


def names_of_names(folder):
    shards(folder / "d", *pictures(3), (3,), lambda y: ("cls", b"x"))
    (folder / "d/classnames.txt").write_text("one\ntwo\n")


def two_images(folder):
    image = png(pictures(1)[0][0])
    tar(folder / "d/0.tar", {"a.png": image, "a.jpg": image, "a.cls": b"1"})


def strange_splits(folder):
    for name in ("test", "val"):
        shards(folder / "d" / name, *pictures(3), (3,), lambda y: ("cls", b"1"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without_labels, r"a\.png has no label; it needs a\.cls"),
        (compressed, r"0\.tar cannot be read as an uncompressed tar archive"),
        (too_few_names, "has 2 names, but labels go from 0 to 2"),
        (names_of_names, "gives names for numeric labels, but there are labels such as 'x'"),
        (two_images, "the sample a has two images"),
        (strange_splits, "has the splits test, val; it needs train and test or"),
        (lambda folder: (folder / "d").mkdir(), "has no shards"),
    ],
)
def test_shards_that_cannot_be_used_say_why(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(UserError, match=message):
        sources.prepare("webdataset", {"path": str(tmp_path / "d")}, tmp_path / "p")


def test_a_dataset_of_hugging_face_that_cannot_be_used_says_why(tmp_path):
    import pandas as pd

    _, path = whole_by_save_to_disk(tmp_path)
    for options, message in (
        ({"image": "pictur"}, "no column 'pictur' .did you mean 'picture'"),
        ({"path": str(tmp_path / "p")}, "neither a folder of `save_to_disk`"),
    ):
        with pytest.raises(UserError, match=message):
            sources.prepare("huggingface", {"path": str(path), **options}, tmp_path / "p")
    pd.DataFrame({"label": [1]}).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(UserError, match="no column of images; it has: label"):
        sources.prepare("huggingface", {"path": str(tmp_path / "none.parquet")}, tmp_path / "p")
    images = [{"bytes": png(pictures(1)[0][0]), "path": None}]
    pd.DataFrame({"image": images, "other": [1]}).to_parquet(tmp_path / "one.parquet")
    with pytest.raises(UserError, match="no column of class labels"):
        sources.prepare("huggingface", {"path": str(tmp_path / "one.parquet")}, tmp_path / "p")
    pd.DataFrame({"image": images * 2, "label": ["a", None]}).to_parquet(tmp_path / "null.parquet")
    with pytest.raises(UserError, match="1 images have no label"):
        sources.prepare("huggingface", {"path": str(tmp_path / "null.parquet")}, tmp_path / "p")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"broken\.parquet cannot be read"):
        sources.prepare("huggingface", {"path": str(tmp_path / "broken.parquet")}, tmp_path / "p")


def test_splits_must_name_the_same_classes(tmp_path):
    import datasets

    for name, classes in (("train", ["a", "b"]), ("test", ["b", "a"])):
        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=classes)}
        )
        columns = {"image": pictures(2)[0], "label": [0, 1]}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(
            str(tmp_path / f"{name}.parquet")
        )
    with pytest.raises(UserError, match="do not name the same classes"):
        sources.prepare("huggingface", {"path": str(tmp_path)}, tmp_path / "p")


def test_a_split_without_labels_hinders_no_other(tmp_path):
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}
    )
    for name, labels in (("train", [0, 1]), ("test", [-1, -1])):
        columns = {"image": pictures(2)[0], "label": labels}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(
            str(tmp_path / f"{name}.parquet")
        )
    dataset = sources.make("huggingface", {"path": str(tmp_path)})
    assert dataset.stored_splits(tmp_path / "p", only="train")["train"].labels.tolist() == [0, 1]
    unlabelled = dataset.stored_splits(tmp_path / "p", only="test", labelled=False)["test"]
    assert unlabelled.class_names == ("",) and len(unlabelled) == 2
    with pytest.raises(UserError, match="labels go from -1 to 1"):
        sources.prepare("huggingface", {"path": str(tmp_path)}, tmp_path / "p")


def test_images_of_another_column_are_other_images(tmp_path):
    import pandas as pd

    content = [{"bytes": png(image), "path": None} for image in pictures(2)[0]]
    raw = [entry["bytes"] for entry in content]
    pd.DataFrame({"image": content, "mask": raw, "label": [0, 1]}).to_parquet(
        tmp_path / "d.parquet"
    )
    states = []
    for column in ("image", "mask"):
        images = sources.make(
            "huggingface", {"path": str(tmp_path / "d.parquet"), "image": column}
        ).stored_splits(tmp_path / "p")["whole"]
        np.testing.assert_array_equal(np.asarray(images[1]), np.asarray(pictures(2)[0][1]))
        states.append(b"".join(images.state()))
    assert states[0] != states[1]


def test_samples_of_shards_with_the_same_name_have_ids_of_their_own(tmp_path):
    for folder in ("a", "b"):
        shards(tmp_path / folder, *pictures(3), (3,), lambda y: ("cls", str(y).encode()))
    images = sources.make("webdataset", {"path": str(tmp_path)}).stored_splits()["whole"]
    assert len(set(images.ids)) == 6


def labelled(count=6):
    images, labels = pictures(count)
    files = {}
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        files |= {f"{i}.png": png(image), f"{i}.cls": str(label).encode()}
    return files


def webdataset(tmp_path):
    path = sources.prepare("webdataset", {"path": str(tmp_path / "w")}, tmp_path / "prepared")
    return json.loads(path.read_text())


def test_a_shard_that_is_cut_off_between_two_images_is_refused(tmp_path):
    tar(tmp_path / "w/a.tar", labelled())
    with tarfile.open(tmp_path / "w/a.tar") as archive:
        end = archive.getmembers()[6].offset
    content = (tmp_path / "w/a.tar").read_bytes()
    (tmp_path / "w/a.tar").write_bytes(content[:end])
    with pytest.raises(UserError, match="cut off or damaged"):
        webdataset(tmp_path)


def test_hidden_shards_are_ignored(tmp_path):
    tar(tmp_path / "w/a.tar", labelled())
    tar(tmp_path / "w/.cache/test-0.tar", labelled(3))
    (tmp_path / "w/._a.tar").write_bytes(b"AppleDouble")
    assert sum(webdataset(tmp_path)["splits"].values()) == 6


def test_images_with_several_dots_in_their_names_are_reported(tmp_path, caplog):
    tar(tmp_path / "w/a.tar", labelled() | {"IMG.2020.png": b"", "IMG.2020.cls": b"0"})
    webdataset(tmp_path)
    assert "a.tar/IMG.2020.png" in caplog.text


@pytest.mark.parametrize(
    ("files", "class_names", "message"),
    [
        ({"x.png": b"", "x.cls": b""}, None, "x.png has no label"),
        ({"x.png": b"", "x.cls": "Mühle".encode("latin1")}, None, "x.cls is not UTF-8"),
        ({"x.png": b"", "x.json": b'{"label": ["a"]}'}, None, "not one text or number"),
        ({"x.png": b"", "x.cls": b"9" * 20}, b"a\nb\nc\n", "labels such as '99999"),
        ({}, b"caf\xe9\nb\nc\n", "classnames.txt is not UTF-8"),
        ({}, b"crane\nb\ncrane\n", "classnames.txt gives several labels the same name: crane"),
        ({"caf\udce9.png": b""}, None, r"caf\\xe9.png is not UTF-8"),
    ],
)
def test_mistakes_in_shards_are_named(tmp_path, files, class_names, message):
    tar(tmp_path / "w/a.tar", labelled() | files)
    if class_names:
        (tmp_path / "w/classnames.txt").write_bytes(class_names)
    with pytest.raises(UserError, match=message):
        webdataset(tmp_path)


def test_a_saved_dataset_is_read_whatever_its_format(tmp_path):
    images, labels = pictures(12)
    dataset = saved(tmp_path, images, labels)
    dataset.with_format("numpy", columns=["id"]).save_to_disk(tmp_path / "hf")
    sources.prepare("huggingface", {"path": str(tmp_path / "hf")}, tmp_path / "prepared")
    assert sources.open_split(tmp_path / "prepared", "train").class_names == NAMES


def test_labels_that_are_lists_and_datasets_without_images_are_refused(tmp_path):
    images, labels = pictures(6)
    dataset = saved(tmp_path, images, labels)
    dataset.select([]).save_to_disk(tmp_path / "empty")
    with pytest.raises(UserError, match="has no images"):
        sources.prepare("huggingface", {"path": str(tmp_path / "empty")}, tmp_path / "prepared")
    dataset.add_column("many", [[1, 2]] * 6).save_to_disk(tmp_path / "lists")
    options = {"path": str(tmp_path / "lists"), "label": "many"}
    with pytest.raises(UserError, match="labels in many are neither"):
        sources.prepare("huggingface", options, tmp_path / "prepared")


def test_a_hard_link_in_a_shard_is_the_image_that_it_names(tmp_path):
    images, _ = pictures(3)
    tar(tmp_path / "d/0.tar", {"a.png": png(images[0]), "a.cls": b"0", "b.cls": b"1"})
    with tarfile.open(tmp_path / "d/0.tar", "a") as archive:
        link = tarfile.TarInfo("b.png")
        link.type, link.linkname = tarfile.LNKTYPE, "./a.png"
        archive.addfile(link)
    whole = sources.make("webdataset", {"path": str(tmp_path / "d")}).stored_splits()["whole"]
    assert whole.ids == ["0.tar/a.png", "0.tar/b.png"] and whole.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(np.asarray(whole[1]), np.asarray(images[0]))
    with tarfile.open(tmp_path / "d/0.tar", "a") as archive:
        link.name, link.linkname = "c.png", "other.png"
        archive.addfile(link)
    with pytest.raises(
        UserError, match=r"c\.png is a hard link to other\.png, which is not before"
    ):
        sources.prepare("webdataset", {"path": str(tmp_path / "d")}, tmp_path / "p")


def test_folders_named_as_parquet_files_are_searched_for_them(tmp_path):
    (tmp_path / "d/data.parquet").mkdir(parents=True)
    _, path = whole_by_parquet(tmp_path)
    path.rename(tmp_path / "d/data.parquet/part-0.parquet")
    sources.prepare("huggingface", {"path": str(tmp_path / "d")}, tmp_path / "p")
    assert sum(sources.read_manifest(tmp_path / "p")["splits"].values()) == 12


@pytest.mark.parametrize("cell", [None, {"bytes": None, "path": None}])
def test_a_cell_without_an_image_is_missing(tmp_path, cell):
    import pandas as pd

    cells = [{"bytes": png(pictures(1)[0][0]), "path": None}, cell]
    pd.DataFrame({"image": cells, "label": [0, 1]}).to_parquet(tmp_path / "d.parquet")
    dataset = sources.make("huggingface", {"path": str(tmp_path / "d.parquet")})
    whole = dataset.stored_splits(tmp_path)["whole"]
    assert whole[0].size == (7, 6)
    with pytest.raises(UnreadableImage, match=r"^it is missing$"):
        whole[1]


def test_labels_that_are_whole_floats_are_integers_in_numeric_order(tmp_path):
    images, _ = pictures(3)
    dataset = saved(tmp_path, images, np.arange(3))
    dataset.add_column("number", [10.0, 2.0, 1.0]).save_to_disk(tmp_path / "d")
    options = {"path": str(tmp_path / "d"), "label": "number"}
    whole = sources.make("huggingface", options).stored_splits(tmp_path)["whole"]
    assert whole.class_names == ("1", "2", "10") and whole.labels.tolist() == [2, 1, 0]


MISSING = [None, float("nan"), "", "  "]


@pytest.mark.parametrize("missing", MISSING)
def test_a_missing_label_is_no_class(tmp_path, missing):
    from pyarrow import Table, parquet

    image = {"bytes": png(pictures(1)[0][0]), "path": None}
    present = 1.0 if isinstance(missing, float) else "a"
    table = Table.from_pydict({"image": [image, image], "label": [present, missing]})
    parquet.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(UserError, match="1 images have no label"):
        sources.prepare("huggingface", {"path": str(tmp_path / "d.parquet")}, tmp_path / "p")
    (tmp_path / "a.png").write_bytes(image["bytes"])
    (tmp_path / "b.png").write_bytes(image["bytes"])
    table = Table.from_pydict({"path": ["a.png", "b.png"], "label": [present, missing]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(UserError, match="line 2: path or label is empty"):
        sources.prepare("csv", {"path": str(tmp_path / "t.parquet")}, tmp_path / "p")
    files = {"x.png": image["bytes"], "x.json": json.dumps({"label": missing}).encode()}
    tar(tmp_path / "w/a.tar", files)
    with pytest.raises(UserError, match=r"x\.png has no label"):
        sources.prepare("webdataset", {"path": str(tmp_path / "w")}, tmp_path / "p")


def test_labels_of_bytes_are_names(tmp_path):
    from pyarrow import Table, parquet

    image = {"bytes": png(pictures(1)[0][0]), "path": None}
    table = Table.from_pydict({"image": [image] * 4, "label": [b"cat", b"dog"] * 2})
    parquet.write_table(table, tmp_path / "d.parquet")
    sources.prepare("huggingface", {"path": str(tmp_path / "d.parquet")}, tmp_path / "p")
    assert sources.open_split(tmp_path / "p", "train").class_names == ("cat", "dog")


def test_whole_floats_in_the_labels_of_shards_are_integers(tmp_path):
    def numbered_by_floats(label):
        return "json", json.dumps({"label": float(label)}).encode()

    shards(tmp_path / "w", *pictures(6), [6], numbered_by_floats)
    sources.prepare("webdataset", {"path": str(tmp_path / "w")}, tmp_path / "p")
    assert sources.open_split(tmp_path / "p", "train").class_names == ("0", "1", "2")
