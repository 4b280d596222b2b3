"""Checks of FMs and datasets: the files and splits that they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from imprint.data.registry import SPLITS
from imprint.data.sources import SOURCES, make
from imprint.errors import UserError
from imprint.fm.packaged_models import PACKAGED
from imprint.registry import undefined
from imprint.store.fm_identity import fm_differences
from imprint.store.given_embeddings import EMBEDDINGS_SUFFIXES, fm_in, shape_of
from imprint.study.checks.names import check_classes
from imprint.study.config.datasets import Dataset, ImageDataset, OwnImages
from imprint.study.config.fms import FM, EmbeddingsFM, PackagedFM, PretrainedFM
from imprint.study.problems import Problem
from imprint.study.sections import Sections


def pretraining_dataset(key: str, fm: FM, sections: Sections) -> Iterator[Problem]:
    """An FM that the workflow pre-trains needs a dataset with images for it."""
    if not isinstance(fm, PretrainedFM):
        return
    if fm.dataset not in sections.names["datasets"]:
        message = undefined("dataset", fm.dataset, sections.names["datasets"])
        yield Problem(f"{key}.dataset", message)
    dataset = sections.datasets.get(fm.dataset)
    if dataset is not None and "pretrain" not in getattr(SOURCES.get(dataset.source), "splits", ()):
        message = f"'{fm.dataset}' has no split 'pretrain'; a dataset of source glyphs has one"
        yield Problem(f"{key}.dataset", message)


def embeddings_files(key: str, fm: FM, sections: Sections) -> Iterator[Problem]:
    """The files of an FM without a model must exist, for datasets of the study."""
    if not isinstance(fm, EmbeddingsFM):
        return
    fms: dict[str, dict[str, Any]] = {}
    for dataset in fm.files:
        if dataset not in sections.names["datasets"]:
            message = undefined("dataset", dataset, sections.names["datasets"])
            yield Problem(f"{key}.files.{dataset}", message)
        widths: dict[str, int] = {}
        for split in SPLITS:
            file = fm.file(dataset, split)
            if Path(file).suffix.lower() not in EMBEDDINGS_SUFFIXES:
                message = f"{file} does not end in {', '.join(EMBEDDINGS_SUFFIXES[:-1])} or {EMBEDDINGS_SUFFIXES[-1]}"
                yield Problem(f"{key}.files.{dataset}", message)
            elif not Path(file).is_file():
                yield Problem(f"{key}.files.{dataset}", f"there is no file {file}")
            else:
                required = not fm.has_file_per_split(dataset)
                with suppress(UserError):  # a file that cannot be read stops its own job alone
                    _, widths[f"{file} ({split})"] = shape_of(file, split, required=required)
                    if model := fm_in(file):
                        fms[file] = model
        if len(set(widths.values())) > 1:
            sizes = " and ".join(f"{width} values in {file}" for file, width in widths.items())
            message = f"its embeddings have {sizes}; those of one FM have the same size"
            yield Problem(f"{key}.files.{dataset}", message)
    (first, expected), *others = fms.items() or [("", {})]
    for file, model in others:
        if wrong := fm_differences(expected, model):
            message = f"{first} and {file} are by different FMs: {'; '.join(wrong)}"
            yield Problem(f"{key}.files", message)


def checkpoint_file(key: str, fm: FM, sections: Sections) -> Iterator[Problem]:
    """A checkpoint, or the folder of a model, must exist."""
    if fm.users_weights and not Path(fm.users_weights).is_file():
        message = (
            f"there is no file {fm.users_weights}; give a .safetensors or .pth file of weights"
        )
        yield Problem(f"{key}.checkpoint", message)
    if fm.users_folder is not None and not Path(fm.users_folder).is_dir():
        message = f"there is no folder '{fm.users_folder}'; give that of the model's config.json and weights"
        yield Problem(f"{key}.model", message)


def packaged_weights(key: str, fm: FM, sections: Sections) -> Iterator[Problem]:
    """The package with the weights must be installed."""
    if isinstance(fm, PackagedFM):
        try:
            PACKAGED[fm.model].path()
        except UserError as error:
            yield Problem(f"{key}.model", str(error))


def dataset_source(key: str, dataset: Dataset, sections: Sections) -> Iterator[Problem]:
    """The source must have the dataset, and the path of the user's images must exist."""
    if not isinstance(dataset, ImageDataset):
        return
    if isinstance(dataset, OwnImages) and not Path(dataset.path).exists():
        message = f"there is no {Path(dataset.path).absolute()}; give the folder, or the table, of your images"
        yield Problem(f"{key}.path", message)
        return
    try:
        advice = make(dataset.source, dataset.options).by_hand()
    except UserError as error:
        yield Problem(f"{key}.name", str(error))
        return
    if advice and dataset.is_downloaded:
        yield Problem(f"{key}.root", advice)


def dataset_classes(key: str, dataset: Dataset, sections: Sections) -> Iterator[Problem]:
    """The classes to embed must exist."""
    if isinstance(dataset, ImageDataset) and dataset.classes != "needed":
        name = key.partition(".")[2]
        count = sections.class_counts.get(name)
        yield from check_classes(f"{key}.classes", dataset.classes, count, name)
