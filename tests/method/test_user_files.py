"""GENs, NORMs and distances in a Python file of the user's."""

import importlib
import sys

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.method.configuration import Scoring
from imprint.method.distances import DISTANCES
from imprint.method.engine import predict
from imprint.method.generate import GENERATORS
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import NORMS, FittedNorms, apply
from imprint.method.scoring import CandidateHead
from imprint.method.user_files import REGISTRIES, load_file
from tests.method.definitions import distances_of

COMPONENTS = """
import numpy as np
from imprint.method.distances import distance
from imprint.method.generate import generator
from imprint.method.normalize import normalization, proxy_normalization


@generator("median", takes_k=False)
def median(x, k, random, shared):
    return np.median(x, axis=0, keepdims=True)


@generator("extremes", samples=True)
def extremes(x, k, random, shared):
    return np.argsort(-np.abs(x).max(axis=1), kind="stable")[:k]


@generator("contrast", takes_k=False, sees_all_classes=True)
def contrast(x, y, run):
    means = np.stack([x[y == label].mean(axis=0) for label in range(y.max() + 1)])
    return means - x.mean(axis=0), np.arange(len(means))


@normalization("squashed")
def squashed(x):
    return np.tanh(x)


@proxy_normalization("centred")
def centred(proxies, labels, fm_classifier):
    return proxies - proxies.mean(axis=0)


@distance("largest_difference")
def largest_difference(x, proxies):
    return np.abs(x[:, None] - proxies[None]).max(axis=2)
"""


def data(n=60, d=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return (rng.normal(size=(n, d)) + 2 * np.eye(classes, d)[y]).astype(np.float32), y


def test_a_file_may_register_every_kind_and_may_be_loaded_again(load):
    path = load(COMPONENTS)
    load_file(path)
    for registry, name in (
        (GENERATORS, "median"),
        (NORMS, "squashed"),
        (DISTANCES, "largest_difference"),
    ):
        assert registry[name].file == str(path)


def test_components_of_imported_code_belong_to_the_file_that_registers_them(tmp_path, monkeypatch):
    """Jobs load the files that a study names, and an edit of one changes what it registers."""
    monkeypatch.setattr("sys.path", [*sys.path])
    helper = "from imprint.method.generate import generator\n\ndef scaled(by):\n    def make(x, k, random, shared):\n        return by * x[:k]\n    return make\n\n"
    (tmp_path / "helper_of_main.py").write_text(helper + "generator('of_helper')(scaled(1))\n")
    main = tmp_path / "main.v2.py"  # no name of a module
    main.write_text(
        "import numpy as np\nfrom helper_of_main import generator, scaled\n"
        "from imprint.method.normalize import normalization\n\n"
        "generator('of_main')(scaled(2))\nnormalization('of_numpy')(np.tanh)\n"
    )
    added = ((GENERATORS, "of_helper"), (GENERATORS, "of_main"), (NORMS, "of_numpy"))
    try:
        for _ in range(2):
            load_file(main)
        assert [registry[name].file for registry, name in added] == [str(main)] * 3
    finally:
        for registry, name in added:
            if name in registry:
                registry.remove(name)
        sys.modules.pop("helper_of_main", None)


def test_proxies_of_each_kind_of_gen(load):
    load(COMPONENTS)
    x, y = data()
    median = proxy_sets(x, y, "median", [1], [0])[1, 0]
    np.testing.assert_allclose(median.values[1], np.median(x[y == 1], axis=0))
    extremes = proxy_sets(x, y, "extremes", [2], [0])[2, 0]
    assert extremes.values is None and (y[extremes.samples] == extremes.labels).all()
    contrast = proxy_sets(x, y, "contrast", [1], [0])[1, 0]
    np.testing.assert_allclose(contrast.values.mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("norm_inf", ["none", "l2", "squashed"])
@pytest.mark.parametrize("norm_post", ["none", "l2", "squashed", "centred"])
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_predictions_equal_the_definition(load, norm_post, norm_inf, device):
    load(COMPONENTS)
    x, _ = data(seed=1)
    proxies, labels = data(n=9, seed=2)
    labels = np.sort(labels)
    scorings = tuple(
        Scoring(norm_post, norm_inf, *rest)
        for rest in (
            ("max", "inner_product"),
            ("max", "largest_difference"),
            ("mnn", "largest_difference", "distance", 5),
            ("mnn", "euclidean", "uniform", 3),
        )
    )
    p = proxies - proxies.mean(axis=0) if norm_post == "centred" else apply(norm_post, proxies)
    q = apply(norm_inf, x)
    apart = {
        **{name: distances_of(q, p, name) for name in ("inner_product", "euclidean")},
        "largest_difference": np.abs(q[:, None] - p[None]).max(axis=2),
    }
    predicted = {}
    for users, of_users in predict(x, 3, [CandidateHead(proxies, labels, scorings)], device=device):
        predicted |= {scoring: of_users for _, scoring in users}
    for scoring in scorings:
        order = np.argsort(apart[scoring.distance], axis=1, kind="stable")[:, : scoring.neighbours]
        weights = np.ones(order.shape)
        if scoring.weighting == "distance":
            weights = 1 / (np.take_along_axis(apart[scoring.distance], order, axis=1) + 1e-10)
        votes = np.stack([(weights * (labels[order] == c)).sum(axis=1) for c in range(3)], axis=1)
        np.testing.assert_array_equal(predicted[scoring], votes.argmax(axis=1))


GEN = """
import numpy as np
from imprint.method.generate import generator

@generator("{name}", takes_k=False)
def mine(x, k, random, shared):
    return np.median(x, axis=0, keepdims=True)
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "registers no component"),
        ("def f(:", "cannot be loaded .SyntaxError"),
        (
            GEN.format(name="half") + "raise ValueError('later')",
            "cannot be loaded .ValueError: later",
        ),
        (GEN.format(name="mean"), "GEN 'mean' exists already"),
        (GEN.format(name="no-name"), "letters, digits and underscores"),
        (GEN.format(name="5nn"), "does not begin with a digit"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(load, text, message):
    before = [dict(registry) for registry in REGISTRIES]
    with pytest.raises(UserError, match=message):
        load(text)
    assert before == [dict(registry) for registry in REGISTRIES]


# a GEN called wrong
WRONG = """
import numpy as np
from imprint.method.generate import generator

@generator("wrong"{properties})
def wrong({parameters}):
    return {returned}
"""
PER_CLASS, OF_ALL = "x, k, random, shared", "x, y, run"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"mine.py does not exist"):
        load_file(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("returned", "properties", "message"),
    [
        ("x[:1] * np.nan", "", "NaN or infinity"),
        ("x[:1].astype(float) * 1e60", "", "NaN or infinity"),
        ("x.mean(axis=0)", "", r"shape \(5,\)"),
        ("x.astype(str)", "", r"shape \(20, 5\), <U32"),
        ("[[1, 2], [3]]", "", r"list, which is no array \("),
        ("(x[:1], x)", "", r"tuple, which is no array \("),
        ("np.arange(k) + len(x)", ", samples=True", "row numbers below"),
    ],
)
def test_what_a_gen_returns_is_checked(load, returned, properties, message):
    load(WRONG.format(properties=properties, parameters=PER_CLASS, returned=returned))
    with pytest.raises(UserError, match=rf"GEN 'wrong' of .*mine.py returned .*{message}"):
        proxy_sets(*data(), "wrong", [2], [0])


def test_a_gen_that_serves_all_k_at_once_returns_a_result_for_each(load):
    load(
        "from imprint.method.generate import generator\n"
        "def firsts(x, runs):\n    return [x[:k] for k, random in runs]\n"
        "def one(x, runs):\n    return [x[:1]]\n"
        "@generator('firsts', at_once=firsts)\n@generator('short', at_once=one)\n"
        "def alone(x, k, random, shared):\n    raise AssertionError\n"
    )
    x, y = np.arange(24, dtype=np.float32).reshape(8, 3), np.repeat([0, 1], 4)
    sets = proxy_sets(x, y, "firsts", [1, 3], [0])
    np.testing.assert_array_equal(sets[3, 0].values, x[[0, 1, 2, 4, 5, 6]])
    with pytest.raises(UserError, match=r"returned 1 results at once; .* each of 2 k and seeds"):
        proxy_sets(x, y, "short", [1, 3], [0])


def test_labels_of_a_gen_that_sees_all_classes_are_checked(load):
    returned = "x[:2], np.array([1, 0])"
    load(WRONG.format(properties=", sees_all_classes=True", parameters=OF_ALL, returned=returned))
    with pytest.raises(UserError, match=r"returned labels .* each class at least once"):
        proxy_sets(*data(), "wrong", [2], [0])


@pytest.mark.parametrize(
    ("properties", "parameters", "returned"),
    [
        ("", PER_CLASS, "x[:k + 1]"),
        (", sees_all_classes=True", OF_ALL, "x[[0, 0, 0, 1, 2]], np.array([0, 0, 0, 1, 2])"),
    ],
)
def test_a_gen_generates_at_most_k_proxies_per_class(load, properties, parameters, returned):
    load(WRONG.format(properties=properties, parameters=parameters, returned=returned))
    with pytest.raises(UserError, match=r"returned 3 proxies for a class with k = 2; .* at most k"):
        proxy_sets(*data(), "wrong", [2], [0])


@pytest.mark.parametrize("returned", ["x[:3]", "[x[:3], y[:3]]", "x[:3], y[:3], None, '', 1"])
def test_a_gen_that_sees_all_classes_returns_proxies_and_labels(load, returned):
    load(WRONG.format(properties=", sees_all_classes=True", parameters=OF_ALL, returned=returned))
    with pytest.raises(UserError, match=r"returned .* it must return \(proxies, labels\)"):
        proxy_sets(*data(), "wrong", [2], [0])


def test_a_file_may_define_dataclasses_with_postponed_annotations(load):
    load(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Settings:\n    size: int = 3\n\n" + GEN.format(name="median")
    )
    assert "median" in GENERATORS


@pytest.mark.parametrize(
    ("properties", "bias", "message"),
    [
        ("", "np.zeros(2)", r"returned a bias of shape \(2,\) for 2 proxies"),
        (", has_bias=True", "np.zeros(3)", r"returned a bias of shape \(3,\) for 2 proxies"),
        (", has_bias=True", "None", "returned no bias for 2 proxies"),
        (", has_bias=True", "[0, np.nan]", r"shape \(2,\) that is not finite for 2 proxies"),
    ],
)
def test_the_bias_of_a_gen_is_the_one_that_it_is_registered_with(load, properties, bias, message):
    load(
        "import numpy as np\nfrom imprint.method.generate import Generated, generator\n\n"
        f"@generator('wrong', sees_all_classes=True{properties})\ndef wrong(x, y, run):\n"
        f"    return Generated(x[:2], np.array([0, 1]), {bias})\n"
    )
    x, y = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
    with pytest.raises(UserError, match=message):
        proxy_sets(x, y, "wrong", [1], [0])


IN_PLACE = """
import numpy as np
from imprint.method.distances import distance
from imprint.method.generate import generator
from imprint.method.normalize import normalization


@generator("shifted")
def shifted(x, k, random, shared):
    x -= 1
    return x[:k]


@generator("shifted_means", takes_k=False, sees_all_classes=True)
def shifted_means(x, y, run):
    x -= 1
    result = np.stack([x[y == label].mean(axis=0) for label in range(y.max() + 1)]), np.arange(y.max() + 1)
    y[:] = 0
    return result


@normalization("positive")
def positive(x):
    return np.maximum(x, 0, out=x)


@normalization("doubled", fitted=True)
class Doubled:
    def fit(self, embeddings, labels):
        embeddings *= 0
        labels *= 0
        return self

    def transform(self, embeddings):
        embeddings *= 2
        return embeddings


@distance("halved")
def halved(x, proxies):
    x /= 2
    proxies /= 2
    return np.abs(x[:, None] - proxies[None]).sum(axis=2)
"""


def test_components_may_compute_in_place(load):
    load(IN_PLACE)
    x, y = data()
    before = x.copy()
    sets = proxy_sets(x, y, "shifted", [1, 2, 3], [0])
    np.testing.assert_array_equal(sets[3, 0].values[:3], x[y == 0][:3] - 1)
    means = proxy_sets(x, y, "shifted_means", [1], [0])[1, 0].values
    np.testing.assert_allclose(means[1], x[y == 1].mean(axis=0) - 1, rtol=1e-5)
    norms = FittedNorms(x, y)
    np.testing.assert_array_equal(norms.apply_to_embeddings("positive", x), np.maximum(x, 0))
    np.testing.assert_array_equal(norms.apply_to_queries("none", "doubled", "none", x), 2 * x)
    scorings = tuple(Scoring("none", "none", "max", name) for name in ("halved", "manhattan"))
    proxies = x[:9].copy()
    candidate = CandidateHead(proxies, np.repeat([0, 1, 2], 3), scorings)
    results = {
        scoring: classes for users, classes in predict(x, 3, [candidate]) for _, scoring in users
    }
    np.testing.assert_array_equal(results[scorings[0]], results[scorings[1]])
    np.testing.assert_array_equal(proxies, before[:9])
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, data()[1])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("np.full((len(x), len(proxies)), np.nan)", "NaN"),
        ("np.ones((len(x), 1))", r"an array of shape \(60, 1\)"),
        ("np.full((len(x), len(proxies)), 1j)", "complex128"),
        ("np.full((len(x), len(proxies)), 1e60)", "numbers beyond float32"),
    ],
)
def test_what_a_distance_returns_is_checked(load, returned, message):
    load(
        "import numpy as np\nfrom imprint.method.distances import distance\n\n"
        f"@distance('wrong')\ndef wrong(x, proxies):\n    return {returned}\n"
    )
    x, _ = data()
    candidate = CandidateHead(x[:6], np.arange(6) // 2, (Scoring("none", "none", "max", "wrong"),))
    with pytest.raises(UserError, match=f"distance 'wrong' returned {message}"):
        list(predict(x, 3, [candidate]))


@pytest.mark.parametrize("kind", ["np.uint8", "bool"])
def test_a_distance_may_be_unsigned_or_a_truth_value(load, kind):
    load(
        "import numpy as np\nfrom imprint.method.distances import distance\n\n"
        "@distance('differs')\ndef differs(x, proxies):\n"
        f"    return (x[:, None] != proxies[None]).any(axis=2).astype({kind})\n"
    )
    x, labels = np.eye(3, dtype=np.float32), np.arange(3)
    candidate = CandidateHead(x, labels, (Scoring("none", "none", "max", "differs"),))
    ((_, classes),) = predict(x, 3, [candidate])
    np.testing.assert_array_equal(classes, labels)


def test_a_file_that_exits_is_reported(load):
    with pytest.raises(UserError, match=r"mine.py cannot be loaded \(SystemExit: 3\)"):
        load("import sys\nsys.exit(3)\n")


def test_a_file_may_import_one_beside_it(load, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "helper_of_mine.py").write_text("def median(x):\n    return x[:1]\n")
    load(
        "from helper_of_mine import median\nfrom imprint.method.generate import generator\n\n"
        "@generator('helped')\ndef helped(x, k, random, shared):\n    return median(x)\n"
    )
    assert proxy_sets(*data(), "helped", [1], [0])[1, 0].values.shape == (3, 5)


def test_a_file_beside_another_with_the_same_name_is_not_mistaken_for_it(
    load, tmp_path, monkeypatch
):
    """Python keeps one module of a name: the second file would compute with the helper of the first."""
    monkeypatch.setattr("sys.path", [*sys.path])
    text = GEN.replace("import numpy", "import helper_twice\nimport numpy")
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helper_twice.py").touch()
    load(text.format(name="of_first"), "first/mine.py")
    message = (
        r"second.mine\.py: mine\.py imports helper_twice, which is .*second.helper_twice\.py, but Python has "
        r".*first.helper_twice\.py of that name; rename the file"
    )
    with pytest.raises(UserError, match=message):
        load(text.format(name="of_second"), "second/mine.py")
    assert "of_second" not in GENERATORS


def test_a_file_beside_another_is_not_hidden_by_an_installed_module(load, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "statistics.py").touch()
    helper = tmp_path / "helper_with_imports.py"
    helper.write_text("def f():\n    import statistics\n")
    with pytest.raises(UserError, match=r"helper_with_imports\.py imports statistics, which is "):
        load("import helper_with_imports\n" + GEN.format(name="hidden"))


PAIR = {
    "first_of_two": (
        "from imprint.method.generate import generator\n\n"
        "@generator('first_gen')\ndef first(x, k, random, shared):\n    return x[:k]\n"
    ),
    "second_of_two": (
        "from first_of_two import first\nfrom imprint.method.generate import generator\n\n"
        "@generator('second_gen')\ndef second(x, k, random, shared):\n    return first(-x, k, random, shared)\n"
    ),
}


@pytest.mark.parametrize("order", [list(PAIR), [*reversed(PAIR)]])
def test_files_with_components_may_import_each_other(tmp_path, monkeypatch, order):
    monkeypatch.setattr("sys.path", [*sys.path])
    for name, text in PAIR.items():
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text(text)
    try:
        for name in order:
            load_file(tmp_path / f"{name}.py")
        files = [GENERATORS[name].file for name in ("first_gen", "second_gen")]
        assert files == [str(tmp_path / f"{name}.py") for name in PAIR]
    finally:
        for name in {"first_gen", "second_gen"} & set(GENERATORS):
            GENERATORS.remove(name)
        for name in PAIR:
            sys.modules.pop(name, None)


def test_a_file_that_was_imported_may_be_loaded(tmp_path, monkeypatch):
    (tmp_path / "first_of_two.py").write_text(PAIR["first_of_two"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "first_of_two", raising=False)
    importlib.import_module("first_of_two")
    try:
        load_file(tmp_path / "first_of_two.py")
        assert GENERATORS["first_gen"].file == str(tmp_path / "first_of_two.py")
    finally:
        GENERATORS.remove("first_gen")
        del sys.modules["first_of_two"]


@pytest.mark.parametrize(
    "registering",
    [
        "import helper_that_registers",
        "from helper_that_registers import made\ngenerator('made', takes_k=False)(made(1))",
        "import functools\nfrom helper_that_registers import first\n"
        "generator('made', takes_k=False)(functools.partial(first, count=1))",
    ],
)
def test_components_defined_elsewhere_are_of_the_file_that_registers_them(
    load, tmp_path, monkeypatch, registering
):
    """Jobs load this file, and its edits count."""
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "helper_that_registers", raising=False)
    (tmp_path / "helper_that_registers.py").write_text(
        "from imprint.method.generate import generator\n\n"
        "def first(x, k, random, shared, count=1):\n    return x[:count]\n\n"
        "def made(count):\n    return lambda x, k, random, shared: x[:count]\n\n"
        + "generator('made', takes_k=False)(first)\n"
        * registering.startswith("import helper")
    )
    path = load(f"from imprint.method.generate import generator\n{registering}\n")
    assert GENERATORS["made"].file == str(path)
    load_file(path)  # registers nothing again
    assert GENERATORS["made"].file == str(path)
