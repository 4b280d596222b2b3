"""The whole configuration."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from imprint.study.config.base import EntryName, Place, Positive, Section, Seeds, mistake
from imprint.study.config.datasets import Dataset
from imprint.study.config.experiments import Experiment
from imprint.study.config.fms import FM
from imprint.study.config.tasks import TaskConfig


def _folder_of_results(folder: str) -> str:
    """The folder without a slash at its end, which Snakemake would take for another path."""
    if os.path.realpath(folder) == "/":  # `Path.resolve` raises an error for a link to itself
        raise mistake(f"{folder} is the root of the disk; name a folder")
    with suppress(OSError):  # it cannot be read, which `imprint.study.startup` reports
        if Path(folder).is_file():
            raise mistake(f"{folder} is a file; name a folder")
    if "{" in folder or "}" in folder:
        raise mistake(
            f"{folder} has braces, which stand for wildcards in Snakemake; leave them out"
        )
    return os.path.normpath(folder)


Device = Annotated[str, StringConstraints(pattern=r"^(cpu|mps|cuda(:\d+)?)$")]


class Compute(Section):
    """How results are computed; a change here reruns nothing."""

    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    """auto (a GPU if there is one), cpu, mps, cuda or cuda:N."""
    batch_size: Positive | None = None
    """Images per forward pass; chosen for the device by default."""
    generation_device: Device = "cpu"
    """Device of GEN kmeans: cpu, mps, cuda or cuda:N. Rounding differs between devices, so a few centroids do too."""
    scoring_device: Device = "cpu"
    """Device that scores proxies: cpu, mps, cuda or cuda:N. Rounding differs between devices, predictions hardly ever do."""
    threads: Positive = 1
    """Threads of each job that generates or scores proxies; more than one helps with tens of thousands of samples. On one
    machine a job that generates proxies also uses idle cores."""


class StudyConfig(Section):
    """A study: foundation models, datasets, tasks, seeds, and the experiments on them."""

    title: str = "A study of weight imprinting"
    """Title of the report."""
    results: Annotated[Place, AfterValidator(_folder_of_results)] = "results"
    """Folder of all results."""
    seeds: Seeds = (17121997, 123987, 12412312)
    """Seeds of the replicates; by default the paper's."""
    compute: Compute = Compute()
    """How results are computed: devices, batch size, threads."""
    components: tuple[Place, ...] = ()
    """Python files that register GENs, NORMs, AGGs, distances or weightings of your own."""
    figure_width: Literal["column", "page"] = "column"
    """Width of the figures: a column (3.4 inches) or a page (7 inches) of a paper. A change only draws the figures
    again."""
    fms: dict[EntryName, FM] = Field(min_length=1)
    """Foundation models by name."""
    datasets: dict[EntryName, Dataset] = Field(min_length=1)
    """Datasets by name."""
    tasks: dict[EntryName, TaskConfig] = Field(min_length=1)
    """Tasks and task families by name."""
    experiments: dict[EntryName, Experiment] = Field(min_length=1)
    """Experiments by name."""
