"""Optional scores: training, validation and top-5 accuracy, log loss and calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imprint.method.calibration import calibrate, probability_summary
from imprint.method.class_scores import class_scores
from imprint.method.configuration import Auto, Configuration, Scoring
from imprint.method.engine import evaluate
from imprint.method.generate.choose_k import choose_k
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.holdout import folds
from imprint.method.metrics import calibration_error, log_loss, top_accuracy
from imprint.method.normalize.fitted_norms import FittedNorms
from imprint.method.proxies import ProxySet
from imprint.method.score_names import CALIBRATION, LOG_LOSS, TOP5, TRAIN, VALIDATION
from imprint.method.scoring import CandidateHead, candidate_head

VALIDATION_FOLDS = 5


@dataclass
class TrainingScores:
    """Optional scores of the methods of one training set.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Training embeddings before NORMpre.
    y : ndarray of shape (n,)
        Their labels, 0..C-1.
    test_x : ndarray of shape (N, d)
        Test embeddings.
    test_y : ndarray of shape (N,)
        Their labels.
    seed : int or None
        Seed of the GENs; None if the proxies do not depend on it.
    wanted : sequence of str
        Names in `EXTRA_SCORES`.
    ls_lambda : float or None
        Ridge parameter of the GENs that need one.
    fm_classifier : ndarray of shape (C', d) or None
        The weights of the FM's own classifier.
    norms : FittedNorms or None
        The NORMs of the training set; None if none is fitted.
    """

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    seed: int | None
    wanted: Sequence[str]
    ls_lambda: float | None
    fm_classifier: np.ndarray | None
    norms: FittedNorms | None

    def __post_init__(self) -> None:
        self._classes = int(self.y.max()) + 1
        # the same held-out samples for every method and seed, so that scores can be compared
        self._held = next(folds(self.y, 0, VALIDATION_FOLDS), None)

    def of(
        self, method: Configuration, proxies: ProxySet, scorings: tuple[Scoring, ...]
    ) -> dict[Scoring, dict[str, float]]:
        """The optional scores of one proxy set under each scoring.

        Parameters
        ----------
        method : Configuration
            GEN, k and NORMpre of the proxies; its scoring is ignored.
        proxies : ProxySet
            Proxies of all training samples; sample numbers are rows of `x`.
        scorings : tuple of Scoring
            The scorings to evaluate.

        Returns
        -------
        dict
            For each scoring, scores by name; NaN where no sample can be held out.
        """
        norm_pre = method.norm_pre
        full_head = candidate_head(proxies, self.x, norm_pre, scorings, self.norms)
        scores: dict[Scoring, dict[str, float]] = {scoring: {} for scoring in scorings}
        if TRAIN in self.wanted:
            for scoring, result in self._evaluated(full_head, self.x, self.y).items():
                scores[scoring][TRAIN] = result
        validation_head = None
        if {VALIDATION, LOG_LOSS, CALIBRATION} & set(self.wanted):
            validation_head = self._without_held_out(method, scorings)
        if VALIDATION in self.wanted:
            accuracies = dict.fromkeys(scorings, np.nan)
            if validation_head is not None:
                held = self._held
                accuracies = self._evaluated(validation_head, self.x[held], self.y[held])
            for scoring, accuracy in accuracies.items():
                scores[scoring][VALIDATION] = accuracy
        for scoring in scorings:
            scores[scoring] |= self._scores_from_class_scores(full_head, validation_head, scoring)
        return scores

    def _without_held_out(
        self, method: Configuration, scorings: tuple[Scoring, ...]
    ) -> CandidateHead | None:
        """The head of a method on the training samples that are not held out."""
        if self._held is None:
            return None
        x, y = self.x[~self._held], self.y[~self._held]
        norms = FittedNorms(x, y)
        normalised = norms.apply_to_embeddings(method.norm_pre, x)
        k = method.k.number
        if isinstance(method.k, Auto):
            k, _ = choose_k(normalised, y, method.gen, self.seed)
        sets = proxy_sets(normalised, y, method.gen, [k], [self.seed], ls_lambda=self.ls_lambda)
        return candidate_head(sets[k, self.seed], x, method.norm_pre, scorings, norms)

    def _evaluated(self, head: CandidateHead, x: np.ndarray, y: np.ndarray) -> dict[Scoring, float]:
        (results,) = evaluate(x, y, self._classes, [head], fm_classifier=self.fm_classifier)
        return {scoring: result.accuracy for scoring, result in results.items()}

    def _scores_from_class_scores(
        self, full_head: CandidateHead, validation_head: CandidateHead | None, scoring: Scoring
    ) -> dict[str, float]:
        """The wanted scores that need a score for every class: of the five best, of probabilities."""
        wanted = {TOP5, LOG_LOSS, CALIBRATION} & set(self.wanted)
        if not wanted:
            return {}
        test_scores = self._class_scores(full_head, scoring, self.test_x)
        scores = {}
        if TOP5 in wanted:
            scores[TOP5] = top_accuracy(test_scores, self.test_y, 5)
        of_probabilities = {LOG_LOSS: np.nan, CALIBRATION: np.nan}
        if validation_head is not None and wanted & set(of_probabilities):
            held_scores = self._class_scores(validation_head, scoring, self.x[self._held])
            calibration = calibrate(held_scores, self.y[self._held])
            summary = probability_summary(test_scores, self.test_y, calibration.inverse_temperature)
            of_probabilities = {
                LOG_LOSS: log_loss(summary.of_true),
                CALIBRATION: calibration_error(summary.confidence, summary.is_right),
            }
        return scores | {k: v for k, v in of_probabilities.items() if k in wanted}

    def _class_scores(self, head: CandidateHead, scoring: Scoring, x: np.ndarray) -> np.ndarray:
        return class_scores(x, head.with_scorings((scoring,)), self._classes, self.fm_classifier)
