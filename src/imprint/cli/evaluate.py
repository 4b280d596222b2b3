"""The command that evaluates a saved head."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np

from imprint.cli.app import command
from imprint.cli.options import InputOptions, Json, SavedHead, Source, load_components
from imprint.cli.tables import print_table
from imprint.estimator.fm_choice import FMChoice

if TYPE_CHECKING:
    from imprint.estimator.evaluation import Evaluation

CONFUSIONS = 10  # that are printed


@command(
    """
      imprint evaluate birds.safetensors test-photos
      imprint evaluate birds.safetensors test.h5 --json
    """
)
def evaluate(
    head: SavedHead,
    source: Source,
    as_json: Json = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Say how well a saved head labels images whose classes are known.

    Prints the accuracy with its 95% interval, each class, and which classes are confused. Use images that the
    head was not made from.
    """
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.evaluation import evaluate
    from imprint.estimator.inputs import read_labelled
    from imprint.store.heads import read_head

    load_components(inputs.components)
    embeddings = read_labelled(source, fm, head=read_head(head), group=inputs.group)
    labels = np.array(embeddings.class_names)[embeddings.y]
    found = evaluate(ImprintingClassifier.load(head), embeddings.x, labels)
    if found.unknown:
        names = ", ".join(f"{name} ({count})" for name, count in found.unknown.items())
        print(f"note: left out, as the head does not know these classes: {names}", file=sys.stderr)
    if as_json:
        print(json.dumps(found.as_dict()))
    else:
        _print(found)


def _print(found: Evaluation) -> None:
    interval = f"{100 * found.accuracy_low:.1f} to {100 * found.accuracy_high:.1f}"
    print(
        f"accuracy {100 * found.accuracy:.1f}% (95% interval {interval}) on {found.samples:,} samples; "
        f"mean over classes {100 * found.balanced_accuracy:.1f}%"
    )
    if found.calibration_error is not None:
        print(
            f"probabilities: off by {100 * found.calibration_error:.1f} points on average (calibration error), "
            f"log loss {found.log_loss:.3f}"
        )
    print()
    rows = [
        [entry.name, entry.samples, *map(_percent, (entry.recall, entry.precision, entry.f1))]
        for entry in found.classes
    ]
    print_table(("class", "samples", "recall", "precision", "F1"), rows, left=("class",))
    if found.confusions:
        print("\nmost often confused")
        rows = [[c.true, c.predicted, c.count] for c in found.confusions[:CONFUSIONS]]
        print_table(("class", "labelled as", "samples"), rows, left=("class", "labelled as"))


def _percent(share: float) -> str:
    return "-" if share != share else f"{100 * share:.1f}"
