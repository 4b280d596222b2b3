"""The style of all figures: widths, sizes of text and lines, and matplotlib settings.

A figure is laid out for the width at which it is printed, so that its smallest text has 6 points there.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

WIDTHS = {"column": 3.4, "page": 7.0}  # inches
DPI = 300
INK, GREY = "#222222", "#767676"
MISSING_LETTER = r"Glyph (\d+) .*missing from"  # a warning of matplotlib
FONT = "DejaVu Sans"
# for letters that it lacks, in this order, if they are installed
MORE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Unifont",
)

RC: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlepad": 4,
    "figure.dpi": DPI,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "svg.hashsalt": "imprint",  # names of elements are the same every time
    "text.color": INK,
    "text.parse_math": False,  # a $ in a name is a dollar sign
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.major.width": 0.6,
}


class _Sizes(NamedTuple):
    """Sizes in points."""

    font: float
    title: float
    small: float
    legend: float
    pad: float
    line: float
    marker: float


SIZES = {
    "column": _Sizes(7, title=8.5, small=6, legend=6.5, pad=2.5, line=1.0, marker=3.0),
    "page": _Sizes(8, title=9.5, small=7, legend=7.5, pad=3.5, line=1.2, marker=3.6),
}


def _settings(width: str) -> dict[RcKeyType, Any]:
    sizes = SIZES[width]
    return {
        **RC,
        "axes.labelpad": sizes.pad,
        "axes.labelsize": sizes.font,
        "axes.titlesize": sizes.font,
        "font.family": fonts(),
        "figure.figsize": (WIDTHS[width], 3),
        "figure.titlesize": sizes.title,
        "font.size": sizes.font,
        "legend.fontsize": sizes.legend,
        "legend.title_fontsize": sizes.legend,
        "lines.linewidth": sizes.line,
        "lines.markersize": sizes.marker,
        "xtick.labelsize": sizes.small,
        "xtick.major.pad": sizes.pad,
        "ytick.labelsize": sizes.small,
        "ytick.major.pad": sizes.pad,
    }


@cache
def fonts() -> list[str]:
    """The fonts of all text: `FONT`, and the installed ones of `MORE_FONTS` for letters that it lacks."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [FONT, *(name for name in MORE_FONTS if name in installed)]


@contextmanager
def applied(width: str = "column") -> Iterator[None]:
    """Apply the style inside a `with` block, for figures of the width `column` (3.4 inches) or `page` (7 inches)."""
    import matplotlib

    with matplotlib.rc_context(_settings(width)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", MISSING_LETTER)  # `saving.write` names the letters
        yield


def setting(name: RcKeyType) -> Any:
    """A matplotlib setting of the style in use."""
    import matplotlib

    return matplotlib.rcParams[name]


def figure_width() -> float:
    """Width of a figure in inches."""
    return setting("figure.figsize")[0]


def small_size() -> float:
    """Size of the smallest text in points."""
    return setting("xtick.labelsize")


def panels_across(inches: float, most: int) -> int:
    """The number of panels, each at least `inches` wide, that fit beside each other; at most `most`."""
    return max(1, min(most, int(figure_width() / inches)))
