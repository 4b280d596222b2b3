"""Fitted NORMs of a classifier, and the sums that keep them exact when samples are added or removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.incremental import FROM_CLASS_SUMS, WITHOUT_SUMS
from imprint.method.class_sums import ClassSums
from imprint.method.configuration import Configuration
from imprint.method.generate import GENERATORS
from imprint.method.normalize import FittedNorms, chain, learns


@dataclass(frozen=True)
class Learnt:
    """Fitted NORMs and sums of all samples so far.

    Attributes
    ----------
    method : Configuration
        The method that needs them.
    norms : FittedNorms
        Its fitted NORMs, without the training samples.
    sums : ClassSums or None
        Sums of the samples as they reach GEN, or the first fitted step of NORMpost; None if neither needs them, and in heads of
        the workflow.
    """

    method: Configuration
    norms: FittedNorms
    sums: ClassSums | None = None

    @classmethod
    def first(
        cls, method: Configuration, norms: FittedNorms, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, Learnt]:
        """Learn from the first samples x (n, d), labels y (n,) of 0..C-1; the samples after NORMpre, and what was learnt.

        norms: NORMs of these samples; some may be learnt already.
        """
        scoring = method.scoring
        normalised = norms.apply_to_embeddings(method.norm_pre, x)
        learnt = norms.learn(*method.norms)
        post_steps = norms.fitted_steps(method.norm_pre, scoring.norm_post)
        sums = getattr(post_steps[0], "sums", None) if post_steps else None
        for norm in learnt.learnt.values():
            if hasattr(norm, "sums") and isinstance(norm.sums, ClassSums):
                norm.sums = None
        first = cls(method, learnt)
        if not first._needs_sums or first._refusal():
            return normalised, first
        if not isinstance(sums, ClassSums):
            sums = _sums(method, normalised, y, int(y.max()) + 1).bounded()
        return normalised, cls(method, learnt, sums)

    @property
    def takes_samples(self) -> bool:
        """Whether `with_more` can learn from more samples."""
        has_sums = self.sums is not None or not self._needs_sums
        return has_sums and self._refusal() is None

    @property
    def _needs_sums(self) -> bool:
        norm_post = self.method.scoring.norm_post
        return learns(norm_post) or GENERATORS[self.method.gen].make in FROM_CLASS_SUMS

    def with_more(self, x: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, Learnt]:
        """Learn from more samples x (n, d), labels y (n,) below `classes`; these after NORMpre, and what was learnt from all."""
        self._require_sums()
        normalised = self.norms.apply_to_embeddings(self.method.norm_pre, x)
        if not self._needs_sums:
            return normalised, self
        assert self.sums is not None
        sums = self.sums.plus(_sums(self.method, normalised, y, classes))
        return normalised, Learnt(self.method, self._norms_of(sums), sums)

    def keeping(self, stays: np.ndarray) -> Learnt:
        """What is learnt from the samples of the classes in the mask `stays` (C,) only."""
        if learns(self.method.norm_pre):
            raise UserError(
                f"remove_classes: norm_pre {self.method.norm_pre} learns from all samples before proxies are "
                "generated; fit again without these classes"
            )
        if self.sums is None:
            return Learnt(self.method, self._norms_of(None))
        if not self.sums.by_class:
            raise UserError(
                "remove_classes: there were too many classes to keep the covariance of each; fit again without the removed classes"
            )
        sums = self.sums.keeping(stays)
        return Learnt(self.method, self._norms_of(sums), sums)

    def _norms_of(self, sums: ClassSums | None) -> FittedNorms:
        """The NORMs fitted to these sums, with the penalties that `fit` chose."""
        if not learns(self.method.scoring.norm_post):
            return self.norms
        self._require_sums()
        learnt: Mapping[Any, Any] = self.norms.learnt
        ((path, norm),) = learnt.items()
        return FittedNorms(learnt={path: norm.from_sums(sums)})

    def _require_sums(self) -> None:
        """Raise a `UserError` if sums are needed but missing, or the NORMs cannot learn from them."""
        if refusal := self._refusal():
            raise UserError(refusal)
        if self._needs_sums and self.sums is None:
            raise UserError(WITHOUT_SUMS)

    def _refusal(self) -> str | None:
        """The reason why the NORMs cannot learn from more samples, in words; None if they can, or learn nothing."""
        norm_pre, norm_post = self.method.norm_pre, self.method.scoring.norm_post
        if learns(norm_pre):
            return f"norm_pre {norm_pre} learns from all samples before proxies are generated; fit again on all of them"
        if not learns(norm_post):
            return None
        if len(chain(norm_post).fitted) > 1:
            return f"norm_post {norm_post} learns in several steps; fit again on all samples"
        (norm,) = self.norms.learnt.values()
        if not hasattr(norm, "from_sums") or not getattr(norm, "learns_from_sums", True):
            return f"norm_post {norm_post} needs all samples again; fit again on all of them"
        return None


def _sums(method: Configuration, normalised: np.ndarray, y: np.ndarray, classes: int) -> ClassSums:
    """Sums of the samples as they reach GEN or the first fitted step of NORMpost."""
    before = chain(method.scoring.norm_post).before_fitted()
    arriving = FittedNorms().apply_to_embeddings(before, normalised) if before else normalised
    return ClassSums.of(arriving, y, classes)
