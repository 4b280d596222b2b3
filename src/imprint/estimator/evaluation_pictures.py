"""Pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from imprint.errors import UserError
from imprint.estimator.evaluation import Evaluation
from imprint.formatting import class_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imprint.estimator.photographs import Photographs
    from imprint.report.drawing.tiles import Tile

PAIRS = 5  # maximum number of pairs shown


def draw_confusions(
    evaluation: Evaluation, y: Sequence[Any], ids: Sequence[Any], photographs: Photographs
) -> Figure:
    """Draw the most confused pairs of classes: incorrectly labelled images beside images of the predicted class.

    Parameters
    ----------
    evaluation : Evaluation
        Evaluation of a head on samples.
    y : sequence of length N
        Classes of all samples.
    ids : sequence of length N
        Their ids.
    photographs : Photographs
        Their images.

    Returns
    -------
    Figure
        A figure of page width.

    Raises
    ------
    UserError
        If no classes are confused, or an image cannot be read.
    """
    from imprint.report.drawing.tiles import Tile
    from imprint.report.head_pictures import ABREAST, ConfusedPair, confused_pairs

    if not evaluation.confusions:
        raise UserError("there is no pair to show: all images are labelled correctly")
    true, predicted = _names(evaluation, y)
    names = [str(name) for name in np.asarray(ids)[evaluation.rows].tolist()]
    samples = {entry.name: entry.samples for entry in evaluation.classes}

    def tiles(chosen: np.ndarray) -> list[Tile]:
        shown = [names[row] for row in np.flatnonzero(chosen)[:ABREAST]]
        return [Tile(photographs.read(name), name, (PurePath(name).name,)) for name in shown]

    pairs = []
    for pair in evaluation.confusions[:PAIRS]:
        labelled = predicted == pair.predicted
        pairs.append(
            ConfusedPair(
                f"{pair.true} labelled as {pair.predicted}: {pair.count} of {samples[pair.true]} images",
                tiles(labelled & (true == pair.true)),
                tiles(labelled & (true == pair.predicted)),
                pair.predicted,
            )
        )
    wrong = sum(pair.count for pair in evaluation.confusions)
    subtitle = (
        f"{wrong:,} of {evaluation.samples:,} images are labelled incorrectly; left: some of them, right: images of the "
        "predicted class"
    )
    return confused_pairs(pairs, subtitle)


def draw_coverage(evaluation: Evaluation, y: Sequence[Any]) -> Figure:
    """Draw the error of the kept samples over their share; y (N,) holds the classes of all samples.

    Raises
    ------
    UserError
        If no samples were held out when the head was made.
    """
    from imprint.report.head_pictures import coverage_curve

    if evaluation.familiarity is None:
        raise UserError(
            "there is no curve: no training samples were held out when this head was made; imprint fit holds out some if two "
            "classes have two or more"
        )
    true, predicted = _names(evaluation, y)
    strange = np.delete(evaluation.familiarity, evaluation.rows)
    unknown = f" and {len(strange):,} of other classes" if len(strange) else ""
    subtitle = f"{evaluation.samples:,} images of known classes{unknown}; those that fit the head least are rejected first"
    known = evaluation.familiarity[evaluation.rows]
    return coverage_curve(known, predicted == true, strange, subtitle)


def _names(evaluation: Evaluation, y: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Names of the true and the predicted classes of the samples that were evaluated."""
    true = np.asarray(y)[evaluation.rows].tolist()
    names = [
        [class_name(label) for label in labels] for labels in (true, evaluation.predicted.tolist())
    ]
    return np.array(names[0]), np.array(names[1])
