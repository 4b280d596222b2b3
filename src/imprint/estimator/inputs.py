"""Embeddings for fit and predict: read from a file, or of the images of a source."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imprint.errors import UserError
from imprint.estimator.embeddings_files import read_file
from imprint.estimator.fm_choice import FMChoice
from imprint.estimator.image_sources import (
    Split,
    holds_embeddings,
    images_of,
    images_of_several,
    require_source,
)
from imprint.formatting import class_name
from imprint.processor import usable_cores
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES, HDF5
from imprint.store.heads import Head

if TYPE_CHECKING:
    from imprint.data.images import Images

log = logging.getLogger("imprint")

# choices of an FM that change embeddings
FM_PARTS = ("fm", "checkpoint", "weights", "input_size", "mean", "std", "interpolation", "pooling")
IMAGES_A_THREAD = 8  # with fewer images per thread, threads wait more than they work


def read_labelled(
    source: Path,
    fm: FMChoice,
    *,
    head: Head | None = None,
    group: str | None = None,
    split: Split = "train",
    check: Callable[[Sequence[str], np.ndarray], object] | None = None,
    beside: Sequence[Path] = (),
) -> Embeddings:
    """Read embeddings with classes from a file, or embed images.

    Parameters
    ----------
    source : Path
        HDF5 or NPZ with `embeddings` (N, D) and `labels` (N,), numbers or names; or labelled images, see `images_of`.
    fm : FMChoice
        The FM that embeds images; if it names none, that of the head is used.
    head : Head, optional
        The head that the embeddings are for.
    group : str, optional
        The group of an HDF5 file that holds the embeddings.
    split : {"train", "test"}, default="train"
        The images that are used if the source has splits.
    check : callable, optional
        Called with class names and labels (N,), 0..C-1, before images are embedded; raises a `UserError` if they are not usable.
    beside : sequence of Path
        Other sources of the same command. A note warns of an FM or a group that none of the sources uses.

    Raises
    ------
    UserError
        If the source does not exist, has no usable embeddings, images or classes, or its embeddings do not fit the head.
    """
    known = () if head is None else [class_name(label) for label in head.description["classes"]]
    _note_unused([source, *beside], fm, group)
    if holds_embeddings(source):
        embeddings = read_file(source, group, labelled=True)
        note_alike(embeddings.class_names, known)
    else:
        images = images_of(source, classes="required", split=split)
        note_alike(images.class_names, known)
        if check:
            _check(source, check, images.class_names, images.labels)
        embeddings = embedded(images, fm, head)
    if check:  # again for images: unreadable ones may be left out
        _check(source, check, embeddings.class_names, embeddings.y)
    if head is not None:
        _require_kind(source, embeddings, head)
    return embeddings


def _check(
    source: Path,
    check: Callable[[Sequence[str], np.ndarray], object],
    names: Sequence[str],
    y: np.ndarray,
) -> None:
    """Call `check`; add the source to its error."""
    try:
        check(names, y)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None


def check_classes(names: Sequence[str], y: np.ndarray) -> None:
    """Check that labels y (N,), 0..C-1, have at least two classes; a `UserError` if not."""
    if len(present := np.unique(y)) < 2:
        raise UserError(
            f"all samples are of one class, '{names[present[0]]}'; a head needs at least two"
        )


def note_alike(names: Sequence[str], known: Sequence[str] = ()) -> None:
    """Log a note on class names that differ only in case or blanks from another, or from one that a head knows."""
    first: dict[str, str] = {}
    for name in (*known, *names):
        other = first.setdefault("".join(name.split()).casefold(), name)
        if other != name and name not in known:
            log.warning(
                f"note: '{other}' and '{name}' are two classes, though their names are nearly the same"
            )


def read_unlabelled(
    sources: Sequence[Path],
    fm: FMChoice,
    head: Head,
    *,
    group: str | None = None,
    beside: Sequence[Path] = (),
) -> Embeddings:
    """Embeddings to predict with a head; all have one unnamed class.

    Parameters
    ----------
    sources : sequence of Path
        HDF5 or NPZ with `embeddings` (N, D), a folder of images at any depth, a table, a dataset, or an image; or several
        folders, tables and images.
    fm, head, group, beside
        As in `read_labelled`.

    Raises
    ------
    UserError
        If the source does not exist or is not usable, or its embeddings do not fit the head.
    """
    source = sources[0]
    _note_unused([source, *beside], fm, group)
    if len(sources) > 1:
        embeddings = embedded(images_of_several(sources), fm, head)
    elif holds_embeddings(source):
        embeddings = read_file(source, group, labelled=False)
    else:
        embeddings = embedded(images_of(source, classes="ignored", split="test"), fm, head)
    _require_kind(source, embeddings, head)
    return embeddings


def _note_unused(sources: Sequence[Path], fm: FMChoice, group: str | None) -> None:
    """Log a note on choices that have no effect on any source; a `UserError` if the first source does not exist."""
    require_source(sources[0])
    suffixes = {source.suffix.lower() for source in sources}
    if group is not None and not suffixes & set(HDF5):
        log.warning(f"note: {sources[0]} is no HDF5 file, so the group {group} is not used")
    named = [f"{name} {getattr(fm, name)}" for name in FM_PARTS if getattr(fm, name) is not None]
    if named and suffixes <= set(EMBEDDINGS_SUFFIXES):
        log.warning(
            f"note: {sources[0]} holds embeddings, so the FM is not used: {', '.join(named)}"
        )


def _require_kind(source: Path, embeddings: Embeddings, head: Head) -> None:
    """Check that embeddings have the FM and the size that the head needs; a `UserError` if not."""
    fm = head.description["fm"]
    if "weights_sha256" in embeddings.provenance and (fm.get("model") or fm.get("fm")):
        head.require_fm(embeddings.provenance)
    elif "weights_sha256" in fm:
        log.warning(f"note: {source} does not say which FM made it; only the size is checked")
    size = head.embedding_size
    if embeddings.x.shape[1] != size:
        raise UserError(
            f"{source}: embeddings have {embeddings.x.shape[1]} values, the head takes {size}"
        )


def embed(images: Images, output: Path, fm: FMChoice, head: Head | None = None) -> None:
    """Write the embeddings of images to an HDF5 file; an interrupted run is resumed.

    Raises
    ------
    UserError
        If the FM cannot be loaded or is not that of `head`, or an image cannot be read.
    """
    recorded = head.description["fm"] if head else {}
    embedder, origin = fm.load(recorded)
    if head and "weights_sha256" in recorded:
        head.require_fm(embedder)
    from imprint.fm.extract import extract  # imports torch
    from imprint.fm.extraction import Extraction

    if images.folder is not None:
        origin = {**origin, "folder": str(images.folder.resolve())}
    on_error = "skip" if fm.skip_unreadable else "fail"
    extract(
        Extraction(embedder, images, output, on_error=on_error, provenance=origin),
        device=fm.device,
        batch_size=fm.batch_size,
        threads=min(usable_cores(), 1 + len(images) // IMAGES_A_THREAD),
    )


def embedded(images: Images, fm: FMChoice, head: Head | None = None) -> Embeddings:
    """The embeddings of images, see `embed`."""
    with tempfile.TemporaryDirectory(prefix="imprint-") as folder:
        output = Path(folder) / "embeddings.h5"
        embed(images, output, fm, head)
        return read_embeddings(output)
