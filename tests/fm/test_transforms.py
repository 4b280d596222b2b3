import numpy as np
import pytest
import torch
from PIL import Image

from imprint.fm.transforms import IMAGENET_MEAN, IMAGENET_STD, Transform


def picture(height, width, channels=3, seed=0):
    """A smooth random image: low frequencies as photographs have them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 5, channels), dtype=np.uint8)
    fine = Image.fromarray(coarse if channels == 3 else coarse[..., 0]).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noise = rng.integers(-10, 11, np.asarray(fine).shape)
    return Image.fromarray((np.asarray(fine).astype(int) + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(50, 71), (71, 50), (32, 32), (40, 300)])
def test_centre_crop_is_that_of_torchvisions_weights(size):
    from torchvision.transforms._presets import ImageClassification

    image = picture(*size)
    ours = Transform((32, 32), (36, 36), "center")(image)
    theirs = ImageClassification(crop_size=32, resize_size=36)(image)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("target", [(32, 32), (24, 40)])
def test_crop_modes_are_timms(mode, target):
    from timm.data import create_transform

    theirs = create_transform(
        (3, *target),
        crop_pct=0.9,
        crop_mode=mode,
        interpolation="bicubic",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
    resize = tuple(int(side / 0.9) for side in target)
    ours = Transform(target, resize, mode, interpolation="bicubic")
    for size in ((50, 71), (71, 50), (20, 20)):
        image = picture(*size)
        torch.testing.assert_close(ours(image), theirs(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize("fit", ["center", "squash", "border"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(8, 8), (28, 28), (100, 70)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_gives_what_single_images_give(fit, interpolation, size, channels):
    images = [picture(*size, channels, seed) for seed in range(3)]
    transform = Transform((32, 32), (36, 36), fit, interpolation=interpolation)
    single = torch.stack([transform(image) for image in images])
    batch = transform.normalised(
        transform.batch_pixels(np.stack([np.asarray(image) for image in images]))
    )
    one_level = 1 / 255 / min(IMAGENET_STD)
    assert (single - batch).abs().max() <= one_level * 1.001
    assert (single != batch).float().mean() < 0.1


@pytest.mark.parametrize("fit", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1), (2, 900)])
def test_a_line_of_pixels_is_an_image_too(fit, size, monkeypatch):
    sizes, resize = [], Image.Image.resize

    def watched(*arguments):
        sizes.append(resize(*arguments))
        return sizes[-1]

    line = picture(*size)
    monkeypatch.setattr(Image.Image, "resize", watched)
    out = Transform((224, 224), (256, 256), fit).pixels(line)
    assert out.shape == (3, 224, 224)
    assert max(image.width * image.height for image in sizes) <= 32 * 224 * 224, (
        "whole, it would be 256 x 768,000"
    )


def test_of_a_long_line_the_middle_is_seen_as_the_whole_would_show_it():
    line = picture(1, 300)
    out = Transform((32, 32), (36, 36), "center").pixels(line).numpy().astype(int)
    whole = line.resize((36 * 300, 36), Image.Resampling.BILINEAR)
    left = round((36 * 300 - 32) / 2)
    expected = np.asarray(whole.crop((left, 2, left + 32, 34))).transpose(2, 0, 1).astype(int)
    assert abs(out - expected).max() <= 1


def test_nothing_is_resized_when_the_size_is_right():
    image = picture(32, 32)
    out = Transform((32, 32), (32, 32), mean=(0, 0, 0), std=(1, 1, 1))(image)
    np.testing.assert_allclose(out.permute(1, 2, 0).numpy(), np.asarray(image) / 255, atol=1e-7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fit": "stretch"},
        {"interpolation": "cubic"},
        {"size": (0, 5)},
        {"std": (1, 0, 1)},
        {"mean": (0.5,)},
        {"mean": (123.7, 116.3, 103.5)},
        {"std": (58.0, 57.0, 57.0)},
        {"mean": (0.5, 0.5, float("nan"))},
    ],
)
def test_a_wrong_setting_is_named(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values()))).strip("()").split(",")[0]):
        Transform(**{"size": (8, 8), "resize": (8, 8), **wrong})
