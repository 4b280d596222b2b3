"""How the proxies of one set are scored: NORMs on both sides, and similarities of embeddings and proxies."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imprint.errors import UserError
from imprint.method.configuration import IDENTITY, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES
from imprint.method.nearest import Search, nearest
from imprint.method.normalize import FittedNorms, chain, l2
from imprint.method.operands import Proxies, ProxyColumns, Queries
from imprint.method.proxies import ProxySet
from imprint.method.rankings import Ranking

MEMORY = 512 * 2**20  # default number of bytes for products and neighbours
NOTHING_LEARNT = FittedNorms()
ALL = slice(None)


@dataclass(frozen=True, eq=False)
class CandidateHead:
    """A candidate for a head: one proxy set and the scorings to evaluate.

    Attributes
    ----------
    values : ndarray of shape (P, D)
        Proxies, float32.
    labels : ndarray of shape (P,)
        Their classes, ascending.
    scorings : tuple of Scoring
        The scorings to evaluate.
    unit_length : bool, default=False
        Whether the proxies are `values` divided by their lengths, as samples are after NORMpre = l2.
    key : hashable, optional
        Key of `values`: candidates with equal keys have the same values and share products with them.
    bias : ndarray of shape (P,), optional
        Added to the inner products of the proxies.
    norms : FittedNorms, optional
        The NORMs of the training set that the proxies were generated from; needed if a scoring has a fitted NORM.
    norm_pre : str, default="none"
        The NORM before generation, after which a fitted NORMpost learns.
    """

    values: np.ndarray
    labels: np.ndarray
    scorings: tuple[Scoring, ...]
    unit_length: bool = False
    key: Hashable = None
    bias: np.ndarray | None = None
    norms: FittedNorms = NOTHING_LEARNT
    norm_pre: str = IDENTITY

    def with_scorings(self, scorings: tuple[Scoring, ...]) -> CandidateHead:
        """The same proxies with other scorings."""
        return replace(self, scorings=scorings)


def candidate_head(
    proxies: ProxySet,
    x: np.ndarray,
    norm_pre: str,
    scorings: tuple[Scoring, ...],
    norms: FittedNorms | None = None,
    gathered: dict[bytes, np.ndarray] | None = None,
) -> CandidateHead:
    """The candidate of a proxy set. Samples are taken before NORMpre = l2, so that candidates with any NORM share products.

    Parameters
    ----------
    proxies : ProxySet
        Proxies that were generated after `norm_pre`.
    x : ndarray of shape (N, D)
        Training embeddings before NORMpre; proxies that are samples are rows of it.
    norm_pre : str
        The NORM before generation.
    scorings : tuple of Scoring
        The scorings to evaluate.
    norms : FittedNorms, optional
        The NORMs of the training set; needed if one is fitted.
    gathered : dict, optional
        Cache of the samples of proxy sets, so that candidates share them.
    """
    norms = norms or NOTHING_LEARNT
    values, unit_length, bias = proxies.values, False, proxies.bias
    key: Hashable = None
    if proxies.samples is not None:
        gathered = {} if gathered is None else gathered
        key = rows = proxies.samples.tobytes()
        if rows not in gathered:
            gathered[rows] = x[proxies.samples]
        values, pre, bias = gathered[rows], chain(norm_pre), None
        unit_length = pre == chain(UNIT_LENGTH)
        if not unit_length and pre.steps:
            values = norms.apply_to_embeddings(norm_pre, values)
            key = (norm_pre, rows, norms if pre.fitted else None)
    assert values is not None
    return CandidateHead(
        values=values,
        labels=proxies.labels,
        scorings=scorings,
        unit_length=unit_length,
        key=key,
        bias=bias,
        norms=norms,
        norm_pre=norm_pre,
    )


@dataclass
class TestEmbeddings:
    """The test embeddings as products need them: before a NORMinf that only scales rows, or after any other NORMinf."""

    x: np.ndarray
    normalised: bool = False

    def __post_init__(self) -> None:
        self.x = np.ascontiguousarray(self.x, np.float32)
        self.lengths = np.linalg.norm(self.x, axis=1)
        self._scaled = {l2: Queries(self.x, self.lengths, l2) for l2 in (False, True)}

    def queries(self, scoring: Scoring) -> Queries:
        """The embeddings after NORMinf."""
        return self._scaled[not self.normalised and scoring.norm_inf == UNIT_LENGTH]


@dataclass(frozen=True)
class Space:
    """How test embeddings are mapped for some scorings. If NORMinf only scales rows, they are not mapped: None, not a space."""

    norm_inf: str
    norm_post: str
    norm_pre: str
    norms: FittedNorms

    def map(self, x: np.ndarray) -> TestEmbeddings:
        """The test embeddings x (n, D) in this space."""
        mapped = self.norms.apply_to_queries(self.norm_pre, self.norm_post, self.norm_inf, x)
        return TestEmbeddings(mapped, normalised=True)


def space_of(candidate: CandidateHead, scoring: Scoring) -> Space | None:
    """The space of a scoring; scorings with equal spaces share products."""
    post, inf = chain(scoring.norm_post), chain(scoring.norm_inf)
    if not post.fitted and inf.only_scales:
        return None
    learnt = scoring.norm_post if post.fitted else IDENTITY
    pre = candidate.norm_pre if post.fitted else IDENTITY
    norms = candidate.norms if post.fitted or inf.fitted else NOTHING_LEARNT
    return Space(scoring.norm_inf, learnt, pre, norms)


def norm_post_of(candidate: CandidateHead, scoring: Scoring) -> str:
    """NORMpost of a scoring; for proxies of unit length, `none` becomes `l2`, which is kept as a scale."""
    return (
        UNIT_LENGTH
        if candidate.unit_length and scoring.norm_post == IDENTITY
        else scoring.norm_post
    )


def normalised_proxies(
    raw: ProxyColumns, candidate: CandidateHead, norm: str, fm_classifier: np.ndarray | None
) -> Proxies:
    """Proxies after NORMpost; a NORM that only scales rows is kept as a scale on the columns."""
    single = chain(norm).single
    if single is not None and single.scale is not None:
        factors = single.scale(candidate.values)
        if factors is None:
            factors = np.ones(len(candidate.values))
        return Proxies(raw, factors.astype(np.float32), candidate.bias)
    values = l2(candidate.values) if candidate.unit_length else candidate.values
    values = candidate.norms.apply_to_proxies(
        candidate.norm_pre, norm, values, candidate.labels, fm_classifier
    )
    columns = np.ascontiguousarray(values, np.float32)
    return Proxies(ProxyColumns(columns), np.ones(len(columns), np.float32), candidate.bias)


Mapped = dict[Space | None, TestEmbeddings]  # the same embeddings in each space they were mapped to


def queries_of(
    x: np.ndarray, candidate: CandidateHead, scoring: Scoring, mapped: Mapped | None = None
) -> Queries:
    """The embeddings x (n, D) as a scoring compares them with proxies.

    A NORMinf that only scales rows is kept as the scale of the queries. `mapped` caches x in each space, so that calls with
    the same x map it once.
    """
    space, mapped = space_of(candidate, scoring), {} if mapped is None else mapped
    if space not in mapped:
        mapped[space] = TestEmbeddings(x) if space is None else space.map(x)
    return mapped[space].queries(scoring)


def ranking_of(
    x: np.ndarray,
    candidate: CandidateHead,
    scoring: Scoring,
    fm_classifier: np.ndarray | None = None,
    mapped: Mapped | None = None,
) -> tuple[Ranking, Queries]:
    """The ranking of the proxies of a candidate by one scoring, and the embeddings x (n, D) as in `queries_of`."""
    queries = queries_of(x, candidate, scoring, mapped)
    proxies = normalised_proxies(
        ProxyColumns(candidate.values), candidate, norm_post_of(candidate, scoring), fm_classifier
    )
    return rank(candidate, scoring, proxies, queries), queries


def rank(candidate: CandidateHead, scoring: Scoring, proxies: Proxies, queries: Queries) -> Ranking:
    """The ranking of proxies after NORMpost by embeddings after NORMinf; a `UserError` if NORMs gave these other lengths."""
    d, query_d = proxies.columns.values.shape[1], queries.x.shape[1]
    if d != query_d:
        raise UserError(
            f"proxies have {d} values after norm_pre {candidate.norm_pre} and norm_post {scoring.norm_post}, and embeddings "
            f"{query_d} after norm_inf {scoring.norm_inf}; a NORM that changes the number of values belongs in norm_pre and "
            "norm_inf, or, if it is fitted, in norm_post"
        )
    return DISTANCES.find(scoring.distance).rank(proxies, queries)


@dataclass(frozen=True)
class Neighbours:
    """The m nearest proxies of n embeddings, nearest first; all (n, m).

    Attributes
    ----------
    numbers : ndarray
        Numbers of the proxies.
    similarities : ndarray
        Their similarities, larger is nearer: the inner product, the cosine, or minus the distance.
    distances : ndarray or None
        Their distances; None for the inner product, which is not a distance.
    """

    numbers: np.ndarray
    similarities: np.ndarray
    distances: np.ndarray | None


def nearest_proxies(
    x: np.ndarray,
    candidate: CandidateHead,
    m: int,
    fm_classifier: np.ndarray | None = None,
) -> Neighbours:
    """The m proxies of a candidate nearest to each embedding of x (n, D), by its first scoring."""
    scoring = candidate.scorings[0]
    ranking, queries = ranking_of(
        np.ascontiguousarray(x, np.float32), candidate, scoring, fm_classifier
    )
    search = Search(ranking, min(m, len(candidate.labels)))
    ((_, numbers, products),) = nearest(queries.x, queries.lengths, [search], MEMORY)
    return measured(ranking, queries, scoring.distance, numbers, products)


def measured(
    ranking: Ranking,
    queries: Queries,
    distance: str,
    numbers: np.ndarray,
    products: np.ndarray,
    rows: slice = ALL,
    out: np.ndarray | None = None,
) -> Neighbours:
    """Similarities and distances of some queries to proxies (n, m), or (1, m) for all rows, from their products (n, m).

    The similarities of a distance are written to `out` (n, m) if it is given.
    """
    if ranking.measure is None:
        similarities = products * ranking.scale[numbers] * queries.scale[rows, None]
        if ranking.offset is not None:  # the offset is minus the bias
            similarities -= ranking.offset[numbers]
        if ranking.shared is not None:
            similarities = similarities + ranking.shared(rows)
        return Neighbours(numbers, similarities, None)
    distances = ranking.measure(rows, numbers, products)
    similarities = DISTANCES.find(distance).similarity(distances, out=out)
    if out is None:
        similarities = similarities.astype(precision_of(ranking, distance), copy=False)
    return Neighbours(numbers, similarities, distances)


def precision_of(ranking: Ranking, distance: str) -> type[np.floating[Any]]:
    """Type of the similarities of a ranking: float64 where they have large parts in common."""
    return DISTANCES.find(distance).precision if ranking.shared is None else np.float64
