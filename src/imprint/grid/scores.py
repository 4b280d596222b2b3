"""The job of a score file: every configuration of one AGG on one task, over seeds and draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from imprint.data.tasks import Pool, select
from imprint.errors import UserError
from imprint.evaluate import Candidate, Effort, evaluate_each
from imprint.grid.tidy import compact
from imprint.kept import Kept, Work, digest, key
from imprint.method import Configuration, Scoring
from imprint.metrics import Scores
from imprint.store import ProxySet, ProxySets, proxies_of


@dataclass
class _Asked:
    """One proxy set under one NORMpre, who asks for scores of it, and the blocks they lie in."""

    proxies: ProxySet
    norm_pre: str
    users: list[tuple[Configuration, int, Scoring]] = field(default_factory=list)
    names: dict[Scoring, bytes] = field(default_factory=dict)
    found: dict[Scoring, Scores] = field(default_factory=dict)

    def missing(self) -> tuple[Scoring, ...]:
        return tuple(scoring for scoring in self.names if scoring not in self.found)


def score(
    train: Pool,
    test: Pool,
    proxies: Mapping[tuple[str, int | None], ProxySets],
    spec: Mapping[str, Any],
    device: str = "cpu",
    kept: Kept | None = None,
    code: str = "",
) -> tuple[pd.DataFrame, Effort, Work]:
    """Scores of every cell of one score file: a row for each configuration, draw and seed.

    proxies: the content of the proxy files by (gen, k). spec: see `Study.evaluation`. device: see `evaluate_each`.
    kept: blocks of earlier runs of the same `code`, one for each proxy set and scoring.
    """
    per_class = bool(spec.get("per_class"))
    kept = kept or Kept()
    effort, work = Effort(), Work()
    rows: list[dict[str, Any]] = []
    data = [code, digest(test.x, test.y), per_class]
    pools: dict[str, str] = {}  # digests of what only some cells depend on
    cells = [(Configuration(*cell[:-1]), cell[-1]) for cell in spec["cells"]]
    for draw, groups in enumerate(spec["draws"]):
        chosen, y, classes = select(test, groups)
        if len(chosen) == 0:
            continue
        asked = _asked(cells, proxies, draw)
        for own in asked:
            name = _name(own, train, pools)
            for scoring in dict.fromkeys(scoring for _, _, scoring in own.users):
                head = _digest_of("head", train, pools) if scoring.norm_post == "quantile_fm" else None
                own.names[scoring] = key(data, groups, name, head, scoring)
                block = kept.get(own.names[scoring])
                if block is not None:
                    own.found[scoring] = Scores(*json.loads(block))
            for _, _, scoring in own.users:
                work.add(scoring not in own.found)
        todo = [own for own in asked if own.missing()]
        samples: dict[bytes, np.ndarray] = {}  # those that are proxies, by their numbers
        candidates = [
            Candidate(
                _values(own.proxies, train, samples),
                own.proxies.labels,
                own.missing(),
                unit=own.proxies.samples is not None and own.norm_pre == "l2",
            )
            for own in todo
        ]
        x = test.x if len(chosen) == len(test.x) else test.x[chosen]
        for index, scoring, made in evaluate_each(
            x, y, classes, candidates, head=train.head, device=device, effort=effort
        ):
            own, values = todo[index], vars(made) | ({} if per_class else {"class_f1": ()})
            own.found[scoring] = Scores(**values)
            kept.put(own.names[scoring], json.dumps(list(values.values())).encode())
        rows += [row for own in asked for row in _rows(own, draw, per_class)]
    if not rows:
        raise UserError(
            f"task {spec['task']}: the test split has no sample of its classes; add some, or leave the task out"
        )
    return _tidy(rows, spec), effort, work


def _asked(
    cells: list[tuple[Configuration, list[int]]],
    proxies: Mapping[tuple[str, int | None], ProxySets],
    draw: int,
) -> list[_Asked]:
    """The proxy sets of a draw, each once however many names it has, with the cells that use them."""
    found: dict[tuple[int, str], _Asked] = {}
    for configuration, seeds in cells:
        scoring = Scoring(*configuration[3:])
        for seed in seeds:
            own = proxies_of(proxies[configuration.gen, configuration.k], configuration.norm_pre, seed, draw)
            asked = found.setdefault((id(own), configuration.norm_pre), _Asked(own, configuration.norm_pre))
            asked.users.append((configuration, seed, scoring))
    return list(found.values())


def _name(own: _Asked, train: Pool, pools: dict[str, str]) -> list[str]:
    """What the proxies are, by content; those that are samples by their numbers, the pool, and how it is normalised."""
    proxies = own.proxies
    if proxies.samples is None:
        return [digest(proxies.labels, proxies.values)]
    return [digest(proxies.labels, proxies.samples), _digest_of("x", train, pools), own.norm_pre]


def _digest_of(part: str, train: Pool, pools: dict[str, str]) -> str:
    if part not in pools:
        pools[part] = digest(getattr(train, part))
    return pools[part]


def _values(proxies: ProxySet, train: Pool, chosen: dict[bytes, np.ndarray]) -> np.ndarray:
    """Proxies as stored; samples before NORMpre, the same object for the same samples."""
    if proxies.samples is None:
        return proxies.values
    name = proxies.samples.tobytes()
    if name not in chosen:
        chosen[name] = train.x[proxies.samples]
    return chosen[name]


def _rows(own: _Asked, draw: int, per_class: bool) -> list[dict[str, Any]]:
    leave_out = () if per_class else ("class_f1",)
    return [
        {
            "draw": draw,
            **configuration._asdict(),
            "seed": seed,
            **{name: v for name, v in vars(own.found[scoring]).items() if name not in leave_out},
            "proxies": len(own.proxies.labels),
            "seconds": own.proxies.seconds,
        }
        for configuration, seed, scoring in own.users
    ]


def _tidy(rows: list[dict[str, Any]], spec: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of scores.parquet in their order, sorted by configuration as given, with compact types."""
    head = {"fm": spec["fm"], "task": spec["task"], "family": spec["family"], "d": spec["d"]}
    frame = pd.DataFrame(rows)
    frame = pd.DataFrame(
        {**head, "draw": frame.pop("draw"), "shots": spec["shots"], **frame}, index=frame.index
    )
    return compact(frame)
