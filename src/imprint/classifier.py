"""Imprinting as a scikit-learn classifier, on the code and with the predictions of the grid engine."""

from __future__ import annotations

import json
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

from imprint import __version__, head, normalize
from imprint.aggregate import AGGREGATIONS, DISTANCES, TINY, WEIGHTINGS, Ranking
from imprint.errors import UserError
from imprint.evaluate import MEMORY, Candidate, predict, ranking
from imprint.generate import ANY_K, GENERATORS, proxy_sets
from imprint.generate.auto import choose_k
from imprint.generate.least_squares import factored, gram, group_sums, pseudo_classes, weights
from imprint.method import Configuration, Scoring
from imprint.nearest import Search, nearest
from imprint.presets import PRESETS
from imprint.store import ProxySet

if TYPE_CHECKING:
    import torch

IMBALANCE = 10  # times the samples of the smallest class that the largest has without a warning


class Nearest(NamedTuple):
    """The n proxies nearest to each of N samples, nearest first; all (N, n).

    proxies: rows of `proxies_`. classes: their labels. similarities: as in `decision_function` with `max`.
    samples: ids of the training samples they are, None where proxies are no samples.
    """

    proxies: np.ndarray
    classes: np.ndarray
    similarities: np.ndarray
    samples: np.ndarray | None


class ImprintingClassifier(ClassifierMixin, BaseEstimator):
    """Weight imprinting: the proxies of each class are computed from its embeddings, without gradients.

    Embeddings (numpy or torch, any float) are computed with in float32, as the grid engine does: with the same seed the
    predictions are those of the workflow for the same cell.

    Parameters
    ----------
    gen : GEN, how proxies are generated; a name of `imprint.generate.GENERATORS`.
    k : proxies per class, or "auto" (`imprint.generate.auto`). Without effect on `mean`, `ls` and `all`.
    norm_pre, norm_inf : "none" or "l2", for training and test embeddings.
    norm_post : "none", "l2", "quantile", "quantile_pooled" or "quantile_fm", for proxies.
    agg : "max", the class of the nearest proxy, or "mnn", a vote of the m nearest; `max` ignores m and weighting.
    distance : "inner_product", "cosine", "euclidean", "manhattan" or "mahalanobis".
    m, weighting : neighbours that vote, and how: "uniform", or "distance" for 1 / (distance + 1e-10).
    random_state : seed of GEN; an int gives what the workflow gives for it.
    ls_lambda : ridge of `ls` and `kls`. The best known value is the weight decay of the FM's pre-training; the
        default is that of the common ResNets.
    fm_classifier : (C, D) weights of the FM's own classifier, which norm_post="quantile_fm" needs.

    Attributes
    ----------
    classes_ : (C,) labels in the order in which they were imprinted; those of one call are sorted.
    class_counts_ : (C,) training samples of each.
    proxies_ : (P, D) float32 proxies before NORMpost. Where they are samples, the samples as they were given.
    proxy_classes_ : (P,) rows of `classes_`, ascending.
    proxy_samples_ : (P,) ids of the samples that are proxies, None where they are none.
    k_, seed_ : those used.

    References
    ----------
    Westerhoff et al., "Robust Weight Imprinting: Insights from Neural Collapse and Proxy-Based Aggregation", TMLR 2025.
    """

    def __init__(
        self,
        gen="kmeans",
        k=20,
        norm_pre="l2",
        norm_post="l2",
        norm_inf="l2",
        agg="max",
        distance="inner_product",
        m=1,
        weighting="uniform",
        random_state=None,
        ls_lambda=1e-4,
        fm_classifier=None,
    ):
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
        """A published method by name: qi, hosoda, janson, westerhoff or oracle. `parameters` override its parts."""
        if name not in PRESETS:
            raise UserError(f"unknown preset '{name}'; known: {', '.join(PRESETS)}")
        return cls(**{**_parameters(PRESETS[name].configuration), **parameters})

    def fit(self, X, y, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint the classes of y from the embeddings X (N, D).

        sample_ids: (N,) names for `nearest_proxies`, by default the row numbers.
        Warns where a class has fewer than k samples, or a tenth of the samples of the largest or less.
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
        self.proxies_ = X[:0]
        self.proxy_classes_ = np.zeros(0, np.int64)
        self.proxy_samples_ = ids[:0] if GENERATORS[self.gen].samples else None
        self._moments: dict[str, np.ndarray] = {}
        self._take_in(X, y, ids)
        return self

    def add_classes(self, X, y, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Imprint further classes; what was imprinted before is not computed again, and its samples are not needed.

        The result is that of one `fit` on all samples whose classes come in this order. With `ls` and `kls` this holds
        too: the sums that they need were kept. norm_post="quantile" maps the new classes to those before them.
        Row numbers as ids go on from those before.
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

    def partial_fit(self, X, y, classes=None, *, sample_ids: Sequence[Any] | None = None) -> Self:
        """Take in more samples, of new classes for any GEN, of known ones where this equals one `fit` on all samples.

        Known classes: `mean`, `all` and `ls`, in any NORM. For other GENs they are a `UserError`, as those would have to
        see the old samples again. classes: if given, must contain all of y; a class counts once it has samples.
        """
        if classes is not None and len(strange := np.setdiff1d(_as_numpy(y), _as_numpy(classes))):
            raise UserError(f"partial_fit: class {_listed(strange)} is not among the given classes")
        if not hasattr(self, "classes_"):
            return self.fit(X, y, sample_ids=sample_ids)
        X, y, ids = self._validated(X, y, sample_ids, reset=False)
        known = np.intersect1d(y, self.classes_)
        if len(known) and self.gen not in ("mean", "all", "ls"):
            raise UserError(
                f"partial_fit: GEN {self.gen} cannot take in more samples of class {_listed(known)} without its old ones; "
                "mean, all and ls can. Fit again, or remove the class and add it with all its samples"
            )
        self._take_in(X, y, ids)
        return self

    def remove_classes(self, labels: Sequence[Any]) -> Self:
        """Forget classes. Impossible (`UserError`) with `ls` and `kls`, whose proxies all depend on all samples."""
        check_is_fitted(self)
        labels = np.unique(np.atleast_1d(_as_numpy(labels)))
        if len(strange := np.setdiff1d(labels, self.classes_)):
            raise UserError(f"remove_classes: there is no class {_listed(strange)}")
        if GENERATORS[self.gen].sees_all_classes:
            raise UserError(
                f"remove_classes: the proxies of GEN {self.gen} depend on the samples of all classes; fit again without them"
            )
        stays = ~np.isin(self.classes_, labels)
        if not stays.any():
            raise UserError("remove_classes: no class would be left")
        of_stays = stays[self.proxy_classes_]
        self.classes_, self.class_counts_ = self.classes_[stays], self.class_counts_[stays]
        self.proxies_ = self.proxies_[of_stays]
        self.proxy_classes_ = (np.cumsum(stays) - 1)[self.proxy_classes_[of_stays]]
        if self.proxy_samples_ is not None:
            self.proxy_samples_ = self.proxy_samples_[of_stays]
        self._moments = {name: array[stays] for name, array in self._moments.items()}
        self._mapped = self._after_norm_post(0)
        return self

    def predict(self, X, *, reject_below: float | None = None) -> np.ndarray:
        """Labels (N,) of the embeddings X (N, D).

        reject_below: a sample whose best class has less than this (similarity, or sum of votes; see `decision_function`) is
        labelled -1 where labels are numbers, "rejected" where they are not.
        """
        X = self._queries(X)
        ((_, numbers),) = predict(X, len(self.classes_), [self._candidate()], head=self._fm_classifier())
        labels = self.classes_[numbers]
        if reject_below is None:
            return labels
        number = np.issubdtype(self.classes_.dtype, np.number)
        mark = -1 if number else "rejected"
        if mark in self.classes_.tolist():
            raise UserError(
                f"predict: {mark!r} marks rejected samples, but is a class here; rename the class"
            )
        if not number and self.classes_.dtype.kind != "U":
            labels = labels.astype(object)
        rejected = self.class_scores(X).max(axis=1) < reject_below
        return np.where(rejected, np.array(mark, labels.dtype if labels.dtype == object else None), labels)

    def decision_function(self, X) -> np.ndarray:
        """How well each class fits each embedding of X (N, D): (N, C), columns as `classes_`.

        With `max`, or one neighbour: the similarity of the best proxy of the class, which is the inner product (after
        NORMpost and NORMinf), the cosine, or minus the distance. With several neighbours: the sum of the votes for it.
        Of two classes, (N,): the value of the second minus that of the first, as scikit-learn has it. The
        largest, the first among equals, is what `predict` says. They are no probabilities: see CalibratedClassifierCV.
        """
        scores = self.class_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def class_scores(self, X) -> np.ndarray:
        """As `decision_function`, but always (N, C), a column for each class, also of two."""
        x = self._queries(X)
        if self._voters() == 1:
            return self._best_of_classes(x)
        own, numbers, products = self._neighbours(x, self._voters())
        voices = 1.0
        if self.weighting == "distance":
            voices = 1 / (own.measure(slice(0, len(x)), numbers, products).astype(np.float64) + TINY)
        votes = np.zeros((len(x), len(self.classes_)))
        np.add.at(votes, (np.arange(len(x))[:, None], self.proxy_classes_[numbers]), voices)
        return votes

    def nearest_proxies(self, X, n: int = 5) -> Nearest:
        """The n proxies nearest to each embedding of X (N, D), which explain its prediction; see `Nearest`."""
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise UserError(f"nearest_proxies: n={n!r} is not a positive whole number")
        X = self._queries(X)
        own, numbers, products = self._neighbours(X, n)
        similarities = self._similarities(own, X, numbers, products)
        samples = None if self.proxy_samples_ is None else self.proxy_samples_[numbers]
        return Nearest(numbers, self.classes_[self.proxy_classes_[numbers]], similarities, samples)

    def save(self, path: str | Path, fm: Any) -> None:
        """Write the head to `path` (.safetensors), described in its header and beside it as JSON.

        fm: the FM and its preprocessing, see `imprint.head.fm_of`. Ids of samples must be numbers or text.
        """
        check_is_fitted(self)
        plain = self._plain_classes("save")
        own = {"random_state": self.seed_, "fm_classifier": None}
        about = {
            "configuration": self._configuration()._asdict(),
            "unit": self._unit,
            "parameters": {name: _plain(own.get(name, v)) for name, v in self.get_params().items()},
            "classes": plain,
            "classes_type": self.classes_.dtype.str,
            "class_counts": self.class_counts_.tolist(),
            "samples": self.n_samples_seen_,
            "k": self.k_,
            "seed": self.seed_,
            "fm": head.fm_of(fm),
            "versions": _versions(),
        }
        state = dict(self._moments)
        if self.proxy_samples_ is not None:
            state["sample_ids"] = head.as_bytes(self.proxy_samples_)
        head.write(path, head.Head(self.proxies_, self.proxy_classes_, about, self._fm_classifier(), state))

    @classmethod
    def load(cls, path: str | Path, fm: Any = None) -> Self:
        """Read a head that `save` or the workflow wrote.

        fm: the FM that the embeddings will come from, see `imprint.head.fm_of`; another model, other weights or another
        preprocessing than the head's is a `UserError`. Without it only the size of embeddings is checked.
        A head of the workflow takes in no more samples of known classes, and with `ls` and `kls` no new classes.
        """
        own = head.load(path)
        if fm is not None:
            own.require_fm(fm)
        about, state = own.about, dict(own.state)
        counts = np.bincount(own.labels, minlength=len(about["classes"]))
        parameters = about.get("parameters")
        if parameters is None:
            parameters = {
                **_parameters(Configuration(**about["configuration"])),
                "random_state": about["seed"],
            }
        if parameters["gen"] not in GENERATORS:
            raise UserError(
                f"{path} was made by GEN '{parameters['gen']}' of a user's file; import that file first, on the command line by --generators FILE"
            )
        made = cls(**{**parameters, "fm_classifier": own.classifier})
        ids = state.pop("sample_ids", None)
        made.classes_ = np.array(about["classes"], dtype=about.get("classes_type"))
        made.class_counts_ = np.array(about.get("class_counts", counts))
        made.n_samples_seen_ = about.get("samples", 0)
        made.n_features_in_ = own.proxies.shape[1]
        made.k_ = about.get("k", int(counts.max()) if GENERATORS[made.gen].takes_k else None)
        made.seed_ = about["seed"]
        made.proxies_, made.proxy_classes_ = own.proxies, own.labels
        made.proxy_samples_ = None if ids is None else np.array(json.loads(ids.tobytes()))
        made._moments = state
        made._mapped = made._after_norm_post(0)
        return made

    def to_torch(self) -> torch.nn.Module:
        """A module from embeddings (N, D), before NORMinf, to the scores (N, C) of the classes, columns as `classes_`.

        A plain `torch.nn.Linear` where one gives the same order of classes: one proxy a class, and inner product, cosine,
        or euclidean distance without NORMinf or of proxies of one length. Else a module that takes the best proxy
        of each class, whose scores are those of `decision_function`. `UserError` for votes of several neighbours, and for
        manhattan and mahalanobis distances.
        """
        from imprint.modules import scorer

        check_is_fitted(self)
        candidate = self._candidate()
        scoring = candidate.scorings[0]
        if self._voters() > 1:
            raise UserError(
                f"to_torch: votes of {self._voters()} neighbours have no module; use agg='max', or m=1"
            )
        proxies = normalize.l2(candidate.values) if candidate.unit else candidate.values
        proxies = normalize.apply(scoring.norm_post, proxies)
        return scorer(proxies, candidate.labels, scoring.distance, self.norm_inf == "l2")

    def to_onnx(self, path: str | Path) -> None:
        """Write `to_torch()` as ONNX to `path` (.onnx), see `imprint.modules.write_onnx`; what it cannot, this cannot.

        Needs the extra `imprint[onnx]`.
        """
        from imprint.modules import write_onnx

        if Path(path).suffix != ".onnx":
            raise UserError(f"to_onnx: {path} does not end in .onnx")
        write_onnx(self.to_torch(), self.proxies_.shape[1], path, self._plain_classes("to_onnx"))

    # what was given

    def check_parameters(self) -> None:
        """A `UserError` that lists all parameters that are wrong, as `fit` raises it."""
        known = {
            "gen": GENERATORS,
            "norm_pre": normalize.NORM_PRE,
            "norm_post": normalize.NORM_POST,
            "norm_inf": normalize.NORM_INF,
            "agg": AGGREGATIONS,
            "distance": DISTANCES,
            "weighting": WEIGHTINGS,
        }
        wrong = [
            f"{name}={getattr(self, name)!r}; known: {', '.join(names)}"
            for name, names in known.items()
            if getattr(self, name) not in names
        ]
        auto = self.k == "auto"
        wrong += [
            f"{name}={value!r} is not a positive whole number"
            for name, value in (("k", 1 if auto else self.k), ("m", self.m))
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1
        ]
        if not isinstance(self.ls_lambda, int | float | np.number) or not self.ls_lambda > 0:
            wrong.append(f"ls_lambda={self.ls_lambda!r} is not a positive number")
        if auto and self.gen == "kls":
            wrong.append("k='auto' with gen='kls', which cannot choose k; give a number")
        if (self.agg, self.distance, self.weighting) == ("mnn", "inner_product", "distance") and self.m != 1:
            wrong.append("weighting='distance' with distance='inner_product', which is no distance")
        if self.norm_post == "quantile_fm" and self.fm_classifier is None:
            wrong.append(
                "norm_post='quantile_fm' without fm_classifier, the (C, D) weights of the FM's own classifier"
            )
        if wrong:
            raise UserError("ImprintingClassifier: " + "; ".join(wrong))

    def _plain_classes(self, what: str) -> list[str | int | float]:
        plain = self.classes_.tolist()
        if not all(isinstance(label, str | int | float) for label in plain):
            raise UserError(
                f"{what}: labels of type {type(plain[0]).__name__} have no place in JSON; use text or numbers"
            )
        return plain

    def _validated(
        self, X: Any, y: Any, sample_ids: Sequence[Any] | None, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X, y = validate_data(self, _as_numpy(X), _as_numpy(y), dtype=np.float32, order="C", reset=reset)
        check_classification_targets(y)
        start = 0 if reset else self.n_samples_seen_
        ids = np.arange(start, start + len(X)) if sample_ids is None else np.asarray(sample_ids)
        if ids.shape != (len(X),):
            raise UserError(f"sample_ids has shape {ids.shape}; {len(X)} samples need as many ids")
        return X, y, ids

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, _as_numpy(X), dtype=np.float32, order="C", reset=False)

    def _choose_k(self, x: np.ndarray, y: np.ndarray) -> int | None:
        if not GENERATORS[self.gen].takes_k:
            return None
        if self.k != "auto":
            return int(self.k)
        numbers = np.unique(y, return_inverse=True)[1]
        return choose_k(normalize.apply(self.norm_pre, x), numbers, self.gen, self.seed_)[0]

    # imprinting

    def _take_in(self, x: np.ndarray, y: np.ndarray, ids: np.ndarray) -> None:
        """Imprint samples x (n, D) with labels y (n,): new classes, or more of known ones where GEN allows it.

        Nothing of the estimator changes if this fails.
        """
        old = len(self.classes_)
        own, inverse = np.unique(y, return_inverse=True)
        place = {label: number for number, label in enumerate(self.classes_.tolist())}
        fresh = [label not in place for label in own.tolist()]
        place |= {label: old + i for i, label in enumerate(own[fresh].tolist())}
        numbers = np.array([place[label] for label in own.tolist()])[inverse]
        classes = own if not old else _joined(self.classes_, own[fresh])
        counts = np.bincount(numbers, minlength=len(classes))
        counts[:old] += self.class_counts_
        _warn(classes, counts, self.k_, np.unique(numbers))

        spec, moments = GENERATORS[self.gen], self._moments
        samples, unchanged = self.proxy_samples_, 0
        if self.gen in ("ls", "kls"):
            labels, proxies, moments = self._from_all_classes(x, numbers, len(classes))
        elif self.gen == "mean":
            labels, sums = np.arange(len(classes)), _sums(normalize.apply(self.norm_pre, x), numbers)
            if old:
                sums = _added(self._moment("sums"), sums)
            moments = {"sums": sums}
            proxies = (sums / counts[:, None]).astype(np.float32)
            unchanged = old if all(fresh) else 0
        elif self.gen == "all":
            order = np.argsort(numbers, kind="stable")
            labels = np.concatenate([self.proxy_classes_, numbers[order]])
            proxies, samples = np.concatenate([self.proxies_, x[order]]), _joined(samples, ids[order])
            unchanged = len(self.proxies_)
            if not all(fresh):
                order, unchanged = np.argsort(labels, kind="stable"), 0
                labels, proxies, samples = labels[order], proxies[order], samples[order]
        else:
            made = self._generated(normalize.apply(self.norm_pre, x), numbers - old, first=old)
            labels = np.concatenate([self.proxy_classes_, old + made.labels])
            proxies = np.concatenate([self.proxies_, made.matrix(x)]) if old else made.matrix(x)
            samples = _joined(samples, ids[made.samples]) if spec.samples else None
            unchanged = len(self.proxies_)
        mapped = self._after_norm_post(unchanged, proxies, labels)
        self.classes_, self.class_counts_, self.n_samples_seen_ = (
            classes,
            counts,
            self.n_samples_seen_ + len(x),
        )
        self.proxies_, self.proxy_classes_, self.proxy_samples_ = proxies, labels, samples
        self._moments, self._mapped = moments, mapped

    def _generated(self, x: np.ndarray, y: np.ndarray, first: int, gen: str | None = None) -> ProxySet:
        k = self.k_ or ANY_K
        return proxy_sets(x, y, gen or self.gen, [k], [self.seed_], first=first)[k, self.seed_]

    def _from_all_classes(
        self, x: np.ndarray, numbers: np.ndarray, classes: int
    ) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Labels and proxies of `ls` and `kls`, from X^T X and the sums of the (pseudo-)classes, which are kept."""
        old = len(self.classes_)
        x = normalize.apply(self.norm_pre, x)
        if self.gen == "ls":
            labels, groups = np.arange(classes), numbers
        else:
            groups, labels = pseudo_classes(
                x, numbers - old, self._generated(x, numbers - old, old, "kmeans")
            )
            groups = groups + len(self.proxy_classes_)
            labels = np.concatenate([self.proxy_classes_, old + labels])
        total, (sums, counts) = gram(x), group_sums(x, groups)
        if old:
            total += self._moment("gram")
            sums, counts = _added(self._moment("sums"), sums), _added(self._moment("counts"), counts)
        shared = factored(total, self.n_samples_seen_ + len(x), self.ls_lambda)
        proxies = weights(sums, counts, shared).astype(np.float32)
        return labels, proxies, {"gram": total, "sums": sums, "counts": counts}

    def _moment(self, name: str) -> np.ndarray:
        if name not in self._moments:
            raise UserError(
                f"this head was written by the workflow, without the sums that GEN {self.gen} needs to take in more; fit anew"
            )
        return self._moments[name]

    def _after_norm_post(
        self, unchanged: int, proxies: np.ndarray | None = None, labels: np.ndarray | None = None
    ) -> np.ndarray | None:
        """(P, D) proxies after a NORMpost of quantiles; None for others, which cost no more than a scale.

        unchanged: number of proxies that are as they were at the last call.
        """
        if self.norm_post in ("none", "l2"):
            return None
        proxies = self.proxies_ if proxies is None else proxies
        labels = self.proxy_classes_ if labels is None else labels
        values = normalize.l2(proxies[unchanged:]) if self._unit else proxies[unchanged:]
        if self.norm_post == "quantile" and unchanged:
            out = np.concatenate([self._mapped, values])
            for label in range(labels[unchanged], labels[-1] + 1):
                start, end = np.searchsorted(labels, [label, label + 1])
                out[start:end] = normalize.to_quantiles(out[start:end], out[:start])
            return out
        if self.norm_post == "quantile_pooled" and unchanged:
            return self._after_norm_post(0, proxies, labels)
        mapped = normalize.NORM_POST[self.norm_post](values, labels[unchanged:], self._fm_classifier())
        return np.concatenate([self._mapped, mapped]) if unchanged else mapped

    @property
    def _unit(self) -> bool:
        """Whether `proxies_` are samples that NORMpre has yet to divide by their lengths, as in `Candidate`."""
        return GENERATORS[self.gen].samples and self.norm_pre == "l2"

    # scoring

    def _configuration(self) -> Configuration:
        votes = (self.weighting, int(self.m)) if self.agg == "mnn" else (None, None)
        k = None if self.gen == "all" else self.k_ or ANY_K
        return Configuration(
            self.norm_pre, self.gen, k, self.norm_post, self.norm_inf, self.agg, self.distance, *votes
        )

    def _candidate(self) -> Candidate:
        scoring = Scoring(*self._configuration()[3:])
        if self._mapped is None:
            return Candidate(self.proxies_, self.proxy_classes_, (scoring,), unit=self._unit)
        return Candidate(self._mapped, self.proxy_classes_, (scoring._replace(norm_post="none"),))

    def _fm_classifier(self) -> np.ndarray | None:
        return None if self.fm_classifier is None else np.asarray(_as_numpy(self.fm_classifier), np.float32)

    def _voters(self) -> int:
        return min(self.m, len(self.proxies_)) if self.agg == "mnn" else 1

    def _neighbours(self, x: np.ndarray, n: int) -> tuple[Ranking, np.ndarray, np.ndarray]:
        """How proxies are ranked, the numbers (N, n) of the nearest, and their products (N, n) with x."""
        candidate = self._candidate()
        own = ranking(x, candidate, candidate.scorings[0])
        search = Search(own, min(n, len(candidate.labels)))
        ((_, numbers, products),) = nearest(x, np.linalg.norm(x, axis=1), [search], MEMORY)
        return own, numbers, products

    def _best_of_classes(self, x: np.ndarray) -> np.ndarray:
        """(n, C) similarities of the best proxy of each class: a search a class, all from the product of `predict`."""
        candidate = self._candidate()
        own = ranking(x, candidate, candidate.scorings[0])
        firsts = np.searchsorted(candidate.labels, np.arange(len(self.classes_) + 1))
        searches = [Search(_part(own, first, last)) for first, last in pairwise(firsts)]
        place = {id(search): number for number, search in enumerate(searches)}
        numbers = np.empty((len(x), len(self.classes_)), np.int32)
        products = np.empty(numbers.shape, np.float32)
        for search, found, values in nearest(x, np.linalg.norm(x, axis=1), searches, MEMORY):
            number = place[id(search)]
            numbers[:, number] = firsts[number] + found[:, 0]
            products[:, number] = values[:, 0]
        return self._similarities(own, x, numbers, products)

    def _similarities(
        self, own: Ranking, x: np.ndarray, numbers: np.ndarray, products: np.ndarray
    ) -> np.ndarray:
        if own.measure is None:
            similar = products * own.scale[numbers]
            if self.norm_inf == "l2":
                lengths = np.linalg.norm(x, axis=1, keepdims=True)
                similar /= np.where(lengths > 0, lengths, 1)
            return similar
        distances = own.measure(slice(0, len(x)), numbers, products)
        return (1 - distances if self.distance == "cosine" else -distances).astype(np.float32, copy=False)


def _part(own: Ranking, first: int, last: int) -> Ranking:
    """The ranking of the proxies first..last alone."""
    offset = None if own.offset is None else own.offset[first:last]
    return Ranking(
        own.columns[first:last], own.scale[first:last], offset, own.times_length, None, own.queries
    )


def _sums(x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(C, D) float64 sums of the classes, zero of those without a sample. Rounded as the GEN `mean` rounds them."""
    sums = np.zeros((numbers.max() + 1, x.shape[1]))
    order = np.argsort(numbers, kind="stable")
    labels, firsts = np.unique(numbers[order], return_index=True)
    for label, rows in zip(labels, np.split(order, firsts[1:]), strict=True):
        sums[label] = x[rows].sum(axis=0, dtype=np.float64)
    return sums


def _added(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Sums by class, where each may have classes that the other has not."""
    total = np.zeros((max(len(old), len(new)), *old.shape[1:]), old.dtype)
    total[: len(old)] = old
    total[: len(new)] += new
    return total


def _as_numpy(values: Any) -> Any:
    """A torch tensor as an array, anything else as it is."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()


def _joined(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Labels or ids one after another; text with numbers would become text without a word."""
    if (
        len(old)
        and len(new)
        and (old.dtype.kind in "US") != (new.dtype.kind in "US")
        and object not in (old.dtype, new.dtype)
    ):
        raise UserError(
            f"labels or ids {new[:3].tolist()} are of another type than those before, {old[:3].tolist()}"
        )
    return np.concatenate([old, new]) if len(old) else new


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


def _parameters(configuration: Configuration) -> dict[str, Any]:
    """Constructor arguments of a configuration; what it leaves open keeps its default."""
    given = {name: value for name, value in configuration._asdict().items() if value is not None}
    if configuration.k is None and GENERATORS[configuration.gen].takes_k:
        given["k"] = "auto"
    return given


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _versions() -> dict[str, str]:
    import sklearn

    return {"imprint": __version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
