"""The formats of image files that are read, and the reasons why a file cannot be read."""

from __future__ import annotations

import os
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from imprint.extras import not_installed

# Pillow's name of each format, and its suffixes; Pillow reads other formats too, some by starting programs
FORMATS = {
    "AVIF": (".avif",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heif"),
    "JPEG": (".jpeg", ".jpg"),
    "PNG": (".png",),
    "PPM": (".pbm", ".pgm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
IMAGE_SUFFIXES = tuple(sorted(suffix for suffixes in FORMATS.values() for suffix in suffixes))

HEIF_PACKAGE = "pi_heif"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}  # end marker of a complete file
_TAIL = 1024  # bytes at the end of a file that are searched for the end marker


class UnreadableImage(OSError):
    """An image that cannot be read; the message gives the reason without the file name."""


@cache
def _readable() -> tuple[str, ...]:
    """The formats of `FORMATS` that the installed Pillow reads."""
    if find_spec(HEIF_PACKAGE):
        import pi_heif

        pi_heif.register_heif_opener()
    Image.init()
    # it names no file, and `read_image` reports what is too large to read
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    return tuple(name for name in FORMATS if name in Image.OPEN)


def read_image(file: Path | BinaryIO) -> Image.Image:
    """Read an image file of one of the `FORMATS`, whatever its suffix, and apply its EXIF orientation.

    Raises
    ------
    UnreadableImage
        If it cannot be read.
    """
    try:
        with Image.open(file, formats=_readable()) as image:
            image.load()
            _turn(image)
            return _upright_levels(image)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise nearly any exception
        raise UnreadableImage(_reason(file, error)) from error


def _turn(image: Image.Image) -> None:
    """Apply the EXIF orientation; damaged EXIF data, which says nothing of the pixels, is ignored."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # as in `read_image`
        return


def _upright_levels(image: Image.Image) -> Image.Image:
    """The image with white as its largest value; Pillow leaves TIFF images of 16 bits in which white is 0 as they are."""
    photometric = getattr(image, "tag_v2", {}).get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    if photometric != 0 or not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    return Image.fromarray(np.iinfo(values.dtype).max - values)


def defect(file: Path) -> str | None:
    """The reason why an image file cannot be read, judged by its header and its end; None if both are valid.

    The image is decoded only if the file seems cut off.
    """
    try:
        with Image.open(file, formats=_readable()) as image:
            end = _ENDS.get(image.format or "")
        if end is not None and end not in _tail(file):
            read_image(file)
    except UnreadableImage as error:
        return f"it is cut off: {error}"
    except Exception as error:  # as in `read_image`
        return _reason(file, error)
    return None


def _tail(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        return file.read()


def _reason(file: Path | BinaryIO, error: Exception) -> str:
    """The reason why an image cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(_head(file))
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f"it has more than {limit:,} pixels, the most that Pillow reads; make it smaller"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _head(file: Path | BinaryIO) -> bytes:
    if isinstance(file, Path):
        with open(file, "rb") as opened:
            return opened.read(12)
    file.seek(0)
    return file.read(12)


def _unidentified(head: bytes) -> str:
    """The reason why no format matches a file that begins with `head`."""
    brand = head[8:12] if head[4:8] == b"ftyp" else None
    if not head:
        return "it is empty"
    if brand in _HEIF_BRANDS and not find_spec(HEIF_PACKAGE):
        return f"it is HEIC; {not_installed(HEIF_PACKAGE)}"
    if brand in _AVIF_BRANDS and "AVIF" not in _readable():
        return "it is AVIF, which Pillow reads from version 11.3 on; run: pip install -U pillow"
    return f"it is damaged or of another format than {', '.join(FORMATS)}"
