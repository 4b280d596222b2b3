"""Images of every mode are the same 8-bit RGB."""

import numpy as np
import pytest
from PIL import Image

from imprint.data.image_formats import read_image
from imprint.data.image_modes import rgb


def grey(mode):
    """A 2 x 2 image of a grey of 100 of 255, in the given mode."""
    level = np.full((2, 2), 100, np.uint8)
    if mode == "I;16":
        return Image.fromarray(level.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(level.astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(level.astype(np.float32) / 255)
    return Image.fromarray(level).convert("RGB").convert(mode, palette=Image.Palette.ADAPTIVE)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_a_grey_is_the_same_grey_in_every_mode(mode):
    image = grey(mode)
    assert image.mode == mode
    converted = rgb(image)
    assert converted.mode == "RGB"
    np.testing.assert_allclose(np.asarray(converted), 100, atol=1)


def test_bilevel_and_float_of_255_levels():
    assert rgb(Image.new("1", (1, 1), 1)).getpixel((0, 0)) == (255, 255, 255)
    assert rgb(Image.new("F", (1, 1), 200.0)).getpixel((0, 0)) == (200, 200, 200)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_pixel_that_is_no_number_does_not_darken_the_others(value):
    pixels = np.full((2, 2), 0.4, np.float32)
    pixels[0, 0] = value
    expected = 255 if value == np.inf else 0
    assert np.asarray(rgb(Image.fromarray(pixels)))[..., 0].tolist() == [
        [expected, 102],
        [102, 102],
    ]


def test_what_is_transparent_shows_white():
    assert rgb(Image.new("RGBA", (1, 1), (9, 9, 9, 0))).getpixel((0, 0)) == (255, 255, 255)
    assert rgb(Image.new("LA", (1, 1), (0, 128))).getpixel((0, 0)) == (127, 127, 127)
    palette = Image.new("P", (1, 1), 3)
    palette.info["transparency"] = 3
    assert rgb(palette).getpixel((0, 0)) == (255, 255, 255)
    coloured = Image.new("RGB", (1, 1), (1, 2, 3))
    coloured.info["transparency"] = (1, 2, 3)  # as PNG has it
    assert rgb(coloured).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "form", ["cmyk.jpg", "16.png", "16.tif", "16-big.tif", "grey-alpha.png", "palette.png", "p.gif"]
)
def test_a_grey_is_the_same_grey_from_every_kind_of_file(form, tmp_path):
    level = np.full((16, 16), 100, np.uint8)
    image = {
        "cmyk.jpg": lambda: Image.fromarray(level).convert("RGB").convert("CMYK"),
        "16.png": lambda: Image.fromarray(level.astype(np.uint16) * 257),
        "16.tif": lambda: Image.fromarray(level.astype(np.uint16) * 257),
        "16-big.tif": lambda: Image.fromarray(level.astype(">u2") * np.array(257, ">u2")),
        "grey-alpha.png": lambda: Image.fromarray(level).convert("LA"),
        "palette.png": lambda: (
            Image.fromarray(level).convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
        ),
        "p.gif": lambda: Image.fromarray(level).convert("P"),
    }[form]()
    image.save(tmp_path / form)
    np.testing.assert_allclose(np.asarray(rgb(read_image(tmp_path / form))), 100, atol=2)


def test_white_is_white_in_16_bits_whatever_its_value(tmp_path):
    level = np.full((2, 2), 65535 - 100 * 257, np.uint16)
    Image.fromarray(level).save(tmp_path / "x.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(np.asarray(rgb(read_image(tmp_path / "x.tif"))), 100)


def test_a_float_a_little_above_1_does_not_darken_the_others():
    pixels = np.array([[0.4, 1.02]], np.float32)
    assert np.asarray(rgb(Image.fromarray(pixels)))[0, :, 0].tolist() == [102, 255]
