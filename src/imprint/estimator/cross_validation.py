"""Compare heads by cross-validation on the user's embeddings, with the grid engine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.estimator.parameters import require_seed
from imprint.estimator.sample_warnings import warn_of_copies, warn_of_counts, warn_of_equal
from imprint.estimator.validation import checked_scale
from imprint.method.configuration import (
    BY_DISTANCE,
    FIELDS,
    IDENTITY,
    INNER_PRODUCT,
    MAX,
    MNN,
    UNIT_LENGTH,
    Configuration,
    Fixed,
    K,
    Scoring,
)
from imprint.method.engine import predict
from imprint.method.folding import fold, linear_form, steps_of
from imprint.method.generate import GENERATORS
from imprint.method.generate.cores import cores_for
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.registry import USUAL_LS_LAMBDA
from imprint.method.normalize import FittedNorms, chain, learns
from imprint.method.presets import PRESETS
from imprint.method.scale import scaled
from imprint.method.scoring import CandidateHead, candidate_head

if TYPE_CHECKING:
    import pandas as pd

    from imprint.store.embeddings import Embeddings

SEED = 0
# the 97.5% quantile of the normal distribution, rounded as usual, for intervals of 95%
QUANTILE = 1.96
DRAWS = 4000  # in the simulation of a quantile
MANY_METHODS = 200  # with more methods there are fewer draws
LABELLED = 1000  # embeddings in the timing of predictions


def default_methods(
    gens: Sequence[str], ks: Sequence[int], norms: Sequence[str], ms: Sequence[int]
) -> list[Configuration]:
    """The methods that a comparison tries.

    Parameters
    ----------
    gens : sequence of str
        Each is combined with every k, unless it allows only one.
    ks : sequence of int
        Numbers of proxies per class.
    norms : sequence of str
        Each is used as NORMpre, NORMpost and NORMinf; one that is fitted, or applies only to proxies, is used as NORMpost, with
        l2 as NORMpre and NORMinf.
    ms : sequence of int
        Numbers of neighbours that vote by inverse euclidean distance, in addition to `max`.

    Returns
    -------
    list of Configuration
        The named methods, then all valid combinations.

    Raises
    ------
    UserError
        If a name is unknown, or a GEN can be used with none of the NORMs.
    """
    methods = [preset.configuration for preset in PRESETS.values()]
    for gen in gens:
        entry = GENERATORS.find(gen)
        gen_ks: list[K] = [entry.only_k] if entry.only_k else [Fixed(k) for k in ks]
        problems = []
        for k, norm in product(gen_ks, norms):
            pre, post, inf = _places(norm)
            if entry.sees_all_classes:
                scorings = [Scoring(IDENTITY, inf, MAX, INNER_PRODUCT)]
            else:
                scorings = [Scoring(post, inf, MAX, INNER_PRODUCT)]
                scorings += [Scoring(post, inf, MNN, "euclidean", BY_DISTANCE, m) for m in ms]
            for scoring in scorings:
                if problem := entry.problem(pre, scoring):
                    problems.append(problem)
                else:
                    methods.append(Configuration(pre, gen, k, scoring))
        if problems and all(method.gen != gen for method in methods):
            raise UserError(problems[0])
    return list(dict.fromkeys(methods))


def _places(norm: str) -> tuple[str, str, str]:
    """NORMpre, NORMpost and NORMinf for one NORM of the grid."""
    parsed = chain(norm)
    if parsed.fitted or not parsed.of_rows:
        return UNIT_LENGTH, norm, UNIT_LENGTH
    return norm, norm, norm


def compare_fms(
    embeddings: Mapping[str, Embeddings],
    methods: Sequence[Configuration],
    *,
    folds: int = 5,
    seed: int = SEED,
    ls_lambda: float = USUAL_LS_LAMBDA,
) -> pd.DataFrame:
    """Rank methods by accuracy in stratified cross-validation.

    Parameters
    ----------
    embeddings : mapping
        Embeddings of the same samples in the same order, by name of FM; each class has at least `folds` samples.
    methods : sequence of Configuration
        Methods to compare on each FM.
    folds : int, default=5
        Number of folds.
    seed : int, default=0
        Seed of the folds and of GEN.
    ls_lambda : float, default=1e-4
        The `ls_lambda` of GENs that need it.

    Returns
    -------
    DataFrame
        A row for each FM and method, best first and, at equal accuracy, fewest proxies first: rank, fm, name (of a named
        method), the fields of the method, whether it is a reference, accuracy, balanced accuracy (the mean over classes of the
        accuracy in each), the `difference` of the accuracy to the best with the ends of the 95% interval, whether it is `level`
        with the best, mean number of proxies, bytes of the weights of the head, and medians of `fit_seconds` (fitting NORMs and
        generating proxies) and of `predict_seconds`, for 1,000 embeddings.

    Notes
    -----
    The interval of a difference is that of Agresti and Min for two methods on the same samples, each of which is held out
    once. Folds share training samples, so the variance is multiplied by folds / (folds - 1); `python -m
    benchmarks.intervals` measures how often this interval contains the true difference. A t-test over the differences of the
    few folds gives intervals of nearly twice the width.

    The best of many heads looks better than it is. `level` allows for that: a row is level unless the interval leaves out 0 even
    with the 95% quantile of the largest of the standardised errors of all pairs of rows (Hothorn et al.).

    References
    ----------
    Hothorn, Bretz and Westfall, "Simultaneous inference in general parametric models", 2008.
    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", 2005.

    Raises
    ------
    UserError
        If the samples of the FMs differ, or a class has fewer samples than folds.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    first = next(iter(embeddings.values()))
    check_folds(first.y, folds)
    names = np.array(first.class_names)
    warn_of_counts(names, np.bincount(first.y), None, names[first.y])
    require_seed("seed", seed)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(first.x, first.y)
    parts = list(splits)
    frames = []
    for fm, fm_embeddings in embeddings.items():
        if fm_embeddings.ids.tolist() != first.ids.tolist():
            raise UserError(f"FM {fm} embedded different images than {next(iter(embeddings))}")
        warn_of_equal(fm_embeddings.x)
        with cores_for(fm_embeddings.x):
            frame = _scored(fm_embeddings, methods, parts, seed, ls_lambda)
        frames.append(frame.assign(fm=fm))
    warn_of_copies(Sketches.of(first.x, first.y), names, first.ids)
    held_out = first.y[np.concatenate([test for _, test in parts])]
    return _ranked(pd.concat(frames, ignore_index=True), folds, held_out)


def _scored(
    embeddings: Embeddings,
    methods: Sequence[Configuration],
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int,
    ls_lambda: float,
) -> pd.DataFrame:
    """A row for each method and fold; `parts` are the rows to train on and to hold out in each fold."""
    import pandas as pd

    labels = {preset.configuration: preset.label for preset in PRESETS.values()}
    references = [preset.configuration for preset in PRESETS.values() if preset.reference]
    y, fm_classifier = embeddings.y, embeddings.fm_classifier
    x = scaled(embeddings.x, checked_scale(embeddings.x, embeddings.x, None))
    classes = int(y.max()) + 1
    rows: list[dict[str, Any]] = []
    for train, test in parts:
        generated = list(_generated(x[train], y[train], methods, seed, ls_lambda))
        candidates = [entry.candidate for entry in generated]
        predict_seconds = {}
        if not rows:  # the first fold is enough: all have nearly the same size
            predict_seconds = {
                (number, scoring): _predict_seconds(
                    candidate, scoring, x[test], classes, fm_classifier
                )
                for number, candidate in enumerate(candidates)
                for scoring in candidate.scorings
            }
        for users, predicted in predict(x[test], classes, candidates, fm_classifier=fm_classifier):
            right = predicted == y[test]
            for number, scoring in users:
                entry = generated[number]
                proxies = len(entry.candidate.labels)
                rows += [
                    {
                        **method.columns(),
                        "name": labels.get(method),
                        "reference": method in references or GENERATORS.find(method.gen).reference,
                        "right": right,
                        "proxies": proxies,
                        "bytes": _bytes(entry.candidate, scoring),
                        "fit_seconds": entry.seconds[method],
                        "predict_seconds": predict_seconds.get((number, scoring)),
                    }
                    for method in entry.methods
                    if method.scoring == scoring
                ]
    return pd.DataFrame(rows).astype({"k": "Int64", "m": "Int64"})


def _bytes(candidate: CandidateHead, scoring: Scoring) -> int:
    """Bytes of the proxies and of the fitted NORMs that cannot be folded into them."""
    steps = [] if linear_form(candidate, scoring) else steps_of(candidate, scoring) or []
    learnt = [array for step in steps if step != UNIT_LENGTH for array in vars(step).values()]
    return candidate.values.nbytes + sum(getattr(array, "nbytes", 0) for array in learnt)


def _ranked(frame: pd.DataFrame, folds: int, y: np.ndarray) -> pd.DataFrame:
    """A row for each FM and method, best first, with the difference from the best; y (n,) are the labels held out, by fold."""
    groups = frame.groupby(["fm", *FIELDS], sort=False, dropna=False)
    ranked = groups.agg(
        name=("name", "first"),
        reference=("reference", "first"),
        right=("right", list),
        proxies=("proxies", "mean"),
        bytes=("bytes", "mean"),
        fit_seconds=("fit_seconds", "median"),
        predict_seconds=("predict_seconds", "median"),
    ).reset_index()
    right = np.stack([np.concatenate(of_folds) for of_folds in ranked["right"]])
    class_accuracies = [right[:, y == label].mean(axis=1) for label in np.unique(y)]
    ranked = ranked.assign(
        right=right.mean(axis=1), balanced_accuracy=np.mean(class_accuracies, axis=0)
    )
    ranked = ranked.rename(columns={"right": "accuracy"})
    best_first = ["accuracy", "proxies"]
    ranked = ranked.sort_values(best_first, ascending=[False, True], kind="stable")
    right = right[ranked.index]
    intervals = [difference_interval(each, right[0], folds) for each in right[1:]]
    ranked["difference"] = right.mean(axis=1) - right[0].mean()
    ranked[["low", "high"]] = [(0.0, 0.0), *intervals]
    wider = quantile_of_pairs(right) / QUANTILE
    centre, half = (ranked["high"] + ranked["low"]) / 2, (ranked["high"] - ranked["low"]) / 2
    ranked["level"] = centre + wider * half >= 0
    ranked["bytes"] = ranked["bytes"].round().astype(int)
    ranked.insert(0, "rank", ranked["accuracy"].rank(ascending=False, method="min").astype(int))
    return ranked.reset_index(drop=True)


def difference_interval(right: np.ndarray, best: np.ndarray, folds: int) -> tuple[float, float]:
    """The 95% interval of the difference of two accuracies, see `compare_fms`.

    right, best: masks (n,) of the samples that each of the two methods labels correctly when held out.
    """
    # half a sample more of each kind: otherwise heads that agree on all samples would have an interval of width 0
    better, worse = (float((a & ~b).sum() + 0.5) for a, b in ((right, best), (best, right)))
    count = len(right) + 2
    mean = (better - worse) / count
    variance = (better + worse) / count - mean**2
    half = QUANTILE * math.sqrt(variance / count * folds / (folds - 1))
    return mean - half, mean + half


def quantile_of_pairs(right: np.ndarray) -> float:
    """The 95% quantile of the largest standardised error of the differences in accuracy of all pairs of methods.

    right: (M, n) masks of the samples that each method labels correctly. The quantile is simulated, from normal accuracies with
    the covariance of the masks; that of one pair is the least.
    """
    distinct = np.unique(right, axis=0)
    if len(distinct) < 3:
        return QUANTILE
    centred = distinct - distinct.mean(axis=1, keepdims=True, dtype=np.float32)
    covariance = (centred @ centred.T / (len(centred[0]) - 1)).astype(float)
    variances = np.diag(covariance)
    deviations = np.sqrt(np.maximum(variances[:, None] + variances - 2 * covariance, 1e-12))
    count = max(500, min(DRAWS, DRAWS * MANY_METHODS // len(distinct)))
    errors = np.random.default_rng(SEED).multivariate_normal(
        np.zeros(len(distinct)), covariance, count, method="eigh", check_valid="ignore"
    )
    largest = np.zeros(count)
    for method_errors, scale in zip(errors.T, deviations, strict=True):
        standardised = np.abs(errors - method_errors[:, None]) / scale
        np.maximum(largest, standardised.max(axis=1), out=largest)
    return max(QUANTILE, float(np.quantile(largest, 0.95)))


def check_folds(y: np.ndarray, folds: int) -> None:
    """Check that each label 0..C-1 occurs at least `folds` times in y (n,), and that there are two; a `UserError` if not."""
    counts = np.bincount(y)
    if not isinstance(folds, int | np.integer) or folds < 2:
        raise UserError(f"folds={folds!r} is not a whole number of at least 2")
    if len(counts) < 2:
        raise UserError("all samples are of one class; there is nothing to tell apart")
    if counts.min() < folds:
        raise UserError(
            f"with {folds} folds each class needs at least {folds} samples, and the smallest class has {counts.min()}; add "
            "samples to it, leave it out, or use fewer folds (at least 2)"
        )


@dataclass(frozen=True)
class _Generated:
    """A proxy set, the methods that use it, and the seconds to fit each of them."""

    candidate: CandidateHead
    methods: list[Configuration]
    seconds: dict[Configuration, float]


def _generated(
    x: np.ndarray,
    y: np.ndarray,
    methods: Sequence[Configuration],
    seed: int,
    ls_lambda: float,
) -> Iterator[_Generated]:
    """Generate each proxy set once."""
    users: dict[tuple[str, str], dict[int, list[Configuration]]] = {}
    for method in methods:
        by_k = users.setdefault((method.norm_pre, method.gen), {})
        by_k.setdefault(method.k.number, []).append(method)
    norms = FittedNorms(x, y)
    learning = {}
    for names in dict.fromkeys(method.norms for method in methods):  # many share their NORMs
        start = time.perf_counter()
        norms.learnt |= FittedNorms(x, y).learn(*names).learnt  # as a single method would
        learning[names] = time.perf_counter() - start
    for (norm_pre, gen), by_k in users.items():
        normalised = norms.apply_to_embeddings(norm_pre, x)
        sets = proxy_sets(normalised, y, gen, by_k, [seed], ls_lambda=ls_lambda, threads=None)
        for k, same_set in by_k.items():
            proxies = sets[k, seed]
            scorings = tuple(dict.fromkeys(method.scoring for method in same_set))
            candidate = candidate_head(proxies, x, norm_pre, scorings, norms)
            seconds = {m: proxies.seconds + learning[m.norms] for m in same_set}
            yield _Generated(candidate, same_set, seconds)


def _predict_seconds(
    candidate: CandidateHead,
    scoring: Scoring,
    x: np.ndarray,
    classes: int,
    fm_classifier: np.ndarray | None,
) -> float:
    """Seconds to label 1,000 embeddings with a single method: the median of three calls after a warm-up."""
    alone = candidate.with_scorings((scoring,))
    if learns(scoring.norm_post, scoring.norm_inf) and (folded := fold(alone, fm_classifier)):
        alone = folded.candidate
    rows, times = x[np.arange(LABELLED) % len(x)], []
    for _ in range(4):
        start = time.perf_counter()
        list(predict(rows, classes, [alone], fm_classifier=fm_classifier))
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))
