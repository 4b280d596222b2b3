"""Tasks for the comparison of heads: embeddings of real images, with few samples and with all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint.data.pools import Pool, select, training_rows

TASKS = {"all": range(10), "even": range(0, 10, 2), "odd": range(1, 10, 2), "short": range(3)}
FULL = "full"
SHOTS = ("1", "2", "5", "10", "50", "200", FULL)
CIFAR100_SHOTS = ("10", "50", FULL)


@dataclass(frozen=True)
class Cell:
    """One task with its training and test samples."""

    row: str
    name: str
    shots: str
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int

    @property
    def is_few(self) -> bool:
        """Whether there are fewer than ten samples per class."""
        return self.shots != FULL and int(self.shots) < 10


def read(path: Path) -> tuple[Pool, Pool]:
    """Training and test embeddings of a file."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            arrays = [(file[f"x_{split}"], file[f"y_{split}"]) for split in ("train", "test")]
    else:
        import h5py

        with h5py.File(path) as file:
            arrays = [
                (file[split]["embeddings"][:], file[split]["labels"][:])
                for split in ("train", "test")
            ]
    train, test = (
        Pool(x.astype(np.float32), y.astype(np.int64), int(y.max()) + 1) for x, y in arrays
    )
    return train, test


def digit_cells(path: Path, seed: int) -> Iterator[Cell]:
    """The cells of a file of ten digits."""
    pools = read(path)
    for task, digits in TASKS.items():
        for shots in SHOTS:
            yield cell_of(path.stem, task, pools, [[digit] for digit in digits], shots, seed)


def cifar100_cells(path: Path, seed: int) -> Iterator[Cell]:
    """The cells "d in 1" of CIFAR-100."""
    pools = read(path)
    for draw in range(3):
        order = np.random.default_rng(draw).permutation(100)
        for d in (1, 3, 5, 10):
            merged = [order[: 10 * d][new::10].tolist() for new in range(10)]
            for shots in CIFAR100_SHOTS:
                yield cell_of(path.stem, f"{d} in 1, draw {draw}", pools, merged, shots, seed)


def cell_of(
    row: str,
    task: str,
    pools: tuple[Pool, Pool],
    merged: list[list[int]],
    shots: str,
    seed: int,
) -> Cell:
    """The cell of a task, given by the original classes of each of its classes."""
    train, test = pools
    rows, y, classes = training_rows(train, merged, shots, seed)
    test_rows, test_y, _ = select(test, merged)
    name = f"{row}, {task}, shots {shots}"
    return Cell(row, name, shots, train.x[rows], y, test.x[test_rows], test_y, classes)


def spread_out(cells: Iterator[Cell], count: int | None) -> Iterator[Cell]:
    """`count` of the cells, evenly spread; all cells if it is None."""
    if count is None:
        yield from cells
        return
    known = list(cells)
    for i in np.unique(np.linspace(0, len(known) - 1, count).round().astype(int)):
        yield known[i]
