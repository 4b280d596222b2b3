"""Predictions of a fitted head: its proxies as a candidate of the engine, computed once from the training state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from imprint.estimator.training_state import TrainingState
from imprint.method.aggregations import needs_all_proxies
from imprint.method.class_scores import class_scores
from imprint.method.configuration import IDENTITY, UNIT_LENGTH
from imprint.method.distances import DISTANCES
from imprint.method.engine import predict
from imprint.method.familiarity import certainty, similarity
from imprint.method.folding import Folded, fold, steps_of
from imprint.method.generate import GENERATORS
from imprint.method.normalize import apply_to_all_proxies, chain, learns
from imprint.method.scoring import CandidateHead, Neighbours, nearest_proxies


class Nearest(NamedTuple):
    """The n proxies nearest to each of N samples, nearest first; all (N, n).

    Attributes
    ----------
    proxies : ndarray
        Rows of `proxies_`.
    classes : ndarray
        Their labels.
    similarities : ndarray
        Similarities, as in `decision_function` with `max`.
    samples : ndarray or None
        Ids of the training samples that are these proxies; None if proxies are not samples.
    """

    proxies: np.ndarray
    classes: np.ndarray
    similarities: np.ndarray
    samples: np.ndarray | None


@dataclass(frozen=True)
class Predictor:
    """A head that predicts.

    Attributes
    ----------
    candidate : CandidateHead
        The proxies and how they are scored.
    folded : Folded or None
        A faster equivalent of the candidate, with NORMs folded into the proxies; None if there is none.
    mapped : ndarray of shape (P, D) or None
        The proxies after a NORMpost that acts on all proxies together; None for other NORMs.
    classes : int
        Number of classes.
    fm_classifier : ndarray of shape (C', D) or None
        The weights of the FM's own classifier.
    """

    candidate: CandidateHead
    folded: Folded | None
    mapped: np.ndarray | None
    classes: int
    fm_classifier: np.ndarray | None

    @classmethod
    def of(
        cls,
        state: TrainingState,
        fm_classifier: np.ndarray | None,
        before: Predictor | None = None,
    ) -> Predictor:
        """The predictor of a training state; `before`, the previous predictor, saves mapping unchanged proxies again."""
        method, imprinted = state.learnt.method, state.imprinted
        scoring, norm_pre = method.scoring, method.norm_pre
        values = imprinted.proxies
        # proxies that are samples are stored before NORMpre
        unit_length = GENERATORS[method.gen].samples and norm_pre == UNIT_LENGTH
        if GENERATORS[method.gen].samples and not unit_length:
            values = state.learnt.norms.apply_to_embeddings(norm_pre, values)
        mapped = _mapped(state, fm_classifier, before)
        if mapped is not None:
            values, unit_length = mapped, False
            scoring = scoring._replace(norm_post=IDENTITY)
        candidate = CandidateHead(
            values,
            imprinted.labels,
            (scoring,),
            unit_length=unit_length,
            bias=imprinted.bias,
            norms=state.learnt.norms,
            norm_pre=norm_pre,
        )
        folded = None
        if learns(scoring.norm_post, scoring.norm_inf):
            folded = fold(candidate, fm_classifier)
        return cls(candidate, folded, mapped, len(state.classes), fm_classifier)

    @property
    def export_problem(self) -> str | None:
        """The reason why no torch module orders the classes as this head does, in words; None if one does."""
        scoring = self.candidate.scorings[0]
        voters = min(scoring.neighbours, len(self.candidate.labels))
        if needs_all_proxies(scoring):
            return f"a head with agg {scoring.agg} cannot be exported; fit it with agg max"
        if voters > 1:
            return f"a head with votes of {voters} neighbours cannot be exported; fit it with agg max, or m 1"
        if DISTANCES.find(scoring.distance).linear is None:
            linear = ", ".join(name for name, entry in DISTANCES.items() if entry.linear)
            return f"a head with {scoring.distance} distance cannot be exported; fit it with one of {linear}"
        if steps_of(self.candidate, scoring) is None:
            return (
                f"a head with NORMinf {scoring.norm_inf} and NORMpost {scoring.norm_post} cannot be exported; fit it with "
                f"{IDENTITY}, {UNIT_LENGTH}, or NORMs that are linear maps, such as center and whiten"
            )
        return None

    @property
    def fastest(self) -> CandidateHead:
        """The cheapest candidate that gives the same order of classes."""
        return self.folded.candidate if self.folded else self.candidate

    @property
    def fastest_exact(self) -> CandidateHead:
        """The cheapest candidate that gives the same class scores."""
        return self.fastest if self.folded is None or self.folded.exact else self.candidate

    def labels(self, x: np.ndarray) -> np.ndarray:
        """The class numbers (n,) of embeddings x (n, D)."""
        ((_, numbers),) = predict(x, self.classes, [self.fastest], fm_classifier=self.fm_classifier)
        return numbers

    def class_scores(self, x: np.ndarray) -> np.ndarray:
        """Class scores (n, C)."""
        return class_scores(x, self.fastest_exact, self.classes, self.fm_classifier)

    def nearest(self, x: np.ndarray, n: int) -> Neighbours:
        """The n proxies nearest to each embedding."""
        return nearest_proxies(x, self.candidate, n, self.fm_classifier)

    def compared(self, x: np.ndarray) -> np.ndarray:
        """Embeddings (n, D) as compared with proxies: after NORMinf and the fitted part of NORMpost."""
        candidate, scoring = self.candidate, self.candidate.scorings[0]
        return candidate.norms.apply_to_queries(
            candidate.norm_pre, scoring.norm_post, scoring.norm_inf, x
        )

    def signals(self, x: np.ndarray, inverse_temperature: float) -> np.ndarray:
        """Similarity and certainty (n, 2) of each embedding, see `imprint.method.familiarity`."""
        of_classes = self.class_scores(x)
        certain = certainty(of_classes, inverse_temperature)
        near = similarity(x, self.candidate, self.fm_classifier, of_classes)
        # rounded like the signals of held-out samples, with which they are compared
        return np.stack([near, certain], axis=1).astype(np.float32)


def _mapped(
    state: TrainingState, fm_classifier: np.ndarray | None, before: Predictor | None
) -> np.ndarray | None:
    """The proxies (P, D) after a NORMpost that acts on all proxies together; None for other NORMs."""
    method, imprinted = state.learnt.method, state.imprinted
    single = chain(method.scoring.norm_post).single
    if single is None or single.proxies is None:
        return None
    values, labels = imprinted.proxies, imprinted.labels
    if GENERATORS[method.gen].samples:
        values = state.learnt.norms.apply_to_embeddings(method.norm_pre, values)
    unchanged, appends = imprinted.unchanged, single.appends
    if before is None or before.mapped is None or appends is None or not unchanged:
        return apply_to_all_proxies(single, values, labels, fm_classifier)
    new = appends(before.mapped, values[unchanged:], labels[unchanged:])
    return np.concatenate([before.mapped, new])
