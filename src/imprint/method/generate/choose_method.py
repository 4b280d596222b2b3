"""Choice of a method by the log loss of held-out training samples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imprint.errors import UserError
from imprint.formatting import listed
from imprint.method.calibration import Calibration, calibrate
from imprint.method.class_scores import class_scores
from imprint.method.configuration import (
    INNER_PRODUCT,
    MAX,
    UNIT_LENGTH,
    Auto,
    Configuration,
    Fixed,
    Scoring,
)
from imprint.method.familiarity import Familiarity, certainty, similarity
from imprint.method.generate.choice import Choice, Considered
from imprint.method.generate.cores import cores_for
from imprint.method.generate.proxy_sets import MANY_VALUES, proxy_sets
from imprint.method.holdout import ENOUGH, FOLDS, folds, rows_by_class
from imprint.method.normalize import FittedNorms
from imprint.method.scoring import Mapped, candidate_head

WHITENED = Scoring("whiten+l2", UNIT_LENGTH, MAX, INNER_PRODUCT)
PLAIN = Scoring(UNIT_LENGTH, UNIT_LENGTH, MAX, INNER_PRODUCT)
# the simplest first. Plain k-means is left out: with it the mean over 132 tasks of real FMs is 0.01 points lower. The plain
# mean is included, although few tasks gain from it: whitening may mislead on other data
CANDIDATES = (
    Configuration(UNIT_LENGTH, "mean", Fixed(1), WHITENED),
    Configuration(UNIT_LENGTH, "mean", Fixed(1), PLAIN),
    Configuration(UNIT_LENGTH, "kmeans", Fixed(5), WHITENED),
    Configuration(UNIT_LENGTH, "kmeans", Fixed(20), WHITENED),
)
MOST_SAMPLES = 10_000  # largest number of samples to choose on, unless that leaves fewer than this number of each class:
PER_CLASS = 25
MOST_HELD = 2_500  # largest number of samples of a fold to predict
FOLDS_OF_MANY = 5  # number of folds if one of them has enough samples
LEAST_GAIN = 5e-4  # in log loss; smaller gains would be shown as 0.000


def choose(
    x: np.ndarray,
    y: np.ndarray,
    seed: int | None,
    methods: Sequence[Configuration] = CANDIDATES,
    *,
    threads: int | None = 1,
    ls_lambda: float | None = None,
    fm_classifier: np.ndarray | None = None,
    norms: FittedNorms | None = None,
) -> Choice:
    """Choose one of several methods.

    Folds are held out one after another, each scored by methods fitted to the other samples. There are ten folds, or as many
    as the largest class has samples. With few samples, three such splits are used; with many, only a fifth of the samples is
    held out. Fitted NORMs choose values such as a penalty once, on all samples. The simplest method is chosen unless others
    have a log loss that is lower by more than a standard error of the paired difference, and no lower accuracy: then the best
    of these is chosen.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Training embeddings before NORMpre, float32.
    y : ndarray of shape (n,)
        Labels 0..C-1, each at least once.
    seed : int or None
        Seed of the folds and of GENs.
    methods : sequence of Configuration, default=CANDIDATES
        The methods to choose from, the simplest first.
    threads : int or None, default=1
        Number of classes whose proxies are generated in parallel; None as in `proxy_sets`.
    ls_lambda : float, optional
        The `ls_lambda` of GENs that need it.
    fm_classifier : ndarray of shape (C', d), optional
        The weights of the FM's own classifier.
    norms : FittedNorms, optional
        The NORMs of these samples, for later use: those that the methods need are fitted. Values that fitted NORMs have
        chosen, such as a penalty, are kept.

    Returns
    -------
    Choice
        The chosen method, and all methods that were compared.

    Examples
    --------
    >>> x = np.array([[0, 1], [0.1, 1], [1, 0], [1, 0.1]], np.float32)
    >>> choose(x, np.array([0, 0, 1, 1]), seed=0).configuration.gen
    'mean'
    """
    start = time.perf_counter()
    if not methods:
        raise UserError("there is no method to choose from")
    if open_k := [method.text for method in methods if isinstance(method.k, Auto)]:
        raise UserError(f"{listed(open_k)}: a method to choose from needs a number as k")
    norms = norms or FittedNorms(x, y)
    for method in methods:
        norms.learn(*method.norms)
    x, y = _at_most(x, y, seed or 0)
    classes = int(y.max()) + 1
    held_out = _held_out_scores(x, y, seed, methods, threads, ls_lambda, fm_classifier, norms)
    best, inverse_temperature, familiarity = 0, np.nan, None
    if len(held_out.rows):
        calibrated = [calibrate(scores, held_out.labels) for scores in held_out.scores]
        considered = _considered(methods, held_out, calibrated)
        best = chosen_index(considered)
        inverse_temperature = calibrated[best].inverse_temperature
        familiarity = _familiarity(held_out, best, inverse_temperature)
    else:
        considered = tuple(Considered(m, np.nan, np.nan, 0.0, np.nan) for m in methods)
    return Choice(
        configuration=methods[best],
        considered=considered,
        held_out=len(held_out.rows),
        inverse_temperature=inverse_temperature,
        seconds=time.perf_counter() - start,
        classes=classes,
        familiarity=familiarity,
    )


@dataclass(frozen=True)
class _HeldOut:
    """Held-out samples of all folds, one after another; a sample that is held out several times appears as often."""

    rows: np.ndarray
    labels: np.ndarray
    # for each method, class scores (n, C) and similarities to the nearest proxy (n,); empty if nothing was held out
    scores: list[np.ndarray]
    similarities: list[np.ndarray]


def _held_out_scores(
    x: np.ndarray,
    y: np.ndarray,
    seed: int | None,
    methods: Sequence[Configuration],
    threads: int | None,
    ls_lambda: float | None,
    fm_classifier: np.ndarray | None,
    norms: FittedNorms,
) -> _HeldOut:
    """Hold out each fold once, and score it by every method fitted to the other samples."""
    scores: list[list[np.ndarray]] = [[] for _ in methods]
    similarities: list[list[np.ndarray]] = [[] for _ in methods]
    rows = [np.zeros(0, np.int64)]
    # all k of a GEN together, as they share work
    ks: dict[tuple[str, str], list[int]] = {}
    for method in methods:
        ks.setdefault((method.norm_pre, method.gen), []).append(method.k.number)
    classes = int(y.max()) + 1
    threads = 1 if x.size < MANY_VALUES else threads
    most_folds = FOLDS_OF_MANY if len(y) >= FOLDS_OF_MANY * ENOUGH else FOLDS
    with cores_for(x):
        for held in folds(y, seed or 0, most_folds):
            held = _at_most_held(held, seed or 0)
            x_train, y_train = x[~held], y[~held]
            fitted = norms.refitted(x_train, y_train)
            sets = {
                (norm_pre, gen): proxy_sets(
                    fitted.apply_to_embeddings(norm_pre, x_train),
                    y_train,
                    gen,
                    gen_ks,
                    [seed],
                    ls_lambda=ls_lambda,
                    threads=threads,
                )
                for (norm_pre, gen), gen_ks in ks.items()
            }
            x_held: np.ndarray = x[held]
            mapped: Mapped = {}
            for i, method in enumerate(methods):
                candidate = candidate_head(
                    sets[method.norm_pre, method.gen][method.k.number, seed],
                    x_train,
                    method.norm_pre,
                    (method.scoring,),
                    fitted,
                )
                fold_scores = class_scores(x_held, candidate, classes, fm_classifier, mapped)
                scores[i].append(fold_scores)
                similarities[i].append(
                    similarity(x_held, candidate, fm_classifier, fold_scores, mapped)
                )
            rows.append(np.flatnonzero(held))
    all_rows = np.concatenate(rows)
    return _HeldOut(
        all_rows,
        y[all_rows],
        [np.concatenate(of_folds) for of_folds in scores if of_folds],
        [np.concatenate(of_folds) for of_folds in similarities if of_folds],
    )


def _considered(
    methods: Sequence[Configuration], held_out: _HeldOut, calibrated: Sequence[Calibration]
) -> tuple[Considered, ...]:
    """The methods with their losses and accuracies, compared with the first."""
    simplest = calibrated[0].losses
    considered = []
    for method, fit, scores in zip(methods, calibrated, held_out.scores, strict=True):
        gains = simplest - fit.losses
        right = scores.argmax(axis=1) == held_out.labels
        considered.append(
            Considered(
                configuration=method,
                loss=float(fit.losses.mean()),
                accuracy=float(right.mean()),
                gain=float(gains.mean()),
                standard_error=_standard_error(gains, held_out.rows),
            )
        )
    return tuple(considered)


def chosen_index(considered: Sequence[Considered]) -> int:
    """The index of the method to choose; the first method is the simplest."""
    first = considered[0]
    better = [
        i
        for i, entry in enumerate(considered)
        if entry.gain > max(entry.standard_error, LEAST_GAIN) and entry.accuracy >= first.accuracy
    ]
    return min(better, key=lambda i: considered[i].loss, default=0)


def _familiarity(held_out: _HeldOut, method: int, inverse_temperature: float) -> Familiarity:
    """Familiarity from the class scores and similarities of one method, by number."""
    certain = certainty(held_out.scores[method], inverse_temperature)
    signals = np.stack([held_out.similarities[method], certain], axis=1).astype(np.float32)
    return Familiarity(signals, len(np.unique(held_out.rows)))


def _standard_error(gains: np.ndarray, samples: np.ndarray) -> float:
    """Standard error of the mean of gains (n,) of these samples (n,); gains of the same sample are averaged first."""
    means = np.bincount(samples, gains) / np.maximum(np.bincount(samples), 1)
    distinct = means[np.unique(samples)]
    if len(distinct) < 2:
        return np.inf
    return float(distinct.std(ddof=1) / np.sqrt(len(distinct)))


def _at_most(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random part of the samples if there are many: the same share of each class, but enough of each."""
    share = MOST_SAMPLES / len(y)
    if share >= 1:
        return x, y
    random = np.random.default_rng(seed)
    chosen = []
    for rows in rows_by_class(y):
        count = min(len(rows), max(PER_CLASS, round(share * len(rows))))
        chosen.append(random.permutation(rows)[:count])
    kept = np.sort(np.concatenate(chosen))
    return x[kept], y[kept]


def _at_most_held(held: np.ndarray, seed: int) -> np.ndarray:
    """A mask of held-out samples (n,), or of a random part of them if there are many, as with thousands of classes."""
    rows = np.flatnonzero(held)
    if len(rows) <= MOST_HELD:
        return held
    part = np.zeros_like(held)
    part[np.random.default_rng(seed).permutation(rows)[:MOST_HELD]] = True
    return part
