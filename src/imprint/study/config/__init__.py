"""The typed configuration of a study: what `config.yaml` may say, each key with its meaning and default.

The JSON schema in workflow/schemas is generated from these models. Checks that need more than one key (names that
must exist, classes that a dataset must have) are in `imprint.study.checks`.
"""

from imprint.study.config.datasets import (
    Dataset,
    EmbeddingsDataset,
    ImageDataset,
    ImageFolderDataset,
    OwnImages,
)
from imprint.study.config.experiments import AggGrid, Cell, Experiment, GenGrid
from imprint.study.config.fms import FM, EmbeddingsFM, PackagedFM, PretrainedFM, PublishedFM
from imprint.study.config.study import Compute, StudyConfig
from imprint.study.config.tasks import Family, TaskConfig, family_task

__all__ = [
    "FM",
    "AggGrid",
    "Cell",
    "Compute",
    "Dataset",
    "EmbeddingsDataset",
    "EmbeddingsFM",
    "Experiment",
    "Family",
    "GenGrid",
    "ImageDataset",
    "ImageFolderDataset",
    "OwnImages",
    "PackagedFM",
    "PretrainedFM",
    "PublishedFM",
    "StudyConfig",
    "TaskConfig",
    "family_task",
]
