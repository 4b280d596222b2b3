"""Heads and FMs ranked by cross-validation, and the command that makes the best of them."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest

from imprint.estimator.classifier import ImprintingClassifier
from imprint.estimator.commands import compare
from tests.cli.commands import FM, printed_command, write_arrays


def test_a_comparison_ranks_by_cross_validated_accuracy(imprint, workdir, embedded):
    command = "compare photos.h5 --gen mean,kmeans,all --k 2,5 --folds 2"
    rows = json.loads(imprint(f"{command} --json --output all.csv"))
    accuracies = [row["accuracy"] for row in rows]
    assert accuracies == sorted(accuracies, reverse=True) and rows[0]["rank"] == 1
    assert {(row["gen"], row["k"]) for row in rows} >= {
        ("mean", 1),
        ("kmeans", 2),
        ("kmeans", 5),
        ("all", None),
    }
    assert len((workdir / "all.csv").read_text().splitlines()) == len(rows) + 1
    whitened = [
        row["k"] for row in rows if (row["gen"], row["norm_post"]) == ("kmeans", "whiten+l2")
    ]
    assert {2, 5} <= set(whitened)
    references = {row["gen"] for row in rows if row["reference"]}
    assert {"ridge", "logistic"} <= references and "kmeans" not in references


def best_of(output):
    """The first row of a printed comparison."""
    return output.splitlines()[3].split()


def test_the_command_that_a_comparison_prints_makes_the_best_head(imprint, workdir):
    """One class has short and long embeddings, the other ones between: it takes two proxies, and no NORM."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    lengths = np.where(y == 1, 3, rng.choice([1, 9], 60))
    x = lengths[:, None] * np.full(4, 0.5) + 0.3 * rng.normal(size=(60, 4))
    np.savez(workdir / "lengths.npz", embeddings=x, labels=np.array(["owl", "wren"])[y])
    output = imprint("compare lengths.npz --gen kmeans --k 2 --norm none --m 1 --folds 2")
    assert "2 k-means centres, NORM none, nearest by euclidean" in " ".join(best_of(output))
    facts = json.loads(imprint(f"{printed_command(output)} --json"))
    assert facts["method"] == {
        "norm_pre": "none",
        "gen": "kmeans",
        "k": "2",
        "norm_post": "none",
        "norm_inf": "none",
        "agg": "mnn",
        "distance": "euclidean",
        "weighting": "distance",
        "m": 1,
    }
    rows = csv.DictReader(imprint("predict head.safetensors lengths.npz").splitlines())
    assert np.mean(np.array([row["label"] for row in rows]) == np.array(["owl", "wren"])[y]) > 0.9


def test_a_comparison_says_what_is_level_and_what_is_not(imprint, workdir):
    """Two clusters a class on opposite sides of 0: one proxy is far behind several, which are level."""
    rng = np.random.default_rng(2)
    y, side = np.arange(160) % 2, rng.choice([-1, 1], 160)
    x = side[:, None] * np.eye(6)[y] + 0.1 * rng.normal(size=(160, 6))
    np.savez(workdir / "mixed.npz", embeddings=x, labels=y)
    output = imprint("compare mixed.npz --gen kmeans,all --k 4,20 --folds 4 --output mixed.csv")
    table = pd.read_csv(workdir / "mixed.csv")
    assert (table["low"] <= table["difference"]).all() and (
        table["difference"] <= table["high"]
    ).all()
    assert table["difference"].iloc[0] == table["high"].iloc[0] == 0
    one = table[table["name"] == "Qi et al. 2018"].iloc[0]
    assert one["high"] < 0 and one["bytes"] == 2 * 6 * 4
    sentence = next(line for line in output.splitlines() if line.startswith("Best here: "))
    level, below = sentence.split("Below it: ")
    assert f"(Qi et al. 2018) by {-100 * one['difference']:.1f} points" in below
    assert "Westerhoff et al. 2025" in level


def test_where_a_choice_by_the_samples_is_best_the_command_lets_them_choose(imprint, workdir):
    """Five clusters a class, and noise in half of the directions: it takes several proxies and whitening."""
    rng = np.random.default_rng(1)
    centres, y = rng.normal(size=(3, 5, 12)), np.arange(180) % 3
    noise = rng.normal(size=(180, 12)) * np.repeat([0.15, 1.2], 6)
    x = centres[y, rng.integers(0, 5, 180)] + noise
    np.savez(workdir / "clusters.npz", embeddings=x, labels=y)
    output = imprint("compare clusters.npz --gen auto --folds 2")
    assert best_of(output)[1:6] == ["choice", "by", "the", "samples", "(auto)"]
    assert printed_command(output) == "fit clusters.npz -o head.safetensors --method auto"
    assert re.search(
        r"auto chose \d+ whitened k-means centres per class \(kmeans k=",
        imprint(printed_command(output)),
    )


def test_a_reference_is_marked_and_no_head_is_made_of_it(imprint, workdir):
    """Planes divide the classes, and each sample may be near one: what a trained head is made for."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 8))
    np.savez(workdir / "planes.npz", embeddings=x, labels=(x @ rng.normal(size=(8, 3))).argmax(1))
    output = imprint("compare planes.npz --gen mean --folds 2 --output planes.csv")
    assert best_of(output)[1:3] == ["Linear", "probe*"]
    rows = list(csv.DictReader((workdir / "planes.csv").open()))
    assert {row["gen"] for row in rows if row["reference"] == "True"} == {
        *("ridge", "logistic"),  # and as presets of other GENs:
        *("mean", "all"),
    }
    assert "To save the best head that is not a reference:" in output
    imprint(printed_command(output))
    method = json.loads((workdir / "head.json").read_text())["configuration"]
    best = next(row for row in rows if row["reference"] == "False")
    assert best["gen"] in (method["gen"], "auto")


def test_the_grid_of_a_comparison_has_what_can_be_used():
    from imprint.errors import UserError
    from imprint.estimator.cross_validation import default_methods
    from imprint.method.generate import GENERATORS

    norms = ["none", "l2", "whiten+l2"]
    grid = default_methods(list(GENERATORS), [2, 20], norms, [5])
    assert len(set(grid)) == len(grid) and {method.gen for method in grid} == set(GENERATORS)
    for method in grid:
        assert GENERATORS[method.gen].problem(method.norm_pre, method.scoring) is None
    of_auto = [method for method in grid if method.gen == "auto"]
    assert [(method.norm_pre, method.scoring.norm_inf) for method in of_auto] == [("l2", "l2")]
    whitened = [
        method
        for method in grid
        if method.gen == "kmeans" and method.scoring.norm_post == "whiten+l2"
    ]
    assert {(method.k.label, method.norm_pre, method.scoring.norm_inf) for method in whitened} == {
        ("2", "l2", "l2"),
        ("20", "l2", "l2"),
    }
    with pytest.raises(UserError, match="unknown NORM 'l3'"):
        default_methods(["mean"], [2], ["l3"], [])


def test_a_comparison_equals_the_estimator_in_each_fold(embedded):
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    from imprint.estimator.cross_validation import compare_fms
    from imprint.method.configuration import Configuration, Every, Fixed, Scoring
    from imprint.method.presets import PRESETS

    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    l2 = Scoring("l2", "l2", "max", "inner_product")
    vote = Scoring("l2", "l2", "mnn", "euclidean", "distance", 3)
    estimators = {
        Configuration("l2", "kmeans", Fixed(3), vote): ImprintingClassifier(
            k=3, agg="mnn", distance="euclidean", weighting="distance", m=3, random_state=0
        ),
        PRESETS["oracle"].configuration: ImprintingClassifier(method="oracle"),
        Configuration("l2", "all", Every(), l2): ImprintingClassifier(gen="all"),
    }
    table = compare_fms({"": embedded}, list(estimators), folds=4).set_index("gen")
    for configuration, estimator in estimators.items():
        expected = cross_val_score(estimator, embedded.x, embedded.y, cv=folds).mean()
        assert table.loc[configuration.gen, "accuracy"] == pytest.approx(expected)


def test_the_size_of_a_head_includes_maps_that_cannot_be_folded(embedded):
    from imprint.estimator.cross_validation import compare_fms
    from imprint.method.configuration import Configuration, Fixed, Scoring

    best, vote = (
        Configuration("l2", "mean", Fixed(1), Scoring("whiten+l2", "l2", agg, "cosine", *votes))
        for agg, votes in (("max", ()), ("mnn", ("distance", 2)))
    )
    table = compare_fms({"": embedded}, [best, vote], folds=2).set_index("agg")
    d, classes = embedded.x.shape[1], len(embedded.class_names)
    assert table.loc["max", "bytes"] == 4 * classes * d
    assert table.loc["mnn", "bytes"] == 4 * (classes * d + d * d)


def test_the_command_that_a_comparison_prints_makes_that_head(imprint):
    options = "--input-size 24 --mean 0.1 0.2 0.3 --std 1 1 1 --interpolation bilinear --seed 3"
    ridge = "--gen mean --ls-lambda 0.5"
    printed = imprint(f"compare photos {FM} {options} {ridge} --folds 2").splitlines()[-1]
    assert "--ls-lambda" not in printed, "it has no effect on means"
    for option in options.replace(" --", "\n--").splitlines():
        name, *values = option.split()
        words = printed.split(f"{name} ")[1].split(" --")[0].split()
        assert [float(v) if v[0].isdigit() else v for v in words] == [
            float(v) if v[0].isdigit() else v for v in values
        ]
    imprint(printed.strip().removeprefix("imprint "))


def test_the_printed_command_quotes_names_with_spaces(imprint, workdir):
    write_arrays(workdir, "my birds.npz")
    printed = imprint("compare 'my birds.npz' --gen mean --folds 2").splitlines()[-1].strip()
    assert "'my birds.npz'" in printed
    imprint(printed.removeprefix("imprint "))


def test_a_component_of_the_user_is_compared_and_saved(imprint, workdir, embedded):
    (workdir / "medians.py").write_text(
        "import numpy as np\n"
        "from imprint.method.generate import generator\n\n\n"
        "@generator('middle', takes_k=False)\n"
        "def middle(x, k, random, shared):\n"
        "    return np.median(x, axis=0, keepdims=True)\n"
    )
    printed = imprint("compare photos.h5 --components medians.py --gen middle --folds 2")
    assert "--components medians.py" in printed and "proxies by middle" in printed
    imprint("fit photos.h5 -o m.safetensors --components medians.py --gen middle")
    assert (
        len(imprint("predict m.safetensors photos.h5 --components medians.py").splitlines()) == 61
    )


def test_several_fms_are_compared_on_the_same_folds(imprint, workdir):
    command = "compare photos --device cpu --gen mean --folds 2 --fm tf_efficientnet_lite0,tf_efficientnet_lite1"
    output = imprint(f"{command} --output fms.csv")
    table = pd.read_csv(workdir / "fms.csv")
    assert table.groupby("fm").size().nunique() == 1 and len(set(table["fm"])) == 2
    best = table.iloc[0]
    assert f"Best here: {best['fm']} with " in output
    assert f"--fm {best['fm']} " in printed_command(output)
    of_fms = [line.split()[0] for line in output.splitlines()[3:5]]
    assert sorted(of_fms) == sorted(set(table["fm"])) and of_fms[0] == best["fm"]
    alone = json.loads(imprint(f"{command.replace(',tf_efficientnet_lite1', '')} --json"))
    of_fm = table[table["fm"] == "tf_efficientnet_lite0"]["accuracy"].tolist()
    assert of_fm == pytest.approx([row["accuracy"] for row in alone])


def test_what_belongs_to_one_fm_is_refused_for_several(imprint, embedded):
    fms = "--fm tf_efficientnet_lite0,tf_efficientnet_lite1"
    message = imprint(
        "compare photos --fm tf_efficientnet_lite0 --fm tf_efficientnet_lite1", code=2
    )
    assert "--fm is given 2 times" in message
    assert "holds embeddings of one FM" in imprint(f"compare photos.h5 {fms}", code=2)
    message = imprint(f"compare photos {fms} --checkpoint net.safetensors", code=2)
    assert "(--checkpoint) belongs to one FM" in message


def test_classes_of_different_sizes_are_also_counted_the_same(imprint, workdir):
    """Naming the large class always is right in 95%, and few heads are right more often."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [190, 10])
    x = rng.normal(size=(200, 10)) + 1.2 * np.eye(10)[y]
    np.savez(workdir / "uneven.npz", embeddings=x, labels=np.array(["crow", "wren"])[y])
    rows = json.loads(imprint("compare uneven.npz --gen mean --norm l2 --json"))
    of_ridge = next(row for row in rows if row["gen"] == "ridge")
    assert of_ridge["accuracy"] == 0.95 and of_ridge["balanced_accuracy"] == 0.5
    balanced = max(rows, key=lambda row: row["balanced_accuracy"])
    assert balanced["balanced_accuracy"] > 0.6 and balanced["accuracy"] < 0.9
    output = " ".join(imprint("compare uneven.npz --gen mean --norm l2").split())
    assert "head accuracy balanced behind" in output
    assert "always naming the largest class is right in 95.0%" in output
    assert f"{100 * balanced['balanced_accuracy']:.1f}%; the one above has 50.0%" in output
    assert "To save the best head with each class counted the same:" in output


def test_copies_among_the_samples_are_noted(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(20, 5)), np.arange(20) % 2
    np.savez(tmp_path / "copies.npz", embeddings=np.tile(x, (3, 1)), labels=np.tile(y, 3))
    with pytest.warns(UserWarning, match="40 of 60 samples are copies"):
        compare(tmp_path / "copies.npz")
