"""Proxy files: the proxy sets of one GEN on one task."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imprint.method.proxies import ProxySet, ProxySets
from imprint.store.array_checks import check_proxies
from imprint.store.files import new_hdf5, open_hdf5
from imprint.store.paths import check_path

# names of groups: k/norm_pre/seed/draw
K, ANY_SEED, SEED, DRAW = "k", "any seed", "seed", "draw"
_NAMES = re.compile(
    rf"{K}(?P<k>.+)/(?:{ANY_SEED}|{SEED}(?P<seed>\d+))/{DRAW}(?P<draw>\d+)", re.ASCII
)


def write_proxies(path: str | Path, sets: ProxySets, provenance: str) -> None:
    """Write proxy sets.

    Parameters
    ----------
    path : path
        An HDF5 file.
    sets : dict
        Proxy sets by (k, norm_pre, seed, draw).
    provenance : str
        JSON, see `imprint.store.files.provenance_json`.
    """
    with new_hdf5(path) as file:
        file.attrs["provenance"] = provenance
        for (k, norm_pre, seed, draw), proxies in sets.items():
            of_seed = ANY_SEED if seed is None else f"{SEED}{seed}"
            group = file.create_group(f"{K}{k}/{norm_pre}/{of_seed}/{DRAW}{draw}")
            group.attrs["seconds"] = proxies.seconds
            if proxies.note:
                group.attrs["note"] = proxies.note
            for key, array in vars(proxies).items():
                if isinstance(array, np.ndarray):
                    group.create_dataset(key, data=array, fletcher32=True)


def read_proxies(path: str | Path, ks: Collection[str] | None = None) -> ProxySets:
    """Read the proxy sets of a file, or those with these labels of k.

    Raises
    ------
    UserError
        If the file is missing or damaged, or a set is not valid.
    """
    sets: ProxySets = {}
    with open_hdf5(path) as file:
        check_path(path, json.loads(file.attrs["provenance"]))
        for k, norm_pre, seed, draw, group in proxy_groups(file):
            if ks is None or k in ks:
                sets[k, norm_pre, seed, draw] = _proxy_set(path, group)
    return sets


def proxy_groups(file: Any) -> Iterator[tuple[str, str, int | None, int, Any]]:
    """The k, norm_pre, seed, draw and HDF5 group of each set in an open file; arrays beside the groups are ignored."""
    for k, norms in _items(file):
        for norm_pre, seeds in _items(norms):
            for of_seed, draws in _items(seeds):
                for draw, group in _items(draws):
                    # the groups of another program's file may have any name
                    if match := _NAMES.fullmatch(f"{k}/{of_seed}/{draw}"):
                        seed = None if of_seed == ANY_SEED else int(match["seed"])
                        yield match["k"], norm_pre, seed, int(match["draw"]), group


def _items(group: Any) -> Iterable[tuple[str, Any]]:
    """The entries of an HDF5 group; none of an array."""
    return group.items() if hasattr(group, "items") else ()


def _proxy_set(path: str | Path, group: Any) -> ProxySet:
    names = ("labels", "values", "samples", "bias")
    labels, values, samples, bias = (group[n][:] if n in group else None for n in names)
    check_proxies(f"{path}: {group.name.strip('/')}", labels, values, samples, bias)
    assert labels is not None
    note = str(group.attrs.get("note", ""))
    return ProxySet(labels, values, samples, float(group.attrs["seconds"]), bias, note)
