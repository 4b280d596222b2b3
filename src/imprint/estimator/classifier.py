"""Imprinting as a scikit-learn classifier, on the code and with the predictions of the grid engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint.errors import UserError
from imprint.estimator.duplicates import Sketches
from imprint.estimator.examples import examples_of
from imprint.estimator.incremental import (
    Imprinted,
    NewSamples,
    Settings,
    forget,
    joined,
    take_in,
)
from imprint.estimator.learning import Learnt
from imprint.estimator.parameters import AUTO, CHOICES, check, configuration_of, method_of, resolve
from imprint.estimator.saving import (
    SAVED_ATTRIBUTES,
    SavedClassifier,
    load_classifier,
    save_classifier,
)
from imprint.method.calibration import probabilities
from imprint.method.class_scores import class_scores
from imprint.method.configuration import (
    IDENTITY,
    UNIT_LENGTH,
    Auto,
    Fixed,
    parse_k,
)
from imprint.method.engine import predict
from imprint.method.familiarity import Familiarity, certainty, similarity
from imprint.method.folding import fold
from imprint.method.generate import GENERATORS, Generator
from imprint.method.generate.choose_k import choose_k
from imprint.method.generate.choose_method import Choice, choose
from imprint.method.normalize import FittedNorms, chain, l2, learns
from imprint.method.presets import PRESETS
from imprint.method.scoring import Candidate, nearest_proxies
from imprint.store.checks import check_scale
from imprint.store.files import atomic

if TYPE_CHECKING:
    import torch

REJECTED = "rejected"  # the label of samples that fit no class
FEW = 8  # samples that are labelled sooner than the engine's compiled loops are imported
# the largest class may have so many times the samples of the smallest without a warning
IMBALANCE = 10


class Nearest(NamedTuple):
    """The n proxies nearest to each of N samples, nearest first; all (N, n).

    Attributes
    ----------
    proxies : ndarray
        Rows of `proxies_`.
    classes : ndarray
        Their labels.
    similarities : ndarray
        As in `decision_function` with `max`.
    samples : ndarray or None
        Ids of the training samples they are; None where proxies are no samples.
    """

    proxies: np.ndarray
    classes: np.ndarray
    similarities: np.ndarray
    samples: np.ndarray | None


class ImprintingClassifier(ClassifierMixin, BaseEstimator):
    """Weight imprinting: the proxies of each class are computed from its embeddings, without gradients.

    Embeddings (numpy or torch, any float) are converted to float32, as in the grid engine: with the same seed the
    predictions are those of the workflow for the same cell.

    Parameters
    ----------
    method : str, optional
        `auto`: the training samples choose, see `imprint.method.generate.choose_method.choose`. Or a name of
        `imprint.method.presets.PRESETS`, parts of which the parameters below replace. By default `auto` if none of them
        is given, else `westerhoff`: 20 k-means proxies per class, l2 throughout, the best proxy decides.
    gen : str, optional
        GEN, how proxies are generated; a name of `imprint.method.generate.GENERATORS`.
    k : int or "auto", optional
        Proxies per class, or a number chosen from the training samples. Without effect on a GEN that leaves
        no choice of k.
    norm_pre, norm_inf : str, optional
        NORM of training and of test embeddings, such as "none", "l2" or "l2+whiten+l2".
    norm_post : str, optional
        NORM of proxies, such as "none", "l2", "quantile" or "whiten+l2". What it learns from the training embeddings is
        applied to test embeddings too.
    agg : {"max", "mnn", "logsumexp"}, optional
        The class of the nearest proxy, a vote of the m nearest, or all proxies of a class by exp(similarity / T); only `mnn`
        has m, and `max` no weighting.
    distance : str, optional
        A name of `imprint.method.distances.DISTANCES`.
    m : int, optional
        Neighbours that vote.
    weighting : str, optional
        How they vote, a name of `imprint.method.weightings.WEIGHTINGS`: equally, with 1 / (distance + 1e-10), or with
        exp(-distance / T) ("exponential(0.07)").
    probability : bool, default=False
        Whether `fit` holds out samples, as `auto` does anyway, to find the temperature of `predict_proba` and what
        `familiarity` and `reject` measure by.
    random_state : int, RandomState or None, default=None
        Seed of GEN; an int gives what the workflow gives for it.
    ls_lambda : float, default=1e-4
        Ridge of the GENs of least squares.
    fm_classifier : array of shape (C, D), optional
        Weights of the FM's own classifier, which some NORMs need.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels in the order in which they were imprinted; those of one call are sorted.
    class_counts_ : ndarray of shape (C,)
        Training samples of each.
    proxies_ : ndarray of shape (P, D)
        Proxies before NORMpost, float32. Where they are samples, the samples as they were given.
    proxy_classes_ : ndarray of shape (P,)
        Rows of `classes_`, ascending.
    proxy_samples_ : ndarray of shape (P,) or None
        Ids of the samples that are proxies, None where they are none.
    proxy_examples_ : ndarray of shape (P,) or None
        Ids of the samples that are proxies, or of those of their class that are nearest to them; None in heads of the workflow.
    configuration_ : Configuration
        The method.
    choice_ : Choice or None
        What `auto` considered, and why it chose.
    inverse_temperature_ : float or None
        What class scores are multiplied with before the softmax of `predict_proba`; None if no temperature was fitted.
    familiarity_ : Familiarity or None
        How well held-out training samples fit the head; None if none were held out.
    k_, seed_ : int or None
        Those used; k_ is None where GEN leaves no choice.

    References
    ----------
    Westerhoff et al., "Robust Weight Imprinting: Insights from Neural Collapse and Proxy-Based Aggregation",
    TMLR 2025.

    Examples
    --------
    >>> embeddings = np.array([[0.0, 1], [0.1, 1], [1, 0], [1, 0.1]])
    >>> head = ImprintingClassifier(gen="mean").fit(embeddings, ["cat", "cat", "dog", "dog"])
    >>> head.predict([[0.2, 0.9]])
    array(['cat'], dtype='<U3')
    """

    _learnt: Learnt

    def __init__(
        self,
        method: str | None = None,
        gen: str | None = None,
        k: int | str | None = None,
        norm_pre: str | None = None,
        norm_post: str | None = None,
        norm_inf: str | None = None,
        agg: str | None = None,
        distance: str | None = None,
        m: int | None = None,
        weighting: str | None = None,
        probability: bool = False,
        random_state: Any = None,
        ls_lambda: float = 1e-4,
        fm_classifier: Any = None,
    ) -> None:
        self.method = method
        self.gen = gen
        self.k = k
        self.norm_pre = norm_pre
        self.norm_post = norm_post
        self.norm_inf = norm_inf
        self.agg = agg
        self.distance = distance
        self.m = m
        self.weighting = weighting
        self.probability = probability
        self.random_state = random_state
        self.ls_lambda = ls_lambda
        self.fm_classifier = fm_classifier

    @classmethod
    def preset(cls, name: str, **parameters: Any) -> Self:
        """Make a method by name.

        Parameters
        ----------
        name : str
            A name of `imprint.method.presets.PRESETS`, such as qi, westerhoff or whiten.
        **parameters
            Replace those of the method.

        Raises
        ------
        UserError
            If there is no such preset.
        """
        PRESETS.find(name)
        return cls(method=name, **parameters)

    def fit(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint classes.

        Warns where a class has fewer than k samples, or a tenth of the samples of the largest or less.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.
        y : array of shape (N,)
            Labels.
        sample_ids : sequence of length N, optional
            Names for `nearest_proxies`; row numbers by default.

        Returns
        -------
        self
        """
        parts = self._checked()
        X, y, ids = self._validated(X, y, sample_ids, reset=True)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        self.seed_ = int(seed)
        self._choose(parts, X, np.unique(y, return_inverse=True)[1])
        self.classes_ = y[:0]
        self.class_counts_ = np.zeros(0, np.int64)
        self.n_samples_seen_ = 0
        self.proxy_examples_: np.ndarray | None = None
        self._sketches: Sketches | None = Sketches.of(X[:0], np.zeros(0, np.int32))
        samples = ids[:0] if self._gen().samples else None
        self._keep(Imprinted(X[:0], np.zeros(0, np.int64), samples))
        self._take_in(X, y, ids)
        return self

    def _choose(self, parts: dict[str, Any] | None, x: np.ndarray, y: np.ndarray) -> None:
        """Choose what is left to the training samples x (n, D) with labels y (n,), 0..C-1."""
        self.choice_: Choice | None = None
        self.inverse_temperature_: float | None = None
        self.familiarity_: Familiarity | None = None
        settings: dict[str, Any] = {
            "ls_lambda": self.ls_lambda,
            "fm_classifier": self._fm_classifier(),
            "threads": None,
        }
        if parts is None:
            choice = self.choice_ = choose(x, y, self.seed_, **settings)
            self.configuration_ = choice.configuration
        else:
            self.configuration_ = configuration_of(parts, self._choose_k(parts, x, y))
            if self.probability:
                choice = choose(x, y, self.seed_, [self.configuration_], **settings)
        if parts is None or self.probability:
            inverse = choice.inverse_temperature
            self.inverse_temperature_ = None if np.isnan(inverse) else inverse
            self.familiarity_ = choice.familiarity
        k = self.configuration_.k
        self.k_ = k.k if self._gen().takes_k and isinstance(k, Fixed) else None

    def add_classes(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint further classes; old proxies are not computed again, and old samples are not needed.

        The result is that of one `fit` on all samples whose classes come in this order. With least squares this
        holds too: the sums that it needs were kept. Row numbers as ids go on from those before.

        Parameters
        ----------
        X, y, sample_ids
            As in `fit`.

        Raises
        ------
        UserError
            If a class was imprinted before.
        """
        check_is_fitted(self)
        X, y, ids = self._validated(X, y, sample_ids, reset=False)
        known = np.intersect1d(y, self.classes_)
        if len(known):
            raise UserError(
                f"add_classes: class {_listed(known)} is there already; use partial_fit for more samples of a class, or "
                "remove_classes first"
            )
        self._take_in(X, y, ids)
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        *,
        sample_ids: Sequence[Any] | None = None,
    ) -> Self:
        """Take in more samples, of new classes for any GEN, of known ones where this equals one `fit` on all samples.

        Parameters
        ----------
        X, y, sample_ids
            As in `fit`.
        classes : array, optional
            If given, must contain all of y; a class counts once it has samples.

        Raises
        ------
        UserError
            For more samples of a known class with a GEN that would have to see its old samples again.
        """
        if classes is not None and len(strange := np.setdiff1d(_as_numpy(y), _as_numpy(classes))):
            raise UserError(f"partial_fit: class {_listed(strange)} is not among the given classes")
        if not hasattr(self, "classes_"):
            return self.fit(X, y, sample_ids=sample_ids)
        X, y, ids = self._validated(X, y, sample_ids, reset=False)
        known = np.intersect1d(y, self.classes_)
        if len(known) and not self._gen().exact_updates:
            exact = ", ".join(GENERATORS.names(exact_updates=True))
            raise UserError(
                f"partial_fit: GEN {self.configuration_.gen} cannot take in more samples of class {_listed(known)} without its old ones; "
                f"{exact} can. Fit again, or remove the class and add it with all its samples"
            )
        if again := int(self.seen_before(X, y).sum()):
            warnings.warn(
                f"partial_fit: {again} of {len(y)} samples are in the head already and count twice; `seen_before` says which",
                stacklevel=2,
            )
        self._take_in(X, y, ids)
        return self

    def seen_before(self, X: Any, y: Any) -> np.ndarray:
        """Say which samples are in the head already, in the same class.

        They are known by a few numbers of their embeddings that the head keeps, so by content, not by name.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        ndarray of shape (N,)
            A mask; False for all in heads that keep no such numbers.
        """
        x, y, _ = self._validated(X, y, None, reset=False)
        if self._sketches is None:
            return np.zeros(len(x), bool)
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        of_samples = np.array([numbers.get(label, -1) for label in y.tolist()])
        return self._sketches.has(Sketches.of(x, of_samples))

    def remove_classes(self, labels: Sequence[Any]) -> Self:
        """Forget classes.

        Raises
        ------
        UserError
            If a class is unknown, none would be left, or the proxies of the GEN depend on all classes.
        """
        check_is_fitted(self)
        leaving = np.unique(np.atleast_1d(_as_numpy(labels)))
        if len(strange := np.setdiff1d(leaving, self.classes_)):
            raise UserError(f"remove_classes: there is no class {_listed(strange)}")
        stays = ~np.isin(self.classes_, leaving)
        if not stays.any():
            raise UserError("remove_classes: no class would be left")
        learnt = self._learnt.without(stays)
        imprinted = forget(self._imprinted(), stays, self.configuration_.gen, learnt.sums)
        if self.proxy_examples_ is not None:
            self.proxy_examples_ = self.proxy_examples_[stays[self.proxy_classes_]]
        if self._sketches is not None:
            self._sketches = self._sketches.without(stays)
        self.classes_, self.class_counts_ = self.classes_[stays], self.class_counts_[stays]
        self._learnt = learnt
        self._keep(imprinted)
        self._derive(imprinted)
        return self

    def predict(self, X: Any, *, reject: float | None = None) -> np.ndarray:
        """Label embeddings.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.
        reject : float, optional
            The share of samples of known classes to reject with those of unknown ones, such as 0.05: a sample whose
            `familiarity` is no larger is labelled -1 where labels are numbers, "rejected" where they are not.

        Returns
        -------
        ndarray of shape (N,)
            Labels.

        Raises
        ------
        UserError
            If `fit` held out no samples, or too few for this share.
        """
        X = self._queries(X)
        if len(X) <= FEW:
            numbers = self.class_scores(X).argmax(axis=1)
        else:
            candidate = self._folded.candidate if self._folded else self._candidate()
            ((_, numbers),) = predict(
                X, len(self.classes_), [candidate], fm_classifier=self._fm_classifier()
            )
        labels = self.classes_[numbers]
        if reject is None:
            return labels
        mark, labels = self._rejection(labels)
        self.held_out("reject").require(reject)
        labels[self.familiarity(X) <= reject] = mark
        return labels

    def _rejection(self, labels: np.ndarray) -> tuple[int | str, np.ndarray]:
        """What marks rejected samples, and labels of a type that holds it."""
        is_number = np.issubdtype(self.classes_.dtype, np.number)
        mark: int | str = -1 if is_number else REJECTED
        if mark in self.classes_.tolist():
            raise UserError(
                f"predict: {mark!r} marks rejected samples, but is a class here; rename the class"
            )
        if is_number:
            signed = np.result_type(labels.dtype, np.int8)
            return mark, labels.astype(signed)
        if labels.dtype.kind != "U":
            return mark, labels.astype(object)
        return mark, labels.astype(np.result_type(labels.dtype, np.array(mark).dtype))

    def held_out(self, purpose: str) -> Familiarity:
        """The `familiarity_`; a `UserError` that names the purpose without one."""
        check_is_fitted(self)
        if self.familiarity_ is None:
            raise UserError(
                f"{purpose}: no training samples were held out when this head was made; fit anew with method='auto' or "
                "probability=True, or by imprint fit, where a class has two samples at least"
            )
        return self.familiarity_

    def familiarity(self, X: Any) -> np.ndarray:
        """Say how well embeddings fit the known classes, to tell those of unknown classes.

        The worse of two ranks among training samples that `fit` held out: of the similarity of the nearest proxy, and of the
        entropy of the probabilities. Of samples of known classes a share of 0.05 has 0.05 or less.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.

        Returns
        -------
        ndarray of shape (N,)
            The share of held-out training samples that are no more familiar, above 0 and at most 1.

        Raises
        ------
        UserError
            If `fit` held out no samples.
        """
        known = self.held_out("familiarity")
        assert self.inverse_temperature_ is not None
        x = self._queries(X)
        certain = certainty(self.class_scores(x), self.inverse_temperature_)
        near = similarity(x, self._candidate(), self._fm_classifier())
        # rounded as those that were kept
        signals = np.stack([near, certain], axis=1).astype(np.float32)
        return known.of(signals)

    def decision_function(self, X: Any) -> np.ndarray:
        """Score how well each class fits each embedding.

        With `max`, or one neighbour: the similarity of the best proxy of the class, which is the inner product
        (after NORMpost and NORMinf), the cosine, or minus the distance. With several neighbours: the sum of the
        votes for it. The largest, the first among equals, is what `predict` returns. Scores are no
        probabilities: see CalibratedClassifierCV.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.

        Returns
        -------
        ndarray of shape (N, C), columns as `classes_`
            Of two classes (N,): the second score minus the first, as scikit-learn has it.
        """
        scores = self.class_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def class_scores(self, X: Any) -> np.ndarray:
        """As `decision_function`, but always (N, C), a column for each class, of two classes too."""
        x = self._queries(X)
        exact = self._folded is not None and self._folded.exact
        candidate = self._folded.candidate if self._folded and exact else self._candidate()
        return class_scores(x, candidate, len(self.classes_), self._fm_classifier())

    def _gives_probabilities(self) -> bool:
        choices = [getattr(self, name) for name in CHOICES]
        return bool(self.probability) or method_of(self.method, choices) == AUTO

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes: a softmax of class scores at a temperature fitted to held-out training samples.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.

        Returns
        -------
        ndarray of shape (N, C), columns as `classes_`
            Rows sum to 1.

        Raises
        ------
        UserError
            If `fit` had no sample to hold out.
        """
        check_is_fitted(self)
        if self.inverse_temperature_ is None:
            raise UserError(
                "predict_proba: no temperature was fitted, as no class had two samples when the head was made"
            )
        return probabilities(self.class_scores(X), self.inverse_temperature_)

    def nearest_proxies(self, X: Any, n: int = 5) -> Nearest:
        """Find the n proxies nearest to each embedding of X (N, D), which explain its prediction."""
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise UserError(f"nearest_proxies: n={n!r} is not a positive whole number")
        near = nearest_proxies(self._queries(X), self._candidate(), n, self._fm_classifier())
        ids = None if self.proxy_samples_ is None else self.proxy_samples_[near.numbers]
        classes = self.classes_[self.proxy_classes_[near.numbers]]
        return Nearest(near.numbers, classes, near.similarities, ids)

    def compared(self, X: Any) -> np.ndarray:
        """Embeddings (N, D) as they are compared with proxies: after NORMinf and what NORMpost learns."""
        scoring = self.configuration_.scoring
        return self._learnt.norms.of_queries(
            self.configuration_.norm_pre, scoring.norm_post, scoring.norm_inf, self._queries(X)
        )

    def save(self, path: str | Path, fm: Any = None) -> None:
        """Write the head to a file, described in its header and beside it as JSON.

        Parameters
        ----------
        path : path
            A .safetensors file.
        fm : mapping or object, optional
            The FM and its preprocessing, see `imprint.store.heads.fm_identity`; a head that was loaded keeps
            its FM. Ids of samples must be numbers or text.
        """
        check_is_fitted(self)
        fm = fm if fm is not None else getattr(self, "fm_", None)
        if fm is None:
            raise UserError(
                "save: name the FM that the embeddings came from, as the provenance of an embeddings file or a mapping "
                "with model, weights_sha256 and transform"
            )
        classifier = SavedClassifier(
            self.configuration_,
            {
                **self.get_params(),
                "random_state": self.seed_,
                "fm_classifier": self._fm_classifier(),
            },
            {name: getattr(self, name) for name in SAVED_ATTRIBUTES},
            self._imprinted(),
            self._learnt.norms,
            self._learnt.sums,
            self._sketches,
        )
        save_classifier(path, classifier, self.plain_classes("save"), fm)

    @classmethod
    def load(cls, path: str | Path, fm: Any = None) -> Self:
        """Read a head that `save` or the workflow wrote.

        A head of the workflow takes in no more samples of known classes, and with least squares no new classes.

        Parameters
        ----------
        path : path
            A .safetensors file.
        fm : mapping or object, optional
            The FM that embeddings will come from, see `imprint.store.heads.fm_identity`. Without it only the
            size of embeddings is checked.

        Raises
        ------
        UserError
            If the file is no head, or `fm` is another model, has other weights or another preprocessing.
        """
        saved = load_classifier(path, fm)
        classifier = cls(**saved.parameters)
        for name, value in saved.attributes.items():
            setattr(classifier, name, value)
        classifier.configuration_ = saved.configuration
        classifier.choice_ = None
        classifier._sketches = saved.sketches
        classifier._learnt = Learnt(saved.configuration, saved.norms, saved.class_sums)
        classifier._keep(saved.imprinted)
        classifier._derive(saved.imprinted)
        return classifier

    def to_torch(self, *, exact: bool = False) -> torch.nn.Module:
        """Make a module from embeddings (N, D), before NORMinf, to the scores (N, C) of the classes.

        A plain `torch.nn.Linear` where one gives the same order of classes: one proxy per class, and inner
        product, cosine, or euclidean distance without NORMinf or of proxies of one length. Else a module that
        takes the best proxy of each class, whose scores are those of `decision_function`.

        Parameters
        ----------
        exact : bool, default=False
            Whether scores are always those of `decision_function`. Only `has_exact_module` heads have such a module.

        Raises
        ------
        UserError
            For votes of several neighbours, and for distances and NORMs that no linear layer gives.
        """
        from imprint.estimator.head_modules import scorer

        check_is_fitted(self)
        candidate = self._folded.candidate if self._folded else self._candidate()
        scoring = candidate.scorings[0]
        voters = min(scoring.neighbours, len(self.proxies_))
        if voters > 1 or scoring.sums_all:
            votes = f"votes of {voters} neighbours" if voters > 1 else f"sums by {scoring.agg}"
            raise UserError(f"a head with {votes} cannot be exported; fit it with agg max, or m 1")
        if learns(scoring.norm_post, scoring.norm_inf):
            raise UserError(
                f"a head with {scoring.norm_post} and {scoring.norm_inf} under {scoring.distance} distance cannot be "
                "exported; fit it with another NORM or distance"
            )
        if exact and not self.has_exact_module:
            raise UserError("no module gives the scores of this head, only their order")
        proxies = l2(candidate.values) if candidate.unit else candidate.values
        proxies = candidate.norms.of_proxies(
            candidate.norm_pre, scoring.norm_post, proxies, candidate.labels, self._fm_classifier()
        )
        return scorer(
            proxies, candidate.labels, scoring.distance, scoring.norm_inf, candidate.bias, exact
        )

    @property
    def has_exact_module(self) -> bool:
        """Whether `to_torch(exact=True)` can give the scores of `decision_function`."""
        return self._folded is None or self._folded.exact

    def to_onnx(self, path: str | Path) -> None:
        """Write the head as ONNX to `path` (.onnx): embeddings in, class scores out.

        `imprint.export` writes heads with their FM too, and checks what it wrote. Needs the extra `weight-imprinting[onnx]`.
        """
        from imprint.estimator.export import write

        if Path(path).suffix != ".onnx":
            raise UserError(f"{path} does not end in .onnx")
        with atomic(path) as temporary:
            write(self, temporary, named=Path(path))

    def check_parameters(self) -> None:
        """Check all parameters, as `fit` does.

        Raises
        ------
        UserError
            With all that is wrong.
        """
        self._checked()

    def _checked(self) -> dict[str, Any] | None:
        """All choices of the method; None where the training samples make them."""
        parts = resolve(self.method, {name: getattr(self, name) for name in CHOICES})
        if not isinstance(self.ls_lambda, int | float | np.number) or not self.ls_lambda > 0:
            raise UserError(
                f"ImprintingClassifier: ls_lambda={self.ls_lambda!r} is not a positive number"
            )
        if parts is not None:
            check(parts, self.fm_classifier)
        return parts

    def plain_classes(self, purpose: str) -> list[str | int | float]:
        """The labels as JSON can hold them; a `UserError` that names the purpose if it cannot."""
        plain: list[Any] = self.classes_.tolist()
        if not all(isinstance(label, str | int | float) for label in plain):
            raise UserError(
                f"{purpose}: JSON cannot hold labels of type {type(plain[0]).__name__}; use text or numbers"
            )
        return plain

    def _validated(
        self, X: Any, y: Any, sample_ids: Sequence[Any] | None, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X, y = validate_data(
            self, _as_numpy(X), _as_numpy(y), dtype=np.float32, order="C", reset=reset
        )
        check_classification_targets(y)
        check_scale("X", X)
        start = 0 if reset else self.n_samples_seen_
        ids = np.arange(start, start + len(X)) if sample_ids is None else np.asarray(sample_ids)
        if ids.shape != (len(X),):
            raise UserError(f"sample_ids has shape {ids.shape}; {len(X)} samples need as many ids")
        return X, y, ids

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        queries: np.ndarray = validate_data(
            self, _as_numpy(X), dtype=np.float32, order="C", reset=False
        )
        check_scale("X", queries)
        return queries

    def _choose_k(self, parts: dict[str, Any], x: np.ndarray, y: np.ndarray) -> int | None:
        if not GENERATORS[parts["gen"]].takes_k:
            return None
        k = parse_k(parts["k"])
        if isinstance(k, Fixed):
            return k.k
        assert isinstance(k, Auto)
        normalised = FittedNorms(x, y).of_embeddings(parts["norm_pre"], x)
        return choose_k(normalised, y, parts["gen"], self.seed_)[0]

    def _gen(self) -> Generator:
        return GENERATORS[self.configuration_.gen]

    def _imprinted(self) -> Imprinted:
        return Imprinted(
            self.proxies_, self.proxy_classes_, self.proxy_samples_, self._bias, self._sums
        )

    def _keep(self, imprinted: Imprinted) -> None:
        self.proxies_, self.proxy_classes_ = imprinted.proxies, imprinted.labels
        self.proxy_samples_, self._sums = imprinted.ids, imprinted.sums
        self._bias = imprinted.bias

    def _take_in(self, x: np.ndarray, y: np.ndarray, ids: np.ndarray) -> None:
        """Imprint samples x (n, D) with labels y (n,); nothing of the estimator changes if this fails."""
        known = len(self.classes_)
        labels, inverse = np.unique(y, return_inverse=True)
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        fresh = [label not in numbers for label in labels.tolist()]
        numbers |= {label: known + i for i, label in enumerate(labels[fresh].tolist())}
        of_samples = np.array([numbers[label] for label in labels.tolist()])[inverse]
        classes = labels if not known else joined(self.classes_, labels[fresh])
        counts = np.bincount(of_samples, minlength=len(classes))
        counts[:known] += self.class_counts_
        _warn(classes, counts, self.k_, np.unique(of_samples))

        if known:
            normalised, learnt = self._learnt.with_more(x, of_samples, len(classes))
        else:
            normalised, learnt = Learnt.first(self.configuration_, x, of_samples)
        total = self.n_samples_seen_ + len(x)
        new = NewSamples(x, normalised, of_samples, ids, known, counts, total, learnt.sums)
        settings = Settings(self._gen(), self.k_, self.seed_, self.ls_lambda)
        imprinted = take_in(self._imprinted(), new, settings)
        examples = examples_of(self.proxy_examples_, imprinted, new)
        before = self._learnt if known else None
        self._learnt = learnt
        try:
            self._derive(imprinted)
        except UserError:
            if before is not None:
                self._learnt = before
            raise
        self.classes_, self.class_counts_, self.n_samples_seen_ = classes, counts, total
        self.proxy_examples_ = examples
        if self._sketches is not None:
            self._sketches = self._sketches.plus(Sketches.of(x, of_samples))
        self._keep(imprinted)

    def _derive(self, imprinted: Imprinted) -> None:
        """Derive from proxies what prediction takes in their place."""
        mapped = self._after_norm_post(imprinted)
        candidate = self._candidate_of(imprinted, mapped)
        scoring = self.configuration_.scoring
        folded = None
        if learns(scoring.norm_post, scoring.norm_inf):
            folded = fold(candidate, self._fm_classifier())
        self._mapped, self._folded = mapped, folded

    def _after_norm_post(self, imprinted: Imprinted) -> np.ndarray | None:
        """(P, D) proxies after a NORMpost of all proxies; None for others."""
        single = chain(self.configuration_.scoring.norm_post).single
        if single is None or single.proxies is None:
            return None
        unchanged, labels = imprinted.unchanged, imprinted.labels
        values = self._normalised_samples(imprinted.proxies)
        if unchanged and single.appends is not None and self._mapped is not None:
            new = single.appends(self._mapped, values[unchanged:], labels[unchanged:])
            return np.concatenate([self._mapped, new])
        return single.proxies(values, labels, self._fm_classifier())

    def _normalised_samples(self, proxies: np.ndarray) -> np.ndarray:
        """Proxies after NORMpre: those that are samples are kept as they were given."""
        if not self._gen().samples:
            return proxies
        return self._learnt.norms.of_embeddings(self.configuration_.norm_pre, proxies)

    def _candidate(self) -> Candidate:
        return self._candidate_of(self._imprinted(), self._mapped)

    def _candidate_of(self, imprinted: Imprinted, mapped: np.ndarray | None) -> Candidate:
        scoring, norm_pre = self.configuration_.scoring, self.configuration_.norm_pre
        settings: dict[str, Any] = {
            "bias": imprinted.bias,
            "norms": self._learnt.norms,
            "norm_pre": norm_pre,
        }
        labels = imprinted.labels
        if mapped is not None:
            return Candidate(mapped, labels, (scoring._replace(norm_post=IDENTITY),), **settings)
        if self._gen().samples and norm_pre == UNIT_LENGTH:
            return Candidate(imprinted.proxies, labels, (scoring,), unit=True, **settings)
        values = self._normalised_samples(imprinted.proxies)
        return Candidate(values, labels, (scoring,), **settings)

    def _fm_classifier(self) -> np.ndarray | None:
        if self.fm_classifier is None:
            return None
        return np.asarray(_as_numpy(self.fm_classifier), np.float32)


def _as_numpy(values: Any) -> Any:
    """A torch tensor as an array, anything else as it is."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()


def _warn(classes: np.ndarray, counts: np.ndarray, k: int | None, seen: np.ndarray) -> None:
    few = seen[counts[seen] < (k or 1)]
    if len(few):
        warnings.warn(
            f"{len(few)} of {len(classes)} classes have fewer than k = {k} samples ({_listed(classes[few])}); "
            "such a class gets a proxy for each sample",
            stacklevel=4,
        )
    least, most = counts.argmin(), counts.argmax()
    if counts[most] >= IMBALANCE * counts[least]:
        warnings.warn(
            f"classes are imbalanced: '{classes[most]}' has {counts[most]} samples, '{classes[least]}' {counts[least]}; "
            "gen='all' with votes, ls and ridge favour large classes",
            stacklevel=4,
        )


def _listed(labels: np.ndarray) -> str:
    return ", ".join(map(str, labels[:5].tolist())) + (", ..." if len(labels) > 5 else "")
