"""The compared heads: presets, references, and methods that are not presets or not in the library."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from benchmarks.head_cells import FULL, Cell
from imprint.method.class_scores import class_scores
from imprint.method.configuration import LOGSUMEXP, Configuration, Fixed, Scoring
from imprint.method.engine import evaluate, predict
from imprint.method.generate.least_squares import pseudo_classes
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.normalize import FittedNorms, l2
from imprint.method.presets import PRESETS
from imprint.method.ridge import leave_one_out
from imprint.method.scoring import CandidateHead, candidate_head

PRODUCT = ("max", "inner_product")
LS_LAMBDA = 1e-4


def kmeans(k: int, norm_pre: str, norm_post: str) -> Configuration:
    """K-means proxies; test embeddings are scaled to unit length."""
    return Configuration(norm_pre, "kmeans", Fixed(k), Scoring(norm_post, "l2", *PRODUCT))


AUTO, PROBE = "auto", "probe"
WHITENED_20 = "whitened k-means 20"
# the heads that `auto` is compared with
FIXED = {
    "mean (qi)": PRESETS["qi"].configuration,
    "k-means 20 (westerhoff)": PRESETS["westerhoff"].configuration,
    "whitened mean (whiten)": PRESETS["whiten"].configuration,
    "whitened k-means 5": kmeans(5, "l2", "whiten+l2"),
    WHITENED_20: kmeans(20, "l2", "whiten+l2"),
    "ridge": PRESETS["ridge"].configuration,
    "ls (oracle)": PRESETS["oracle"].configuration,
}
REFERENCES = {name: PRESETS[name].configuration for name in (PROBE, "lda", "knn")}
METHODS = {**FIXED, AUTO: PRESETS[AUTO].configuration, **REFERENCES}


@dataclass(frozen=True)
class Fit:
    """A fitted method, the seconds of fitting, and a description of its choices."""

    candidate: CandidateHead
    seconds: float
    note: str = ""


def fit(cell: Cell, method: Configuration, seed: int) -> Fit:
    """Fit a method to the training samples of a cell."""
    start = perf_counter()
    scoring = method.scoring
    norms = FittedNorms(cell.x, cell.y).learn(*method.norms)
    k = method.k.number
    normalised = norms.apply_to_embeddings(method.norm_pre, cell.x)
    sets = proxy_sets(normalised, cell.y, method.gen, [k], [seed], ls_lambda=LS_LAMBDA)
    proxies = sets[k, seed]
    fitted = candidate_head(proxies, cell.x, method.norm_pre, (scoring,), norms)
    return Fit(fitted, perf_counter() - start, proxies.note)


def accuracy(cell: Cell, fitted: CandidateHead) -> float:
    """Accuracy of a fitted method on the test samples of a cell, in percent."""
    (scores,) = evaluate(cell.test_x, cell.test_y, cell.classes, [fitted])
    return 100 * scores[fitted.scorings[0]].accuracy


# extras: accuracies in percent and seconds by name


def whitened_before(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """K-means on embeddings that were first whitened and scaled to unit length."""
    norm = "l2+whiten+l2"
    results = {}
    for k in (5, 20):
        method = Configuration(norm, "kmeans", Fixed(k), Scoring("l2", norm, *PRODUCT))
        fitted = fit(cell, method, seed)
        results[f"k-means {k} after whitening"] = accuracy(cell, fitted.candidate), fitted.seconds
    return results


def whitened_knn(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """The preset `knn` on whitened embeddings."""
    knn = REFERENCES["knn"]
    whitened = knn._replace(scoring=knn.scoring._replace(norm_post="whiten+l2"))
    fitted = fit(cell, whitened, seed)
    return {"whitened kNN": (accuracy(cell, fitted.candidate), fitted.seconds)}


def random_features(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Ridge on 2,000 random ReLU features of unit length."""
    start = perf_counter()
    d = cell.x.shape[1]
    projection = np.random.default_rng(0).normal(size=(d, 2000)).astype(np.float32)
    x = np.maximum(cell.x @ projection, 0)
    projecting = perf_counter() - start
    test_x = np.maximum(cell.test_x @ projection, 0)
    featured = Cell(
        cell.row, cell.name, cell.shots, x, cell.y, test_x, cell.test_y, cell.classes
    )  # ridge scales them to unit length
    fitted = fit(featured, FIXED["ridge"], seed)
    score = accuracy(featured, fitted.candidate)
    return {"random ReLU features + ridge": (score, projecting + fitted.seconds)}


def clustered_ridge(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Ridge with the leave-one-out penalty on five k-means pseudo-classes per class; the highest score decides."""
    start = perf_counter()
    x = l2(cell.x)
    clusters = proxy_sets(x, cell.y, "kmeans", [5], [seed])[5, seed]
    groups, labels = pseudo_classes(x, cell.y, clusters)
    ridge = leave_one_out(x, groups)
    scoring = Scoring("none", "l2", *PRODUCT)
    fitted = CandidateHead(ridge.weights, labels, (scoring,), bias=ridge.bias)
    spent = perf_counter() - start
    return {"k-means 5 pseudo-classes + ridge": (accuracy(cell, fitted), spent)}


def averaged(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """The average of the class scores of the whitened mean and of ridge, each in standard deviations."""
    results, seconds = np.zeros((len(cell.test_x), cell.classes)), 0.0
    for name in ("whitened mean (whiten)", "ridge"):
        fitted = fit(cell, FIXED[name], seed)
        training, tests = (
            class_scores(x, fitted.candidate, cell.classes) for x in (cell.x, cell.test_x)
        )
        results += tests / (training - training.mean(axis=1, keepdims=True)).std()
        seconds += fitted.seconds
    right = results.argmax(axis=1) == cell.test_y
    return {"whitened mean and ridge averaged": (100 * float(right.mean()), seconds)}


def soft_maximum(cell: Cell, seed: int) -> dict[str, tuple[float, float]]:
    """Whitened k-means 20; the class score is T log(sum of exp(similarity / T)) over the proxies of the class."""
    fitted = fit(cell, FIXED[WHITENED_20], seed)
    (scoring,) = fitted.candidate.scorings
    results = {}
    for t in (0.02, 0.05, 0.1):
        soft = scoring._replace(agg=LOGSUMEXP, weighting=f"exponential({t})")
        candidate = fitted.candidate.with_scorings((soft,))
        results[f"{WHITENED_20}, logsumexp T {t}"] = accuracy(cell, candidate), fitted.seconds
    return results


EXTRAS = (
    averaged,
    random_features,
    clustered_ridge,
    soft_maximum,
    whitened_before,
    whitened_knn,
)


def lda_differences(cell: Cell, seed: int) -> list[float]:
    """How far apart scikit-learn's LDA has the two classes where the preset `lda` predicts another, by test sample.

    As a share of the score: float32, in which samples are scored, has seven digits.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    priors = np.full(cell.classes, 1 / cell.classes)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    scores = lda.fit(cell.x.astype(np.float64), cell.y).decision_function(
        cell.test_x.astype(np.float64)
    )
    fitted = fit(cell, REFERENCES["lda"], seed).candidate
    ((_, predicted),) = predict(cell.test_x, cell.classes, [fitted])
    of_sample = np.take_along_axis(scores, predicted[:, None], axis=1)[:, 0]
    apart = (scores.max(axis=1) - of_sample) / np.abs(scores).max(axis=1)
    return apart[predicted != scores.argmax(axis=1)].tolist()


def load_libraries() -> None:
    """Run every method once, so that no clock counts imports and compilation."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 8)).astype(np.float32), np.arange(40) % 2
    for method in METHODS.values():
        cell = Cell("", "", FULL, x, y, x, y, 2)
        accuracy(cell, fit(cell, method, seed=0).candidate)
