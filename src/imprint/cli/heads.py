"""Commands that fit a head and predict with it."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TextIO

import numpy as np
import typer

from imprint.cli.app import command, warnings_as_notes
from imprint.cli.options import (
    FitOptions,
    InputOptions,
    Json,
    JsonLines,
    SavedHead,
    Source,
    Sources,
    output_option,
)
from imprint.cli.output_files import require_head_file, require_table, text_output
from imprint.cli.tables import note, print_table, print_text
from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.method_choice import MethodChoice
from imprint.formatting import as_text, count, listed, quoting

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier
    from imprint.estimator.fitted_head import FittedHead
    from imprint.method.generate.choice import Choice
    from imprint.store.embeddings import Embeddings

FEW_IMAGES = 10  # `fit` warns of classes with fewer images
NOTHING_HELD_OUT = "because no images were held out when it was made; imprint fit holds out some if two classes have two or more"


@command(
    """
      imprint fit photos -o birds.safetensors
      imprint fit photos.h5 -o birds.safetensors --gen kmeans --k 5
      imprint fit photos.h5 -o birds.safetensors --preset qi
    """
)
def fit(
    source: Source,
    output: Annotated[
        Path,
        output_option(
            help="File for the head (.safetensors); a description (.json) is written next to it."
        ),
    ],
    as_json: Json = False,
    *,
    fitting: FitOptions,
    inputs: InputOptions,
    method: MethodChoice,
    fm: FMChoice,
) -> None:
    """Fit a head to your classes and save it.

    Computes the proxies of each class and saves them with everything that prediction needs. Without a method,
    the method is chosen on your images: class means, whitened or not, or several whitened proxies per class
    if these predict held-out images better.
    """
    from imprint.estimator.inputs import check_classes, read_labelled
    from imprint.estimator.parameters import BASE
    from imprint.estimator.wording import with_names

    require_head_file(output)
    classifier = method.classifier(
        random_state=fitting.seed, ls_lambda=fitting.ls_lambda, probability=True
    )
    embeddings = read_labelled(source, fm, group=inputs.group, check=check_classes)
    if embeddings.fm_classifier is not None:
        classifier.set_params(fm_classifier=embeddings.fm_classifier)
    labels = np.array(embeddings.class_names)[embeddings.y]
    for remark in _few_images(embeddings):
        note(remark)
    with warnings_as_notes():
        classifier.fit(embeddings.x, labels, sample_ids=embeddings.ids.tolist())
    classifier.save(output, embeddings.provenance)
    classes, proxies = classifier.classes_.tolist(), len(classifier.proxies_)
    choice = classifier.choice_
    if as_json:
        facts = {
            "head": str(output),
            "classes": classes,
            "samples": len(labels),
            "proxies": proxies,
            "method": classifier.configuration_.as_dict(),
            "choice": None if choice is None else choice.as_dict(),
        }
        print(json.dumps(facts))
        return
    sizes = count(proxies, "proxy", "proxies"), count(len(classes), "class", "classes")
    print(f"{output}: {' of '.join(sizes)} from {count(len(labels), 'sample')}")
    print()
    if choice is not None:
        _print_choice(choice)
    else:
        print_text(f"method: {with_names(classifier.configuration_)}")
        if method.method is None:
            print_text(
                f"It is {BASE} with the given options replaced; without options, the method is chosen on the images."
            )
    _print_next_steps(output, classifier, of_images="weights_sha256" in embeddings.provenance)


def _print_next_steps(head: Path, classifier: ImprintingClassifier, *, of_images: bool) -> None:
    """Print commands that can be used with a new head; `of_images`: its FM is known, so it takes images."""
    name, exported = shlex.quote(str(head)), shlex.quote(str(head.with_suffix(".onnx")))
    source, with_fm = ("FOLDER", " --with-fm") if of_images else ("EMBEDDINGS", "")
    steps = {
        f"imprint evaluate {name} {source}": "measure accuracy on new samples",
        f"imprint predict {name} {source}": "predict labels",
    }
    if classifier.takes_classes:
        steps[f"imprint add {name} {source}"] = "add classes"
    if classifier.has_module:
        steps[f"imprint export {name} -o {exported}{with_fm}"] = "export for use elsewhere"
    width = max(map(len, steps))
    print("\nNext:")
    for step, purpose in steps.items():
        print(f"  {step:{width}}  # {purpose}")


def _few_images(embeddings: Embeddings) -> Iterator[str]:
    """Notes on classes with too few images."""
    names = embeddings.class_names
    counts = np.bincount(embeddings.y, minlength=len(names)).tolist()
    few = sorted(
        (count, name) for count, name in zip(counts, names, strict=True) if count < FEW_IMAGES
    )
    if empty := [name for count, name in few if not count]:
        yield f"no image of {listed(empty)} can be read: the head does not know it"
    if few := few[len(empty) :]:
        classes = listed(f"{name} ({count})" for count, name in few)
        yield f"few images of {classes}; their labels are less reliable, give {FEW_IMAGES} or more of each"
    if single := [name for count, name in few if count == 1]:
        yield f"no image of {listed(single)} could be held out: accuracies, probabilities and --reject are not measured on it"


def _print_choice(choice: Choice) -> None:
    """Print what `auto` considered and the reason for its choice."""
    from imprint.estimator.wording import in_words, with_names

    print_text(f"auto chose {with_names(choice.configuration)}: {choice.reason}")
    if not choice.held_out:
        return
    first = choice.considered[0]
    rows = [
        [
            "*" if entry.configuration == choice.configuration else "",
            in_words(entry.configuration),
            f"{100 * entry.accuracy:.1f}",
            f"{abs(entry.loss):.3f}",  # rounding can leave -0.000
            "-" if entry is first else f"{-entry.gain:+.3f} ± {entry.standard_error:.3f}",
        ]
        for entry in choice.considered
    ]
    columns = ("", "method", "held-out accuracy (%)", "log loss", "difference")
    print_table(columns, rows, left=("", "method"))


@command(
    """
      imprint predict birds.safetensors new-photos -o labels.csv
      imprint predict birds.safetensors photo.jpg other.jpg --top 3 --proba
      imprint predict birds.safetensors new.h5 --reject 0.05 --json
    """
)
def predict(
    head: SavedHead,
    sources: Sources,
    output: Annotated[
        Path | None, output_option(help="CSV file for the labels; by default they are printed.")
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of labels for each image, best first.")
    ] = 1,
    proba: Annotated[
        bool, typer.Option("--proba", help="Give probabilities instead of scores.")
    ] = False,
    reject: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Mark images as rejected that fit the classes no better than this share of the training images, such as 0.05.",
        ),
    ] = None,
    as_json: JsonLines = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Label images or embeddings with a saved head.

    Labels each image below a folder, each image file, or each row of an embeddings file. Images are embedded with the FM of the
    head; an FM named with --fm must be the same. The columns are id, label, and score or probability; with --reject also
    rejected, and familiarity: the share of held-out training images that fit the classes no better.

    The id of an image is its path as given, such as new-photos/a.jpg. If a single folder or table is given, the id is the path
    in it, such as a.jpg, as for `imprint embed`. In CSV, a name that a spreadsheet would read as a formula, such as
    =1.jpg, gets a leading '; --json leaves it unchanged.
    """
    from imprint.estimator.fitted_head import FittedHead
    from imprint.estimator.inputs import read_unlabelled
    from imprint.method.large_arrays import score_blocks
    from imprint.store.heads import read_head

    with warnings_as_notes():
        fitted = FittedHead.load(head)
    if proba and fitted.tuned.inverse_temperature is None:
        raise UserError(f"--proba: {head} gives no probabilities, {NOTHING_HELD_OUT}")
    if reject is not None:
        if fitted.tuned.familiarity is None:
            raise UserError(
                f"--reject: {head} cannot tell what fits its classes, {NOTHING_HELD_OUT}"
            )
        fitted.tuned.familiarity.require(reject)
    if (proba or reject is not None) and not fitted.tuned.current:
        from imprint.estimator.rejection import outdated

        note(outdated(head))
    if output:
        require_table(output)
    embeddings = read_unlabelled(sources, fm, read_head(head), group=inputs.group)
    rows = [
        row
        for block in score_blocks(len(embeddings.x), len(fitted.classes))
        for row in _labelled(
            fitted, embeddings.x[block], embeddings.ids[block], top=top, proba=proba, reject=reject
        )
    ]
    value = "probability" if proba else "score"
    with text_output(output) as file:
        if as_json:
            _write_json(file, rows, value)
        else:
            _write_csv(file, rows, value)
    if output is not None:
        print(f"{output}: {count(len(rows), 'row')}", file=sys.stderr)


class Labelled(NamedTuple):
    """A sample, its labels with their values and, with --reject, its familiarity and whether it is rejected."""

    id: object
    labels: list[tuple[object, float]]
    familiarity: float | None
    rejected: bool


def _labelled(
    fitted: FittedHead,
    x: np.ndarray,
    ids: np.ndarray,
    *,
    top: int,
    proba: bool,
    reject: float | None,
) -> Iterator[Labelled]:
    """The best labels of some samples."""
    from imprint.method.calibration import probabilities

    scores = fitted.class_scores(x)
    best = (-scores).argsort(axis=1, kind="stable")[:, :top]
    values = probabilities(scores, fitted.require_temperature()) if proba else scores
    of_best = np.take_along_axis(values, best, axis=1)
    familiarity = [None] * len(x) if reject is None else fitted.familiarity(x).tolist()
    for sample, numbers, of_sample, familiar in zip(
        ids.tolist(), best.tolist(), of_best.tolist(), familiarity, strict=True
    ):
        labels = list(zip(fitted.classes[numbers].tolist(), of_sample, strict=True))
        rejected = familiar is not None and reject is not None and familiar <= reject
        yield Labelled(sample, labels, familiar, rejected=rejected)


def _write_json(file: TextIO, rows: Sequence[Labelled], value: str) -> None:
    for row in rows:
        entries = [{"label": label, value: _short(number)} for label, number in row.labels]
        facts = {"id": row.id, **entries[0]}
        if len(entries) > 1:
            facts["top"] = entries
        if row.familiarity is not None:
            facts["familiarity"] = _short(row.familiarity)
            facts["rejected"] = row.rejected
        print(json.dumps(facts), file=file)


def _short(number: float) -> float:
    """A number with six significant digits, as in CSV: scores can be tiny."""
    return float(f"{number:.6g}")


def _write_csv(file: TextIO, rows: Sequence[Labelled], value: str) -> None:
    texts = ((str(row.id), *(label for label, _ in row.labels)) for row in rows)
    writer = csv.writer(file, lineterminator="\n", quoting=quoting(texts))
    suffixes = ["", *(f"_{rank}" for rank in range(2, len(rows[0].labels) + 1))]
    columns = ["id", *(f"{name}{s}" for s in suffixes for name in ("label", value))]
    if rows[0].familiarity is not None:
        columns += ["familiarity", "rejected"]
    writer.writerow(columns)
    for row in rows:
        cells = [row.id]
        for label, number in row.labels:
            cells += [label, f"{number:.6g}"]
        if row.familiarity is not None:
            cells += [f"{row.familiarity:.3g}", "yes" if row.rejected else "no"]
        writer.writerow([as_text(str(cell)) for cell in cells])
