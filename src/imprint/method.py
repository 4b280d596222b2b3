"""The names of the choices that make a method, in the order in which all tables and files have them."""

from __future__ import annotations

from typing import NamedTuple


class Configuration(NamedTuple):
    """A method: everything of a cell but FM, task and shots.

    k None: every sample for `all`, chosen by the task for another GEN (`auto`). weighting, m None: `max`.
    """

    norm_pre: str
    gen: str
    k: int | None
    norm_post: str
    norm_inf: str
    agg: str
    distance: str
    weighting: str | None = None
    m: int | None = None


class Scoring(NamedTuple):
    """How the proxies of one set are used: NORMpost, NORMinf and AGG with its distance, weighting and m.

    `max` has weighting and m None; it is `mnn` with m = 1.
    """

    norm_post: str
    norm_inf: str
    agg: str
    distance: str
    weighting: str | None = None
    m: int | None = None


def k_name(gen: str, k: int | None) -> str:
    """k of a GEN in file names and tables."""
    return str(k) if k is not None else "all" if gen == "all" else "auto"


def k_of(name: str) -> int | None:
    """k from its name in files."""
    return None if name in ("all", "auto") else int(name)
