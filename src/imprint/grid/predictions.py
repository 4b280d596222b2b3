"""The job of a predictions file: every test sample of one task as one cell predicts it, with its nearest proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from imprint import head, normalize
from imprint.data.tasks import Pool, class_names, draw_shots, pool, select
from imprint.evaluate import MEMORY, Candidate, predict, ranking
from imprint.grid.tidy import rows_of
from imprint.method import Configuration, Scoring
from imprint.nearest import Search, nearest
from imprint.store import Embeddings, ProxySet

NEIGHBOURS = 5


def choose(scores: pd.DataFrame, spec: Mapping[str, Any]) -> tuple[Configuration, int]:
    """The best configuration among the rows that `spec` names, and the seed of it that reaches the median accuracy.

    scores: of the whole study. spec: see `Study.cell`.
    """
    rows = rows_of(scores, [spec])
    configuration, seed, _ = head.best(rows[rows["draw"] == spec["draw"]])
    return configuration, seed


def predictions(
    train: Sequence[Embeddings],
    test: Sequence[Embeddings],
    proxies: ProxySet,
    configuration: Configuration,
    seed: int,
    spec: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A row for each test sample of a task, and what they are predictions of.

    Columns: dataset, id, true and predicted (numbers of classes), and lists over the nearest proxies, nearest first:
    near_class, near_value (what proxies are ranked by), near_dataset and near_id of the training sample that a proxy is
    or, where proxies are none, that of its class which is nearest to it in direction.

    train, test: of each dataset of the task. spec: see `Study.cell`.
    """
    training, testing = pool(train), pool(test)
    rows, y, classes = select(testing, spec["draw_groups"])
    x, scoring = testing.x[rows], Scoring(*configuration[3:])
    unit = proxies.samples is not None and configuration.norm_pre == "l2"
    candidate = Candidate(proxies.matrix(training.x), proxies.labels, (scoring,), unit=unit)
    ((_, predicted),) = predict(x, classes, [candidate], head=training.head)
    near, values, value_is = _nearest(x, candidate, scoring, training.head)

    shown = np.full(len(proxies.labels), -1)
    needed = np.unique(near)
    shown[needed] = _samples(needed, proxies, training, configuration, seed, spec)
    training_names, testing_names = (_names(parts, spec["datasets"]) for parts in (train, test))
    table = pd.DataFrame(
        {
            "dataset": testing_names[0][rows],
            "id": testing_names[1][rows],
            "true": y,
            "predicted": predicted,
            "near_class": list(proxies.labels[near]),
            "near_value": list(values),
            "near_dataset": list(training_names[0][shown[near]]),
            "near_id": list(training_names[1][shown[near]]),
        }
    )
    about = {
        "configuration": configuration._asdict(),
        "seed": seed,
        "draw": spec["draw"],
        "accuracy": float((predicted == y).mean()),
        "classes": class_names(train, spec["draw_groups"]),
        "proxies": len(proxies.labels),
        "proxies_are_samples": proxies.samples is not None,
        "value_is": value_is,
    }
    return table, about


def _nearest(
    x: np.ndarray, candidate: Candidate, scoring: Scoring, classifier: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Numbers of the nearest proxies (n, m), by what they are ranked (n, m), and what that is."""
    x = np.ascontiguousarray(x, np.float32)
    lengths = np.linalg.norm(x, axis=1)
    kind = ranking(x, candidate, scoring, classifier)
    most = min(NEIGHBOURS, len(kind.columns))
    ((_, near, products),) = nearest(x, lengths, [Search(kind, most)], MEMORY)
    if kind.measure is not None:
        return near, kind.measure(slice(0, len(x)), near, products), f"{scoring.distance} distance"
    similar = products * kind.scale[near]
    if scoring.norm_inf == "l2":
        similar /= np.where(lengths > 0, lengths, 1)[:, None]
    return near, similar, scoring.distance.replace("_", " ")


def _samples(
    needed: np.ndarray,
    proxies: ProxySet,
    training: Pool,
    configuration: Configuration,
    seed: int,
    spec: Mapping[str, Any],
) -> np.ndarray:
    """The row of the training pool that stands for each of these proxies."""
    if proxies.samples is not None:
        return proxies.samples[needed]
    rows, y, _ = select(training, spec["draw_groups"])
    drawn = draw_shots(y, spec["groups"][0][2], seed)
    rows, y = rows[drawn], y[drawn]
    found = np.empty(len(needed), np.int64)
    directions = normalize.l2(proxies.values[needed])
    for label in np.unique(proxies.labels[needed]):
        own, members = proxies.labels[needed] == label, rows[y == label]
        found[own] = members[(directions[own] @ normalize.l2(training.x[members]).T).argmax(axis=1)]
    return found


def _names(parts: Sequence[Embeddings], datasets: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Dataset and id of each row of a pool."""
    sizes = [len(part.ids) for part in parts]
    return np.repeat(np.array(datasets, object), sizes), np.concatenate(
        [part.ids.astype(object) for part in parts]
    )
