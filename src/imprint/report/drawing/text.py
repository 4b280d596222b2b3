"""Text measured in inches: wrapped, shortened and broken so that it fits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from imprint.report.drawing.style import fonts, setting

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
NO_BREAK = "\N{NO-BREAK SPACE}"  # between words that stay on one line


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width in inches of a line of text of `size` points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=fonts(), size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def wrap(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """The lines of a text, none wider than `inches` unless it is a single word."""
    lines: list[str] = []
    for word in filter(None, re.split(r"[ \n]+", text)):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def shorten(text: str, inches: float, size: float, weight: str = "normal") -> str:
    """The text, cut to `inches` if it is wider: an ellipsis replaces its middle, as similar names often differ at the end."""
    short, letters = text, len(text)
    while letters and text_width(short, size, weight) > inches:
        letters -= 1
        end = letters // 2
        short = text[: letters - end].rstrip() + ELLIPSIS + text[len(text) - end :].lstrip()
    return short


def shorten_all(names: Iterable[str], inches: float, most: float, size: float) -> dict[str, str]:
    """Names cut to `inches`, or to more, up to `most`, if they would no longer differ."""
    names = set(names)
    while True:
        short = {name: shorten(name, inches, size) for name in names}
        if inches >= most or len(set(short.values())) == len(names):
            return short
        inches = min(most, inches + 0.3)


def break_name(name: str, inches: float) -> str:
    """A long name on several lines of at most `inches`, broken after - _ . / or a space."""
    size, lines = setting("font.size"), [""]
    for piece in re.findall(r"[^-_./ ]*[-_./ ]?", name):
        if lines[-1] and text_width((lines[-1] + piece).strip(), size, "bold") > inches:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines)


def add_halo(text: Any) -> None:
    """Give a text a white rim, so that it can be read over points."""
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=1.6, foreground="white")])
