"""FMs of timm and torchvision behind a head, in one file."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torchvision import models

import imprint
from imprint.errors import UserError
from imprint.estimator.export_files import preparation
from imprint.estimator.fm_choice import FMChoice
from imprint.fm.transforms import Transform


@pytest.fixture
def photos(tmp_path):
    """A folder of two classes of noisy images, one reddish and one bluish."""
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 120, (40, 50, 3), np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(tmp_path / f"photos/{name}/{i}.png")
    return tmp_path / "photos"


def head_of(photos, choice, size, resampling, **method):
    """A saved head of the photos, these as a deployer would give them, and their class scores."""
    embeddings = imprint.embed(
        photos, fm=choice.fm, checkpoint=choice.checkpoint, input_size=size, device="cpu"
    )
    labels = np.array(embeddings.class_names)[embeddings.y]
    head = imprint.ImprintingClassifier(**method).fit(embeddings.x, labels)
    head.save(photos.parent / "head.safetensors", embeddings)
    pixels = [
        np.asarray(Image.open(photos / name).resize((size, size), resampling))
        for name in embeddings.ids
    ]
    images = np.stack(pixels).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return images, head.class_scores(embeddings.x)


def test_a_transformer_of_timm_and_its_head_in_one_onnx_file(photos):
    import onnxruntime

    weights = photos.parent / "vit.pth"
    torch.manual_seed(0)
    torch.save(timm.create_model("test_vit").state_dict(), weights)
    images, scores = head_of(
        photos, FMChoice("test_vit", weights), 160, Image.Resampling.BICUBIC, k=2, random_state=0
    )
    output = photos.parent / "vit.onnx"
    written = imprint.export(photos.parent / "head.safetensors", output, with_fm=True, check=photos)
    assert (written.check.kind, written.check.samples) == ("images", 8)
    session = onnxruntime.InferenceSession(output)
    for x, expected in ((images, scores), (images[:1], scores[:1])):
        np.testing.assert_allclose(session.run(["scores"], {"images": x})[0], expected, atol=1e-4)


def test_a_model_of_torchvision_and_its_head_in_one_program(photos):
    weights = photos.parent / "net.pth"
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1().state_dict(), weights)
    images, scores = head_of(
        photos, FMChoice("torchvision:squeezenet1_1", weights), 64, Image.Resampling.BILINEAR
    )
    output = photos.parent / "net.pt2"
    imprint.export(photos.parent / "head.safetensors", output, with_fm=True)
    program = torch.export.load(output).module()
    for x, expected in ((images, scores), (images[:1], scores[:1])):
        exported_scores = program(torch.from_numpy(x))["scores"].numpy()
        np.testing.assert_allclose(exported_scores, expected, atol=1e-4)
    weights.unlink()
    with pytest.raises(UserError, match=r"net\.pth does not exist"):
        imprint.export(photos.parent / "head.safetensors", output, with_fm=True)


def test_a_file_that_differs_from_predict_is_not_written(photos, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 6)).astype(np.float32)
    head = imprint.ImprintingClassifier().fit(x, np.repeat(["a", "b"], 10))
    head.save(photos.parent / "head.safetensors", {"model": "noise"})
    load = torch.export.load

    def reversed_program(path):
        program = load(path).module()
        program.module = lambda: lambda x: {"scores": -program(x)["scores"]}
        return program

    monkeypatch.setattr(torch.export, "load", reversed_program)
    output = photos.parent / "head.pt2"
    with pytest.raises(UserError, match="labels differ from those of predict"):
        imprint.export(photos.parent / "head.safetensors", output)
    assert list(photos.parent.glob("*.pt2")) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"resize": (64, 64), "fit": "squash"},
            "resize the image to 64 x 64 pixels, width x height",
        ),
        ({"resize": (72, 72), "fit": "center"}, "until its shorter side has 72 pixels"),
        ({"resize": (64, 80), "fit": "center"}, "to cover 80 x 64 pixels"),
        ({"resize": (64, 64), "fit": "border"}, "rest with the colour 124, 116, 104"),
    ],
)
def test_the_preparation_of_images_is_put_into_words(settings, words):
    text = preparation(Transform(size=(64, 64), **settings))
    assert words in text and "bilinear" in text
    assert ("in its centre" in text) == (settings["fit"] != "squash")
