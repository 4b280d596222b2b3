"""The registry of GENs.

A GEN is one registered function. Most GENs see one class at a time, `f(x, k, random, shared)`: x (n, d) float32 are the
embeddings of the class after NORMpre, `random` is its source of randomness, `shared` is the result of `prepare(x)` (None
without a `prepare`). They return (p, d) proxies or, if registered with `samples=True`, the (p,) row numbers of the samples
that become proxies; p = min(k, n). A GEN that sees all classes, `f(x, y, run)`, gets the embeddings of all classes, their
labels (n,), 0..C-1, and an `AllClasses`, and returns `Generated`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from imprint.errors import UserError
from imprint.method import costs
from imprint.method.configuration import IDENTITY, UNIT_LENGTH, Every, Fixed, K, Scoring
from imprint.method.proxies import ProxySet
from imprint.registry import Component, Registry, unknown


@dataclass(frozen=True)
class AllClasses:
    """One run of a GEN that sees all classes.

    Attributes
    ----------
    k : int
        Proxies per class.
    seed : int
        Seed of the run.
    shared : object
        The result of `prepare`.
    clusters : ProxySet or None
        The proxy set that a GEN with `clusters` starts from.
    threads : int
        Number of cores that it may use.
    """

    k: int
    seed: int
    shared: Any
    clusters: ProxySet | None
    threads: int = 1


class Generated(NamedTuple):
    """The result of a GEN that sees all classes; a plain pair of values and labels is accepted too.

    Attributes
    ----------
    values : ndarray of shape (P, d)
        Proxies; or, of shape (P,), the row numbers of samples that are proxies.
    labels : ndarray of shape (P,)
        Their classes, ascending.
    bias : ndarray of shape (P,) or None
        Added to the inner products of the proxies.
    note : str
        What the GEN chose, as text for users.
    """

    values: np.ndarray
    labels: np.ndarray
    bias: np.ndarray | None = None
    note: str = ""


@dataclass(frozen=True)
class Generator(Component):
    """A registered GEN; see also `Component`.

    Attributes
    ----------
    make : callable
        The function, see the module.
    takes_k : bool
        Whether k can be chosen; not for `mean` and `ls` (one proxy per class) and `all` (every sample).
    seeded : bool
        Whether the result depends on the seed.
    samples : bool
        Whether proxies are training samples, returned by row number.
    prepare : callable or None
        Computes from x what all k and seeds of a class share; for a GEN that sees all classes, from x and,
        if it `needs_ls_lambda`, that number.
    at_once : callable or None
        Returns the proxies of several k and seeds of a class, `at_once(x, [(k, random), ...])`, each the same as from
        `make`: for a GEN that can share work among them.
    on_device : bool
        Whether `at_once` takes the name of a torch device to compute on, `at_once(x, runs, device)`.
    shares_fits : bool
        Whether tasks that have a class in common share its proxies: for a GEN that takes long, and whose proxies depend only on
        the samples of the class, k and the seed, not on the number of the class.
    sees_all_classes : bool
        Whether the proxies of a class depend on the samples of all classes.
    needs_ls_lambda : bool
        Whether `prepare` takes the `ls_lambda` of the FM, the penalty of its least squares.
    clusters : str or None
        The GEN whose clusters this one starts from.
    has_bias : bool
        Whether its proxies have a bias, which only the inner product uses.
    needs_unit_length : bool
        Whether it accepts only embeddings of unit length: NORMpre and NORMinf l2.
    chooses_method : bool
        Whether it chooses a method, with its number of proxies, on the training samples.
    reference : bool
        Whether it is a reference that imprinting is compared with.
    exact_updates : bool
        Whether samples of a known class can be added without the old ones.
    requires : str or None
        An optional package that it needs.
    loads : str or None
        A module that it imports at its first call. It is imported before, so that the import is not timed and its
        threads can be limited.
    operations : callable
        Cost of one run, from n samples, k, the number of classes and d, see `imprint.method.costs`.
    shared_operations : callable
        Cost that all k and seeds of a training set share, in addition to their runs, from n, the number of classes and d.
    rounds : callable or None
        Factor of these costs, from the number of samples per original class.
    """

    make: Callable[..., Any]
    takes_k: bool = True
    seeded: bool = False
    samples: bool = False
    prepare: Callable[..., Any] | None = None
    at_once: Callable[..., list[np.ndarray]] | None = None
    on_device: bool = False
    shares_fits: bool = False
    sees_all_classes: bool = False
    needs_ls_lambda: bool = False
    clusters: str | None = None
    has_bias: bool = False
    needs_unit_length: bool = False
    chooses_method: bool = False
    reference: bool = False
    exact_updates: bool = False
    requires: str | None = None
    loads: str | None = None
    operations: Callable[[int, int, int, int], float] = costs.passes
    shared_operations: Callable[[int, int, int], float] = costs.copies
    rounds: Callable[[float], float] | None = None

    @property
    def chooses_k(self) -> bool:
        """Whether `k: auto` can choose k for it."""
        return self.takes_k and not self.sees_all_classes

    @property
    def only_k(self) -> K | None:
        """The k of a GEN whose k cannot be chosen: every sample, or one proxy per class; else None."""
        if self.takes_k:
            return None
        return Every() if self.samples else Fixed(1)

    def problem(self, norm_pre: str, scoring: Scoring) -> str | None:
        """The reason why its proxies cannot be used in this way, or None."""
        unit = norm_pre == UNIT_LENGTH and scoring.norm_inf == UNIT_LENGTH
        if self.needs_unit_length and not unit:
            return f"GEN {self.name} needs norm_pre l2 and norm_inf l2"
        if self.has_bias and not (scoring.is_best_product and scoring.norm_post == IDENTITY):
            return f"GEN {self.name} has a bias: it needs norm_post none and agg max with inner_product"
        return None

    @property
    def definition(self) -> Any:
        """The function that was registered."""
        return self.make


GENERATORS: Registry[Generator] = Registry("GEN")
USUAL_LS_LAMBDA = 1e-4  # the weight decay of common ResNets, for GENs that need an `ls_lambda`


def missing_package(gen: str, package: str) -> str:
    """The message for a GEN whose optional package is not installed."""
    return f"GEN {gen} needs the package '{package}', which is not installed; run: pip install {package}"


def generator(name: str, **properties: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the GEN `name`.

    Parameters
    ----------
    name : str
        Letters, digits and underscores.
    **properties
        Fields of `Generator` besides `name` and `make`.

    Raises
    ------
    UserError
        For an unknown property, samples with a bias, or a name that is registered already.

    Examples
    --------
    >>> @generator("median", takes_k=False)
    ... def median(x, k, random, shared):
    ...     return np.median(x, axis=0, keepdims=True)
    >>> GENERATORS.find("median").takes_k
    False
    >>> GENERATORS.remove("median")
    """
    known = [field.name for field in fields(Generator)][3:]  # without name, file and make
    if strange := [key for key in properties if key not in known]:
        raise UserError(f"GEN {name}: {unknown('property', strange[0], known)}")
    if properties.get("samples") and properties.get("has_bias"):
        raise UserError(
            f"GEN {name}: proxies that are samples have no bias; leave out samples=True and return their values"
        )
    return GENERATORS.adding(name, lambda function: Generator(name, function, **properties))


def load_library_of(gen: str) -> None:
    """Import the module that a GEN would import at its first call."""
    library = GENERATORS.find(gen).loads
    if library:
        importlib.import_module(library)
