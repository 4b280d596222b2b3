"""Rounds and distances of k-means, as in `batched_kmeans`, on a torch device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from imprint.devices import float32_products, upload
from imprint.method.generate.kmeans_kernel import ENDED, FAILED, GOES_ON, ROUNDS

BLOCK_VALUES = 2**26  # values at a time


class SamplesOnDevice:
    """The samples of one class, on a device.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Samples minus their mean, float32.
    device : torch.device
        The device.
    """

    def __init__(self, x: np.ndarray, device: torch.device) -> None:
        self.x = upload(x, device)
        # Apple's GPUs have no float64
        self._exact = torch.float32 if device.type == "mps" else torch.float64
        self._lengths = torch.cat([block.square().sum(dim=1) for block in self._wide()])

    def _wide(self) -> Iterator[torch.Tensor]:
        """Blocks of the samples, in float64 if the device has it."""
        height = max(1, BLOCK_VALUES // self.x.shape[1])
        return (block.to(self._exact) for block in torch.split(self.x, height))

    def squared_distances(self, rows: np.ndarray) -> np.ndarray:
        """(q, n) float32 squared distances of some rows (q,) to all rows."""
        at = torch.from_numpy(rows).to(self.x.device)
        chosen = self.x[at].to(self._exact)
        products = torch.cat([chosen @ block.T for block in self._wide()], dim=1)
        distances = products.mul_(-2).add_(self._lengths).add_(self._lengths[at, None])
        return distances.to(torch.float32).clamp_(min=0).cpu().numpy()

    def rounds(
        self,
        starts: Mapping[tuple[int, int], Sequence[int]],
        least_shift: float,
    ) -> dict[tuple[int, int], np.ndarray]:
        """Centroids of each (k, seed) after Lloyd's rounds from the given rows, except runs with an empty cluster.

        A run ends when the sum of the squared shifts of its centroids is at most `least_shift`. All runs are padded to the
        largest k, so that a round is a few large operations. The CPU waits for the device once a round, to know which ended.
        """
        ended: dict[tuple[int, int], np.ndarray] = {}
        active = list(starts)
        if not active:
            return ended
        widest, device = max(k for k, _ in active), self.x.device
        centroids = torch.zeros((len(active), widest, self.x.shape[1]), device=device)
        for of_run, run in zip(centroids, active, strict=True):
            of_run[: run[0]] = self.x[torch.tensor(starts[run], device=device)]
        is_real = torch.arange(widest) < torch.tensor([k for k, _ in active])[:, None]
        is_real = is_real.to(device)
        labels = torch.full((len(self.x), len(active)), -1, device=device)
        for _ in range(ROUNDS):
            with float32_products():
                centroids, states = self._round(centroids, is_real, labels, least_shift)
            if all(state == GOES_ON for state in states):
                continue
            for run, state, of_run in zip(active, states, centroids, strict=True):
                if state == ENDED:
                    ended[run] = of_run[: run[0]].cpu().numpy()
            stays = [i for i, state in enumerate(states) if state == GOES_ON]
            active = [active[i] for i in stays]
            if not active:
                return ended
            widest = max(k for k, _ in active)
            at = torch.tensor(stays, device=device)
            centroids, is_real = centroids[at, :widest], is_real[at, :widest]
            labels = labels[:, at]
        return ended | {
            run: of_run[: run[0]].cpu().numpy()
            for run, of_run in zip(active, centroids, strict=True)
        }

    def _round(
        self, before: torch.Tensor, is_real: torch.Tensor, labels: torch.Tensor, least_shift: float
    ) -> tuple[torch.Tensor, list[int]]:
        """New centroids (R, k, d) of R runs and their states; updates `labels` (n, R). `is_real` (R, k) is False for padding."""
        runs, widest, width = before.shape
        columns = before.reshape(runs * widest, width)
        lengths = before.square().sum(dim=2).masked_fill(~is_real, torch.inf).reshape(-1)
        sums, counts = torch.zeros_like(columns), torch.zeros_like(lengths)
        moved = torch.zeros(runs, dtype=torch.long, device=before.device)
        height = max(1, BLOCK_VALUES // len(columns))
        for x, old in zip(torch.split(self.x, height), torch.split(labels, height), strict=True):
            distances = torch.addmm(lengths, x, columns.T, alpha=-2)
            nearest = distances.view(len(x), runs, widest).argmin(dim=2)
            moved += (nearest != old).sum(dim=0)
            old.copy_(nearest)
            members = torch.zeros_like(distances).view(len(x), runs, widest)
            members = members.scatter_(2, nearest[:, :, None], 1).view(len(x), -1)
            counts += members.sum(dim=0)
            sums.addmm_(members.T, x)
        after = (sums / counts.clamp(min=1)[:, None]).view_as(before)
        shifts = (after - before).square().sum(dim=(1, 2))
        is_empty = ((counts.view(runs, widest) == 0) & is_real).any(dim=1)
        is_ended = (moved == 0) | (shifts <= least_shift)
        states = torch.where(is_empty, FAILED, torch.where(is_ended, ENDED, GOES_ON))
        return after, states.tolist()
