"""Facts of the ridge regression whose penalty leave-one-out errors choose."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from imprint.method.class_sums import ClassSums
from imprint.method.ridge import PENALTIES, from_sums, leave_one_out

MANY_SAMPLES = {"n": 25, "d": 6}
FEW_FEATURES = {"n": 40, "d": 3, "noise": 4}
MANY_CLASSES = {"n": 40, "d": 4, "classes": 7}
FEW_SAMPLES = {"n": 12, "d": 20}
SHAPES = pytest.mark.parametrize(
    "shape", [MANY_SAMPLES, FEW_FEATURES, MANY_CLASSES, FEW_SAMPLES], ids=str
)


def data(seed, n=25, d=6, classes=3, noise=1.5):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.r_[np.repeat(np.arange(classes), 2), np.zeros(n - 2 * classes, int)])
    shares = np.geomspace(1, 0.3, classes)
    y[y == 0] = rng.choice(classes, size=(y == 0).sum(), p=shares / shares.sum())
    y[:classes] = np.arange(classes)
    x = rng.normal(size=(classes, d))[y] + noise * rng.normal(size=(n, d)) + 1
    return x.astype(np.float32), y


def importance(y, balanced):
    """Weights (n,) of the samples, which sum to n: a class as a whole weighs n / C if they are balanced."""
    counts = np.bincount(y)
    return (len(y) / len(counts) / counts)[y] if balanced else np.ones(len(y))


def grid(x, y, balanced, intercept):
    """The penalties that are tried: `PENALTIES` in mean eigenvalues of the scatter."""
    x, weights = x.astype(np.float64), importance(y, balanced)
    if intercept:
        x = x - weights @ x / weights.sum()
    return PENALTIES * (weights @ (x**2).sum(axis=1)) / min(x.shape)


def solved(x, targets, weights, penalty, intercept):
    """Weights (d, C) and intercepts (C,) from the normal equations, the intercept unpenalised."""
    design = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    if not intercept:
        design[:, -1] = 0
    penalties = np.full(design.shape[1], penalty)
    penalties[-1] = 0 if intercept else 1
    weighted = design * weights[:, None]
    solution = np.linalg.solve(weighted.T @ design + np.diag(penalties), weighted.T @ targets)
    return solution[:-1], solution[-1]


def errors_of_refits(x, y, balanced, intercept):
    """Sums over samples of the squared errors of the regression of all others, for each penalty."""
    targets, weights = np.eye(y.max() + 1)[y], importance(y, balanced)
    errors = []
    for penalty in grid(x, y, balanced, intercept):
        error = 0.0
        for i in np.flatnonzero(np.bincount(y)[y] > 1):  # of other classes nothing is known then
            others = np.arange(len(x)) != i
            slope, start = solved(x[others], targets[others], weights[others], penalty, intercept)
            error += weights[i] * ((targets[i] - x[i] @ slope - start) ** 2).sum()
        errors.append(error)
    return np.array(errors)


@SHAPES
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
def test_the_penalty_is_that_of_explicit_refits_without_each_sample(shape, intercept, balanced):
    chosen, expected = [], []
    for seed in range(4):
        x, y = data(seed, **shape)
        ridge = leave_one_out(x, y, balanced=balanced, intercept=intercept)
        chosen.append(ridge.penalty)
        best = errors_of_refits(x, y, balanced, intercept).argmin()
        expected.append(grid(x, y, balanced, intercept)[best])
    np.testing.assert_allclose(chosen, expected, rtol=1e-4)


def test_rows_and_names_of_classes_change_no_penalty_where_all_samples_can_be_fitted():
    x, y = data(7, n=60, d=500, classes=20, noise=0.3)
    order, names = (
        np.random.default_rng(8).permutation(60),
        np.random.default_rng(9).permutation(20),
    )
    penalty = leave_one_out(x, y).penalty
    assert penalty == pytest.approx(grid(x, y, balanced=False, intercept=True)[0], rel=1e-4)
    assert leave_one_out(x[order], names[y[order]]).penalty == pytest.approx(penalty)


@pytest.mark.parametrize("d", [3, 30])
@pytest.mark.parametrize("seed", range(4))
def test_samples_that_are_alone_in_their_class_do_not_count(seed, d):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(6), (1, 4, 3, 1, 2, 1))
    x = (rng.normal(size=(6, d))[y] + 2 * rng.normal(size=(12, d))).astype(np.float32)
    best = errors_of_refits(x, y, balanced=False, intercept=True).argmin()
    expected = grid(x, y, balanced=False, intercept=True)
    assert leave_one_out(x, y).penalty == pytest.approx(expected[best], rel=1e-4)
    few = np.flatnonzero(y != 4)  # three of five classes have one sample
    numbers = np.unique(y[few], return_inverse=True)[1]
    centred = x[few] - x[few].mean(axis=0)
    mean_eigenvalue = (centred**2).sum() / min(len(few), d)
    assert leave_one_out(x[few], numbers).penalty == pytest.approx(mean_eigenvalue, rel=1e-5)


@pytest.mark.parametrize("d", [3, 30])
@pytest.mark.parametrize("intercept", [True, False])
def test_with_one_sample_of_each_class_the_penalty_is_the_mean_eigenvalue(d, intercept):
    x = np.random.default_rng(d).normal(size=(10, d)).astype(np.float32)
    centred = x - x.mean(axis=0) if intercept else x
    ridge = leave_one_out(x, np.arange(10), intercept=intercept)
    assert ridge.penalty == pytest.approx((centred**2).sum() / min(10, d), rel=1e-5)


@pytest.mark.parametrize("d", [3, 30])
def test_with_one_class_which_every_penalty_predicts_the_penalty_is_the_mean_eigenvalue(d):
    x = np.random.default_rng(d).normal(size=(10, d)).astype(np.float32)
    expected = ((x - x.mean(axis=0)) ** 2).sum() / min(10, d)
    assert leave_one_out(x, np.zeros(10, int)).penalty == pytest.approx(expected, rel=1e-5)


@SHAPES
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
def test_weights_solve_the_normal_equations(shape, intercept, balanced):
    x, y = data(5, **shape)
    ridge = leave_one_out(x, y, balanced=balanced, intercept=intercept)
    weights, bias = solved(
        x, np.eye(y.max() + 1)[y], importance(y, balanced), ridge.penalty, intercept
    )
    np.testing.assert_allclose(ridge.weights, weights.T, rtol=1e-3, atol=1e-5)
    if intercept:
        np.testing.assert_allclose(ridge.bias, bias, rtol=1e-3, atol=1e-5)
    else:
        assert ridge.bias is None


@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns_cross_validated_ridge(seed):
    x, y = data(seed, n=60, d=8)
    ridge = leave_one_out(x, y)
    expected = RidgeCV(alphas=grid(x, y, balanced=False, intercept=True)).fit(x, np.eye(3)[y])
    assert ridge.penalty == pytest.approx(expected.alpha_, rel=1e-4)
    np.testing.assert_allclose(ridge.weights, expected.coef_, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ridge.bias, expected.intercept_, rtol=1e-3, atol=1e-5)


@SHAPES
def test_sums_of_samples_give_the_same_regression(shape):
    x, y = data(1, **shape)
    ridge = leave_one_out(x, y)
    of_sums = from_sums(ClassSums.of(x, y, y.max() + 1), ridge.penalty)
    assert of_sums.penalty == ridge.penalty
    np.testing.assert_allclose(of_sums.weights, ridge.weights, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(of_sums.bias, ridge.bias, rtol=1e-3, atol=1e-5)


def test_balanced_classes_count_the_same_however_many_samples_they_have():
    """An intercept alone, as nothing else tells the classes apart: a balanced one is 1 / C."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [180, 20])
    x = rng.normal(size=(200, 4)).astype(np.float32)
    for balanced, expected in ((True, [0.5, 0.5]), (False, [0.9, 0.1])):
        ridge = leave_one_out(x, y, balanced=balanced)
        of_mean = (x @ ridge.weights.T + ridge.bias).mean(axis=0)
        np.testing.assert_allclose(of_mean, expected, atol=0.05)


@pytest.mark.parametrize("balanced", [True, False])
def test_identical_samples_are_scored_by_class_frequency(balanced):
    x, y = np.full((5, 3), 0.1, np.float32), np.array([0, 1, 1, 1, 2])
    ridge = leave_one_out(x, y, balanced=balanced)
    expected = np.full(3, 1 / 3) if balanced else [0.2, 0.6, 0.2]
    np.testing.assert_allclose(x[0] @ ridge.weights.T + ridge.bias, expected, atol=1e-5)


@pytest.mark.parametrize("intercept", [True, False])
def test_a_class_of_one_sample_is_learnt(intercept):
    x, y = data(3, n=25)
    x, y = np.concatenate([x, x[:1] + 20]), np.r_[y, 3]
    ridge = leave_one_out(x, y, intercept=intercept, balanced=True)
    scores = x @ ridge.weights.T + (ridge.bias if intercept else 0)
    assert scores.argmax(axis=1)[-1] == 3


def test_the_order_of_the_samples_does_not_matter():
    x, y = data(4)
    turn = np.random.default_rng(0).permutation(len(x))
    first, second = leave_one_out(x, y), leave_one_out(x[turn], y[turn])
    assert first.penalty == pytest.approx(second.penalty, rel=1e-5)
    np.testing.assert_allclose(first.weights, second.weights, rtol=1e-3, atol=1e-5)
