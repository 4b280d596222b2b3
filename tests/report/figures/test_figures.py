"""Figures: what they show of known scores, that nothing overlaps, and that the same data give the same bytes."""

import re
import sys
from itertools import product
from pathlib import Path
from subprocess import run
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from imprint.analysis import selection
from imprint.errors import UserError
from imprint.report.drawing.axes import k_axis, spread
from imprint.report.drawing.looks import GENS, shades
from imprint.report.drawing.sheet import canvas
from imprint.report.drawing.style import WIDTHS
from imprint.report.drawing.text import shorten, text_width, wrap
from imprint.report.figures import FIGURES, save
from imprint.report.tables import TABLES
from tests.legible import check_legible, words

REPORT = Path(__file__).parents[3] / "workflow" / "report"
L2 = ("l2", "l2", "l2", "max", "inner_product", None, None)
NONE = ("none", "none", "none", "max", "inner_product", None, None)
NEAREST = ("none", "none", "none", "mnn", "euclidean", "uniform", 1)
KEYS = selection.CONFIGURATION


def preset(label, gen, k, configuration):
    return {
        "label": label,
        "gen": gen,
        "k": k,
        "published": 90.0,
        **dict(zip(KEYS, configuration, strict=True)),
    }


PRESETS = {
    "qi": preset("Qi et al. 2018", "mean", 1, L2),
    "janson": preset("Janson et al. 2022", "mean", 1, NEAREST),
    "westerhoff": preset("Westerhoff et al. 2025", "kmeans", 20, L2),
    "oracle": preset("Oracle (least squares)", "ls", 1, NONE),
}
KS = {"mean": [1], "kmeans": [1, 2, 3, 5, 10, 20], "random": [1, 5, 20], "all": [None], "ls": [1]}


def study(fms, plain, ds, configurations=(L2, NONE, NEAREST), draws=2, seeds=2, shots=("full",)):
    """Scores and collapse of a study in which more proxies pay where NC1 is high, and more samples everywhere."""
    rng = np.random.default_rng(0)
    tasks = [(name, name, None, 0, nc1) for name, nc1 in plain.items()]
    tasks += [
        (f"glyphs-d{d}", "glyphs-d", d, draw, 0.4 * d + 0.02 * draw)
        for d in ds
        for draw in range(draws)
    ]
    scores, collapse = [], []
    for fm in fms:
        for task, family, d, draw, nc1 in tasks:
            keys = {"fm": fm, "task": task, "family": family, "d": d, "draw": draw}
            collapse.append({**keys, "nc1": nc1, "samples": 600})
            for gen, ks in KS.items():
                for k in ks:
                    gain = 0.07 * nc1 * (1 - 1 / (k or 50)) + {"ls": 0.2, "random": -0.1}.get(
                        gen, 0
                    )
                    for i, n, seed in product(range(len(configurations)), shots, range(seeds)):
                        less = 0 if n == "full" else 0.3 / n
                        accuracy = (
                            0.85 - 0.07 * nc1 + gain - 0.02 * i - less + 0.005 * rng.uniform()
                        )
                        seconds = 0.001 * (k or 50) * (1 + seed)
                        method = (gen, k, *configurations[i])
                        scores.append((*keys.values(), n, *method, seed, accuracy, seconds))
    columns = [*keys, "shots", "gen", "k", *KEYS, "seed", "accuracy", "seconds"]
    whole = dict.fromkeys(["d", "draw", "k", "m"], "Int64")
    frame = pd.DataFrame(scores, columns=columns).astype(whole).assign(proxies=10)
    text = [
        "fm",
        "task",
        "family",
        "shots",
        "gen",
        "norm_pre",
        "norm_post",
        "norm_inf",
        "agg",
        "distance",
        "weighting",
    ]
    collapse = pd.DataFrame(collapse).astype({"d": "Int64", "draw": "Int64"})
    return frame.astype({"shots": str}).astype(dict.fromkeys(text, "category")), collapse


DIGITS = {"digits-all": 3.1, "digits-even": 1.4, "digits-odd": 1.9, "digits-short": 0.8}
SMALL = study(["resnet", "convnext"], DIGITS, [1, 2, 3, 5])
LARGE = study(
    ["resnet50.tv_in1k", "vit_b_16.tv_in1k", "swin_b.tv_in1k"],
    {
        f"{name}-{part}": nc1
        for name, nc1 in (("mnist", 1), ("fashion", 2))
        for part in ("all", "even", "odd", "short")
    },
    range(1, 11),
    seeds=1,
)
ONE = study(["resnet"], {"digits-all": 3.0}, [2])
SHOTS = study(
    ["resnet", "convnext"], DIGITS, [], [L2], shots=[1, 2, 5, 10, 20, 50, "full"], seeds=3
)
FROM_SCORES = [name for name, entry in FIGURES.items() if not entry.shows_one_task]


def fms_of(scores):
    """FMs of several sizes and speeds; of the last one little is known."""
    names = list(scores["fm"].unique())
    known = len(names) - 1
    return pd.DataFrame(
        {
            "fm": names,
            "dimensions": [512 * 2**i for i in range(len(names))],
            "parameters": pd.array(
                [*[11_000_000 * 20**i for i in range(known)], None][: len(names)], "Int64"
            ),
            "images_per_second": [*[1234.5 / 30**i for i in range(known)], None][: len(names)],
            "device": [*["NVIDIA H100 80GB HBM3"] * known, None][: len(names)],
            "threads": pd.array([*[2] * known, None][: len(names)], "Int64"),
        }
    )


def draw_figure(name, data=SMALL, presets=PRESETS, **options):
    fms = [fms_of(data[0])] if FIGURES[name].needs_fms else []
    return FIGURES[name].draw(*data, presets, *fms, **options)


@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
@pytest.mark.parametrize("data", [SMALL, LARGE, ONE, SHOTS], ids=["small", "large", "one", "shots"])
@pytest.mark.parametrize("name", FROM_SCORES)
def test_every_word_is_legible_in_a_column_and_on_a_page(name, data, width, inches):
    figure = draw_figure(name, data, width=width)
    # one with many panels takes the width of a page
    assert figure.get_figwidth() == inches or figure.get_figwidth() == WIDTHS["page"]
    check_legible(figure, figure.get_figwidth())


@pytest.mark.parametrize("name", FROM_SCORES)
def test_a_figure_has_its_title_axes_and_what_its_values_stand_for(name):
    figure = draw_figure(name, SHOTS if name == "few_shot" else SMALL)
    text = words(figure)
    assert figure.texts[0].get_fontweight() == "bold"
    shared = [label.get_text() for axes in figure.axes for label in axes.texts]
    assert any(", k" in text or ", n" in text or ", d" in text for text in shared) or any(
        axes.get_xlabel().strip() or not axes.axison for axes in figure.axes
    )
    assert re.search(r"seed|draw|points|\(FM, task\)", text)
    if any(axes.collections for axes in figure.axes if axes.axison):
        assert "band" in text or "bar" in text


@pytest.mark.parametrize("name", FROM_SCORES)
def test_without_rows_a_figure_says_what_is_missing(name):
    scores, collapse = SMALL
    messages = []
    figure = draw_figure(name, (scores.iloc[:0], collapse.iloc[:0]), missing=messages.append)
    assert "Add" in words(figure)
    assert len(messages) == 1 and messages[0] in words(figure)


def test_where_there_is_something_to_show_nothing_is_called_missing():
    messages = []
    draw_figure("accuracy_over_k", missing=messages.append)
    assert messages == []


def test_without_a_family_the_figures_over_d_say_so():
    data = study(["resnet"], DIGITS, [])
    for name in ("accuracy_over_k_by_d", "nc1_over_d", "best_k_over_d"):
        assert "No 'd in 1' tasks in this experiment" in words(draw_figure(name, data))


@pytest.mark.parametrize("name", ["accuracy_over_k", "gain_over_nc1"])
def test_same_data_same_bytes(name, tmp_path):
    first, second = (save(draw_figure(name, ONE), tmp_path / f"{name}.{i}") for i in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name
    assert [path.name for path in first] == [f"{name}.0.png", f"{name}.0.pdf"]
    assert b"CreationDate" not in first[1].read_bytes()
    with Image.open(first[0]) as image:
        assert image.width == round(300 * draw_figure(name, ONE).get_figwidth())


def test_fms_stand_in_the_order_of_their_ranks_with_what_they_cost():
    scores, collapse = SMALL
    better = scores["accuracy"].where(scores["fm"] == "convnext", scores["accuracy"] - 0.1)
    figure = draw_figure("fms", (scores.assign(accuracy=better), collapse))
    accuracy, _, size, parameters, speed = figure.axes
    assert [label.get_text() for label in accuracy.get_yticklabels()] == [
        "convnext (1.00)",
        "resnet (2.00)",
    ]
    assert size.lines[0].get_xdata().tolist() == [1024, 512]
    assert [line.get_xdata()[0] for line in accuracy.lines if line.get_marker() == "D"] == sorted(
        (line.get_xdata()[0] for line in accuracy.lines if line.get_marker() == "D"), reverse=True
    )
    assert speed.get_xlabel() == "Images a second"
    assert "Images a second: on NVIDIA H100 80GB HBM3 with 2 threads." in words(figure)
    assert np.isnan(parameters.lines[0].get_xdata()).tolist() == [True, False]
    without = pd.DataFrame({"fm": ["resnet", "convnext"], "dimensions": 512})
    for name in ("parameters", "images_per_second", "device", "threads"):
        without[name] = None
    assert len(FIGURES["fms"].draw(*SMALL, PRESETS, without).axes) == 3


def test_fms_without_a_common_task_are_not_ranked():
    scores, collapse = SMALL
    apart = scores[(scores["fm"] == "resnet") == (scores["task"] == "digits-all")]
    messages = []
    draw_figure("fms", (apart, collapse), missing=messages.append)
    assert messages == [
        "The FMs share no task: nothing to rank. Add what is missing: all FMs on the same tasks."
    ]


def test_gens_are_told_apart_without_colour():
    looks = [(look.marker, str(look.dash)) for look in GENS.values()]
    assert len(set(looks)) == len(looks)


def test_things_in_order_get_lighter_so_that_grey_tells_them_apart():
    greys = [
        np.dot(to_rgb(look.colour), (0.299, 0.587, 0.114)) for look in shades(range(10)).values()
    ]
    assert (np.diff(greys) > 0.02).all() and greys[-1] < 0.75


def panel_of(figure, fm, task):
    """The panel under the name of an FM and beside that of a task."""
    columns = {
        axes.get_title(): axes.get_subplotspec().colspan.start
        for axes in figure.axes
        if axes.get_title()
    }
    rows = {
        text.get_text().replace("\n", ""): axes.get_subplotspec().rowspan.start
        for axes in figure.axes
        for text in axes.texts
    }
    panels = {
        (axes.get_subplotspec().rowspan.start, axes.get_subplotspec().colspan.start): axes
        for axes in figure.axes
    }
    return panels[rows[task], columns[fm]]


ONE_NORM = study(["resnet", "convnext"], DIGITS, [1, 2], [L2, NEAREST])
WHITENED = ("l2", "whiten+l2", "l2", "max", "inner_product", None, None)


def level(data, fm, task, gen, configuration=L2):
    """The mean accuracy (%) of a GEN without a choice of k."""
    scores = data[0]
    chosen = (scores["fm"] == fm) & (scores["task"] == task) & (scores["gen"] == gen)
    for name, value in zip(KEYS[:4], configuration[:4], strict=True):
        chosen &= scores[name] == value
    return 100 * scores.loc[chosen, "accuracy"].mean()


def test_accuracy_over_k_draws_the_means_of_the_seeds():
    scores, _ = ONE_NORM
    figure = draw_figure("accuracy_over_k", ONE_NORM)
    panel = panel_of(figure, "convnext", "digits-all")
    cell = scores[
        (scores["fm"] == "convnext")
        & (scores["task"] == "digits-all")
        & (scores["norm_pre"] == "l2")
    ]
    expected = 100 * cell[cell["gen"] == "kmeans"].groupby("k")["accuracy"].mean()
    line = next(line for line in panel.lines if line.get_marker() == GENS["kmeans"].marker)
    assert line.get_xdata().tolist() == [1, 2, 3, 5, 10, 20]
    assert line.get_ydata() == pytest.approx(expected.to_numpy())
    lowest = panel_of(figure, "convnext", "digits-short")
    labels = [label.get_text() for label in lowest.get_xticklabels()]
    assert labels[0] == "1" and labels[-1] == "20"
    labels = {text.get_text() for text in figure.legends[0].get_texts()} - {" "}
    assert labels == set(KS)


def marks(panel):
    """x and y of the marks right of all k, from left to right."""
    single = [line for line in panel.lines if len(line.get_xdata()) == 1]
    return sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in single)


def test_gens_without_a_choice_of_k_are_marks_beside_each_other_in_the_order_of_the_legend():
    figure = draw_figure("accuracy_over_k", ONE_NORM)
    found = marks(panel_of(figure, "resnet", "digits-odd"))
    assert [text.get_text() for text in figure.legends[0].get_texts()][-3:] == ["mean", "all", "ls"]
    expected = [level(ONE_NORM, "resnet", "digits-odd", gen) for gen in ("mean", "all", "ls")]
    assert [y for _, y in found] == pytest.approx(expected)
    x = [x for x, _ in found]
    assert x[0] > 20 and x == sorted(set(x))


def test_least_squares_is_shown_without_normalisation_where_it_was_run_so():
    scores, collapse = ONE_NORM
    without, _ = study(["resnet", "convnext"], DIGITS, [], [NONE])
    both = pd.concat([scores, without[without["gen"] == "ls"]]), collapse
    figure = draw_figure("accuracy_over_k", both)
    assert "ls (NORM none throughout)" in words(figure)
    *_, (_, y) = marks(panel_of(figure, "convnext", "digits-all"))
    assert y == pytest.approx(level(both, "convnext", "digits-all", "ls", NONE))


@pytest.mark.parametrize("name", ["accuracy_over_k", "few_shot"])
def test_several_norms_stand_in_panels_beside_each_other(name):
    data = study(["resnet"], {"digits": 2.0}, [], [L2, WHITENED], shots=[1, 5, "full"])
    figure = draw_figure(name, data)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["resnet\nl2 throughout", "resnet\nl2 / whiten+l2 / l2"]
    of_kmeans = [max(line.get_ydata()[-1] for line in axes.lines[:6]) for axes in figure.axes]
    assert of_kmeans[0] - of_kmeans[1] == pytest.approx(2, abs=0.5)  # what `study` takes off
    assert "NORM above each panel" in words(figure)


def test_norms_without_room_are_counted_in_the_subtitle():
    data = study(["a", "b", "c", "d"], {"digits": 2.0}, [], [L2, NONE, WHITENED])
    text = words(draw_figure("accuracy_over_k", data))
    assert "NORM l2 throughout" in text
    assert "2 other NORMs of this experiment left out" in text


def test_more_fms_than_fit_beside_each_other_go_on_below():
    figure = draw_figure(
        "accuracy_over_k", study([f"fm-{i}" for i in range(9)], {"digits": 2.0}, [], [L2])
    )
    check_legible(figure, 3.4)
    assert len({axes.get_title() for axes in figure.axes}) == 9


def test_few_shot_bars_reach_from_the_lowest_to_the_highest_seed():
    scores, _ = SHOTS
    panel = panel_of(draw_figure("few_shot", SHOTS), "convnext", "digits-all")
    cell = scores[
        (scores["fm"] == "convnext") & (scores["task"] == "digits-all") & (scores["shots"] == "5")
    ]
    values = 100 * cell[(cell["gen"] == "kmeans") & (cell["k"] == 5)]["accuracy"]
    bars = [bar for bars in panel.collections for bar in bars.get_segments()]
    expected = np.array([[5, values.min()], [5, values.max()]])
    assert any(bar == pytest.approx(expected) for bar in bars)


def test_a_k_that_each_task_chose_has_a_line_over_shots():
    scores, collapse = SHOTS
    auto = scores[(scores["gen"] == "kmeans") & (scores["k"] == 5)].assign(k=pd.NA)
    both = pd.concat([scores, auto.astype({"k": "Int64"})]), collapse
    plain, figure = draw_figure("few_shot", SHOTS), draw_figure("few_shot", both)
    assert "k auto" in words(figure) and "k auto" not in words(plain)
    assert len(figure.axes[0].lines) == len(plain.axes[0].lines) + 1


def test_all_samples_stand_right_of_the_most_shots():
    panel = panel_of(draw_figure("few_shot", SHOTS), "convnext", "digits-short")
    x = next(line.get_xdata() for line in panel.lines if len(line.get_xdata()) == 7)
    assert list(x[:6]) == [1, 2, 5, 10, 20, 50] and x[6] > 50
    assert panel.get_xticklabels()[-1].get_text() == "full"


def test_generation_time_is_the_median_over_seeds_on_logarithmic_axes():
    data = study(["a", "b"], DIGITS, [], [L2, NONE], seeds=3)
    figure = draw_figure("generation_time", data)
    axes = figure.axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    line = next(line for line in axes.lines if line.get_marker() == GENS["kmeans"].marker)
    # `study` gives 1, 2 and 3 milliseconds per proxy to the three seeds
    assert line.get_ydata() == pytest.approx(0.002 * line.get_xdata())
    band = axes.collections[0].get_paths()[0].vertices
    at_ten = band[band[:, 0] == 10, 1]
    assert (at_ten.min(), at_ten.max()) == pytest.approx((0.01, 0.03))
    assert [y for _, y in marks(axes)] == pytest.approx([0.002, 0.1, 0.002])  # mean, all, ls
    text = words(figure)
    assert "8 pairs of FM and task" in text and "600 training samples" in text


def test_generation_time_says_what_was_not_run_everywhere():
    scores, collapse = study(["a", "b"], DIGITS, [], [L2])
    some = scores[(scores["gen"] != "random") | (scores["fm"] == "a")], collapse
    assert "Not on all pairs were run: random" in words(draw_figure("generation_time", some))


def peaked(gens=("kmeans",)):
    """Scores of a family whose accuracy is highest at k = d."""
    scores, collapse = study(["resnet"], {}, [1, 2, 3, 5], [L2])
    k, d = scores["k"].fillna(1).astype(float), scores["d"].astype(float)
    accuracy = (
        (0.9 - 0.05 * np.abs(k - d)).clip(0, 1).where(scores["gen"].isin(["kmeans", "kls"]), 0.3)
    )
    return scores.assign(accuracy=accuracy)[scores["gen"].isin(gens)], collapse


def test_the_best_k_is_found_where_it_is():
    upper, lower = draw_figure("best_k_over_d", peaked(["kmeans", "mean", "ls"])).axes[:2]
    best = next(line for line in upper.lines if line.get_marker() == GENS["kmeans"].marker)
    assert best.get_xdata().tolist() == [1, 2, 3, 5] and best.get_ydata().tolist() == [1, 2, 3, 5]
    assert len(lower.lines) == 3
    kmeans = next(line for line in lower.lines if line.get_marker() == GENS["kmeans"].marker)
    assert kmeans.get_ydata() == pytest.approx([90] * 4)


def test_the_lines_over_d_go_from_left_to_right():
    data = study(["resnet"], {}, [1, 2, 10], [L2])
    for name in ("best_k_over_d", "nc1_over_d"):
        for axes in draw_figure(name, data).axes:
            for line in axes.lines:
                assert list(line.get_xdata()) == sorted(line.get_xdata())


def test_the_best_k_of_a_plateau_is_its_smallest():
    scores, collapse = peaked()
    level = scores.assign(accuracy=0.9 + 1e-4 * scores["k"].astype(float) / 20)
    known = collapse.assign(test_samples=1000)
    upper = draw_figure("best_k_over_d", (level, known)).axes[0]
    best = next(line for line in upper.lines if line.get_marker() == GENS["kmeans"].marker)
    assert best.get_ydata().tolist() == [1] * 4
    (band,) = upper.collections
    assert band.get_paths()[0].vertices[:, 1].max() == 20


def test_best_k_takes_the_mean_from_k_means_with_one_centre():
    _, lower = draw_figure("best_k_over_d", peaked()).axes[:2]
    mean = next(line for line in lower.lines if line.get_marker() == "s")
    assert mean.get_ydata() == pytest.approx([90, 85, 80, 70])


def test_a_k_that_each_task_chose_is_a_mark_and_nowhere_else():
    scores, collapse = SMALL
    auto = (
        scores[(scores["gen"] == "kmeans") & (scores["k"] == 1)]
        .assign(k=pd.NA)
        .astype({"k": "Int64"})
    )
    for name in ("accuracy_over_k", "accuracy_over_k_by_d", "best_k_over_d", "gain_over_nc1"):
        messages = []
        draw_figure(name, (pd.concat([scores, auto]), collapse), missing=messages.append)
        assert not messages
    legend = draw_figure("accuracy_over_k", (pd.concat([scores, auto]), collapse)).legends[0]
    assert "kmeans, k auto" in [text.get_text() for text in legend.get_texts()]


def test_a_missing_standard_configuration_is_named():
    most, other = (
        study(["resnet"], tasks, [], configurations=[configuration])[0]
        for tasks, configuration in ((DIGITS, NEAREST), ({"digits-all": 3.1}, NONE))
    )
    text = words(draw_figure("accuracy_over_k", (pd.concat([most, other]), SMALL[1])))
    assert "NORM none throughout; AGG 1-nn euclidean (the most frequent here" in text
    alone = words(draw_figure("accuracy_over_k", (most, SMALL[1])))
    assert "NORM none throughout; AGG 1-nn euclidean" in alone and "most frequent" not in alone


def test_rings_mark_k_equal_to_d():
    panel = draw_figure("accuracy_over_k_by_d").axes[0]
    rings = [line for line in panel.lines if line.get_markersize() == 7 and len(line.get_xdata())]
    assert [int(ring.get_xdata()[0]) for ring in rings] == [1, 2, 3, 5]


def test_other_tasks_are_dotted_lines_beside_those_of_d():
    figure = draw_figure("accuracy_over_k_by_d")
    scores, _ = SMALL
    cell = scores[(scores["fm"] == "convnext") & (scores["task"] == "digits-all")]
    kmeans = cell[(cell["gen"] == "kmeans") & (cell["norm_pre"] == "l2")]
    expected = 100 * kmeans.groupby("k")["accuracy"].mean()
    dotted = [line.get_ydata() for line in figure.axes[0].lines if line.get_fillstyle() == "none"]
    assert any(y == pytest.approx(expected.to_numpy()) for y in dotted if len(y) == len(expected))
    assert set(DIGITS) <= {text.get_text() for text in figure.legends[0].get_texts()}
    alone = draw_figure("accuracy_over_k_by_d", study(["resnet"], {}, [1, 2], [L2]))
    assert "Dotted" not in words(alone)


def test_nc1_of_plain_tasks_stands_beside_that_of_d():
    figure = draw_figure("nc1_over_d")
    for axes, fm in zip(figure.axes, ["convnext", "resnet"], strict=True):
        assert axes.get_title() == fm
        # mean of draws 0.4 d and 0.4 d + 0.02
        assert axes.lines[0].get_ydata() == pytest.approx([0.41, 0.81, 1.21, 2.01])
        assert {text.get_text() for text in axes.texts} == set(DIGITS)
        marks = [line.get_ydata()[0] for line in axes.lines[1:]]
        assert sorted(marks) == pytest.approx(sorted(DIGITS.values()))
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def rows_of_table(figure):
    """The words of the table below the points, row by row."""
    texts = figure.axes[1].texts
    return [[text.get_text().strip() for text in texts[i : i + 5]] for i in range(0, len(texts), 5)]


def points_of(axes):
    """NC1 and gain of the points of a panel."""
    return sorted(
        (x, y)
        for line in axes.lines
        if line.get_linestyle() == "None"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    )


def test_gain_has_a_point_for_each_fm_and_task_after_averaging_draws():
    figure = draw_figure("gain_over_nc1")
    points = points_of(figure.axes[0])
    assert len(points) == 2 * (4 + 4)
    nc1, gain = np.array(points).T
    # of glyphs-d1 the mean of draws with 0.4 and 0.42
    assert nc1[:2] == pytest.approx([0.41, 0.41])
    assert gain == pytest.approx(100 * 0.07 * nc1 * (1 - 1 / 5), abs=0.5)
    assert "n = 16 points" in words(figure) and "a mean over 2 draws and seeds" in words(figure)


def test_gains_are_told_for_nc1_below_and_above_one():
    table = rows_of_table(draw_figure("gain_over_nc1"))
    assert [row[:2] for row in table[1:]] == [
        ["all", "16"],
        ['"d in 1" tasks', "8"],
        ["other tasks", "8"],
        ["NC1 up to 1", "6"],
        ['"d in 1" tasks', "4"],
        ["other tasks", "2"],
        ["NC1 above 1", "10"],
        ['"d in 1" tasks', "4"],
        ["other tasks", "6"],
    ]
    assert float(table[1][4]) > 0.9
    assert table[5][4] == "-", "of four points no correlation is told"
    assert table[0][-1] == "\N{GREEK SMALL LETTER RHO}", "dependent points have no p"


def test_one_point_or_gains_of_zero_leave_no_failure_no_line_and_no_nan():
    scores, collapse = study(["resnet"], {"digits": 2.0}, [], [L2])
    figure = draw_figure("gain_over_nc1", (scores, collapse))
    assert "n = 1 point," in words(figure) and "nan" not in words(figure)
    assert [row[:2] for row in rows_of_table(figure)[1:]] == [["all", "1"], ["NC1 above 1", "1"]]
    scores, collapse = SMALL
    figure = draw_figure("gain_over_nc1", (scores.assign(accuracy=0.5), collapse))
    axes = figure.axes[0]
    assert all(y == 0 for _, y in points_of(axes)) and axes.get_ylim()[0] > -2
    level = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert all(set(line.get_ydata()) <= {0, 1} for line in level), "the line at zero and NC1 = 1"
    assert {row[4] for row in rows_of_table(figure)[1:]} == {"-"}


def test_points_without_nc1_are_asked_for():
    scores, collapse = SMALL
    assert "Make results/collapse" in words(
        draw_figure("gain_over_nc1", (scores, collapse.assign(nc1=np.nan)))
    )


def test_a_running_median_follows_many_gains_that_set_in_late():
    fms = [f"fm-{i}" for i in range(60)]
    scores, collapse = study(fms, {"digits": 1.0}, [], [L2], seeds=1)
    nc1 = {fm: 0.05 * 1.08**i for i, fm in enumerate(fms)}
    gain = scores["fm"].astype(str).map(nc1).sub(1).clip(lower=0) / 10
    scores = scores.assign(accuracy=0.4 + gain.where(scores["k"].eq(5).fillna(False), 0))
    figure = draw_figure("gain_over_nc1", (scores, collapse.assign(nc1=collapse["fm"].map(nc1))))
    line = max(figure.axes[0].lines, key=lambda line: len(line.get_xdata()))
    x, y = line.get_xdata(), line.get_ydata()
    assert y[x < 0.9] == pytest.approx(0, abs=0.1) and (np.diff(y[x > 1.2]) > 0).all()
    assert "running median" in words(figure)


def test_k_means_with_one_centre_is_the_mean():
    scores, collapse = SMALL
    scores = scores[(scores["gen"] != "kmeans") | (scores["k"] != 1)]
    assert rows_of_table(draw_figure("gain_over_nc1", (scores, collapse)))[1][1] == "16"


def test_figures_of_nc1_say_of_which_split_it_is():
    scores, collapse = SMALL
    for name in ("nc1_over_d", "gain_over_nc1"):
        assert "NC1 of training embeddings" in words(draw_figure(name))
        test = draw_figure(name, (scores, collapse.assign(split="test")))
        assert "NC1 of test embeddings" in words(test)
        split = np.where(collapse["d"].isna(), "train", "test")
        both = words(draw_figure(name, (scores, collapse.assign(split=split))))
        assert "NC1 of training embeddings; for glyphs-d of test embeddings" in both


def test_names_are_ordered_by_the_numbers_in_them():
    assert selection.natural_order(["d10", "d2", "d1", "a"]) == ["a", "d1", "d2", "d10"]


def test_labels_are_moved_apart_by_as_little_as_may_be():
    assert spread([0.2, 0.5, 0.8], 0.1) == pytest.approx([0.2, 0.5, 0.8])
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert spread([0.99, 0.98, 0.1], 0.1) == pytest.approx([1.0, 0.9, 0.1])
    crowd = spread([0.3] * 20, 0.1)
    assert np.diff(crowd) == pytest.approx([0.1] * 19)


def test_words_are_wrapped_and_cut_to_the_inches_there_are():
    lines = wrap("the quick brown fox jumps over the lazy dog", 1.0, 7)
    assert " ".join(lines) == "the quick brown fox jumps over the lazy dog"
    assert len(lines) > 1 and all(text_width(line, 7) <= 1.0 for line in lines)
    assert shorten("short", 1.0, 7) == "short"
    cut = shorten("a name that is much too long for it", 1.0, 7)
    assert cut.endswith("\N{HORIZONTAL ELLIPSIS}") and text_width(cut, 7) <= 1.0


def test_labels_of_close_k_are_thinned_but_not_their_ends():
    axes = canvas(3, 2).subplots()
    k_axis(axes, range(1, 51), inches=1.2)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "1" and labels[-1] == "50" and 4 < sum(map(bool, labels)) < 12


def test_an_unknown_figure_is_answered_with_the_known():
    with pytest.raises(UserError, match="unknown figure 'nc1'; known: accuracy_over_k"):
        FIGURES.find("nc1")


def test_the_lists_of_figures_and_tables_cost_no_heavy_import():
    code = "import sys, imprint.report.figures, imprint.report.tables; print(*{'pandas', 'matplotlib', 'scipy', 'torch'} & set(sys.modules))"
    assert (
        run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == ""
    )


@pytest.mark.parametrize(("kind", "names"), [("figures", FIGURES), ("tables", TABLES)])
def test_every_figure_and_table_has_a_caption_that_renders(kind, names):
    jinja2, core = pytest.importorskip("jinja2"), pytest.importorskip("docutils.core")
    assert {path.stem for path in (REPORT / kind).glob("*.rst")} == set(names)
    wildcards = SimpleNamespace(experiment="methods", fm="net", task="digits")
    usual = SimpleNamespace(settings='{"rank_by": "configuration"}', selection="{}")
    other = SimpleNamespace(
        settings='{"rank_by": "best_companions"}', selection='{"select_on": "validation"}'
    )
    for path, params in product((REPORT / kind).glob("*.rst"), (usual, other)):
        job = SimpleNamespace(wildcards=wildcards, params=params)
        template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined)
        caption = core.publish_doctree(
            template.render(snakemake=job), settings_overrides={"halt_level": 2}
        )
        text = caption.astext()
        assert "methods" in text.lower()
        assert "rank_by" not in text and "select_on" not in text, "only what applies is said"
