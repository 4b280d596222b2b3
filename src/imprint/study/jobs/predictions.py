"""The job that writes a predictions file: every test sample of a task, predicted by one cell, with its nearest proxies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from imprint.data.pools import class_names, sample_names
from imprint.method.engine import predict
from imprint.method.normalize import l2
from imprint.method.scoring import candidate_head, nearest_proxies
from imprint.study.jobs.shown_cell import ShownCell

NEIGHBOURS = 5


def predictions(cell: ShownCell) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict every test sample of a task with one cell.

    Returns
    -------
    frame : DataFrame
        A row for each test sample: dataset, id, true and predicted (class numbers), and lists over the
        nearest proxies, nearest first: near_class, near_value (the similarity or distance that ranks proxies),
        near_dataset and near_id. The last two name the training sample that is the proxy or, if proxies are not
        samples, the sample of its class with the highest cosine similarity to it after NORMpre.
    description : dict
        The cell, its accuracy, the class names, and facts about the proxies.
    """
    training, proxies, rows, spec = cell.training, cell.proxies, cell.rows, cell.spec
    norm_pre, scoring = cell.configuration.norm_pre, cell.configuration.scoring
    x = cell.testing.x[rows]
    shown_set = candidate_head(proxies, training.x, norm_pre, (scoring,), cell.norms)
    ((_, predicted),) = predict(x, cell.classes, [shown_set], fm_classifier=training.fm_classifier)
    near = nearest_proxies(x, shown_set, NEIGHBOURS, training.fm_classifier)
    near_values, value_is = near.similarities, scoring.distance.replace("_", " ")
    if near.distances is not None:
        near_values, value_is = near.distances, f"{scoring.distance} distance"

    shown = np.full(len(proxies.labels), -1)
    needed = np.unique(near.numbers)
    shown[needed] = _representatives(needed, cell)
    train_names, test_names = (
        sample_names(parts, spec["datasets"]) for parts in (cell.train, cell.test)
    )
    frame = pd.DataFrame(
        {
            "dataset": test_names[0][rows],
            "id": test_names[1][rows],
            "true": cell.y,
            "predicted": predicted,
            "near_class": list(proxies.labels[near.numbers]),
            "near_value": list(near_values),
            "near_dataset": list(train_names[0][shown[near.numbers]]),
            "near_id": list(train_names[1][shown[near.numbers]]),
        }
    )
    description = {
        "configuration": cell.configuration.as_dict(),
        "seed": cell.seed,
        "draw": spec["draw"],
        "accuracy": float((predicted == cell.y).mean()),
        "classes": class_names(cell.train, spec["draw_groups"]),
        "proxies": len(proxies.labels),
        "proxies_are_samples": proxies.samples is not None,
        "value_is": value_is,
    }
    return frame, description


def _representatives(needed: np.ndarray, cell: ShownCell) -> np.ndarray:
    """The row of the training pool that represents each of these proxies."""
    proxies = cell.proxies
    if proxies.samples is not None:
        return proxies.samples[needed]
    chosen = np.empty(len(needed), np.int64)
    x, y, rows = cell.training.x, cell.training_labels, cell.training_rows
    norm_pre, directions = cell.configuration.norm_pre, l2(proxies.matrix(x)[needed])
    for label in np.unique(proxies.labels[needed]):
        of_class, members = proxies.labels[needed] == label, rows[y == label]
        embeddings = cell.norms.apply_to_embeddings(norm_pre, x[members])
        cosines = directions[of_class] @ l2(embeddings).T
        chosen[of_class] = members[cosines.argmax(axis=1)]
    return chosen
