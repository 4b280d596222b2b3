"""Which image files are read, by their content and by their names, and what is said of the others."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, features

from imprint.data.image_formats import FORMATS, UnreadableImage, defect, read_image

# 16 x 16 pixels, the left half blue and the right half red
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAEAAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAAD"
    "AIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAEAAAAAEA"
    "AAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAASG1k"
    "YXQAAAA8KAGvEyF6c0DlMPv+5NEDEIzDUqYJ/AKKvLDXrAIm/P0zWUm4GCDzzfk4kSDc6OXclovHXBqoANZe3MPA"
)
AVIF = pytest.mark.skipif(not features.check("avif"), reason="Pillow reads AVIF from 11.3 on")


@pytest.fixture
def photo():
    """Noise, whose file does not fit into the bytes that are cut off below."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def heic(tmp_path):
    path = tmp_path / "photo.heic"
    path.write_bytes(HEIC)
    return path


@pytest.mark.parametrize(
    "form", [pytest.param(f, marks=AVIF) if f == "AVIF" else f for f in FORMATS if f != "HEIF"]
)
def test_an_image_is_read_whatever_its_name(photo, tmp_path, form):
    path = tmp_path / "photo.png"
    photo.save(path, format=form)
    assert read_image(path).size == (64, 64) and defect(path) is None


def test_heic_is_read_with_its_plug_in(heic):
    pytest.importorskip("pi_heif")
    image = read_image(heic)
    left, right = (np.array(image.getpixel((x, 8))) for x in (3, 12))
    assert image.size == (16, 16) and defect(heic) is None
    assert left[2] > left[0] and right[0] > right[2]


def test_heic_without_its_plug_in_says_what_to_install(heic):
    program = (
        "import importlib.util, pathlib, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'pi_heif' else find(name, *rest)\n"
        "from imprint.data.image_formats import defect\n"
        "print(defect(pathlib.Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", program, str(heic)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "it is HEIC" in output and "pip install 'weight-imprinting[heif]'" in output


@pytest.mark.parametrize("form", ["EPS", "PDF", "TGA", "ICO"])
def test_formats_that_are_not_listed_are_refused_under_any_name(photo, tmp_path, form):
    path = tmp_path / "photo.png"
    photo.save(path, format=form)
    with pytest.raises(UnreadableImage, match="of another format than AVIF, BMP"):
        read_image(path)
    assert "of another format" in defect(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_file_that_was_cut_off_is_seen_without_reading_whole_ones(photo, tmp_path, form):
    path = tmp_path / "photo"
    photo.save(path, format=form)
    path.write_bytes(path.read_bytes()[:-1500])
    assert "cut off" in defect(path)
    with pytest.raises(UnreadableImage):
        read_image(path)


def test_damage_is_reported_in_words(tmp_path):
    path = tmp_path / "photo.jpg"
    assert "No such file" in defect(path)
    path.touch()
    assert defect(path) == "it is empty"
    with pytest.raises(UnreadableImage, match="it is empty"):
        read_image(io.BytesIO())
    path.write_text("<html>Not found</html>")
    assert "damaged" in defect(path)


def test_damaged_exif_data_does_not_spoil_an_image(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "turned.jpg", exif=exif)
    assert "exif" in read_image(tmp_path / "turned.jpg").info
    photo.save(tmp_path / "damaged.jpg", exif=b"Exif\0\0nonsense")
    assert read_image(tmp_path / "damaged.jpg").size == photo.size


def test_an_image_with_too_many_pixels_is_reported(photo, tmp_path, monkeypatch):
    photo.save(tmp_path / "photo.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "more than 2,000 pixels" in defect(tmp_path / "photo.png")


@AVIF
def test_damaged_avif_is_damaged(photo, tmp_path):
    photo.save(tmp_path / "photo.avif")
    path = tmp_path / "cut.avif"
    path.write_bytes((tmp_path / "photo.avif").read_bytes()[:200])
    assert "damaged" in defect(path)


def test_large_images_are_read_without_a_warning_that_names_no_file(tmp_path):
    Image.new("L", (30, 30)).save(tmp_path / "a.png")
    code = (
        "from pathlib import Path; from PIL import Image; from imprint.data.image_formats import read_image\n"
        "Image.MAX_IMAGE_PIXELS = 600; print(read_image(Path('a.png')).size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("(30, 30)\n", "")
