"""Options that several commands share, each declared once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from imprint.errors import UserError
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.method_choice import MethodChoice


def _positive_float(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"{text} is not a positive number")
    return number


Source = Annotated[
    Path,
    typer.Argument(
        show_default=False,
        help="A folder with a folder of images for each class, a table of paths and labels (CSV, Parquet), a Hugging "
        "Face dataset, WebDataset shards, or embeddings with labels (HDF5, NPZ).",
    ),
]
Sources = Annotated[
    list[Path],
    typer.Argument(
        show_default=False,
        help="Images, folders of images, tables of paths; or one dataset, or one file of embeddings (HDF5, NPZ).",
    ),
]
SavedHead = Annotated[
    Path,
    typer.Argument(
        show_default=False, help="A head saved by `imprint fit` or a study (.safetensors)."
    ),
]
ImageFolder = Annotated[
    Path | None,
    typer.Option(
        "--images",
        metavar="FOLDER",
        show_default="where they were embedded",
        help="Folder of the images for a picture, if they have moved or the embeddings do not record it.",
    ),
]
output_option = partial(typer.Option, "-o", "--output")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit besides the method."""

    seed: int = 0
    ls_lambda: float = 1e-4  # USUAL_LS_LAMBDA of `imprint.method.generate.registry`, whose import would slow down --help


@dataclass(frozen=True)
class InputOptions:
    """Options of the input besides the source."""

    components: str = ""
    group: str | None = None


_components = typer.Option(
    metavar="FILE,...",
    show_default=False,
    help="Python files that register your own GEN, NORM, AGG, distance or weighting.",
)
Components = Annotated[str, _components]


def _option(panel: str, metavar: str | None, help: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, metavar=metavar, help=help, **settings)


_method = partial(_option, "Method")
_fm = partial(_option, "FM that embeds images")

# the options of each dataclass, one for each of its fields
GROUPS: dict[type, dict[str, Any]] = {
    FitOptions: {
        "seed": typer.Option(
            min=0, max=2**32 - 1, metavar="N", help="Seed of GEN, and of folds in a comparison."
        ),
        "ls_lambda": typer.Option(
            parser=_positive_float,
            metavar="X",
            help="Ridge penalty of the GENs ls and kls; the GEN ridge chooses its own.",
        ),
    },
    InputOptions: {
        "components": _components,
        "group": typer.Option(
            metavar="NAME", help="Group of an HDF5 file that holds the embeddings, such as train."
        ),
    },
    MethodChoice: {
        "method": _method(
            "NAME",
            "auto: chosen on your images; or a named method: whiten, westerhoff, qi, hosoda, janson, oracle, probe, ... "
            "Options below replace parts of it.",
            "--method",
            "--preset",
            show_default="auto, or westerhoff if an option below is given",
        ),
        "gen": _method(
            "GEN", "How proxies are generated: mean, kmeans, kmedoids, all, ridge, ls, ..."
        ),
        "k": _method("K", "Proxies per class, or auto."),
        "norm_pre": _method("NORM", "NORM of training embeddings: none, l2, l2+whiten+l2, ..."),
        "norm_post": _method(
            "NORM", "NORM of proxies: none, l2, whiten+l2, quantile, quantile_pooled, quantile_fm."
        ),
        "norm_inf": _method("NORM", "NORM of embeddings to predict: none, l2, ..."),
        "agg": _method(
            "AGG",
            "max: the best proxy decides; mnn: m neighbours vote; logsumexp: all proxies of a class count.",
        ),
        "distance": _method("NAME", "inner_product, cosine, euclidean, manhattan or mahalanobis."),
        "m": _method("M", "Number of neighbours that vote.", min=1),
        "weighting": _method("NAME", "Weights of votes: uniform, distance, exponential(0.07)."),
    },
    FMChoice: {
        "fm": _fm(
            "MODEL",
            "tf_efficientnet_lite0, ...lite1 or ...lite2, whose weights are installed; a timm model (resnet18.a1_in1k, "
            "hf-hub:..., local-dir:...), torchvision:NAME, or pretrained: with a --checkpoint that an imprint study wrote.",
            show_default="tf_efficientnet_lite0, or that of the given head",
        ),
        "checkpoint": _fm("FILE", "Weights from a file (safetensors, .pth)."),
        "weights": _fm("NAME", "Published weights of a torchvision model."),
        "input_size": _fm("PIXELS", "Resize the whole image to this, without a crop.", min=1),
        "mean": _fm("X X X", "Mean of the channels, instead of the model's own."),
        "std": _fm("X X X", "Standard deviation of the channels, instead of the model's own."),
        "interpolation": _fm("NAME", "How images are resized: bilinear, bicubic or nearest."),
        "pooling": _fm(
            "NAME",
            "The embedding: pooled (the input of the model's classifier), class_token, or class_token+patches (with "
            "the mean of the patch tokens appended). The last two are for timm transformers.",
            show_default="pooled, or that of the given head",
        ),
        "device": _fm("NAME", "auto (a GPU if there is one), cpu, mps, cuda, cuda:1."),
        "batch_size": _fm("N", "Images per forward pass; by default chosen for the device.", min=1),
        "skip_unreadable": _fm(None, "Leave out images that cannot be read.", "--skip-unreadable"),
    },
}


# options of the FM in the help of every command; the help of `embed` describes the others too
OFTEN = ("fm", "checkpoint", "device", "batch_size", "skip_unreadable")
ALL_OF_FM = "embed"
SELDOM = tuple(name for name in vars(FMChoice()) if name not in OFTEN)


def split(values: str) -> list[str]:
    """The values of an option, separated by commas."""
    return [value.strip() for value in values.split(",") if value.strip()]


def positive_ints(option: str, values: str) -> list[int]:
    """The positive whole numbers of an option; a `UserError` if a value is not one."""
    for value in split(values):
        if not value.isdecimal() or int(value) < 1:
            raise UserError(f"{option}: {value} is not a positive whole number")
    return [int(value) for value in split(values)]


def load_components(files: str) -> None:
    """Register the components in the user's files."""
    from imprint.method.user_files import load_file

    for file in split(files):
        load_file(file)
