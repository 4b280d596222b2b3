"""The grid engine: every NORM and AGG of many proxy sets on one task, from a few large matrix products.

What a configuration needs beyond the product of test embeddings and proxies is cheap, so the products are made
once and shared: by NORMpost none and l2 (a scale per proxy), by NORMinf (a scale per row), by inner product,
cosine and euclidean. Configurations that rank proxies alike are ranked once, with as many neighbours as the
largest m among them needs; all m of them are read off one running vote.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imprint.aggregate import DISTANCES, TINY, Proxies, Queries, Ranking
from imprint.method import Scoring
from imprint.metrics import Scores, scores
from imprint.nearest import Search, nearest
from imprint.normalize import NORM_POST, l2

MEMORY = 512 * 2**20  # bytes for products and neighbours, unless the caller says otherwise


@dataclass(frozen=True)
class Candidate:
    """One proxy set and the scorings asked of it. values: (P, D) float32, labels: (P,) ascending.

    unit: the proxies are `values` divided by their lengths, as samples are after NORMpre = l2. Candidates whose
    values are one object share its products.
    """

    values: np.ndarray
    labels: np.ndarray
    scorings: tuple[Scoring, ...]
    unit: bool = False


@dataclass
class Effort:
    """What an evaluation did: configurations asked for, distinct rankings and predictions, the products' size, its time."""

    configurations: int = 0
    rankings: int = 0
    predictions: int = 0
    flop: int = 0
    seconds: float = 0.0


@dataclass
class _Wanted(Search):
    """A search, the classes of its proxies, and who needs it."""

    labels: np.ndarray = field(kw_only=True)
    users: list[tuple[int, Scoring, Ranking]] = field(default_factory=list)


Work = list[tuple[int, Candidate, list[Scoring]]]


def evaluate(
    x: np.ndarray, y: np.ndarray, classes: int, candidates: Sequence[Candidate], **how: Any
) -> list[dict[Scoring, Scores]]:
    """Scores of every candidate under each of its scorings; arguments as in `evaluate_each`."""
    results: list[dict[Scoring, Scores]] = [{} for _ in candidates]
    for index, scoring, made in evaluate_each(x, y, classes, candidates, **how):
        results[index][scoring] = made
    return results


def evaluate_each(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    head: np.ndarray | None = None,
    memory: int = MEMORY,
    device: str = "cpu",
    effort: Effort | None = None,
) -> Iterator[tuple[int, Scoring, Scores]]:
    """Scores of every candidate (by number) under each of its scorings, as soon as they are known.

    x: (n, D) float32 test embeddings, y: (n,) their labels in [0, classes). head: (C, D) the weights of the FM's own
    classifier, the reference of NORMpost `quantile_fm`. memory: bytes that the blocks of products and neighbours
    may take beside the inputs and one normalised copy of the largest proxy set. device: cpu, or one of torch's,
    which gives the same predictions but where keys agree to the last digits of float32.
    """
    effort = effort if effort is not None else Effort()
    start = time.perf_counter()
    for users, predicted in predict(
        x, classes, candidates, head=head, memory=memory, device=device, effort=effort
    ):
        made = scores(y, predicted, classes)
        for index, scoring in users:
            yield index, scoring, made
    effort.seconds += time.perf_counter() - start


def predict(
    x: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    head: np.ndarray | None = None,
    memory: int = MEMORY,
    device: str = "cpu",
    effort: Effort | None = None,
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions (n,), each with the candidates (by number) and scorings that give it; arguments as in `evaluate_each`."""
    x = np.ascontiguousarray(x, np.float32)
    lengths = np.linalg.norm(x, axis=1)
    queries = {norm: Queries(x, lengths, norm == "l2") for norm in ("none", "l2")}
    effort = effort if effort is not None else Effort()
    effort.configurations += sum(len(c.scorings) for c in candidates)
    for work in _portions(candidates, memory):
        wanted = _rankings(work, queries, head)
        effort.rankings += len(wanted)
        columns = {id(want.ranking.columns): len(want.ranking.columns) for want in wanted}
        effort.flop += 2 * x.size * sum(columns.values())
        for want, neighbours, values in nearest(x, lengths, wanted, memory, device):
            for users, predicted in _votes(want, neighbours, values, classes):
                effort.predictions += 1
                yield users, predicted


def _portions(candidates: Sequence[Candidate], memory: int) -> Iterator[Work]:
    """The work in parts whose normalised and whitened proxies fit in memory; what shares a product stays together."""
    shared: dict[tuple[Any, ...], Work] = {}
    for index, candidate in enumerate(candidates):
        by_kind: dict[tuple[Any, ...], list[Scoring]] = {}
        for scoring in candidate.scorings:
            post = "scaled" if scoring.norm_post in ("none", "l2") else (scoring.norm_post, candidate.unit)
            own = scoring.distance in ("manhattan", "mahalanobis")
            kind = (scoring.distance, _post(candidate, scoring)) if own else ()
            by_kind.setdefault((post, kind), []).append(scoring)
        for kind, scorings in by_kind.items():
            shared.setdefault((id(candidate.values), *kind), []).append((index, candidate, scorings))
    work: Work = []
    used = 0
    for part in shared.values():
        need = part[0][1].values.nbytes
        if work and used + need > memory // 2:
            yield work
            work, used = [], 0
        work += part
        used += need
    if work:
        yield work


def _post(candidate: Candidate, scoring: Scoring) -> str:
    """NORMpost; proxies of unit length are the same after none and after l2."""
    return "l2" if candidate.unit and scoring.norm_post == "none" else scoring.norm_post


def _rankings(work: Work, queries: dict[str, Queries], head: np.ndarray | None) -> list[_Wanted]:
    """The distinct rankings that the work needs."""
    wanted: dict[tuple[Any, ...], _Wanted] = {}
    normalised: dict[tuple[Any, ...], Proxies] = {}
    rankings: dict[tuple[Any, ...], Ranking] = {}
    for index, candidate, scorings in work:
        for scoring in scorings:
            post = _post(candidate, scoring)
            proxies = (id(candidate.values), candidate.unit and post != "l2", post)
            if proxies not in normalised:
                normalised[proxies] = _normalised(candidate, post, head)
            name = (*proxies, scoring.norm_inf, scoring.distance)
            if name not in rankings:
                rankings[name] = DISTANCES[scoring.distance](normalised[proxies], queries[scoring.norm_inf])
            ranking = rankings[name]
            want = wanted.setdefault(ranking.identity, _Wanted(ranking, labels=candidate.labels))
            want.most = max(want.most, min(scoring.m or 1, len(candidate.labels)))
            want.users.append((index, scoring, ranking))
    return list(wanted.values())


def _normalised(candidate: Candidate, norm: str, head: np.ndarray | None) -> Proxies:
    """Proxies after NORMpost; l2 is a scale on the columns of none."""
    if norm == "l2":
        lengths = np.linalg.norm(candidate.values, axis=1)
        scale = 1 / np.where(lengths > 0, lengths, 1)
        return Proxies(candidate.values, scale.astype(np.float32))
    values = l2(candidate.values) if candidate.unit else candidate.values
    columns = NORM_POST[norm](values, candidate.labels, head)
    return Proxies(columns, np.ones(len(columns), np.float32))


def ranking(x: np.ndarray, candidate: Candidate, scoring: Scoring, head: np.ndarray | None = None) -> Ranking:
    """How one scoring ranks the proxies of one candidate for the embeddings x (n, D); `head` as in `evaluate_each`."""
    queries = Queries(x, np.linalg.norm(x, axis=1), scoring.norm_inf == "l2")
    return DISTANCES[scoring.distance](_normalised(candidate, _post(candidate, scoring), head), queries)


def _votes(
    want: _Wanted, neighbours: np.ndarray, values: np.ndarray, classes: int
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions of one ranking for all its users: one vote for each weighting, all m at once."""
    from imprint.kernels import vote

    labels = want.labels[neighbours]
    ballots: dict[tuple[str, ...], dict[int, list[tuple[int, Scoring]]]] = {}
    measures = {}
    for index, scoring, ranking in want.users:
        m = min(scoring.m or 1, want.most)
        weighted = scoring.weighting == "distance" and m > 1  # one voter wins with any weight
        ballot = (scoring.distance, str(id(ranking))) if weighted else ()
        measures[ballot] = ranking.measure
        ballots.setdefault(ballot, {}).setdefault(m, []).append((index, scoring))
    for ballot, users in ballots.items():
        ms = np.array(sorted(users))
        most = ms[-1]
        if ballot:
            distances = measures[ballot](slice(0, len(labels)), neighbours[:, :most], values[:, :most])
            weights = 1 / (distances.astype(np.float64) + TINY)
        else:
            weights = np.ones((1, most))
        first = np.ascontiguousarray(labels[:, :most])  # of one layout, so that the loop is compiled once
        for m, predicted in zip(ms, vote(first, weights, classes, ms), strict=True):
            yield users[m], predicted
