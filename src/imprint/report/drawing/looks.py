"""Looks of lines and points: colours, markers and dashes that colour-blind readers and grey prints can tell apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.report.drawing.style import GREY, INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    Values = np.ndarray | pd.Series

# Okabe and Ito 2008 without their yellow, which is too pale for a line on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# for more lines than a figure has
MORE_COLOURS = (
    "#999999",
    "#8B5A2B",
    "#A6CE39",
    "#7B3294",
    "#FB9A99",
    "#00441B",
    "#67001F",
    "#80CDC1",
    "#B8B800",
    "#40407A",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
)
FILLS = ("full", "none", "left", "top", "right", "bottom")
GUIDE = {"color": GREY, "linewidth": 0.8, "zorder": 1.5}  # lines that help to read the others
DOTTED_GUIDE = {**GUIDE, "linestyle": DASHES[2]}
NOT_MEASURED = {"linestyle": DASHES[2], "markerfacecolor": "white"}  # changes for `Look.line`


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash pattern of one line; each of the three distinguishes it from the others."""

    colour: str
    marker: str | None
    dash: Any

    def line(self, **changes: Any) -> dict[str, Any]:
        """Arguments for `Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dash, **changes}

    def draw(
        self,
        axes: Axes,
        x: Values,
        middle: Values,
        low: Values,
        high: Values,
        alpha: float = 0.18,
        **changes: Any,
    ) -> None:
        """Draw a line with a band around it, a bar if it is one point; for `changes` see `line`."""
        if len(x) == 1:  # a band would have no width
            axes.vlines(x, low, high, color=self.colour, linewidth=0.8)
        else:
            axes.fill_between(x, low, high, color=self.colour, alpha=alpha, linewidth=0)
        axes.plot(x, middle, **self.line(**changes))


GENS = {
    "kmeans": Look(COLOURS[0], "o", DASHES[0]),
    "minibatch_kmeans": Look(COLOURS[0], "h", DASHES[1]),
    "kmedoids": Look(COLOURS[4], "D", DASHES[4]),
    "fps": Look(COLOURS[2], "^", DASHES[3]),
    "cov_max": Look(COLOURS[3], "v", DASHES[0]),
    "random": Look(COLOURS[1], "s", DASHES[1]),
    "kls": Look(COLOURS[5], "P", DASHES[1]),
    "pam": Look(COLOURS[4], "d", DASHES[1]),
    "auto": Look("#7B3294", "X", DASHES[0]),
    "ridge": Look("#7A9A01", "<", DASHES[1]),
    "logistic": Look("#B2182B", ">", DASHES[3]),
    "lda": Look("#5E4FA2", "p", DASHES[4]),
    "mean": Look(GREY, None, DASHES[2]),
    "all": Look("#8B5A2B", None, DASHES[1]),
    "ls": Look(INK, None, DASHES[0]),
}
OTHER_MARKERS = [m for m in MARKERS if m not in {look.marker for look in GENS.values()}]


OTHER_LOOKS = [  # neighbours differ in colour
    Look(colour, marker, dash) for marker in OTHER_MARKERS for dash in DASHES for colour in COLOURS
]
_of_users: ContextVar[Mapping[str, Look]] = ContextVar("_of_users")


def gen_look(gen: str) -> Look:
    """The look of a GEN, the same in every figure; for a user's GEN it is derived from the name, see `told_apart`."""
    if gen in GENS:
        return GENS[gen]
    return _of_users.get({}).get(gen) or OTHER_LOOKS[_number(gen)]


def _number(gen: str) -> int:
    return int(hashlib.sha256(gen.encode()).hexdigest(), 16) % len(OTHER_LOOKS)


@contextmanager
def told_apart(gens: Iterable[str]) -> Iterator[None]:
    """Inside a `with` block, users' GENs of these whose names give the same look have different ones."""
    looks: dict[str, Look] = {}
    for gen in sorted(set(gens) - set(GENS)):
        first = _number(gen)
        rotated = OTHER_LOOKS[first:] + OTHER_LOOKS[:first]
        taken = set(looks.values())
        looks[gen] = next((look for look in rotated if look not in taken), rotated[0])
    before = _of_users.set(looks)
    try:
        yield
    finally:
        _of_users.reset(before)


def in_legend_order(gens: Iterable[str]) -> list[str]:
    """The distinct GENs in the order of `GENS`, others after them by name."""
    distinct = set(gens)
    return [*(gen for gen in GENS if gen in distinct), *sorted(distinct - set(GENS))]


def numbered_look(number: int) -> Look:
    """The look of the line of one dataset or task family, counted from 0."""
    return Look(
        COLOURS[number % len(COLOURS)],
        MARKERS[number % len(MARKERS)],
        DASHES[number % len(DASHES)],
    )


def point_style(fm: int, family: int) -> dict[str, Any]:
    """Arguments for `Axes.plot` of one point: colour and fill by FM, shape by family, each counted from 0."""
    return {
        "color": COLOURS[fm % len(COLOURS)],
        "fillstyle": FILLS[fm % len(FILLS)],
        "markerfacecoloralt": "white",
        "marker": MARKERS[family % len(MARKERS)],
        "linestyle": "",
        "markersize": 5.5,
        "markeredgewidth": 0.9,
    }


def shades(values: Sequence[Any]) -> dict[Any, Look]:
    """A look for each of the ordered values: colours from dark to light, and markers."""
    import matplotlib
    from matplotlib.colors import to_hex

    palette = matplotlib.colormaps["viridis"]
    step = 0.8 / max(len(values) - 1, 1)
    return {
        value: Look(to_hex(palette(i * step)), MARKERS[i % len(MARKERS)], "-")
        for i, value in enumerate(values)
    }


def class_colours(count: int) -> list[Any]:
    """Colours for classes. Many classes, or a grey printer, need names beside the colours."""
    import matplotlib

    if count <= 10:
        return list(matplotlib.colormaps["tab10"](range(count)))
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def legend_line(label: str, **style: Any) -> Any:
    """A legend entry: a line without data."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)
