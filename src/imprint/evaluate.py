"""The grid engine: every NORM and AGG of many proxy sets on one task, from a few large matrix products.

What a configuration needs beyond the product of test embeddings and proxies is cheap, so the products are made
once and shared: by NORMpost none and l2 (a scale per proxy), by NORMinf (a scale per row), by inner product,
cosine and euclidean. Configurations that rank proxies alike are ranked once, with as many neighbours as the
largest m among them needs; all m of them are read off one running vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imprint.aggregate import DISTANCES, TINY, Proxies, Queries, Ranking
from imprint.method import Scoring
from imprint.normalize import NORM_POST, l2


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


@dataclass(frozen=True)
class Scores:
    """Scores of one configuration on one task; all in [0, 1]. low, high: 95% Wilson interval of the accuracy."""

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    balanced_accuracy: float
    macro_f1: float


@dataclass
class Effort:
    """What an evaluation did: configurations asked for, distinct rankings and predictions, and the products' size."""

    configurations: int = 0
    rankings: int = 0
    predictions: int = 0
    flop: int = 0


def scores(y: np.ndarray, predicted: np.ndarray, classes: int) -> Scores:
    """Scores of predictions (n,) against labels y (n,) in [0, classes).

    Balanced accuracy averages the recall of the classes present in y; macro F1 the F1 of the classes present in
    either, as scikit-learn's do.
    """
    confusion = np.bincount(y * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    right, true, guessed = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    n = len(y)
    p = right.sum() / n
    z = 1.959963984540054  # the normal's 97.5% point
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    present = true + guessed > 0
    return Scores(
        accuracy=float(p),
        accuracy_low=float((centre - half) / (1 + z**2 / n)),
        accuracy_high=float((centre + half) / (1 + z**2 / n)),
        balanced_accuracy=float((right[true > 0] / true[true > 0]).mean()),
        macro_f1=float((2 * right[present] / (true + guessed)[present]).mean()),
    )


@dataclass
class _Wanted:
    """A ranking, the most neighbours anyone needs of it, and who needs it."""

    ranking: Ranking
    labels: np.ndarray
    most: int = 1
    users: list[tuple[int, Scoring, Ranking]] = field(default_factory=list)


def evaluate(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    memory: int = 512 * 2**20,
    effort: Effort | None = None,
) -> list[dict[Scoring, Scores]]:
    """Scores of every candidate under each of its scorings.

    x: (n, D) float32 test embeddings, y: (n,) their labels in [0, classes). memory: bytes that the blocks of
    products and neighbours may take beside the inputs (roughly; one column of proxies is the least).
    """
    results: list[dict[Scoring, Scores]] = [{} for _ in candidates]
    effort = effort if effort is not None else Effort()
    for index, scoring, predicted in predict(x, classes, candidates, memory=memory, effort=effort):
        made = scores(y, predicted, classes)
        for i, s in zip(index, scoring, strict=True):
            results[i][s] = made
    return results


def predict(
    x: np.ndarray,
    classes: int,
    candidates: Sequence[Candidate],
    *,
    memory: int = 512 * 2**20,
    effort: Effort | None = None,
) -> Iterator[tuple[list[int], list[Scoring], np.ndarray]]:
    """Predictions (n,), each once, with the candidates (by number) and scorings that give it; arguments as `evaluate`."""
    x = np.ascontiguousarray(x, np.float32)
    lengths = np.linalg.norm(x, axis=1)
    wanted = _rankings(x, lengths, candidates)
    effort = effort if effort is not None else Effort()
    effort.configurations += sum(len(c.scorings) for c in candidates)
    effort.rankings += len(wanted)
    for pack in _packs(wanted, len(x), memory // 2):
        columns = sum(len(matrix.columns) for matrix in pack)
        effort.flop += 2 * x.size * columns
        for want, neighbours, values in _nearest(x, lengths, pack, memory // 2):
            for users, predicted in _votes(want, neighbours, values, classes):
                effort.predictions += 1
                yield [i for i, _ in users], [s for _, s in users], predicted


def _rankings(x: np.ndarray, lengths: np.ndarray, candidates: Sequence[Candidate]) -> list[_Wanted]:
    wanted: dict[tuple, _Wanted] = {}
    normalised: dict[tuple[int, bool, str], Proxies] = {}
    rankings: dict[tuple[Any, ...], Ranking] = {}
    queries = {norm: Queries(x, lengths, norm == "l2") for norm in ("none", "l2")}
    for index, candidate in enumerate(candidates):
        made: dict[tuple[str, str, str], Ranking] = {}
        for scoring in candidate.scorings:
            # unit proxies are the same after none and after l2
            post = "l2" if candidate.unit and scoring.norm_post == "none" else scoring.norm_post
            name = (post, scoring.norm_inf, scoring.distance)
            if name not in made:
                key = (id(candidate.values), candidate.unit and post != "l2", post)
                if key not in normalised:
                    normalised[key] = _normalised(candidate, post)
                ranked = (key, *name[1:])
                if ranked not in rankings:
                    rankings[ranked] = DISTANCES[scoring.distance](normalised[key], queries[scoring.norm_inf])
                made[name] = rankings[ranked]
            ranking = made[name]
            want = wanted.setdefault(ranking.identity, _Wanted(ranking, candidate.labels))
            want.most = max(want.most, min(scoring.m or 1, len(candidate.labels)))
            want.users.append((index, scoring, ranking))
    return list(wanted.values())


def _normalised(candidate: Candidate, norm: str) -> Proxies:
    """Proxies after NORMpost; l2 is a scale on the columns of none."""
    if norm == "l2":
        lengths = np.linalg.norm(candidate.values, axis=1)
        scale = 1 / np.where(lengths > 0, lengths, 1)
        return Proxies(candidate.values, scale.astype(np.float32))
    values = l2(candidate.values) if candidate.unit else candidate.values
    columns = NORM_POST[norm](values, candidate.labels)
    return Proxies(columns, np.ones(len(columns), np.float32))


@dataclass
class _Matrix:
    """Proxies as the columns of one product, and the rankings that it serves; `queries` as in `Ranking`."""

    columns: np.ndarray
    queries: np.ndarray | None
    wants: list[_Wanted] = field(default_factory=list)


def _packs(wanted: Iterable[_Wanted], n: int, memory: int) -> Iterator[list[_Matrix]]:
    """Matrices of proxies, together as far as their rankings' neighbours (12 bytes each) fit in memory.

    All matrices of a pack are multiplied with the same queries.
    """
    matrices: dict[tuple[int, int], _Matrix] = {}
    for want in wanted:
        ranking = want.ranking
        name = (id(ranking.columns), id(ranking.queries))
        matrices.setdefault(name, _Matrix(ranking.columns, ranking.queries)).wants.append(want)
    packs: dict[int, tuple[list[_Matrix], int]] = {}
    for matrix in matrices.values():
        need = sum(12 * n * want.most for want in matrix.wants)
        pack, used = packs.get(id(matrix.queries), ([], 0))
        if pack and used + need > memory:
            yield pack
            pack, used = [], 0
        pack.append(matrix)
        packs[id(matrix.queries)] = pack, used + need
    yield from (pack for pack, _ in packs.values())


BLOCK = (
    4096  # columns of one product: enough for the speed of the matrix product, little enough for the cache
)


def _nearest(
    x: np.ndarray, lengths: np.ndarray, pack: list[_Matrix], memory: int
) -> Iterator[tuple[_Wanted, np.ndarray, np.ndarray]]:
    """The `most` nearest proxies of every row (n, most) for each ranking of a pack, and their products."""
    from imprint.kernels import manhattan, select

    n = len(x)
    ones = np.ones(n, np.float32)
    queries = pack[0].queries
    state = {}
    for want in (want for matrix in pack for want in matrix.wants):
        shape = (n, want.most)
        state[id(want)] = (
            np.full(shape, np.inf, np.float32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
        )
    for block in _blocks(pack):
        columns = [matrix.columns[first:last] for matrix, first, last in block]
        columns = columns[0] if len(columns) == 1 else np.concatenate(columns)
        rows = max(1, min(n, memory // (4 * len(columns)), 2**22 // len(columns)))
        products = np.empty((rows, len(columns)), np.float32)
        for top in range(0, n, rows):
            part = slice(top, min(top + rows, n))
            own = products[: part.stop - top]
            if queries is None:
                np.matmul(x[part], columns.T, out=own)
            else:
                manhattan(queries[part], columns, own)
            start = 0
            for matrix, first, last in block:
                end = start + last - first
                for want in matrix.wants:
                    ranking = want.ranking
                    offset = (
                        ranking.offset
                        if ranking.offset is not None
                        else np.zeros(len(ranking.scale), np.float32)
                    )
                    select(
                        own, start, end, first, lengths[part] if ranking.times_length else ones[part],
                        ranking.scale, offset, *(array[part] for array in state[id(want)]),
                    )  # fmt: skip
                start = end
    for want in (want for matrix in pack for want in matrix.wants):
        _, neighbours, values = state.pop(id(want))
        yield want, neighbours, values


def _blocks(pack: list[_Matrix]) -> Iterator[list[tuple[_Matrix, int, int]]]:
    """Runs of columns (matrix, first, last) that make one product of at most BLOCK columns."""
    block: list[tuple[_Matrix, int, int]] = []
    free = BLOCK
    for matrix in pack:
        first = 0
        while first < len(matrix.columns):
            last = min(len(matrix.columns), first + free)
            block.append((matrix, first, last))
            free -= last - first
            first = last
            if free == 0:
                yield block
                block, free = [], BLOCK
    if block:
        yield block


def _votes(
    want: _Wanted, neighbours: np.ndarray, values: np.ndarray, classes: int
) -> Iterator[tuple[list[tuple[int, Scoring]], np.ndarray]]:
    """Predictions of one ranking for all its users: one vote for each weighting, all m at once."""
    from imprint.kernels import vote

    labels = want.labels[neighbours]
    ballots: dict[tuple, dict[int, list[tuple[int, Scoring]]]] = {}
    measures = {}
    for index, scoring, ranking in want.users:
        m = min(scoring.m or 1, want.most)
        weighted = scoring.weighting == "distance" and m > 1  # one voter wins with any weight
        ballot = (scoring.distance, scoring.norm_post, scoring.norm_inf) if weighted else ()
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
