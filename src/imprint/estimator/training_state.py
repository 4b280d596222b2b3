"""State of a classifier after training: what it keeps of its samples, and how samples are added and classes removed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.estimator.incremental import (
    UPDATES,
    Imprinted,
    NewSamples,
    Settings,
    forget,
    joined,
    take_in,
)
from imprint.estimator.labels import class_numbers, require_same_kind
from imprint.estimator.learning import Learnt
from imprint.estimator.training_samples import TrainingSamples
from imprint.formatting import listed
from imprint.method.configuration import Configuration
from imprint.method.generate import GENERATORS
from imprint.method.normalize import FittedNorms, lengths


@dataclass(frozen=True)
class TrainingState:
    """What is kept of all samples so far. It is immutable, so a failed step leaves the classifier unchanged.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Labels in the order in which they were imprinted.
    counts : ndarray of shape (C,)
        Number of samples of each class.
    samples : int
        Number of samples ever added, including those of removed classes.
    imprinted : Imprinted
        The proxies.
    learnt : Learnt
        Fitted NORMs, and the sums that keep them exact.
    examples : ndarray of shape (P,) or None
        Id of an example sample for each proxy; None in heads of the workflow.
    sketches : Sketches or None
        Sketches that recognise samples; None in heads without them.
    kept : TrainingSamples or None
        The samples; None if they are too many, or if none were held out.
    scale : float
        Factor for embeddings, see `imprint.method.scale.scale_of`; everything kept is computed from scaled embeddings.
    """

    classes: np.ndarray
    counts: np.ndarray
    samples: int
    imprinted: Imprinted
    learnt: Learnt
    examples: np.ndarray | None
    sketches: Sketches | None
    kept: TrainingSamples | None
    scale: float = 1.0

    @classmethod
    def first(
        cls,
        method: Configuration,
        settings: Settings,
        x: np.ndarray,
        labels: np.ndarray,
        ids: np.ndarray,
        *,
        keep: bool,
        scale: float = 1.0,
        norms: FittedNorms | None = None,
    ) -> TrainingState:
        """The state after the first samples x (n, D), already multiplied by `scale`, with labels and ids (n,).

        keep: whether the state keeps the samples. norms: NORMs of these samples; some may be learnt already.
        """
        classes, numbers = np.unique(labels, return_inverse=True)
        normalised, learnt = Learnt.first(method, norms or FittedNorms(x, numbers), x, numbers)
        counts = np.bincount(numbers)
        nothing = Imprinted(
            x[:0], np.zeros(0, np.int64), ids[:0] if settings.entry.samples else None
        )
        new = NewSamples(x, normalised, numbers, ids, 0, counts, learnt.sums)
        imprinted = take_in(nothing, new, settings)
        return cls(
            classes=classes,
            counts=counts,
            samples=len(x),
            imprinted=imprinted,
            learnt=learnt,
            examples=_examples_of(None, imprinted, new),
            sketches=Sketches.of(x, numbers),
            kept=TrainingSamples.of(x, numbers) if keep else None,
            scale=scale,
        )

    @property
    def takes_classes(self) -> bool:
        """Whether `with_more` can add samples of new classes."""
        entry = GENERATORS[self.learnt.method.gen]
        if entry.make in UPDATES:
            # heads of the workflow lack the sums; a GEN that takes every sample needs none
            can_update = entry.samples or bool(self.imprinted.sums)
        else:
            can_update = not entry.sees_all_classes
        return self.learnt.takes_samples and can_update

    def with_more(
        self, settings: Settings, x: np.ndarray, labels: np.ndarray, ids: np.ndarray
    ) -> TrainingState:
        """The state after more samples x (n, D), with labels and ids (n,), of new or known classes.

        Raises
        ------
        UserError
            For samples of known classes, if the GEN would need their earlier samples again.
        """
        require_same_kind(labels, self.classes)
        self._require_exact(settings, labels)
        known = len(self.classes)
        present = np.unique(labels)
        fresh = present[class_numbers(self.classes, present) < 0]
        classes = joined(self.classes, fresh)
        numbers = class_numbers(classes, labels)
        counts = np.bincount(numbers, minlength=len(classes))
        counts[:known] += self.counts
        normalised, learnt = self.learnt.with_more(x, numbers, len(classes))
        new = NewSamples(x, normalised, numbers, ids, known, counts, learnt.sums)
        imprinted = take_in(self.imprinted, new, settings)
        return replace(
            self,
            classes=classes,
            counts=counts,
            samples=self.samples + len(x),
            imprinted=imprinted,
            learnt=learnt,
            examples=_examples_of(self.examples, imprinted, new),
            sketches=self.sketches and self.sketches.plus(Sketches.of(x, numbers)),
            kept=self.kept and self.kept.plus(x, numbers),
        )

    def without(self, labels: np.ndarray) -> TrainingState:
        """The state without some classes.

        Raises
        ------
        UserError
            If a class is unknown, none would be left, or the proxies depend on all classes.
        """
        leaving = np.unique(labels)
        if len(unknown := np.setdiff1d(leaving, self.classes)):
            raise UserError(f"remove_classes: there is no class {listed(unknown)}")
        stays = ~np.isin(self.classes, leaving)
        if not stays.any():
            raise UserError("remove_classes: no class would be left")
        learnt = self.learnt.keeping(stays)
        imprinted = forget(self.imprinted, stays, learnt.method.gen, learnt.sums)
        examples = self.examples
        if examples is not None:
            examples = examples[stays[self.imprinted.labels]]
        return replace(
            self,
            classes=self.classes[stays],
            counts=self.counts[stays],
            imprinted=imprinted,
            learnt=learnt,
            examples=examples,
            sketches=self.sketches and self.sketches.keeping(stays),
            kept=self.kept and self.kept.keeping(stays),
        )

    def has(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Which samples x (n, D) were added before, with labels (n,) in the same class: a mask (n,)."""
        if self.sketches is None:
            return np.zeros(len(x), bool)
        if labels is None:
            return self.sketches.has(Sketches.of(x, np.zeros(len(x))), any_class=True)
        return self.sketches.has(Sketches.of(x, class_numbers(self.classes, labels)))

    def require_new(self, labels: np.ndarray) -> None:
        """Check that all labels are new classes, of the type of the others; a `UserError` if not."""
        require_same_kind(labels, self.classes)
        if len(known := np.intersect1d(labels, self.classes)):
            raise UserError(
                f"add_classes: class {listed(known)} exists already; use partial_fit for more samples of a class, or "
                "remove_classes first"
            )

    def _require_exact(self, settings: Settings, labels: np.ndarray) -> None:
        known = np.intersect1d(labels, self.classes)
        if len(known) and not settings.entry.exact_updates:
            exact = ", ".join(GENERATORS.names(exact_updates=True))
            raise UserError(
                f"partial_fit: GEN {settings.entry.name} cannot add samples to class {listed(known)} without "
                f"its earlier ones; {exact} can. Fit again, or remove the class and add it with all its samples"
            )


def _examples_of(
    before: np.ndarray | None, imprinted: Imprinted, new: NewSamples
) -> np.ndarray | None:
    """Ids (P,) of the samples that are the proxies or, as text, of the sample of the same class with the largest cosine to each.

    Proxies of earlier classes keep their examples, `before` (None if unknown).
    """
    if imprinted.ids is not None:
        return imprinted.ids
    if new.known and before is None:
        return None
    chosen = []
    for label in np.unique(new.classes[new.classes >= new.known]):
        rows = np.flatnonzero(new.classes == label)
        x = new.normalised[rows]
        # the lengths of proxies do not change the order
        proxies = imprinted.proxies[imprinted.labels == label]
        chosen.append(rows[(proxies @ x.T / lengths(x)).argmax(axis=1)])
    if not chosen:
        return before
    ids = new.ids[np.concatenate(chosen)].astype(str)
    return ids if before is None else np.concatenate([before, ids])
