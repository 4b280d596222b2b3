"""The command that evaluates a saved head."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from imprint.cli.app import command, note_outdated, warnings_as_notes
from imprint.cli.options import ImageFolder, InputOptions, Json, SavedHead, Source
from imprint.cli.output_files import require_writable
from imprint.cli.tables import note, print_table, print_text
from imprint.estimator.fm_choice import FMChoice
from imprint.formatting import count

if TYPE_CHECKING:
    from imprint.estimator.evaluation import Evaluation

CONFUSIONS = 10  # maximum number printed
NOTHING_HELD_OUT = "the head cannot reject images, because none were held out when it was made; imprint fit makes one that can"


@command(
    """
      imprint evaluate birds.safetensors test-photos
      imprint evaluate birds.safetensors test-photos --picture confusions.png --curve coverage.png
      imprint evaluate birds.safetensors test.h5 --json
    """
)
def evaluate(
    head: SavedHead,
    source: Source,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for a picture of the most confused classes (.png, .pdf, .svg).",
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for a picture of the error over the share of images that are kept.",
        ),
    ] = None,
    images: ImageFolder = None,
    as_json: Json = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Evaluate a saved head on images whose classes are known.

    Prints the accuracy with its 95% interval, recall, precision and F1 of each class, the classes that are confused, how
    many images `imprint predict --reject` keeps, and how many of these are labelled incorrectly. Use images that the head
    was not made from. If there are classes that the head does not know, prints how many of their images it keeps.
    """
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.evaluation import evaluate
    from imprint.estimator.inputs import read_labelled
    from imprint.store.heads import read_head

    for option, path in {"--picture": picture, "--curve": curve}.items():
        if path is not None:
            # these need an extra
            from imprint.estimator.evaluation_pictures import draw_confusions, draw_coverage
            from imprint.report.head_pictures import require_form, write_picture

            require_form(path)
            require_writable(path, option)
    embeddings = read_labelled(source, fm, head=read_head(head), group=inputs.group, split="test")
    photographs = None
    if picture is not None:
        from imprint.estimator.photographs import photographs_of

        photographs = photographs_of(
            source, embeddings.provenance, images, classes="required", split="test"
        )
    labels = np.array(embeddings.class_names)[embeddings.y]
    with warnings_as_notes():
        classifier = ImprintingClassifier.load(head)
    evaluation = evaluate(classifier, embeddings.x, labels)
    note_outdated(head, classifier)
    if evaluation.unknown:
        names = ", ".join(f"{name} ({count})" for name, count in evaluation.unknown.items())
        note(f"the head does not know these classes: {names}")
    if evaluation.seen:
        images_seen = f"{evaluation.seen:,} of these {evaluation.samples:,} images"
        note(f"the head was made from {images_seen}, so this says little about new images")
    if not evaluation.coverage:
        note(NOTHING_HELD_OUT)
    if as_json:
        print(json.dumps(evaluation.as_dict()))
    else:
        _print(evaluation)
    if picture is not None and not evaluation.confusions:
        note(f"{picture} is not drawn: all images are labelled correctly")
    elif picture is not None and photographs is not None:
        ids = embeddings.ids.tolist()
        write_picture(picture, draw_confusions(evaluation, labels.tolist(), ids, photographs))
        print(f"{picture} shows the most confused classes", file=sys.stderr)
    if curve is not None:
        write_picture(curve, draw_coverage(evaluation, labels.tolist()))
        print(f"{curve} shows the error over the images that are kept", file=sys.stderr)


def _print(evaluation: Evaluation) -> None:
    interval = f"{100 * evaluation.accuracy_low:.1f} to {100 * evaluation.accuracy_high:.1f}"
    print(
        f"accuracy {100 * evaluation.accuracy:.1f}% (95% interval {interval}) on {count(evaluation.samples, 'sample')}; "
        f"mean over classes {100 * evaluation.balanced_accuracy:.1f}%"
    )
    if evaluation.calibration_error is not None:
        print(
            f"probabilities: off by {100 * evaluation.calibration_error:.1f} points on average (calibration error), "
            f"log loss {evaluation.log_loss:.3f}"
        )
    print()
    print_text(
        "In % for each class: the share of its samples with its label (recall), the share of the samples with its label that "
        "belong to it (precision), and their harmonic mean (F1)"
    )
    rows = [
        [entry.name, entry.samples, *map(_percent, (entry.recall, entry.precision, entry.f1))]
        for entry in evaluation.classes
    ]
    print_table(("class", "samples", "recall", "precision", "F1"), rows, left=("class",))
    if evaluation.confusions:
        print("\nmost often confused")
        rows = [[c.true, c.predicted, c.count] for c in evaluation.confusions[:CONFUSIONS]]
        print_table(("class", "labelled as", "samples"), rows, left=("class", "labelled as"))
    if evaluation.coverage:
        print("\nin %, where images that fit no class are rejected (imprint predict --reject)")
        columns = ["reject", "known images kept", "error of these"]
        rows = [
            [f"{c.reject:g}" if c.reject else "-", _percent(c.kept), _percent(c.error)]
            for c in evaluation.coverage
        ]
        if evaluation.unknown:
            columns.append("unknown kept")
            for row, c in zip(rows, evaluation.coverage, strict=True):
                row.append(_percent(c.unknown_kept))
        print_table(columns, rows)


def _percent(share: float) -> str:
    return "-" if share != share else f"{100 * share:.1f}"
