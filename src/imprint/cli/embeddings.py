"""Commands that write files of embeddings and describe files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from imprint.cli.app import command
from imprint.cli.options import Json, JsonLines, output_option
from imprint.cli.output_files import require_writable
from imprint.cli.tables import note
from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.formatting import count, size

SHOWN = 12  # items of a list that are printed


@command(
    """
      imprint embed photos -o photos.h5
      imprint embed photos -o photos.h5 --fm resnet18.a1_in1k
      imprint embed photos -o photos.h5 --fm torchvision:resnet50 --device cuda
      imprint embed list.csv -o test.h5 --split test
    """
)
def embed(
    source: Annotated[
        Path,
        typer.Argument(
            show_default=False,
            help="A folder of images, or one with a subfolder for each class (or train and test with these); a table of paths (CSV, Parquet), a Hugging Face "
            "dataset, or WebDataset shards.",
        ),
    ],
    output: Annotated[Path, output_option(help="HDF5 file (.h5).")],
    split: Annotated[
        Literal["train", "test"] | None,
        typer.Option(
            show_default="train",
            help="The images to embed of a folder, table or dataset with splits.",
        ),
    ] = None,
    as_json: Json = False,
    *,
    fm: FMChoice,
) -> None:
    """Embed images to an HDF5 file.

    The file is an input for fit, compare and predict. The same command resumes an interrupted run.
    """
    from imprint.estimator.image_sources import images_of
    from imprint.estimator.inputs import embed
    from imprint.store.descriptions import describe

    if output.suffix not in (".h5", ".hdf5"):
        raise UserError(f"--output {output}: embeddings go to an HDF5 file (.h5)")
    images = images_of(
        source, classes="optional", split=split or "train", needs_splits=split is not None
    )
    require_writable(output)
    before = _described_embeddings(output) if output.exists() else {}
    try:
        embed(images, output, fm)
    except KeyboardInterrupt:
        print(f"run the same command again to resume {output}", file=sys.stderr)
        raise
    facts = describe(output)
    old, new = (each.get("made_from", {}).get("folder") for each in (before, facts))
    if before and (old, before["samples"]) != (new, facts["samples"]):
        of_folder = "" if old is None else f" of {old}"
        note(f"{output} held {before['samples']:,} embeddings{of_folder}")
    if as_json:
        print(json.dumps(facts))
    else:
        embeddings = count(facts["samples"], "embedding")
        print(f"{output}: {embeddings} of {count(facts['dimensions'], 'value')}")


def _described_embeddings(output: Path) -> dict[str, Any]:
    """The description of embeddings that an output would replace; a `UserError` if `imprint embed` did not write it."""
    from imprint.store.descriptions import describe

    try:
        facts = describe(output)
    except UserError as error:
        raise UserError(
            f"--output {output} exists and would be lost: {error}; delete it or name another file"
        ) from None
    if facts["kind"] != "embeddings" or "made_from" not in facts:
        raise UserError(
            f"--output {output} exists, was not written by `imprint embed` and would be lost; delete it or name another file"
        )
    return facts


@command(
    """
      imprint show birds.safetensors
      imprint show results/scores.parquet --json
    """
)
def show(
    files: Annotated[
        list[Path],
        typer.Argument(
            show_default=False,
            help="HDF5, Parquet or safetensors; .onnx and .pt2 files of `imprint export`.",
        ),
    ],
    as_json: JsonLines = False,
) -> None:
    """Describe a file that imprint wrote.

    Describes embeddings, images, proxies, scores, collapse, heads and exported heads, and what they were made from.
    Arrays are not read.
    """
    from imprint.store.descriptions import describe

    for path in files:
        facts = describe(path)
        print(json.dumps(facts) if as_json else "\n".join(_lines(facts)), flush=True)


INTERNAL = ("unit", "current", "inverse_temperature")  # facts of a head that only `--json` shows


def _lines(facts: dict[str, Any]) -> list[str]:
    """Facts as lines of text; long lists are cut."""
    lines = [f"{facts['file']}: {facts['kind']}, {size(facts['bytes'])}"]
    if "configuration" in facts:
        from imprint.estimator.wording import with_names
        from imprint.method.configuration import Configuration

        lines.append(f"  method: {with_names(Configuration.from_dict(facts['configuration']))}")
    for name, value in facts.items():
        if name in ("file", "bytes", "kind", *INTERNAL) or value is None:
            continue
        if isinstance(value, dict):
            lines.append(f"  {name}")
            lines += [
                f"    {key}: {_short(entry)}" for key, entry in value.items() if entry is not None
            ]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"  {len(value)} {name}")
            for entry in value[:SHOWN]:
                lines.append("    " + ", ".join(f"{key} {_short(v)}" for key, v in entry.items()))
            if len(value) > SHOWN:
                lines.append(f"    ... and {len(value) - SHOWN} more")
        else:
            lines.append(f"  {name}: {_short(value)}")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list):
        return str(value)
    text = ", ".join(_short(item) for item in value[:SHOWN])
    return f"{text}, ... ({len(value)})" if len(value) > SHOWN else text
