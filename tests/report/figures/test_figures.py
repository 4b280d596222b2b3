"""All figures: nothing overlaps, all is said, and the same data give the same bytes."""

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

from imprint.analysis.natural_order import natural_order
from imprint.errors import UserError
from imprint.report.drawing.axes import SHARED_LABEL, k_axis, spread
from imprint.report.drawing.looks import GENS, shades
from imprint.report.drawing.saving import save
from imprint.report.drawing.sheet import canvas
from imprint.report.drawing.style import WIDTHS
from imprint.report.drawing.text import shorten, text_width, wrap
from imprint.report.figures import FIGURES
from imprint.report.tables import TABLES
from tests.legible import check_legible, words
from tests.report.figures.studies import (
    DIGITS,
    L2,
    LARGE,
    NONE,
    ONE,
    PRESETS,
    SHOTS,
    SMALL,
    draw_figure,
    study,
)

REPORT = Path(__file__).parents[3] / "workflow" / "report"


FROM_SCORES = [name for name, entry in FIGURES.items() if not entry.shows_one_task]


@pytest.mark.no_cover  # slow, and the other tests draw all figures too
@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
@pytest.mark.parametrize("data", [SMALL, LARGE, ONE, SHOTS], ids=["small", "large", "one", "shots"])
@pytest.mark.parametrize("name", FROM_SCORES)
def test_every_word_is_legible_in_a_column_and_on_a_page(name, data, width, inches):
    figure = draw_figure(name, data, width=width)
    # one with many panels takes the width of a page
    assert figure.get_figwidth() == inches or figure.get_figwidth() == WIDTHS["page"]
    check_legible(figure, figure.get_figwidth())


# NC1 that is nearly the same everywhere, and small: numbers with many digits on an axis that spans less than a factor of two
COLLAPSED = study(["a", "b"], {"x": 0.00029, "y": 0.00036}, [])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["gain_over_nc1", "generation_time", "nc1_over_d"])
def test_nearly_equal_values_have_legible_numbers(name, width):
    figure = draw_figure(name, COLLAPSED, width=width)
    check_legible(figure, figure.get_figwidth())


FEW_SHOTS = study(["resnet", "convnext"], DIGITS, [], [L2, NONE], shots=[5])


@pytest.mark.parametrize("name", ["fms", "generation_time", "published_methods", "accuracy_over_k"])
def test_figures_of_few_shots_say_so(name):
    assert "5 shots" in words(draw_figure(name, FEW_SHOTS))


LONG_NAMES = study(
    ["vit_large_patch14_reg4_dinov2.lvd142m", "convnext_large_mlp.clip_laion2b_soup_ft_in12k"],
    {f"a-task-with-a-long-name-{part}": nc1 for part, nc1 in (("all", 3.1), ("even", 1.4))},
    [1, 2, 3, 10],
    configurations=(L2, NONE),
    shots=[1, 5, "full"],
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FROM_SCORES)
def test_long_names_are_broken_or_cut_in_the_middle(name, width):
    presets = {
        key: {**preset, "label": f"A named method with a long name, that of {key}"}
        for key, preset in PRESETS.items()
    }
    figure = draw_figure(name, LONG_NAMES, presets, width=width)
    assert figure.get_figwidth() in (WIDTHS[width], WIDTHS["page"])
    check_legible(figure, figure.get_figwidth())


@pytest.mark.parametrize("name", FROM_SCORES)
def test_a_figure_has_its_title_axes_and_what_its_values_stand_for(name):
    figure = draw_figure(name, SHOTS if name == "few_shot" else SMALL)
    text = words(figure)
    assert figure.texts[0].get_fontweight() == "bold"
    panels = [axes for axes in figure.axes if axes.axison]
    labels = [axes.get_xlabel() for axes in panels]
    labels += [
        text.get_text() for axes in panels for text in axes.texts if text.get_gid() == SHARED_LABEL
    ]
    assert not panels or any(map(str.strip, labels)), (
        "no x axis has a name: set_xlabel, or label_across"
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


def test_nc1_of_test_embeddings_is_labelled_as_such():
    scores, collapse = SMALL
    on_test = scores, collapse.assign(split="test")
    assert "NC1 of test embeddings." in words(draw_figure("fms", on_test))
    assert "embeddings." not in words(draw_figure("fms"))


def test_fms_without_a_common_task_are_not_ranked():
    scores, collapse = SMALL
    apart = scores[(scores["fm"] == "resnet") == (scores["task"] == "digits-all")]
    messages = []
    draw_figure("fms", (apart, collapse), missing=messages.append)
    assert messages == [
        "The FMs share no task: nothing to rank. Add what is missing: all FMs on the same tasks."
    ]


def test_gens_can_be_distinguished_without_colour():
    looks = [(look.marker, str(look.dash)) for look in GENS.values()]
    assert len(set(looks)) == len(looks)


def test_things_in_order_get_lighter_so_that_grey_tells_them_apart():
    greys = [
        np.dot(to_rgb(look.colour), (0.299, 0.587, 0.114)) for look in shades(range(10)).values()
    ]
    assert (np.diff(greys) > 0.02).all() and greys[-1] < 0.75


def test_names_are_ordered_by_the_numbers_in_them():
    assert natural_order(["d10", "d2", "d1", "a"]) == ["a", "d1", "d2", "d10"]


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
    assert cut[:6] == "a name" and cut[-6:] == "for it" and text_width(cut, 7) <= 1.0
    assert shorten("any", 0.01, 7) == "\N{HORIZONTAL ELLIPSIS}"


def test_labels_of_close_k_are_thinned_but_not_their_ends():
    axes = canvas(3, 2).subplots()
    k_axis(axes, range(1, 51), inches=1.2)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "1" and labels[-1] == "50" and 4 < sum(map(bool, labels)) < 12


def test_an_unknown_figure_is_answered_with_the_known():
    with pytest.raises(UserError, match=r"unknown figure 'nc1'; known: .*nc1_over_d"):
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
    assert {path.stem for path in (REPORT / kind).glob("*.rst")} == {
        e.caption for e in names.values()
    }
    wildcards = SimpleNamespace(experiment="methods", fm="net", task="digits")
    usual = {"settings": '{"rank_by": "configuration"}', "selection": "{}"}
    other = {
        "settings": '{"rank_by": "best_companions"}',
        "selection": '{"select_on": "validation"}',
    }
    for (name, entry), params in product(names.items(), (usual, other)):
        path = REPORT / kind / f"{entry.caption}.rst"
        job = SimpleNamespace(
            wildcards=wildcards, params=SimpleNamespace(**params, figure=name, table=name)
        )
        texts = []
        for blocks in ({}, {"trim_blocks": True, "lstrip_blocks": True}):  # Snakemake's, our page
            template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined, **blocks)
            caption = core.publish_doctree(
                template.render(snakemake=job), settings_overrides={"halt_level": 2}
            )
            texts.append(caption.astext())
        text, of_page = texts
        assert text == of_page and "\n\nHow to read it." in text, "a paragraph of its own"
        assert "methods" in text.lower()
        if entry.shared_caption:
            assert name.upper().rpartition("_")[2] in text
        assert "rank_by" not in text and "select_on" not in text, "only what applies is said"
