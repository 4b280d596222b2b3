"""What a user's fitted NORM learns and returns is checked."""

import warnings

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.method.normalize import NORMS, FittedNorms

FM = {"model": "net", "weights_sha256": "0", "transform": "none"}
Y = np.arange(60) % 3
X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)

NORM = """
from imprint.method.normalize import normalization

@normalization("mine", fitted=True)
class Mine:
    def fit(self, embeddings, labels):
        return self

    def transform(self, embeddings):
        return {returned}
"""


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("embeddings[:3]", r"shape \(3, 5\) for 60 embeddings"),
        ("embeddings.tolist()", "list"),
        ("embeddings / 0", "not finite"),
        ("embeddings.astype(float) * 1e60", "not finite in float32"),
        ("embeddings * 1j", "complex"),
    ],
)
def test_what_a_fitted_norm_returns_is_checked(load, returned, message):
    load(NORM.format(returned=returned))
    with (
        pytest.raises(UserError, match=rf"NORM mine \(.*mine.py\) returned .*{message}"),
        np.errstate(all="ignore"),
    ):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)
    with (
        pytest.raises(UserError, match=rf"NORM mine \(.*mine.py\) returned .*{message}"),
        np.errstate(all="ignore"),
    ):
        FittedNorms(X, Y).learn("none", "mine", "none").apply_to_queries("none", "mine", "none", X)


def test_what_a_fitted_norm_learns_is_named_with_an_underscore(load):
    load(
        NORM.format(returned="embeddings").replace(
            "return self", "self.mean = 0\n        return self"
        )
    )
    with pytest.raises(UserError, match=r"fit sets mean; end the names .* such as mean_"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


@pytest.mark.parametrize("learnt", ["self.scale = 3.0", "self.mean_, self.scale = 0, 3.0"])
def test_what_a_norm_learns_is_not_hidden_by_its_init(load, learnt):
    init = "def __init__(self):\n        self.scale, self.kept = 1.0, 2.0\n\n    def fit"
    norm = NORM.format(returned="embeddings").replace("def fit", init)
    load(norm.replace("return self", f"{learnt}\n        return self"))
    with pytest.raises(UserError, match=r"fit sets scale; end the names .* such as scale_"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


def test_the_fit_of_a_norm_need_not_return_the_object(load):
    load(NORM.format(returned="embeddings + self.mean_").replace("return self", "self.mean_ = 1"))
    np.testing.assert_array_equal(FittedNorms(X, Y).apply_to_embeddings("mine", X), X + 1)


def test_the_fit_of_a_norm_may_return_another_object(load):
    load(
        NORM.format(returned="embeddings + self.mean_").replace(
            "return self", "other = Mine()\n        other.mean_ = 2\n        return other"
        )
    )
    np.testing.assert_array_equal(FittedNorms(X, Y).apply_to_embeddings("mine", X), X + 2)


@pytest.mark.parametrize(
    "change",
    [
        ("return self", "return 3"),
        ("return self", "return type('Other', (Mine,), {})()"),  # a loaded head would have a Mine
        ("def fit", "__slots__ = ()\n\n    def fit"),
    ],
)
def test_the_fit_of_a_norm_returns_what_can_be_saved(load, change):
    load(NORM.format(returned="embeddings").replace(*change))
    with pytest.raises(UserError, match=r"NORM mine .*fit returned .*`return self`"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


def test_a_fitted_norm_needs_fit_and_transform(load):
    with pytest.raises(UserError, match="a class with fit and transform"):
        load(NORM.format(returned="embeddings").replace("def fit", "def learn"))


def test_norms_that_give_proxies_and_embeddings_other_lengths_are_named(load):
    load(
        "from imprint.method.normalize import normalization\n\n"
        "@normalization('half')\ndef half(x):\n    return x[:, ::2]\n"
    )
    with pytest.raises(
        UserError,
        match="proxies have 3 values after norm_pre none and norm_post half, and embeddings 5 after norm_inf none",
    ):
        ImprintingClassifier(norm_pre="none", norm_post="half", norm_inf="none", gen="mean").fit(
            X, Y
        ).predict(X)
    head = ImprintingClassifier(norm_pre="half", norm_post="none", norm_inf="half", gen="mean")
    assert head.fit(X, Y).decision_function(X).shape == (60, 3)


@pytest.mark.parametrize(
    ("returned", "message"),
    [("p[:2]", r"shape \(2, 5\) for 6 proxies"), ("p * np.nan", "not finite"), ("1", "int")],
)
def test_what_a_norm_of_proxies_returns_is_checked(load, returned, message):
    load(
        "import numpy as np\nfrom imprint.method.normalize import proxy_normalization\n\n"
        f"@proxy_normalization('mine')\ndef mine(p, labels, classifier):\n    return {returned}\n"
    )
    with pytest.raises(UserError, match=rf"NORM mine \(.*mine.py\) returned .*{message}"):
        FittedNorms().apply_to_proxies("none", "mine", X[:6], np.arange(6) // 2)


def test_a_norm_that_learns_nothing_is_saved_with_a_head(load, tmp_path):
    load(NORM.format(returned="embeddings ** 3"))
    head = ImprintingClassifier(gen="mean", norm_post="mine").fit(X, Y)
    head.save(
        tmp_path / "head.safetensors",
        fm=FM,
    )
    loaded = ImprintingClassifier.load(tmp_path / "head.safetensors")
    np.testing.assert_array_equal(loaded.class_scores(X), head.class_scores(X))


def learning(statement):
    return (
        NORM.format(returned="embeddings @ np.triu(np.ones((5, 5)))").replace(
            "return self", f"import numpy as np\n        {statement}\n        return self"
        )
        + "import numpy as np\n"
    )


@pytest.mark.parametrize(
    ("value", "kind"), [("{'a': 1}", "dict"), ("None", "NoneType"), ("[[1, 2], [3]]", "list")]
)
def test_what_a_norm_learns_must_be_numbers(load, value, kind):
    load(learning(f"self.table_ = {value}"))
    with pytest.raises(UserError, match=f"fit sets table_ to {kind}; heads save arrays of numbers"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


@pytest.mark.parametrize(
    "components", ["np.tril(np.ones((5, 5)))", "np.ones((3, 5))", "np.ones(5)"]
)
def test_components_are_those_of_the_map(load, components):
    """They take the place of `transform` where heads are folded or exported."""
    load(learning(f"self.components_ = {components}"))
    with pytest.raises(UserError, match=r"transform is not \(x - mean_\) @ components_"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


def test_right_components_are_taken(load):
    load(learning("self.components_ = np.triu(np.ones((5, 5)))"))
    assert FittedNorms(X, Y).apply_to_embeddings("mine", X).shape == X.shape


def test_an_init_that_fails_is_named(load):
    load(
        NORM.format(returned="embeddings").replace(
            "def fit", "def __init__(self):\n        {}[0]\n\n    def fit"
        )
    )
    with pytest.raises(UserError, match=r"NORM 'mine' of .*mine\.py: KeyError: 0"):
        FittedNorms(X, Y).apply_to_embeddings("mine", X)


def test_a_head_tells_that_the_file_of_its_norm_has_changed(load, tmp_path):
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "head.safetensors"
    load("# a remark\n" + NORM.format(returned="embeddings ** 3"), "before/mine.py")
    ImprintingClassifier(gen="mean", norm_post="mine").fit(X, Y).save(path, fm=FM)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImprintingClassifier.load(path)
    NORMS.remove("mine")
    load(NORM.format(returned="embeddings ** 5"), "after/mine.py")
    with pytest.warns(UserWarning, match="the file of NORM mine has changed since .*head"):
        ImprintingClassifier.load(path)


@pytest.mark.parametrize("text", ["def half(", None])
def test_a_head_is_saved_although_the_file_of_its_norm_cannot_be_read(load, tmp_path, text):
    file, path = load(NORM.format(returned="embeddings ** 3")), tmp_path / "head.safetensors"
    head = ImprintingClassifier(gen="mean", norm_post="mine").fit(X, Y)
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    head.save(path, fm=FM)
    assert (ImprintingClassifier.load(path).predict(X) == head.predict(X)).all()


def test_components_of_embeddings_that_hardly_vary_are_right_up_to_rounding(load):
    load(
        NORM.format(returned="embeddings @ self.components_ - self.offset_").replace(
            "return self",
            "self.mean_ = embeddings.mean(axis=0)\n        self.components_ = np.triu(np.ones((5, 5), np.float32))\n"
            "        self.offset_ = self.mean_ @ self.components_\n        return self",
        )
        + "import numpy as np\n"
    )
    equal = np.full((60, 5), 0.7, np.float32) + np.arange(5, dtype=np.float32) / 3
    assert FittedNorms(equal, Y).apply_to_embeddings("mine", equal).shape == equal.shape
