"""The job of a score file: every configuration of one AGG on one task, over seeds and draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from imprint.analysis.frames import compact
from imprint.data.pools import Pool, select
from imprint.errors import UserError
from imprint.method.configuration import UNIT_LENGTH, Configuration, Scoring
from imprint.method.engine import Candidate, Effort, evaluate_each
from imprint.method.metrics import Scores
from imprint.method.normalize import NORMS
from imprint.method.proxies import ProxySet, ProxySets, proxy_set_for
from imprint.store.blocks import Blocks, Work, block_key, digest


@dataclass
class _Request:
    """One proxy set under one NORMpre, who asks for scores of it, and the blocks they lie in."""

    proxies: ProxySet
    norm_pre: str
    users: list[tuple[Configuration, int]] = field(default_factory=list)
    keys: dict[Scoring, bytes] = field(default_factory=dict)
    scores: dict[Scoring, Scores] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[Scoring, ...]:
        return tuple(scoring for scoring in self.keys if scoring not in self.scores)


@dataclass
class _Digests:
    """Digests of what only some cells depend on."""

    train: Pool

    @cached_property
    def x(self) -> str:
        return digest(self.train.x)

    @cached_property
    def fm_classifier(self) -> str:
        return digest(self.train.fm_classifier)

    def of_proxies(self, request: _Request) -> list[str]:
        """The content of a proxy set; of samples their numbers, the pool, and how it is normalised."""
        proxies = request.proxies
        if proxies.samples is None:
            return [digest(proxies.labels, proxies.values)]
        return [digest(proxies.labels, proxies.samples), self.x, request.norm_pre]


def score(
    train: Pool,
    test: Pool,
    proxies: Mapping[tuple[str, str], ProxySets],
    spec: Mapping[str, Any],
    device: str = "cpu",
    blocks: Blocks | None = None,
    code: str = "",
) -> tuple[pd.DataFrame, Effort, Work]:
    """Score every cell of one score file.

    Parameters
    ----------
    train, test : Pool
        The splits of the task's datasets.
    proxies : mapping
        The content of the proxy files by GEN and label of k.
    spec : mapping
        See `imprint.study.specs.evaluation`.
    device : str, default="cpu"
        See `evaluate_each`.
    blocks : Blocks, optional
        Finished scores of earlier runs of the same `code`, one block for each proxy set and scoring.
    code : str, optional
        Fingerprint of what decides the numbers.

    Returns
    -------
    frame : DataFrame
        A row for each configuration, draw and seed.
    effort : Effort
        What the engine did.
    work : Work
        How many cells were computed.
    """
    per_class = bool(spec.get("per_class"))
    blocks = blocks or Blocks()
    effort, work = Effort(), Work()
    rows: list[dict[str, Any]] = []
    data = [code, digest(test.x, test.y), per_class]
    digests = _Digests(train)
    for draw, groups in enumerate(spec["draws"]):
        chosen, y, classes = select(test, groups)
        if len(chosen) == 0:
            continue
        requests = _requests(spec["cells"], proxies, draw)
        for request in requests:
            content = digests.of_proxies(request)
            for scoring in dict.fromkeys(user.scoring for user, _ in request.users):
                needs_fm = NORMS.find(scoring.norm_post).needs_fm_classifier
                reference = digests.fm_classifier if needs_fm else None
                key = block_key(data, groups, content, reference, scoring)
                request.keys[scoring] = key
                block = blocks.get(key)
                if block is not None:
                    request.scores[scoring] = Scores(**json.loads(block))
            for user, _ in request.users:
                work.add(user.scoring not in request.scores)
        unfinished = [request for request in requests if request.missing]
        samples = _SampleProxies(train)
        candidates = [samples.candidate(request) for request in unfinished]
        x = test.x if len(chosen) == len(test.x) else test.x[chosen]
        for index, scoring, result in evaluate_each(
            x,
            y,
            classes,
            candidates,
            fm_classifier=train.fm_classifier,
            device=device,
            effort=effort,
        ):
            request = unfinished[index]
            values = dict(vars(result))
            if not per_class:
                values["class_f1"] = ()
            request.scores[scoring] = Scores(**values)
            blocks.put(request.keys[scoring], json.dumps(values).encode())
        for request in requests:
            rows += _rows(request, draw, per_class)
    if not rows:
        raise UserError(
            f"task {spec['task']}: the test split has no sample of its classes; add some, or leave the task out"
        )
    return _frame(rows, spec), effort, work


def _requests(
    cells: list[dict[str, Any]], proxies: Mapping[tuple[str, str], ProxySets], draw: int
) -> list[_Request]:
    """The proxy sets of a draw, each once however many seeds share it, with the cells that use them."""
    requests: dict[tuple[ProxySet, str], _Request] = {}
    for cell in cells:
        user = Configuration.from_dict(cell)
        sets = proxies[user.gen, user.k.label]
        for seed in cell["seeds"]:
            of_seed = proxy_set_for(sets, user.norm_pre, seed, draw)
            key = (of_seed, user.norm_pre)
            requests.setdefault(key, _Request(of_seed, user.norm_pre)).users.append((user, seed))
    return list(requests.values())


class _SampleProxies:
    """Candidates of proxy sets; samples are taken before NORMpre, so that those of all NORMs share products."""

    def __init__(self, train: Pool) -> None:
        self.train = train
        self.values: dict[bytes, np.ndarray] = {}

    def candidate(self, request: _Request) -> Candidate:
        proxies = request.proxies
        if proxies.samples is None:
            return Candidate(proxies.matrix(self.train.x), proxies.labels, request.missing)
        rows = proxies.samples.tobytes()
        if rows not in self.values:
            self.values[rows] = self.train.x[proxies.samples]
        x, unit = self.values[rows], request.norm_pre == UNIT_LENGTH
        key: Any = rows
        if not unit and NORMS.find(request.norm_pre).scale is None:
            x, key = NORMS.find(request.norm_pre).function(x), (request.norm_pre, rows)
        return Candidate(x, proxies.labels, request.missing, unit=unit, key=key)


def _rows(request: _Request, draw: int, per_class: bool) -> list[dict[str, Any]]:
    left_out = () if per_class else ("class_f1",)
    rows = []
    for user, seed in request.users:
        values = vars(request.scores[user.scoring])
        rows.append(
            {
                "draw": draw,
                **user.columns(),
                "seed": seed,
                **{name: value for name, value in values.items() if name not in left_out},
                "proxies": len(request.proxies.labels),
                "seconds": request.proxies.seconds,
            }
        )
    return rows


def _frame(rows: list[dict[str, Any]], spec: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of scores.parquet in their order, with compact types."""
    of_task = {name: spec[name] for name in ("fm", "task", "family", "d")}
    frame = pd.DataFrame(rows)
    columns = {**of_task, "draw": frame.pop("draw"), "shots": spec["shots"], **frame}
    return compact(pd.DataFrame(columns, index=frame.index))
