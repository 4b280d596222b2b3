"""Predictions of a head: folded proxies rank classes as the original ones do."""

import numpy as np
import pytest

from imprint import ImprintingClassifier

RANDOM = np.random.default_rng(0)
Y = np.repeat(np.arange(3), 20)
X = (RANDOM.normal(size=(60, 8)) + 2 * np.eye(8)[Y]).astype(np.float32)


@pytest.mark.parametrize("method", ["whiten", "lda"])
def test_folded_proxies_give_the_labels_of_the_largest_scores(method):
    head = ImprintingClassifier(method=method, random_state=0).fit(X, Y)
    samples = RANDOM.normal(size=(500, 8))
    assert (head.predict(samples) == head.class_scores(samples).argmax(axis=1)).all()
    few = np.concatenate([head.predict(samples[[row]]) for row in range(20)])
    assert few.tolist() == head.predict(samples)[:20].tolist()
