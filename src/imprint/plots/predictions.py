"""What one cell does, sample by sample: which classes it confuses, and which proxies are near."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.method import k_name
from imprint.plots import style
from imprint.plots.registry import figure
from imprint.plots.selection import describe
from imprint.statistics import ONE_K

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

    Images = Mapping[str, Callable[[str, str], Image | None]]

COUNTED = 15  # classes of a confusion matrix whose numbers are written
WORST = 4  # confusions told above
MISTAKES, ROWS = 4, 7  # of a gallery
COLOUR_OTHER = style.COLOURS[1]


def _cell(about: Mapping[str, Any]) -> str:
    """The cell in words."""
    configuration = about["configuration"]
    gen, k = configuration["gen"], configuration["k"]
    method = gen if gen in ONE_K else f"{gen} with k = {k_name(gen, k)}"
    return f"{about['fm']} on {about['task']}; GEN {method}; {describe(configuration)}; seed {about['seed']}"


@figure("confusion", title="Confusion matrix", category="One task", data="predictions")
def confusion(table: pd.DataFrame, about: Mapping[str, Any], images: None = None) -> Figure:
    """True classes against predicted ones, shaded by the share of the true class; above, what is confused most.

    table, about: see `imprint.grid.predictions`; about also has fm and task.
    """
    import seaborn

    names = [style.fitted(name, 0.6, style.small()) for name in about["classes"]]
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (table["true"].to_numpy(), table["predicted"].to_numpy()), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    facts = f"{_cell(about)}\nAccuracy {100 * about['accuracy']:.2f} %, n = {len(table):,} test samples{_worst(counts, names)}"
    longest = max(style.text_width(name, style.small()) for name in names)
    inches = min(style.width(), 5.0) - 0.95 - longest  # of the matrix; beside it are names and the scale
    step = ceil(len(names) * 1.3 * style.small() / 72 / inches)  # classes from one name to the next
    upright = longest > inches / len(names) * step - 0.04
    fig = style.sheet("Confusion matrix", facts, inches + 0.35 + (longest if upright else 0.1))
    axes = fig.subplots()
    few = len(names) <= COUNTED
    seaborn.heatmap(
        share,
        ax=axes,
        cmap="Blues",
        vmin=0,
        vmax=1,
        mask=counts == 0,
        annot=counts if few else None,
        fmt="d",
        annot_kws={"size": style.small()},
        xticklabels=names,
        yticklabels=names,
        cbar_kws={"label": "Share of the true class", "shrink": 0.6, "pad": 0.02, "aspect": 25},
        rasterized=not few,
    )
    for axis, rotation in ((axes.xaxis, 90 if upright else 0), (axes.yaxis, 0)):
        axis.set_ticks(np.arange(0, len(names), step) + 0.5, names[::step], rotation=rotation)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.set(xlabel="Predicted class", ylabel="True class")
    return fig


def _worst(counts: np.ndarray, names: list[str]) -> str:
    off = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-off, axis=None, kind="stable")[:WORST]
    pairs = [divmod(int(i), len(counts)) for i in order if off.flat[i]]
    told = ", ".join(f"{names[i]} as {names[j]} ({off[i, j]})" for i, j in pairs)
    return f"; most often confused: {told}" if told else ""


@figure("gallery", title="Test images and their nearest proxies", category="One task", data="predictions")
def gallery(table: pd.DataFrame, about: Mapping[str, Any], images: Images) -> Figure:
    """A row per test sample, mistakes first: its image and those of its nearest proxies.

    images: for each dataset a function of split and id; a sample whose image is not known stands there by its id.
    """
    chosen = _chosen(table)
    names = about["classes"]
    columns = 1 + len(table["near_class"].iloc[0])
    proxies = (
        "Proxies are training samples" if about["proxies_are_samples"]
        else "For a proxy stands the training sample of its class that is nearest to it in direction"
    )  # fmt: skip
    facts = (
        f"{_cell(about)}\n{proxies}; below are class and {about['value_is']}, framed in dashes where the class is not "
        f"the true one. {len(chosen)} of {len(table):,} test samples, mistakes first"
    )
    size = style.width() / (columns + 0.35)
    fig = style.sheet("Test images and their nearest proxies", facts, 0.2 + (size + 0.26) * len(chosen))
    grid = fig.subplots(len(chosen), columns, squeeze=False)
    for row, (axes, sample) in enumerate(zip(grid, table.iloc[chosen].itertuples(), strict=True)):
        said = "right" if sample.true == sample.predicted else f"as {names[sample.predicted]}"
        _show(axes[0], images, sample.dataset, "test", sample.id, (names[sample.true], said), size)
        axes[0].xaxis.label.set_fontweight("bold")
        near = zip(sample.near_class, sample.near_dataset, sample.near_id, sample.near_value, strict=True)
        for place, (label, dataset, name, value) in zip(axes[1:], near, strict=True):
            _show(place, images, dataset, "train", name, (names[label], f"{value:.3f}"), size)
            same = label == sample.true
            place.spines[:].set(
                visible=True,
                color=style.INK if same else COLOUR_OTHER,
                linewidth=1.2 if same else 1.6,
                linestyle="-" if same else (0, (2.5, 1.5)),
            )
        if row == 0:
            axes[0].set_title("test", fontweight="bold")
            for i, place in enumerate(axes[1:], 1):
                place.set_title("nearest" if i == 1 else f"{i}.", fontweight="bold")
    return fig


def _chosen(table: pd.DataFrame) -> list[int]:
    """Rows to show: some mistakes, then some that are right, of as many classes as may be; the same every time."""
    order = np.random.default_rng(0).permutation(len(table))
    right = (table["true"] == table["predicted"]).to_numpy()
    wrong = _varied(order[~right[order]], table, MISTAKES)
    return [*wrong, *_varied(order[right[order]], table, ROWS - len(wrong))]


def _varied(order: np.ndarray, table: pd.DataFrame, most: int) -> list[int]:
    """The first of each class before the second of any."""
    turn = table["true"].iloc[order].groupby(table["true"].iloc[order]).cumcount().to_numpy()
    return [int(i) for i in order[np.argsort(turn, kind="stable")][:most]]


def _show(
    axes: Axes, images: Images, dataset: str, split: str, name: str, words: tuple[str, str], inches: float
) -> None:
    image = images[dataset](split, name) if dataset in images else None
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    lines = [style.fitted(word, inches, style.small()) for word in words]
    axes.set_xlabel("\n".join(lines), fontsize=style.small(), labelpad=1.5, linespacing=1.0)
    axes.set_box_aspect(1)
    if image is None:
        parts = [name[i : i + 8] for i in range(0, len(name), 8)][-4:]  # paths differ at their ends
        axes.text(0.5, 0.5, "\n".join(parts), ha="center", va="center", fontsize=style.small())
        axes.set(xlim=(0, 1), ylim=(0, 1))
        return
    axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest", aspect="auto")
