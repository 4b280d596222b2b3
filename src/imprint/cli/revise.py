"""Commands that change a saved head without the images it was made from, and that export it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from imprint.cli.app import command, warnings_as_notes
from imprint.cli.options import (
    InputOptions,
    Json,
    SavedHead,
    Source,
    load_components,
    require_head_file,
    require_writable,
)
from imprint.cli.tables import print_text
from imprint.errors import UserError
from imprint.estimator.export_files import Form
from imprint.estimator.fm_choice import FMChoice
from imprint.formatting import listed, size

if TYPE_CHECKING:
    from imprint.estimator.classifier import ImprintingClassifier

Changed = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", help="Where the new head goes; in place of the old one without it."
    ),
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

    The images of the old classes are not needed: the result is that of a fit on all samples with the same method. Samples
    of a class that is there already need a GEN that can take them in, such as `mean`; images that a class has taken in
    before are left out.
    """
    from imprint.estimator.inputs import read_labelled
    from imprint.estimator.photographs import ids_from
    from imprint.store.heads import read_head

    load_components(inputs.components)
    output = _output(head, output)
    saved = read_head(head)
    embeddings = read_labelled(source, fm, head=saved, group=inputs.group)
    ids = np.array(ids_from(saved.description["fm"], embeddings))
    classifier = _load(head)
    before = set(classifier.plain_classes("add"))
    labels = np.array(embeddings.class_names)[embeddings.y]
    again = classifier.seen_before(embeddings.x, labels)
    if again.any():
        names = embeddings.ids[again].tolist()
        print(
            f"note: left out {len(names)} images that are in {head} already, such as {names[0]}",
            file=sys.stderr,
        )
    x, labels = embeddings.x[~again], labels[~again]
    if len(x):
        with warnings_as_notes():
            classifier.partial_fit(x, labels, sample_ids=ids[~again].tolist())
    classifier.save(output)
    new = [name for name in classifier.plain_classes("add") if name not in before]
    _note_limits(output, classifier)
    replaced = output == head
    _report(output, classifier, as_json, replaced=replaced, added=new, samples=len(labels))


@command("  imprint remove birds.safetensors magpie crow", in_place="head")
def remove(
    head: SavedHead,
    classes: Annotated[
        list[str], typer.Argument(show_default=False, help="Names of classes of the head.")
    ],
    output: Changed = None,
    as_json: Json = False,
    *,
    inputs: InputOptions,
) -> None:
    """Remove classes from a saved head."""
    load_components(inputs.components)
    output = _output(head, output)
    classifier = _load(head)
    by_name = {str(name): name for name in classifier.classes_.tolist()}
    if strange := [name for name in classes if name not in by_name]:
        raise UserError(
            f"{head} has no class {', '.join(strange)}; its classes are {', '.join(by_name)}"
        )
    classifier.remove_classes([by_name[name] for name in classes])
    classifier.save(output)
    _note_limits(output, classifier)
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
        typer.Option(
            "-o", "--output", help="The file to write: .onnx, or .pt2 (a program of torch.export)."
        ),
    ],
    to: Annotated[
        Form | None, typer.Option(show_default="by the name of the output", help="onnx or torch.")
    ] = None,
    with_fm: Annotated[
        bool, typer.Option("--with-fm", help="FM and head in one file: images in.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="SOURCE",
            show_default="crops of two photographs; without --with-fm mixtures of proxies",
            help="Images of yours (without --with-fm embeddings too) to check the file on.",
        ),
    ] = None,
    as_json: Json = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Export a saved head to ONNX or torch, for use without imprint.

    With --with-fm images go in, otherwise embeddings, and the scores of the classes come out, and probabilities if the head has
    them. Images are float32 (N, 3, height, width), RGB between 0 and 1; the file says how to resize and crop them, and
    names the classes. It is run and compared with `predict` before it gets its name.
    """
    from imprint.estimator.export import export, form_of
    from imprint.store.heads import read_head

    load_components(inputs.components)
    form_of(output, to)
    require_writable(output)
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
        else "not checked, as onnxruntime is not installed; run: pip install onnxruntime"
    )
    if not written.preparation and "weights_sha256" in read_head(head).description["fm"]:
        print("with --with-fm the FM comes along, and images go in")


def _output(head: Path, output: Path | None) -> Path:
    output = output or head
    require_head_file(output)
    return output


def _load(head: Path) -> ImprintingClassifier:
    from imprint.estimator.classifier import ImprintingClassifier

    return ImprintingClassifier.load(head)


def _note_limits(output: Path, classifier: ImprintingClassifier) -> None:
    """Say where probabilities and limits are those of before."""
    if classifier.familiarity_ is not None and not classifier.is_current:
        from imprint.estimator.rejection import outdated

        print(f"note: {outdated(output)}", file=sys.stderr)


def _report(
    output: Path, classifier: ImprintingClassifier, as_json: bool, *, replaced: bool, **facts: Any
) -> None:
    """Say what was written, and whether in place of the head before."""
    classes, proxies = classifier.plain_classes("add"), len(classifier.proxies_)
    if as_json:
        whole = {"file": str(output), "classes": classes, "proxies": proxies, **facts}
        print(json.dumps({**whole, "limits_current": classifier.is_current}))
        return
    changes = [
        f"{change} {', '.join(map(str, names))}"
        for change, names in facts.items()
        if isinstance(names, list) and names
    ]
    text = f"{output}: {proxies:,} proxies of {len(classes)} classes"
    if "samples" in facts:
        text += f"; took in {facts['samples']:,} samples"
    print("; ".join([text, *changes]))
    if replaced:
        print("It stands in place of the head before; -o FILE would have kept that.")
