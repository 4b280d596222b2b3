"""Commands that change a saved head without the images it was made from, and that export it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from imprint.cli.app import command
from imprint.cli.options import (
    InputOptions,
    Json,
    SavedHead,
    Source,
    load_components,
    require_writable,
)
from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice

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
    of a class that is there already need a GEN that can take them in, such as `mean`.
    """
    from imprint.estimator.inputs import read_labelled
    from imprint.store.heads import read_head

    load_components(inputs.components)
    output = _output(head, output)
    embeddings = read_labelled(source, fm, head=read_head(head), group=inputs.group)
    classifier = _load(head)
    before = set(classifier.plain_classes("add"))
    labels = np.array(embeddings.class_names)[embeddings.y]
    classifier.partial_fit(embeddings.x, labels, sample_ids=embeddings.ids.tolist())
    classifier.save(output)
    new = [name for name in classifier.plain_classes("add") if name not in before]
    _report(output, classifier, as_json, added=new, samples=len(labels))


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
    _report(output, classifier, as_json, removed=classes)


class Form(StrEnum):
    """What a head is exported as."""

    onnx = "onnx"
    torch = "torch"


@command(
    """
      imprint export birds.safetensors -o birds.onnx
      imprint export birds.safetensors -o birds.pt2 --to torch
    """
)
def export(
    head: SavedHead,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    to: Annotated[Form, typer.Option(help="ONNX, or a program of torch.export.")] = Form.onnx,
    as_json: Json = False,
    *,
    inputs: InputOptions,
) -> None:
    """Export a saved head, from embeddings to class scores, for use without imprint.

    The largest score is the class that `predict` gives. The names of the classes are in the file.
    """
    load_components(inputs.components)
    require_writable(output)
    classifier = _load(head)
    if to is Form.onnx:
        classifier.to_onnx(output)
    else:
        from imprint.estimator.export import write_program

        size = classifier.n_features_in_
        write_program(classifier.to_torch(), size, output, classifier.plain_classes("export"))
    _report(output, classifier, as_json, form=to.value)


def _output(head: Path, output: Path | None) -> Path:
    output = output or head
    if output.suffix != ".safetensors":
        raise UserError(f"--output {output}: a head is a .safetensors file")
    require_writable(output)
    return output


def _load(head: Path) -> ImprintingClassifier:
    from imprint.estimator.classifier import ImprintingClassifier

    return ImprintingClassifier.load(head)


def _report(output: Path, classifier: ImprintingClassifier, as_json: bool, **facts: Any) -> None:
    """Say what was written."""
    classes, proxies = classifier.plain_classes("add"), len(classifier.proxies_)
    if as_json:
        print(json.dumps({"file": str(output), "classes": classes, "proxies": proxies, **facts}))
        return
    changes = [
        f"{what} {', '.join(map(str, names))}"
        for what, names in facts.items()
        if isinstance(names, list) and names
    ]
    text = f"{output}: {proxies:,} proxies of {len(classes)} classes"
    if "samples" in facts:
        text += f"; took in {facts['samples']:,} samples"
    print("; ".join([text, *changes]))
