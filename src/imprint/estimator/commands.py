"""The commands `embed` and `compare` as functions."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imprint.errors import UserError
from imprint.estimator import cross_validation, image_sources, inputs
from imprint.estimator.fm_choice import FMChoice
from imprint.store.embeddings import Embeddings, read_embeddings
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES, HDF5

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from imprint.data.images import Images


def embed(
    source: str | Path | Sequence[str | Path],
    *,
    fm: str | None = None,
    output: str | Path | None = None,
    split: Literal["train", "test"] | None = None,
    **options: Any,
) -> Embeddings:
    """Embed images.

    Parameters
    ----------
    source : path or sequence of paths
        A folder of images, or one with a subfolder for each class; a table of paths, a dataset, or an image. Or several folders,
        tables and images, as for `imprint predict`: their images have no classes, and their paths are their ids.
    fm : str, optional
        The FM, `tf_efficientnet_lite0` by default; see `imprint.estimator.fm_choice.FMChoice`.
    output : path, optional
        An HDF5 file for the embeddings. The same call resumes one that was interrupted.
    split : {"train", "test"}, optional
        The images to embed of a single folder, table or dataset with splits; by default those for training.
    **options
        Further fields of `FMChoice`: checkpoint, input_size, device, batch_size, ...

    Returns
    -------
    Embeddings
        `x` (N, D) float32, `y` (N,), `ids`, `class_names` and `provenance`; without classes all `y` are 0.

    Raises
    ------
    UserError
        If the source does not exist, the output is no HDF5 file, or an image or the FM cannot be read.

    Examples
    --------
    >>> import imprint
    >>> photos = imprint.embed("photos", output="photos.h5")  # doctest: +SKIP
    >>> labels = [photos.class_names[number] for number in photos.y]  # doctest: +SKIP
    >>> head = imprint.ImprintingClassifier().fit(photos.x, labels)  # doctest: +SKIP
    """
    if split not in (None, "train", "test"):
        raise UserError(f"embed: split is 'train' or 'test', not {split!r}")
    if output is not None and Path(output).suffix not in HDF5:
        raise UserError(f"embed: output {output}: embeddings go to an HDF5 file (.h5)")
    images = _images_of(source, split)
    choice = FMChoice.of_options("embed", fm, options)
    if output is None:
        return inputs.embedded(images, choice)
    inputs.embed(images, Path(output), choice)
    return read_embeddings(output)


def _images_of(
    source: str | Path | Sequence[str | Path], split: Literal["train", "test"] | None
) -> Images:
    """The images of the source of `embed`; a `UserError` for anything that is not a source of images."""
    if isinstance(source, str | os.PathLike):
        return image_sources.images_of(
            Path(source),
            classes="optional",
            split=split or "train",
            needs_splits=split is not None,
        )
    is_list = isinstance(source, list | tuple) and len(source) > 0
    if not is_list or not all(isinstance(entry, str | os.PathLike) for entry in source):
        raise UserError(
            f"embed: a source is a path, or a list of paths, not {reprlib.repr(source)}"
        )
    if split is not None:
        raise UserError("embed: split is for a single source; leave it out")
    return image_sources.images_of_several([Path(entry) for entry in source])


def compare(
    source: str | Path | Embeddings,
    *,
    fm: str | Sequence[str] | None = None,
    folds: int = 5,
    seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Rank heads by cross-validation on images or embeddings with classes.

    Parameters
    ----------
    source : path or Embeddings
        A folder with a subfolder of images for each class, a table of paths and labels, a dataset, or embeddings with labels.
    fm : str or sequence of str, optional
        The FM that embeds images, as in `embed`; the heads of several FMs are ranked together.
    folds : int, default=5
        Number of folds of the cross-validation.
    seed : int, default=0
        Seed of the folds and of GEN.
    **options
        As in `embed`.

    Returns
    -------
    DataFrame
        See `imprint.estimator.cross_validation.compare_fms`; the column `fm` exists only for several FMs.

    Raises
    ------
    UserError
        If the source does not exist, a class has fewer samples than there are folds, or several FMs are named for embeddings.

    Examples
    --------
    >>> import imprint
    >>> imprint.compare("photos.h5").head()  # doctest: +SKIP
    >>> imprint.compare("photos", fm=["tf_efficientnet_lite0", "tf_efficientnet_lite2"]).head()  # doctest: +SKIP
    """
    fms = [fm] if isinstance(fm, str) else list(fm or [])
    choice = FMChoice.of_options("compare", None, options)

    def check(_: Sequence[str], y: np.ndarray) -> None:
        cross_validation.check_folds(y, folds)

    if isinstance(source, Embeddings):
        if fms or options:
            unused = ", ".join([*(["fm"] if fms else []), *options])
            raise UserError(f"compare: embeddings already come from one FM; leave {unused} out")
        check(source.class_names, source.y)
        by_fm = {"": source}
    elif isinstance(source, str | os.PathLike):
        by_fm = embeddings_by_fm(Path(source), fms, choice, check=check)
    else:
        raise UserError(
            f"compare takes one folder, table, dataset or file, or embeddings, not a {type(source).__name__}"
        )
    table = cross_validation.compare_fms(
        by_fm,
        cross_validation.default_methods(
            ("mean", "kmeans", "all", "ls"), (2, 5, 10, 20), ("l2", "whiten+l2"), (5,)
        ),
        folds=folds,
        seed=seed,
    )
    return table if len(by_fm) > 1 else table.drop(columns="fm")


def embeddings_by_fm(
    source: Path,
    fms: Sequence[str],
    choice: FMChoice,
    *,
    group: str | None = None,
    check: Callable[[Sequence[str], np.ndarray], None] | None = None,
) -> dict[str, Embeddings]:
    """The embeddings of labelled images by each FM; `choice` gives all settings except the name of the FM.

    `group` and `check` as in `imprint.estimator.inputs.read_labelled`. A `UserError` if there are several FMs and the source
    holds embeddings or the choice names a checkpoint.
    """
    if len(fms) > 1 and source.suffix.lower() in EMBEDDINGS_SUFFIXES:
        raise UserError(f"{source} holds embeddings of one FM; give images to compare several")
    if len(fms) > 1 and choice.checkpoint is not None:
        raise UserError(
            "a checkpoint (--checkpoint) belongs to one FM; name no more than one as fm (--fm)"
        )
    return {
        name: inputs.read_labelled(
            source, replace(choice, fm=name or None), group=group, check=check
        )
        for name in fms or [""]
    }
