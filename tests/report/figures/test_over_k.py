"""Figures over k, shots and d: what they show of known scores."""

import numpy as np
import pandas as pd
import pytest

from imprint.analysis.frames import rows_of
from imprint.report.drawing.looks import GENS, gen_look
from tests.legible import check_legible, words
from tests.report.figures.studies import (
    DIGITS,
    KEYS,
    KS,
    L2,
    NEAREST,
    NONE,
    SHOTS,
    SMALL,
    draw_figure,
    study,
    with_intervals,
)


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


def test_the_range_of_a_single_point_is_a_bar():
    scores, collapse = ONE_NORM
    single = scores[~scores["gen"].isin(["kmeans", "random"]) | (scores["k"] == 5)], collapse
    panel = panel_of(draw_figure("accuracy_over_k", single), "resnet", "digits-all")
    cell = scores[
        (scores["fm"] == "resnet")
        & (scores["task"] == "digits-all")
        & (scores["norm_pre"] == "l2")
        & (scores["gen"] == "kmeans")
        & (scores["k"] == 5)
    ]
    low, high = 100 * cell["accuracy"].min(), 100 * cell["accuracy"].max()
    bars = [bar for bars in panel.collections for bar in bars.get_segments()]
    assert any(bar == pytest.approx(np.array([[5, low], [5, high]])) for bar in bars)


def marks(panel):
    """x and y of the marks right of all k, from left to right."""
    single = [line for line in panel.lines if len(line.get_xdata()) == 1]
    return sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in single)


def test_gens_without_a_choice_of_k_are_marks_beside_each_other_in_the_order_of_the_legend():
    figure = draw_figure("accuracy_over_k", ONE_NORM)
    shown = marks(panel_of(figure, "resnet", "digits-odd"))
    assert [text.get_text() for text in figure.legends[0].get_texts()][-3:] == ["mean", "all", "ls"]
    expected = [level(ONE_NORM, "resnet", "digits-odd", gen) for gen in ("mean", "all", "ls")]
    assert [y for _, y in shown] == pytest.approx(expected)
    x = [x for x, _ in shown]
    assert x[0] > 20 and x == sorted(set(x))


def test_least_squares_is_shown_without_normalisation_where_it_was_run_so():
    scores, collapse = ONE_NORM
    without, _ = study(["resnet", "convnext"], DIGITS, [], [NONE])
    both = pd.concat([scores, without[without["gen"] == "ls"]]), collapse
    figure = draw_figure("accuracy_over_k", both)
    assert "ls (NORM none throughout)" in words(figure)
    *_, (_, y) = marks(panel_of(figure, "convnext", "digits-all"))
    assert y == pytest.approx(level(both, "convnext", "digits-all", "ls", NONE))


def test_gens_of_users_have_looks_of_their_own(monkeypatch):
    names = ("coreset", "svm_sv", "trimmed")  # their names give the same look
    assert len({gen_look(name) for name in names}) == 1
    for name in names:
        monkeypatch.setitem(KS, name, [1, 5])
    figure = draw_figure("accuracy_over_k", study(["resnet"], DIGITS, []))
    lines = {line.get_label(): line for line in figure.legends[0].get_lines()}
    looks = {
        (line.get_color(), line.get_marker(), str(line._unscaled_dash_pattern))
        for name, line in lines.items()
        if name in names
    }
    assert len(looks) == 3


@pytest.mark.parametrize("name", ["accuracy_over_k", "few_shot"])
def test_a_gen_that_was_run_with_another_agg_is_shown_with_its_name(name):
    scores, collapse = study(["resnet"], DIGITS, [], [L2], shots=[1, 5, "full"])
    votes = {"agg": "mnn", "distance": "cosine", "weighting": "uniform", "m": 20}
    rows = scores["gen"] == "all"
    scores = pd.concat([scores[~rows], scores[rows].assign(**votes)])
    assert "all (AGG 20-nn cosine, uniform)" in words(draw_figure(name, (scores, collapse)))


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


@pytest.mark.parametrize("name", ["accuracy_over_k", "few_shot"])
def test_an_fm_without_the_first_norm_has_panels_of_its_own_norms(name):
    scores, collapse = study(["a", "b"], {"digits": 2.0}, [], [L2, NONE], shots=[1, 5, "full"])
    apart = scores[(scores["fm"] == "a") | (scores["norm_pre"] == "none")], collapse
    titles = [axes.get_title() for axes in draw_figure(name, apart).axes]
    assert titles == ["a\nl2 throughout", "a\nnone throughout", "b\nnone throughout"]


def test_an_fm_that_has_no_room_is_named():
    scores, collapse = study(list("abcde"), {"digits": 2.0}, [], [L2, NONE, WHITENED])
    apart = scores[(scores["fm"] != "e") | (scores["norm_pre"] == "none")], collapse
    figure = draw_figure("accuracy_over_k", apart)
    assert {axes.get_title() for axes in figure.axes} == set("abcd")
    text = words(figure)
    assert "2 other NORMs of this experiment left out for lack of room, and e, run with" in text


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


def test_a_line_that_one_fm_lacks_takes_no_room():
    scores, collapse = SHOTS
    lacking = (scores["fm"] == "convnext") & (scores["gen"] == "kmeans") & (scores["k"] == 5)
    whole, partial = draw_figure("few_shot", SHOTS), draw_figure("few_shot", (scores[~lacking], collapse))  # fmt: skip
    widths = []
    for figure in (whole, partial):
        figure.draw_without_rendering()
        widths.append(figure.axes[0].get_position().width)
    assert widths[1] == pytest.approx(widths[0], rel=0.05)


def test_few_shots_of_a_gen_that_is_not_shown_are_none():
    scores, collapse = SHOTS
    one = scores[(scores["gen"] == "random") | (scores["shots"] == "full")]
    messages = []
    draw_figure("few_shot", (one, collapse), missing=messages.append)
    assert len(messages) == 1 and "Only one number of shots of kmeans" in messages[0]


def test_without_runs_of_all_samples_the_shots_are_named():
    data = study(["resnet"], {"digits": 2.0}, [], [L2], shots=[5, 20])
    assert "AGG max; 20 shots" in words(draw_figure("accuracy_over_k", data))
    assert "shots" not in words(draw_figure("accuracy_over_k", ONE_NORM))


def test_points_of_nine_lines_stay_near_their_number_of_samples():
    figure = draw_figure("few_shot", SHOTS)
    figure.draw_without_rendering()
    panel = figure.axes[0]
    ticks = panel.transData.transform([(n, 0.5) for n in panel.get_xticks()])[:, 0]
    lines = [line for line in panel.lines if len(line.get_xdata()) == len(ticks)]
    assert len(lines) == 9
    for line in lines:
        drawn = line.get_transform().transform(line.get_xydata())[:, 0]
        assert np.abs(drawn - ticks).max() < np.diff(ticks).min() / 4


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


def test_one_number_of_shots_stands_left_of_all_samples():
    data = study(["resnet"], {"digits": 2.0}, [], [L2], shots=[5, "full"])
    panel = draw_figure("few_shot", data).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["5", "full"]
    assert panel.get_xticks()[0] < panel.get_xticks()[1]


def test_generation_time_is_the_median_over_seeds_and_its_band_that_over_pairs():
    scores, collapse = study(["a", "b"], DIGITS, [], [L2, NONE], seeds=3)
    # one pair takes ten times as long, and one seed has the first call of a library
    slow = (scores["fm"] == "a") & (scores["task"] == "digits-odd")
    factor = np.where(slow, 10, 1) * np.where(scores["seed"] == 2, 1000, 1)
    data = scores.assign(seconds=factor * scores["seconds"]), collapse
    figure = draw_figure("generation_time", data)
    axes = figure.axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    line = next(line for line in axes.lines if line.get_marker() == GENS["kmeans"].marker)
    # `study` gives 1, 2 and 3 milliseconds per proxy to the three seeds
    assert line.get_ydata() == pytest.approx(0.002 * line.get_xdata())
    band = axes.collections[0].get_paths()[0].vertices
    at_ten = band[band[:, 0] == 10, 1]
    assert (at_ten.min(), at_ten.max()) == pytest.approx((0.02, 0.2))
    assert [y for _, y in marks(axes)] == pytest.approx([0.002, 0.1, 0.002])  # mean, all, ls
    text = words(figure)
    assert "8 pairs of FM and task" in text and "600 training samples" in text
    assert line.get_markerfacecolor() == "white" and "kmeans makes all k at once" in text


def test_training_samples_of_a_figure_are_not_those_of_the_split_of_nc1():
    scores, collapse = study(["a"], DIGITS, [], [L2])
    both = pd.concat([collapse.assign(split="train"), collapse.assign(split="test", samples=90)])
    groups = [["a", task, "full"] for task in DIGITS]
    grid = {"groups": groups, "configurations": [], "seeds": [], "nc1_split": "test"}
    figure = draw_figure("generation_time", (scores, rows_of(both, [grid])))
    assert "600 training samples" in words(figure)
    alone = scores, rows_of(both[both["split"] == "test"], [grid])
    assert "training samples" not in words(draw_figure("generation_time", alone))


def test_generation_time_of_one_k_is_a_measured_one():
    scores, collapse = study(["a"], DIGITS, [], [L2])
    one = scores[(scores["gen"] != "kmeans") | (scores["k"] == 5)], collapse
    assert "makes all k at once" not in words(draw_figure("generation_time", one))


def test_generation_time_says_what_was_not_run_everywhere():
    scores, collapse = study(["a", "b"], DIGITS, [], [L2])
    some = scores[(scores["gen"] != "random") | (scores["fm"] == "a")], collapse
    assert "Not run on all pairs: random" in words(draw_figure("generation_time", some))


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


def test_least_squares_with_the_configuration_of_the_figure_needs_no_name_of_its_own():
    scores, collapse = study(["resnet"], DIGITS, [], [NONE])
    other, _ = study(["resnet"], {"digits-all": 3.1}, [], [NEAREST])
    text = words(draw_figure("accuracy_over_k", (pd.concat([scores, other]), collapse)))
    assert "AGG max (the most frequent here" in text and "ls (NORM" not in text


def test_the_bar_with_caps_is_the_interval_of_the_highest_point_of_the_lines():
    scores, collapse = study(["resnet"], {"digits": 2.0}, [], [L2])
    auto = scores[(scores["gen"] == "kmeans") & (scores["k"] == 1)].assign(k=pd.NA, accuracy=0.99)
    both = pd.concat([scores, auto.astype({"k": "Int64"})])
    (axes,) = draw_figure("accuracy_over_k", (with_intervals(both), collapse)).axes
    (bar,) = [line.get_ydata() for line in axes.lines if line.get_marker() == "_"]
    lines = scores[scores["gen"].isin(["kmeans", "random"])]
    best = 100 * lines.groupby(["gen", "k"], observed=True)["accuracy"].mean().max()
    assert bar == pytest.approx([best - 4, best + 3])


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
