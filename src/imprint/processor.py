"""The cores of this machine: how many this process may use, and how threads wait for each other."""

from __future__ import annotations

import os

SPINS = "1000"


def usable_cores() -> int:
    """Cores that this process may use; a cluster or a container can allow fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def wait_without_core() -> None:
    """Let waiting threads leave their core after microseconds, unless the user's environment says how they wait.

    For programs, before they import torch or scikit-learn, which compute on OpenMP. GNU OpenMP lets threads spin for milliseconds
    by default. Where another program uses a core too, the thread that has work then waits for one that has none: embedding takes
    several times as long (`python -m benchmarks.extraction --waiting`). Other implementations ignore the variable.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
