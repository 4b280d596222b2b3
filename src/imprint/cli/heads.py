"""Commands that make and use heads: compare, fit, predict, embed."""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.cli.embeddings import add_options, embed, embeddings, images, positive
from imprint.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from imprint.store import Embeddings

SOURCE = "a folder with a folder of images for each class, or embeddings with labels (HDF5, NPZ)"
FM = (
    "a timm model (resnet18.a1_in1k, hf-hub:..., local-dir:...), torchvision:NAME, or pretrained: with --checkpoint, which "
    "a study of imprint wrote"
)
METHOD = ("gen", "k", "norm_pre", "norm_post", "norm_inf", "agg", "distance", "m", "weighting")
# options of compare and fit that change the head, and what they are if not given
SHARED = {
    "fm": None, "checkpoint": None, "weights": None, "input_size": None, "mean": None, "std": None, "interpolation": None,
    "skip_unreadable": False, "group": None, "generators": [], "ls_lambda": 1e-4, "seed": 0,
}  # fmt: skip
GENS = ("mean", "kmeans", "all", "ls")
SHOWN = 10  # rows of a comparison on the terminal


def add(commands: argparse._SubParsersAction) -> None:
    """Add them to the command line."""
    _add_compare(commands)
    _add_fit(commands)
    _add_predict(commands)
    _add_embed(commands)


def _command(
    commands: Any, name: str, run: Any, said: str, more: str, examples: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(
        name, help=said, description=more, epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.set_defaults(run=run)
    return made


def _add_compare(commands: Any) -> None:
    command = _command(
        commands, "compare", run_compare,
        "which head is best for your images: a small grid by cross-validation",
        "Score published methods and a grid of GEN, k, NORM and AGG by cross-validation, best first.",
        "  imprint compare photos --fm resnet18.a1_in1k\n"
        "  imprint compare photos.h5 --gen mean kmeans --k 2 5 10 50 --output ranking.csv\n",
    )  # fmt: skip
    command.add_argument("source", type=Path, help=SOURCE)
    command.add_argument(
        "--gen", nargs="+", default=list(GENS), help=f"ways to generate proxies ({' '.join(GENS)})"
    )
    command.add_argument(
        "--k", nargs="+", type=positive, default=[2, 5, 10, 20], help="proxies per class (2 5 10 20)"
    )
    command.add_argument(
        "--norm", nargs="+", choices=["none", "l2"], default=["l2"], help="normalisation (l2)"
    )
    command.add_argument(
        "--m", nargs="+", type=positive, default=[5], help="neighbours that vote, beside max (5)"
    )
    command.add_argument("--folds", type=positive, default=5, help="parts of the cross-validation (5)")
    command.add_argument("--seed", type=_seed, default=0, help="of the folds and of GEN (0)")
    command.add_argument("--output", type=Path, help="write the whole table to this CSV file")
    _add_fitting(command, "print the table as JSON")


def _add_fit(commands: Any) -> None:
    command = _command(
        commands, "fit", run_fit,
        "make a head for your classes and save it",
        "Compute the proxies of each class and save them with all that prediction needs. By default the method that won the "
        "study: 20 k-means proxies per class, L2 throughout, the nearest proxy decides.",
        "  imprint fit photos -o birds.safetensors --fm resnet18.a1_in1k\n"
        "  imprint fit photos.h5 -o birds.safetensors --gen kmeans --k 5\n"
        "  imprint fit photos.h5 -o birds.safetensors --preset qi\n",
    )  # fmt: skip
    command.add_argument("source", type=Path, help=SOURCE)
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="where the head goes (.safetensors)"
    )
    method = command.add_argument_group("the method; what is given here overrides the preset")
    method.add_argument(
        "--preset", default="westerhoff", help="qi, hosoda, janson, westerhoff (default) or oracle"
    )
    method.add_argument("--gen", help="how proxies are generated: mean, kmeans, kmedoids, all, ls, ...")
    method.add_argument("--k", type=_k, help="proxies per class, or auto")
    method.add_argument("--norm-pre", help="of training embeddings: none, l2")
    method.add_argument("--norm-post", help="of proxies: none, l2, quantile, quantile_pooled, quantile_fm")
    method.add_argument("--norm-inf", help="of embeddings to predict: none, l2")
    method.add_argument("--agg", help="max, or mnn: m neighbours vote")
    method.add_argument("--distance", help="inner_product, cosine, euclidean, manhattan, mahalanobis")
    method.add_argument("--m", type=positive, help="neighbours that vote")
    method.add_argument("--weighting", help="of votes: uniform, distance")
    method.add_argument("--seed", type=_seed, default=0, help="of GEN (0)")
    _add_fitting(command, "print what was made as JSON")


def _add_predict(commands: Any) -> None:
    command = _command(
        commands, "predict", run_predict,
        "label images or embeddings by a saved head",
        "Label each image below a folder, an image, or each row of an embeddings file. The FM is that of the head.",
        "  imprint predict birds.safetensors new-photos -o labels.csv\n"
        "  imprint predict birds.safetensors photo.jpg --json\n"
        "  imprint predict birds.safetensors new.h5 --reject-below 0.6\n",
    )  # fmt: skip
    command.add_argument("head", type=Path, help="a head that `imprint fit` or a study saved (.safetensors)")
    command.add_argument("source", type=Path, help="a folder of images, an image, or embeddings (HDF5, NPZ)")
    command.add_argument("-o", "--output", type=Path, help="CSV file; printed without it")
    command.add_argument(
        "--reject-below",
        type=float,
        metavar="SCORE",
        help="label what no class scores this much for as rejected",
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line in place of CSV")
    _add_generators(command)
    add_options(command, f"in place of the head's own, which it must equal: {FM}")


def _add_embed(commands: Any) -> None:
    command = _command(
        commands, "embed", run_embed,
        "embed a folder of images to an HDF5 file",
        "Write the embeddings of images to a file that fit, compare and predict take. A run that was killed goes on where it "
        "was.",
        "  imprint embed photos -o photos.h5 --fm resnet18.a1_in1k\n"
        "  imprint embed photos -o photos.h5 --fm torchvision:resnet50 --device cuda\n",
    )  # fmt: skip
    command.add_argument(
        "source", type=Path, help="a folder of images, or with a folder of images for each class"
    )
    command.add_argument("-o", "--output", type=Path, required=True, help="HDF5 file (.h5)")
    command.add_argument("--json", action="store_true", help="print what was made as JSON")
    add_options(command, FM)


def _add_fitting(command: argparse.ArgumentParser, json_help: str) -> None:
    """What every command that fits heads takes."""
    command.add_argument("--ls-lambda", type=_ridge, default=1e-4, help="ridge of ls and kls (1e-4)")
    command.add_argument("--json", action="store_true", help=json_help)
    _add_generators(command)
    add_options(command, FM)


def _add_generators(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--generators",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="Python files that register GENs of yours",
    )


def _load_generators(arguments: argparse.Namespace) -> None:
    from imprint.generate import load_file

    for file in arguments.generators:
        load_file(file)


def _k(text: str) -> int | str:
    return text if text == "auto" else positive(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def _ridge(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def run_compare(arguments: argparse.Namespace) -> int:
    """Print the ranked table."""
    from imprint.compare import check_folds, compare, small_grid
    from imprint.generate import GENERATORS

    _load_generators(arguments)
    unknown = [gen for gen in arguments.gen if gen not in GENERATORS]
    if unknown:
        raise UserError(f"unknown GEN {unknown[0]}; known: {', '.join(GENERATORS)}")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
    given = embeddings(
        arguments.source, arguments, labelled=True, check=lambda y: check_folds(y, arguments.folds)
    )
    grid = small_grid(arguments.gen, arguments.k, arguments.norm, arguments.m)
    table = compare(
        given.x, given.y, grid,
        folds=arguments.folds, seed=arguments.seed, ls_lambda=arguments.ls_lambda, classifier=given.classifier,
        threads=os.cpu_count() or 1,
    )  # fmt: skip
    if arguments.output:
        table.to_csv(arguments.output, index=False)
    if arguments.json:
        print(table.to_json(orient="records"))
        return 0
    shown = table.head(SHOWN).copy()
    shown["accuracy"] = [
        f"{100 * a:.1f} ± {100 * s:.1f}" for a, s in zip(shown["accuracy"], shown["std"], strict=True)
    ]
    shown["norm"] = shown[["norm_pre", "norm_post", "norm_inf"]].agg("/".join, axis=1)
    columns = ["rank", "gen", "k", "norm", "agg", "distance", "m", "accuracy", "proxies", "seconds"]
    text = shown[columns].assign(
        k=shown["k"].astype("string").fillna("all"), m=shown["m"].astype("string").fillna("-"),
        proxies=shown["proxies"].round().astype(int), seconds=shown["seconds"].round(2),
    )  # fmt: skip
    print(
        f"{len(given.x):,} samples of {len(given.class_names)} classes, {arguments.folds} folds; accuracy in %\n"
    )
    print(text.to_string(index=False))
    if len(table) > SHOWN:
        print(
            f"... and {len(table) - SHOWN} more"
            + (f" in {arguments.output}" if arguments.output else " (--output)")
        )
    print(f"\nThe best is saved by:\n  {_fit_command(arguments, table.iloc[0])}")
    return 0


def _fit_command(arguments: argparse.Namespace, best: pd.Series) -> str:
    """The command that makes this head, with all options that it shares with `compare`."""
    import pandas as pd

    words = ["imprint", "fit", str(arguments.source), "-o", "head.safetensors"]
    for name, default in SHARED.items():
        value = getattr(arguments, name)
        if value != default:
            given = [] if value is True else value if isinstance(value, list) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, given)]
    for name in METHOD:
        if not pd.isna(best[name]):
            words += [f"--{name.replace('_', '-')}", str(best[name])]
    return shlex.join(words)


def run_fit(arguments: argparse.Namespace) -> int:
    """Save a head."""
    from imprint.classifier import ImprintingClassifier

    _load_generators(arguments)
    if arguments.output.suffix != ".safetensors":
        raise UserError(f"--output {arguments.output}: a head is a .safetensors file")
    own = {name: value for name in METHOD if (value := getattr(arguments, name)) is not None}
    parameters = {**own, "random_state": arguments.seed, "ls_lambda": arguments.ls_lambda}
    made = ImprintingClassifier.preset(arguments.preset, **parameters)
    if made.norm_post != "quantile_fm":  # which needs the FM first
        made.check_parameters()
    _check_options(made, own)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    given = embeddings(arguments.source, arguments, labelled=True)
    if made.norm_post == "quantile_fm":
        made.set_params(fm_classifier=given.classifier)
    labels = _names(given)[given.y]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        made.fit(given.x, labels, sample_ids=given.ids)
    for warning in said:
        print(f"note: {warning.message}", file=sys.stderr)
    made.save(arguments.output, given.provenance)
    facts = {
        "head": str(arguments.output),
        "classes": made.classes_.tolist(),
        "samples": len(labels),
        "proxies": len(made.proxies_),
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        print(
            f"{arguments.output}: {facts['proxies']:,} proxies of {len(made.classes_)} classes from {len(labels):,} samples"
        )
    return 0


def _check_options(made: Any, own: dict[str, Any]) -> None:
    """A `UserError` for an option that the method has no use for; a GEN in place of one without k gets the usual k."""
    from imprint.generate import GENERATORS

    takes_k = GENERATORS[made.gen].takes_k
    if "k" in own and not takes_k and own["k"] != 1:
        raise UserError(f"--k {own['k']}: GEN {made.gen} leaves no choice of k; choose another by --gen")
    if "gen" in own and "k" not in own and takes_k and made.k == 1:
        made.set_params(k=type(made)().k)
    unused = [f"--{name}" for name in ("m", "weighting") if name in own and made.agg != "mnn"]
    if unused:
        raise UserError(f"{' and '.join(unused)}: only neighbours that vote have that; add --agg mnn")


def _names(given: Embeddings) -> Any:
    import numpy as np

    return np.array(given.class_names)


def run_predict(arguments: argparse.Namespace) -> int:
    """Print or write a label for each sample."""
    from imprint import head
    from imprint.classifier import ImprintingClassifier

    _load_generators(arguments)
    own = head.load(arguments.head)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
    given = embeddings(arguments.source, arguments, labelled=False, head=own)
    if "weights_sha256" in given.provenance:
        own.require_fm(given.provenance)
    elif "weights_sha256" in own.about["fm"]:
        print(
            f"note: {arguments.source} does not say which FM made it; only the size is checked",
            file=sys.stderr,
        )
    if given.x.shape[1] != own.proxies.shape[1]:
        raise UserError(
            f"{arguments.source}: embeddings of {given.x.shape[1]} values, the head takes {own.proxies.shape[1]}"
        )
    classifier = ImprintingClassifier.load(arguments.head)
    labels = classifier.predict(given.x, reject_below=arguments.reject_below).tolist()
    scores = classifier.class_scores(given.x).max(axis=1).tolist()
    rows = zip(given.ids.tolist(), labels, scores, strict=True)
    place = open(arguments.output, "w", encoding="utf-8", newline="") if arguments.output else sys.stdout  # noqa: SIM115
    try:
        if arguments.json:
            for name, label, score in rows:
                place.write(json.dumps({"id": name, "label": label, "score": round(score, 6)}) + "\n")
        else:
            writer = csv.writer(place, lineterminator="\n")
            writer.writerow(["id", "label", "score"])
            writer.writerows((name, label, f"{score:.6g}") for name, label, score in rows)
    finally:
        if arguments.output:
            place.close()
    return 0


def run_embed(arguments: argparse.Namespace) -> int:
    """Write an embeddings file."""
    from imprint.cli.show import facts_of

    if arguments.output.suffix not in (".h5", ".hdf5"):
        raise UserError(f"--output {arguments.output}: embeddings go to an HDF5 file (.h5)")
    if not arguments.source.exists():
        raise UserError(f"{arguments.source} does not exist; give a folder of images")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    embed(images(arguments.source, classes="welcome"), arguments.output, arguments)
    facts = facts_of(arguments.output)
    if arguments.json:
        print(json.dumps(facts))
    else:
        print(f"{arguments.output}: {facts['samples']:,} embeddings of {facts['dimensions']} values")
    return 0
