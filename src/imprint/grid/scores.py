"""The job of a score file: every configuration of one AGG on one task, over seeds and draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from imprint.data.tasks import Pool, select
from imprint.evaluate import Candidate, Effort, evaluate
from imprint.grid.tidy import compact
from imprint.method import Configuration, Scoring
from imprint.store import ProxySet

Sets = Mapping[tuple[str, int, int], ProxySet]  # by norm_pre, seed, draw


def score(
    train: Pool,
    test: Pool,
    proxies: Mapping[tuple[str, int | None], Sets],
    spec: Mapping[str, Any],
    device: str = "cpu",
) -> tuple[pd.DataFrame, Effort]:
    """Scores of every cell of one score file: a row for each configuration, draw and seed.

    proxies: the content of the proxy files by (gen, k). spec: see `Study.evaluation`. device: see `evaluate`.
    """
    leave_out = () if spec.get("per_class") else ("class_f1",)
    effort = Effort()
    tables = []
    cells = [(Configuration(*cell[:-1]), cell[-1]) for cell in spec["cells"]]
    for draw in range(len(spec["draws"])):
        rows, y, classes = select(test, spec["draws"][draw])
        if len(rows) == 0:
            continue
        # one candidate for each proxy set that is not the same object under another name
        users: dict[tuple[int, str], list[tuple[Configuration, int, Scoring]]] = {}
        sets: dict[tuple[int, str], ProxySet] = {}
        for configuration, seeds in cells:
            scoring = Scoring(*configuration[3:])
            for seed in seeds:
                own = proxies[configuration.gen, configuration.k][configuration.norm_pre, seed, draw]
                name = (id(own), configuration.norm_pre)
                sets[name] = own
                users.setdefault(name, []).append((configuration, seed, scoring))
        chosen: dict[bytes, np.ndarray] = {}  # samples that are proxies, by their numbers
        candidates = [
            Candidate(
                _values(own, train, chosen),
                own.labels,
                tuple(dict.fromkeys(scoring for _, _, scoring in users[key, norm_pre])),
                unit=own.samples is not None and norm_pre == "l2",
            )
            for (key, norm_pre), own in sets.items()
        ]
        x = test.x if len(rows) == len(test.x) else test.x[rows]
        results = evaluate(x, y, classes, candidates, head=train.head, device=device, effort=effort)
        for (name, own), result in zip(sets.items(), results, strict=True):
            for configuration, seed, scoring in users[name]:
                tables.append(
                    {
                        "draw": draw,
                        **configuration._asdict(),
                        "seed": seed,
                        **{name: v for name, v in vars(result[scoring]).items() if name not in leave_out},
                        "proxies": len(own.labels),
                        "seconds": own.seconds,
                    }
                )
    return _tidy(tables, spec), effort


def _values(proxies: ProxySet, train: Pool, chosen: dict[bytes, np.ndarray]) -> np.ndarray:
    """Proxies as stored; samples before NORMpre, the same object for the same samples."""
    if proxies.samples is None:
        return proxies.values
    name = proxies.samples.tobytes()
    if name not in chosen:
        chosen[name] = train.x[proxies.samples]
    return chosen[name]


def _tidy(rows: list[dict[str, Any]], spec: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of scores.parquet in their order, sorted by configuration as given, with compact types."""
    head = {"fm": spec["fm"], "task": spec["task"], "family": spec["family"], "d": spec["d"]}
    frame = pd.DataFrame(rows)
    frame = pd.DataFrame(
        {**head, "draw": frame.pop("draw"), "shots": spec["shots"], **frame}, index=frame.index
    )
    return compact(frame)
