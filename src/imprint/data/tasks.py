"""A task's samples: datasets concatenated, classes selected or united, shots drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imprint.errors import UserError
from imprint.store import Embeddings

Groups = Sequence[Sequence[int]] | None


@dataclass(frozen=True)
class Pool:
    """The embeddings of all datasets of a task, one split. y: labels offset by the classes of the datasets before.

    head: (C, D) the weights of the FM's own classifier, if they are known.
    """

    x: np.ndarray
    y: np.ndarray
    class_count: int
    head: np.ndarray | None = None


def pool(parts: Sequence[Embeddings]) -> Pool:
    """Concatenate datasets in order; the labels of each are offset by the number of classes before it."""
    offsets = np.cumsum([0, *(len(part.class_names) for part in parts)])
    widths = {part.x.shape[1] for part in parts}
    if len(widths) > 1:
        raise UserError(f"the datasets of a task have embeddings of different sizes: {sorted(widths)}")
    if len(parts) == 1:
        return Pool(parts[0].x, parts[0].y, int(offsets[-1]), parts[0].classifier)
    x = np.concatenate([part.x for part in parts])
    y = np.concatenate([part.y + offset for part, offset in zip(parts, offsets, strict=False)])
    return Pool(x, y, int(offsets[-1]), parts[0].classifier)


def select(samples: Pool, groups: Groups) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows (n,) of the task in pool order, their new labels (n,), and the number of classes.

    groups: the original classes of each new class; samples of others are left out. None keeps all classes.
    """
    if groups is None:
        return np.arange(len(samples.y)), samples.y, samples.class_count
    new = np.full(samples.class_count, -1)
    for label, originals in enumerate(groups):
        for original in originals:
            if original >= samples.class_count:
                raise UserError(
                    f"there is no class {original}; the task's datasets have the classes 0 to {samples.class_count - 1}"
                )
            new[original] = label
    labels = new[samples.y]
    rows = np.flatnonzero(labels >= 0)
    return rows, labels[rows], len(groups)


def class_names(parts: Sequence[Embeddings], groups: Groups) -> list[str]:
    """Names of a task's classes; one made of several original classes joins their different names with +."""
    names = [name for part in parts for name in part.class_names]
    if groups is None:
        return names
    return ["+".join(dict.fromkeys(names[original] for original in group)) for group in groups]


def draw_shots(y: np.ndarray, shots: str, seed: int) -> np.ndarray:
    """Positions (n,), ascending, of at most `shots` samples per class of y, drawn at random; `full`: all.

    With one seed the samples for fewer shots are among those for more.
    """
    if shots == "full":
        return np.arange(len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    by_class = order[np.argsort(y[order], kind="stable")]
    counts = np.bincount(y)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[rank < int(shots)])


def require_all(y: np.ndarray, classes: int, what: str) -> None:
    """A `UserError` if a class of 0..classes-1 has no sample in y."""
    missing = np.flatnonzero(np.bincount(y, minlength=classes) == 0)
    if len(missing):
        listed = ", ".join(map(str, missing[:10]))
        raise UserError(
            f"{what}: {len(missing)} of {classes} classes have no training sample (class {listed}); "
            "add samples, or leave these classes out of the task with `classes`"
        )
