"""Commands that change a saved head, without its training images, or export it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from imprint.cli.app import command, note_outdated, warnings_as_notes
from imprint.cli.options import (
    Components,
    InputOptions,
    Json,
    SavedHead,
    Source,
    output_option,
)
from imprint.cli.output_files import require_head_file, require_writable
from imprint.cli.tables import note, print_text
from imprint.errors import UserError
from imprint.estimator.export_files import Form
from imprint.estimator.fm_choice import FMChoice
from imprint.formatting import class_name, count, listed, size
from imprint.store.records import State, state_of

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

Changed = Annotated[
    Path | None,
    output_option(help="File for the new head; by default it replaces the old one."),
]


@command(
    """
      imprint add birds.safetensors more-photos
      imprint add birds.safetensors owls.h5 -o more-birds.safetensors
    """,
    in_place="head",
)
def add(
    head: SavedHead,
    source: Source,
    output: Changed = None,
    as_json: Json = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Add classes to a saved head, or samples to its classes.

    The old images are not needed: the result is that of a fit on all samples with the same method. Samples of a class that
    the head already has need a GEN that can add them, such as `mean`; images that are already in the class are left out.
    """
    from imprint.estimator.inputs import read_labelled
    from imprint.estimator.labels import as_labels
    from imprint.estimator.photographs import ids_from
    from imprint.store.heads import read_head

    output, before_reading = _output(head, output), state_of(head)
    saved, classifier = read_head(head), _load(head)

    def labels_of(names: Sequence[str], y: np.ndarray) -> np.ndarray:
        return as_labels(np.array(names)[y], classifier.classes_)

    embeddings = read_labelled(source, fm, head=saved, group=inputs.group, check=labels_of)
    labels = labels_of(embeddings.class_names, embeddings.y)
    ids = np.array(ids_from(saved.description["fm"], embeddings))
    is_numbered = (
        classifier.proxy_samples_ is not None and classifier.proxy_samples_.dtype.kind in "iu"
    )
    before = set(classifier.plain_classes("add"))
    seen = classifier.seen_before(embeddings.x, labels)
    if seen.any():
        images = embeddings.ids[seen].tolist()
        note(f"left out {len(images)} images that are already in {head}, such as {images[0]}")
    x, labels = embeddings.x[~seen], labels[~seen]
    if len(x):
        with warnings_as_notes():
            # a head of samples without names goes on to number them
            classifier.partial_fit(
                x, labels, sample_ids=None if is_numbered else ids[~seen].tolist()
            )
    _save(classifier, output, head, before_reading)
    new = [name for name in classifier.plain_classes("add") if name not in before]
    note_outdated(output, classifier)
    replaced = output == head
    _report(output, classifier, as_json, replaced=replaced, added=new, samples=len(labels))


@command("  imprint remove birds.safetensors magpie crow", in_place="head")
def remove(
    head: SavedHead,
    classes: Annotated[
        list[str], typer.Argument(show_default=False, help="Names of the classes to remove.")
    ],
    output: Changed = None,
    components: Components = "",
    as_json: Json = False,
) -> None:
    """Remove classes from a saved head."""
    output, before_reading = _output(head, output), state_of(head)
    classifier = _load(head)
    by_name = {class_name(label): label for label in classifier.classes_.tolist()}
    if unknown := [name for name in classes if name not in by_name]:
        raise UserError(
            f"{head} has no class {', '.join(unknown)}; its classes are {', '.join(by_name)}"
        )
    classes = list(dict.fromkeys(classes))
    classifier.remove_classes([by_name[name] for name in classes])
    _save(classifier, output, head, before_reading)
    note_outdated(output, classifier)
    _report(output, classifier, as_json, replaced=output == head, removed=classes)


@command(
    """
      imprint export birds.safetensors -o birds.onnx --with-fm
      imprint export birds.safetensors -o birds.pt2 --with-fm --check photos
      imprint export birds.safetensors -o head.onnx
    """
)
def export(
    head: SavedHead,
    output: Annotated[
        Path,
        output_option(help="The file to write: .onnx, or .pt2 (a torch.export program)."),
    ],
    to: Annotated[
        Form | None,
        typer.Option(show_default="from the suffix of the output", help="onnx or torch."),
    ] = None,
    with_fm: Annotated[
        bool, typer.Option("--with-fm", help="Write FM and head to one file that takes images.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="SOURCE",
            show_default="crops of two photographs; without --with-fm, mixtures of proxies",
            help="Images, or embeddings without --with-fm, to check the file on.",
        ),
    ] = None,
    components: Components = "",
    as_json: Json = False,
    *,
    fm: FMChoice,
) -> None:
    """Export a saved head to ONNX or torch, for use without imprint.

    The input is embeddings or, with --with-fm, images. The output is class scores, and probabilities if the head has them.
    Images are float32 (N, 3, height, width), RGB between 0 and 1. The metadata of the file says how to resize and crop
    images, and names the classes. Before the file is saved, its results are compared with those of `predict`.
    """
    from imprint.estimator.export import export, form_of
    from imprint.store.heads import read_head

    form_of(output, to)
    require_writable(output)
    with warnings_as_notes():
        written = export(head, output, to=to, with_fm=with_fm, fm=fm, check=check)
    if as_json:
        print(json.dumps(written.as_dict()))
        return
    print_text(f"{output}: {written.input} -> {written.outputs}; {size(written.bytes)}")
    print_text(f"columns: {listed(written.classes)}")
    if written.preparation:
        print_text(f"prepare images: {written.preparation}")
    print(
        written.check.text
        if written.check
        else "not checked, because onnxruntime is not installed; run: pip install onnxruntime"
    )
    if not written.preparation and "weights_sha256" in read_head(head).description["fm"]:
        print("add --with-fm to include the FM, so that the file takes images")


def _output(head: Path, output: Path | None) -> Path:
    output = output or head
    require_head_file(output)
    return output


def _load(head: Path) -> ImprintingClassifier:
    from imprint.estimator.classifier import ImprintingClassifier

    with warnings_as_notes():
        return ImprintingClassifier.load(head)


def _save(
    classifier: ImprintingClassifier, output: Path, head: Path, before_reading: State
) -> None:
    """Save the changed head, unless another command has changed the file meanwhile, whose work would be lost."""
    if output == head and state_of(head) != before_reading:
        raise UserError(
            f"{head} was changed by another command while this one worked; run this one again"
        )
    classifier.save(output)


def _report(
    output: Path, classifier: ImprintingClassifier, as_json: bool, *, replaced: bool, **facts: Any
) -> None:
    """Print what was written, and whether it replaced the old head."""
    classes, proxies = classifier.plain_classes("add"), len(classifier.proxies_)
    if as_json:
        summary = {"file": str(output), "classes": classes, "proxies": proxies, **facts}
        print(json.dumps({**summary, "limits_current": classifier.is_current}))
        return
    changes = [
        f"{change} {', '.join(map(str, names))}"
        for change, names in facts.items()
        if isinstance(names, list) and names
    ]
    text = f"{output}: {count(proxies, 'proxy', 'proxies')} of {count(len(classes), 'class', 'classes')}"
    if "samples" in facts:
        samples = facts["samples"]
        text += f"; took in {count(samples, 'sample')}"
    print("; ".join([text, *changes]))
    if replaced and (changes or facts.get("samples")):
        print("It replaced the old head; use -o FILE to keep the old one.")
