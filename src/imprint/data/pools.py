"""The samples of a task: datasets are concatenated, classes selected or merged, shots drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imprint.data.shots import ALL_SHOTS
from imprint.errors import UserError
from imprint.formatting import listed
from imprint.method.large_arrays import new_array, row_blocks
from imprint.method.scale import check_scale, largest_of, scale_of, scaled
from imprint.store.block_cache import digest
from imprint.store.embeddings import Embeddings

# for each class of a task, the original classes that it merges; None keeps all classes as they are
MergedClasses = Sequence[Sequence[int]] | None


@dataclass(frozen=True)
class Pool:
    """The embeddings of all datasets of a task, one split.

    Attributes
    ----------
    x : ndarray of shape (N, D)
        Embeddings, times `scale`.
    y : ndarray of shape (N,)
        Labels, offset by the number of classes of the datasets before.
    class_count : int
        Number of classes of all datasets together.
    fm_classifier : ndarray of shape (C, D) or None
        Weights of the FM's own classifier, if they are known.
    digests : tuple of str
        Digests of the embeddings of each dataset; empty unless all are known.
    scale : float
        See `imprint.method.scale.scale_of`.
    class_names : tuple of (str, tuple of str)
        For each dataset, its name for messages and the names of its classes.
    """

    x: np.ndarray
    y: np.ndarray
    class_count: int
    fm_classifier: np.ndarray | None = None
    digests: tuple[str, ...] = ()
    scale: float = 1.0
    class_names: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @cached_property
    def content(self) -> str:
        """A digest of the embeddings of all datasets, in order, and of their scale."""
        content = "+".join(self.digests) or digest(self.x)
        return content if self.scale == 1 else f"{content} * {self.scale}"


def pool(datasets: Sequence[Embeddings], training: Pool | None = None) -> Pool:
    """Concatenate datasets in order; the labels of each are offset by the number of classes before it.

    Parameters
    ----------
    datasets : sequence of Embeddings
        One split of the datasets of a task.
    training : Pool, optional
        The training split, if `datasets` are the test split; its scale is used for both.

    Raises
    ------
    UserError
        If the embeddings have different sizes or very different scales, or a dataset names other classes in the test
        split than in the training split.
    """
    named = tuple((_name(dataset), tuple(dataset.class_names)) for dataset in datasets)
    if training is not None:
        for of_training, of_test in zip(training.class_names, named, strict=False):
            _check_same_classes(of_training, of_test)
    offsets = np.cumsum([0, *(len(dataset.class_names) for dataset in datasets)])
    if len({dataset.x.shape[1] for dataset in datasets}) > 1:
        sizes = ", ".join(f"{dataset.x.shape[1]} in {_name(dataset)}" for dataset in datasets)
        raise UserError(f"the datasets of a task have embeddings of different sizes: {sizes}")
    first = datasets[0]
    of_first = first.fm_classifier
    for dataset in datasets[1:]:
        other = dataset.fm_classifier
        if of_first is not None and other is not None and not np.array_equal(of_first, other):
            raise UserError(
                f"{_name(first)} and {_name(dataset)} hold different classifiers of the FM, so they are not by one FM"
            )
    largest = [largest_of(d.x) if d.largest is None else d.largest for d in datasets]
    scale = scale_of(max(largest)) if training is None else training.scale
    for dataset, of_dataset in zip(datasets, largest, strict=True):
        check_scale(_name(dataset), of_dataset, scale)
    digests = tuple(dataset.digest for dataset in datasets)
    if not all(digests):
        digests = ()
    if len(datasets) == 1:
        x, y = scaled(first.x, scale), first.y
    else:
        x = new_array((sum(len(dataset.y) for dataset in datasets), first.x.shape[1]))
        end = 0
        for dataset in datasets:
            for block in row_blocks(dataset.x):
                x[end + block.start : end + block.stop] = scaled(dataset.x[block], scale)
            end += len(dataset.y)
        y = np.concatenate([d.y + offset for d, offset in zip(datasets, offsets[:-1], strict=True)])
    return Pool(
        x,
        y,
        class_count=int(offsets[-1]),
        fm_classifier=of_first,
        digests=digests,
        scale=scale,
        class_names=named,
    )


def _check_same_classes(
    training: tuple[str, tuple[str, ...]], test: tuple[str, tuple[str, ...]]
) -> None:
    """A `UserError` if the two splits of a dataset do not have the same classes in the same order."""
    (training_name, expected), (test_name, names) = training, test
    if names == expected:
        return
    if len(names) != len(expected):
        difference = f"{len(expected)} classes and {len(names)} classes"
    else:
        label = next(
            i for i, pair in enumerate(zip(expected, names, strict=True)) if len(set(pair)) > 1
        )
        difference = f"class {label} is '{expected[label]}' and '{names[label]}'"
    raise UserError(
        f"{training_name} and {test_name} do not have the same classes in the same order: {difference}; number the "
        "labels alike and write the same class_names to both files, or, without names, give the dataset's class_count"
    )


def _name(dataset: Embeddings) -> str:
    """The name of the embeddings and, if the user computed them, of their file, for messages."""
    names = [dataset.provenance.get(name) for name in ("fm", "dataset", "split")]
    file = dataset.provenance.get("file")
    parts = [
        "embeddings",
        "/".join(str(name) for name in names if name),
        f"({file})" if file else "",
    ]
    return " ".join(filter(None, parts))


def select(samples: Pool, merged: MergedClasses) -> tuple[np.ndarray, np.ndarray, int]:
    """The samples of a task.

    Parameters
    ----------
    samples : Pool
        All samples of the task's datasets.
    merged : sequence of sequences of int, or None
        The original classes of each new class; samples of other classes are left out. None keeps all classes.

    Returns
    -------
    rows : ndarray of shape (n,)
        Rows of the pool, in its order.
    labels : ndarray of shape (n,)
        Their new labels.
    class_count : int
        Number of classes of the task.
    """
    if merged is None:
        return np.arange(len(samples.y)), samples.y, samples.class_count
    new = np.full(samples.class_count, -1)
    for label, originals in enumerate(merged):
        for original in originals:
            if original >= samples.class_count:
                raise UserError(
                    f"there is no class {original}; the task's datasets have the classes 0 to {samples.class_count - 1}"
                )
            new[original] = label
    labels = new[samples.y]
    rows = np.flatnonzero(labels >= 0)
    return rows, labels[rows], len(merged)


def sample_names(
    parts: Sequence[Embeddings], datasets: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Dataset and id of each row of the pool of these datasets."""
    sizes = [len(part.ids) for part in parts]
    return np.repeat(np.array(datasets, object), sizes), np.concatenate(
        [part.ids.astype(object) for part in parts]
    )


def class_names(datasets: Sequence[Embeddings] | Pool, merged: MergedClasses) -> list[str]:
    """Names of a task's classes; a class merged from several joins their distinct names with +."""
    if isinstance(datasets, Pool):
        names = [name for _, of_dataset in datasets.class_names for name in of_dataset]
        names = names or [str(label) for label in range(datasets.class_count)]
    else:
        names = [name for dataset in datasets for name in dataset.class_names]
    if merged is None:
        return names
    return ["+".join(dict.fromkeys(names[original] for original in group)) for group in merged]


def draw_shots(y: np.ndarray, shots: str, seed: int | None) -> np.ndarray:
    """Draw training samples at random.

    Parameters
    ----------
    y : ndarray of shape (N,)
        Labels.
    shots : str
        The number of samples per class, or `full` for all.
    seed : int or None
        Seed of the draw; None only for `full`. With equal seeds, the samples of fewer shots are a subset of those of more.

    Returns
    -------
    ndarray of shape (n,)
        Ascending positions in y; of a class with fewer samples, all are taken.
    """
    if shots == ALL_SHOTS:
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    counts = np.bincount(y)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[rank < int(shots)])


def training_rows(
    samples: Pool, merged: MergedClasses, shots: str, seed: int | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """The training set of a task: rows of the pool, their new labels, and the number of classes; see `draw_shots`."""
    rows, y, classes = select(samples, merged)
    chosen = draw_shots(y, shots, seed)
    return rows[chosen], y[chosen], classes


def require_all(y: np.ndarray, names: Sequence[str], subject: str) -> None:
    """Raise a `UserError` about `subject` if a class, of which `names` are the names, has no sample in y."""
    missing = np.flatnonzero(np.bincount(y, minlength=len(names)) == 0)
    if len(missing):
        # of embeddings without names of classes
        hint = "; labels count from 0" if missing.tolist() == [0] and names[0] == "0" else ""
        raise UserError(
            f"{subject}: {len(missing)} of {len(names)} classes have no training sample "
            f"(class {listed(names[label] for label in missing.tolist())}{hint}); "
            "add samples, or leave these classes out of the task with `classes`. Images that cannot be read (on_error: skip) are "
            "listed in the logs of the rule embed"
        )


def require_test_samples(task: str, sizes: Iterable[int]) -> None:
    """Raise a `UserError` about a task if none of its draws, of which `sizes` counts the test samples, has any."""
    if not any(sizes):
        raise UserError(
            f"task {task}: the test split has no sample of its classes; add some, or leave the task out"
        )
