"""The command that explains labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from imprint.cli.app import command, warnings_as_notes
from imprint.cli.options import (
    ImageFolder,
    InputOptions,
    JsonLines,
    SavedHead,
    Sources,
    output_option,
)
from imprint.cli.output_files import require_writable
from imprint.estimator.fm_choice import FMChoice


@command(
    """
      imprint explain birds.safetensors photo.jpg -o why.png
      imprint explain birds.safetensors new-photos --train photos.h5 -o why.png
      imprint explain birds.safetensors photo.jpg --train photos --top 3 --json
    """
)
def explain(
    head: SavedHead,
    sources: Sources,
    output: Annotated[
        Path | None, output_option(help="File for a picture (.png, .pdf, .svg).")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="SOURCE",
            help="The training images or, faster, their embeddings: shows the nearest of all of them instead of examples of "
            "proxies.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of training images for each image.")
    ] = 5,
    images: ImageFolder = None,
    as_json: JsonLines = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Explain labels by the nearest training images.

    Without --train, each of the nearest proxies is shown by the training image nearest to it, whose name the head keeps.
    """
    from imprint.estimator.explanation import explain

    if output is not None:
        require_writable(output)
    with warnings_as_notes():
        explanations = explain(
            head,
            sources,
            train=train,
            n=top,
            picture=output,
            images=images,
            group=inputs.group,
            fm=fm,
        )
    if as_json:
        for explanation in explanations:
            print(json.dumps(explanation.as_dict()))
        return
    width = max(len(near.label) for entry in explanations for near in entry.nearest)
    shown = (
        "training images"
        if train
        else "examples of the nearest proxies (--train: of all training images)"
    )
    print(f"For each image its label and, nearest first, similarity, class and name of {shown}")
    for explanation in explanations:
        probability = explanation.probability
        chance = "" if probability is None else f" ({100 * probability:.0f}%)"
        print(f"\n{explanation.id}: {explanation.label}{chance}")
        for near in explanation.nearest:  # name last: long names shift no column
            print(f"  {near.similarity:.3f}  {near.label:{width}}  {near.id}")
    if output is not None:
        print(f"wrote the picture {output}", file=sys.stderr)
