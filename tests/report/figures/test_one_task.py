"""Figures of one FM and task: predictions, nearest neighbours, and the pictures that show them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from imprint.data import sources
from imprint.data.lookup import images_by_id
from imprint.errors import UserError
from imprint.method.configuration import Configuration, Fixed, Scoring
from imprint.method.normalize import l2
from imprint.method.proxies import ProxySet
from imprint.report.figures import FIGURES
from imprint.report.figures.gallery import chosen_rows
from imprint.store.embeddings import Embeddings
from imprint.store.files import provenance_json
from imprint.store.frames import read_parquet, read_provenance, write_parquet
from imprint.study.jobs.predictions import NEIGHBOURS, predictions
from imprint.study.jobs.samples import EACH, samples
from imprint.study.jobs.shown_cell import ShownCell, choose
from imprint.study.jobs.tsne import tsne
from tests.legible import check_legible, words

MEAN = Configuration("l2", "mean", Fixed(1), Scoring("l2", "l2", "max", "inner_product"))
NEAREST = Configuration(
    "none", "random", Fixed(3), Scoring("none", "none", "mnn", "euclidean", "uniform", 1)
)


def embeddings(n, classes=3, seed=0, prefix="s", away=3.0):
    """Classes around the axes of a space of eight dimensions."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, 8)) + away * np.eye(8)[y]
    names = tuple(f"class {c}" for c in range(classes))
    return Embeddings(
        x.astype("f"), y, np.array([f"{prefix}{i}" for i in range(n)], object), names, {}
    )


TRAIN, TEST = embeddings(60, prefix="train-"), embeddings(45, seed=1, prefix="test-", away=2.0)
SPEC = {"draw": 0, "draw_groups": None, "datasets": ["one"], "groups": [["net", "task", "full"]]}


def means(train, norm=l2):
    x = norm(train.x)
    return ProxySet(np.arange(3), np.stack([x[train.y == c].mean(axis=0) for c in range(3)]))


def of_means():
    table, description = predictions(ShownCell([TRAIN], [TEST], means(TRAIN), MEAN, 1, SPEC))
    return table, description | {"fm": "net", "task": "digits"}


# predictions


def test_predictions_are_those_of_the_method():
    table, description = of_means()
    nearest = (l2(TEST.x) @ l2(means(TRAIN).values).T).argmax(axis=1)
    assert table["predicted"].tolist() == nearest.tolist()
    assert description["accuracy"] == pytest.approx((nearest == TEST.y).mean())
    # max takes the class of the nearest proxy; values fall along each row
    assert [near[0] for near in table["near_class"]] == nearest.tolist()
    assert all((np.diff(values) <= 0).all() for values in table["near_value"])
    assert description["value_is"] == "inner product" and description["classes"] == list(
        TRAIN.class_names
    )
    assert table["id"].tolist() == list(TEST.ids)


def test_a_proxy_that_is_no_sample_is_shown_by_the_sample_in_its_direction():
    table, _ = of_means()
    for label, name in zip(table["near_class"].iloc[0], table["near_id"].iloc[0], strict=True):
        members = np.flatnonzero(TRAIN.y == label)
        cosines = l2(TRAIN.x[members]) @ means(TRAIN).values[label]
        assert name == TRAIN.ids[members[cosines.argmax()]]


def test_a_proxy_that_is_no_sample_is_compared_with_samples_after_the_same_norm():
    """Far from the origin all directions are alike, unless NORMpre moves the embeddings to it."""
    shifted = replace(TRAIN, x=TRAIN.x + np.float32(20))
    centred = TRAIN.x - TRAIN.x.mean(axis=0)
    proxies = means(shifted, lambda x: centred)
    scoring = Scoring("none", "center", "max", "inner_product")
    method = Configuration("center", "mean", Fixed(1), scoring)
    table, _ = predictions(ShownCell([shifted], [TEST], proxies, method, 1, SPEC))
    for label, name in zip(table["near_class"].iloc[0], table["near_id"].iloc[0], strict=True):
        members = np.flatnonzero(TRAIN.y == label)
        cosines = l2(centred[members]) @ proxies.values[label]
        assert name == TRAIN.ids[members[cosines.argmax()]]


def test_a_proxy_that_is_a_sample_is_shown_as_itself_at_its_distance():
    samples = np.array([0, 3, 6, 1, 4, 7, 2, 5, 8])
    proxies = ProxySet(np.repeat([0, 1, 2], 3), samples=samples)
    table, description = predictions(ShownCell([TRAIN], [TEST], proxies, NEAREST, 1, SPEC))
    distances = np.linalg.norm(TEST.x[0] - TRAIN.x[samples], axis=1)
    order = np.argsort(distances)[:NEIGHBOURS]
    assert list(table["near_id"].iloc[0]) == [f"train-{i}" for i in samples[order]]
    assert table["near_value"].iloc[0] == pytest.approx(distances[order], abs=1e-4)
    assert description["proxies_are_samples"] and description["value_is"] == "euclidean distance"


def test_samples_of_a_task_of_several_datasets_keep_their_names():
    other = embeddings(30, seed=2, prefix="other-")
    groups = [[0, 3], [1, 4], [2, 5]]  # equal classes of both datasets are one
    spec = SPEC | {"datasets": ["one", "two"], "draw_groups": groups}
    cell = ShownCell([TRAIN, other], [TEST, other], means(TRAIN), MEAN, 1, spec)
    table, description = predictions(cell)
    assert table.groupby("dataset").size().to_dict() == {"one": 45, "two": 30}
    assert table.loc[table["dataset"] == "two", "id"].str.startswith("other-").all()
    assert table["true"].tolist() == [*TEST.y, *other.y]
    assert description["classes"] == ["class 0", "class 1", "class 2"]


def test_the_best_cell_of_those_left_open_is_chosen():
    rows = [
        {"fm": "net", "task": "task", "shots": "full", "draw": 0, **c.columns(), "seed": s, "accuracy": a, "proxies": p}
        for c, s, a, p in [
            (MEAN, 1, 0.80, 3), (MEAN, 2, 0.82, 3), (MEAN, 3, 0.99, 3),
            (NEAREST, 1, 0.95, 9), (NEAREST, 2, 0.97, 9), (NEAREST, 3, 0.10, 9),
        ]
    ]  # fmt: skip
    scores = pd.DataFrame(rows).astype({"k": "Int64", "m": "Int64"})
    both = SPEC | {"configurations": [MEAN.as_dict(), NEAREST.as_dict()], "seeds": [1, 2, 3]}
    assert choose(scores, both) == (NEAREST, 1)  # by median, at the seed that reaches it
    assert choose(scores, both | {"configurations": [MEAN.as_dict()]}) == (MEAN, 2)
    assert choose(scores, both | {"seeds": [3]}) == (MEAN, 3)


def test_tables_of_one_task_keep_what_they_are_of(tmp_path):
    table, description = of_means()
    write_parquet(tmp_path / "p.parquet", table, provenance_json(about=description))
    assert read_provenance(tmp_path / "p.parquet")["about"] == description
    reread = read_parquet(tmp_path / "p.parquet")
    assert list(reread["near_id"].iloc[3]) == list(table["near_id"].iloc[3])


# pictures


@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
@pytest.mark.parametrize("classes", [3, 10, 60])
def test_a_confusion_matrix_is_legible_and_counts_what_is_confused(classes, width, inches):
    rng = np.random.default_rng(0)
    true = np.arange(20 * classes) % classes
    predicted = np.where(
        rng.uniform(size=len(true)) < 0.1, rng.integers(0, classes, len(true)), true
    )
    predicted[:7] = np.where(true[:7] == 1, 2, predicted[:7])
    table = pd.DataFrame({"true": true, "predicted": predicted})
    _, description = of_means()
    description = description | {"classes": [f"number {c}" for c in range(classes)]}
    figure = FIGURES["confusion"].draw(table, description, None, width=width)
    check_legible(figure, inches)
    counts = pd.crosstab(true, predicted).to_numpy()
    if classes == 10:
        numbers = [int(text.get_text()) for text in figure.axes[0].texts]
        assert sorted(numbers) == sorted(counts[counts > 0])
    off = counts - np.diag(np.diag(counts))
    i, j = divmod(int(off.argmax()), classes)
    assert f"number {i} as number {j} ({off.max()})" in words(figure)
    assert "n = " in words(figure) and "seed 1" in words(figure)


def picture(split, name):
    return Image.new("L", (8, 8), 100) if split == "test" else Image.new("RGB", (8, 12), "red")


@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
def test_a_gallery_shows_mistakes_first_each_with_its_nearest_proxies(width, inches):
    table, description = of_means()
    requests = []
    images = {"one": lambda split, name: requests.append((split, name)) or picture(split, name)}
    figure = FIGURES["gallery"].draw(table, description, images, width=width)
    check_legible(figure, inches)
    chosen = table.iloc[chosen_rows(table)]
    wrong = (chosen["true"] != chosen["predicted"]).tolist()
    assert wrong == sorted(wrong, reverse=True) and any(wrong) and not all(wrong)
    assert [name for split, name in requests if split == "test"] == chosen["id"].tolist()
    near = [name for names in chosen["near_id"] for name in names]
    assert [name for split, name in requests if split == "train"] == near
    assert len(figure.axes) == len(chosen) * (1 + 3)  # three proxies in all


def test_bold_words_below_an_image_are_no_wider_than_it():
    table, description = of_means()
    description["classes"] = ["a class with a name that is too long"] * 3
    figure = FIGURES["gallery"].draw(table, description, {"one": picture})
    figure.draw_without_rendering()
    label = figure.axes[0].xaxis.label
    assert label.get_fontweight() == "bold"
    assert label.get_window_extent().width <= 1.01 * figure.axes[0].get_window_extent().width


def test_frames_tell_right_neighbours_from_wrong_ones_without_colour():
    table, description = of_means()
    figure = FIGURES["gallery"].draw(table, description, {"one": picture})
    chosen = table.iloc[chosen_rows(table)]
    for row, sample in enumerate(chosen.itertuples()):
        for axes, label in zip(
            figure.axes[4 * row + 1 : 4 * row + 4], sample.near_class, strict=True
        ):
            solid = axes.spines["left"].get_linestyle() == "-"
            assert solid == (label == sample.true)


def test_where_there_are_no_images_the_ids_stand():
    table, description = of_means()
    name = table["id"].iloc[chosen_rows(table)[0]]
    without, with_images = (
        words(FIGURES["gallery"].draw(table, description, images)).replace(" ", "")
        for images in ({}, {"one": picture})
    )
    assert name in without and name not in with_images


def test_images_are_found_by_the_ids_of_their_embeddings(tmp_path):
    sources.prepare("sklearn", {"name": "digits"}, tmp_path)
    split = sources.open_split(tmp_path, "test", classes=[3], limit=2)
    image = images_by_id(tmp_path)
    for i, name in enumerate(split.ids):
        assert np.array_equal(np.asarray(image("test", name)), np.asarray(split[i]))
    assert image("test", "no such image") is None


# samples


def test_samples_come_from_every_class_dataset_and_original_class():
    parts = [embeddings(60), embeddings(30, seed=2, prefix="other-")]
    groups = [[0, 1, 3], [2]]  # two classes of the first dataset and one of the second; one alone
    spec = {"draw": 0, "datasets": ["one", "two"], "draw_groups": groups}
    table, description = samples(parts, spec)
    counts = table.groupby(["label", "dataset"]).size().to_dict()
    assert counts == {(0, "one"): EACH, (0, "two"): 10, (1, "one"): EACH}
    original = dict(zip(parts[0].ids, parts[0].y, strict=True))
    first = table[(table["label"] == 0) & (table["dataset"] == "one")]
    assert {original[name] for name in first["id"][:2]} == {0, 1}
    assert description["classes"] == ["class 0+class 1", "class 2"]
    pd.testing.assert_frame_equal(table, samples(parts, spec)[0])


@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
def test_a_grid_of_samples_has_a_row_per_class_and_a_block_per_dataset(width, inches):
    parts = [embeddings(60), embeddings(30, seed=2)]
    spec = {"draw": 0, "datasets": ["one", "two"], "draw_groups": [[0, 3], [1, 4], [2, 5]]}
    table, description = samples(parts, spec)
    description |= {"fm": "net", "task": "both"}
    requests = []
    images = {
        name: lambda split, id, name=name: requests.append((name, split, id)) or picture(split, id)
        for name in ("one", "two")
    }
    figure = FIGURES["training_images"].draw(table, description, images, width=width)
    check_legible(figure, inches)
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "class 0",
        "class 1",
        "class 2",
    ]
    assert {split for _, split, _ in requests} == {"train"} and len(requests) == 3 * 12
    # the red pictures, higher than wide, are whole, on white
    colours = {tuple(colour) for colour in figure.axes[0].images[0].get_array().reshape(-1, 3)}
    assert colours == {(255, 0, 0), (255, 255, 255)}


def test_of_many_classes_some_of_every_dataset_are_shown(monkeypatch):
    monkeypatch.setattr("imprint.report.figures.training_images.ROWS", 4)
    parts = [embeddings(60, classes=8), embeddings(6, seed=2)]
    spec = {"draw": 0, "datasets": ["one", "two"], "draw_groups": [[c] for c in range(11)]}
    table, description = samples(parts, spec)
    description |= {"fm": "net", "task": "both"}
    images = {"one": picture, "two": picture}
    figure = FIGURES["training_images"].draw(table, description, images)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["class 0", "class 1", "class 0", "class 1"]
    assert "4 of 11 classes" in words(figure)


def test_samples_of_given_embeddings_say_that_there_are_no_images():
    table, description = samples([TRAIN], SPEC)
    messages = []
    description |= {"fm": "net", "task": "digits"}
    FIGURES["training_images"].draw(table, description, {}, missing=messages.append)
    assert len(messages) == 1 and "without images" in messages[0]


# t-SNE


def placed(test, proxies=None, configuration=MEAN, train=(TRAIN,), spec=SPEC):
    """Samples, proxies and description of a t-SNE."""
    proxies = means(TRAIN) if proxies is None else proxies
    table, description = tsne(ShownCell(train, test, proxies, configuration, 1, spec))
    return table[~table["proxy"]], table[table["proxy"]], description


def test_islands_apart_in_the_embeddings_are_apart_in_the_plane():
    far = embeddings(90, away=30.0)
    samples, proxies, description = placed([far], means(far), train=[far])
    middles = samples.groupby("label")[["x", "y"]].mean().to_numpy()
    within = np.linalg.norm(samples[["x", "y"]].to_numpy() - middles[samples["label"]], axis=1)
    between = min(np.linalg.norm(a - b) for a, b in combinations(middles, 2))
    assert between > 2 * within.max()
    assert description["shown"] == description["samples"] == 90
    again, *_ = placed([far], means(far), train=[far])
    pd.testing.assert_frame_equal(samples, again)
    # a class mean stands on the island of its class
    assert proxies["label"].tolist() == [0, 1, 2] and proxies["name"].iloc[1] == "class 1"
    away = np.linalg.norm(proxies[["x", "y"]].to_numpy() - middles, axis=1)
    assert away.max() < between / 2


def test_proxies_that_are_samples_stand_where_these_samples_are():
    far = embeddings(90, away=30.0)
    same = ProxySet(np.array([0, 1, 2]), samples=np.array([0, 1, 2]))
    for norm in ("none", "whiten"):
        scoring = Scoring("none", norm, "mnn", "euclidean", "uniform", 1)
        method = Configuration(norm, "random", Fixed(1), scoring)
        samples, proxies, _ = placed([far], same, method, train=[far])
        places, span = samples[["x", "y"]].to_numpy(), np.ptp(samples["x"])
        apart = np.linalg.norm(proxies[["x", "y"]].to_numpy() - places[:3], axis=1)
        assert apart.max() < 0.1 * span, norm


def test_at_most_so_many_samples_are_placed_and_too_few_are_refused(monkeypatch):
    monkeypatch.setattr("imprint.study.jobs.tsne.MOST_SAMPLES", 40)
    monkeypatch.setattr("imprint.study.jobs.tsne.MOST_PROXIES", 2)
    samples, proxies, description = placed([embeddings(90)])
    assert len(samples) == description["shown"] == 40 and description["samples"] == 90
    assert len(proxies) == description["proxies_shown"] == 2 and description["proxies"] == 3
    with pytest.raises(UserError, match="3 test samples are too few for t-SNE"):
        placed([embeddings(3)])


@pytest.mark.parametrize(("width", "inches"), [("column", 3.4), ("page", 7.0)])
def test_several_datasets_get_a_panel_of_their_own(width, inches):
    parts = [embeddings(60, away=30.0), embeddings(60, seed=5, away=-40.0)]
    spec = SPEC | {"datasets": ["one", "two"], "draw_groups": [[0, 3], [1, 4], [2, 5]]}
    points, description = tsne(ShownCell(parts, parts, means(parts[0]), MEAN, 1, spec))
    description |= {"fm": "net", "task": "both"}
    figure = FIGURES["tsne"].draw(points, description, None, width=width)
    check_legible(figure, inches)
    assert [axes.get_title() for axes in figure.axes] == ["by class", "by dataset"]
    panel = figure.axes[0].get_window_extent()
    assert panel.width / figure.dpi > 2.4  # wide enough for the names
    # every class has a name on each of its two islands
    assert sorted(text.get_text() for text in figure.axes[0].texts) == sorted(
        2 * ["class 0", "class 1", "class 2"]
    )
    for axes in figure.axes:  # three proxies; one scale in both directions
        filled = [line for line in axes.lines if str(line.get_markerfacecolor()) != "none"]
        assert sum(len(line.get_xdata()) for line in filled) == 3
        box = axes.get_window_extent()
        assert np.ptp(axes.get_xlim()) / box.width == pytest.approx(
            np.ptp(axes.get_ylim()) / box.height, rel=1e-3
        )
    # without colour the marker shows the class, in the right panel the dataset; proxies are filled, samples hollow
    of_class = {line.get_marker() for line in figure.axes[0].lines}
    assert len(of_class) == 3 and len({line.get_marker() for line in figure.axes[1].lines}) == 3
    one = points[points["proxy"] | (points["dataset"] == "one")]
    alone = FIGURES["tsne"].draw(one, description, None, width=width)
    assert len(alone.axes) == 1 and "120 test samples (hollow) and 3 proxies (filled)" in words(
        alone
    )


def test_names_of_islands_stay_inside_their_panel():
    names = tuple(f"a class with a long name, {c}" for c in range(3))
    far = replace(embeddings(60, away=30.0), class_names=names)
    points, description = tsne(ShownCell([far], [far], means(far), MEAN, 1, SPEC))
    figure = FIGURES["tsne"].draw(points, description | {"fm": "net", "task": "digits"}, None)
    figure.draw_without_rendering()
    panel = figure.axes[0].get_window_extent()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 3
    assert all(panel.x0 - 1 <= box.x0 and box.x1 <= panel.x1 + 1 for box in boxes)


@pytest.mark.parametrize("classes", [14, 15])
def test_names_of_many_classes_do_not_cover_each_other(classes):
    names = [f"class {c}" for c in range(classes)]
    near = pd.DataFrame({"x": np.arange(classes) / 10, "y": 0.0, "label": range(classes)})
    far = pd.DataFrame({"x": [-50.0, 50.0], "y": [0.0, 0.0], "label": [0, 1]})
    points = pd.concat([near, near, far], ignore_index=True)
    points = points.assign(original=points["label"], dataset="one", proxy=points.index == 0)
    points["name"] = [names[label] for label in points["label"]]
    _, description = of_means()
    description |= {"shown": 1, "samples": 1, "proxies_shown": 1, "proxies": 1, "perplexity": 5}
    figure = FIGURES["tsne"].draw(points, description, None)
    assert len(figure.axes[0].texts) == (classes if classes == 14 else 1)


# naming a cell in the configuration
