"""The dataset `glyphs`: 100 characters of five scripts, drawn with the DejaVu fonts that matplotlib ships.

It has no digits and no characters that look like digits, so that handwritten digits are new to a model
trained on it. Characters that look the same (Latin A and Greek Alpha, x and X) are one class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imprint.data.image_arrays import ArraySource
from imprint.data.registry import source

LATIN = "ACDEFHJKLMNPQRTUVWXYabdefhjmnqrtyÆÞßæð"
GREEK = "ΓΔΛΞΠΣΦΨΩαβγεζηλμξπσςτφω"
CYRILLIC = "ЂЉЊЋДЖИЙЛЦШЪЫЮЯ"
ARMENIAN = "ԷԹՀՂՃՊՎՔՖխկմչ"
GEORGIAN = "თლრუფქღყჭჯ"
CLASSES = tuple(LATIN + GREEK + CYRILLIC + ARMENIAN + GEORGIAN)

FACES = tuple(
    f"DejaVu{family}{style}.ttf"
    for family, styles in {
        "Sans": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "SansMono": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "Serif": ("", "-Bold", "-Italic", "-BoldItalic"),
    }.items()
    for style in styles
)

SPLITS = ("pretrain", "train", "test")
SIZE = 32  # pixels of an image's side

_FINE = 2 * SIZE  # glyphs are warped at twice the size and then averaged, which smooths their edges
_EM = 54  # font size in fine pixels: a capital letter takes about 20 of the 32 pixels
_CANVAS = 96  # side in fine pixels of the canvas of an upright glyph with its ascenders
_STROKES = 3  # a glyph is thickened by 0..2 fine pixels


@source("glyphs")
@dataclass(frozen=True)
class Glyphs(ArraySource):
    """Drawn characters.

    Attributes
    ----------
    pretrain, train, test : int
        Images per class of each split.
    seed : int
        Seed of the random choices.
    """

    pretrain: int = 200
    train: int = 100
    test: int = 50
    seed: int = 0

    splits = SPLITS

    def class_names(self) -> Sequence[str]:
        """The characters."""
        return CLASSES

    def make(self) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
        """Draw all splits, sorted by class; image i of a class and split depends only on the seed, the class and the split."""
        drawn = {}
        for split in self.splits:
            count = getattr(self, split)
            images = [draw_class(character, split, count, self.seed) for character in CLASSES]
            drawn[split] = np.concatenate(images), np.repeat(np.arange(len(CLASSES)), count)
        return drawn


def draw_class(character: str, split: str, count: int, seed: int = 0) -> np.ndarray:
    """The first images of one class and split: uint8 (count, 32, 32), bright strokes on a dark background."""
    stream = (seed, SPLITS.index(split), ord(character))
    u = np.random.default_rng((*stream, 0)).random((count, 11))
    noise = np.random.default_rng((*stream, 1)).standard_normal(
        (count, SIZE, SIZE), dtype=np.float32
    )

    faces = faces_with(character)
    face = (u[:, 0] * len(faces)).astype(int)
    stroke = (u[:, 1] * _STROKES).astype(int)
    warps = _warps(u[:, 2:8])
    ground = 0.25 * u[:, 8]
    ink = 0.65 + 0.35 * u[:, 9]
    sigma = 0.08 * u[:, 10]

    coverage = np.empty((count, SIZE, SIZE), np.float32)
    for i in range(count):
        glyph = upright_glyph(character, faces[face[i]], int(stroke[i]))
        fine = glyph.transform(
            (_FINE, _FINE), Image.Transform.AFFINE, warps[i], Image.Resampling.BILINEAR
        )
        coverage[i] = np.asarray(fine.reduce(2))
    coverage /= 255

    def per_image(values: np.ndarray) -> np.ndarray:
        return values[:, None, None].astype(np.float32)

    images = per_image(ground) + per_image(ink - ground) * coverage + per_image(sigma) * noise
    return np.rint(255 * images.clip(0, 1)).astype(np.uint8)


def _warps(u: np.ndarray) -> np.ndarray:
    """Pillow's affine coefficients (n, 6), from output to canvas positions, for random numbers (n, 6) in [0, 1).

    Rotation within 15 degrees, scale 0.8 to 1.15, aspect within 12%, shear within 0.25, shift within 2 pixels
    of 32.
    """
    angle = np.deg2rad(15) * (2 * u[:, 0] - 1)
    scale = 0.8 + 0.35 * u[:, 1]
    aspect = 1 + 0.12 * (2 * u[:, 2] - 1)
    shear = 0.25 * (2 * u[:, 3] - 1)
    shift = 2 * _FINE / SIZE * (2 * u[:, 4:6] - 1)

    rotate = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(
        -1, 2, 2
    )
    stretch = np.zeros((len(u), 2, 2))
    stretch[:, 0, 0] = scale * aspect
    stretch[:, 0, 1] = scale * shear
    stretch[:, 1, 1] = scale / aspect
    back = np.linalg.inv(rotate @ stretch)
    offset = _CANVAS / 2 - np.einsum("nij,nj->ni", back, _FINE / 2 + shift)
    return np.concatenate([back, offset[:, :, None]], axis=2).reshape(-1, 6)


@lru_cache(maxsize=len(FACES) * _STROKES)
def upright_glyph(character: str, face: str, stroke: int) -> Image.Image:
    """The upright glyph, its ink centred on the canvas, as an 8-bit image."""
    image = Image.new("L", (2 * _CANVAS, 2 * _CANVAS))
    centre = (_CANVAS, _CANVAS)
    ImageDraw.Draw(image).text(centre, character, 255, _font(face), "mm", stroke_width=stroke)
    box = image.getbbox()
    assert box is not None, f"{face} draws nothing for {character!r}"
    left, top, right, bottom = box
    x, y = (left + right - _CANVAS) // 2, (top + bottom - _CANVAS) // 2
    return image.crop((x, y, x + _CANVAS, y + _CANVAS))


@cache
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_folder() / face, _EM)


@cache
def faces_with(character: str) -> list[str]:
    """The fonts that have the character; a font draws an empty box for one that it lacks."""
    faces = [face for face in FACES if ord(character) in _characters(face)]
    if not faces:
        raise RuntimeError(f"none of the fonts in {_font_folder()} has the character {character!r}")
    return faces


@cache
def _characters(face: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    path = _font_folder() / face
    if not path.exists():
        return frozenset()
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


@cache
def _font_folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
