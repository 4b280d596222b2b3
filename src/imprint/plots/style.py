"""One look for all figures: sizes for a column or a page, colours that the colour-blind and a grey printer tell apart.

A figure is laid out for the width it is printed at, so that its smallest text has 6 points there: see `applied`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.store import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE, DOUBLE = 3.4, 7.0  # widths of a figure, inches
WIDTHS = {"column": SINGLE, "page": DOUBLE}
DPI = 300
INK, GREY = "#222222", "#767676"

# Okabe and Ito 2008, its yellow left out: too pale for a line on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "8")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
)
FILLS = ("full", "none", "left", "top", "right", "bottom")

RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlepad": 4,
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "pdf.fonttype": 42,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.major.width": 0.6,
}

# points
SIZES = {
    "column": {"font": 7, "title": 8.5, "small": 6, "legend": 6.5, "pad": 2.5, "line": 1.0, "marker": 3.0},
    "page": {"font": 8, "title": 9.5, "small": 7, "legend": 7.5, "pad": 3.5, "line": 1.2, "marker": 3.6},
}


def _rc(width: str) -> dict[str, Any]:
    sizes = SIZES[width]
    return {
        **RC,
        "axes.labelpad": sizes["pad"],
        "axes.labelsize": sizes["font"],
        "axes.titlesize": sizes["font"],
        "figure.figsize": (WIDTHS[width], 3),
        "figure.titlesize": sizes["title"],
        "font.size": sizes["font"],
        "legend.fontsize": sizes["legend"],
        "legend.title_fontsize": sizes["legend"],
        "lines.linewidth": sizes["line"],
        "lines.markersize": sizes["marker"],
        "xtick.labelsize": sizes["small"],
        "xtick.major.pad": sizes["pad"],
        "ytick.labelsize": sizes["small"],
        "ytick.major.pad": sizes["pad"],
    }


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash pattern of one line; any one of the three tells it from the others."""

    colour: str
    marker: str | None
    dash: Any

    def line(self, **changes: Any) -> dict[str, Any]:
        """Arguments for `Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dash, **changes}


GENS = {
    "kmeans": Look(COLOURS[0], "o", DASHES[0]),
    "kmedoids": Look(COLOURS[4], "D", DASHES[4]),
    "fps": Look(COLOURS[2], "^", DASHES[3]),
    "cov_max": Look(COLOURS[3], "v", DASHES[0]),
    "random": Look(COLOURS[1], "s", DASHES[1]),
    "kls": Look(COLOURS[5], "P", DASHES[1]),
    "pam": Look(COLOURS[4], "d", DASHES[1]),
    "mean": Look(GREY, None, DASHES[2]),
    "all": Look(GREY, None, DASHES[1]),
    "ls": Look(INK, None, DASHES[0]),
}


OTHERS = tuple(marker for marker in MARKERS if marker not in {look.marker for look in GENS.values()})


def gen_look(gen: str) -> Look:
    """The look of a GEN, the same in every figure; one of a user's own has it by its name, with a marker of its own kind."""
    if gen in GENS:
        return GENS[gen]
    number, marker = divmod(int(hashlib.sha256(gen.encode()).hexdigest(), 16), len(OTHERS))
    number, dash = divmod(number, len(DASHES))
    return Look(COLOURS[number % len(COLOURS)], OTHERS[marker], DASHES[dash])


def line_look(which: int, dash: int) -> Look:
    """The look of the line of one FM (numbered) and, by its dash, one task family."""
    return Look(COLOURS[which % len(COLOURS)], MARKERS[which % len(MARKERS)], DASHES[dash % len(DASHES)])


def point_look(which: int, shape: int) -> dict[str, Any]:
    """Arguments for `Axes.plot` of one point: colour and fill by FM (numbered), shape by task family."""
    return {
        "color": COLOURS[which % len(COLOURS)],
        "fillstyle": FILLS[which % len(FILLS)],
        "markerfacecoloralt": "white",
        "marker": MARKERS[shape % len(MARKERS)],
        "linestyle": "",
        "markersize": 5.5,
        "markeredgewidth": 0.9,
    }


@contextmanager
def applied(width: str = "column") -> Iterator[None]:
    """The style for what is drawn inside, on figures of the width `column` (3.4 inches) or `page` (7 inches)."""
    import matplotlib

    with matplotlib.rc_context(_rc(width)):
        yield


def width() -> float:
    """Inches that a figure is wide."""
    import matplotlib

    return matplotlib.rcParams["figure.figsize"][0]


def small() -> float:
    """Points of the smallest text."""
    import matplotlib

    return matplotlib.rcParams["xtick.labelsize"]


def fitting(inches: float, most: int) -> int:
    """How many panels of at least so many inches stand side by side, at most `most`."""
    return max(1, min(most, int(width() / inches)))


def canvas(width: float, height: float) -> Figure:
    """An empty figure (inches) that lays its parts out without overlap and needs no display."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04))


def sheet(title: str, facts: str, height: float) -> Figure:
    """A figure with its title, what is to know of it in grey below, and `height` inches for all else but its legend.

    A line break in `facts` starts a new line; long ones are wrapped.
    """
    import matplotlib
    from matplotlib.transforms import ScaledTranslation

    sizes = matplotlib.rcParams
    title_size, size = sizes["figure.titlesize"], sizes["xtick.labelsize"]
    room = width() - 2 * MARGIN
    lines = [(line, title_size, {"fontweight": "bold"}) for line in wrapped(title, room, title_size, "bold")]
    for line in facts.split("\n"):
        lines += [(part, size, {"color": GREY}) for part in wrapped(line, room, size)]
    figure = canvas(width(), height)
    # inches from the upper left corner, wherever a legend below will move that
    corner = figure.dpi_scale_trans + ScaledTranslation(0, 1, figure.transFigure)
    down = MARGIN
    for line, points, look in lines:
        text = figure.text(MARGIN, -down, line, transform=corner, va="top", fontsize=points, **look)
        text.set_in_layout(False)
        down += 1.3 * points / 72
    _resize(figure, height, down + MARGIN)
    return figure


def _resize(figure: Figure, height: float, head: float) -> None:
    """Make a figure so many inches high below its head."""
    figure.set_figheight(head + height)
    figure.get_layout_engine().set(rect=(0, 0, 1, height / (head + height)))


MARGIN = 0.06  # inches around the words of a figure


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches of a line of text."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=RC["font.family"], size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def wrapped(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """The lines of a text, none longer than so many inches unless it is one word."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def fitted(text: str, inches: float, size: float) -> str:
    """A text, cut to so many inches with an ellipsis if it is longer."""
    short = text
    while len(short) > 1 and text_width(short, size) > inches:
        short = short.rstrip("\N{HORIZONTAL ELLIPSIS}")[:-1] + "\N{HORIZONTAL ELLIPSIS}"
    return short


def notice(title: str, message: str) -> Figure:
    """A figure that holds only words: what would be here, and what is missing."""
    return sheet(title, message, 0.1)


def broken(name: str, inches: float) -> str:
    """A long name on several lines of so many inches where it can be broken (after - _ . / or space)."""
    import matplotlib

    size, lines = matplotlib.rcParams["font.size"], [""]
    for part in re.findall(r"[^-_./ ]*[-_./ ]?", name):
        if lines[-1] and text_width((lines[-1] + part).strip(), size, "bold") > inches:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def row_title(axes: Axes, name: str) -> None:
    """The name of a row of panels, at the right of its last one."""
    axes.annotate(
        name, (1, 0.5), (5, 0), "axes fraction", "offset points", rotation=270, va="center", fontweight="bold"
    )


def legend_below(figure: Figure, *groups: Sequence[Any], title: str | None = None) -> None:
    """One legend under all panels of a sheet, which grows by it, in as few rows as the width allows.

    Each group of handles has columns of its own.
    """
    import matplotlib
    from matplotlib.lines import Line2D

    size = matplotlib.rcParams["legend.fontsize"]
    beside = (2.6 + 0.8 + 1.5) * size / 72  # handle, gap to its text, gap to the next column
    blank = Line2D([], [], linestyle="", label=" ")
    for rows in range(1, max(map(len, groups)) + 1):
        columns = [
            [*part[i : i + rows], *[blank] * (i + rows - len(part))]
            for part in map(list, groups)
            for i in range(0, len(part), rows)
        ]
        inches = [beside + max(text_width(handle.get_label(), size) for handle in part) for part in columns]
        if sum(inches) < figure.get_figwidth():
            break
    handles = [handle for part in columns for handle in part]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(columns), title=title, columnspacing=1.5
    )
    before, share = figure.get_figheight(), figure.get_layout_engine().get()["rect"][3]
    lines = rows + (title is not None)
    _resize(figure, share * before + (1.7 * lines + 1.3) * size / 72, (1 - share) * before)


def spread(places: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Places moved as little as may be, so that they are `gap` apart and, if there is room, within low and high."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    moved = isotonic_regression(np.asarray(places, float)[order] - steps).x
    out = np.empty(len(order))
    out[order] = np.clip(moved, low, max(low, high - steps[-1])) + steps if len(order) else moved
    return out


def label_right(axes: Axes, labels: Sequence[tuple[float, str, str]], inches: float) -> None:
    """Texts at the right of a panel, each (y, text, colour) near its y, moved apart and tied to it by a line.

    inches: the height of the panel inside its axes; its limits and scales must be set before.
    """
    places = [axes.transLimits.transform(axes.transScale.transform((1, y)))[1] for y, _, _ in labels]
    moved = spread(places, 1.15 * small() / 72 / inches)
    for (_, text, colour), place, to in zip(labels, places, moved, strict=True):
        axes.annotate(
            text,
            (1, place),
            (1 + 0.12 / inches, to),
            "axes fraction",
            "axes fraction",
            va="center",
            fontsize=small(),
            color=colour,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 0},
            annotation_clip=False,
        )


def shades(names: Sequence[Any]) -> dict[Any, Look]:
    """A look for each of some ordered things: colours from dark to light, and markers."""
    import matplotlib
    from matplotlib.colors import to_hex

    palette = matplotlib.colormaps["viridis"]
    step = 0.8 / max(len(names) - 1, 1)
    return {
        name: Look(to_hex(palette(i * step)), MARKERS[i % len(MARKERS)], "-") for i, name in enumerate(names)
    }


def many_colours(count: int) -> list[Any]:
    """Colours for classes; names beside them tell them apart where there are many, or in grey."""
    import matplotlib

    if count <= 10:
        return list(matplotlib.colormaps["tab10"].colors[:count])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def halo(text: Any) -> None:
    """A white rim, so that a text is read on points."""
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=1.6, foreground="white")])


def k_axis(axes: Axes, ks: Sequence[int], inches: float, names: Mapping[int, str] | None = None) -> None:
    """A logarithmic axis whose ticks are the numbers that were run; labels that would touch are left out.

    inches: the width of the panel inside its axes. names: labels of numbers that stand for something else.
    """
    ks = sorted(set(ks))
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(ks[0] / 1.15, ks[-1] * 1.15)
    place = np.log(ks) / np.log(ks[-1] / ks[0] * 1.15**2) * inches
    words = [(names or {}).get(k, str(k)) for k in ks]
    rooms = [text_width(word, small()) + 0.03 for word in words]
    labels, taken = [""] * len(ks), np.inf
    # from the largest k down, so that both ends of the range keep theirs
    for i in [0, *range(len(ks) - 1, 0, -1)]:
        half = rooms[i] / 2
        if i == 0 or (place[i] + half <= taken and place[i] - half >= place[0] + rooms[0] / 2):
            labels[i] = words[i]
            taken = place[i] - half if i else taken
    axes.set_xticks(ks, labels)


def d_axis(axes: Axes, ds: Sequence[int], inches: float) -> None:
    """A tick for each d, and as many labels as have room."""
    step = int(np.ceil(len(ds) * (text_width(str(ds[-1]), small()) + 0.04) / inches))
    axes.set_xticks(ds, [str(d) if i % step == 0 else "" for i, d in enumerate(ds)])
    axes.set_xlim(ds[0] - 0.3, ds[-1] + 0.3)


def label_across(axes: Axes, text: str, columns: int) -> None:
    """The name of an x axis that a row of so many panels shares, under the first of them and centred over all."""
    import matplotlib

    pad = matplotlib.rcParams["axes.labelpad"]
    axes.set_xlabel(" ")  # room for it
    down = 3.5 + 2 * pad + 1.15 * small()
    label = axes.annotate(
        text,
        (columns / 2 + 0.1 * (columns - 1), 0),
        (0, -down),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="top",
        annotation_clip=False,
    )
    label.set_in_layout(False)


def percent_axis(axes: Axes) -> None:
    """An accuracy axis: round ticks, and never a range so narrow that noise looks like an effect."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    if high - low < 3:
        low, high = (low + high) / 2 - 1.5, (low + high) / 2 + 1.5
    above = 100 + 0.04 * (high - low)  # half a marker at 100 %
    axes.set_ylim(max(low, -1), min(high, above))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def save(figure: Figure, stem: str | Path) -> tuple[Path, Path]:
    """Write stem.png (300 dpi) and stem.pdf; the same figure gives the same bytes."""
    stem = Path(stem)
    png, pdf = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    with applied():
        with atomic(png) as path:
            figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
        figure.set_layout_engine("none")  # laid out once, for both
        with atomic(pdf) as path:
            figure.savefig(
                path, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None}
            )
    return png, pdf
