"""Facts of the NORMs that learn: `center` and `whiten`."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from imprint.method.class_sums import ClassSums
from imprint.method.normalize import Center, Whiten

SHRINKAGES = ("leave_one_out", "ledoit_wolf", "oas", 1e-3, 0.3)


def data(seed=0, sizes=(30, 20, 10), d=6, spread=1.0):
    """Correlated embeddings (n, d) of classes of these sizes, float32, and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    mixing = rng.normal(size=(d, d)) * rng.uniform(0.2, 2, size=d)
    centres = 2 * rng.normal(size=(len(sizes), d))
    x = centres[y] + spread * rng.normal(size=(len(y), d)) @ mixing
    return (x + rng.normal(size=d)).astype(np.float32), y


def means_of(x, y):
    return np.stack([x[y == label].mean(axis=0) for label in range(y.max() + 1)])


def within_scatter(x, y):
    """(d, d) scatter about the means of the classes, float64."""
    centred = x.astype(np.float64) - means_of(x.astype(np.float64), y)[y]
    return centred.T @ centred


def between_scatter(x, y):
    """(d, d) scatter of the means of the classes of all samples, float64."""
    x = x.astype(np.float64)
    shift = means_of(x, y)[y] - x.mean(axis=0)
    return shift.T @ shift


def assert_is_multiple_of_identity(matrix, tolerance):
    scale = np.trace(matrix) / len(matrix)
    assert scale > 0
    np.testing.assert_allclose(matrix / scale, np.eye(len(matrix)), atol=tolerance)


@pytest.mark.parametrize("seed", range(6))
def test_means_of_whitened_embeddings_are_linear_discriminant_analysis(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 40, size=rng.integers(2, 5))
    x, y = data(seed, sizes, d=int(rng.integers(2, 15)))
    queries = x[rng.integers(0, len(x), 300)] + 2 * rng.normal(size=(300, x.shape[1]))
    queries = queries.astype(np.float32)
    whiten = Whiten("ledoit_wolf").fit(x, y)
    proxies = means_of(whiten.transform(x), y)
    distances = np.linalg.norm(whiten.transform(queries)[:, None] - proxies, axis=2)

    priors = np.full(len(sizes), 1 / len(sizes))
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    lda.fit(x.astype(np.float64), y)
    second, first = np.sort(lda.predict_log_proba(queries), axis=1)[:, -2:].T
    clear = first - second > 1e-3
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(distances.argmin(axis=1)[clear], lda.predict(queries)[clear])


@pytest.mark.parametrize("seed", range(3))
def test_little_shrinkage_makes_the_covariance_within_classes_a_multiple_of_the_identity(seed):
    x, y = data(seed)
    assert np.linalg.cond(within_scatter(x, y)) > 10
    whitened = Whiten(1e-6).fit(x, y).transform(x)
    assert_is_multiple_of_identity(within_scatter(whitened, y), 1e-2)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_number_is_the_share_of_the_identity(share):
    x, y = data(3)
    scatter = within_scatter(x, y)
    identity = np.eye(len(scatter)) * np.trace(scatter) / len(scatter)
    shrunk = (1 - share) * scatter + share * identity
    components = Whiten(share).fit(x, y).components_
    assert_is_multiple_of_identity(components.T @ shrunk @ components, 1e-3)


def test_the_more_is_shrunk_the_less_is_whitened():
    x, y = data(1)
    conditions = [
        np.linalg.cond(within_scatter(Whiten(share).fit(x, y).transform(x), y))
        for share in (1e-4, 0.01, 0.1, 0.5, 0.9, 1)
    ]
    assert (np.diff(conditions) > 0).all()
    assert conditions[-1] == pytest.approx(np.linalg.cond(within_scatter(x, y)), rel=1e-3)


def test_a_share_of_one_changes_nothing():
    x, y = data()
    np.testing.assert_array_equal(Whiten(1.0).fit(x, y).transform(x), x)


@pytest.mark.parametrize("shrinkage", [s for s in SHRINKAGES if s != "leave_one_out"])
def test_one_sample_a_class_changes_nothing(shrinkage):
    x, y = data(sizes=(1,) * 5)
    np.testing.assert_array_equal(Whiten(shrinkage).fit(x, y).transform(x), x)


@pytest.mark.parametrize("sizes", [(30, 20, 10), (3, 2, 1), (1, 1, 1)])
def test_with_leave_one_out_a_hundredth_of_the_scatter_between_classes_counts(sizes):
    x, y = data(sizes=sizes)
    whiten = Whiten().fit(x, y)
    total = within_scatter(x, y) + 0.01 * between_scatter(x, y)
    shrunk = total + whiten.penalty_ * np.eye(len(total))
    inverse = whiten.components_.astype(np.float64) @ whiten.components_.T / whiten.penalty_
    np.testing.assert_allclose(inverse @ shrunk, np.eye(len(total)), atol=1e-3)
    if sizes == (1, 1, 1):
        assert whiten.penalty_ == pytest.approx(np.trace(total) / 3, rel=1e-5)


def degenerate():
    """Embeddings and labels that have no covariance of full rank within classes, by name."""
    x, y = data(2, sizes=(8, 5, 3), d=40)
    few, one = data(2, sizes=(4, 4), d=6), data(2, sizes=(9, 1, 1))
    constant, of_constant = data(4)
    constant[:, [0, 3]] = [0.1, 7]
    zeros, of_zeros = data(5)
    zeros[:, 2:] = 0
    yield "fewer samples than features", x, y
    yield "two samples a class", few[0][:4], np.array([0, 0, 1, 1])
    yield "two classes of one sample", *one
    yield "constant features", constant, of_constant
    yield "zero features", zeros, of_zeros
    yield "duplicated samples", np.repeat(x[:4], 5, axis=0), np.repeat([0, 1, 2, 0], 5)
    yield "all samples of a class alike", np.repeat(x[:3], 5, axis=0), np.repeat([0, 1, 2], 5)
    yield "all samples alike", np.repeat(x[:1], 6, axis=0), np.array([0, 0, 1, 1, 2, 2])
    yield "all samples zero", np.zeros((6, 4), np.float32), np.array([0, 0, 1, 1, 2, 2])
    yield "one class", x, np.zeros(len(x), int)
    yield "one sample", x[:1], np.array([0])
    yield "large numbers", 1e6 * x, y
    yield "tiny numbers", 1e-6 * x, y


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
@pytest.mark.parametrize(("x", "y"), [pytest.param(x, y, id=name) for name, x, y in degenerate()])
def test_degenerate_embeddings_are_mapped_to_finite_ones_that_stay_apart(x, y, shrinkage):
    whitened = Whiten(shrinkage).fit(x, y).transform(x)
    assert whitened.dtype == np.float32 and np.isfinite(whitened).all()
    # a product may round equal rows differently, by where they stand
    rounding = 1e-5 * np.abs(whitened).max()
    are_near = np.abs(whitened[:, None] - whitened).max(axis=2) <= rounding
    np.testing.assert_array_equal(are_near, (x[:, None] == x).all(axis=2))


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
def test_where_embeddings_lie_and_how_long_they_are_does_not_matter(shrinkage):
    x, y = data(6)
    map_of = Whiten(shrinkage).fit(x, y).components_
    for other in (x + 3, 8 * x):
        np.testing.assert_allclose(
            Whiten(shrinkage).fit(other, y).components_, map_of, rtol=1e-2, atol=1e-4
        )


@pytest.mark.parametrize("shrinkage", ["leave_one_out", 0.1])
def test_turned_embeddings_are_as_far_apart(shrinkage):
    x, y = data(7)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(x.shape[1],) * 2))[0]

    def distances(embeddings):
        whitened = Whiten(shrinkage).fit(embeddings, y).transform(embeddings)
        return np.linalg.norm(whitened[:, None] - whitened, axis=2)

    turned = (x @ turn).astype(np.float32)
    np.testing.assert_allclose(distances(turned), distances(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shrinkage", [0, -0.1, 1.5, "much", "nan", ""])
def test_shrinkage_is_a_method_or_a_share(shrinkage):
    with pytest.raises(ValueError, match=r"not ledoit_wolf, oas or a number above 0"):
        Whiten(shrinkage)


def with_penalty(shrinkage, penalty):
    whiten = Whiten(shrinkage)
    whiten.penalty_ = penalty
    return whiten


def test_refit_keeps_the_penalty_per_sample_and_learns_the_covariance_anew():
    x, y = data(0)
    more, of_more = data(1, sizes=(50, 50, 50), spread=3)
    whiten = Whiten().fit(x, y)
    again = whiten.refit(more, of_more)
    assert again.penalty_ == pytest.approx(whiten.penalty_ * 150 / 60)
    assert again.penalty_ != pytest.approx(Whiten().fit(more, of_more).penalty_)
    total = within_scatter(more, of_more) + 0.01 * between_scatter(more, of_more)
    penalised = total + again.penalty_ * np.eye(6)
    assert_is_multiple_of_identity(again.components_.T @ penalised @ again.components_, 1e-3)


def test_refit_on_fewer_samples_than_dimensions_whitens_as_their_sums_do():
    x, y = data(0)
    few, of_few = data(1, sizes=(1, 1, 2))
    x, few = (np.concatenate([rows, rows[:, ::-1] ** 2], axis=1) for rows in (x, few))
    whiten = Whiten().fit(x, y)
    of_samples = whiten.refit(few, of_few)
    of_sums = with_penalty("leave_one_out", of_samples.penalty_).from_sums(
        ClassSums.of(few, of_few, 3)
    )
    products = [t @ t.T for t in (of_samples.components_, of_sums.components_)]
    np.testing.assert_allclose(*products, rtol=1e-3, atol=1e-4)
    assert not np.allclose(products[0], np.eye(12), atol=1e-2)


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas"])
def test_covariances_of_classes_are_not_inverted(monkeypatch, shrinkage):
    """With many values per embedding, that takes nearly all the time."""
    monkeypatch.setattr("scipy.linalg.pinvh", None)
    x, y = data()
    assert np.isfinite(Whiten(shrinkage).fit(x, y).components_).all()


@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas", 0.1])
def test_refit_without_a_penalty_to_keep_is_a_fit(shrinkage):
    x, y = data(0)
    more, of_more = data(1)
    again = Whiten(shrinkage).fit(x, y).refit(more, of_more)
    np.testing.assert_array_equal(
        again.components_, Whiten(shrinkage).fit(more, of_more).components_
    )


@pytest.mark.parametrize("shrinkage", ["leave_one_out", 0.1, 1.0])
@pytest.mark.parametrize("sizes", [(30, 20, 10), (3, 2, 2), (1, 1, 1)])
def test_sums_of_samples_say_as_much_as_the_samples(shrinkage, sizes):
    whiten = Whiten(shrinkage).fit(*data(0))
    more, of_more = data(1, sizes)
    of_samples = whiten.refit(more, of_more)
    kept = with_penalty(shrinkage, of_samples.penalty_)
    of_sums = kept.from_sums(ClassSums.of(more, of_more, len(sizes)))
    np.testing.assert_allclose(of_sums.components_, of_samples.components_, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shrinkage", ["leave_one_out", 0.1])
@pytest.mark.parametrize("turned", [False, True], ids=["fewer", "more"])
def test_whitened_embeddings_keep_their_scale_with_fewer_and_more_samples(shrinkage, turned):
    """Probabilities use one temperature for all heads of a choice, and for a head to which samples are added."""
    all_x, all_y = data(0, (2000, 1500, 2500))
    first, second = slice(0, 6000), slice(0, 300)
    if turned:
        first, second = second, first
    (x, y), (other, of_other) = ((all_x[rows], all_y[rows]) for rows in (first, second))
    whiten = Whiten(shrinkage).fit(x, y)
    spread = within_scatter(whiten.transform(x), y).trace() / len(x)
    for again in (
        whiten.refit(other, of_other),
        whiten.from_sums(ClassSums.of(other, of_other, 3)),
    ):
        mapped = again.transform(other)
        assert within_scatter(mapped, of_other).trace() / len(other) == pytest.approx(
            spread, rel=0.1
        )


@pytest.mark.parametrize("shrinkage", ["leave_one_out", 0.5, "ledoit_wolf", "oas"])
def test_an_estimate_that_needs_the_samples_is_not_taken_from_sums(shrinkage):
    assert Whiten(shrinkage).learns_from_sums == (shrinkage not in ("ledoit_wolf", "oas"))


def test_center_takes_off_the_mean_of_the_training_embeddings():
    x, y = data()
    center = Center().fit(x, y)
    np.testing.assert_allclose(center.transform(x).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(
        center.transform(x[:1] + 5), x[:1] + 5 - x.mean(axis=0), rtol=1e-4, atol=1e-5
    )


def test_center_learns_the_same_from_samples_and_from_their_sums():
    more, of_more = data(1)
    center = Center().fit(*data(0))
    of_sums = center.from_sums(ClassSums.of(more, of_more, 3))
    np.testing.assert_allclose(of_sums.mean_, Center().fit(more, of_more).mean_, rtol=1e-5)
    np.testing.assert_allclose(of_sums.mean_, more.mean(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", [Center(), Whiten(), Whiten("oas"), Whiten(0.2)])
def test_the_map_is_linear_as_its_attributes_say(norm):
    x, y = data()
    norm.fit(x, y)
    moved = x - getattr(norm, "mean_", 0)
    np.testing.assert_allclose(norm.transform(x), moved @ norm.components_, rtol=1e-4, atol=1e-5)
