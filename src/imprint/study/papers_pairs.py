"""Whether an experiment has the FMs and tasks over which published accuracies are averaged.

Those of Westerhoff et al. 2025 are four FMs of torchvision on twelve tasks of three datasets, with all training samples.
"""

from __future__ import annotations

from itertools import product

from imprint.study.config.datasets import TorchvisionDataset
from imprint.study.config.fms import TorchvisionFM
from imprint.study.config.tasks import TaskConfig
from imprint.study.grid import Study

MODELS = ("resnet18", "resnet50", "vit_b_16", "swin_b")
DATASETS = ("MNIST", "FashionMNIST", "CIFAR10")
CLASSES = (None, (0, 2, 4, 6, 8), (1, 3, 5, 7, 9), (0, 1, 2))  # all, even, odd, short


def has_papers_pairs(study: Study, name: str) -> bool:
    """Whether an experiment, with those under `also`, has all pairs of the paper's FMs and tasks, and no others.

    Names do not matter. An FM must have the weights and the preprocessing of torchvision, and a dataset all its samples.
    """
    experiments = (name, *study.config.experiments[name].also)
    groups = {group for each in experiments for group in study.experiment_groups(each)}
    if any(group.draws_samples for group in groups):
        return False
    pairs = [(_model(study, fm), _task(study, task)) for fm, task, _ in groups]
    tasks = product(DATASETS, CLASSES)
    return len(pairs) == len(set(pairs)) and set(pairs) == set(product(MODELS, tasks))


def _model(study: Study, name: str) -> str | None:
    fm = study.config.fms[name]
    if not isinstance(fm, TorchvisionFM):
        return None
    as_published = TorchvisionFM(source="torchvision", model=fm.model, shards=fm.shards)
    return fm.model if fm == as_published else None


def _task(study: Study, name: str) -> tuple[str, tuple[int, ...] | None] | None:
    task = study.config.tasks.get(name)  # none for those of a family
    if task is None or task != TaskConfig(datasets=task.datasets[:1], classes=task.classes):
        return None
    dataset = study.config.datasets[task.datasets[0]]
    if not isinstance(dataset, TorchvisionDataset):
        return None
    whole = TorchvisionDataset(source="torchvision", name=dataset.name, root=dataset.root)
    return (dataset.name, task.classes) if dataset == whole else None
