"""How threads of OpenMP wait for each other, on which torch and scikit-learn compute."""

from __future__ import annotations

import os

SPINS = "1000"


def wait_without_core() -> None:
    """Let waiting threads leave their core after microseconds, unless the user's environment says how they wait.

    For programs, before they import torch or scikit-learn. GNU OpenMP lets threads spin for milliseconds by default. Where another
    program uses a core too, the thread that has work then waits for one that has none: embedding takes several times as long
    (`python -m benchmarks.extraction --waiting`). Other implementations ignore the variable.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
