"""The grid engine: every NORM and AGG of many proxy sets on one task, from a few large matrix products.

What a configuration needs beyond the product of test embeddings and proxies is cheap, so the products are made
once and shared: by NORMpost none and l2 (a scale per proxy), by NORMinf (a scale per row), by inner product,
cosine and euclidean. Configurations that rank proxies alike are ranked once, with as many neighbours as the
largest m among them needs; all m of them are read off one running vote.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imprint.method.configuration import IDENTITY, UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES, TINY, Columns, Proxies, Queries, Ranking
from imprint.method.metrics import Scores, scores
from imprint.method.nearest import Search, nearest
from imprint.method.normalize import NORMS, apply, apply_to_proxies, l2

MEMORY = 512 * 2**20  # bytes for products and neighbours, unless the caller says otherwise


@dataclass(frozen=True, eq=False)
class Candidate:
    """One proxy set and the scorings asked of it.

    Attributes
    ----------
    values : ndarray of shape (P, D)
        Proxies, float32.
    labels : ndarray of shape (P,)
        Their classes, ascending.
    scorings : tuple of Scoring
        What is asked of them.
    unit : bool, default=False
        Whether the proxies are `values` divided by their lengths, as samples are after NORMpre = l2.
    key : hashable, optional
        Names `values`: candidates of one key have the same values and share products with them.
    """

    values: np.ndarray
    labels: np.ndarray
    scorings: tuple[Scoring, ...]
    unit: bool = False
    key: Hashable = None


@dataclass
class Effort:
    """What an evaluation did.

    Attributes
    ----------
    configurations : int
        Configurations asked for.
    rankings, predictions : int
        Distinct ones among them.
    flop : int
        Floating-point operations of the products.
    seconds : float
        Time that it took.
    """

    configurations: int = 0
    rankings: int = 0
    predictions: int = 0
    flop: int = 0
    seconds: float = 0.0


@dataclass(eq=False)
class _Shared(Search):
    """A search, the classes of its proxies, and who needs it."""

    labels: np.ndarray = field(kw_only=True)
    users: list[tuple[int, Scoring, Ranking]] = field(default_factory=list)


@dataclass
class _Request:
    """Some scorings of one candidate."""

    index: int
    candidate: Candidate
    scorings: list[Scoring]

    @property
    def key(self) -> Hashable:
        """Names the values of the candidate's proxies."""
        return self.index if self.candidate.key is None else (self.candidate.key,)


@dataclass
class _Embeddings:
    """The test embeddings that products are taken of: as they are, or after a NORMinf that does not only scale them."""

    x: np.ndarray

    def __post_init__(self) -> None:
        self.lengths = np.linalg.norm(self.x, axis=1)
        self.scaled = {l2: Queries(self.x, self.lengths, l2) for l2 in (False, True)}


def evaluate(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    **options: Any,
) -> list[dict[Scoring, Scores]]:
    """Scores of every candidate under each of its scorings; arguments as in `evaluate_each`."""
    results: list[dict[Scoring, Scores]] = [{} for _ in candidates]
    for index, scoring, result in evaluate_each(x, y, classes, candidates, **options):
        results[index][scoring] = result
    return results


def evaluate_each(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    fm_classifier: np.ndarray | None = None,
    memory: int = MEMORY,
    device: str = "cpu",
    effort: Effort | None = None,
) -> Iterator[tuple[int, Scoring, Scores]]:
    """Score every candidate under each of its scorings.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Test embeddings, float32.
    y : ndarray of shape (n,)
        Their labels in [0, classes).
    classes : int
        Number of classes.
    candidates : sequence of Candidate
        Proxy sets and what is asked of them.
    fm_classifier : ndarray of shape (C, D), optional
        The weights of the FM's own classifier, for NORMs that need them.
    memory : int, default=512 MiB
        Bytes that the blocks of products and neighbours may take beside the inputs and one normalised
        copy of the largest proxy set.
    device : str, default="cpu"
        "cpu", or a device of torch: the same predictions but where keys agree to the last digits of float32.
    effort : Effort, optional
        Counts what is done.

    Yields
    ------
    index, scoring, scores
        The number of the candidate, and its scores, as soon as they are known.
    """
    effort = effort if effort is not None else Effort()
    start = time.perf_counter()
    for users, predicted in predict(
        x,
        classes,
        candidates,
        fm_classifier=fm_classifier,
        memory=memory,
        device=device,
        effort=effort,
    ):
        result = scores(y, predicted, classes)
        for index, scoring in users:
            yield index, scoring, result
    effort.seconds += time.perf_counter() - start


def predict(
    x: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    fm_classifier: np.ndarray | None = None,
    memory: int = MEMORY,
    device: str = "cpu",
    effort: Effort | None = None,
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions (n,), each with the candidates (by number) and scorings that give it; arguments as in `evaluate_each`."""
    x = np.ascontiguousarray(x, np.float32)
    effort = effort if effort is not None else Effort()
    effort.configurations += sum(len(c.scorings) for c in candidates)
    as_they_are = _Embeddings(x)
    for norm, asked in _by_embeddings(candidates).items():
        embeddings = as_they_are
        if norm is not None:
            embeddings = _Embeddings(np.ascontiguousarray(apply(norm, x), np.float32))
        for requests in _portions(asked, memory):
            searches = _rankings(requests, embeddings, fm_classifier)
            effort.rankings += len(searches)
            columns = {search.ranking.columns for search in searches}
            effort.flop += 2 * x.size * sum(map(len, columns))
            for search, neighbours, products in nearest(
                embeddings.x, embeddings.lengths, searches, memory, device
            ):
                assert isinstance(search, _Shared)
                for users, predicted in _votes(search, neighbours, products, classes):
                    effort.predictions += 1
                    yield users, predicted


def _by_embeddings(candidates: Sequence[Candidate]) -> dict[str | None, list[_Request]]:
    """Requests by the NORMinf that needs embeddings of its own; None for those that only scale rows."""
    by_norm: dict[str | None, list[_Request]] = {None: []}
    for index, candidate in enumerate(candidates):
        scorings: dict[str | None, list[Scoring]] = {}
        for scoring in candidate.scorings:
            norm = None if NORMS.find(scoring.norm_inf).scale else scoring.norm_inf
            scorings.setdefault(norm, []).append(scoring)
        for norm, group in scorings.items():
            by_norm.setdefault(norm, []).append(_Request(index, candidate, group))
    return by_norm


def _portions(asked: Iterable[_Request], memory: int) -> Iterator[list[_Request]]:
    """Requests whose normalised and whitened proxies fit in memory; what shares a product stays together."""
    shared: dict[Hashable, list[_Request]] = {}
    for request in asked:
        candidate = request.candidate
        by_product: dict[Hashable, list[Scoring]] = {}
        for scoring in request.scorings:
            post = _post(candidate, scoring)
            scaled = NORMS.find(post).scale is not None
            of_columns = None if scaled else (post, candidate.unit)
            own = not DISTANCES.find(scoring.distance).shares_product
            product = (scoring.distance, post) if own else None
            by_product.setdefault((of_columns, product), []).append(scoring)
        for name, scorings in by_product.items():
            shared.setdefault((request.key, name), []).append(
                _Request(request.index, candidate, scorings)
            )
    portion: list[_Request] = []
    used = 0
    for requests in shared.values():
        need = requests[0].candidate.values.nbytes
        if portion and used + need > memory // 2:
            yield portion
            portion, used = [], 0
        portion += requests
        used += need
    if portion:
        yield portion


def _post(candidate: Candidate, scoring: Scoring) -> str:
    """NORMpost; for proxies of unit length `none` is `l2`, which keeps them as a scale."""
    return UNIT_LENGTH if candidate.unit and scoring.norm_post == IDENTITY else scoring.norm_post


def _rankings(
    requests: list[_Request], embeddings: _Embeddings, fm_classifier: np.ndarray | None
) -> list[_Shared]:
    """The distinct rankings that the requests need."""
    searches: dict[Hashable, _Shared] = {}
    columns: dict[Hashable, Columns] = {}
    normalised: dict[Hashable, Proxies] = {}
    rankings: dict[Hashable, Ranking] = {}
    for request in requests:
        candidate = request.candidate
        raw = columns.setdefault(request.key, Columns(candidate.values))
        for scoring in request.scorings:
            post = _post(candidate, scoring)
            unit = candidate.unit and post != UNIT_LENGTH
            name = (request.key, unit, post)
            if name not in normalised:
                normalised[name] = _normalised(raw, candidate, post, fm_classifier)
            queries = embeddings.scaled[scoring.norm_inf == UNIT_LENGTH]
            ranking_name = (name, queries.l2, scoring.distance)
            if ranking_name not in rankings:
                rank = DISTANCES.find(scoring.distance).rank
                rankings[ranking_name] = rank(normalised[name], queries)
            ranking = rankings[ranking_name]
            search = searches.setdefault(
                ranking.identity, _Shared(ranking, labels=candidate.labels)
            )
            search.most = max(search.most, min(scoring.neighbours, len(candidate.labels)))
            search.users.append((request.index, scoring, ranking))
    return list(searches.values())


def _normalised(
    raw: Columns, candidate: Candidate, norm: str, fm_classifier: np.ndarray | None
) -> Proxies:
    """Proxies after NORMpost; a NORM that only scales rows is kept as a scale on the columns."""
    scale = NORMS.find(norm).scale
    if scale is not None:
        factors = scale(candidate.values)
        if factors is None:
            factors = np.ones(len(candidate.values))
        return Proxies(raw, factors.astype(np.float32))
    values = l2(candidate.values) if candidate.unit else candidate.values
    columns = np.ascontiguousarray(
        apply_to_proxies(norm, values, candidate.labels, fm_classifier), np.float32
    )
    return Proxies(Columns(columns), np.ones(len(columns), np.float32))


def ranking(
    x: np.ndarray, candidate: Candidate, scoring: Scoring, fm_classifier: np.ndarray | None = None
) -> tuple[Ranking, Queries]:
    """How one scoring ranks the proxies of one candidate for the embeddings x (n, D), and these after NORMinf.

    A NORMinf that only scales rows is kept as the scale of the queries.
    """
    if not NORMS.find(scoring.norm_inf).scale:
        x = np.ascontiguousarray(apply(scoring.norm_inf, x), np.float32)
    queries = Queries(x, np.linalg.norm(x, axis=1), scoring.norm_inf == UNIT_LENGTH)
    proxies = _normalised(
        Columns(candidate.values), candidate, _post(candidate, scoring), fm_classifier
    )
    return DISTANCES.find(scoring.distance).rank(proxies, queries), queries


@dataclass(frozen=True)
class Neighbours:
    """The m nearest proxies of n embeddings, nearest first; all (n, m).

    Attributes
    ----------
    numbers : ndarray
        Which proxies they are.
    similarities : ndarray
        How near they are, larger is nearer: the inner product, the cosine, or minus the distance.
    distances : ndarray or None
        Their distances; None for the inner product, which is none.
    """

    numbers: np.ndarray
    similarities: np.ndarray
    distances: np.ndarray | None


def nearest_proxies(
    x: np.ndarray,
    candidate: Candidate,
    m: int,
    fm_classifier: np.ndarray | None = None,
) -> Neighbours:
    """The m proxies of a candidate nearest to each embedding of x (n, D), by its first scoring."""
    scoring = candidate.scorings[0]
    how, queries = ranking(np.ascontiguousarray(x, np.float32), candidate, scoring, fm_classifier)
    search = Search(how, min(m, len(candidate.labels)))
    ((_, numbers, products),) = nearest(queries.x, queries.lengths, [search], MEMORY)
    return measured(how, queries, scoring.distance, numbers, products)


def measured(
    how: Ranking, queries: Queries, distance: str, numbers: np.ndarray, products: np.ndarray
) -> Neighbours:
    """Proxies (n, m) with known products with the queries, and how near they are."""
    if how.measure is None:
        return Neighbours(numbers, products * how.scale[numbers] * queries.scale[:, None], None)
    distances = how.measure(slice(0, len(numbers)), numbers, products)
    similarities = DISTANCES.find(distance).similarity(distances)
    return Neighbours(numbers, similarities.astype(np.float32, copy=False), distances)


def _votes(
    search: _Shared, neighbours: np.ndarray, products: np.ndarray, classes: int
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions of one ranking for all its users: one vote for each weighting, all m at once."""
    from imprint.method.kernels import vote

    labels = search.labels[neighbours]
    # by the ranking whose distances weigh the votes, None where all count the same; then by m
    ballots: dict[Ranking | None, dict[int, list[tuple[int, Scoring]]]] = {}
    for index, scoring, ranking in search.users:
        m = min(scoring.neighbours, search.most)
        weighted = scoring.weighs_by_distance and m > 1  # one voter wins with any weight
        ballot = ballots.setdefault(ranking if weighted else None, {})
        ballot.setdefault(m, []).append((index, scoring))
    for weighing, users in ballots.items():
        ms = np.array(sorted(users))
        most = ms[-1]
        weights = np.ones((1, most))
        if weighing is not None:
            assert weighing.measure is not None
            distances = weighing.measure(
                slice(0, len(labels)), neighbours[:, :most], products[:, :most]
            )
            weights = 1 / (distances.astype(np.float64) + TINY)
        first = np.ascontiguousarray(
            labels[:, :most]
        )  # of one layout, so that the loop is compiled once
        for m, predicted in zip(ms, vote(first, weights, classes, ms), strict=True):
            yield users[m], predicted
