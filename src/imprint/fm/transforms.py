"""Preprocessing of images for a model, one image at a time or a batch of images of equal size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from imprint.data.image_modes import rgb
from imprint.errors import UserError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# larger values are no mean or standard deviation of channels from 0 to 1: the file means 0 to 255
LARGEST_STATISTIC = 10

_BATCHED = ("bilinear", "bicubic")  # interpolations that torch computes as Pillow does

# If the resized image has more than this many times the pixels of the crop, only the crop is computed. Some pixels then
# differ by one level of 255 from those of the published preprocessing.
_IMMENSE = 32


@dataclass(frozen=True)
class Transform:
    """Resize, centre crop, scale to [0, 1], normalise.

    Attributes
    ----------
    size : tuple of int
        (height, width) of the model's input.
    resize : tuple of int
        (height, width) that the image is scaled to before the crop.
    fit : {"center", "border", "squash"}
        How it is scaled: `center` keeps the aspect and covers `resize`, `border` keeps the aspect and stays inside (the
        rest is filled with the mean), `squash` scales to exactly `resize`. With resize = size, `squash` keeps the whole image.
    mean, std : tuple of float
        Mean and standard deviation of the RGB channels in [0, 1].
    interpolation : str
        nearest, bilinear, bicubic, lanczos, box or hamming, all antialiased as Pillow does.
    """

    size: tuple[int, int]
    resize: tuple[int, int]
    fit: str = "squash"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if self.fit not in ("center", "border", "squash"):
            raise ValueError(f"crop mode '{self.fit}' is none of center, border, squash")
        if self.interpolation.upper() not in Image.Resampling.__members__:
            known = ", ".join(name.lower() for name in Image.Resampling.__members__)
            raise ValueError(f"interpolation '{self.interpolation}' is none of {known}")
        if len(self.size) != 2 or min(*self.size, *self.resize) < 1:
            raise ValueError(
                f"size {self.size} and resize {self.resize} are not two positive numbers each"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise ValueError(
                f"mean {self.mean} and std {self.std} are not three numbers each, std positive"
            )
        if not all(abs(value) <= LARGEST_STATISTIC for value in (*self.mean, *self.std)):
            raise ValueError(
                f"mean {self.mean} and std {self.std} are not those of channels from 0 to 1; divide those of 0 to 255 by 255"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """One PIL image of any mode -> float32 (3, height, width), normalised."""
        return self.normalised(self.pixels(image))

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """One PIL image of any mode, resized and cropped -> uint8 (3, height, width)."""
        image = rgb(image)
        height, width = self._resized(image.height, image.width)
        top, left, rows, columns = self._box(height, width)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + columns, width), min(top + rows, height)
        resampling = Image.Resampling[self.interpolation.upper()]
        if height * width > _IMMENSE * rows * columns:
            across, down = image.width / width, image.height / height
            right, bottom = min(x1 * across, image.width), min(y1 * down, image.height)
            box = (x0 * across, y0 * down, right, bottom)
            inside = image.resize((x1 - x0, y1 - y0), resampling, box)
        else:
            if (width, height) != image.size:
                image = image.resize((width, height), resampling)
            inside = image.crop((x0, y0, x1, y1))
        if inside.size != (columns, rows):
            image = Image.new("RGB", (columns, rows), self._fill())
            image.paste(inside, (max(-left, 0), max(-top, 0)))
            inside = image
        return torch.from_numpy(np.array(inside)).permute(2, 0, 1)

    def batch_pixels(self, array: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Images of equal size, uint8 (N, H, W) or (N, H, W, 3) -> uint8 (N, 1 or 3, height, width).

        The result is that of one image at a time, up to rounding of pixel values. Only for the interpolations of
        `has_batched`. Runs on the processor, where torch resizes uint8 as Pillow does; on a GPU it resizes only
        floats, without Pillow's rounding between the axes.
        """
        x = torch.as_tensor(array)
        x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
        height, width = self._resized(*x.shape[2:])
        if (height, width) != tuple(x.shape[2:]):
            x = torch.nn.functional.interpolate(
                x, (height, width), mode=self.interpolation, antialias=True, align_corners=False
            )
        top, left, rows, columns = self._box(height, width)
        inside = x[:, :, max(top, 0) : top + rows, max(left, 0) : left + columns]
        if inside.shape[2:] == (rows, columns):
            return inside
        fill = torch.tensor(self._fill(), dtype=torch.uint8)
        padded = fill[None, :, None, None].expand(len(x), 3, rows, columns).clone()
        y0, x0 = max(-top, 0), max(-left, 0)
        padded[:, :, y0 : y0 + inside.shape[2], x0 : x0 + inside.shape[3]] = inside
        return padded

    @property
    def has_batched(self) -> bool:
        """Whether `batch_pixels` can compute this interpolation."""
        return self.interpolation in _BATCHED

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels, uint8 (..., 1 or 3, height, width) -> float32 (..., 3, height, width), on the same device."""
        mean = torch.tensor(self.mean, device=x.device)[:, None, None]
        std = torch.tensor(self.std, device=x.device)[:, None, None]
        return (x / 255 - mean).div_(std)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """The size that an image of (height, width) is scaled to."""
        goal_height, goal_width = self.resize
        if self.fit == "squash":
            return goal_height, goal_width
        if self.fit == "center" and goal_height == goal_width:
            # torchvision's rounding, with which the published weights were evaluated
            longer = int(goal_height * max(height, width) / min(height, width))
            return (goal_height, longer) if height <= width else (longer, goal_width)
        ratios = height / goal_height, width / goal_width
        ratio = max(ratios) if self.fit == "border" else min(ratios)
        return max(1, round(height / ratio)), max(1, round(width / ratio))

    def _box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, rows, columns) of the centre crop; top or left is negative if the image must be padded."""

        def start(size: int, goal: int) -> int:
            return -((goal - size) // 2) if goal > size else round((size - goal) / 2)

        rows, columns = self.size
        return start(height, rows), start(width, columns), rows, columns

    def _fill(self) -> tuple[int, ...]:
        return (
            tuple(round(255 * value) for value in self.mean) if self.fit == "border" else (0, 0, 0)
        )


def make_transform(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> Transform:
    """The transform of a model; the settings have timm's names.

    Parameters
    ----------
    defaults : mapping
        The model's own input_size (int, (h, w) or (channels, h, w)), crop_pct, crop_mode, mean, std and interpolation.
    changes : mapping
        Settings that replace them. input_size alone means the whole image, without a crop.

    Raises
    ------
    UserError
        If a value is not valid.
    """
    if "input_size" in changes and not {"crop_pct", "crop_mode"} & changes.keys():
        changes = {**changes, "crop_pct": 1.0, "crop_mode": "squash"}
    settings = {**defaults, **changes}
    size, crop_pct = settings["input_size"], settings["crop_pct"]
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    try:
        if crop_pct <= 0:
            raise ValueError(f"crop_pct {crop_pct} is not positive")
        return Transform(
            size=(height, width),
            # the tolerance keeps 224 / (224 / 232) at 232
            resize=(math.floor(height / crop_pct + 1e-6), math.floor(width / crop_pct + 1e-6)),
            fit=settings["crop_mode"],
            mean=tuple(settings["mean"]),
            std=tuple(settings["std"]),
            interpolation=settings["interpolation"],
        )
    except (ValueError, TypeError) as error:
        raise UserError(f"the image transform of the FM: {error}") from error
