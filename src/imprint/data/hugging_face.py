"""Datasets of the user's own images: datasets of Hugging Face's `datasets`, saved to disk or as Parquet."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imprint.data.divided import DividedSource, by_split, named_splits, numbers_of
from imprint.data.folders import files_below
from imprint.data.image_formats import UnreadableImage
from imprint.data.images import Images
from imprint.data.registry import numbered, source
from imprint.data.stores import Store, file_state
from imprint.errors import UserError
from imprint.formatting import label_text
from imprint.registry import suggestion
from imprint.store.embeddings import UNNAMED

SAVED = ("dataset_dict.json", "state.json")  # files that `save_to_disk` writes
# names of a column of labels; the first that exists is used
LABELS = ("label", "labels", "class", "fine_label")


@source("huggingface")
@dataclass(frozen=True)
class HuggingFaceDataset(DividedSource):
    """A Hugging Face dataset at `path`: a folder of `save_to_disk`, a Parquet file with images, or a folder of Parquet files.

    Images are read in place; those in Parquet from a copy that the library makes beside the manifest. Parquet
    files have splits if a word of their names, or folders, is `train` or `test`.

    Attributes
    ----------
    image, label : str or None
        Names of the columns; by default the first column with images, and the first with class names or called `label`.
    """

    image: str | None = None
    label: str | None = None

    def stored_splits(
        self, folder: Path | None = None, *, only: str | None = None, labelled: bool = True
    ) -> Mapping[str, Images]:
        """The images as they are stored; see `DividedSource.stored_splits`."""
        tables = self._tables(folder)
        splits = named_splits(tables, self.path, only)
        numbers, names = self._labels({s: tables[name] for s, name in splits.items()}, labelled)
        images = {}
        for split, name in splits.items():
            table = tables[name]
            store = HuggingFaceImages(table, self._images_of(table), Path(self.path))
            images[split] = Images(numbers[split], numbered(name, len(table)), names, store=store)
        return images

    def _labels(
        self, tables: Mapping[str, Any], labelled: bool
    ) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """The labels of each split, and the class names."""
        if not labelled:
            return {s: np.zeros(len(table), np.int64) for s, table in tables.items()}, UNNAMED
        columns = {split: self._labels_of(table) for split, table in tables.items()}
        known = {_class_names(table, columns[split]) for split, table in tables.items()}
        if len(known) > 1:
            raise UserError(
                f"dataset {self.path}: its splits do not name the same classes in the same order"
            )
        values = {split: list(table[columns[split]]) for split, table in tables.items()}
        missing = sum(label_text(value) is None for part in values.values() for value in part)
        if missing:
            raise UserError(f"dataset {self.path}: {missing} images have no label")
        of_all = [value for part in values.values() for value in part]
        if not of_all:
            raise UserError(f"dataset {self.path} has no images")
        if any(isinstance(value, list | dict) for value in of_all):
            raise UserError(
                f"dataset {self.path}: labels in {', '.join(sorted(set(columns.values())))} are neither numbers nor names; "
                "set `label` to a column with one label for each image"
            )
        together = np.array(of_all)
        names = known.pop()
        if names is None:
            together, names = numbers_of(np.array([label_text(value) for value in of_all]))
        if together.min() < 0 or together.max() >= len(names):
            raise UserError(
                f"dataset {self.path}: labels go from {together.min()} to {together.max()}, and there are {len(names)} "
                "classes; a split without labels cannot be used"
            )
        ends = np.cumsum([len(part) for part in values.values()])[:-1]
        parts = np.split(together.astype(np.int64), ends)
        return dict(zip(values, parts, strict=True)), names

    def files(self, folder: Path) -> list[Path]:
        """All files of the dataset."""
        path = Path(self.path)
        return [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())

    def _tables(self, folder: Path | None) -> dict[str, Any]:
        """The splits by name."""
        import datasets

        datasets.disable_progress_bars()
        path = Path(self.path)
        try:
            if path.is_dir() and any((path / name).exists() for name in SAVED):
                read = datasets.load_from_disk(str(path))
                read = read.with_format(None)  # a saved format may hide columns or change values
                return dict(read) if isinstance(read, datasets.DatasetDict) else {"train": read}
            copies = None if folder is None else str(folder)  # None: the library's own cache
            return {
                name: datasets.Dataset.from_parquet(
                    [glob.escape(str(file)) for file in files], cache_dir=copies
                )
                for name, files in self._parquet_files().items()
            }
        except IndexError as error:  # the library's error for a saved dataset without rows
            raise UserError(f"dataset {path} has no images") from error
        except (OSError, ValueError, datasets.exceptions.DatasetGenerationError) as error:
            raise UserError(f"dataset {path} cannot be read: {error}") from error

    def _parquet_files(self) -> dict[str, list[Path]]:
        path = Path(self.path)
        files = [path] if path.is_file() else files_below(path, ".parquet")
        if not files:
            raise UserError(
                f"dataset {path} is neither a folder of `save_to_disk` ({' or '.join(SAVED)}) nor has Parquet files"
            )
        return by_split(files, path.parent if path.is_file() else path)

    def _images_of(self, table: Any) -> str:
        """The column of images."""
        features = self._checked(table, self.image)
        image = self.image or next((n for n, f in features.items() if _holds_images(f)), None)
        if image is None:
            raise UserError(
                f"dataset {self.path} has no column of images; it has: {', '.join(features)}"
            )
        return image

    def _labels_of(self, table: Any) -> str:
        """The column of labels."""
        import datasets

        features = self._checked(table, self.label)
        of_classes = (n for n, f in features.items() if isinstance(f, datasets.ClassLabel))
        label = self.label or next(of_classes, next((n for n in LABELS if n in features), None))
        if label is None:
            raise UserError(
                f"dataset {self.path} has no column of class labels; set `label` to one of: {', '.join(features)}"
            )
        return label

    def _checked(self, table: Any, name: str | None) -> Mapping[str, Any]:
        """The columns of a table; a `UserError` if `name` is not one of them."""
        features: Mapping[str, Any] = table.features
        if name is not None and name not in features:
            raise UserError(
                f"dataset {self.path} has no column '{name}'{suggestion(name, list(features))}; it has: {', '.join(features)}"
            )
        return features


def _holds_images(feature: Any) -> bool:
    import datasets

    if isinstance(feature, datasets.Image):
        return True
    # images as other programs store them in Parquet
    return (isinstance(feature, dict) and "bytes" in feature) or (
        getattr(feature, "dtype", None) in ("binary", "large_binary")
    )


def _class_names(table: Any, label: str) -> tuple[str, ...] | None:
    names = getattr(table.features[label], "names", None)
    return None if names is None else tuple(names)


class HuggingFaceImages(Store):
    """The image column of a Hugging Face dataset.

    Parameters
    ----------
    table : datasets.Dataset
        The dataset.
    column : str
        Its column of images.
    path : Path
        Its path, for messages.
    """

    def __init__(self, table: Any, column: str, path: Path) -> None:
        import datasets

        self._table = table.select_columns([column])
        if isinstance(table.features[column], datasets.Image):
            self._table = self._table.cast_column(column, datasets.Image(decode=False))
        self._column, self._path = column, path

    def read(self, position: int) -> bytes:
        """The bytes of an image file."""
        cell = self._table[position][self._column]
        image: dict[str, Any] = cell if isinstance(cell, dict) else {"bytes": cell}
        content: bytes | None = image["bytes"]
        if content is not None:
            return content
        if not image.get("path"):
            raise UnreadableImage("it is missing")
        return Path(image["path"]).read_bytes()

    def file(self, position: int) -> Path:
        """The dataset."""
        return self._path

    def state(self) -> Iterator[bytes]:
        """The column name, and the size and time of the files that are read."""
        yield self._column.encode()
        for file in self._table.cache_files:
            yield file_state(Path(file["filename"]))
