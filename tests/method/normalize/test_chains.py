"""Facts of chains of NORMs, and of what the fitted ones among them learn from."""

import numpy as np
import pytest

from imprint.errors import UserError
from imprint.method.normalize import (
    NORMS,
    Center,
    FittedNorms,
    Whiten,
    apply,
    are_combined,
    chain,
    l2,
    learns,
    normalization,
    norms_problem,
)


def data(seed=0, n=60, d=5, classes=3):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = (1 + rng.normal(size=(classes, d)))[y] + rng.normal(size=(n, d)) * np.linspace(0.3, 2, d)
    return x.astype(np.float32), y


def texts(norm):
    return [step.text for step in chain(norm).steps]


@pytest.mark.parametrize(
    ("norm", "steps"),
    [
        ("none", []),
        ("l2", ["l2"]),
        ("quantile_pooled", ["quantile_pooled"]),
        ("l2+whiten(oas)+l2", ["l2", "whiten(oas)", "l2"]),
        ("center+whiten(0.25)", ["center", "whiten(0.25)"]),
        ("whiten+quantile", ["whiten", "quantile"]),
        ("center+center", ["center", "center"]),
    ],
)
def test_a_chain_is_its_steps_from_left_to_right(norm, steps):
    assert texts(norm) == steps


@pytest.mark.parametrize(
    ("norm", "message"),
    [
        ("none+l2+none", "must be written as 'l2'"),
        ("l2+l2", "must be written as 'l2'"),
        ("l2+none+l2+whiten+l2+l2", r"must be written as 'l2\+whiten\+l2'"),
        ("center + whiten", r"must be written as 'center\+whiten'"),
        ("whiten(leave_one_out)", "must be written as 'whiten'"),
        ("l2+whiten(0.50)", r"must be written as 'l2\+whiten\(0.5\)'"),
        ("whitten", r"unknown NORM 'whitten'; .*did you mean 'whiten'\?"),
        ("l2+centre", r"unknown NORM 'centre'; .*did you mean 'center'\?"),
        ("l2+", "unknown NORM ''"),
        ("whiten(oas", r"unknown NORM 'whiten\(oas'"),
        ("l2(3)", r"NORM 'l2\(3\)': 'l2' takes no argument"),
        ("whiten+quantile(0.5)", r"'quantile' takes no argument"),
        ("center(mean)", r"NORM 'center\(mean\)': .*takes no argument"),
        ("whiten(lots)", "shrinkage lots is not ledoit_wolf, oas or a number above 0"),
        ("whiten()", "shrinkage  is not"),
        ("whiten(1/3)", "write the argument of 'whiten' without '/'"),
        ("l2+whiten(0)", r"NORM 'l2\+whiten\(0\)': shrinkage 0 is not"),
        ("quantile+whiten", "'whiten' learns from embeddings and cannot follow 'quantile'"),
        ("quantile_pooled+l2+center", "'center' learns .* cannot follow 'quantile_pooled'"),
    ],
)
def test_a_mistake_in_a_chain_is_named(norm, message):
    with pytest.raises(UserError, match=message):
        chain(norm)


def test_a_chain_with_a_norm_of_proxies_stands_after_generation_only():
    x, y = data()
    with pytest.raises(UserError, match=r"'whiten\+quantile' is allowed after generation only"):
        FittedNorms(x, y).apply_to_embeddings("whiten+quantile", x)


def test_steps_are_applied_from_left_to_right():
    x, y = data()
    whiten = Whiten("oas").fit(l2(x), y)
    np.testing.assert_array_equal(
        FittedNorms(x, y).apply_to_embeddings("l2+whiten(oas)+l2", x), l2(whiten.transform(l2(x)))
    )
    labels = np.repeat([0, 1, 2], 20)
    np.testing.assert_array_equal(
        FittedNorms().apply_to_proxies("none", "l2+quantile_pooled", x, labels),
        FittedNorms().apply_to_proxies("none", "quantile_pooled", l2(x), labels),
    )


@pytest.mark.parametrize(
    ("norm_pre", "norm_inf", "one_space", "paired"),
    [
        ("none", "none", True, True),
        ("none", "l2", True, True),
        ("l2", "l2", True, True),
        ("l2", "none", True, False),
        ("none", "whiten", False, False),
        ("whiten", "none", False, False),
        ("l2", "l2+whiten", False, False),
        ("whiten", "whiten", True, True),
        ("whiten", "whiten+l2", True, True),
        ("whiten+l2", "whiten", True, True),
        ("whiten", "whiten(oas)", False, False),
        ("whiten", "center", False, False),
        ("l2+whiten", "whiten", False, False),
        ("l2+whiten", "l2+whiten", True, True),
        ("l2+whiten", "l2+whiten+l2", True, True),
        ("center+whiten", "center", False, False),
    ],
)
def test_what_is_learnt_before_generation_is_applied_at_inference_too(
    norm_pre, norm_inf, one_space, paired
):
    problem = norms_problem(norm_pre, "l2", norm_inf)
    assert (problem is None) == one_space
    if problem:
        assert f"norm_pre {norm_pre} and norm_inf {norm_inf} lead to different spaces" in problem
    assert are_combined(norm_pre, "l2", norm_inf) == paired


def test_what_is_learnt_after_generation_needs_one_norm_on_both_sides():
    assert norms_problem("l2", "whiten+l2", "l2") is None
    assert "norm_post center learns after norm_pre none" in norms_problem("none", "center", "l2")
    assert are_combined("none", "whiten", "none") and not are_combined("none", "whiten", "l2")


@pytest.mark.parametrize(
    ("norm_pre", "norm_post", "step"),
    [
        ("none", "l2+whiten", "l2"),
        ("l2", "center+l2+whiten+l2", "l2"),
        ("center", "l2+center", "l2"),
    ],
)
def test_what_normpost_learns_after_a_step_of_proxies_alone_is_refused(norm_pre, norm_post, step):
    problem = norms_problem(norm_pre, norm_post, norm_pre)
    assert f"after {step}, which is not applied to test embeddings" in problem
    assert not are_combined(norm_pre, norm_post, norm_pre)


def test_a_step_of_normpost_that_changes_nothing_after_normpre_may_precede_a_fitted_one():
    assert norms_problem("l2", "l2+whiten+l2", "l2") is None


def test_a_chain_learns_if_a_step_does():
    assert learns("none", "l2+whiten+l2")
    assert learns("center")
    assert not learns("none", "l2", "quantile")


def test_a_fitted_norm_learns_from_what_reaches_it():
    x, y = data()
    norms = FittedNorms(x, y)
    np.testing.assert_allclose(
        norms.apply_to_embeddings("l2+center", x), l2(x) - l2(x).mean(axis=0), atol=1e-6
    )
    np.testing.assert_allclose(
        norms.apply_to_embeddings("center", x), x - x.mean(axis=0), atol=1e-5
    )
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(
        norms.apply_to_embeddings("center+l2+center", x),
        l2(centred) - l2(centred).mean(axis=0),
        atol=1e-5,
    )


def test_after_generation_it_learns_from_the_training_embeddings_and_not_from_the_proxies():
    x, y = data()
    norms, proxies = FittedNorms(x, y), 3 + x[:3]
    np.testing.assert_allclose(
        norms.apply_to_proxies("l2", "center", proxies, np.arange(3)), proxies - l2(x).mean(axis=0)
    )


def test_test_embeddings_follow_the_proxies_into_the_space_that_normpost_learns():
    x, y = data()
    queries = data(1)[0]
    center = Center().fit(l2(x), y)
    whiten = Whiten().fit(l2(center.transform(l2(x))), y)
    # l2 after generation moves proxies only
    np.testing.assert_array_equal(
        FittedNorms(x, y).apply_to_queries("l2", "center+l2+whiten+l2", "l2", queries),
        whiten.transform(center.transform(l2(queries))),
    )


@pytest.mark.parametrize(
    ("norm_pre", "norm_post", "norm_inf", "paths"),
    [
        ("l2", "whiten", "l2+whiten", ["l2+whiten"]),
        ("l2", "l2+whiten+l2", "l2", ["l2+whiten"]),
        ("none", "whiten", "whiten", ["whiten"]),
        ("l2+whiten+l2", "none", "l2+whiten", ["l2+whiten"]),
        ("none", "whiten", "l2+whiten", ["l2+whiten", "whiten"]),
        ("whiten", "whiten", "whiten", ["whiten", "whiten+whiten"]),
        ("none", "l2+quantile", "l2", []),
    ],
)
def test_equal_prefixes_of_chains_are_fitted_once(norm_pre, norm_post, norm_inf, paths):
    x, y = data()
    norms = FittedNorms(x, y).learn(norm_pre, norm_post, norm_inf)
    assert sorted(norms.learnt) == paths
    learnt = dict(norms.learnt)
    norms.apply_to_embeddings(norm_pre, x)
    norms.apply_to_proxies(norm_pre, norm_post, x[:3], np.arange(3))
    norms.apply_to_queries(norm_pre, norm_post, norm_inf, x)
    assert norms.learnt == learnt


def test_without_training_embeddings_nothing_is_learnt():
    with pytest.raises(UserError, match=r"NORM whiten\(oas\) learns from training embeddings"):
        apply("l2+whiten(oas)", data()[0])


def test_what_was_learnt_survives_as_arrays():
    x, y = data()
    queries = data(1)[0]
    post = "whiten(0.5)+center+whiten+l2"
    norms = FittedNorms(x, y).learn("l2", post, "l2")
    state = norms.state()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    again = FittedNorms.from_state(state)
    np.testing.assert_array_equal(
        again.apply_to_queries("l2", post, "l2", queries),
        norms.apply_to_queries("l2", post, "l2", queries),
    )
    np.testing.assert_array_equal(
        again.apply_to_proxies("l2", post, x[:3], np.arange(3)),
        norms.apply_to_proxies("l2", post, x[:3], np.arange(3)),
    )
    assert again.state().keys() == state.keys()
    penalty = again.learnt["l2+whiten(0.5)"].penalty_
    assert isinstance(penalty, float) and penalty == norms.learnt["l2+whiten(0.5)"].penalty_


def test_other_samples_keep_the_choices_that_were_made():
    x, y = data()
    more, of_more = data(2, n=90)
    norms = FittedNorms(x, y).learn("none", "center+whiten", "l2+whiten(oas)")
    again = norms.refitted(more, of_more)
    assert again.learnt.keys() == norms.learnt.keys()
    np.testing.assert_allclose(
        again.apply_to_embeddings("center", more), more - more.mean(axis=0), atol=1e-5
    )
    penalty = norms.learnt["center+whiten"].penalty_
    assert again.learnt["center+whiten"].penalty_ == pytest.approx(penalty * 90 / len(x))
    assert Whiten().fit(more - more.mean(axis=0), of_more).penalty_ != pytest.approx(
        penalty * 90 / len(x)
    )
    np.testing.assert_array_equal(
        again.learnt["l2+whiten(oas)"].components_,
        Whiten("oas").fit(l2(more), of_more).components_,
    )


@pytest.fixture
def standardise():
    """A fitted NORM as a user writes it, with neither `refit` nor linear attributes."""

    @normalization("standardise", fitted=True)
    class Standardise:
        def __init__(self, floor="0"):
            self.floor = float(floor)

        def fit(self, embeddings, labels):
            self.scale_ = np.maximum(embeddings.std(axis=0), self.floor)
            self.count_ = len(embeddings)
            return self

        def transform(self, embeddings):
            return embeddings / self.scale_

    yield Standardise
    NORMS.remove("standardise")


def test_a_fitted_norm_of_the_users_learns_like_those_of_the_library(standardise):
    x, y = data()
    queries = data(1)[0]
    norms = FittedNorms(x, y)
    np.testing.assert_allclose(
        norms.apply_to_embeddings("l2+standardise+l2", queries), l2(l2(queries) / l2(x).std(axis=0))
    )
    np.testing.assert_allclose(
        norms.apply_to_queries("l2", "standardise(0.9)", "l2", queries),
        l2(queries) / 0.9,
        rtol=1e-5,
    )
    again = FittedNorms.from_state(norms.state())
    assert again.learnt["l2+standardise"].count_ == len(x)
    np.testing.assert_array_equal(
        again.apply_to_embeddings("l2+standardise", queries),
        norms.apply_to_embeddings("l2+standardise", queries),
    )
    np.testing.assert_allclose(
        norms.refitted(2 * queries, y).apply_to_embeddings("l2+standardise", x),
        l2(x) / l2(queries).std(axis=0),
        rtol=1e-5,
    )


def test_a_bad_argument_of_a_users_norm_is_named(standardise):
    with pytest.raises(UserError, match=r"NORM 'standardise\(wide\)': could not convert"):
        chain("standardise(wide)")


def test_a_norm_that_was_removed_is_unknown(standardise):
    assert texts("standardise") == ["standardise"]
    NORMS.remove("standardise")
    try:
        with pytest.raises(UserError, match="unknown NORM 'standardise'"):
            chain("standardise")
    finally:
        normalization("standardise", fitted=True)(standardise)
