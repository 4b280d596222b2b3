"""Imprinting as a scikit-learn classifier, with the code and the predictions of the grid engine."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint.errors import UserError
from imprint.estimator.fitted_head import FittedHead
from imprint.estimator.incremental import Settings
from imprint.estimator.labels import (
    as_type_of,
    check_targets,
    checked_labels,
    in_order,
    plain_labels,
)
from imprint.estimator.parameters import (
    AUTO,
    CHOICES,
    checked_parts,
    method_of,
    without_effect,
)
from imprint.estimator.predictor import Nearest, Predictor
from imprint.estimator.sample_warnings import (
    warn_of_copies,
    warn_of_counts,
    warn_of_equal,
    warn_once,
)
from imprint.estimator.saving import SavedClassifier, head_of, load_classifier
from imprint.estimator.training_state import TrainingState
from imprint.estimator.tuning import Tuned, measured_again, tune
from imprint.estimator.validation import (
    as_array,
    as_classifier_weights,
    as_numpy,
    checked_ids,
    checked_scale,
)
from imprint.formatting import listed
from imprint.method.familiarity import Familiarity
from imprint.method.generate import GENERATORS
from imprint.method.generate.registry import USUAL_LS_LAMBDA
from imprint.method.normalize import FittedNorms
from imprint.method.scale import scaled
from imprint.store.embeddings import Embeddings
from imprint.store.heads import write_head

if TYPE_CHECKING:
    import torch

    from imprint.store.heads import Head


class ImprintingClassifier(ClassifierMixin, BaseEstimator):
    """Weight imprinting: the proxies of each class are computed from its embeddings, without gradients.

    Embeddings (numpy or torch, any float) are converted to float32, as in the grid engine: with the same seed the
    predictions are those of the workflow for the same cell.

    Parameters
    ----------
    method : str, optional
        `auto`: chosen on the training samples, see `imprint.method.generate.choose_method.choose`. Or a name of
        `imprint.method.presets.PRESETS`, parts of which the parameters below replace. By default `auto` if none of these
        parameters is given, else `westerhoff`: 20 k-means proxies per class, l2 throughout, the best proxy decides.
    gen : str, optional
        GEN, how proxies are generated; a name of `imprint.method.generate.GENERATORS`.
    k : int or "auto", optional
        Proxies per class; `auto` chooses the number on the training samples. Has no effect on a GEN without a choice of k;
        `fit` warns of that.
    norm_pre, norm_inf : str, optional
        NORM of training and of test embeddings, such as "none", "l2" or "l2+whiten+l2".
    norm_post : str, optional
        NORM of proxies, such as "none", "l2", "quantile" or "whiten+l2". Its fitted part is learnt from the training embeddings
        and applied to test embeddings too.
    agg : {"max", "mnn", "logsumexp"}, optional
        How the class is decided: by the nearest proxy, by a vote of the m nearest, or by all proxies of a class, weighted by
        exp(similarity / T). Only `mnn` uses m; `max` uses no weighting.
    distance : str, optional
        A name of `imprint.method.distances.DISTANCES`.
    m : int, optional
        Number of neighbours that vote.
    weighting : str, optional
        Weights of the votes, a name of `imprint.method.weightings.WEIGHTINGS`: equal, 1 / (distance + 1e-10), or
        exp(-distance / T) ("exponential(0.07)").
    probability : bool, default=False
        Whether `fit` holds out samples, as `auto` always does, to fit the temperature of `predict_proba` and to enable
        `familiarity` and `reject`. Scorers that use probabilities, such as "neg_log_loss", need it.
    random_state : int, RandomState or None, default=None
        Seed of GEN; with an int, results equal those of the workflow with this seed. With None, two fits of a seeded GEN
        differ, so use an int in a parameter search.
    ls_lambda : float, default=1e-4
        Ridge of the least-squares GENs.
    fm_classifier : array of shape (C, D), optional
        Weights of the FM's own classifier, which some NORMs need.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels in the order in which they were imprinted; labels of one call are sorted.
    class_counts_ : ndarray of shape (C,)
        Number of training samples of each class.
    proxies_ : ndarray of shape (P, D)
        Proxies before NORMpost, float32; if they are samples, the samples before NORMpre. If the largest value of the training
        embeddings is below 1e-15 or above 1e15, so that float32 cannot hold squares, all are multiplied by a power of two.
    proxy_classes_ : ndarray of shape (P,)
        Class of each proxy as an index into `classes_`, ascending.
    proxy_samples_ : ndarray of shape (P,) or None
        Ids of the samples that are the proxies; None if proxies are not samples.
    proxy_examples_ : ndarray of shape (P,) or None
        Ids of the samples that are the proxies or, for other GENs and as text, of the sample of the same class with the largest
        cosine to each proxy; None in heads of the workflow.
    configuration_ : Configuration
        The method.
    choice_ : Choice or None
        What `auto` considered, and the reason for its choice; None for a named method, and in a loaded head.
    inverse_temperature_ : float or None
        Factor for class scores before the softmax of `predict_proba`; None if no temperature was fitted.
    familiarity_ : Familiarity or None
        How well held-out training samples fit the head; None if none were held out.
    k_, seed_ : int or None
        The k and the seed that were used; k_ is None if GEN leaves no choice of k.

    References
    ----------
    Westerhoff et al., "Robust Weight Imprinting: Insights from Neural Collapse and Proxy-Based Aggregation", TMLR 2025.

    Examples
    --------
    >>> embeddings = np.array([[0.0, 1], [0.1, 1], [1, 0], [1, 0.1]])
    >>> head = ImprintingClassifier(gen="mean").fit(embeddings, ["cat", "cat", "dog", "dog"])
    >>> head.predict([[0.2, 0.9]])
    array(['cat'], dtype='<U3')
    """

    _parameters: dict[str, Any]  # of `fit`, which later calls of `set_params` do not change
    _tuned: Tuned
    _state: TrainingState
    _predictor: Predictor

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
        ls_lambda: float = USUAL_LS_LAMBDA,
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

    def fit(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint classes.

        Warns if a class has fewer than k samples, if the largest class has at least ten times the samples of the smallest,
        if all samples have the same embedding, if a sample is in two classes, and once of each parameter without effect.

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
        parts = checked_parts(self.get_params())
        for sentence in without_effect(self.get_params(), parts):
            warn_once(sentence)
        X, y, ids, scale = self._validated(X, y, sample_ids, reset=True)
        warn_of_equal(X)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        fm_classifier = as_classifier_weights(self.fm_classifier, X.shape[1])
        numbers = np.unique(y, return_inverse=True)[1]
        norms = FittedNorms(X, numbers)
        tuned = tune(
            X,
            numbers,
            parts,
            int(seed),
            norms=norms,
            hold_out=self.probability,
            ls_lambda=self.ls_lambda,
            fm_classifier=fm_classifier,
            threads=None,
        )
        copied = None if fm_classifier is None else fm_classifier.copy()
        self._adopt({**self.get_params(), "fm_classifier": copied}, tuned, int(seed))
        # even if none could be held out yet, as with a first batch of one class
        keep = self.probability or parts is None
        state = TrainingState.first(
            self.configuration_, self._settings(), X, y, ids, keep=keep, scale=scale, norms=norms
        )
        self._take_in(state, y, ids)
        self.__dict__.pop("fm_", None)  # that of a loaded head, not of these samples
        return self

    def add_classes(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint new classes, without the samples of the old ones.

        The result is that of one `fit` on all samples with the classes in this order, except that the choices of the first fit
        are kept. This includes least squares, whose sums are kept. Parameters are those of `fit`; default ids continue the row
        numbers. A `UserError` if a class was imprinted before.
        """
        check_is_fitted(self)
        X, y, ids, _ = self._validated(X, y, sample_ids, reset=False)
        self._state.require_new(y)
        self._take_in(self._state.with_more(self._settings(), X, y, ids), y, ids)
        self._outdate()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, *, sample_ids: Sequence[Any] | None = None
    ) -> Self:
        """Add samples of new classes, or of known classes if the GEN can update its proxies exactly.

        Parameters
        ----------
        X, y, sample_ids
            As in `fit`.
        classes : array, optional
            All classes, which must include those of y; a class is added when it has samples.

        Raises
        ------
        UserError
            For samples of a known class, if the GEN would need its earlier samples again.
        """
        if classes is not None:
            labels, known = (
                set(np.ravel(as_numpy(in_order(each))).tolist()) for each in (y, classes)
            )
            if unknown := sorted(labels - known, key=str):
                raise UserError(
                    f"partial_fit: class {listed(unknown)} is not among the given classes"
                )
        if not hasattr(self, "classes_"):
            return self.fit(X, y, sample_ids=sample_ids)
        X, y, ids, _ = self._validated(X, y, sample_ids, reset=False)
        state = self._state.with_more(self._settings(), X, y, ids)
        if repeated := int(self._state.has(X, y).sum()):
            warnings.warn(
                f"partial_fit: {repeated} of {len(y)} samples are in the head already and count twice; `seen_before` says which",
                stacklevel=2,
            )
        self._take_in(state, y, ids)
        self._outdate()
        return self

    def seen_before(self, X: Any, y: Any = None) -> np.ndarray:
        """Find samples X (N, D) that are already in the head, with labels y (N,) in the same class, else in any: a mask (N,).

        They are recognised by content: the head keeps a few numbers of each embedding. Heads without these numbers, such as
        those of the workflow, return False for all samples.
        """
        check_is_fitted(self)
        if y is None:
            return self._state.has(self._queries(X))
        x, y, _, _ = self._validated(X, y, None, reset=False)
        return self._state.has(x, y)

    def remove_classes(self, labels: Sequence[Any]) -> Self:
        """Remove classes.

        A `UserError` if a class is unknown, none would be left, or the proxies of the GEN depend on all classes.
        """
        check_is_fitted(self)
        leaving = np.atleast_1d(as_array(as_numpy(in_order(labels))))
        self._keep(self._state.without(leaving))
        self._outdate()
        return self

    def predict(self, X: Any, *, reject: float | None = None) -> np.ndarray:
        """Label embeddings.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.
        reject : float, optional
            Share of samples of known classes that may be rejected along with those of unknown classes, such as 0.05: a
            sample whose `familiarity` is at most this share is labelled -1 if labels are numbers, else "rejected".

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
        return self._fitted(measured=reject is not None).labels(X, reject)

    @property
    def inverse_temperature_(self) -> float | None:
        """See the attributes above; measured again after samples were added or removed."""
        return self._measured().inverse_temperature

    @property
    def familiarity_(self) -> Familiarity | None:
        """See the attributes above; measured again after samples were added or removed."""
        return self._measured().familiarity

    @property
    def is_current(self) -> bool:
        """Whether probabilities and `familiarity` are measured on all samples.

        False after samples were added or removed, if the head keeps none: these are too many, or it has no probabilities.
        """
        check_is_fitted(self)
        return self._measured().current

    def held_out(self, purpose: str) -> Familiarity:
        """The `familiarity_`; a `UserError` that names the purpose if there is none."""
        check_is_fitted(self)
        return self._fitted().held_out(purpose)

    def familiarity(self, X: Any) -> np.ndarray:
        """Measure how well embeddings X (N, D) fit the known classes, to detect unknown classes.

        Similarity to the nearest proxy and entropy of the probabilities are each ranked among training samples that `fit` held
        out, and the worse rank counts. At most about 5% of the samples of known classes have a familiarity of 0.05 or less.

        Returns
        -------
        ndarray of shape (N,)
            Share of held-out training samples that are no more familiar, above 0 and at most 1.

        Raises
        ------
        UserError
            If `fit` held out no samples.
        """
        X = self._queries(X)
        return self._fitted().familiarity(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Score how well each class fits each embedding of X (N, D).

        With `max`, or one neighbour: the similarity of the best proxy of the class, which is the inner product
        (after NORMpost and NORMinf), the cosine, or minus the distance. With several neighbours: the share of
        the class in the votes. `predict` returns the class with the largest score, the first of equals, up to rounding. Scores are
        not probabilities: see `predict_proba`.

        Returns
        -------
        ndarray of shape (N, C), columns as `classes_`
            With two classes (N,): the second score minus the first, as in scikit-learn.
        """
        scores = self.class_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def class_scores(self, X: Any) -> np.ndarray:
        """Scores as in `decision_function`, but always (N, C), also with two classes."""
        queries = self._queries(X)
        return self._predictor.class_scores(queries)

    def _gives_probabilities(self) -> bool:
        if not self.probability and not _is_auto(self.get_params()):
            raise AttributeError(
                "predict_proba: this method gives probabilities only with probability=True"
            )
        return True

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, C) of the classes, columns as `classes_`, for embeddings X (N, D).

        A softmax of class scores at a temperature fitted to held-out training samples; a `UserError` if `fit` could hold out no
        samples.
        """
        X = self._queries(X)
        return self._fitted().probabilities(X)

    def nearest_proxies(self, X: Any, n: int = 5) -> Nearest:
        """Find the n proxies nearest to each embedding of X (N, D), to explain its prediction."""
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise UserError(f"nearest_proxies: n={n!r} is not a positive whole number")
        X = self._queries(X)
        near = self._predictor.nearest(X, n)
        ids = None if self.proxy_samples_ is None else self.proxy_samples_[near.numbers]
        classes = self.classes_[self.proxy_classes_[near.numbers]]
        return Nearest(near.numbers, classes, near.similarities, ids)

    def compared(self, X: Any) -> np.ndarray:
        """Embeddings (N, D) as compared with proxies: after NORMinf and the fitted part of NORMpost."""
        queries = self._queries(X)
        return self._predictor.compared(queries)

    def save(self, path: str | Path, fm: Any = None) -> None:
        """Write the head to a file, with a description in its header and in a JSON file next to it.

        Parameters
        ----------
        path : path
            A .safetensors file.
        fm : Embeddings, mapping or object, optional
            The FM and its preprocessing: the Embeddings of `imprint.embed`, or anything that
            `imprint.store.fm_identity.fm_identity` accepts. A loaded head keeps its FM until `fit`.

        Raises
        ------
        UserError
            If no FM is given for a new head, `fm` has embeddings of another size, or labels or ids are not numbers or text.
        """
        check_is_fitted(self)
        if fm is None and not getattr(self, "fm_", None):
            raise UserError(
                "save: give the FM of the embeddings as fm, such as the Embeddings that imprint.embed returns, or a "
                "mapping with model, weights_sha256 and transform"
            )
        write_head(path, self.as_head(fm))

    def as_head(self, fm: Any = None) -> Head:
        """The head as `save` writes it; without `fm`, its own FM or an unknown one."""
        check_is_fitted(self)
        fm = fm if fm is not None else getattr(self, "fm_", None)
        if isinstance(fm, Embeddings) and fm.x.shape[1] != self.n_features_in_:
            raise UserError(
                f"save: the head takes embeddings of {self.n_features_in_} values, but those given as fm have {fm.x.shape[1]}; a "
                "step between them, such as PCA, is not part of a head"
            )
        saved = SavedClassifier(
            state=self._state,
            parameters={**self._parameters, "random_state": self.seed_},
            tuned=self._measured(),
            fm=fm,
            embedding_size=self.n_features_in_,
            feature_names=getattr(self, "feature_names_in_", None),
        )
        return head_of(saved)

    @classmethod
    def load(cls, path: str | Path, fm: Any = None) -> Self:
        """Read a head that `save` or the workflow wrote.

        A head of the workflow has no sums of its samples. So with GEN mean, least squares or ridge, or a fitted NORMpost, it can
        take no more samples.

        Parameters
        ----------
        path : path
            A .safetensors file.
        fm : mapping or object, optional
            The FM of the embeddings to predict, see `imprint.store.fm_identity.fm_identity`. By default only the size of
            embeddings is checked.

        Raises
        ------
        UserError
            If the file is not a head, or `fm` is another model, or has other weights or preprocessing.
        """
        saved = load_classifier(path, fm)
        classifier = cls(**saved.parameters)
        classifier.fm_ = saved.fm
        classifier.n_features_in_ = saved.embedding_size
        if saved.feature_names is not None:
            classifier.feature_names_in_ = saved.feature_names
        fm_classifier = as_classifier_weights(saved.parameters["fm_classifier"])
        parameters = {**classifier.get_params(), "fm_classifier": fm_classifier}
        classifier._adopt(parameters, saved.tuned, saved.parameters["random_state"])
        classifier._keep(saved.state)
        return classifier

    @property
    def takes_classes(self) -> bool:
        """Whether `add_classes` can add classes."""
        check_is_fitted(self)
        return self._state.takes_classes

    @property
    def has_module(self) -> bool:
        """Whether `to_torch`, `to_onnx` and `imprint.export` can convert this head."""
        check_is_fitted(self)
        return self._predictor.export_problem is None

    def to_torch(self, *, exact: bool = False) -> torch.nn.Module:
        """Make a module that maps embeddings (N, D), before NORMinf, to class scores (N, C).

        A plain `torch.nn.Linear` if one gives the same order of classes: with one proxy per class, and inner product, cosine, or
        euclidean distance without NORMinf or with proxies of equal length. Otherwise a module that takes the best proxy of each
        class, whose scores are those of `class_scores`.

        Parameters
        ----------
        exact : bool, default=False
            Whether scores must be those of `class_scores`; with fitted NORMs, the module may then need their maps, and for
            proxies that lie close together the scores are float64.

        A `UserError` for votes of several neighbours, and for distances and NORMs without a linear form.
        """
        from imprint.estimator.head_modules import module_of

        check_is_fitted(self)
        return module_of(self._predictor, exact, self._state.scale)

    def to_onnx(self, path: str | Path) -> None:
        """Write the head as ONNX to `path` (.onnx): embeddings in, class scores out, and probabilities if the head has them.

        The scores are those of `class_scores`. The same as `imprint.export`, which can also include the FM. Needs the
        extra `weight-imprinting[onnx]`.
        """
        from imprint.estimator.export import export

        export(self, path, to="onnx")

    def plain_classes(self, purpose: str) -> list[str | int | float]:
        """The labels as JSON values; a `UserError` that names the purpose if JSON cannot hold them."""
        return plain_labels(self.classes_, purpose)

    def _validated(
        self, X: Any, y: Any, sample_ids: Sequence[Any] | None, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Scaled embeddings, labels, ids and the scale."""
        as_passed = as_numpy(X)
        X, y = validate_data(
            self, as_passed, checked_labels(as_numpy(y)), dtype=np.float32, order="C", reset=reset
        )
        check_targets(y)
        if not reset:
            y = as_type_of(y, self.classes_)
        scale = checked_scale(as_passed, X, None if reset else self._state.scale)
        ids = checked_ids(sample_ids, 0 if reset else self.n_samples_seen_, len(X))
        return scaled(X, scale), y, ids, scale

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        as_passed = as_numpy(X)
        X = validate_data(self, as_passed, dtype=np.float32, order="C", reset=False)
        return scaled(X, checked_scale(as_passed, X, self._state.scale))

    def _settings(self) -> Settings:
        """The settings of generation."""
        ls_lambda = self._parameters["ls_lambda"]
        return Settings(GENERATORS[self.configuration_.gen], self.k_, self.seed_, ls_lambda)

    def _adopt(self, parameters: dict[str, Any], tuned: Tuned, seed: int) -> None:
        """Store the parameters and what was chosen on the training samples."""
        self._parameters, self._tuned, self.seed_ = parameters, tuned, seed
        self.configuration_, self.choice_, self.k_ = tuned.configuration, tuned.choice, tuned.k

    def _outdate(self) -> None:
        """Note that samples were added or removed, so that `_measured` measures again when called."""
        self._tuned = replace(self._tuned, current=False)

    def _measured(self) -> Tuned:
        """Temperature and familiarity, measured again if outdated and the head keeps its samples."""
        kept = self._state.kept
        if not self._tuned.current and kept is not None:
            self._tuned = measured_again(
                self._tuned,
                kept,
                self._state.learnt.norms,
                self.seed_,
                ls_lambda=self._parameters["ls_lambda"],
                fm_classifier=self._parameters["fm_classifier"],
                threads=None,
            )
        return self._tuned

    def _fitted(self, measured: bool = True) -> FittedHead:
        tuned = self._measured() if measured else self._tuned
        return FittedHead(self.classes_, self._predictor, tuned)

    def _take_in(self, state: TrainingState, y: np.ndarray, ids: np.ndarray) -> None:
        """Keep a state with new samples, with labels y and ids (n,), and warn of their classes."""
        named_k = None if _is_auto(self._parameters) else self.k_
        warn_of_counts(state.classes, state.counts, named_k, y)
        if state.sketches is not None:
            warn_of_copies(state.sketches, state.classes, ids)
        self._keep(state)

    def _keep(self, state: TrainingState) -> None:
        """Store a state; if this fails, the estimator is unchanged."""
        before = getattr(self, "_predictor", None)
        self._predictor = Predictor.of(state, self._parameters["fm_classifier"], before)
        self._state, imprinted = state, state.imprinted
        self.classes_, self.class_counts_ = state.classes, state.counts
        self.n_samples_seen_ = state.samples
        self.proxies_, self.proxy_classes_ = imprinted.proxies, imprinted.labels
        self.proxy_samples_, self.proxy_examples_ = imprinted.ids, state.examples


def _is_auto(parameters: Mapping[str, Any]) -> bool:
    """Whether `fit` with these parameters chooses the method."""
    return method_of(parameters["method"], [parameters[name] for name in CHOICES]) == AUTO
