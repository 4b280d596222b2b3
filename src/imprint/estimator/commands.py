"""The commands `embed` and `compare` as functions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.estimator import cross_validation, inputs
from imprint.estimator.fm_choice import FMChoice
from imprint.store.embeddings import Embeddings, read_embeddings

if TYPE_CHECKING:
    import pandas as pd


def embed(
    source: str | Path,
    *,
    fm: str | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> Embeddings:
    """Embed images.

    Parameters
    ----------
    source : path
        A folder of images, or with a folder of images for each class; a table of paths, a dataset, or an image.
    fm : str, optional
        What embeds them, `tf_efficientnet_lite0` by default; see `imprint.estimator.fm_choice.FMChoice`.
    output : path, optional
        An HDF5 file for the embeddings. A call that was killed goes on where it ended.
    **options
        Further fields of `FMChoice`: checkpoint, input_size, device, batch_size, ...

    Returns
    -------
    Embeddings
        `x` (N, D) float32, `y` (N,), `ids`, `class_names` and `provenance`; of images without classes all `y` are 0.

    Raises
    ------
    UserError
        If there is no such source, or an image or the FM cannot be read.

    Examples
    --------
    >>> import imprint
    >>> photos = imprint.embed("photos", output="photos.h5")  # doctest: +SKIP
    >>> labels = [photos.class_names[number] for number in photos.y]  # doctest: +SKIP
    >>> head = imprint.ImprintingClassifier().fit(photos.x, labels)  # doctest: +SKIP
    """
    images = inputs.images_of(Path(source), classes="optional")
    choice = FMChoice(fm, **options)
    if output is None:
        return inputs.embedded(images, choice)
    inputs.embed(images, Path(output), choice)
    return read_embeddings(output)


def compare(
    source: str | Path, *, fm: str | None = None, folds: int = 5, seed: int = 0, **options: Any
) -> pd.DataFrame:
    """Rank heads by cross-validation on images or embeddings with classes.

    Parameters
    ----------
    source : path
        A folder with a folder of images for each class, a table of paths and labels, a dataset, or embeddings with labels.
    fm : str, optional
        What embeds images, as in `embed`.
    folds : int, default=5
        Parts of the cross-validation.
    seed : int, default=0
        Of the folds and of GEN.
    **options
        As in `embed`.

    Returns
    -------
    DataFrame
        See `imprint.estimator.cross_validation.compare_heads`.

    Examples
    --------
    >>> import imprint
    >>> imprint.compare("photos.h5").head()  # doctest: +SKIP
    """
    embeddings = inputs.read_labelled(
        Path(source),
        FMChoice(fm, **options),
        check=lambda _, y: cross_validation.check_folds(y, folds),
    )
    methods = cross_validation.default_methods(
        ("mean", "kmeans", "all", "ls"), (2, 5, 10, 20), ("l2", "whiten+l2"), (5,)
    )
    return cross_validation.compare_heads(
        embeddings.x,
        embeddings.y,
        methods,
        folds=folds,
        seed=seed,
        fm_classifier=embeddings.fm_classifier,
        threads=os.cpu_count() or 1,
    )
