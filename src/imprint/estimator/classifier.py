"""Imprinting as a scikit-learn classifier, on the code and with the predictions of the grid engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint.errors import UserError
from imprint.estimator.fitted_head import FittedHead
from imprint.estimator.incremental import Settings
from imprint.estimator.parameters import (
    AUTO,
    CHOICES,
    USUAL_RIDGE,
    checked_parts,
    method_of,
    without_effect,
)
from imprint.estimator.predictor import Nearest, Predictor
from imprint.estimator.saving import SavedClassifier, head_of, load_classifier
from imprint.estimator.training_state import TrainingState
from imprint.estimator.tuning import Tuned, measured_again, tune
from imprint.estimator.validation import (
    as_classifier_weights,
    as_numpy,
    checked_ids,
    checked_labels,
    checked_scale,
    plain_labels,
    warn_of_copies,
    warn_of_counts,
    warn_of_equal,
    warn_once,
)
from imprint.formatting import listed
from imprint.method.familiarity import Familiarity
from imprint.method.generate import GENERATORS
from imprint.method.normalize import FittedNorms
from imprint.method.presets import PRESETS
from imprint.method.scale import scaled
from imprint.store.embeddings import Embeddings
from imprint.store.files import atomic
from imprint.store.heads import write_head

if TYPE_CHECKING:
    import torch

    from imprint.estimator.export_files import Portable
    from imprint.store.heads import Head


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
        no choice of k, which `fit` warns of.
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
        `familiarity` and `reject` measure by. Scorers of probabilities, such as "neg_log_loss", need it.
    random_state : int, RandomState or None, default=None
        Seed of GEN; an int gives what the workflow gives for it. With None two fits of a GEN with a seed differ, so a search over
        parameters wants an int.
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
        Proxies before NORMpost, float32. Where they are samples, the samples as they were given. Where float32 cannot hold the squares
        of embeddings, which are beyond 1e-15 or 1e15, all are multiplied by a power of two.
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
    Westerhoff et al., "Robust Weight Imprinting: Insights from Neural Collapse and Proxy-Based Aggregation", TMLR 2025.

    Examples
    --------
    >>> embeddings = np.array([[0.0, 1], [0.1, 1], [1, 0], [1, 0.1]])
    >>> head = ImprintingClassifier(gen="mean").fit(embeddings, ["cat", "cat", "dog", "dog"])
    >>> head.predict([[0.2, 0.9]])
    array(['cat'], dtype='<U3')
    """

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
        ls_lambda: float = USUAL_RIDGE,
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
        """Make a method by its name in `imprint.method.presets.PRESETS`, such as qi, westerhoff or whiten.

        `parameters` replace those of the method. A `UserError` if there is no such preset.
        """
        PRESETS.find(name)
        return cls(method=name, **parameters)

    def fit(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint classes.

        Warns where a class has fewer than k samples, or a tenth of the samples of the largest or less, and once of a parameter that
        has no effect on the method.

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
            warn_once(sentence, stacklevel=2)
        X, y, ids, scale = self._validated(X, y, sample_ids, reset=True)
        warn_of_equal(X, stacklevel=2)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        numbers = np.unique(y, return_inverse=True)[1]
        norms = FittedNorms(X, numbers)
        tuned = tune(
            X,
            numbers,
            parts,
            int(seed),
            hold_out=self.probability,
            ls_lambda=self.ls_lambda,
            fm_classifier=as_classifier_weights(self.fm_classifier),
            threads=None,
            norms=norms,
        )
        self._adopt(tuned, int(seed))
        keep = tuned.familiarity is not None
        state = TrainingState.first(
            self.configuration_, self._settings(), X, y, ids, keep=keep, scale=scale, norms=norms
        )
        self._take_in(state, y, ids)
        return self

    def add_classes(self, X: Any, y: Any, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint further classes; old proxies are not computed again, and old samples are not needed.

        The result is that of one `fit` on all samples whose classes come in this order. With least squares this
        holds too: the sums that it needs were kept. Parameters are those of `fit`; row numbers as ids go on from those before.
        A `UserError` if a class was imprinted before.
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
        if classes is not None and len(strange := np.setdiff1d(as_numpy(y), as_numpy(classes))):
            raise UserError(f"partial_fit: class {listed(strange)} is not among the given classes")
        if not hasattr(self, "classes_"):
            return self.fit(X, y, sample_ids=sample_ids)
        X, y, ids, _ = self._validated(X, y, sample_ids, reset=False)
        state = self._state.with_more(self._settings(), X, y, ids)
        if again := int(self.seen_before(X, y).sum()):
            warnings.warn(
                f"partial_fit: {again} of {len(y)} samples are in the head already and count twice; `seen_before` says which",
                stacklevel=2,
            )
        self._take_in(state, y, ids)
        self._outdate()
        return self

    def seen_before(self, X: Any, y: Any) -> np.ndarray:
        """Say which samples X (N, D) with labels y (N,) are in the head already, in the same class: a mask (N,).

        They are known by a few numbers of their embeddings that the head keeps, so by content, not by name. False for all
        in heads that keep no such numbers.
        """
        x, y, _, _ = self._validated(X, y, None, reset=False)
        return self._state.has(x, y)

    def remove_classes(self, labels: Sequence[Any]) -> Self:
        """Forget classes; a `UserError` if one is unknown, none is left, or the proxies of the GEN depend on all."""
        check_is_fitted(self)
        self._keep(self._state.without(np.atleast_1d(as_numpy(labels))))
        self._outdate()
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
        return self._fitted(measured=reject is not None).labels(X, reject)

    @property
    def inverse_temperature_(self) -> float | None:
        """See the attributes above; computed anew where samples came or went since."""
        return self._measured().inverse_temperature

    @property
    def familiarity_(self) -> Familiarity | None:
        """See the attributes above; computed anew where samples came or went since."""
        return self._measured().familiarity

    @property
    def is_current(self) -> bool:
        """Whether probabilities and `familiarity` are measured on all samples; False where these were too many to keep."""
        check_is_fitted(self)
        return self._measured().current

    def held_out(self, purpose: str) -> Familiarity:
        """The `familiarity_`; a `UserError` that names the purpose without one."""
        check_is_fitted(self)
        return self._fitted().held_out(purpose)

    def familiarity(self, X: Any) -> np.ndarray:
        """Say how well embeddings X (N, D) fit the known classes, to tell those of unknown classes.

        The worse of two ranks among training samples that `fit` held out: of the similarity of the nearest proxy, and of the
        entropy of the probabilities. Of samples of known classes a share of 0.05 has 0.05 or less.

        Returns
        -------
        ndarray of shape (N,)
            The share of held-out training samples that are no more familiar, above 0 and at most 1.

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
        (after NORMpost and NORMinf), the cosine, or minus the distance. With several neighbours: the sum of the
        votes for it. The largest, the first among equals, is what `predict` returns, up to rounding. Scores are
        no probabilities: see `predict_proba`.

        Returns
        -------
        ndarray of shape (N, C), columns as `classes_`
            Of two classes (N,): the second score minus the first, as scikit-learn has it.
        """
        scores = self.class_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def class_scores(self, X: Any) -> np.ndarray:
        """As `decision_function`, but always (N, C), a column for each class, of two classes too."""
        queries = self._queries(X)
        return self._predictor.class_scores(queries)

    def _gives_probabilities(self) -> bool:
        choices = [getattr(self, name) for name in CHOICES]
        if not self.probability and method_of(self.method, choices) != AUTO:
            raise AttributeError(
                "predict_proba: this method gives probabilities with probability=True alone"
            )
        return True

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, C) of the classes, columns as `classes_`, for embeddings X (N, D).

        A softmax of class scores at a temperature fitted to held-out training samples; a `UserError` if `fit` had no sample to
        hold out.
        """
        X = self._queries(X)
        return self._fitted().probabilities(X)

    def nearest_proxies(self, X: Any, n: int = 5) -> Nearest:
        """Find the n proxies nearest to each embedding of X (N, D), which explain its prediction."""
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise UserError(f"nearest_proxies: n={n!r} is not a positive whole number")
        near = self._predictor.nearest(self._queries(X), n)
        ids = None if self.proxy_samples_ is None else self.proxy_samples_[near.numbers]
        classes = self.classes_[self.proxy_classes_[near.numbers]]
        return Nearest(near.numbers, classes, near.similarities, ids)

    def compared(self, X: Any) -> np.ndarray:
        """Embeddings (N, D) as they are compared with proxies: after NORMinf and what NORMpost learns."""
        queries = self._queries(X)
        return self._predictor.compared(queries)

    def save(self, path: str | Path, fm: Any = None) -> None:
        """Write the head to a file, described in its header and beside it as JSON.

        Parameters
        ----------
        path : path
            A .safetensors file.
        fm : Embeddings, mapping or object, optional
            The FM and its preprocessing: embeddings of `imprint.embed`, or see `imprint.store.heads.fm_identity`; a head
            that was loaded keeps its FM. Ids of samples must be numbers or text.
        """
        check_is_fitted(self)
        if fm is None and not getattr(self, "fm_", None):
            raise UserError(
                "save: give as fm what the embeddings came from, such as the Embeddings that imprint.embed returns, or a "
                "mapping with model, weights_sha256 and transform"
            )
        write_head(path, self.as_head(fm))

    def as_head(self, fm: Any = None) -> Head:
        """The head as `save` writes it; where no FM is named, of an unknown one."""
        check_is_fitted(self)
        fm = fm if fm is not None else getattr(self, "fm_", None)
        if isinstance(fm, Embeddings) and fm.x.shape[1] != self.n_features_in_:
            raise UserError(
                f"save: the head takes embeddings of {self.n_features_in_} values, and those given as fm have {fm.x.shape[1]}; a "
                "step between them, such as PCA, is no part of a head"
            )
        saved = SavedClassifier(self._state, self.get_params(), self._measured(), self.seed_, fm)
        return head_of(saved)

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
        classifier.fm_ = saved.fm
        classifier.n_features_in_ = saved.state.imprinted.proxies.shape[1]
        classifier._adopt(saved.tuned, saved.seed)
        classifier._keep(saved.state)
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

        A `UserError` for votes of several neighbours, and for distances and NORMs that no linear layer gives.
        """
        from imprint.estimator.head_modules import module_of

        check_is_fitted(self)
        return module_of(self._predictor, exact, self._state.scale)

    @property
    def has_exact_module(self) -> bool:
        """Whether `to_torch(exact=True)` can give the scores of `decision_function`."""
        return self._predictor.has_exact_module

    def to_onnx(self, path: str | Path) -> None:
        """Write the head as ONNX to `path` (.onnx): embeddings in, class scores out.

        `imprint.export` writes heads with their FM too, and checks what it wrote. Needs the extra `weight-imprinting[onnx]`.
        """
        from imprint.estimator.export_files import write

        if Path(path).suffix != ".onnx":
            raise UserError(f"{path} does not end in .onnx")
        portable = self.portable()
        with atomic(path) as temporary:
            write(portable, temporary, named=Path(path))

    def portable(self) -> Portable:
        """What a file of `imprint.export` holds of the head; a `UserError` as `to_torch` raises it."""
        from imprint.estimator.export_files import Portable

        exact = self.has_exact_module
        return Portable(
            self.to_torch(exact=exact),
            exact,
            self.inverse_temperature_ if exact else None,
            self.plain_classes("export"),
            self.n_features_in_,
            getattr(self, "fm_", {}),
        )

    def check_parameters(self) -> None:
        """Check all parameters, as `fit` does; a `UserError` with all that is wrong."""
        checked_parts(self.get_params())

    def plain_classes(self, purpose: str) -> list[str | int | float]:
        """The labels as JSON can hold them; a `UserError` that names the purpose if it cannot."""
        return plain_labels(self.classes_, purpose)

    def _validated(
        self, X: Any, y: Any, sample_ids: Sequence[Any] | None, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Embeddings times their scale, labels, ids and the scale."""
        as_passed = as_numpy(X)
        X, y = validate_data(
            self, as_passed, checked_labels(as_numpy(y)), dtype=np.float32, order="C", reset=reset
        )
        check_classification_targets(y)
        scale = checked_scale(as_passed, X, None if reset else self._state.scale)
        ids = checked_ids(sample_ids, 0 if reset else self.n_samples_seen_, len(X))
        return scaled(X, scale), y, ids, scale

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        as_passed = as_numpy(X)
        X = validate_data(self, as_passed, dtype=np.float32, order="C", reset=False)
        return scaled(X, checked_scale(as_passed, X, self._state.scale))

    def _settings(self) -> Settings:
        """What generation depends on beside the samples."""
        return Settings(GENERATORS[self.configuration_.gen], self.k_, self.seed_, self.ls_lambda)

    def _adopt(self, tuned: Tuned, seed: int) -> None:
        """Take over what training samples chose."""
        self._tuned, self.seed_ = tuned, seed
        self.configuration_, self.choice_, self.k_ = tuned.configuration, tuned.choice, tuned.k

    def _outdate(self) -> None:
        """Note that samples came or went, so that `_measured` measures again once that is asked for."""
        self._tuned = replace(self._tuned, current=False)

    def _measured(self) -> Tuned:
        """What held-out samples say, of all samples where the head keeps them."""
        kept = self._state.kept
        if not self._tuned.current and kept is not None:
            self._tuned = measured_again(
                self._tuned,
                kept,
                self._state.learnt.norms,
                self.seed_,
                ls_lambda=self.ls_lambda,
                fm_classifier=as_classifier_weights(self.fm_classifier),
                threads=None,
            )
        return self._tuned

    def _fitted(self, measured: bool = True) -> FittedHead:
        tuned = self._measured() if measured else self._tuned
        return FittedHead(self.classes_, self._predictor, tuned)

    def _take_in(self, state: TrainingState, y: np.ndarray, ids: np.ndarray) -> None:
        """Keep a state with further samples, their labels y and ids (n,), and warn of their classes."""
        asked = None if self.choice_ else self.k_
        warn_of_counts(state.classes, state.counts, asked, y, stacklevel=3)
        if state.sketches is not None:
            warn_of_copies(state.sketches, state.classes, ids, stacklevel=3)
        self._keep(state)

    def _keep(self, state: TrainingState) -> None:
        """Take over a state; nothing of the estimator changes if this fails."""
        before = getattr(self, "_predictor", None)
        self._predictor = Predictor.of(state, as_classifier_weights(self.fm_classifier), before)
        self._state, imprinted = state, state.imprinted
        self.classes_, self.class_counts_ = state.classes, state.counts
        self.n_samples_seen_ = state.samples
        self.proxies_, self.proxy_classes_ = imprinted.proxies, imprinted.labels
        self.proxy_samples_, self.proxy_examples_ = imprinted.ids, state.examples
