"""Draw the rooms of the library and who imports whom: `python docs/draw_house.py` writes docs/contributing/house.svg.

The arrows are read from the imports of src/imprint, those for type checking included.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import grimp
import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

FILE = Path(__file__).parent / "contributing" / "house.svg"
# from top to bottom, as in the contract of import-linter in pyproject.toml
ROOMS = {
    "cli": "the command: arguments in, library calls, text out",
    "estimator": "the scikit-learn classifier, exports, cross-validation",
    "study": "configuration, cells, jobs, doctor, status",
    "report": "tables and figures",
    "analysis": "scores in, conclusions out: ranks, tests, intervals",
    "fm": "foundation models: sources, transforms, extraction",
    "data": "images: dataset sources, tasks, draws",
    "store": "files: embeddings, proxies, scores, heads; paths",
    "method": "the science: NORM, GEN, distances, engine, metrics",
}
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#9c755f", "#76b7b2", "#edc948")
WIDTH, HEIGHT = 4.6, 0.62  # of a box, in units of the distance between two


def arrows() -> list[tuple[str, str]]:
    """(importing room, imported room), from top to bottom."""
    graph = grimp.build_graph("imprint", cache_dir=None)
    for room in ROOMS:
        graph.squash_module(f"imprint.{room}")
    return [
        (upper, lower)
        for upper, lower in combinations(ROOMS, 2)
        if graph.direct_import_exists(importer=f"imprint.{upper}", imported=f"imprint.{lower}")
    ]


def draw() -> Figure:
    """The diagram; an arrow's id in the SVG is `importing-imported`."""
    figure = Figure(figsize=(8.4, 7))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-5.2, 5.2), ylim=(-len(ROOMS) + 0.3, 0.7))
    axes.axis("off")
    rows = {room: -number for number, room in enumerate(ROOMS)}
    for room, description in ROOMS.items():
        box = FancyBboxPatch(
            (-WIDTH / 2, rows[room] - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#f7f7f5",
            edgecolor="#555555",
        )
        axes.add_patch(box)
        axes.text(0, rows[room] + 0.12, room, ha="center", va="center", size=11, weight="bold")
        axes.text(0, rows[room] - 0.13, description, ha="center", va="center", size=7.5)
    for upper, lower in arrows():
        axes.add_patch(_arrow(upper, lower, rows))
    return figure


def _arrow(upper: str, lower: str, rows: dict[str, int]) -> FancyArrowPatch:
    """Straight to the next room; else around the rooms between, alternately left and right."""
    number, distance = -rows[upper], rows[upper] - rows[lower]
    colour = COLOURS[number % len(COLOURS)]
    if distance == 1:
        ends = (0, rows[upper] - HEIGHT / 2), (0, rows[lower] + HEIGHT / 2)
        bend = "arc3,rad=0"
    else:
        side = 1 if number % 2 else -1
        leave, arrive = 0.18 - 0.05 * distance, 0.2 - 0.05 * number
        ends = (side * WIDTH / 2, rows[upper] + leave), (side * WIDTH / 2, rows[lower] + arrive)
        bend = f"arc3,rad={-side * min(0.75, 0.28 + 0.04 * distance)}"
    arrow = FancyArrowPatch(
        *ends,
        connectionstyle=bend,
        arrowstyle="-|>",
        mutation_scale=9,
        linewidth=1.1,
        color=colour,
        shrinkA=0,
        shrinkB=0,
    )
    arrow.set_gid(f"{upper}-{lower}")
    return arrow


if __name__ == "__main__":
    with mpl.rc_context(
        {"svg.hashsalt": "house", "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        draw().savefig(FILE, metadata={"Date": None, "Creator": None})
