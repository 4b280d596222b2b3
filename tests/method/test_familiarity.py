"""Facts of how well samples fit the known classes."""

import numpy as np
import pytest

from imprint import ImprintingClassifier
from imprint.errors import UserError
from imprint.method.familiarity import Familiarity

CENTRES = np.random.default_rng(0).normal(size=(6, 16))
KNOWN = 4  # of the classes; the others are unknown
METHODS = [
    {"method": "qi"},
    {"method": "westerhoff", "k": 5},
    {"method": "whiten"},
    {"gen": "all"},
    {"method": "knn", "m": 3},
    {"method": "janson"},
    {"method": "ridge"},
]
named = pytest.mark.parametrize(
    "method", METHODS, ids=lambda method: "-".join(map(str, method.values()))
)


def drawn(classes, each, seed):
    """Samples around the centres of some classes, and their labels."""
    y = np.repeat(classes, each)
    noise = np.random.default_rng(seed).normal(size=(len(y), 16))
    return (CENTRES[y] + 0.5 * noise).astype(np.float32), y


@named
def test_the_requested_share_is_rejected_and_unknown_classes_are_detected(method):
    head = ImprintingClassifier(**method, probability=True, random_state=0)
    head.fit(*drawn(range(KNOWN), 60, seed=1))
    x, _ = drawn(range(KNOWN), 500, seed=2)
    strange, _ = drawn(range(KNOWN, 6), 100, seed=3)
    for share in (0.05, 0.2):
        rejected = head.predict(x, reject=share) == -1
        # the error of a limit that 240 held-out samples choose
        assert abs(rejected.mean() - share) < 3.5 * np.sqrt(share * (1 - share) / 240)
        assert (head.predict(x)[~rejected] == head.predict(x, reject=share)[~rejected]).all()
    assert (head.predict(strange, reject=0.2) == -1).mean() > 0.6


def test_no_more_than_the_share_of_exchangeable_samples_is_rejected():
    random = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        signals = random.normal(size=(59, 2))
        shares.append(np.mean(Familiarity(signals[:39], 39).of(signals[39:]) <= 0.1))
    assert 0.06 < np.mean(shares) < 0.105


@pytest.mark.parametrize("decimals", [0, 16])  # with ties, and without
@pytest.mark.parametrize("times", [1, 2, 5])  # that each sample was held out
@pytest.mark.parametrize("count", [1, 3, 9, 40])
def test_familiarity_ranks_a_sample_together_with_the_held_out_ones(count, times, decimals):
    random = np.random.default_rng(count)
    held_out = random.normal(size=(count * times, 2)).round(decimals)
    signals = random.normal(size=(30, 2)).round(decimals)
    expected = []
    for sample in signals:
        columns = np.vstack([held_out, *[sample] * times]).T
        ranks = [(column[None] <= column[:, None]).sum(axis=1) for column in columns]
        lowest = np.minimum(*ranks)
        familiar = np.mean(lowest[:-times] <= lowest[-1])
        expected.append((1 + count * familiar) / (1 + count))
    np.testing.assert_allclose(Familiarity(held_out, count).of(signals), expected)


def test_shares_that_too_few_samples_allow_are_refused():
    known = Familiarity(np.zeros((3, 2)), samples=3)
    known.require(0.25)
    with pytest.raises(
        UserError, match=r"least share that 3 held-out training samples allow is 0\.25"
    ):
        known.require(0.2)
    for share in (0, 1, 5, np.nan):
        with pytest.raises(UserError, match="is between 0 and 1"):
            known.require(share)


def test_familiarity_needs_samples_that_were_held_out():
    x, y = drawn(range(KNOWN), 10, seed=1)
    for head in (
        ImprintingClassifier(method="qi").fit(x, y),
        ImprintingClassifier().fit(x[::10], y[::10]),
    ):
        with pytest.raises(UserError, match="no training samples were held out"):
            head.familiarity(x)
        with pytest.raises(UserError, match="no training samples were held out"):
            head.predict(x, reject=0.1)
