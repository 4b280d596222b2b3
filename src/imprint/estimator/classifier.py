"""Imprinting as a scikit-learn classifier, on the code and with the predictions of the grid engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from imprint.errors import UserError
from imprint.estimator.incremental import (
    Imprinted,
    NewSamples,
    Settings,
    forget,
    joined,
    take_in,
)
from imprint.estimator.saving import (
    SAVED_ATTRIBUTES,
    SavedClassifier,
    constructor_arguments,
    load_classifier,
    save_classifier,
)
from imprint.method.configuration import (
    AGGREGATIONS,
    IDENTITY,
    MNN,
    UNIFORM,
    UNIT_LENGTH,
    WEIGHTINGS,
    Auto,
    Configuration,
    Fixed,
    K,
    Scoring,
    parse_k,
)
from imprint.method.distances import DISTANCES, TINY, Columns, Ranking
from imprint.method.engine import (
    MEMORY,
    Candidate,
    measured,
    nearest_proxies,
    predict,
    ranking,
)
from imprint.method.generate import GENERATORS
from imprint.method.generate.choose_k import choose_k
from imprint.method.nearest import Search, nearest
from imprint.method.normalize import (
    NORMS,
    apply,
    apply_to_proxies,
    l2,
)
from imprint.method.presets import PRESETS

if TYPE_CHECKING:
    import torch

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
    gen : str, default="kmeans"
        GEN, how proxies are generated; a name of `imprint.method.generate.GENERATORS`.
    k : int or "auto", default=20
        Proxies per class, or a number chosen from the training samples. Without effect on a GEN that leaves
        no choice of k.
    norm_pre, norm_inf : str, default="l2"
        NORM of training and of test embeddings, such as "none" or "l2".
    norm_post : str, default="l2"
        NORM of proxies, such as "none", "l2" or "quantile".
    agg : {"max", "mnn"}, default="max"
        The class of the nearest proxy, or a vote of the m nearest; `max` ignores m and weighting.
    distance : str, default="inner_product"
        A name of `imprint.method.distances.DISTANCES`.
    m : int, default=1
        Neighbours that vote.
    weighting : {"uniform", "distance"}, default="uniform"
        How they vote: equally, or with 1 / (distance + 1e-10).
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

    def __init__(
        self,
        gen: str = "kmeans",
        k: int | str = 20,
        norm_pre: str = "l2",
        norm_post: str = "l2",
        norm_inf: str = "l2",
        agg: str = "max",
        distance: str = "inner_product",
        m: int = 1,
        weighting: str = "uniform",
        random_state: Any = None,
        ls_lambda: float = 1e-4,
        fm_classifier: Any = None,
    ) -> None:
        self.gen = gen
        self.k = k
        self.norm_pre = norm_pre
        self.norm_post = norm_post
        self.norm_inf = norm_inf
        self.agg = agg
        self.distance = distance
        self.m = m
        self.weighting = weighting
        self.random_state = random_state
        self.ls_lambda = ls_lambda
        self.fm_classifier = fm_classifier

    @classmethod
    def preset(cls, name: str, **parameters: Any) -> Self:
        """Make a published method by name.

        Parameters
        ----------
        name : str
            qi, hosoda, janson, westerhoff or oracle.
        **parameters
            Replace those of the method.

        Raises
        ------
        UserError
            If there is no such preset.
        """
        configuration = PRESETS.find(name).configuration
        return cls(**{**constructor_arguments(configuration), **parameters})

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
        self.check_parameters()
        X, y, ids = self._validated(X, y, sample_ids, reset=True)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        self.seed_ = int(seed)
        self.k_ = self._choose_k(X, y)
        self.classes_ = y[:0]
        self.class_counts_ = np.zeros(0, np.int64)
        self.n_samples_seen_ = 0
        samples = ids[:0] if GENERATORS[self.gen].samples else None
        self._keep(Imprinted(X[:0], np.zeros(0, np.int64), samples))
        self._take_in(X, y, ids)
        return self

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
        if len(known) and not GENERATORS[self.gen].exact_updates:
            exact = ", ".join(GENERATORS.names(exact_updates=True))
            raise UserError(
                f"partial_fit: GEN {self.gen} cannot take in more samples of class {_listed(known)} without its old ones; "
                f"{exact} can. Fit again, or remove the class and add it with all its samples"
            )
        self._take_in(X, y, ids)
        return self

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
        imprinted = forget(self._imprinted(), stays, self.gen)
        if not stays.any():
            raise UserError("remove_classes: no class would be left")
        self.classes_, self.class_counts_ = self.classes_[stays], self.class_counts_[stays]
        self._keep(imprinted)
        self._mapped = self._after_norm_post(imprinted)
        return self

    def predict(self, X: Any, *, reject_below: float | None = None) -> np.ndarray:
        """Label embeddings.

        Parameters
        ----------
        X : array of shape (N, D)
            Embeddings.
        reject_below : float, optional
            A sample whose best class scores less than this (similarity, or sum of votes; see
            `decision_function`) is labelled -1 where labels are numbers, "rejected" where they are not.

        Returns
        -------
        ndarray of shape (N,)
            Labels.
        """
        X = self._queries(X)
        ((_, numbers),) = predict(
            X, len(self.classes_), [self._candidate()], fm_classifier=self._fm_classifier()
        )
        labels = self.classes_[numbers]
        if reject_below is None:
            return labels
        number = np.issubdtype(self.classes_.dtype, np.number)
        mark: int | str = -1 if number else "rejected"
        if mark in self.classes_.tolist():
            raise UserError(
                f"predict: {mark!r} marks rejected samples, but is a class here; rename the class"
            )
        if not number and self.classes_.dtype.kind != "U":
            labels = labels.astype(object)
        rejected = self.class_scores(X).max(axis=1) < reject_below
        return np.where(
            rejected, np.array(mark, labels.dtype if labels.dtype == object else None), labels
        )

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
        scoring = self._configuration().scoring
        voters = min(scoring.neighbours, len(self.proxies_))
        if voters == 1:
            return self._best_of_classes(x)
        near = nearest_proxies(x, self._candidate(), voters, self._fm_classifier())
        votes = np.zeros((len(x), len(self.classes_)))
        weights: Any = 1.0
        if scoring.weighs_by_distance and near.distances is not None:
            weights = 1 / (near.distances.astype(np.float64) + TINY)
        np.add.at(votes, (np.arange(len(x))[:, None], self.proxy_classes_[near.numbers]), weights)
        return votes

    def nearest_proxies(self, X: Any, n: int = 5) -> Nearest:
        """Find the n proxies nearest to each embedding of X (N, D), which explain its prediction."""
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise UserError(f"nearest_proxies: n={n!r} is not a positive whole number")
        near = nearest_proxies(self._queries(X), self._candidate(), n, self._fm_classifier())
        ids = None if self.proxy_samples_ is None else self.proxy_samples_[near.numbers]
        classes = self.classes_[self.proxy_classes_[near.numbers]]
        return Nearest(near.numbers, classes, near.similarities, ids)

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
            self._configuration(),
            {
                **self.get_params(),
                "random_state": self.seed_,
                "fm_classifier": self._fm_classifier(),
            },
            {name: getattr(self, name) for name in SAVED_ATTRIBUTES},
            self._imprinted(),
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
        classifier._keep(saved.imprinted)
        classifier._mapped = classifier._after_norm_post(saved.imprinted)
        return classifier

    def to_torch(self) -> torch.nn.Module:
        """Make a module from embeddings (N, D), before NORMinf, to the scores (N, C) of the classes.

        A plain `torch.nn.Linear` where one gives the same order of classes: one proxy per class, and inner
        product, cosine, or euclidean distance without NORMinf or of proxies of one length. Else a module that
        takes the best proxy of each class, whose scores are those of `decision_function`.

        Raises
        ------
        UserError
            For votes of several neighbours, and for distances and NORMs that no linear layer gives.
        """
        from imprint.estimator.export import scorer

        check_is_fitted(self)
        candidate, scoring = self._candidate(), self._configuration().scoring
        voters = min(scoring.neighbours, len(self.proxies_))
        if voters > 1:
            raise UserError(
                f"to_torch: votes of {voters} neighbours have no module; use agg='max', or m=1"
            )
        proxies = l2(candidate.values) if candidate.unit else candidate.values
        proxies = apply_to_proxies(candidate.scorings[0].norm_post, proxies, candidate.labels)
        return scorer(proxies, candidate.labels, scoring.distance, self.norm_inf)

    def to_onnx(self, path: str | Path) -> None:
        """Write `to_torch()` as ONNX to `path` (.onnx), see `imprint.estimator.export.write_onnx`.

        Needs the extra `weight-imprinting[onnx]`.
        """
        from imprint.estimator.export import write_onnx

        if Path(path).suffix != ".onnx":
            raise UserError(f"to_onnx: {path} does not end in .onnx")
        write_onnx(self.to_torch(), self.proxies_.shape[1], path, self.plain_classes("to_onnx"))

    def check_parameters(self) -> None:
        """Check all parameters, as `fit` does.

        Raises
        ------
        UserError
            With all that is wrong.
        """
        known = {
            "gen": tuple(GENERATORS),
            "norm_pre": NORMS.names(of_rows=True),
            "norm_post": tuple(NORMS),
            "norm_inf": NORMS.names(of_rows=True),
            "agg": AGGREGATIONS,
            "distance": tuple(DISTANCES),
            "weighting": WEIGHTINGS,
        }
        wrong = [
            f"{name}={getattr(self, name)!r}; known: {', '.join(names)}"
            for name, names in known.items()
            if getattr(self, name) not in names
        ]
        auto = self.k == Auto.label
        for name, value in (("k", 1 if auto else self.k), ("m", self.m)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                wrong.append(f"{name}={value!r} is not a positive whole number")
        if not isinstance(self.ls_lambda, int | float | np.number) or not self.ls_lambda > 0:
            wrong.append(f"ls_lambda={self.ls_lambda!r} is not a positive number")
        if not wrong:
            wrong += self._contradictions(auto)
        if wrong:
            raise UserError("ImprintingClassifier: " + "; ".join(wrong))

    def _contradictions(self, auto: bool) -> list[str]:
        """Parameters that are right each, but not together."""
        wrong = []
        entry, distance = GENERATORS[self.gen], DISTANCES[self.distance]
        if auto and entry.takes_k and not entry.chooses_k:
            wrong.append(f"k='auto' with gen='{self.gen}', which cannot choose k; give a number")
        weighted = self.agg == MNN and self.m != 1 and self.weighting != UNIFORM
        if weighted and not distance.weighs_votes:
            wrong.append(
                f"weighting='{self.weighting}' with distance='{self.distance}', which is no distance"
            )
        if NORMS[self.norm_post].needs_fm_classifier and self.fm_classifier is None:
            wrong.append(
                f"norm_post='{self.norm_post}' without fm_classifier, the (C, D) weights of the FM's own classifier"
            )
        return wrong

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
        return queries

    def _choose_k(self, x: np.ndarray, y: np.ndarray) -> int | None:
        if not GENERATORS[self.gen].takes_k:
            return None
        k = parse_k(self.k)
        if isinstance(k, Fixed):
            return k.k
        numbers = np.unique(y, return_inverse=True)[1]
        return choose_k(apply(self.norm_pre, x), numbers, self.gen, self.seed_)[0]

    def _imprinted(self) -> Imprinted:
        return Imprinted(self.proxies_, self.proxy_classes_, self.proxy_samples_, self._sums)

    def _keep(self, imprinted: Imprinted) -> None:
        self.proxies_, self.proxy_classes_ = imprinted.proxies, imprinted.labels
        self.proxy_samples_, self._sums = imprinted.ids, imprinted.sums

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

        total = self.n_samples_seen_ + len(x)
        new = NewSamples(x, apply(self.norm_pre, x), of_samples, ids, known, counts, total)
        settings = Settings(GENERATORS[self.gen], self.k_, self.seed_, self.ls_lambda)
        imprinted = take_in(self._imprinted(), new, settings)
        mapped = self._after_norm_post(imprinted)
        self.classes_, self.class_counts_, self.n_samples_seen_ = classes, counts, total
        self._keep(imprinted)
        self._mapped = mapped

    def _after_norm_post(self, imprinted: Imprinted) -> np.ndarray | None:
        """(P, D) proxies after a NORMpost that costs more than a scale; None for others."""
        norm = NORMS[self.norm_post]
        if norm.scale is not None:
            return None
        unchanged, labels = imprinted.unchanged, imprinted.labels
        values = self._normalised_samples(imprinted.proxies)
        if unchanged and norm.appends is not None and self._mapped is not None:
            new = norm.appends(self._mapped, values[unchanged:], labels[unchanged:])
            return np.concatenate([self._mapped, new])
        return apply_to_proxies(self.norm_post, values, labels, self._fm_classifier())

    def _normalised_samples(self, proxies: np.ndarray) -> np.ndarray:
        """Proxies after NORMpre: those that are samples are kept as they were given."""
        return apply(self.norm_pre, proxies) if GENERATORS[self.gen].samples else proxies

    def _configuration(self) -> Configuration:
        votes = (self.weighting, int(self.m)) if self.agg == MNN else (None, None)
        scoring = Scoring(self.norm_post, self.norm_inf, self.agg, self.distance, *votes)
        k: K = GENERATORS[self.gen].only_k or Fixed(self.k_ or 1)
        return Configuration(self.norm_pre, self.gen, k, scoring)

    def _candidate(self) -> Candidate:
        scoring = self._configuration().scoring
        if self._mapped is not None:
            scoring = scoring._replace(norm_post=IDENTITY)
            return Candidate(self._mapped, self.proxy_classes_, (scoring,))
        if GENERATORS[self.gen].samples and self.norm_pre == UNIT_LENGTH:
            return Candidate(self.proxies_, self.proxy_classes_, (scoring,), unit=True)
        values = self._normalised_samples(self.proxies_)
        return Candidate(values, self.proxy_classes_, (scoring,))

    def _fm_classifier(self) -> np.ndarray | None:
        if self.fm_classifier is None:
            return None
        return np.asarray(_as_numpy(self.fm_classifier), np.float32)

    def _best_of_classes(self, x: np.ndarray) -> np.ndarray:
        """(n, C) similarities of the best proxy of each class: a search per class, all from the product of `predict`."""
        candidate = self._candidate()
        how, queries = ranking(x, candidate, candidate.scorings[0], self._fm_classifier())
        firsts = np.searchsorted(candidate.labels, np.arange(len(self.classes_) + 1))
        columns = {search: i for i, search in enumerate(_searches(how, firsts))}
        numbers = np.empty((len(x), len(self.classes_)), np.int32)
        products = np.empty(numbers.shape, np.float32)
        for search, of_class, values in nearest(queries.x, queries.lengths, columns, MEMORY):
            column = columns[search]
            numbers[:, column] = firsts[column] + of_class[:, 0]
            products[:, column] = values[:, 0]
        return measured(how, queries, self.distance, numbers, products).similarities


def _searches(how: Ranking, firsts: np.ndarray) -> list[Search]:
    """A search for the best proxy of each class; the proxies of class i are firsts[i] to firsts[i + 1]."""
    searches = []
    for first, last in pairwise(firsts):
        part = slice(first, last)
        offset = None if how.offset is None else how.offset[part]
        columns = Columns(how.columns.values[part])
        of_class = Ranking(
            columns, how.scale[part], offset, how.times_length, None, how.queries, how.block
        )
        searches.append(Search(of_class))
    return searches


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
            "gen='all' with votes, and ls, favour large classes",
            stacklevel=4,
        )


def _listed(labels: np.ndarray) -> str:
    return ", ".join(map(str, labels[:5].tolist())) + (", ..." if len(labels) > 5 else "")
