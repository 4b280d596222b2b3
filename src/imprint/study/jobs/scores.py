"""The job that writes a score file: every configuration of one AGG on one task, over seeds and draws."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from imprint.analysis.differences import JOINT
from imprint.analysis.frames import compact, task_columns
from imprint.data.pools import MergedClasses, Pool, require_test_samples, select, training_rows
from imprint.data.shots import training_seed
from imprint.method.components import components_of_scoring
from imprint.method.configuration import Configuration, Scoring
from imprint.method.engine import Effort, predict
from imprint.method.generate import GENERATORS
from imprint.method.large_arrays import take_rows
from imprint.method.metrics import scores
from imprint.method.normalize import FittedNorms, chain, learns
from imprint.method.proxies import ProxySet, ProxySets, proxy_set_for
from imprint.method.scoring import candidate_head
from imprint.store.block_cache import Blocks, Work, block_key, digest
from imprint.study.jobs.extra_scores import TrainingScores


@dataclass
class _Request:
    """One proxy set with its NORMpre, the cells (`users`) that need its scores, and these by name, with their block keys."""

    proxies: ProxySet
    norm_pre: str
    users: list[tuple[Configuration, int]] = field(default_factory=list)
    keys: dict[Scoring, bytes] = field(default_factory=dict)
    scores: dict[Scoring, dict[str, Any]] = field(default_factory=dict)

    @property
    def method(self) -> Configuration:
        """The method of its first user; all have the same GEN, k and NORMpre."""
        return self.users[0][0]

    @property
    def seed(self) -> int:
        """The seed of its first user. If users have different seeds, training set and proxies do not depend on the seed."""
        return self.users[0][1]

    @property
    def missing(self) -> tuple[Scoring, ...]:
        """The scorings without scores."""
        return tuple(scoring for scoring in self.keys if scoring not in self.scores)


def score(
    train: Pool,
    test: Pool,
    proxies: Mapping[str, ProxySets],
    spec: Mapping[str, Any],
    device: str = "cpu",
    blocks: Blocks | None = None,
    code: str = "",
    component_codes: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, Effort, Work]:
    """Score every cell of one score file.

    Parameters
    ----------
    train, test : Pool
        The splits of the task's datasets.
    proxies : mapping
        The content of the proxy files by GEN.
    spec : mapping
        See `imprint.study.specs.evaluation`; the key `cells` holds the cells.
    device : str, default="cpu"
        See `imprint.method.engine.predict`.
    blocks : Blocks, optional
        Scores of earlier runs with the same `code`, one block for each proxy set and scoring.
    code : str, optional
        Fingerprint of the code that the numbers depend on.
    component_codes : mapping, optional
        Fingerprints of the NORMs, AGGs, distances and weightings, see `imprint.study.job_components.codes`.

    Returns
    -------
    frame : DataFrame
        A row for each configuration, draw and seed.
    effort : Effort
        Statistics of the evaluation.
    work : Work
        How many cells were computed and how many reused.
    """
    scorer = _Scorer(
        train, test, proxies, spec, device, blocks or Blocks(), code, component_codes or {}
    )
    rows = [
        row for draw, merged in enumerate(spec["draws"]) for row in scorer.rows_of(draw, merged)
    ]
    require_test_samples(spec["task"], [len(rows)])
    return _frame(rows, spec), scorer.effort, scorer.work


@dataclass
class _Scorer:
    """Scores the cells of one file, one draw at a time. For the parameters see `score`."""

    train: Pool
    test: Pool
    proxies: Mapping[str, ProxySets]
    spec: Mapping[str, Any]
    device: str
    blocks: Blocks
    code: str
    component_codes: Mapping[str, str]
    effort: Effort = field(default_factory=Effort)
    work: Work = field(default_factory=Work)
    codes: dict[tuple[str, Scoring], list[str | None]] = field(default_factory=dict)
    # by draw, and the seed of the training set
    norms: dict[tuple[int, int | None], FittedNorms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._per_class = bool(self.spec.get("per_class"))
        self._extra_names = self.spec.get("extra_scores", [])

    def rows_of(self, draw: int, merged: MergedClasses) -> list[dict[str, Any]]:
        """The rows of one draw, whose classes are those of `merged`; empty if these have no test samples."""
        chosen, y, classes = select(self.test, merged)
        if len(chosen) == 0:
            return []
        requests = _requests(self.spec["cells"], self.proxies, draw)
        for request in requests:
            self._read_finished(request, merged)
        unfinished = [request for request in requests if request.missing]
        self._compute(draw, unfinished, take_rows(self.test.x, chosen), y, classes)
        return [row for request in requests for row in _rows(request, draw)]

    def _read_finished(self, request: _Request, merged: MergedClasses) -> None:
        """Read the scores of earlier runs, and count the missing ones."""
        request.keys = dict(self._keys(request, merged))
        for scoring, key in request.keys.items():
            block = self.blocks.get(key)
            if block is not None:
                request.scores[scoring] = json.loads(block)
        computed = sum(user.scoring not in request.scores for user, _ in request.users)
        self.work.add(requested=len(request.users), computed=computed)

    def _compute(
        self, draw: int, requests: list[_Request], x: np.ndarray, y: np.ndarray, classes: int
    ) -> None:
        """Compute the missing scores on the test samples x (n, D) of a draw, and store them as blocks."""
        sample_cache: dict[bytes, np.ndarray] = {}
        candidates = [
            candidate_head(
                request.proxies,
                self.train.x,
                request.norm_pre,
                request.missing,
                self._norms(draw, request),
                sample_cache,
            )
            for request in requests
        ]
        extra = [self._extra(draw, request, x, y) for request in requests]
        for users, predicted in predict(
            x,
            classes,
            candidates,
            fm_classifier=self.train.fm_classifier,
            device=self.device,
            effort=self.effort,
        ):
            result = vars(scores(y, predicted, classes))
            if not self._per_class:
                result = {**result, "class_f1": ()}
            for index, scoring in users:
                request = requests[index]
                request.scores[scoring] = {**result, **extra[index].get(scoring, {})}
                block = json.dumps(request.scores[scoring]).encode()
                self.blocks.put(request.keys[scoring], block)

    # training sets

    def _training_seed(self, request: _Request) -> int | None:
        """The seed that draws the training set of a request."""
        return training_seed(self.spec["shots"], request.seed)

    def _training_rows(self, draw: int, request: _Request) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the pool that are the training set, and their labels."""
        draw_classes, shots = self.spec["draws"][draw], self.spec["shots"]
        return training_rows(self.train, draw_classes, shots, request.seed)[:2]

    def _norms(self, draw: int, request: _Request) -> FittedNorms | None:
        """The NORMs of a request's training set; None if none is fitted."""
        used = {norm for s in request.missing for norm in (s.norm_post, s.norm_inf)}
        if not learns(request.norm_pre, *used):
            return None
        key = draw, self._training_seed(request)
        if key not in self.norms:
            rows, y = self._training_rows(draw, request)
            self.norms[key] = FittedNorms(take_rows(self.train.x, rows), y)
        return self.norms[key]

    def _extra(
        self, draw: int, request: _Request, test_x: np.ndarray, test_y: np.ndarray
    ) -> dict[Scoring, dict[str, float]]:
        """The optional scores of a proxy set, whose samples are renumbered as rows of its training set."""
        if not self._extra_names:
            return {}
        rows, y = self._training_rows(draw, request)
        of_set = TrainingScores(
            take_rows(self.train.x, rows),
            y,
            test_x,
            test_y,
            self._gen_seed(request),
            self._extra_names,
            self.spec.get("ls_lambda"),
            self.train.fm_classifier,
            self._norms(draw, request),
        )
        proxies = request.proxies
        if proxies.samples is not None:
            proxies = replace(proxies, samples=np.searchsorted(rows, proxies.samples))
        return of_set.of(request.method, proxies, request.missing)

    def _gen_seed(self, request: _Request) -> int | None:
        """The seed that the proxies were generated with, see `imprint.study.specs.proxies`."""
        if GENERATORS.find(request.method.gen).seeded:
            return request.seed
        return self._training_seed(request)

    # keys of blocks

    def _keys(self, request: _Request, merged: MergedClasses) -> Iterator[tuple[Scoring, bytes]]:
        """The scorings of a request, each with the key of its block. The key covers all that the scores depend on."""
        content = self._proxies_digests(request)
        for scoring in dict.fromkeys(user.scoring for user, _ in request.users):
            needs_fm = chain(scoring.norm_post).needs_fm_classifier
            reference = self._fm_classifier_digest if needs_fm else None
            codes = self._codes(request, scoring)
            parts: list[Any] = [self._data, merged, content, reference, scoring, codes]
            if learns(scoring.norm_post, scoring.norm_inf):
                parts += [self._training_digests, request.norm_pre]
                parts += [self.spec["shots"], self._training_seed(request)]
            if self._extra_names:  # they generate proxies again
                parts += [request.method.gen, request.method.k.label, request.norm_pre]
                parts += [self._gen_seed(request), self._training_seed(request)]
            yield scoring, block_key(*parts)

    @cached_property
    def _data(self) -> list[Any]:
        """What all blocks depend on."""
        values = [self.code, self.test.content, digest(self.test.y), self._per_class]
        if self._extra_names:
            values += [self._extra_names, self.spec.get("ls_lambda"), self.spec["shots"]]
            values += self._training_digests
        return values

    @cached_property
    def _training_digests(self) -> list[str]:
        return [self.train.content, digest(self.train.y)]

    @cached_property
    def _fm_classifier_digest(self) -> str:
        return digest(self.train.fm_classifier)

    def _proxies_digests(self, request: _Request) -> list[str]:
        """Digests of a proxy set; if proxies are samples, of their numbers and the pool, with NORMpre."""
        proxies = request.proxies
        if proxies.samples is None:
            return [digest(proxies.labels, proxies.values, proxies.bias)]
        return [digest(proxies.labels, proxies.samples), self.train.content, request.norm_pre]

    def _codes(self, request: _Request, scoring: Scoring) -> list[str | None]:
        """Fingerprints of the components that score proxies."""
        key = request.norm_pre, scoring._replace(m=None)  # the same for every number of neighbours
        if key not in self.codes:
            used = components_of_scoring(*key)
            self.codes[key] = [self.component_codes.get(name) for name in used]
        return self.codes[key]


def _requests(
    cells: list[dict[str, Any]], proxies: Mapping[str, ProxySets], draw: int
) -> list[_Request]:
    """The proxy sets of a draw with the cells that use them; a set shared by several seeds is listed once."""
    requests: dict[tuple[ProxySet, str], _Request] = {}
    for cell in cells:
        user = Configuration.from_dict(cell)
        sets = proxies[user.gen]
        for seed in cell["seeds"]:
            of_seed = proxy_set_for(sets, user.k.label, user.norm_pre, seed, draw)
            key = (of_seed, user.norm_pre)
            requests.setdefault(key, _Request(of_seed, user.norm_pre)).users.append((user, seed))
    return list(requests.values())


def _rows(request: _Request, draw: int) -> list[dict[str, Any]]:
    return [
        {
            "draw": draw,
            **user.columns(),
            "seed": seed,
            **request.scores[user.scoring],
            "proxies": len(request.proxies.labels),
            "seconds": request.proxies.seconds,
        }
        for user, seed in request.users
    ]


def _frame(rows: list[dict[str, Any]], spec: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of scores.parquet in their order, with compact types."""
    of_task = task_columns(spec)
    of_task["datasets"] = JOINT.join(spec["datasets"])
    frame = pd.DataFrame(rows)
    if not spec.get("per_class"):
        del frame["class_f1"]
    columns = {**of_task, "draw": frame.pop("draw"), "shots": spec["shots"], **frame}
    return compact(pd.DataFrame(columns, index=frame.index))
