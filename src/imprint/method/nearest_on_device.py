"""The nearest proxies of every test embedding, as in `nearest`, on a torch device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from imprint.devices import choose_device, float32_products, upload
from imprint.method.distances import MANHATTAN
from imprint.method.nearest import Pack, Search, packs, products_of, side_by_side


def nearest_on_device(
    x: np.ndarray, lengths: np.ndarray, searches: Iterable[Search], memory: int, device: str
) -> Iterator[tuple[Search, np.ndarray, np.ndarray]]:
    """Like `imprint.method.nearest.nearest`, on `device`."""
    for pack in packs(searches, len(x), memory // 2):
        with float32_products():
            neighbours_of = search_on_device(x, lengths, pack, memory // 2, choose_device(device))
        for search, (neighbours, products) in neighbours_of.items():
            yield search, neighbours.to(torch.int32).cpu().numpy(), products.cpu().numpy()


def search_on_device(
    x: np.ndarray, lengths: np.ndarray, pack: Pack, memory: int, device: torch.device
) -> dict[Search, tuple[torch.Tensor, torch.Tensor]]:
    """Find the nearest proxies of every row without waiting for the device.

    All products and comparisons are queued; only a user's own distance is computed on the CPU. Proxies with equal keys may
    be in another order than in `nearest`, and products may be rounded differently.

    Parameters
    ----------
    x, lengths, memory
        As in `nearest`.
    pack : Pack
        Proxies, and the searches among them.
    device : torch.device
        The device.

    Returns
    -------
    dict
        The numbers and products (n, most) of the neighbours of each search, on the device.
    """
    n = len(x)
    x = x if pack.queries is None else pack.queries.values
    queries = upload(x, device)
    keys_of, best = {}, {}
    for search in pack.searches:
        shape, ranking = (n, search.most), search.ranking
        parts = (ranking.scale, ranking.offsets, ranking.factors(lengths)[:, None])
        keys_of[search] = tuple(upload(part, device) for part in parts)
        best[search] = (
            torch.full(shape, torch.inf, device=device),
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, device=device),
        )
    for ranges in products_of(pack):
        columns = side_by_side(ranges)
        on_device = upload(columns, device)
        height = max(1, min(n, memory // (12 * len(columns))))
        for top in range(0, n, height):
            rows = slice(top, min(top + height, n))
            if pack.direct is None:
                products = queries[rows] @ on_device.T
            elif pack.direct is MANHATTAN:
                products = -torch.cdist(queries[rows], on_device, p=1)
            else:  # a user's distance, on the CPU
                distances = np.empty((rows.stop - top, len(columns)), np.float32)
                pack.direct.fill(np.ascontiguousarray(x[rows]), columns, distances)
                products = upload(distances, device)
            start = 0
            for values, first, searches in ranges:
                last = first + len(values)
                range_products = products[:, start : start + len(values)]
                start += len(values)
                for search in searches:
                    scale, offset, factor = keys_of[search]
                    keys = factor[rows] * offset[first:last] - scale[first:last] * range_products
                    smallest, at = keys.topk(min(search.most, last - first), largest=False)
                    new = (smallest, at + first, range_products.gather(1, at))
                    merged = [
                        torch.cat([old[rows], more], dim=1)
                        for old, more in zip(best[search], new, strict=True)
                    ]
                    order = merged[0].argsort(dim=1, stable=True)[:, : search.most]
                    for old, more in zip(best[search], merged, strict=True):
                        old[rows] = more.gather(1, order)
    return {search: (neighbours, products) for search, (_, neighbours, products) in best.items()}
