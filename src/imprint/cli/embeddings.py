"""Embeddings that a command is given: those in a file, or those that an FM makes of images."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imprint.errors import UserError

if TYPE_CHECKING:
    from imprint.data.images import Images
    from imprint.head import Head
    from imprint.store import Embeddings

UNNAMED = ("",)  # the class of images that are in none
FILES = (".h5", ".hdf5", ".npz")
SETTINGS = ("input_size", "mean", "std", "interpolation")


def positive(text: str) -> int:
    """A positive whole number of the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def add_options(parser: argparse.ArgumentParser, fm_help: str) -> None:
    """Options that say which FM embeds images, and how."""
    fm = parser.add_argument_group("the FM that embeds images")
    fm.add_argument("--fm", metavar="MODEL", help=fm_help)
    fm.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights from a file (safetensors, .pth)")
    fm.add_argument("--weights", metavar="NAME", help="which published weights of a torchvision model")
    fm.add_argument(
        "--input-size", type=positive, metavar="PIXELS", help="resize the whole image to this, without a crop"
    )
    fm.add_argument(
        "--mean", type=float, nargs=3, metavar="X", help="of the channels, in place of the model's own"
    )
    fm.add_argument(
        "--std", type=float, nargs=3, metavar="X", help="of the channels, in place of the model's own"
    )
    fm.add_argument(
        "--interpolation", choices=["bilinear", "bicubic", "nearest"], help="how images are resized"
    )
    fm.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu, mps, cuda, cuda:1")
    fm.add_argument("--batch-size", type=positive, help="images per forward pass (chosen for the device)")
    fm.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")
    fm.add_argument("--group", help="group of an HDF5 file that holds the embeddings, such as train")


def embeddings(
    source: Path,
    arguments: argparse.Namespace,
    *,
    labelled: bool,
    head: Head | None = None,
    check: Callable[[np.ndarray], None] = lambda y: None,
) -> Embeddings:
    """The embeddings of a file (HDF5, NPZ), or of the images in a folder or an image file.

    labelled: whether classes are needed. head: the one they are for, whose FM embeds images unless another is named.
    check: raises where the labels will not do, before images are embedded.
    """
    if not source.exists():
        raise UserError(
            f"{source} does not exist; give a folder of images, an image, or embeddings (HDF5, NPZ)"
        )
    if source.suffix.lower() in FILES:
        found = _read(source, arguments.group, labelled)
        check(found.y)
        return found
    from imprint import store

    pictures = images(source, classes="needed" if labelled else "none")
    check(pictures.labels)
    with tempfile.TemporaryDirectory(prefix="imprint-") as folder:
        output = Path(folder) / "embeddings.h5"
        embed(pictures, output, arguments, head)
        return store.read_embeddings(output)


def embed(found: Images, output: Path, arguments: argparse.Namespace, head: Head | None = None) -> None:
    """Write the embeddings of images to `output`."""
    from imprint.fm import extract

    embedder, source = _embedder(arguments, head.about["fm"] if head else None)
    if head and "weights_sha256" in head.about["fm"]:
        head.require_fm(embedder)
    extract.extract(
        embedder,
        found,
        output,
        device=arguments.device,
        batch_size=arguments.batch_size,
        threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        on_error="skip" if arguments.skip_unreadable else "fail",
        provenance=source,
    )


def images(source: Path, classes: Literal["needed", "welcome", "none"]) -> Images:
    """The images of a folder, with the folders in it as classes, or all below it, or the one that `source` is.

    classes: `welcome` takes folders for classes where no image lies beside them. Hidden files and folders are left out.
    """
    from imprint.data.files import SUFFIXES, ImageFolder
    from imprint.data.images import Images

    if source.is_file():
        if classes == "needed":
            raise UserError(f"{source} is one image; give a folder with a folder of images for each class")
        return Images(np.zeros(1, np.int64), [source.name], UNNAMED, folder=source.parent)
    visible = [entry for entry in source.iterdir() if not entry.name.startswith(".")]
    folders = sorted(entry.name for entry in visible if entry.is_dir())
    loose = [entry for entry in visible if entry.is_file() and entry.suffix.lower() in SUFFIXES]
    if classes == "needed" or (classes == "welcome" and folders and not loose):
        if set(folders) & {"train", "test", "val"} and set(folders) <= {"train", "test", "val"}:
            raise UserError(
                f"{source} holds {' and '.join(folders)}; give one of them, as {source / folders[-1]}"
            )
        names, paths, labels = ImageFolder(str(source)).scan("")
        number = {name: i for i, name in enumerate(names)}
        return Images(np.array([number[label] for label in labels]), paths, tuple(names), folder=source)
    if classes == "welcome" and folders:
        print(
            f"note: images lie beside the folders in {source}, as {loose[0].name}; so these are not taken for classes",
            file=sys.stderr,
        )
    found = (path.relative_to(source) for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))
    if not paths:
        raise UserError(f"{source} has no images ({' '.join(SUFFIXES)})")
    return Images(np.zeros(len(paths), np.int64), paths, UNNAMED, folder=source)


def _embedder(arguments: argparse.Namespace, fm: Any) -> tuple[Any, dict[str, Any]]:
    """The `Embedder` that the options name, else the one that a head was made with; and where its weights are from."""
    if arguments.fm is None and not fm:
        raise UserError("name the FM that embeds the images: --fm MODEL, such as resnet18.a1_in1k (timm)")
    from imprint.fm import models
    from imprint.fm.transforms import Transform

    changes = {name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None}
    if arguments.fm is None:
        source, model = fm.get("source"), fm.get("model")
        if source not in ("timm", "torchvision", "pretrained"):
            raise UserError(
                f"this head was made from embeddings of {fm.get('fm') or 'an unknown FM'}, which imprint cannot load; give "
                "embeddings (HDF5, NPZ), or the FM by --fm"
            )
        if source == "torchvision":  # published weights are part of its name
            model, _, entry = model.partition(".")
            fm = {"weights": entry or None, **fm}
    else:
        prefix, _, rest = arguments.fm.partition(":")
        source, model = (
            (prefix, rest) if prefix in ("timm", "torchvision", "pretrained") else ("timm", arguments.fm)
        )
        model = model or None
    known = {} if arguments.fm else fm
    checkpoint = arguments.checkpoint or known.get("checkpoint")
    if checkpoint is not None and not Path(checkpoint).exists():
        raise UserError(
            f"checkpoint {checkpoint} does not exist; say where the weights are by --checkpoint FILE"
        )
    weights = (
        arguments.weights or known.get("weights") or ("IMAGENET1K_V1" if source == "torchvision" else None)
    )
    made = models.load(source, model, weights=weights, checkpoint=checkpoint, **changes)
    if "transform" in known and not changes:
        made.transform = Transform(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in known["transform"].items()}
        )
    place = {"checkpoint": str(Path(checkpoint).resolve())} if checkpoint else {}
    return made, place | ({"weights": weights} if weights else {})


def _read(path: Path, group: str | None, labelled: bool) -> Embeddings:
    """Embeddings in a file of imprint, or anyone's HDF5 or NPZ with `embeddings` and, where needed, `labels`."""
    from imprint import store
    from imprint.fm.given import read_arrays

    found = read_arrays(path, group, required=True)
    x = found.get("embeddings")
    if x is None or x.ndim != 2 or not len(x):
        raise UserError(
            f"{path} has no 'embeddings' (N, D)" + ("" if group else "; in a group? name it by --group")
        )
    if not np.isfinite(x).all():
        raise UserError(
            f"{path}: row {int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])} holds NaN or infinity"
        )
    y, names = _labels(path, found, len(x)) if labelled else (np.zeros(len(x), np.int64), UNNAMED)
    ids = np.asarray(found.get("ids", np.arange(len(x))))
    if ids.shape != (len(x),):
        raise UserError(f"{path}: {len(x)} embeddings and ids of shape {ids.shape} do not match")
    about = found.get("provenance") or {"fm": path.stem}
    return store.Embeddings(x.astype(np.float32), y, ids, names, about, found.get("classifier"))


def _labels(path: Path, found: dict[str, Any], n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (n,) from 0 on and the names of the classes that have samples."""
    if "labels" not in found:
        raise UserError(f"{path} has no 'labels' (N,), which fitting needs")
    y, names = np.asarray(found["labels"]), found.get("class_names")
    if y.shape != (n,):
        raise UserError(f"{path}: {n} embeddings and labels of shape {y.shape} do not match")
    if names is not None and tuple(names) == UNNAMED:
        raise UserError(
            f"{path} has no classes: its images did not lie in a folder for each class; embed them so, or give labels"
        )
    if y.dtype.kind == "f" and (y == np.floor(y)).all():
        y = y.astype(np.int64)
    if y.dtype.kind not in "iuUO":
        raise UserError(f"{path}: 'labels' are {y.dtype}, neither whole numbers nor names")
    if y.dtype.kind in "UO" or names is None:
        classes, y = np.unique(y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True)
        return y.astype(np.int64), tuple(map(str, classes))
    if len(set(names)) < len(names):
        raise UserError(f"{path}: a name stands twice among the {len(names)} in 'class_names'")
    if y.min() < 0 or y.max() >= len(names):
        raise UserError(
            f"{path}: labels from {y.min()} to {y.max()} do not fit the {len(names)} 'class_names'; they are 0 to "
            f"{len(names) - 1}"
        )
    there, y = np.unique(y, return_inverse=True)
    return y.astype(np.int64), tuple(str(names[label]) for label in there)
