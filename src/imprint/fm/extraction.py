"""The parameters of an extraction, and the writing of its output file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imprint.data.images import Images
from imprint.errors import UserError
from imprint.fm.compute import PRECISIONS
from imprint.fm.embedder import Embedder
from imprint.fm.journal import Record
from imprint.fm.loading import LISTED
from imprint.store.embeddings import write_rows
from imprint.store.files import canonical, new_hdf5, provenance_json
from imprint.store.version import __version__

log = logging.getLogger("imprint")

_DTYPES = ("float32", "float16")


@dataclass(frozen=True)
class Extraction:
    """All that determines the embeddings of a split, and their output file.

    Attributes
    ----------
    embedder : Embedder
        The model.
    images : Images
        The split, sorted by class.
    output : path
        The file.
    precision : {"float32", "bf16", "fp16"}
        Precision of the forward pass (autocast; the weights stay float32).
    on_error : {"fail", "skip"}
        Whether an image that cannot be read is an error or is left out.
    dtype : {"float32", "float16"}
        Type of the stored embeddings.
    provenance : mapping
        Further entries of the provenance, such as fm, dataset and split.

    Raises
    ------
    UserError
        If an option is unknown or there are no images.
    """

    embedder: Embedder
    images: Images
    output: Path
    precision: str = "float32"
    on_error: str = "fail"
    dtype: str = "float32"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(f"unknown precision '{self.precision}'; known: {', '.join(PRECISIONS)}")
        if self.on_error not in ("fail", "skip"):
            raise UserError(f"on_error '{self.on_error}' is neither fail nor skip")
        if self.dtype not in _DTYPES:
            raise UserError(
                f"embeddings cannot be stored as '{self.dtype}'; known: {', '.join(_DTYPES)}"
            )
        if len(self.images) == 0:
            raise UserError("there are no images")
        object.__setattr__(self, "images", self.images.by_class())

    @property
    def facts(self) -> dict[str, Any]:
        """The provenance, without the skipped images."""
        return {
            **self.embedder.identity,
            "transform": self.embedder.transform.as_dict(),
            "precision": self.precision,
            "on_error": self.on_error,
            "dtype": self.dtype,
            "weight_decay": self.embedder.weight_decay,
            **self.provenance,
        }

    def fingerprint(self, images_digest: str, kind: str) -> str:
        """SHA-256 of all that the rows depend on: model, transform, precision, kind of device, images, versions."""
        versions = {"imprint": __version__, "torch": torch.__version__, "device": kind}
        text = canonical({**self.facts, **versions, "images": images_digest})
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, records: Callable[[], Iterator[Record]]) -> None:
        """Write the output file from the records of all images.

        The file does not depend on the division of the rows into records.
        """
        import h5py

        images = self.images
        skipped: dict[int, str] = {}
        for _, unread, _ in records():
            skipped |= unread
        if len(skipped) == len(images):
            first = min(skipped)
            raise NoImages(
                f"no image can be read; the first is {images.path(first)}: {skipped[first]}"
            )
        facts = self.facts
        if skipped:
            log.warning("%d of %d images skipped", len(skipped), len(images))
            listed = {images.ids[i]: skipped[i] for i in sorted(skipped)[:LISTED]}
            facts |= {"skipped": len(skipped), "skipped_first": listed}
        mask = np.ones(len(images), bool)
        mask[list(skipped)] = False
        kept = np.flatnonzero(mask)
        dim, fm_classifier = self.embedder.dim, self.embedder.fm_classifier
        with new_hdf5(self.output) as file:
            write_rows(file, (len(kept), dim), self.dtype, (rows for _, _, rows in records()))
            file.create_dataset("labels", data=images.labels[kept], fletcher32=True)
            ids = [images.ids[i] for i in kept]
            file.create_dataset("ids", data=ids, dtype=h5py.string_dtype())
            if fm_classifier is not None:
                file.create_dataset("classifier", data=fm_classifier, fletcher32=True)
            file.attrs["class_names"] = json.dumps(images.class_names, ensure_ascii=False)
            file.attrs["provenance"] = provenance_json(**facts)
            file.attrs["skipped"] = len(skipped)


class NoImages(UserError):
    """No image of a split can be read."""


def digest(images: Images) -> str:
    """SHA-256 of the samples: names, labels, and content or the size and time of the files."""
    content = hashlib.sha256()
    for part in images.state():
        content.update(part)
    return content.hexdigest()
