"""Figures of NC1: what they show of known scores."""

import numpy as np
import pytest

from tests.legible import words
from tests.report.figures.studies import DIGITS, L2, SMALL, draw_figure, study


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


def test_families_of_different_numbers_of_draws_are_counted():
    scores, collapse = SMALL
    fewer = collapse[(collapse["d"] != 5) | (collapse["draw"] == 0)]
    assert "n = 1 to 2 draws" in words(draw_figure("nc1_over_d", (scores, fewer)))
    assert "n = 2 draws" in words(draw_figure("nc1_over_d"))


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
    assert "n = 16 points" in words(figure) and "means over draws and seeds" in words(figure)


def test_pairs_left_out_for_lack_of_an_nc1_are_counted():
    scores, collapse = SMALL
    short = collapse["task"] == "digits-short"
    figure = draw_figure("gain_over_nc1", (scores, collapse.assign(nc1=collapse["nc1"] * ~short)))
    assert "Left out, without an NC1 above 0: 2" in words(figure)
    assert "n = 14 points" in words(figure)
    assert "Left out" not in words(draw_figure("gain_over_nc1"))


def test_gains_are_reported_for_nc1_below_and_above_one():
    table = rows_of_table(draw_figure("gain_over_nc1"))
    assert [row[:2] for row in table[1:]] == [
        ["all", "16"],
        ['"d in 1" with d > 1', "6"],
        ["other tasks", "10"],
        ["NC1 up to 1", "6"],
        ['"d in 1" with d > 1', "2"],
        ["other tasks", "4"],
        ["NC1 above 1", "10"],
        ['"d in 1" with d > 1', "4"],
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


@pytest.mark.parametrize("nc1", [np.nan, 0.0])
def test_without_an_nc1_above_zero_tasks_with_more_samples_are_asked_for(nc1):
    scores, collapse = SMALL
    assert "Add tasks with several samples per class" in words(
        draw_figure("gain_over_nc1", (scores, collapse.assign(nc1=nc1)))
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
