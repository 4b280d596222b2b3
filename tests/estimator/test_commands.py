"""The commands as functions: images or embeddings, and heads in files or in memory."""

import dataclasses
import json
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.exceptions import NotFittedError

import imprint
from imprint.errors import UserError
from imprint.store.embeddings import Embeddings, read_embeddings


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name, grey in (("dark", 20), ("light", 200)):
        (folder / name).mkdir()
        for i in range(4):
            Image.new("RGB", (16, 16), (grey + i, grey, grey)).save(folder / name / f"{i}.png")
    return folder


def test_images_become_embeddings_and_a_head(photos, tmp_path):
    embeddings = imprint.embed(photos, device="cpu", output=tmp_path / "photos.h5")
    assert embeddings.class_names == ("dark", "light") and embeddings.x.shape == (8, 1280)
    assert repr(embeddings).endswith("8 samples, 1280 values each; classes: dark, light>")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "photos.h5").x, embeddings.x)
    labels = np.array(embeddings.class_names)[embeddings.y]
    head = imprint.ImprintingClassifier(method="qi").fit(embeddings.x, labels)
    head.save(tmp_path / "head.safetensors", embeddings)
    evaluation = imprint.evaluate(head, embeddings.x, labels)
    assert evaluation.accuracy == 1 and evaluation.confusions == ()
    assert imprint.evaluate(head, embeddings).as_dict() == evaluation.as_dict()
    assert (
        evaluation.seen == 8
        and imprint.evaluate(head, 2 * embeddings.x[:3] + 1, labels[:3]).seen == 0
    )
    of_files = imprint.evaluate(tmp_path / "head.safetensors", photos)
    assert of_files.as_dict() == evaluation.as_dict()
    # a head that was loaded knows its FM
    imprint.ImprintingClassifier.load(tmp_path / "head.safetensors").save(
        tmp_path / "b.safetensors"
    )
    table = imprint.compare(tmp_path / "photos.h5", folds=2)
    assert table["accuracy"].iloc[0] == 1 and "fm" not in table
    assert imprint.compare(embeddings, folds=2)["accuracy"].equals(table["accuracy"])
    with pytest.raises(UserError, match="embeddings already come from one FM; leave fm out"):
        imprint.compare(embeddings, fm="tf_efficientnet_lite1")
    with pytest.raises(UserError, match="leave device out"):
        imprint.compare(embeddings, device="cpu")
    with pytest.raises(TypeError, match=r"compare\(\) got an unexpected .* 'gen'"):
        imprint.compare(embeddings, gen=["mean"])
    with pytest.raises(UserError, match=r"takes one folder, .*, not a list"):
        imprint.compare([tmp_path / "photos.h5"])
    with pytest.raises(TypeError, match=r"'devise' .*device"):
        imprint.embed(photos, devise="cpu")


def test_a_head_loads_an_fm_of_one_size_at_the_size_of_its_training_images(photos, tmp_path):
    import timm

    body = timm.create_model("test_vit", img_size=64, num_classes=3)
    torch.save(body.state_dict(), tmp_path / "w.pth")
    options = {"fm": "timm:test_vit", "checkpoint": tmp_path / "w.pth", "device": "cpu"}
    embeddings = imprint.embed(photos, input_size=64, **options)
    labels = np.array(embeddings.class_names)[embeddings.y]
    head = imprint.ImprintingClassifier(method="qi").fit(embeddings.x, labels)
    head.save(tmp_path / "head.safetensors", embeddings)
    of_embeddings = imprint.evaluate(head, embeddings).as_dict()
    assert imprint.evaluate(tmp_path / "head.safetensors", photos).as_dict() == of_embeddings


def test_a_head_finds_its_fm_in_a_folder_from_elsewhere_and_where_it_moved(
    photos, tmp_path, monkeypatch
):
    import timm
    from timm.models import save_for_hf

    save_for_hf(
        timm.create_model("test_resnet", num_classes=3), tmp_path / "fm", safe_serialization=True
    )
    monkeypatch.chdir(tmp_path)
    embeddings = imprint.embed(photos, fm="local-dir:fm", device="cpu")
    labels = np.array(embeddings.class_names)[embeddings.y]
    head = imprint.ImprintingClassifier(method="qi").fit(embeddings.x, labels)
    head.save("head.safetensors", embeddings)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    first = imprint.evaluate("../head.safetensors", photos).as_dict()
    (tmp_path / "fm").rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"local-dir:.*fm"):
        imprint.evaluate("../head.safetensors", photos)
    moved = imprint.evaluate("../head.safetensors", photos, fm="local-dir:../moved")
    assert moved.as_dict() == first


def test_several_images_and_folders_are_embedded_as_the_command_labels_them(photos):
    sources = [photos / "light" / "2.png", str(photos / "dark"), photos / "light" / "2.png"]
    several = imprint.embed(sources, device="cpu", input_size=64)
    of_dark = [f"{photos}/dark/{i}.png" for i in range(4)]
    assert several.ids.tolist() == [f"{photos}/light/2.png", *of_dark]
    alone = imprint.embed(photos / "dark", device="cpu", input_size=64)
    np.testing.assert_allclose(several.x[1:], alone.x, atol=1e-4)
    for wrong in ([], 3, [photos, None], np.zeros((2, 3))):
        with pytest.raises(UserError, match="a source is a path, or a list of paths, not"):
            imprint.embed(wrong)


def test_several_fms_are_ranked_together(photos):
    fms = ["tf_efficientnet_lite0", "tf_efficientnet_lite1"]
    table = imprint.compare(photos, fm=fms, folds=2, input_size=64)
    assert sorted(table["fm"].unique()) == fms


def test_what_there_is_to_import():
    assert {"ImprintingClassifier", "embed", "compare", "evaluate"} <= set(dir(imprint))
    with pytest.raises(UserError, match="does not exist"):
        imprint.embed("nowhere")


def test_a_head_is_a_file_or_a_fitted_classifier(photos, tmp_path):
    embeddings = imprint.embed(photos, device="cpu", output=tmp_path / "photos.h5")
    labels = np.array(embeddings.class_names)[embeddings.y]
    fitted = imprint.ImprintingClassifier(method="qi").fit(
        embeddings.x, labels, sample_ids=embeddings.ids.tolist()
    )
    fitted.save(tmp_path / "head.safetensors", embeddings)
    photo = photos / "light/0.png"
    for head in (fitted, tmp_path / "head.safetensors"):
        (why,) = imprint.explain(head, tmp_path / "photos.h5", n=2)[4:5]
        assert (why.id, why.label) == ("light/0.png", "light")
        assert [near.label for near in why.nearest] == ["light", "dark"]
        assert all(near.id in embeddings.ids for near in why.nearest)
        exported = imprint.export(head, tmp_path / "head.pt2", to="torch")
        assert exported.check.equal_labels == exported.check.samples
    assert imprint.explain(fitted, photo, fm="tf_efficientnet_lite0")[0].label == "light"
    with pytest.raises(
        UserError,
        match=r"does not say which FM made its embeddings; .* as fm \(--fm\)",
    ):
        imprint.explain(fitted, photo)  # embeddings alone do not tell their FM
    for call in (imprint.explain, imprint.export, imprint.evaluate):
        with pytest.raises(UserError, match="fitted ImprintingClassifier, not list"):
            call([1], tmp_path / "photos.pt2")
    with pytest.raises(UserError, match=r"photos\.h5 has its own classes; leave y out"):
        imprint.evaluate(fitted, tmp_path / "photos.h5", labels)
    with pytest.raises(UserError, match="give y, the class of each embedding"):
        imprint.evaluate(fitted, embeddings.x)


def test_no_picture_is_drawn_of_samples_without_names(photos, tmp_path):
    """Row numbers must not be taken for file names."""
    embeddings = imprint.embed(photos, device="cpu", output=tmp_path / "photos.h5")
    head = imprint.ImprintingClassifier(method="qi").fit(embeddings.x, embeddings.y)
    head.save(tmp_path / "numbers.safetensors", embeddings)
    photo, picture = photos / "light/0.png", tmp_path / "why.png"
    for one in (head, tmp_path / "numbers.safetensors"):
        with pytest.raises(UserError, match=r"without names of their images .*sample_ids"):
            imprint.explain(one, photo, picture=picture, images=photos)
    head.add_classes(embeddings.x[:2] + 1, [7, 7], sample_ids=["a.png", "b.png"])
    with pytest.raises(UserError, match="without names"):
        imprint.explain(head, photo, picture=picture, images=photos)
    (why,) = imprint.explain(tmp_path / "numbers.safetensors", photo, train=photos, picture=picture)
    assert picture.exists() and why.nearest[0].id == "light/0.png"


def test_arrays_are_evaluated_as_they_are_fitted():
    x = np.eye(4, dtype=np.float32).repeat(5, axis=0)
    y = np.arange(4).repeat(5)
    head = imprint.ImprintingClassifier(method="qi").fit(x, y)
    of_array = imprint.evaluate(head, x, y).as_dict()
    for tensor in (torch.tensor(x).bfloat16(), torch.tensor(x, requires_grad=True)):
        assert imprint.evaluate(head, tensor, torch.tensor(y)).as_dict() == of_array
    assert imprint.evaluate(head, x, y.astype(float)).as_dict() == of_array
    for labels in (y[:10], [*y, 1]):
        with pytest.raises(UserError, match=rf"20 embeddings in X and {len(labels)} classes in y"):
            imprint.evaluate(head, x, labels)
    with pytest.raises(UserError, match="1 of 20 labels are missing"):
        imprint.evaluate(head, x, [None, *y[1:]])


def test_columns_of_a_frame_are_compared_with_those_of_the_fit():
    x, y = np.eye(4).repeat(5, axis=0), np.arange(4).repeat(5)
    frame = pd.DataFrame(x, columns=list("abcd"), index=np.arange(20)[::-1])
    head = imprint.ImprintingClassifier(method="qi").fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert imprint.evaluate(head, frame, [9, *y[1:]]).accuracy == 1
    with pytest.raises(ValueError, match="same order"):
        imprint.evaluate(head, frame[list("dcba")], y)


def test_an_output_does_not_replace_an_image(photos, tmp_path):
    photo = photos / "light/0.png"
    before = photo.read_bytes()
    with pytest.raises(UserError, match=r"embeddings go to an HDF5 file"):
        imprint.embed(photos, output=photo)
    head = imprint.ImprintingClassifier(gen="mean").fit(np.eye(4), ["a", "a", "b", "b"])
    for source in (photo, photos):
        with pytest.raises(UserError, match="would be lost; name another"):
            imprint.explain(head, source, picture=photo)
    assert photo.read_bytes() == before


def test_labels_that_no_file_can_hold_are_evaluated_in_memory():
    days = np.array(["2026-01-01", "2026-01-02"], "datetime64[D]").repeat(3)
    x = np.arange(12, dtype=np.float32).reshape(6, 2) * [[1], [1], [1], [-1], [-1], [-1]]
    head = imprint.ImprintingClassifier(method="qi").fit(x, days)
    assert imprint.evaluate(head, x[1:], days[1:]).samples == 5
    with pytest.raises(UserError, match="save"):
        head.as_head()


def test_what_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        imprint.ImprintingClassifier().save("head.safetensors")
    with pytest.raises(NotFittedError):
        imprint.evaluate(imprint.ImprintingClassifier(), [[0.0]], [0])


def test_embed_refuses_a_split_that_is_not_there(photos):
    with pytest.raises(UserError, match="split is 'train' or 'test', not 'validation'"):
        imprint.embed(photos, split="validation")
    with pytest.raises(UserError, match="has no splits to choose from"):
        imprint.embed(photos, split="test")
    with pytest.raises(UserError, match="split is for a single source"):
        imprint.embed([photos], split="test")


def test_a_head_of_unknown_embeddings_takes_those_of_any_fm(tmp_path):
    """Only the size can be checked."""
    x, labels = np.eye(4, dtype=np.float32), ["a", "a", "b", "b"]
    head = imprint.ImprintingClassifier(gen="mean").fit(x, labels)
    provenance = {"fm": "net", "model": "net", "weights_sha256": "ab", "transform": {}}
    embeddings = Embeddings(
        x, np.array([0, 0, 1, 1]), np.arange(4).astype(str), ("a", "b"), provenance
    )
    np.savez(
        tmp_path / "e.npz",
        embeddings=x,
        labels=labels,
        provenance=json.dumps(provenance),
    )
    assert imprint.evaluate(head, embeddings).accuracy == 1
    assert len(imprint.explain(head, tmp_path / "e.npz")) == 4


def test_embeddings_without_classes_cannot_be_evaluated():
    x = np.eye(4, dtype=np.float32)
    head = imprint.ImprintingClassifier(gen="mean").fit(x, ["a", "a", "b", "b"])
    unlabelled = Embeddings(x, np.zeros(4, int), np.arange(4).astype(str), ("",), {"fm": "net"})
    with pytest.raises(UserError, match="the embeddings have no classes"):
        imprint.evaluate(head, unlabelled)


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [([], {}, "there are no sources"), ("e.npz", {"n": 2.5}, "n=2.5 is not a positive whole")],
)
def test_an_explanation_needs_sources_and_a_whole_number(sources, options, message):
    head = imprint.ImprintingClassifier(gen="mean").fit(np.eye(4), ["a", "a", "b", "b"])
    with pytest.raises(UserError, match=message):
        imprint.explain(head, sources, **options)


def test_an_evaluation_takes_no_memory_for_all_pairs_of_classes():
    classes = 2_000
    x = np.random.default_rng(0).normal(size=(classes, 8)).astype(np.float32)
    y = np.arange(classes)
    head = imprint.ImprintingClassifier(method="qi").fit(x, y)
    tracemalloc.start()
    evaluation = imprint.evaluate(head, x[[0, 1, 2, 3]], np.array([0, 1, 3, 3]))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert evaluation.accuracy == 0.75
    ((wrong, predicted, count),) = map(dataclasses.astuple, evaluation.confusions)
    assert (wrong, predicted, count) == ("3", "2", 1)
    assert most < 8 * classes**2 / 2


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("ant", "y is a sequence of classes, not str"),
        ({0, 1}, "y is a sequence of classes, not set"),
        (np.zeros((4, 1)), r"not ndarray of shape \(4, 1\)"),
        ([], "there are 4 embeddings in X and 0 classes"),
    ],
)
def test_classes_to_evaluate_are_a_sequence(y, message):
    head = imprint.ImprintingClassifier(gen="mean").fit(np.eye(4), [0, 0, 1, 1])
    with pytest.raises(UserError, match=message):
        imprint.evaluate(head, np.eye(4), y)
    with pytest.raises(UserError, match="there are no embeddings in X"):
        imprint.evaluate(head, np.empty((0, 4)), [])


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (1, {}, "all samples are of one class; there is nothing to tell apart"),
        (2, {"folds": "3"}, "folds='3' is not a whole number of at least 2"),
        (2, {"seed": -1}, "seed=-1 is not a whole number from 0"),
    ],
)
def test_a_comparison_needs_two_classes_folds_and_a_seed(classes, options, message):
    x, y = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), np.arange(20) % classes
    names = ("a", "b")[:classes]
    embeddings = Embeddings(x, y, np.arange(20), names, provenance={})
    with pytest.raises(UserError, match=message):
        imprint.compare(embeddings, **options)


def test_classes_are_removed_and_announced_as_a_set():
    head = imprint.ImprintingClassifier(gen="mean").fit(np.eye(3), ["a", "b", "c"])
    head.partial_fit(np.ones((1, 3)), ["d"], classes={"c": 0, "d": 0}.keys())
    assert head.remove_classes({"a"}).classes_.tolist() == ["b", "c", "d"]
