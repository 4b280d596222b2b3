"""Prediction with a fitted head. Does not import scikit-learn, which takes longer than labelling an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.errors import UserError
from imprint.estimator import rejection
from imprint.estimator.predictor import Predictor
from imprint.estimator.saving import load_classifier
from imprint.estimator.tuning import Tuned
from imprint.estimator.validation import as_classifier_weights, checked_scale
from imprint.method.calibration import probabilities
from imprint.method.familiarity import Familiarity
from imprint.method.large_arrays import score_blocks
from imprint.method.scale import scaled


@dataclass(frozen=True)
class FittedHead:
    """The predicting part of `ImprintingClassifier`; embeddings x (n, D) must be float32 and finite.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Labels in the order in which they were imprinted.
    predictor : Predictor
        The proxies.
    tuned : Tuned
        Temperature and familiarity, measured on held-out training samples.
    scale : float or None
        Factor for embeddings, see `imprint.method.scale.scale_of`; None if they are already scaled.
    """

    classes: np.ndarray
    predictor: Predictor
    tuned: Tuned
    scale: float | None = None

    @classmethod
    def load(cls, path: str | Path) -> FittedHead:
        """Read a saved head; a `UserError` if the file is not a head."""
        saved = load_classifier(path, None)
        weights = as_classifier_weights(saved.parameters["fm_classifier"])
        predictor = Predictor.of(saved.state, weights)
        return cls(saved.state.classes, predictor, saved.tuned, saved.state.scale)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return x if self.scale is None else scaled(x, checked_scale(x, x, self.scale))

    def class_scores(self, x: np.ndarray) -> np.ndarray:
        """The scores (n, C), see `ImprintingClassifier.class_scores`."""
        return self.predictor.class_scores(self._scaled(x))

    def labels(self, x: np.ndarray, reject: float | None = None) -> np.ndarray:
        """Labels (n,), see `ImprintingClassifier.predict`."""
        labels: np.ndarray = self.classes[self.predictor.labels(self._scaled(x))]
        if reject is None:
            return labels
        mark = rejection.mark(self.classes)
        self.held_out("reject").require(reject)
        return rejection.marked(labels, self.familiarity(x) <= reject, mark)

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (n, C); a `UserError` if no temperature was fitted."""
        temperature = self.require_temperature()
        return probabilities(self.class_scores(x), temperature)

    def require_temperature(self) -> float:
        """The inverse temperature of probabilities; a `UserError` if none was fitted."""
        if self.tuned.inverse_temperature is None:
            raise UserError(
                "predict_proba: no temperature was fitted: the head was made without probability=True, or fewer than two classes had two "
                "samples"
            )
        return self.tuned.inverse_temperature

    def held_out(self, purpose: str) -> Familiarity:
        """The held-out samples for familiarity; a `UserError` that names the purpose if there are none."""
        if self.tuned.familiarity is None:
            raise UserError(
                f"{purpose}: no training samples were held out when this head was made; fit it again with probability=True or "
                "method='auto', and at least two samples in each of two classes"
            )
        return self.tuned.familiarity

    def familiarity(self, x: np.ndarray) -> np.ndarray:
        """Familiarity (n,) of embeddings, see `ImprintingClassifier.familiarity`."""
        known = self.held_out("familiarity")
        temperature = self.require_temperature()
        signals = [
            self.predictor.signals(self._scaled(x[block]), temperature)
            for block in score_blocks(len(x), len(self.classes))
        ]
        return known.of(np.concatenate([np.empty((0, 2), np.float32), *signals]))
