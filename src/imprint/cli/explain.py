"""The command that explains labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from imprint.cli.app import command
from imprint.cli.options import (
    ImageFolder,
    InputOptions,
    JsonLines,
    SavedHead,
    Sources,
    load_components,
    require_writable,
)
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
        Path | None,
        typer.Option("-o", "--output", help="Picture of it (.png, .pdf, .svg)."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="SOURCE",
            help="The training images or, faster, their embeddings: shows the nearest of all of them, not examples of "
            "proxies.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="How many near ones.")] = 5,
    images: ImageFolder = None,
    as_json: JsonLines = False,
    *,
    inputs: InputOptions,
    fm: FMChoice,
) -> None:
    """Show the training images that speak for the labels of images.

    They are the nearest. Without --train each of the nearest proxies stands by the training image nearest to it, whose name the head keeps.
    """
    from imprint.estimator.explanation import explain

    load_components(inputs.components)
    if output is not None:
        require_writable(output)
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
        for one in explanations:
            print(json.dumps(one.as_dict()))
        return
    width = max(len(near.label) for one in explanations for near in one.nearest)
    shown = (
        "training images" if train else "examples of the nearest proxies (--train: of all images)"
    )
    print(f"Of each image its label and, nearest first, similarity, class and name of {shown}")
    for one in explanations:
        chance = "" if one.probability is None else f" ({100 * one.probability:.0f}%)"
        print(f"\n{one.id}: {one.label}{chance}")
        for near in one.nearest:  # the name stands last, so that a long one breaks no column
            print(f"  {near.similarity:.3f}  {near.label:{width}}  {near.id}")
    if output is not None:
        print(f"{output} shows it", file=sys.stderr)
