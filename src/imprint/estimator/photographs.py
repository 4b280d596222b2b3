"""The images behind samples, found again by their ids."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.errors import UserError
from imprint.estimator.inputs import FILES, Classes, images_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from imprint.data.images import Images
    from imprint.store.embeddings import Embeddings

FOLDER = "folder"  # in the provenance of embeddings: where their images lay
LOCAL = (FOLDER, "checkpoint")  # in it too: paths of the machine that made them


@dataclass(frozen=True)
class Photographs:
    """Images by the ids of samples.

    Attributes
    ----------
    folder : Path or None
        The folder that ids are paths below, where they are.
    images : Images or None
        What holds the images in its place.
    """

    folder: Path | None = None
    images: Images | None = None

    def read(self, name: str) -> Image:
        """The image of an id.

        Raises
        ------
        UserError
            If it is not there any more, or cannot be read.
        """
        from imprint.data.images import read_image

        if self.images is not None:
            return self.images[self._numbers()[name]]
        assert self.folder is not None
        path = self.folder / name
        if not path.is_file():
            raise UserError(
                f"{path} is not there any more; name the folder of the images that {name} is one of, as images (--images)"
            )
        try:
            return read_image(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error})") from None

    def _numbers(self) -> Mapping[str, int]:
        assert self.images is not None
        return {name: number for number, name in enumerate(self.images.ids)}


def photographs_of(
    source: Path, provenance: Mapping[str, Any], folder: Path | None = None, *, classes: Classes
) -> Photographs:
    """The images of a source that embeddings were read from or made of.

    Parameters
    ----------
    source : Path
        Images, or a file of embeddings.
    provenance : mapping
        That of the embeddings.
    folder : Path, optional
        Where the images lie, in place of the folder that they were embedded from.
    classes : {"required", "optional", "ignored"}
        As in `images_of`.

    Raises
    ------
    UserError
        If it is not known where the images of embeddings lie.
    """
    if folder is not None:
        return in_folder(folder)
    if source.suffix.lower() not in FILES:
        images = images_of(source, classes=classes)
        return (
            Photographs(images.folder) if images.folder is not None else Photographs(images=images)
        )
    if FOLDER in provenance:
        return Photographs(Path(provenance[FOLDER]))
    raise UserError(
        f"{source} does not say where its images lie; name their folder as images (--images)"
    )


def ids_from(provenance: Mapping[str, Any], embeddings: Embeddings) -> list[str]:
    """The ids of embeddings as paths from the folder of other images, so that both are found from one folder.

    Parameters
    ----------
    provenance : mapping
        That of the other images.
    embeddings : Embeddings
        Of images of maybe another folder.

    Returns
    -------
    list of str
        The ids as they are where a folder is not known or both are the same.
    """
    ids = [str(name) for name in embeddings.ids.tolist()]
    here, there = provenance.get(FOLDER), embeddings.provenance.get(FOLDER)
    if here is None or there is None or here == there:
        return ids
    return [os.path.relpath(Path(there) / name, here) for name in ids]


def in_folder(folder: Path) -> Photographs:
    """The images of a folder; a `UserError` if it does not exist."""
    if not folder.is_dir():
        raise UserError(f"images (--images): {folder} is no folder")
    return Photographs(folder)
