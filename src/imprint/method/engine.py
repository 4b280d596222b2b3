"""The grid engine: evaluates every NORM and AGG of many proxy sets on one task with a few large matrix products.

Beyond the product of test embeddings and proxies a configuration costs little, so one product serves many: NORMpost none and
l2 only scale its columns, NORMinf only its rows, and inner product, cosine and euclidean all follow from it. Configurations
that order the proxies alike share one ranking, with as many neighbours as the largest m among them; one running vote gives
the predictions for all m.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from imprint.method.aggregations import needs_all_proxies
from imprint.method.class_scores import class_scores
from imprint.method.configuration import UNIT_LENGTH, Scoring
from imprint.method.distances import DISTANCES
from imprint.method.metrics import Scores, scores
from imprint.method.nearest import Search, nearest
from imprint.method.normalize import chain
from imprint.method.operands import Proxies, ProxyColumns
from imprint.method.rankings import Ranking
from imprint.method.scoring import (
    MEMORY,
    CandidateHead,
    TestEmbeddings,
    norm_post_of,
    normalised_proxies,
    rank,
    space_of,
)
from imprint.method.weightings import find_weighting, vote_weights

G = TypeVar("G", bound=Hashable)


@dataclass
class Effort:
    """Statistics of an evaluation.

    Attributes
    ----------
    rankings, predictions : int
        Numbers of distinct rankings and predictions over all configurations.
    seconds : float
        Time of the evaluation.
    """

    rankings: int = 0
    predictions: int = 0
    seconds: float = 0.0


@dataclass(eq=False)
class _Shared(Search):
    """A search, the classes of its proxies, and the scorings that use it."""

    labels: np.ndarray = field(kw_only=True)
    users: list[tuple[int, Scoring, Ranking]] = field(default_factory=list)


class _Weights(NamedTuple):
    """What the weights of votes depend on: distances, the weighting and, if it is of a user's file, m."""

    ranking: Ranking
    weighting: str
    m: int | None


class _Request(NamedTuple):
    """One scoring of one candidate, and the number of the candidate."""

    number: int
    candidate: CandidateHead
    scoring: Scoring

    @property
    def key(self) -> Hashable:
        """Key of the values of the proxies: requests with equal keys have equal values."""
        return self.number if self.candidate.key is None else (self.candidate.key,)


def evaluate(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    candidates: Sequence[CandidateHead],
    **options: Any,
) -> list[dict[Scoring, Scores]]:
    """Scores of every candidate under each of its scorings. y: labels (n,). Other arguments as in `predict`."""
    results: list[dict[Scoring, Scores]] = [{} for _ in candidates]
    for users, predicted in predict(x, classes, candidates, **options):
        result = scores(y, predicted, classes)
        for index, scoring in users:
            results[index][scoring] = result
    return results


def predict(
    x: np.ndarray,
    classes: int,
    candidates: Sequence[CandidateHead],
    *,
    fm_classifier: np.ndarray | None = None,
    memory: int = MEMORY,
    device: str = "cpu",
    effort: Effort | None = None,
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predict with every candidate under each of its scorings.

    Parameters
    ----------
    x : ndarray of shape (n, D)
        Test embeddings.
    classes : int
        Number of classes.
    candidates : sequence of CandidateHead
        Proxy sets and their scorings.
    fm_classifier : ndarray of shape (C, D), optional
        The weights of the FM's own classifier, for NORMs that need them.
    memory : int, default=512 MiB
        Bytes for the blocks of products and neighbours, in addition to the inputs and one normalised
        copy of the largest proxy set.
    device : str, default="cpu"
        "cpu", or a torch device. Predictions are the same unless keys agree to the last digits of float32.
    effort : Effort, optional
        Statistics that are updated.

    Yields
    ------
    users, predicted
        Predictions (n,) as soon as they are known, and the users of each: pairs of the number of a candidate and a scoring.
    """
    start = time.perf_counter()
    x = np.ascontiguousarray(x, np.float32)
    effort = effort if effort is not None else Effort()
    requests = []
    for index, candidate in enumerate(candidates):
        for scoring in candidate.scorings:
            if not needs_all_proxies(scoring):
                requests.append(_Request(index, candidate, scoring))
                continue
            alone = candidate.with_scorings((scoring,))
            effort.predictions += 1
            yield [(index, scoring)], class_scores(x, alone, classes, fm_classifier).argmax(axis=1)
    unmapped = TestEmbeddings(x)
    for space, of_space in _grouped(requests, lambda r: space_of(r.candidate, r.scoring)).items():
        embeddings = unmapped if space is None else space.map(x)
        for portion in _portions(of_space, memory):
            searches = _rankings(portion, embeddings, fm_classifier)
            effort.rankings += len(searches)
            for search, neighbours, products in _nearest(embeddings, searches, memory, device):
                assert isinstance(search, _Shared)
                for users, predicted in _votes(search, neighbours, products, classes):
                    effort.predictions += 1
                    yield users, predicted
    effort.seconds += time.perf_counter() - start


def _nearest(
    embeddings: TestEmbeddings, searches: list[_Shared], memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    if device == "cpu":
        return nearest(embeddings.x, embeddings.lengths, searches, memory)
    from imprint.method.nearest_on_device import nearest_on_device

    return nearest_on_device(embeddings.x, embeddings.lengths, searches, memory, device)


def _grouped(requests: Iterable[_Request], key: Callable[[_Request], G]) -> dict[G, list[_Request]]:
    """Requests by a key, in their order."""
    groups: dict[G, list[_Request]] = {}
    for request in requests:
        groups.setdefault(key(request), []).append(request)
    return groups


def _portions(requests: Iterable[_Request], memory: int) -> Iterator[list[_Request]]:
    """Requests whose normalised and whitened proxies fit in memory; requests that share a product stay together."""
    portion: list[_Request] = []
    used = 0
    for group in _grouped(requests, _product).values():
        need = group[0].candidate.values.nbytes
        if portion and used + need > memory // 2:
            yield portion
            portion, used = [], 0
        portion += group
        used += need
    if portion:
        yield portion


def _product(request: _Request) -> Hashable:
    """Key of the product that a request needs: requests with equal keys share it."""
    candidate, scoring = request.candidate, request.scoring
    post = norm_post_of(candidate, scoring)
    # a NORMpost that only scales the proxies does not change the columns of the product
    columns = None if chain(post).only_scales else (post, candidate.unit_length)
    if DISTANCES.find(scoring.distance).shares_product:
        return request.key, columns
    return request.key, columns, scoring.distance, post


def _rankings(
    requests: list[_Request], embeddings: TestEmbeddings, fm_classifier: np.ndarray | None
) -> list[_Shared]:
    """The distinct rankings that the requests need, each with the scorings that share it."""
    columns: dict[Hashable, ProxyColumns] = {}
    normalised: dict[Hashable, Proxies] = {}
    rankings: dict[Hashable, Ranking] = {}
    searches: dict[Hashable, _Shared] = {}
    for request in requests:
        number, candidate, scoring = request
        raw = columns.setdefault(request.key, ProxyColumns(candidate.values))
        post = norm_post_of(candidate, scoring)
        to_unit_length = candidate.unit_length and post != UNIT_LENGTH
        learnt = (candidate.norms, candidate.norm_pre) if chain(post).fitted else None
        proxies = request.key, to_unit_length, post, learnt, candidate.bias is None
        if proxies not in normalised:
            normalised[proxies] = normalised_proxies(raw, candidate, post, fm_classifier)
        queries = embeddings.queries(scoring)
        order = proxies, queries.l2, scoring.distance
        if order not in rankings:
            rankings[order] = rank(candidate, scoring, normalised[proxies], queries)
        ranking = rankings[order]
        # rankings of different scorings may order the proxies alike: they share one search
        search = searches.setdefault(ranking.identity, _Shared(ranking, labels=candidate.labels))
        search.most = max(search.most, min(scoring.neighbours, len(candidate.labels)))
        search.users.append((number, scoring, ranking))
    return list(searches.values())


def _votes(
    search: _Shared, neighbours: np.ndarray, products: np.ndarray, classes: int
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions of one ranking for every scoring that shares it: each weighting votes once, for all m.

    A weighting of a user's file may depend on how many neighbours vote, so it votes once for each m.
    """
    from imprint.method.kernels import vote

    labels = search.labels[neighbours]
    # the scorings of each vote, by m
    votes: dict[_Weights | None, dict[int, list[tuple[int, Scoring]]]] = {}
    for index, scoring, ranking in search.users:
        m = min(scoring.neighbours, search.most)
        weights_of_vote = None
        if scoring.weighs_votes and m > 1:  # a single vote wins with any weight
            assert scoring.weighting is not None
            entry, _ = find_weighting(scoring.weighting)
            weights_of_vote = _Weights(ranking, scoring.weighting, m if entry.of_user else None)
        votes.setdefault(weights_of_vote, {}).setdefault(m, []).append((index, scoring))
    for weights_of_vote, users in votes.items():
        ms = np.array(sorted(users))
        most = ms[-1]
        weights = np.ones((1, most))
        if weights_of_vote is not None:
            measure = weights_of_vote.ranking.measure
            assert measure is not None
            distances = measure(slice(0, len(labels)), neighbours[:, :most], products[:, :most])
            weights = np.ascontiguousarray(vote_weights(weights_of_vote.weighting, distances))
        # contiguous, so that the loop is compiled for one layout only
        nearest_labels = np.ascontiguousarray(labels[:, :most])
        for m, predicted in zip(ms, vote(nearest_labels, weights, classes, ms), strict=True):
            yield users[m], predicted
