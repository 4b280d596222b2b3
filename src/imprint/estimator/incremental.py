"""Update proxies with new samples: of new classes and, where the GEN allows it, of known classes.

A GEN whose proxies follow from sums over samples keeps these sums; a GEN that uses every sample as a proxy needs only the
new samples; any other GEN generates proxies for new classes and leaves the old proxies unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.labels import renumbered
from imprint.method.class_sums import ClassSums
from imprint.method.generate import GENERATORS, Generator
from imprint.method.generate.centers import mean
from imprint.method.generate.least_squares import (
    clustered_least_squares,
    factored,
    gram,
    least_squares,
    pseudo_classes,
    weights,
)
from imprint.method.generate.proxy_sets import proxy_sets
from imprint.method.generate.ridge import ridge
from imprint.method.generate.samples import all_samples
from imprint.method.proxies import ProxySet
from imprint.method.ridge import from_sums, leave_one_out
from imprint.method.sums import group_sums

WITHOUT_SUMS = (
    "this head was written by the workflow, without the sums that its GEN or NORM needs to add or remove samples; fit "
    "again"
)


@dataclass(frozen=True)
class Imprinted:
    """The proxies of all samples so far.

    Attributes
    ----------
    proxies : ndarray of shape (P, D)
        Proxies before NORMpost, float32; if they are samples, the samples before NORMpre.
    labels : ndarray of shape (P,)
        Their class numbers, ascending.
    ids : ndarray of shape (P,) or None
        Ids of the samples that are proxies; None if proxies are not samples.
    bias : ndarray of shape (P,) or None
        Added to the inner products of the proxies.
    sums : dict
        Sums to which later samples are added, by name.
    unchanged : int
        Number of leading proxies that the last samples did not change.
    """

    proxies: np.ndarray
    labels: np.ndarray
    ids: np.ndarray | None = None
    bias: np.ndarray | None = None
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    unchanged: int = 0


@dataclass(frozen=True)
class NewSamples:
    """Samples to add.

    Attributes
    ----------
    x, normalised : ndarray of shape (n, D)
        Embeddings before and after NORMpre.
    classes : ndarray of shape (n,)
        Their class numbers.
    ids : ndarray of shape (n,)
        Their ids.
    known : int
        Number of classes imprinted before; numbers of new classes start here.
    counts : ndarray of shape (C,)
        Samples of each class, including old ones.
    class_sums : ClassSums or None
        Sums of `normalised`, including old samples, if GEN or NORM needs them.
    """

    x: np.ndarray
    normalised: np.ndarray
    classes: np.ndarray
    ids: np.ndarray
    known: int
    counts: np.ndarray
    class_sums: ClassSums | None = None


@dataclass(frozen=True)
class Settings:
    """Settings of generation."""

    entry: Generator
    k: int | None
    seed: int
    ls_lambda: float

    def generate(self, new: NewSamples, gen: str | None = None) -> ProxySet:
        """Generate the proxies of new classes, numbered from 0."""
        k = self.k or 1  # without k, the GEN ignores it
        name = gen or self.entry.name
        sets = proxy_sets(
            new.normalised,
            new.classes - new.known,
            name,
            [k],
            [self.seed],
            ls_lambda=self.ls_lambda,
            threads=None,
            first=new.known,
        )
        return sets[k, self.seed]


def take_in(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """The proxies of all classes after the new samples are added."""
    return UPDATES.get(settings.entry.make, _new_classes)(before, new, settings)


def _new_classes(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """Append proxies of the new classes to the old ones."""
    if settings.entry.sees_all_classes and new.known:
        raise UserError(
            f"the proxies of GEN {settings.entry.name} depend on the samples of all classes; fit again on all"
        )
    generated = settings.generate(new)
    values, ids = generated.matrix(new.x), before.ids
    if generated.samples is not None:
        ids = joined(before.ids, new.ids[generated.samples])
    return Imprinted(
        np.concatenate([before.proxies, values]) if new.known else values,
        np.concatenate([before.labels, new.known + generated.labels]),
        ids,
        bias=generated.bias,
        unchanged=len(before.proxies),
    )


def _means(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """Class means from sums, rounded like those of GEN `mean`."""
    sums, _ = group_sums(new.normalised, new.classes)
    if new.known:
        sums = _added(_sum(before, "sums"), sums)
    proxies = (sums / new.counts[:, None]).astype(np.float32)
    only_new = new.classes.min() >= new.known
    unchanged = new.known if only_new else 0
    return Imprinted(proxies, np.arange(len(sums)), sums={"sums": sums}, unchanged=unchanged)


def _every_sample(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """All samples, grouped by class."""
    order = np.argsort(new.classes, kind="stable")
    labels = np.concatenate([before.labels, new.classes[order]])
    proxies = np.concatenate([before.proxies, new.x[order]])
    ids = joined(before.ids, new.ids[order])
    if new.classes.min() >= new.known:
        return Imprinted(proxies, labels, ids, unchanged=len(before.proxies))
    order = np.argsort(labels, kind="stable")
    return Imprinted(proxies[order], labels[order], ids[order])


def _least_squares(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """Least squares from X^T X and class sums."""
    return _from_sums(before, new, settings, new.classes, np.arange(len(new.counts)))


def _clustered(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """Least squares from X^T X and the sums of clusters as pseudo-classes."""
    clusters = settings.generate(new, settings.entry.clusters)
    groups, labels = pseudo_classes(new.normalised, new.classes - new.known, clusters)
    labels = np.concatenate([before.labels, new.known + labels])
    return _from_sums(before, new, settings, groups + len(before.labels), labels)


def _from_sums(
    before: Imprinted,
    new: NewSamples,
    settings: Settings,
    groups: np.ndarray,
    labels: np.ndarray,
) -> Imprinted:
    total, (sums, counts) = gram(new.normalised), group_sums(new.normalised, groups)
    if new.known:
        total += _sum(before, "gram")
        sums = _added(_sum(before, "sums"), sums)
        counts = _added(_sum(before, "counts"), counts)
    factor = factored(total, int(new.counts.sum()), settings.ls_lambda)
    proxies = weights(sums, counts, factor).astype(np.float32)
    return Imprinted(proxies, labels, sums={"gram": total, "sums": sums, "counts": counts})


PENALTY = "penalty"


def _ridge(before: Imprinted, new: NewSamples, settings: Settings) -> Imprinted:
    """Ridge regression; the penalty is chosen once, on the samples of the first fit."""
    if not new.known:
        fitted = leave_one_out(new.normalised, new.classes)
    else:
        assert new.class_sums is not None
        fitted = from_sums(new.class_sums, float(_sum(before, PENALTY)))
    sums = {PENALTY: np.array(fitted.penalty)}
    return Imprinted(fitted.weights, np.arange(len(fitted.weights)), bias=fitted.bias, sums=sums)


Update = Callable[[Imprinted, NewSamples, Settings], Imprinted]
# by the function of the GEN; other GENs can only add new classes
UPDATES: dict[Callable[..., Any], Update] = {
    mean: _means,
    all_samples: _every_sample,
    least_squares: _least_squares,
    clustered_least_squares: _clustered,
    ridge: _ridge,
}
# GENs whose proxies follow from class sums alone
FROM_CLASS_SUMS = (ridge,)


def _sum(before: Imprinted, name: str) -> np.ndarray:
    if name not in before.sums:
        raise UserError(WITHOUT_SUMS)
    return before.sums[name]


def _added(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Add sums by class; either may have classes that the other lacks."""
    total = np.zeros((max(len(old), len(new)), *old.shape[1:]), old.dtype)
    total[: len(old)] = old
    total[: len(new)] += new
    return total


def joined(old: np.ndarray | None, new: np.ndarray) -> np.ndarray:
    """Concatenate labels or ids; a `UserError` for text and numbers, which numpy would silently turn into text."""
    if old is None or not len(old):
        return new
    if not len(new):
        return old
    one_is_text = (old.dtype.kind in "US") != (new.dtype.kind in "US")
    if one_is_text and object not in (old.dtype, new.dtype):
        raise UserError(
            f"labels or ids {new[:3].tolist()} have another type than the earlier ones, {old[:3].tolist()}"
        )
    if {old.dtype.kind, new.dtype.kind} == {"i", "u"} and np.result_type(old, new).kind == "f":
        old = old.astype(object)  # floats lack digits of 64-bit numbers
    return np.concatenate([old, new])


def forget(
    before: Imprinted, stays: np.ndarray, gen: str, class_sums: ClassSums | None
) -> Imprinted:
    """The proxies without those of some classes.

    stays: (C,) mask of the classes that remain. class_sums: of these classes, if GEN or NORM needs them.
    """
    entry = GENERATORS.find(gen)
    if entry.make in FROM_CLASS_SUMS and class_sums is not None:
        fitted = from_sums(class_sums, float(before.sums[PENALTY]))
        labels = np.arange(len(fitted.weights))
        return Imprinted(fitted.weights, labels, bias=fitted.bias, sums=before.sums)
    if entry.sees_all_classes:
        raise UserError(
            f"remove_classes: the proxies of GEN {gen} depend on the samples of all classes; fit again without them"
        )
    kept, numbers = renumbered(before.labels, stays)
    return Imprinted(
        before.proxies[kept],
        numbers,
        None if before.ids is None else before.ids[kept],
        sums={name: array[stays] for name, array in before.sums.items()},
    )
