"""The choices that define a method: the number of proxies (`K`), how they are scored, and all choices together.

Fields have this order in tables and files, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self


@dataclass(frozen=True, slots=True)
class Fixed:
    """k proxies per class, fewer in a class with fewer samples."""

    k: int

    @property
    def label(self) -> str:
        """The number as text."""
        return str(self.k)

    @property
    def column(self) -> int | None:
        """The number."""
        return self.k

    @property
    def number(self) -> int:
        """The number."""
        return self.k


@dataclass(frozen=True, slots=True)
class Auto:
    """The number of proxies per class that suits the training samples of the task best."""

    label: ClassVar[str] = "auto"
    column: ClassVar[int | None] = None
    number: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Every:
    """Every training sample is a proxy."""

    label: ClassVar[str] = "all"
    column: ClassVar[int | None] = None
    number: ClassVar[int] = 1


# `label` is used in file names, configurations and tables, `column` in the column `k` of frames; `number` is passed to GENs, and
# means nothing to those whose k cannot be chosen
K = Fixed | Auto | Every


def parse_k(value: object) -> K:
    """Parse a number or a label.

    Examples
    --------
    >>> parse_k("5"), parse_k(5), parse_k("auto"), parse_k("all")
    (Fixed(k=5), Fixed(k=5), Auto(), Every())
    """
    if isinstance(value, Fixed | Auto | Every):
        return value
    if value == Auto.label:
        return Auto()
    if value == Every.label:
        return Every()
    k = int(str(value))
    if k < 1:
        raise ValueError(f"k {value} is not a positive number")
    return Fixed(k)


MAX, MNN, LOGSUMEXP = "max", "mnn", "logsumexp"  # AGGs
UNIFORM, BY_DISTANCE, EXPONENTIAL = "uniform", "distance", "exponential"  # weightings of votes
IDENTITY, UNIT_LENGTH = "none", "l2"  # the NORMs that only scale rows
INNER_PRODUCT = "inner_product"  # the default distance of `max`


class Scoring(NamedTuple):
    """How the proxies of one set are scored: NORMpost, NORMinf and AGG with its distance.

    `max` has weighting and m None; with a distance it equals `mnn` with m = 1. `logsumexp` has m None, and its weighting
    holds the temperature.
    """

    norm_post: str
    norm_inf: str
    agg: str
    distance: str
    weighting: str | None = None
    m: int | None = None

    @property
    def neighbours(self) -> int:
        """Number of proxies that decide: m, or 1 if m is None."""
        return self.m or 1

    @property
    def weighs_votes(self) -> bool:
        """Whether some votes count more than others."""
        return self.neighbours > 1 and self.weighting not in (None, UNIFORM)

    @property
    def is_best_product(self) -> bool:
        """Whether this is plain `max`: the class of the largest inner product, not of the nearest proxy."""
        return self.agg == MAX and self.distance == INNER_PRODUCT

    @property
    def is_nearest(self) -> bool:
        """Whether this is the 1-nearest-proxy rule under one of its two names: `max` with a distance, `mnn` with m = 1."""
        return self.agg in (MAX, MNN) and self.neighbours == 1 and not self.is_best_product


class Configuration(NamedTuple):
    """A method: all choices of a cell except FM, task and shots."""

    norm_pre: str
    gen: str
    k: K
    scoring: Scoring

    @property
    def norms(self) -> tuple[str, str, str]:
        """NORMpre, NORMpost and NORMinf."""
        return self.norm_pre, self.scoring.norm_post, self.scoring.norm_inf

    @property
    def text(self) -> str:
        """The method in a few words.

        Examples
        --------
        >>> Configuration("l2", "kmeans", Fixed(5), Scoring("whiten+l2", "l2", "max", "inner_product")).text
        'kmeans k=5, NORM l2/whiten+l2/l2, max inner_product'
        """
        s = self.scoring
        k = "" if self.k in (Fixed(1), Every()) else f" k={self.k.label}"
        votes = "" if s.m is None else f", m={s.m}"
        votes += "" if s.weighting is None else f" {s.weighting}"
        return f"{self.gen}{k}, NORM {'/'.join(self.norms)}, {s.agg} {s.distance}{votes}"

    def as_dict(self) -> dict[str, str | int | None]:
        """The fields by name in the order of `FIELDS`, with k as its label; used in JSON.

        Examples
        --------
        >>> scoring = Scoring("l2", "l2", "max", "inner_product")
        >>> Configuration("l2", "kmeans", Fixed(20), scoring).as_dict()["k"]
        '20'
        """
        return {
            "norm_pre": self.norm_pre,
            "gen": self.gen,
            "k": self.k.label,
            **self.scoring._asdict(),
        }

    def columns(self) -> dict[str, str | int | None]:
        """The fields by name as in the columns of frames: k is a number or None."""
        return {**self.as_dict(), "k": self.k.column}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The configuration described by `as_dict`; other entries are ignored."""
        scoring = Scoring(**{name: fields[name] for name in Scoring._fields})
        return cls(fields["norm_pre"], fields["gen"], parse_k(fields["k"]), scoring)


# names of the choices, as columns of frames and keys of `Configuration.as_dict`
FIELDS = ("norm_pre", "gen", "k", *Scoring._fields)
