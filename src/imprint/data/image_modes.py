"""Images of every mode as 8-bit RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

_LARGEST_OF_ONE = 2  # of float images of 0..1; one of 0..255 with no larger value is black


def rgb(image: Image.Image) -> Image.Image:
    """A PIL image of any mode as 8-bit RGB; transparent parts become white.

    Modes I and I;16 hold 0..65535 and are rescaled (Pillow's own conversion would clip them). Mode F holds
    0..1, or 0..255 when a value is above 2: resizing with sharp filters gives values a little above 1.
    """
    if image.mode == "RGB" and not image.has_transparency_data:  # PNG can name a transparent colour
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image, np.float64)
        if image.mode != "F":
            values = values / 257
        elif values[np.isfinite(values)].max(initial=0) <= _LARGEST_OF_ONE:
            values = values * 255
        return Image.fromarray(
            np.rint(np.nan_to_num(values).clip(0, 255)).astype(np.uint8)
        ).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")
