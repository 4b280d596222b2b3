"""Find the images of samples by their ids."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.estimator.image_sources import Classes, Split, images_of
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES

if TYPE_CHECKING:
    from PIL.Image import Image

    from imprint.data.images import Images
    from imprint.store.embeddings import Embeddings

# keys in the provenance of embeddings: the folder of the images, and all keys that hold paths of the machine
FOLDER = "folder"
LOCAL = (FOLDER, "checkpoint")


@dataclass(frozen=True)
class Photographs:
    """Images by sample id.

    Attributes
    ----------
    folder : Path or None
        The folder to which ids are relative paths; None if `images` is used.
    images : Images or None
        The images, if they are not files in a folder.
    """

    folder: Path | None = None
    images: Images | None = None

    def read(self, name: str) -> Image:
        """The image of an id.

        Raises
        ------
        UserError
            If the image no longer exists or cannot be read.
        """
        from imprint.data.images import read_image

        if self.images is not None:
            return self.images[self._numbers[name]]
        assert self.folder is not None
        path = self.folder / name
        if not path.is_file():
            raise UserError(
                f"{path} no longer exists; name the folder that contains {name} as images (--images)"
            )
        try:
            return read_image(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error})") from None

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        assert self.images is not None
        return {name: number for number, name in enumerate(self.images.ids)}


def photographs_of(
    source: Path,
    provenance: Mapping[str, Any],
    folder: Path | None = None,
    *,
    classes: Classes,
    split: Split = "train",
) -> Photographs:
    """The images of the source of embeddings.

    Parameters
    ----------
    source : Path
        Images, or a file of embeddings.
    provenance : mapping
        Provenance of the embeddings.
    folder : Path, optional
        The folder of the images, if it is not the one recorded in `provenance`.
    classes : {"required", "optional", "ignored"}
    split : {"train", "test"}, default="train"
        As in `images_of`.

    Raises
    ------
    UserError
        If the folder of the images is not known, or no longer exists.
    """
    if folder is not None:
        return in_folder(folder)
    if FOLDER in provenance:
        recorded = Path(provenance[FOLDER])
        if not recorded.is_dir():
            raise UserError(
                f"{recorded} no longer exists; name the folder of the images of {source} as images (--images)"
            )
        return Photographs(recorded)
    if source.suffix.lower() not in EMBEDDINGS_SUFFIXES:  # images that are not files in a folder
        return Photographs(images=images_of(source, classes=classes, split=split))
    raise UserError(
        f"{source} does not say where its images are; name their folder as images (--images)"
    )


def ids_from(provenance: Mapping[str, Any], embeddings: Embeddings) -> list[str]:
    """The ids of embeddings as paths relative to the folder of other images, so that one folder serves both.

    Parameters
    ----------
    provenance : mapping
        Provenance of the other images.
    embeddings : Embeddings
        Embeddings of images, possibly in another folder.

    Returns
    -------
    list of str
        Unchanged ids if a folder is not known or both are the same.
    """
    ids = [str(name) for name in embeddings.ids.tolist()]
    base, folder = provenance.get(FOLDER), embeddings.provenance.get(FOLDER)
    if base is None or folder is None or base == folder:
        return ids
    return [os.path.relpath(Path(folder) / name, base) for name in ids]


def in_folder(folder: Path) -> Photographs:
    """The images of a folder; a `UserError` if it does not exist."""
    if not folder.is_dir():
        raise UserError(f"images (--images): {folder} is not a folder")
    return Photographs(folder)
