"""The nearest proxies of every test embedding as in `nearest`, on a device of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from imprint.method.distances import MANHATTAN
from imprint.method.nearest import Pack, Search, packs, products_of, side_by_side
from imprint.method.rankings import Block


def _manhattan(x: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    return -torch.cdist(x, proxies, p=1)


# what stands for a block on the device; the processor computes others
BLOCKS: dict[Block, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {MANHATTAN: _manhattan}


def nearest_on_device(
    x: np.ndarray, lengths: np.ndarray, searches: Iterable[Search], memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """As `imprint.method.nearest.nearest`, on `device`."""
    lengths = np.where(lengths > 0, lengths, 1)
    for pack in packs(searches, len(x), memory // 2):
        yield from _with_torch(x, lengths, pack, memory // 2, device)


def _with_torch(
    x: np.ndarray, lengths: np.ndarray, pack: Pack, memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """As `_on_cpu`. Proxies whose keys are equal may come in another order, and products round otherwise."""

    def upload(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(device)

    n = len(x)
    x = x if pack.queries is None else pack.queries.values
    queries = upload(x)
    size = upload(lengths)[:, None]
    scales, offsets, best = {}, {}, {}
    for search in pack.searches:
        shape, ranking = (n, search.most), search.ranking
        scales[search] = upload(ranking.scale)
        offsets[search] = None if ranking.offset is None else upload(ranking.offset)
        best[search] = [
            torch.full(shape, torch.inf, device=device),
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, device=device),
        ]
    for runs in products_of(pack):
        columns = side_by_side(runs)
        on_device = upload(columns)
        height = max(1, min(n, memory // (12 * len(columns))))
        for top in range(0, n, height):
            rows = slice(top, min(top + height, n))
            if pack.block is None:
                products = queries[rows] @ on_device.T
            elif pack.block in BLOCKS:
                products = BLOCKS[pack.block](queries[rows], on_device)
            else:
                distances = np.empty((rows.stop - top, len(columns)), np.float32)
                pack.block.fill(np.ascontiguousarray(x[rows]), columns, distances)
                products = upload(distances)
            start = 0
            for matrix, first, last in runs:
                of_matrix = products[:, start : start + last - first]
                start += last - first
                for search in matrix.searches:
                    keys = -scales[search][first:last] * of_matrix
                    offset = offsets[search]
                    if offset is not None:
                        keys += offset[first:last] * (
                            size[rows] if search.ranking.times_length else 1
                        )
                    smallest, at = keys.topk(min(search.most, last - first), largest=False)
                    new = (smallest, at + first, of_matrix.gather(1, at))
                    merged = [
                        torch.cat([old[rows], more], dim=1)
                        for old, more in zip(best[search], new, strict=True)
                    ]
                    order = merged[0].argsort(dim=1, stable=True)[:, : search.most]
                    for old, more in zip(best[search], merged, strict=True):
                        old[rows] = more.gather(1, order)
    for search in pack.searches:
        _, neighbours, values = best.pop(search)
        yield search, neighbours.to(torch.int32).cpu().numpy(), values.cpu().numpy()
