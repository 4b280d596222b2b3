"""Evaluation of a head on samples whose classes are known."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.inputs import read_labelled
from imprint.estimator.labels import checked_labels, class_numbers
from imprint.estimator.validation import as_numpy
from imprint.formatting import class_name, listed
from imprint.method.calibration import ProbabilitySummary, probability_summary
from imprint.method.large_arrays import score_blocks
from imprint.method.metrics import calibration_error, log_loss, scores
from imprint.store.embeddings import Embeddings

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

REJECTED_SHARES = (0.05, 0.1, 0.2, 0.5)  # of samples of known classes


@dataclass(frozen=True)
class ClassResult:
    """Results for one class.

    Attributes
    ----------
    name : str
        The class.
    samples : int
        Number of its samples.
    recall : float
        Share of its samples that get its label; NaN without samples.
    precision : float
        Share of the samples with its label that belong to it; NaN if no sample has its label.
    f1 : float
        Harmonic mean of recall and precision; NaN without samples.
    """

    name: str
    samples: int
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """Number of samples of one class that are labelled as another."""

    true: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Coverage:
    """Results when some samples are rejected.

    Attributes
    ----------
    reject : float
        Share of samples of known classes to reject, as passed to `predict`.
    kept : float
        Share of the samples of known classes that are kept.
    error : float
        Share of the kept samples that are labelled incorrectly; NaN if none are kept.
    unknown_kept : float
        Share of the samples of unknown classes that are kept by mistake; NaN without such samples.
    """

    reject: float
    kept: float
    error: float
    unknown_kept: float


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a head against known classes.

    Attributes
    ----------
    samples : int
        Samples of classes that the head knows.
    seen : int
        How many of these are recognised as training samples of the head; they say little about new samples.
    accuracy, accuracy_low, accuracy_high : float
        Share that is labelled correctly, and its 95% interval (Wilson 1927).
    balanced_accuracy, macro_f1 : float
        Means of recall and of F1 over the classes that have samples.
    log_loss, calibration_error : float or None
        Of the probabilities; None if the head gives none.
    classes : tuple of ClassResult
        In the order of the head.
    confusions : tuple of Confusion
        Most frequent first.
    coverage : tuple of Coverage
        For 0 and each of `REJECTED_SHARES` that the number of held-out training samples allows; empty if none were held out.
    unknown : dict
        Number of samples of each unknown class; only `coverage` includes them.
    predicted : ndarray of shape (samples,)
        Predicted labels.
    rows : ndarray of shape (samples,)
        Rows of these samples among all samples given.
    familiarity : ndarray of shape (N,) or None
        Familiarity of all samples given, see `ImprintingClassifier.familiarity`; None if no samples were held out.
    """

    samples: int
    seen: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float | None
    calibration_error: float | None
    classes: tuple[ClassResult, ...]
    confusions: tuple[Confusion, ...]
    coverage: tuple[Coverage, ...]
    unknown: dict[str, int]
    predicted: np.ndarray
    rows: np.ndarray
    familiarity: np.ndarray | None

    def as_dict(self) -> dict[str, Any]:
        """The evaluation for JSON: without the arrays, and with None for NaN."""
        facts = {k: v for k, v in asdict(self).items() if not isinstance(v, np.ndarray)}
        facts.pop("familiarity", None)
        for entry in (*facts["classes"], *facts["coverage"]):
            entry.update({k: None for k, v in entry.items() if v != v})
        return facts


def evaluate(
    head: str | Path | ImprintingClassifier,
    X: Any,
    y: Sequence[Any] | None = None,
    *,
    fm: str | FMChoice | None = None,
) -> Evaluation:
    """Evaluate a head on samples whose classes are known.

    Parameters
    ----------
    head : path or ImprintingClassifier
        A saved or fitted head.
    X : array of shape (N, D), Embeddings or path
        Embeddings, such as those of `imprint.embed`, which include classes; or a source that `imprint evaluate` accepts: images
        in one folder per class, a table of images, or a file of embeddings with labels.
    y : sequence of length N, optional
        The classes of the samples; samples of classes that the head does not know are left out and counted.
    fm : str or FMChoice, optional
        The FM that embeds images; by default that of the head.

    Returns
    -------
    Evaluation
        Accuracy with its interval, results per class, and confused classes.

    Raises
    ------
    UserError
        If the head knows none of the classes, the source is not usable, or an array is given without the class of each row.

    Examples
    --------
    >>> from imprint import ImprintingClassifier
    >>> embeddings = np.array([[0.0, 1], [0.1, 1], [1, 0], [1, 0.1]])
    >>> head = ImprintingClassifier(gen="mean").fit(embeddings, ["cat", "cat", "dog", "dog"])
    >>> result = evaluate(head, [[0, 1], [1, 0], [0.9, 0]], ["cat", "cat", "dog"])
    >>> result.confusions
    (Confusion(true='cat', predicted='dog', count=1),)
    """
    from imprint.estimator.open_heads import classifier_of

    classifier = classifier_of(head)
    all_x, sample_classes = _samples(head, X, y, FMChoice.of(fm))
    names = [class_name(label) for label in classifier.classes_.tolist()]
    numbers = class_numbers(np.array(names), sample_classes)
    unknown = Counter(sample_classes[numbers < 0].tolist())
    rows = np.flatnonzero(numbers >= 0)
    if not any(unknown) and not len(rows):
        raise UserError(
            "the embeddings have no classes, because their images were not in one folder per class; give labels as y, or "
            "embed such folders"
        )
    if not len(rows):
        raise UserError(
            f"the head knows none of the classes {listed(unknown)}; its own are {listed(names)}"
        )
    X, true = _rows(all_x, rows), numbers[rows]
    predicted = class_numbers(classifier.classes_, classifier.predict(X))
    measured = scores(true, predicted, len(names))
    loss = error = None
    if classifier.inverse_temperature_ is not None:
        summary = _probability_summary(classifier, X, true)
        loss = log_loss(summary.of_true)
        error = calibration_error(summary.confidence, summary.is_right)
    familiarity = None
    coverage: tuple[Coverage, ...] = ()
    if classifier.familiarity_ is not None:
        familiarity = classifier.familiarity(all_x)
        shares = [0.0, *(s for s in REJECTED_SHARES if s >= classifier.familiarity_.least)]
        strange = np.delete(familiarity, rows)
        coverage = tuple(
            _coverage(share, familiarity[rows], predicted == true, strange) for share in shares
        )
    classes = _classes(names, true, predicted, measured.class_f1)
    return Evaluation(
        samples=len(rows),
        seen=int(classifier.seen_before(X).sum()),
        accuracy=measured.accuracy,
        accuracy_low=measured.accuracy_low,
        accuracy_high=measured.accuracy_high,
        balanced_accuracy=measured.balanced_accuracy,
        macro_f1=float(np.nanmean([entry.f1 for entry in classes])),
        log_loss=loss,
        calibration_error=error,
        classes=classes,
        confusions=_confusions(names, true, predicted),
        coverage=coverage,
        unknown=dict(unknown),
        predicted=classifier.classes_[predicted],
        rows=rows,
        familiarity=familiarity,
    )


def _samples(
    head: str | Path | ImprintingClassifier, X: Any, y: Any, fm: FMChoice
) -> tuple[Any, np.ndarray]:
    """Embeddings (N, D), an array or a frame, and the name of the class of each (N,)."""
    from imprint.estimator.open_heads import file_of

    if isinstance(X, str | os.PathLike):
        if y is not None:
            raise UserError(f"evaluate: {X} has its own classes; leave y out")
        X = read_labelled(Path(X), fm, head=file_of(head), split="test")
    if isinstance(X, Embeddings):
        y = np.array(X.class_names)[X.y] if y is None else y
        X = X.x
    if y is None:
        raise UserError("evaluate: give y, the class of each embedding")
    # the names of columns in a frame of pandas are compared with those of `fit`
    x = X if _is_frame(X) else np.asarray(as_numpy(X))
    labels = np.asarray(checked_labels(as_numpy(y)))
    if labels.ndim != 1:
        raise UserError(
            f"evaluate: y is a sequence of classes, not {type(y).__name__} of shape {labels.shape}"
        )
    if len(x) != len(labels):
        raise UserError(
            f"evaluate: there are {len(x)} embeddings in X and {len(labels)} classes in y; give one class for each"
        )
    if not len(x):
        raise UserError("evaluate: there are no embeddings in X")
    return x, np.array([class_name(label) for label in labels.tolist()])


def _probability_summary(
    classifier: ImprintingClassifier, x: Any, true: np.ndarray
) -> ProbabilitySummary:
    """The summary of samples x (n, D), an array or a frame, of classes with these numbers (n,)."""
    temperature = classifier.inverse_temperature_
    assert temperature is not None
    blocks = [
        probability_summary(classifier.class_scores(_rows(x, block)), true[block], temperature)
        for block in score_blocks(len(x), len(classifier.classes_))
    ]
    return ProbabilitySummary(*map(np.concatenate, zip(*blocks, strict=True)))


def _is_frame(x: Any) -> bool:
    return hasattr(x, "iloc")


def _rows(x: Any, rows: np.ndarray | slice) -> Any:
    """Some rows of an array or of a frame of pandas."""
    return x.iloc[rows] if _is_frame(x) else x[rows]


def _coverage(
    share: float, familiarity: np.ndarray, right: np.ndarray, strange: np.ndarray
) -> Coverage:
    """Coverage when `share` is rejected.

    familiarity, right: of the samples of known classes (n,). strange: familiarity of the others (m,).
    """
    kept = familiarity > share
    error = 1 - right[kept].mean() if kept.any() else np.nan
    unknown_kept = (strange > share).mean() if len(strange) else np.nan
    return Coverage(share, float(kept.mean()), float(error), float(unknown_kept))


def _classes(
    names: list[str], true: np.ndarray, predicted: np.ndarray, f1: tuple[float, ...]
) -> tuple[ClassResult, ...]:
    right, samples, labelled = (
        np.bincount(labels, minlength=len(names))
        for labels in (true[true == predicted], true, predicted)
    )
    with np.errstate(invalid="ignore"):
        recall, precision = right / samples, right / labelled
    f1_of_samples = np.where(samples > 0, f1, np.nan)
    columns = zip(
        names, *(a.tolist() for a in (samples, recall, precision, f1_of_samples)), strict=True
    )
    return tuple(ClassResult(*values) for values in columns)


def _confusions(names: list[str], true: np.ndarray, predicted: np.ndarray) -> tuple[Confusion, ...]:
    """The pairs of classes that were confused, most frequent first; a matrix of all pairs would not fit for many classes."""
    wrong = true != predicted
    pairs = np.stack([true[wrong], predicted[wrong]], axis=1)
    pairs, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(
        Confusion(names[of_true], names[of_predicted], count)
        for (of_true, of_predicted), count in zip(
            pairs[order].tolist(), counts[order].tolist(), strict=True
        )
    )
