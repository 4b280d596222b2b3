"""Figures that compare methods and components: ranks, bars between methods that do not differ, and texts."""

import re
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from imprint.analysis.frames import compact
from imprint.method.presets import PRESETS as ALL_PRESETS
from imprint.method.presets import preset_rows
from imprint.report.drawing.rank_diagram import bar_positions
from imprint.report.drawing.style import SIZES, WIDTHS
from imprint.report.figures import FIGURES
from tests.legible import texts, words

METHOD = ALL_PRESETS["qi"].configuration.columns()
PRESETS = {
    "qi": {**METHOD, "label": "Qi et al. 2018"},
    "westerhoff": {**METHOD, "label": "Westerhoff et al. 2025", "gen": "kmeans", "k": 20},
    "janson": {
        **METHOD,
        "label": "Janson et al. 2022",
        "norm_pre": "none",
        "norm_post": "none",
        "norm_inf": "none",
        "agg": "mnn",
        "distance": "euclidean",
        "weighting": "uniform",
        "m": 1,
    },
    "oracle": {**METHOD, "label": "Least squares (oracle)", "gen": "ls", "norm_pre": "none"},
}
VOTES = [
    {**METHOD, "agg": "mnn", "distance": distance, "weighting": weighting, "m": m}
    for distance in ("euclidean", "cosine", "manhattan", "mahalanobis")
    for weighting in ("uniform", "distance")
    for m in (3, 5, 50)
]
NAMED = preset_rows()  # all that the library has
IN_BOTH_WIDTHS = pytest.mark.parametrize("width", WIDTHS)


def scores(methods, matrix):
    """Scores of methods: a matrix of accuracies with a row per task and a column per method."""
    rows = [
        {**method, "task": f"task-{t}", "accuracy": matrix[t][i]}
        for i, method in enumerate(methods)
        for t in range(len(matrix))
    ]
    frame = pd.DataFrame(rows).assign(
        fm="resnet", family="task", d=pd.NA, draw=0, shots="full", seed=1
    )
    return compact(frame)


def steps(methods, tasks=20, step=0.02, noise=0.002):
    """Each method below the one before, by more or less than the noise."""
    rng = np.random.default_rng(0)
    return 0.9 - step * np.arange(methods) + noise * rng.normal(size=(tasks, methods))


def draw_figure(name, frame, presets=PRESETS, width="column", **settings):
    return FIGURES[name].draw(frame, pd.DataFrame(), presets, width=width, **settings)


def rows(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def dots(figure):
    """Mean ranks at which the dots of a diagram stand, row by row."""
    (line,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert line.get_ydata().tolist() == list(range(len(rows(figure))))
    return line.get_xdata()


def bar_lines(figure):
    """The bars of a diagram: x, first and last row of each."""
    upright = [line for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1]
    spans = [
        (line.get_xdata()[0], *line.get_ydata()) for line in upright if len(line.get_xdata()) == 2
    ]
    return [(x, *np.round([first, last]).astype(int)) for x, first, last in spans if first != last]


def bars(figure):
    """First and last row that each bar of a diagram joins."""
    return [tuple(span) for _, *span in bar_lines(figure)]


def check_room(figure, width):
    """No text covers another, leaves the page, or is too small to read at the width it was made for."""
    assert figure.get_figwidth() == WIDTHS[width]
    page = figure.bbox
    boxes = [
        (text.get_text(), text.get_fontsize(), text.get_window_extent()) for text in texts(figure)
    ]
    for text, size, box in boxes:
        assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1, text
        assert page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text
        assert size >= SIZES[width].small, text
    for (a, _, box_a), (b, _, box_b) in combinations(boxes, 2):
        apart = min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0) < 1
        assert apart or min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0) < 1, (a, b)


@IN_BOTH_WIDTHS
def test_twenty_five_aggs_have_room(width):
    methods = [METHOD, *VOTES]
    figure = draw_figure(
        "critical_difference_agg", scores(methods, steps(25, tasks=60, step=0.001)), width=width
    )
    check_room(figure, width)
    assert len(rows(figure)) == 25 and "50-nn mahalanobis, distance" in words(figure)
    (axes,) = figure.axes
    assert axes.get_window_extent().width > 0.25 * figure.bbox.width
    # each bar stands right of the dots that it joins, a tenth of an inch from the last, and touches no other bar
    spans, ranks = bar_lines(figure), dots(figure)
    inches_per_rank = axes.get_window_extent().width / figure.dpi / np.ptp(axes.get_xlim())
    assert len(spans) > 3
    gaps = [(x - ranks[last]) * inches_per_rank for x, _, last in spans]
    assert 0.04 < min(gaps) < 0.12 and max(gaps) < 0.6
    for (x, first, last), (other, start, end) in combinations(spans, 2):
        apart = abs(x - other) * inches_per_rank > 0.05
        assert apart or last < start or end < first


def test_many_pairs_that_no_bar_joins_are_counted():
    """Their names would fill a page above the diagram."""
    matrix = steps(25, tasks=18, step=0.004, noise=0.02)
    text = words(draw_figure("critical_difference_agg", scores([METHOD, *VOTES], matrix)))
    assert re.search(r"except \d+ pairs, as a method between the two in rank differs", text)
    assert len(text) < 2_000


@IN_BOTH_WIDTHS
def test_norms_with_long_names_have_room(width):
    pres, posts = ("none", "l2", "l2+whiten+l2"), ("none", "quantile_pooled", "whiten(ledoit_wolf)")
    methods = [
        {**METHOD, "norm_pre": pre, "norm_post": post, "norm_inf": inf}
        for pre, post, inf in product(pres, posts, ("none", "l2"))
    ]
    matrix = steps(len(methods), tasks=40, step=0.002, noise=0.01)
    figure = draw_figure("critical_difference_norm", scores(methods, matrix), width=width)
    check_room(figure, width)
    assert len(rows(figure)) == 18 and "l2+whiten+l2/quantile_pooled/l2" in words(figure)


@IN_BOTH_WIDTHS
@pytest.mark.parametrize("name", ["published_methods", "critical_difference"])
@pytest.mark.parametrize("presets", [PRESETS, NAMED], ids=["published", "all"])
def test_named_methods_are_legible(presets, name, width):
    for tasks in (1, 2, 30):
        frame = scores(presets.values(), steps(len(presets), tasks))
        figure = draw_figure(name, frame, presets, width=width)
        check_room(figure, width)
        text = words(figure)
        for preset in presets.values():
            assert preset["label"] in text


def test_labels_of_references_say_that_they_are_references():
    for preset in preset_rows().values():
        assert ("(reference)" in preset["label"]) == preset["reference"]


def test_a_method_that_no_paper_published_is_shown_where_it_was_run():
    run = [preset for name, preset in NAMED.items() if name in PRESETS or name == "ridge"]
    figure = draw_figure("critical_difference", scores(run, steps(len(run))), NAMED)
    assert any(name.startswith("Ridge (reference)") for name in rows(figure))
    assert "kNN" not in words(figure)


def test_methods_stand_at_their_mean_ranks_best_on_top():
    order = ["qi", "janson", "oracle", "westerhoff"]
    figure = draw_figure("critical_difference", scores([PRESETS[name] for name in order], steps(4)))
    assert rows(figure) == [f"{PRESETS[name]['label']} ({i}.00)" for i, name in enumerate(order, 1)]
    assert dots(figure).tolist() == [1, 2, 3, 4] and figure.axes[0].yaxis_inverted()
    assert bars(figure) == []
    assert "there are none, all pairs differ" in words(figure)
    friedman = re.search(
        r"= ([0-9.]+), p = [0-9.e-]+, Kendall's W = ([0-9.]+); 20 \(FM, task\)", words(figure)
    )
    assert friedman.groups() == ("60.00", "1.00")  # n (k - 1): the same order everywhere


def test_bars_join_what_does_not_differ():
    matrix = steps(4)
    rng = np.random.default_rng(1)
    matrix[:, 1] = matrix[:, 0] + 0.001 * rng.normal(size=20)
    matrix[:, 3] = matrix[:, 2] + 0.001 * rng.normal(size=20)
    figure = draw_figure("critical_difference", scores(PRESETS.values(), matrix))
    assert bars(figure) == [(0, 1), (2, 3)]
    assert {frozenset(name.split(" (")[0] for name in rows(figure)[:2])} == {
        frozenset(("Qi et al. 2018", "Westerhoff et al. 2025"))
    }


def test_one_bar_joins_all_when_friedman_finds_nothing():
    noise = np.random.default_rng(4).uniform(size=(20, 4))
    figure = draw_figure("critical_difference", scores(PRESETS.values(), noise))
    assert "One bar joins all methods: Friedman's test finds no difference" in words(figure)
    assert bars(figure) == [(0, 3)]


def test_overlapping_bars_stand_beside_each_other():
    # the second shares a row with the first, and its dots end where those of the first do; the third shares none
    ranks = np.array([1, 2, 2, 2.1, 3])
    first, second, third = bar_positions([(0, 1), (1, 2), (3, 4)], ranks, 0.5)
    assert (first, second, third) == (2.5, 3.0, 3.5)


def test_identical_methods_are_drawn_and_reported():
    figure = draw_figure("critical_difference", scores(PRESETS.values(), np.full((9, 4), 0.5)))
    assert bars(figure) == [(0, 3)] and "Equal medians on every (FM, task)" in words(figure)
    assert dots(figure).tolist() == [2.5] * 4


@pytest.mark.parametrize("tasks", [1, 7, 8])
def test_where_no_test_can_succeed_there_are_ranks_alone(tasks):
    """Six tests of four methods: 2 / 2^n x 6 < 0.05 from n = 8 on."""
    figure = draw_figure("critical_difference", scores(PRESETS.values(), steps(4, tasks, noise=0)))
    text = words(figure)
    assert dots(figure).tolist() == [1, 2, 3, 4] and bars(figure) == []
    assert ("Ranks only" in text) == (tasks < 8) and ("Friedman:" in text) == (tasks == 8)
    assert (
        "7 (FM, task) are too few for any two of 4 to differ at p < 0.05: it takes 8." in text
    ) == (tasks == 7)


def test_components_are_compared_by_the_configurations_that_are_kept():
    methods = [
        METHOD,
        {**METHOD, "gen": "kmeans", "k": 5},
        {**METHOD, "gen": "kmeans", "k": 20},
    ]
    # k = 20 is best on most tasks; with the best k of each task k-means would win everywhere
    matrix = [[0.7, 0.1, 0.8], [0.7, 0.2, 0.9], [0.6, 0.8, 0.1]]
    figure = draw_figure("critical_difference_gen", scores(methods, matrix))
    assert rows(figure) == ["kmeans (1.33)", "mean (1.67)"]
    assert "GENs by their best-ranked configuration, chosen on test data" in words(figure)
    figure = draw_figure(
        "critical_difference_gen", scores(methods, matrix), rank_by="best_companions"
    )
    assert rows(figure) == ["kmeans (1.00)", "mean (2.00)"]


def test_gens_stand_with_the_best_of_the_others():
    methods = [
        METHOD,
        {**METHOD, "norm_pre": "none"},
        {**METHOD, "gen": "kmeans", "k": 5},
        {**METHOD, "gen": "kmeans", "k": 20},
        {**METHOD, "gen": "all", "k": None},
    ]
    # mean is best with l2 on one task, without on the other; k-means with 5 on one, 20 on the other
    matrix = [[0.7, 0.1, 0.8, 0.1, 0.9], [0.1, 0.7, 0.1, 0.8, 0.2]]
    frame = scores(methods, matrix)
    figure = draw_figure("critical_difference_gen", frame, rank_by="best_companions")
    assert rows(figure) == ["kmeans (1.50)", "all (2.00)", "mean (2.50)"]
    assert "with the best k, NORM and AGG for each (FM, task), chosen on test data" in words(figure)


def test_norms_stand_with_the_best_of_the_others():
    whitened = {**METHOD, "norm_post": "whiten+l2"}
    methods = [
        METHOD,
        {**METHOD, "gen": "kmeans", "k": 20},
        whitened,
        {**whitened, "agg": "mnn", "distance": "cosine", "weighting": "uniform", "m": 3},
    ]
    # l2 is best with k-means on one task, with mean on the other; whitening with a vote, and without
    matrix = [[0.1, 0.7, 0.2, 0.8], [0.6, 0.1, 0.9, 0.3]]
    frame = scores(methods, matrix)
    figure = draw_figure("critical_difference_norm", frame, rank_by="best_companions")
    assert rows(figure) == ["l2/whiten+l2/l2 (1.00)", "l2/l2/l2 (2.00)"]
    assert "with the best GEN, k and AGG for each (FM, task), chosen on test data" in words(figure)
    assert "NORMpre/NORMpost/NORMinf" in words(figure)


def test_a_best_that_validation_samples_chose_is_called_so():
    methods = [METHOD, {**METHOD, "gen": "kmeans", "k": 5}, {**METHOD, "gen": "kmeans", "k": 20}]
    frame = scores(methods, [[0.7, 0.6, 0.8]])
    # the k that is best on test data is not the best on the validation samples
    frame["validation_accuracy"] = np.where(frame["k"] == 5, 0.9, 0.5)
    figure = draw_figure("critical_difference_gen", frame)
    assert "on validation samples" in words(figure)
    assert rows(figure) == ["mean (1.00)", "kmeans (2.00)"]


@pytest.mark.parametrize(
    "name", ["critical_difference", "critical_difference_gen", "published_methods"]
)
def test_without_runs_of_all_samples_the_shots_are_named(name):
    frame = scores(PRESETS.values(), steps(4))
    assert "20 shots." in words(draw_figure(name, frame.assign(shots="20")))
    assert "shots" not in words(draw_figure(name, frame))


def test_missing_cells_are_named_in_the_figure():
    frame = scores(PRESETS.values(), steps(4))
    frame = frame[(frame["gen"] != "ls") | (frame["task"] != "task-3")]
    assert "1 (FM, task) left out for lack of results of Least squares (oracle) (1)" in words(
        draw_figure("critical_difference", frame)
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("critical_difference", "Fewer than two named methods"),
        ("critical_difference_gen", "Fewer than two GENs"),
        ("critical_difference_norm", "Fewer than two NORMs"),
        ("critical_difference_agg", "Fewer than two AGGs"),
        ("published_methods", "Fewer than two named methods"),
    ],
)
@pytest.mark.parametrize("methods", [[], [METHOD]], ids=["none", "one"])
def test_with_less_than_two_to_compare_a_figure_says_what_to_add(name, message, methods):
    frame = scores([METHOD], [[0.5], [0.6]])
    text = words(draw_figure(name, frame if methods else frame.iloc[:0]))
    assert message in text and "Add" in text


@pytest.mark.parametrize("rank_by", ["configuration", "best_companions"])
def test_components_that_are_all_equal_are_not_said_to_be_missing(rank_by):
    frame = scores([METHOD, {**METHOD, "gen": "kmeans", "k": 20}], [[0.5, 0.5], [0.6, 0.6]])
    text = words(draw_figure("critical_difference_gen", frame, rank_by=rank_by))
    assert "All ranked GENs are equal. Equal on every (FM, task)" in text
    assert "mean = kmeans" in text


def test_methods_without_a_common_task_say_so():
    frame = scores([PRESETS["qi"], PRESETS["oracle"]], steps(2, tasks=2))
    frame = frame[(frame["gen"] == "mean") == (frame["task"] == "task-0")]
    assert "share no FM and task" in words(draw_figure("critical_difference", frame))


def grid(figure):
    """The words of a grid of numbers, from top to bottom: {y: [words from left to right]}."""
    cells = {}
    for text in sorted(figure.axes[0].texts, key=lambda text: text.get_position()):
        cells.setdefault(text.get_position()[1], []).append(text.get_text())
    return [cells[y] for y in sorted(cells)]


def test_each_method_has_its_points_behind_the_best_on_each_fm_and_task():
    matrix = np.array([[0.90, 0.875, 0.5, 0.9], [0.70, 0.88, 0.69, 0.62]])
    frame = scores(PRESETS.values(), matrix)
    names, means, ranks, first, second = grid(draw_figure("published_methods", frame))
    order = ["Qi et al. 2018", "Westerhoff et al. 2025", "Least squares (oracle)", "Janson et al. 2022"]  # fmt: skip
    assert names == [*order, "best of the row (%)"]
    assert means == ["mean (%)", "80.0", "87.8", "76.0", "59.5"]
    assert ranks == ["mean rank", "1.8", "2.0", "2.8", "3.5"]
    assert first == ["task-0", "0", "2.5", "0", "40", "90.0"]
    assert second == ["task-1", "18", "0", "26", "19", "88.0"]


def test_methods_close_together_have_decimals_and_only_the_best_a_plain_zero():
    matrix = np.array([[0.9990, 0.9988, 0.9986, 0.9990], [0.9996, 0.99959, 0.9991, 0.9990]])
    _, means, _, first, second = grid(
        draw_figure("published_methods", scores(PRESETS.values(), matrix))
    )
    assert len(set(means[1:])) == 4
    assert sorted(first[1:5]) == ["0", "0", "0.02", "0.04"] and first[5] == "99.90"
    assert sorted(second[1:5]) == ["0", "0.00", "0.05", "0.06"]


@IN_BOTH_WIDTHS
@pytest.mark.parametrize("number", [2, 30])
def test_numbers_and_names_of_few_and_of_many_methods_have_room(number, width):
    presets = {
        f"m{k}": {**METHOD, "gen": "kmeans", "k": k, "label": f"M {k}"}
        for k in range(1, number + 1)
    }
    frame = scores(presets.values(), steps(number, tasks=3, step=0.01))
    figure = draw_figure("published_methods", frame, presets, width=width)
    # one with many methods takes the width of a page
    check_room(figure, "page" if number == 30 else width)


def test_named_methods_that_lack_cells_are_named():
    frame = scores(PRESETS.values(), steps(4))
    tasks = frame["task"].astype(str)
    few = (frame["gen"] == "ls") & (tasks > "task-1")  # run on 2 of 20
    one = (frame["gen"] == "kmeans") & (tasks == "task-3")
    text = words(draw_figure("published_methods", frame[~few & ~one]))
    assert "run on less than half of the (FM, task): Least squares (oracle) (" in text
    assert "1 (FM, task) left out for lack of results of Westerhoff et al. 2025 (1)" in text


def test_fms_have_headings_above_their_tasks_and_share_a_row_where_tasks_are_many():
    few = scores(PRESETS.values(), steps(4, tasks=2))
    figure = draw_figure("published_methods", pd.concat([few, few.assign(fm="vit")]))
    assert [row[0] for row in grid(figure)[3:]] == [
        "resnet", "task-0", "task-1", "vit", "task-0", "task-1"
    ]  # fmt: skip
    assert "4 pairs of FM and task" in words(figure)
    many = scores(PRESETS.values(), steps(4, tasks=40))
    figure = draw_figure("published_methods", pd.concat([many, many.assign(fm="vit")]))
    assert [row[0] for row in grid(figure)[3:]] == ["resnet", "vit"]
    assert "means over the tasks of an FM" in words(figure)


@IN_BOTH_WIDTHS
def test_tasks_whose_names_differ_in_the_middle_can_be_told_apart(width):
    frame = scores(PRESETS.values(), steps(4, tasks=12))
    names = {f"task-{i}": f"leaves_of_garden_{i}_in_late_winter" for i in range(12)}
    frame = compact(frame.assign(task=frame["task"].astype(str).map(names)))
    figure = draw_figure("published_methods", frame, width=width)
    assert len({row[0] for row in grid(figure)[3:]}) == 12
    check_room(figure, width)


def test_ink_differs_from_paper_without_colour():
    figure = draw_figure("critical_difference", scores(PRESETS.values(), steps(4)))
    for line in (line for axes in figure.axes for line in axes.lines if len(line.get_xdata()) > 1):
        grey = np.dot(to_rgb(line.get_color()), (0.299, 0.587, 0.114))
        assert grey < 0.5
