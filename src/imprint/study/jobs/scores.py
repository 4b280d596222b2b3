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
from imprint.analysis.frames import compact
from imprint.data.pools import Groups, Pool, require_test_samples, select, training_rows
from imprint.method.components import components_of_scoring
from imprint.method.configuration import Configuration, Scoring
from imprint.method.engine import Effort, predict
from imprint.method.generate import GENERATORS
from imprint.method.large_arrays import take_rows
from imprint.method.metrics import Scores, scores
from imprint.method.normalize import FittedNorms, chain, learns
from imprint.method.proxies import ProxySet, ProxySets, proxy_set_for
from imprint.method.scoring import CandidateHead, candidate_head
from imprint.store.blocks import Blocks, Work, block_key, digest
from imprint.study.jobs.extra_scores import TrainingScores


@dataclass
class _Request:
    """One proxy set with its NORMpre, the cells (`users`) that need its scores, and these scores with their block keys."""

    proxies: ProxySet
    norm_pre: str
    users: list[tuple[Configuration, int]] = field(default_factory=list)
    keys: dict[Scoring, bytes] = field(default_factory=dict)
    scores: dict[Scoring, Scores] = field(default_factory=dict)
    extra: dict[Scoring, dict[str, float]] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The seed of its first user. If users have different seeds, training set and proxies do not depend on the seed."""
        return self.users[0][1]

    @property
    def missing(self) -> tuple[Scoring, ...]:
        """The scorings without scores."""
        return tuple(scoring for scoring in self.keys if scoring not in self.scores)

    def read(self, scoring: Scoring, block: bytes) -> None:
        """Read the scores of one scoring from a block."""
        values = json.loads(block)
        self.extra[scoring] = values.pop("extra", {})
        self.scores[scoring] = Scores(**values)

    def block(self, scoring: Scoring) -> bytes:
        """The block of one scoring."""
        values = dict(vars(self.scores[scoring]))
        if scoring in self.extra:
            values["extra"] = self.extra[scoring]
        return json.dumps(values).encode()


@dataclass
class _Digests:
    """Digests of data and code that only some cells depend on."""

    train: Pool
    component_codes: Mapping[str, str]
    codes: dict[tuple[str, Scoring], list[str | None]] = field(default_factory=dict)

    @cached_property
    def y(self) -> str:
        return digest(self.train.y)

    @cached_property
    def fm_classifier(self) -> str:
        return digest(self.train.fm_classifier)

    def of_components(self, norm_pre: str, scoring: Scoring) -> list[str | None]:
        """Fingerprints of the components that score proxies."""
        key = norm_pre, scoring._replace(m=None)  # the same for every number of neighbours
        if key not in self.codes:
            used = components_of_scoring(*key)
            self.codes[key] = [self.component_codes.get(name) for name in used]
        return self.codes[key]

    def of_proxies(self, request: _Request) -> list[str]:
        """Digests of a proxy set; if proxies are samples, of their numbers and the pool, with NORMpre."""
        proxies = request.proxies
        if proxies.samples is None:
            return [digest(proxies.labels, proxies.values, proxies.bias)]
        return [digest(proxies.labels, proxies.samples), self.train.content, request.norm_pre]


@dataclass
class _TrainingSets:
    """The training sets of the seeds and draws, for fitted NORMs and optional scores."""

    train: Pool
    spec: Mapping[str, Any]
    of_sets: dict[tuple[int, int | None], FittedNorms] = field(default_factory=dict)

    def key(self, seed: int) -> tuple[str, int | None]:
        """Key of the drawn samples; with full shots the seed does not matter."""
        shots = self.spec["shots"]
        return shots, None if shots == "full" else seed

    def extra(
        self, draw: int, request: _Request, test_x: np.ndarray, test_y: np.ndarray
    ) -> dict[Scoring, dict[str, float]]:
        """The optional scores of a proxy set, whose samples are renumbered as rows of its training set."""
        shots, drawn = self.key(request.seed)
        rows, y, _ = training_rows(self.train, self.spec["draws"][draw], shots, drawn)
        of_set = TrainingScores(
            take_rows(self.train.x, rows),
            y,
            test_x,
            test_y,
            request.seed,
            self.spec["extra_scores"],
            self.spec.get("ls_lambda"),
            self.train.fm_classifier,
        )
        proxies = request.proxies
        if proxies.samples is not None:
            proxies = replace(proxies, samples=np.searchsorted(rows, proxies.samples))
        method, _ = request.users[0]
        return of_set.of(method, proxies, request.missing)

    def norms(self, draw: int, request: _Request) -> FittedNorms | None:
        """The NORMs of a request's training set; None if none is fitted."""
        used = {norm for s in request.missing for norm in (s.norm_post, s.norm_inf)}
        if not learns(request.norm_pre, *used):
            return None
        shots, drawn = self.key(request.seed)
        if (draw, drawn) not in self.of_sets:
            rows, y, _ = training_rows(self.train, self.spec["draws"][draw], shots, drawn)
            self.of_sets[draw, drawn] = FittedNorms(take_rows(self.train.x, rows), y)
        return self.of_sets[draw, drawn]


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
        Fingerprints of the NORMs, distances and weightings, see `imprint.study.job_components.codes`.

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
        row for draw, groups in enumerate(spec["draws"]) for row in scorer.rows_of(draw, groups)
    ]
    require_test_samples(spec["task"], [len(rows)])
    return _frame(rows, spec), scorer.effort, scorer.work


class _Scorer:
    """Scores the cells of one file, one draw at a time. For the parameters see `score`."""

    def __init__(
        self,
        train: Pool,
        test: Pool,
        proxies: Mapping[str, ProxySets],
        spec: Mapping[str, Any],
        device: str,
        blocks: Blocks,
        code: str,
        component_codes: Mapping[str, str],
    ) -> None:
        self._train, self._test, self._proxies, self._spec = train, test, proxies, spec
        self._device, self._blocks = device, blocks
        self._per_class = bool(spec.get("per_class"))
        self._extra_names = spec.get("extra_scores", [])
        self._digests = _Digests(train, component_codes)
        self._training = _TrainingSets(train, spec)
        self._data = [
            code,
            test.content,
            digest(test.y),
            self._per_class,
        ]  # all blocks depend on these
        if self._extra_names:
            self._data += [self._extra_names, spec.get("ls_lambda"), train.content]
            self._data += [self._digests.y, spec["shots"]]
        self.effort, self.work = Effort(), Work()

    def rows_of(self, draw: int, groups: Groups) -> list[dict[str, Any]]:
        """The rows of one draw, whose classes are `groups`; empty if these have no test samples."""
        chosen, y, classes = select(self._test, groups)
        if len(chosen) == 0:
            return []
        requests = _requests(self._spec["cells"], self._proxies, draw)
        for request in requests:
            self._read_finished(request, groups)
        unfinished = [request for request in requests if request.missing]
        self._compute(draw, unfinished, take_rows(self._test.x, chosen), y, classes)
        return [row for request in requests for row in _rows(request, draw, self._per_class)]

    def _read_finished(self, request: _Request, groups: Groups) -> None:
        """Read the scores of earlier runs, and count the missing ones."""
        request.keys = dict(_keys(request, [self._data, groups], self._digests, self._training))
        for scoring, key in request.keys.items():
            block = self._blocks.get(key)
            if block is not None:
                request.read(scoring, block)
        for user, _ in request.users:
            self.work.add(user.scoring not in request.scores)

    def _compute(
        self, draw: int, requests: list[_Request], x: np.ndarray, y: np.ndarray, classes: int
    ) -> None:
        """Compute the missing scores on the test samples x (n, D) of a draw, and store them as blocks."""
        fm_classifier = self._train.fm_classifier
        candidates = self._candidates(draw, requests)
        if self._extra_names:
            for request in requests:
                extra = self._training.extra(draw, request, x, y)
                request.extra |= {scoring: extra[scoring] for scoring in request.missing}
        for users, predicted in predict(
            x,
            classes,
            candidates,
            fm_classifier=fm_classifier,
            device=self._device,
            effort=self.effort,
        ):
            result = scores(y, predicted, classes)
            result = result if self._per_class else replace(result, class_f1=())
            for index, scoring in users:
                request = requests[index]
                request.scores[scoring] = result
                self._blocks.put(request.keys[scoring], request.block(scoring))

    def _candidates(self, draw: int, requests: list[_Request]) -> list[CandidateHead]:
        sample_cache: dict[bytes, np.ndarray] = {}
        return [
            candidate_head(
                request.proxies,
                self._train.x,
                request.norm_pre,
                request.missing,
                self._training.norms(draw, request),
                sample_cache,
            )
            for request in requests
        ]


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


def _keys(
    request: _Request, data: list[Any], digests: _Digests, training: _TrainingSets
) -> Iterator[tuple[Scoring, bytes]]:
    """The scorings of a request, each with the key of its block. The key covers all that the scores depend on.

    data: what all blocks of a draw depend on.
    """
    content = digests.of_proxies(request)
    for scoring in dict.fromkeys(user.scoring for user, _ in request.users):
        needs_fm = chain(scoring.norm_post).needs_fm_classifier
        reference = digests.fm_classifier if needs_fm else None
        of_components = digests.of_components(request.norm_pre, scoring)
        parts = [*data, content, reference, scoring, of_components]
        if learns(scoring.norm_post, scoring.norm_inf):
            parts += [
                training.train.content,
                digests.y,
                request.norm_pre,
                training.key(request.seed),
            ]
        if training.spec.get("extra_scores"):  # extra scores generate proxies again
            method, seed = request.users[0]
            of_seed = seed if GENERATORS.find(method.gen).seeded else None
            parts += [method.gen, method.k.label, request.norm_pre, of_seed, training.key(seed)]
        yield scoring, block_key(*parts)


def _rows(request: _Request, draw: int, per_class: bool) -> list[dict[str, Any]]:
    left_out = () if per_class else ("class_f1",)
    rows = []
    for user, seed in request.users:
        values: dict[str, Any] = vars(request.scores[user.scoring])
        extra: dict[str, Any] = request.extra.get(user.scoring, {})
        rows.append(
            {
                "draw": draw,
                **user.columns(),
                "seed": seed,
                **{name: value for name, value in values.items() if name not in left_out},
                **extra,
                "proxies": len(request.proxies.labels),
                "seconds": request.proxies.seconds,
            }
        )
    return rows


def _frame(rows: list[dict[str, Any]], spec: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of scores.parquet in their order, with compact types."""
    of_task = {name: spec[name] for name in ("fm", "task", "family", "d")}
    of_task["datasets"] = JOINT.join(spec["datasets"])
    frame = pd.DataFrame(rows)
    columns = {**of_task, "draw": frame.pop("draw"), "shots": spec["shots"], **frame}
    return compact(pd.DataFrame(columns, index=frame.index))
