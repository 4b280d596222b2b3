"""Figures: what they show of known scores, that nothing overlaps, and that the same data give the same bytes."""

import re
import sys
from itertools import combinations
from pathlib import Path
from subprocess import run
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from imprint import plots, tables
from imprint.errors import UserError
from imprint.plots import selection, style

REPORT = Path(__file__).parents[2] / "workflow" / "report"
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
GENS = {"mean": [1], "kmeans": [1, 2, 3, 5, 10, 20], "random": [1, 5, 20], "all": [None], "ls": [1]}


def study(fms, plain, ds, configurations=(L2, NONE, NEAREST), draws=2, seeds=2):
    """Scores and collapse of a study in which more proxies pay where NC1 is high."""
    rng = np.random.default_rng(0)
    tasks = [(name, name, None, 0, nc1) for name, nc1 in plain.items()]
    tasks += [
        (f"glyphs-d{d}", "glyphs-d", d, draw, 0.4 * d + 0.02 * draw) for d in ds for draw in range(draws)
    ]
    scores, collapse = [], []
    for fm in fms:
        for task, family, d, draw, nc1 in tasks:
            place = {"fm": fm, "task": task, "family": family, "d": d, "draw": draw}
            collapse.append({**place, "nc1": nc1})
            for gen, ks in GENS.items():
                for k in ks:
                    gain = 0.07 * nc1 * (1 - 1 / (k or 50)) + {"ls": 0.2, "random": -0.1}.get(gen, 0)
                    for i, configuration in enumerate(configurations):
                        for seed in range(seeds):
                            accuracy = 0.85 - 0.07 * nc1 + gain - 0.02 * i + 0.005 * rng.uniform()
                            scores.append((*place.values(), "full", gen, k, *configuration, seed, accuracy))
    columns = [*place, "shots", "gen", "k", *KEYS, "seed", "accuracy"]
    whole = dict.fromkeys(["d", "draw", "k", "m"], "Int64")
    frame = pd.DataFrame(scores, columns=columns).astype(whole)
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
    return frame.astype(dict.fromkeys(text, "category")), collapse


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


def drawn(name, data=SMALL, presets=PRESETS):
    return plots.find(name).draw(*data, presets)


def texts(figure):
    """The texts that are really drawn: an axis also keeps labels for ticks beyond its range."""
    seen, draw = [], Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, renderer: (seen.append(text), draw(text, renderer)))
        figure.draw_without_rendering()
    # the layout draws some more than once
    return [text for text in dict.fromkeys(seen) if text.get_visible() and text.get_text().strip()]


def words(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


@pytest.mark.parametrize("data", [SMALL, LARGE, ONE], ids=["small", "large", "one"])
@pytest.mark.parametrize("name", plots.FIGURES)
def test_no_label_covers_another_or_leaves_the_page(name, data):
    figure = drawn(name, data)
    page = figure.bbox
    boxes = [(text, text.get_window_extent()) for text in texts(figure)]
    for text, box in boxes:
        assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1, text
        assert page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text
        assert text.get_fontsize() >= 7
    # slanted labels pass under each other's corners without touching
    upright = [(text, box) for text, box in boxes if text.get_rotation() % 90 == 0]
    for (a, box_a), (b, box_b) in combinations(upright, 2):
        apart = min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0) < 1
        assert apart or min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0) < 1, (a, b)
    for legend in figure.legends:
        assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert figure.get_figwidth() in (style.SINGLE, style.DOUBLE)


@pytest.mark.parametrize("name", plots.FIGURES)
def test_without_rows_a_figure_says_what_is_missing(name):
    scores, collapse = SMALL
    assert "Add" in words(drawn(name, (scores.iloc[:0], collapse.iloc[:0])))


def test_without_a_family_the_figures_over_d_say_so():
    data = study(["resnet"], DIGITS, [])
    for name in ("accuracy_over_k_by_d", "nc1_over_d"):
        assert "No 'd in 1' tasks in this experiment" in words(drawn(name, data))


@pytest.mark.parametrize("name", ["accuracy_over_k", "critical_difference"])
def test_same_data_same_bytes(name, tmp_path):
    first, second = (plots.save(drawn(name, ONE), tmp_path / f"{name}.{i}") for i in range(2))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name
    assert [path.name for path in first] == [f"{name}.0.png", f"{name}.0.pdf"]
    assert b"CreationDate" not in first[1].read_bytes()
    with Image.open(first[0]) as image:
        assert image.width == round(200 * drawn(name, ONE).get_figwidth())


def test_gens_are_told_apart_without_colour():
    looks = [(look.marker, str(look.dash)) for look in style.GENS.values()]
    assert len(set(looks)) == len(looks)


def test_accuracy_over_k_draws_the_means_of_the_seeds():
    scores, _ = SMALL
    figure = drawn("accuracy_over_k")
    panel = figure.axes[0]
    assert panel.get_title() == "digits-all"
    own = scores[
        (scores["fm"] == "convnext") & (scores["task"] == "digits-all") & (scores["norm_pre"] == "l2")
    ]
    expected = 100 * own[own["gen"] == "kmeans"].groupby("k")["accuracy"].mean()
    line = next(line for line in panel.lines if line.get_marker() == style.GENS["kmeans"].marker)
    assert line.get_xdata().tolist() == [1, 2, 3, 5, 10, 20]
    assert line.get_ydata() == pytest.approx(expected.to_numpy())
    lowest = figure.axes[1]  # the panel of the last FM carries the labels
    assert [label.get_text() for label in lowest.get_xticklabels()] == ["1", "2", "3", "5", "10", "20"]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == set(GENS)


def test_a_missing_standard_configuration_is_named():
    text = words(drawn("accuracy_over_k", study(["resnet"], DIGITS, [], configurations=[NEAREST])))
    assert "NORM none throughout; AGG 1-nn euclidean (the most frequent here" in text


def test_an_oracle_run_without_normalisation_keeps_its_line():
    scores, collapse = SMALL
    scores = scores[(scores["gen"] != "ls") | (scores["norm_pre"] == "none")]
    assert "ls (NORM none throughout)" in words(drawn("accuracy_over_k", (scores, collapse)))


def test_rings_mark_k_equal_to_d():
    panel = drawn("accuracy_over_k_by_d").axes[0]
    rings = [line for line in panel.lines if line.get_markersize() == 8 and len(line.get_xdata())]
    assert [int(ring.get_xdata()[0]) for ring in rings] == [1, 2, 3, 5]


def test_nc1_of_plain_tasks_stands_beside_that_of_d():
    left, right = drawn("nc1_over_d").axes
    assert left.lines[0].get_ydata() == pytest.approx(
        [0.41, 0.81, 1.21, 2.01]
    )  # mean of draws 0.4 d and 0.4 d + 0.02
    assert [label.get_text() for label in right.get_xticklabels()] == list(DIGITS)
    assert left.get_ylim() == right.get_ylim()


def test_gain_grows_with_nc1_where_it_was_made_to():
    figure = drawn("gain_over_nc1")
    points = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert len(points) == 2 * (4 + 4)  # a point per FM and task
    assert float(re.search("Spearman \N{GREEK SMALL LETTER RHO} = ([0-9.]+),", words(figure))[1]) > 0.9
    x, y = points[0].get_xdata()[0], points[0].get_ydata()[0]
    assert y == pytest.approx(100 * 0.07 * x * (1 - 1 / 5), abs=0.5)


def test_k_means_with_one_centre_is_the_mean():
    scores, collapse = SMALL
    scores = scores[(scores["gen"] != "kmeans") | (scores["k"] != 1)]
    assert "Spearman" in words(drawn("gain_over_nc1", (scores, collapse)))


def test_published_methods_best_rank_on_top():
    axes = drawn("published_methods").axes[0]
    names = [label.get_text().split("\n")[0] for label in axes.get_yticklabels()]
    assert names[0] == "Oracle (least squares)" and names[1] == "Westerhoff et al. 2025"
    assert axes.yaxis_inverted()


def test_critical_difference_joins_all_when_nothing_differs():
    scores, collapse = SMALL
    noise = np.random.default_rng(4).uniform(size=len(scores))
    text = words(drawn("critical_difference", (scores.assign(accuracy=noise), collapse)))
    assert "One bar joins all methods: Friedman's test finds no difference" in text


def test_names_are_ordered_by_the_numbers_in_them():
    assert selection.natural_order(["d10", "d2", "d1", "a"]) == ["a", "d1", "d2", "d10"]


def test_labels_of_close_k_are_thinned_but_not_their_ends():
    axes = style.canvas(3, 2).subplots()
    style.k_axis(axes, range(1, 51), inches=1.2)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "1" and labels[-1] == "50" and 4 < sum(map(bool, labels)) < 12


def test_an_unknown_figure_is_answered_with_the_known():
    with pytest.raises(UserError, match="unknown figure 'nc1'; known: accuracy_over_k"):
        plots.find("nc1")


def test_the_lists_of_figures_and_tables_cost_no_heavy_import():
    code = "import sys, imprint.plots, imprint.tables; print(*{'pandas', 'matplotlib', 'scipy', 'torch'} & set(sys.modules))"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize(("kind", "names"), [("figures", plots.FIGURES), ("tables", tables.TABLES)])
def test_every_figure_and_table_has_a_caption_that_renders(kind, names):
    jinja2, core = pytest.importorskip("jinja2"), pytest.importorskip("docutils.core")
    assert {path.stem for path in (REPORT / kind).glob("*.rst")} == set(names)
    about = dict.fromkeys(("runs", "fms", "tasks", "datasets", "seeds"), "some")
    job = SimpleNamespace(wildcards=SimpleNamespace(experiment="methods"), config={"about": about})
    for path in [REPORT / "workflow.rst", *(REPORT / kind).glob("*.rst")]:
        template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined)
        caption = core.publish_doctree(template.render(snakemake=job), settings_overrides={"halt_level": 2})
        assert "methods" in caption.astext().lower()
